"""The statements about freezes: at most one stands per target, which a partial unique index keeps."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, bindparam, exists, select, update

from bot.domain.model import Actor, Freeze, Target
from bot.domain.notifications import Notification
from bot.ledger.database import dialects
from bot.ledger.schema.tables import deletions, freezes, is_awaiting, stands

_c = freezes.c
_OURS = and_(_c.endpoint == bindparam("endpoint"), _c.project_id == bindparam("project_id"))
_CURRENT = select(freezes).where(_OURS, stands)
_BY_ITSELF = select(freezes.c.id).where(stands, freezes.c.by_user == "")
_CARDS = select(deletions.c.id, deletions.c.channel, deletions.c.message_ts).where(
    deletions.c.endpoint == bindparam("endpoint"),
    deletions.c.project_id == bindparam("project_id"),
    is_awaiting,
    deletions.c.message_ts.is_not(None),
)

is_frozen: ColumnElement[bool] = exists().where(
    _c.endpoint == deletions.c.endpoint, _c.project_id == deletions.c.project_id, stands
)
"""Whether a freeze stands for the target of a row of ``deletions``."""


def _key(target: Target) -> dict[str, str]:
    return {"endpoint": target.endpoint, "project_id": target.project_id}


def current(connection: Connection, target: Target) -> Freeze | None:
    """The freeze that stands for that target."""
    row = connection.execute(_CURRENT, _key(target)).one_or_none()
    if row is None:
        return None
    by = Actor(row.by_user, row.by_team) if row.by_user else None
    return Freeze(row.id, by, row.at, row.channel, row.reason)


def stands_by_itself(connection: Connection) -> bool:
    """Whether a freeze stands that nobody made but the bot."""
    return connection.execute(_BY_ITSELF).first() is not None


def begin(connection: Connection, target: Target, freeze: Freeze) -> bool:
    """Insert it; False when one stands already."""
    columns = {
        "id": freeze.id,
        **_key(target),
        # Nobody, where the bot did it; a former version, which knows no such freeze, names an empty id then.
        "by_user": freeze.by.user if freeze.by else "",
        "by_team": freeze.by.team if freeze.by else "",
        "at": freeze.at,
        "channel": freeze.channel,
        "reason": freeze.reason,
    }
    return dialects.insert_new(
        connection, freezes, columns, index_elements=(_c.endpoint, _c.project_id), index_where=stands
    )


def lift(connection: Connection, freeze: Freeze, by: Actor, at: datetime) -> bool:
    """End it; False when somebody was faster."""
    changed = connection.execute(
        update(freezes)
        .where(_c.id == freeze.id, stands)
        .values(lifted_by_user=by.user, lifted_by_team=by.team, lifted_at=at)
    )
    return changed.rowcount == 1


def for_waiting_cards(connection: Connection, target: Target, notification: Notification) -> list[Notification]:
    """The same message for the thread of each card of that target that waits."""
    rows = connection.execute(_CARDS, _key(target))
    return [Notification(notification.kind, row.id, row.channel, row.message_ts, notification.facts) for row in rows]
