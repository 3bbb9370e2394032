"""The outbox's statements, and the cursors of the running log."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import lru_cache

from sqlalchemy import Connection, Update, bindparam, delete, exists, func, insert, or_, select, true, update

from bot.domain.notifications import Due, Notification, NotificationKind
from bot.ledger import leases
from bot.ledger.database import dialects
from bot.ledger.schema.mapping import due_from, notification_columns
from bot.ledger.schema.tables import UtcText, log_cursors, outbox

_c = outbox.c
_cursor = log_cursors.c
_older = outbox.alias("older")

_WRITE = insert(outbox)
_LAST = (
    select(_c.kind, _c.lease_owner)
    .where(_c.thread == bindparam("of_thread"))
    .order_by(_c.number.desc())
    .limit(1)
    # A process that leases the row at this moment may draw the card as it was before, so a locked row does not count.
    .with_for_update(skip_locked=True)
)
_GONE = delete(outbox).where(_c.number == bindparam("wanted"))
_AGAIN = (
    update(outbox)
    .where(_c.number == bindparam("wanted"), _c.lease_owner == bindparam("me"))
    .values(attempts=_c.attempts + 1, due_at=bindparam("due", type_=UtcText), lease_owner=None, lease_until=None)
)
_COUNT = select(func.count()).select_from(outbox)
_IS_CHANNEL = _cursor.channel == bindparam("of_channel")
_CURSOR = select(_cursor.number).where(_IS_CHANNEL)
_GIVE_UP = (
    update(log_cursors)
    .where(_IS_CHANNEL, _cursor.lease_owner == bindparam("me"))
    .values(lease_owner=None, lease_until=None)
)
_ADVANCE = update(log_cursors).where(_IS_CHANNEL, _cursor.number < bindparam("to")).values(number=bindparam("to"))


def write(connection: Connection, notifications: Sequence[Notification], now: datetime) -> None:
    """Put messages at the end of their threads."""
    rows = [
        row
        for notification, row in zip(notifications, notification_columns(notifications, now), strict=True)
        if notification.kind is not NotificationKind.CARD or not _ends_with_a_card(connection, notification.thread)
    ]
    if rows:
        connection.execute(_WRITE, rows)


def _ends_with_a_card(connection: Connection, thread: str) -> bool:
    """Whether a redraw of the card already waits last in its thread. It draws the card as it is at that time."""
    last = connection.execute(_LAST, {"of_thread": thread}).first()
    return last is not None and last.kind == NotificationKind.CARD.value and last.lease_owner is None


@lru_cache(maxsize=2)
def _lease(one_thread: bool) -> Update:  # noqa: FBT001 - lru_cache wants it positional.
    is_due = or_(_c.due_at.is_(None), _c.due_at <= leases.NOW)
    # Within a thread messages are sent in the order in which they were written, so an older one blocks, due or not.
    is_oldest = ~exists().where(_older.c.thread == _c.thread, _older.c.number < _c.number)
    is_wanted = _c.thread == bindparam("of_thread") if one_thread else true()
    return leases.take(outbox, is_due, is_oldest, is_wanted, order=_c.number)


def lease(
    connection: Connection, now: datetime, *, thread: str | None, seconds: float, limit: int, instance: str
) -> list[Due]:
    """Lease the oldest message of each thread, if it is due and not leased."""
    parameters = leases.parameters(now, timedelta(seconds=seconds), instance, limit)
    if thread is not None:
        parameters["of_thread"] = thread
    rows = connection.execute(_lease(thread is not None), parameters).all()
    return sorted((due_from(row) for row in rows), key=lambda due: due.number)


def gone(connection: Connection, due: Due) -> bool:
    """Remove a message; False if another process, whose lease followed ours, already has."""
    return connection.execute(_GONE, {"wanted": due.number}).rowcount == 1


def again(connection: Connection, due: Due, at: datetime, instance: str) -> None:
    """Return a message for a retry at that time. Does nothing if another process has the lease by now."""
    connection.execute(_AGAIN, {"wanted": due.number, "me": instance, "due": at})


def count(connection: Connection) -> int:
    """How many messages are undelivered."""
    return int(connection.execute(_COUNT).scalar_one())


def cursor(connection: Connection, channel: str) -> int | None:
    """The cursor of that channel's running log."""
    return connection.execute(_CURSOR, {"of_channel": channel}).scalar()


def start_cursor(connection: Connection, channel: str, number: int) -> int:
    """Begin a running log there, unless another process just did; returns its cursor."""
    dialects.insert_new(connection, log_cursors, {"channel": channel, "number": number})
    current = cursor(connection, channel)
    return number if current is None else current


@lru_cache(maxsize=2)
def _lease_cursor(is_exclusive: bool) -> Update:  # noqa: FBT001 - lru_cache wants it positional.
    is_mine = _cursor.lease_owner == bindparam("me")
    may_take = true() if is_exclusive else or_(leases.is_free(log_cursors), is_mine)
    return update(log_cursors).where(_IS_CHANNEL, may_take).values(leases.LEASE).returning(_cursor.number)


def lease_cursor(
    connection: Connection, channel: str, now: datetime, until: datetime, instance: str, *, is_exclusive: bool
) -> int | None:
    """Lease the running log and return its cursor; None while another replica has the lease.

    If this process uses the database exclusively, another owner's lease is that of a dead process.
    """
    parameters = {"of_channel": channel, "until": until, "me": instance} | ({} if is_exclusive else {"now": now})
    return connection.execute(_lease_cursor(is_exclusive), parameters).scalar()


def move_cursor(connection: Connection, channel: str, number: int, instance: str) -> None:
    """Move a cursor forward, never back, and give up our lease."""
    dialects.insert_new(connection, log_cursors, {"channel": channel, "number": 0})
    _advance(connection, channel, number)
    connection.execute(_GIVE_UP, {"of_channel": channel, "me": instance})


def claim_day(connection: Connection, channel: str, day: int) -> bool:
    """Claim that day there; False if that day or a later one is already claimed."""
    # No channel's id has a space, so this is not the cursor of the running log.
    name = f"{channel} head"
    dialects.insert_new(connection, log_cursors, {"channel": name, "number": 0})
    return _advance(connection, name, day)


def _advance(connection: Connection, name: str, number: int) -> bool:
    return connection.execute(_ADVANCE, {"of_channel": name, "to": number}).rowcount == 1
