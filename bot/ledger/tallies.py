"""How much is open and owed, for whoever watches the bot. Cheap: every query uses an index or a short table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from bot.domain.model import OPEN_STATES, State, Target
from bot.ledger import breaker_rows
from bot.ledger.schema.tables import deletions, in_states, is_open, outbox, pending_requests

_c = deletions.c
_OPEN = select(_c.state, func.count()).where(is_open).group_by(_c.state)
_OLDEST_UNKNOWN = select(func.min(_c.unknown_since)).where(is_open, in_states(State.UNKNOWN))
_OUTBOX = select(func.count(), func.min(outbox.c.written_at))
_OWED = select(func.count()).select_from(pending_requests)


@dataclass(frozen=True, slots=True)
class Tally:
    """What the ledger holds that is not finished. ``open`` has every open state, also those that no deletion is in."""

    open: Mapping[State, int]
    oldest_unknown: datetime | None
    undelivered: int
    oldest_undelivered: datetime | None
    owed: int
    breaker_is_open: bool


def count(connection: Connection, target: Target, fingerprint: str) -> Tally:
    """Count, and see whether the breaker stands open for these credentials."""
    states = dict.fromkeys(OPEN_STATES, 0) | {State(state): number for state, number in connection.execute(_OPEN)}
    breaker = breaker_rows.current(connection, breaker_rows.key(target))
    undelivered, oldest_undelivered = connection.execute(_OUTBOX).one()
    return Tally(
        open=states,
        oldest_unknown=connection.execute(_OLDEST_UNKNOWN).scalar(),
        undelivered=undelivered,
        oldest_undelivered=oldest_undelivered,
        owed=connection.execute(_OWED).scalar_one(),
        breaker_is_open=breaker is not None and breaker.fingerprint == fingerprint,
    )
