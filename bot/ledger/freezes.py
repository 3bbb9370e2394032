"""Freezes: while one stands for a target, no DELETE of it is claimed. A claim's own UPDATE tests that.

At most one freeze stands per target; a partial unique index guarantees it.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, Connection, bindparam, exists, select, update

from bot.domain.events import Event
from bot.domain.model import Actor, Freeze, Target
from bot.domain.notifications import Notification
from bot.ledger import outbox
from bot.ledger.database import dialects
from bot.ledger.schema.tables import deletions, freezes, is_awaiting, stands
from bot.ledger.trail import rows
from bot.ledger.transactions import Transactions

_c = freezes.c
_CURRENT = select(freezes).where(_c.endpoint == bindparam("endpoint"), _c.project_id == bindparam("project_id"), stands)
_BY_ITSELF = select(_c.id).where(stands, _c.by_user == "")
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
    """Whether a freeze stands that the bot made by itself."""
    return connection.execute(_BY_ITSELF).first() is not None


class Freezes:
    """See ``bot.domain.ledger_port.Freezes``. Each method is one transaction, with its event and its messages."""

    def __init__(self, run: Transactions, target: Target) -> None:
        self._run = run
        self._target = target

    def current(self) -> Freeze | None:
        """See the port."""
        return self._run.read(lambda connection: current(connection, self._target))

    def begin(self, freeze: Freeze, notification: Notification, *events: Event) -> Freeze | None:
        """See the port."""
        columns = {
            "id": freeze.id,
            **_key(self._target),
            # Empty for the bot itself. Earlier versions, which know no such freeze, then show an empty id.
            "by_user": freeze.by.user if freeze.by else "",
            "by_team": freeze.by.team if freeze.by else "",
            "at": freeze.at,
            "channel": freeze.channel,
            "reason": freeze.reason,
        }
        conflict = {"index_elements": (_c.endpoint, _c.project_id), "index_where": stands}

        def work(connection: Connection) -> Freeze | None:
            while not dialects.insert_new(connection, freezes, columns, **conflict):
                # Another replica may lift the standing freeze between our INSERT and our SELECT; then ours goes in.
                if found := current(connection, self._target):
                    return found
            self._announce(connection, notification, events)
            return None

        return self._run.write("freeze", work)

    def lift(self, freeze: Freeze, by: Actor, at: datetime, notification: Notification, *events: Event) -> bool:
        """See the port."""
        lifted = (
            update(freezes)
            .where(_c.id == freeze.id, stands)
            .values(lifted_by_user=by.user, lifted_by_team=by.team, lifted_at=at)
        )

        def work(connection: Connection) -> bool:
            if connection.execute(lifted).rowcount != 1:
                return False
            self._announce(connection, notification, events)
            return True

        return self._run.write("unfreeze", work)

    def _announce(self, connection: Connection, notification: Notification, events: tuple[Event, ...]) -> None:
        """Enqueue the message, also for the thread of each card that waits, and record the events."""
        cards = [
            Notification(notification.kind, row.id, row.channel, row.message_ts, notification.facts)
            for row in connection.execute(_CARDS, _key(self._target))
        ]
        outbox.write(connection, [notification, *cards], self._run.now())
        rows.append(connection, events)
