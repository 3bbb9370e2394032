"""The outbox: the messages that Slack has not taken yet, in threads that keep their order."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from functools import lru_cache

from sqlalchemy import Connection, Update, bindparam, delete, exists, func, insert, or_, select, true, update

from bot.domain.notifications import Due, Notification, NotificationKind, Sent
from bot.ledger import leases
from bot.ledger.schema.mapping import due_from, notification_columns
from bot.ledger.schema.tables import UtcText, outbox
from bot.ledger.trail import rows
from bot.ledger.transactions import Transactions

_c = outbox.c
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
_WAIT = select(_c.thread).where(_c.thread.in_(bindparam("of_threads", expanding=True))).distinct()
_GONE = delete(outbox).where(_c.number == bindparam("wanted"))
_AGAIN = (
    update(outbox)
    .where(_c.number == bindparam("wanted"), _c.lease_owner == bindparam("me"))
    .values(attempts=_c.attempts + 1, due_at=bindparam("due", type_=UtcText), lease_owner=None, lease_until=None)
)
_COUNT = select(func.count()).select_from(outbox)


def write(connection: Connection, notifications: Sequence[Notification], now: datetime) -> None:
    """Put messages at the end of their threads."""
    columns = [
        row
        for notification, row in zip(notifications, notification_columns(notifications, now), strict=True)
        if notification.kind is not NotificationKind.CARD or not _ends_with_a_card(connection, notification.thread)
    ]
    if columns:
        connection.execute(_WRITE, columns)


def _ends_with_a_card(connection: Connection, thread: str) -> bool:
    """Whether a redraw of the card already waits last in its thread. It draws the card as it is at that time."""
    last = connection.execute(_LAST, {"of_thread": thread}).first()
    return last is not None and last.kind == NotificationKind.CARD.value and last.lease_owner is None


def gone(connection: Connection, due: Due) -> bool:
    """Remove a message; False if another process, whose lease followed ours, already has."""
    return connection.execute(_GONE, {"wanted": due.number}).rowcount == 1


@lru_cache(maxsize=2)
def _lease(only_some: bool) -> Update:  # noqa: FBT001 - lru_cache wants it positional.
    is_due = or_(_c.due_at.is_(None), _c.due_at <= leases.NOW)
    # Within a thread messages are sent in the order in which they were written, so an older one blocks, due or not.
    is_oldest = ~exists().where(_older.c.thread == _c.thread, _older.c.number < _c.number)
    is_wanted = _c.thread.in_(bindparam("of_threads", expanding=True)) if only_some else true()
    return leases.take(outbox, is_due, is_oldest, is_wanted, order=_c.number)


class Outbox:
    """See ``bot.domain.ledger_port.Outbox``."""

    def __init__(self, run: Transactions) -> None:
        self._run = run

    def enqueue(self, *notifications: Notification) -> None:
        """See the port."""
        if notifications:
            self._run.write("enqueue", lambda connection: write(connection, notifications, self._run.now()))

    def lease(
        self, now: datetime, *, threads: Collection[str] | None = None, seconds: float = 60, limit: int = 1
    ) -> Sequence[Due]:
        """See the port. The limit does not hold for ``threads``."""
        most = limit if threads is None else len(threads)
        parameters = leases.parameters(now, timedelta(seconds=seconds), self._run.instance, most)
        if threads is not None:
            parameters["of_threads"] = list(threads)

        def work(connection: Connection) -> list[Due]:
            found = connection.execute(_lease(threads is not None), parameters).all()
            return sorted((due_from(row) for row in found), key=lambda due: due.number)

        # A caller sends the messages that it has just recorded whatever the clock says. Retries need a right clock.
        return self._run.lease("lease_notifications", None if threads is not None else now, work, [])

    def mark_delivered(self, *sent: Sent, then: Iterable[Notification] = ()) -> Collection[str]:
        """See the port. For a row that another process already removed only the event is written."""
        following, events = tuple(then), [one.event for one in sent if one.event is not None]
        threads = {one.due.notification.thread for one in sent}

        def work(connection: Connection) -> list[str]:
            were_there = [gone(connection, one.due) for one in sent]
            if were_there[-1]:
                write(connection, following, self._run.now())
            rows.append(connection, events)
            # After the events, for which this transaction had to wait for others: a change writes its messages while it
            # holds the trail's head, and its own lease finds the thread taken until this commits.
            return list(connection.execute(_WAIT, {"of_threads": sorted(threads)}).scalars())

        return self._run.write("mark_delivered", work)

    def reschedule(self, due: Due, at: datetime) -> None:
        """See the port. Does nothing if another process has the lease by now."""
        parameters = {"wanted": due.number, "me": self._run.instance, "due": at}
        self._run.write("reschedule", lambda connection: connection.execute(_AGAIN, parameters))

    def count(self) -> int:
        """How many messages are undelivered."""
        return self._run.read(lambda connection: connection.execute(_COUNT).scalar_one())
