"""The breaker: after MetaStudio rejected the credentials, nothing signed is sent for five minutes, then one trial.

One row per target while the breaker is open, no row while it is closed.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from threading import Lock
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, delete, or_, select, update

from bot.domain.events import Event
from bot.domain.model import Target
from bot.ledger.database import dialects
from bot.ledger.schema.tables import breakers
from bot.ledger.trail import rows
from bot.ledger.transactions import Transactions

REST = timedelta(minutes=5)
"""Five bad signatures lock an access key for five minutes; each further one would lock it anew."""
TRIAL = timedelta(seconds=60)

_c = breakers.c
_CURRENT = select(_c.fingerprint, _c.opened_at).where(_c.target == bindparam("of"))


class Current(NamedTuple):
    """The open breaker: for which credentials, and since when."""

    fingerprint: str
    opened_at: datetime


def key(target: Target) -> str:
    """The breaker's key. Neither part can hold the separator."""
    return f"{target.endpoint}|{target.project_id}"


def current(connection: Connection, target: Target) -> Current | None:
    """The breaker of that target, if it is open."""
    row = connection.execute(_CURRENT, {"of": key(target)}).one_or_none()
    return Current(*row) if row is not None else None


class Breaker:
    """See ``bot.domain.ledger_port.Breaker``. While it is closed it must cost next to nothing.

    If this process uses the database exclusively, it caches the row. With other replicas it reads the row each time.
    """

    def __init__(self, run: Transactions, target: Target) -> None:
        self._run = run
        self._target = target
        self._key = key(target)
        self._lock = Lock()
        self._is_cached = False
        self._cached: Current | None = None

    def allows(self, fingerprint: str, now: datetime) -> bool:
        """See the port."""
        found = self._current()
        if found is None or found.fingerprint != fingerprint:
            return True
        if now < found.opened_at + REST:
            return False
        trial = (
            update(breakers)
            .where(
                _c.target == self._key,
                _c.fingerprint == fingerprint,
                _c.opened_at <= now - REST,
                or_(_c.trial_until.is_(None), _c.trial_until <= now),
            )
            .values(trial_until=now + TRIAL)
        )
        return self._run.write("breaker_allows", lambda connection: connection.execute(trial).rowcount == 1)

    def forget(self) -> None:
        """Drop the cached row: the clock was set, and with it the times in the ledger."""
        with self._lock:
            self._is_cached = False

    def open(self, fingerprint: str, now: datetime, *events: Event) -> None:
        """See the port."""

        def work(connection: Connection) -> None:
            before = current(connection, self._target)
            values = {"target": self._key, "fingerprint": fingerprint, "opened_at": now, "trial_until": None}
            dialects.upsert(connection, breakers, values)
            if before is None or before.fingerprint != fingerprint:
                rows.append(connection, events)

        with self._lock:
            self._is_cached = False
            self._run.write("breaker_open", work)
            self._cached, self._is_cached = Current(fingerprint, now), self._run.is_exclusive

    def close(self, fingerprint: str, *events: Event) -> None:
        """See the port."""
        found = self._current()
        if found is None or found.fingerprint != fingerprint:
            return
        closed = delete(breakers).where(_c.target == self._key, _c.fingerprint == fingerprint)

        def work(connection: Connection) -> None:
            if connection.execute(closed).rowcount == 1:
                rows.append(connection, events)

        with self._lock:
            self._is_cached = False
            self._run.write("breaker_close", work)
            # Another thread may have opened it for other credentials meanwhile, so the next caller reads the row again.

    def _current(self) -> Current | None:
        if self._is_cached:
            return self._cached
        with self._lock:
            self._cached = self._run.read(lambda connection: current(connection, self._target))
            self._is_cached = self._run.is_exclusive
            return self._cached
