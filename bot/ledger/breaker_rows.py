"""The breaker's statements: one row per target while MetaStudio rejects the credentials, none otherwise."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, or_, select, update

from bot.domain.model import Target
from bot.ledger.database import dialects
from bot.ledger.schema.tables import breakers

REST = timedelta(minutes=5)
"""Five bad signatures lock an access key for five minutes; each further one would lock it anew."""
TRIAL = timedelta(seconds=60)

_c = breakers.c
_CURRENT = select(breakers).where(_c.target == bindparam("of"))


def key(target: Target) -> str:
    """What the breaker is about. Neither part can hold the separator."""
    return f"{target.endpoint}|{target.project_id}"


def current(connection: Connection, target: str) -> Row[Any] | None:
    """The row of that target, if the breaker is open."""
    return connection.execute(_CURRENT, {"of": target}).one_or_none()


def stop(connection: Connection, target: str, fingerprint: str, now: datetime) -> bool:
    """Open it, or restart its five minutes; whether it was not open for these credentials already."""
    before = current(connection, target)
    values = {"target": target, "fingerprint": fingerprint, "opened_at": now, "trial_until": None}
    dialects.upsert(connection, breakers, values)
    return before is None or before.fingerprint != fingerprint


def try_once(connection: Connection, target: str, fingerprint: str, now: datetime) -> bool:
    """Whether the caller won the one trial that is given now."""
    won = connection.execute(
        update(breakers)
        .where(
            _c.target == target,
            _c.fingerprint == fingerprint,
            _c.opened_at <= now - REST,
            or_(_c.trial_until.is_(None), _c.trial_until <= now),
        )
        .values(trial_until=now + TRIAL)
    )
    return won.rowcount == 1


def close(connection: Connection, target: str, fingerprint: str) -> bool:
    """Close it; whether it was open for these credentials."""
    return connection.execute(delete(breakers).where(_c.target == target, _c.fingerprint == fingerprint)).rowcount == 1
