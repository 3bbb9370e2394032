"""Correcting due times after a step of the wall clock: none may be further in the future than its own maximum."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from sqlalchemy import Column, ColumnElement, Connection, false, or_, select, true, update

from bot.domain.age import NO_AGE
from bot.domain.ledger_port import Longest
from bot.domain.notifications import Notification, NotificationKind
from bot.ledger import outbox as outbox_rows
from bot.ledger.breaker import TRIAL
from bot.ledger.database.dialects import POSTGRESQL
from bot.ledger.schema.tables import (
    breakers,
    deletions,
    is_awaiting,
    is_deleting,
    log_cursors,
    outbox,
    pending_requests,
)

_c = deletions.c
_IS_UNKNOWN = _c.state == "unknown"
DAY = timedelta(days=1)
MOST_OFF = timedelta(seconds=5)
"""By how much this process's clock may differ from PostgreSQL's, by which the other replicas work."""
APART = 2 * MOST_OFF
"""By how much the clocks of two replicas may differ."""
HEADS = "% head"
"""The cursors of the daily head in the audit channel; each holds a day."""


def _bounds(now: datetime, longest: Longest) -> Iterator[tuple[Column[datetime], datetime, ColumnElement[bool] | None]]:
    """A column, the latest time that may stand in it, and in which rows."""
    yield _c.unknown_since, now, _IS_UNKNOWN
    # After the notice that a day has passed, a person may close the deletion by hand. That must stay possible.
    yield _c.unknown_since, now - DAY, _IS_UNKNOWN & _c.reminded
    # In the first day reads are due more often, so none of them may pause for as long as the clock was set.
    yield _c.read_due_at, now + longest.settling, _IS_UNKNOWN & (_c.unknown_since > now - DAY)
    yield _c.read_due_at, now + longest.correction, _c.ended_at > now - DAY
    yield _c.read_due_at, now + longest.read, None
    yield _c.takeover_at, now + longest.takeover, is_deleting
    # The process that posts a card has its own timeout. This one is for the processes that take over when it is gone.
    yield _c.asked_at, now, is_awaiting & _c.message_ts.is_(None)
    yield pending_requests.c.since, now, None
    yield outbox.c.due_at, now + longest.retry, None
    # The lease of an answer is also the delay before its retry.
    yield pending_requests.c.lease_until, now + longest.retry, None
    for table in (deletions, outbox, log_cursors):
        yield table.c.lease_until, now + longest.lease, None
    yield breakers.c.opened_at, now, None
    yield breakers.c.trial_until, now + TRIAL, None


def set_right(connection: Connection, now: datetime, step: timedelta, longest: Longest, instance: str) -> int:
    """See ``Ledger.follow_clock``.

    At the start of a replica the others go on writing, by clocks of their own: what lies further off by no more than
    such clocks may differ was not written by a clock that was set.
    """
    tolerance = APART if connection.dialect.name == POSTGRESQL and not step else NO_AGE
    changed = 0
    if step:
        _move_own_claims(connection, step, instance)
    if step > NO_AGE:
        for row in connection.execute(select(breakers.c.target, breakers.c.opened_at)).all():
            moved = update(breakers).where(breakers.c.target == row.target)
            connection.execute(moved.values(opened_at=min(row.opened_at + step, now)))
    for column, latest, rows in _bounds(now, longest):
        bounded = update(column.table).where(column > latest + tolerance).values({column.name: latest})
        changed += connection.execute(bounded if rows is None else bounded.where(rows)).rowcount
    changed += _pull_deadlines(connection, now, now + longest.card, tolerance)
    # Reads that agree count by the time between them, which is unknown across a step.
    is_doubtful = or_(_c.reads_first_at > now + tolerance, true() if step else false())
    anew = {"reads_agreeing": 0, "reads_first_at": None, "reads_last": None}
    began = (_IS_UNKNOWN | _c.read_due_at.is_not(None)) & _c.reads_first_at.is_not(None)
    changed += connection.execute(update(deletions).where(began, is_doubtful).values(anew)).rowcount
    today = now.toordinal()
    late = log_cursors.c.channel.like(HEADS) & (log_cursors.c.number > today)
    return changed + connection.execute(update(log_cursors).where(late).values(number=today)).rowcount


def _move_own_claims(connection: Connection, step: timedelta, instance: str) -> None:
    """Let a claim of this process last as long as before: a step of the clock does not mean that its sender is gone."""
    held = select(_c.id, _c.takeover_at).where(is_deleting, _c.claim_owner == instance, _c.takeover_at.is_not(None))
    for row in connection.execute(held).all():
        connection.execute(update(deletions).where(_c.id == row.id).values(takeover_at=row.takeover_at + step))


def _pull_deadlines(connection: Connection, now: datetime, latest: datetime, tolerance: timedelta) -> int:
    """Let no card wait longer than the setting says. These cards are redrawn, because they show the deadline."""
    too_long = is_awaiting & (_c.deadline_at > latest + tolerance)
    cards = connection.execute(select(_c.id, _c.channel, _c.message_ts).where(too_long)).all()
    connection.execute(update(deletions).where(too_long).values(deadline_at=latest))
    redraw = [
        Notification(NotificationKind.CARD, one.id, one.channel, one.message_ts) for one in cards if one.message_ts
    ]
    outbox_rows.write(connection, redraw, now)
    return len(cards)
