"""The audit trail's statements."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain as chain_pages
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select

from bot.audit import chain
from bot.audit.chain import BEGINNING, Head, Line
from bot.domain.events import Event, Recorded
from bot.domain.lifecycle import Step
from bot.domain.model import DeletionId
from bot.ledger.schema.tables import chain_head, checkpoints, events

KNOWN_HEAD = "bot.ledger: head"
"""The key under which SQLite's one writing connection caches the head; dropped at each rollback. If the cached head
were wrong, the trigger would refuse the event."""

APPENDED = "bot.ledger: appended"
"""The key of the list in which a transaction notes its events and steps, for the observers after its commit."""

_HEAD = select(chain_head.c.number, chain_head.c.hash)
_LOCKED_HEAD = _HEAD.with_for_update()
_APPEND = insert(events)
_AFTER = (
    select(events)
    .where(events.c.number > bindparam("after"))
    .order_by(events.c.number)
    .limit(bindparam("most", type_=events.c.number.type))
)
_OF_DELETION = select(events).where(events.c.deletion == bindparam("of")).order_by(events.c.number)
_CHECKPOINT = select(checkpoints.c.number, checkpoints.c.hash).order_by(checkpoints.c.number.desc()).limit(1)


def append(connection: Connection, happened: Sequence[Event], step: Step | None = None) -> Head | None:
    """Append to the trail; returns the last of these events, None if there are none.

    To be called late in a transaction, with only the messages that quote the event after it: from here on the
    transaction holds the head, and all others wait for it. ``step`` is the deletion's, if the transaction takes one.

    The number is the head's plus one. A sequence would leave gaps and give numbers out of order. A trigger moves the
    head.
    """
    connection.info.get(APPENDED, []).append((happened, step))
    if not happened:
        return None
    newest = connection.info.get(KNOWN_HEAD)
    if newest is None:
        newest = Head(*connection.execute(_LOCKED_HEAD).one())
    lines = chain.link(newest, happened)
    connection.execute(_APPEND, [line._asdict() for line in lines])
    written = Head(lines[-1].number, lines[-1].hash)
    if connection.dialect.name == "sqlite":
        connection.info[KNOWN_HEAD] = written
    return written


def head(connection: Connection) -> Head:
    """The newest event's number and hash."""
    return Head(*connection.execute(_HEAD).one())


def has(connection: Connection, event: Head) -> bool:
    """Whether the trail has this event, or had it before it was pruned."""
    found = connection.execute(select(events.c.hash).where(events.c.number == event.number)).scalar()
    if found is not None:
        return bool(found == event.hash)
    kept_after = checkpoint(connection)
    return event.number < kept_after.number or event == kept_after


def checkpoint(connection: Connection) -> Head:
    """The newest checkpoint: the kept part of the trail begins after this event."""
    row = connection.execute(_CHECKPOINT).one_or_none()
    return Head(*row) if row is not None else BEGINNING


def read(connection: Connection, *, after: int, limit: int) -> list[Recorded]:
    """Events in the order of their numbers."""
    return recorded(connection.execute(_AFTER, {"after": after, "most": limit}))


def of_deletion(connection: Connection, deletion: DeletionId) -> list[Recorded]:
    """The events of one deletion."""
    return recorded(connection.execute(_OF_DELETION, {"of": deletion}))


def recorded(rows: Iterable[Any]) -> list[Recorded]:
    """Rows of ``events`` as values."""
    return [chain.recorded(Line(*row)) for row in rows]


def lines(
    connection: Connection, *, after: int, pages_of: int = 1_000, on_page: Callable[[int], object] | None = None
) -> Iterator[tuple[Any, ...]]:
    """All events after that one, a page at a time, as the driver gives them.

    ``on_page`` is called with the last number of each page.

    Not as SQLAlchemy's rows, which would cost more than the hashing. These columns need no conversion.
    """
    return chain_pages.from_iterable(_pages(connection, after, pages_of, on_page))


def _pages(
    connection: Connection, after: int, pages_of: int, on_page: Callable[[int], object] | None
) -> Iterator[Sequence[tuple[Any, ...]]]:
    columns = ", ".join(column.name for column in events.columns)
    # This text has only the names of our own columns, and whole numbers.
    query = f"SELECT {columns} FROM events WHERE number > {{after}} ORDER BY number LIMIT {pages_of}"  # noqa: S608
    while True:
        result = connection.exec_driver_sql(query.format(after=int(after)))
        page: Sequence[tuple[Any, ...]] = result.cursor.fetchall()
        result.close()
        if page:
            yield page
            after = page[-1][0]
            if on_page is not None:
                on_page(after)
        if len(page) < pages_of:
            return
