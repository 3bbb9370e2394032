"""The running log's cursors: up to which event each channel has it, and on which day it had the head."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import lru_cache

from sqlalchemy import Connection, Update, bindparam, or_, select, true, update

from bot.ledger import leases
from bot.ledger.database import dialects
from bot.ledger.schema.tables import log_cursors
from bot.ledger.trail import rows
from bot.ledger.transactions import Transactions

_c = log_cursors.c

_IS_CHANNEL = _c.channel == bindparam("of_channel")
_CURSOR = select(_c.number).where(_IS_CHANNEL)
_GIVE_UP = (
    update(log_cursors).where(_IS_CHANNEL, _c.lease_owner == bindparam("me")).values(lease_owner=None, lease_until=None)
)
_ADVANCE = update(log_cursors).where(_IS_CHANNEL, _c.number < bindparam("to")).values(number=bindparam("to"))


@lru_cache(maxsize=2)
def _lease(is_exclusive: bool) -> Update:  # noqa: FBT001 - lru_cache wants it positional.
    """If this process uses the database exclusively, another owner's lease is that of a dead process."""
    is_mine = _c.lease_owner == bindparam("me")
    may_take = true() if is_exclusive else or_(leases.is_free(log_cursors), is_mine)
    return update(log_cursors).where(_IS_CHANNEL, may_take).values(leases.LEASE).returning(_c.number)


def _cursor(connection: Connection, channel: str) -> int | None:
    return connection.execute(_CURSOR, {"of_channel": channel}).scalar()


def _advance(connection: Connection, name: str, number: int) -> bool:
    """Move a cursor forward, never back."""
    dialects.insert_new(connection, log_cursors, {"channel": name, "number": 0})
    return connection.execute(_ADVANCE, {"of_channel": name, "to": number}).rowcount == 1


class RunningLog:
    """See ``bot.domain.ledger_port.RunningLog``."""

    def __init__(self, run: Transactions) -> None:
        self._run = run

    def cursor(self, channel: str) -> int:
        """See the port."""
        current = self._run.read(lambda connection: _cursor(connection, channel))
        if current is not None:
            return current

        def work(connection: Connection) -> int:
            number = rows.head(connection).number
            dialects.insert_new(connection, log_cursors, {"channel": channel, "number": number})
            # Another process may just have begun the log there.
            current = _cursor(connection, channel)
            return number if current is None else current

        return self._run.write("log_cursor", work)

    def lease(self, channel: str, now: datetime, *, seconds: float) -> int | None:
        """See the port."""
        is_exclusive = self._run.is_exclusive
        parameters = {"of_channel": channel, "until": now + timedelta(seconds=seconds), "me": self._run.instance}
        parameters |= {} if is_exclusive else {"now": now}

        def work(connection: Connection) -> int | None:
            return connection.execute(_lease(is_exclusive), parameters).scalar()

        return self._run.lease("lease_log", now, work, None)

    def advance(self, channel: str, number: int) -> None:
        """See the port."""

        def work(connection: Connection) -> None:
            _advance(connection, channel, number)
            connection.execute(_GIVE_UP, {"of_channel": channel, "me": self._run.instance})

        self._run.write("advance_log", work)

    def claim_day(self, channel: str, day: int) -> bool:
        """See the port. False also if a later day is already claimed."""
        # No channel's id has a space, so this is not the cursor of the running log.
        return self._run.write("claim_day", lambda connection: _advance(connection, f"{channel} head", day))
