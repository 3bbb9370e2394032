"""Ledgers of any size, written by the bot's own code and under its triggers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice

from sqlalchemy import Connection, insert

from bot.domain.events import Event, Kind
from bot.domain.model import Actor, ConfirmBy, Deletion, DeletionId, Job, JobId, State, Target
from bot.ledger.database.engine import Database
from bot.ledger.schema.mapping import deletion_columns
from bot.ledger.schema.tables import deletions
from bot.ledger.trail import rows as trail_rows

START = datetime(2026, 1, 1, tzinfo=UTC)
ANNA = Actor("U012AB3CD", "T012AB3CD")
TARGET = Target("https://metastudio.cn-north-4.myhuaweicloud.com", "cn-north-4", "0123456789abcdef0123456789abcdef")
CHANNELS = 20
ONE_LIFE: tuple[tuple[Kind, dict[str, object]], ...] = (
    (Kind.COMMAND, {"words": 1}),
    (Kind.PROPOSED, {"job_state": "TRAIN_FAILED"}),
    (Kind.CARD_POSTED, {"ts": "1772443801.000100"}),
    (Kind.CLICK, {"action": "dh_confirm"}),
    (Kind.CLAIMED, {"attempt": 1}),
    (Kind.OUTCOME, {"status": 200, "code": None, "cause": None, "means": "deleted"}),
    (Kind.DELIVERED, {"what": "outcome", "to": "C078IJ9KL", "attempt": 1, "ts": "1772443842.000200"}),
    (Kind.READ, {"found": "gone", "status": 404, "code": "MSS.00000001"}),
    (Kind.DELIVERED, {"what": "looked", "to": "C078IJ9KL", "attempt": 1, "ts": "1772443848.000300"}),
)


def channel(number: int) -> str:
    """One of a few channels."""
    return f"C{number % CHANNELS:08d}"


def event(number: int) -> Event:
    """The event with this number; the events go through deletion after deletion."""
    life, step = divmod(number, len(ONE_LIFE))
    kind, facts = ONE_LIFE[step]
    return Event(
        kind,
        START + timedelta(seconds=number),
        ANNA,
        channel(life),
        DeletionId(f"{life:016x}"),
        JobId(f"26f06524-4f75-4b3a-a853-{life:012x}"),
        f"{life:032x}" if kind in {Kind.OUTCOME, Kind.READ} else None,
        facts,
    )


def deletion(number: int, state: State, asked_at: datetime, target: Target = TARGET) -> Deletion:
    """A deletion in an end state, or one whose card waits for another hour."""
    is_open = state is State.AWAITING
    return Deletion(
        id=DeletionId(f"{number:016x}"),
        target=target,
        job=Job(JobId(f"26f06524-4f75-4b3a-a853-{number:012x}"), "Anchor Li", "TRAIN_FAILED"),
        requester=ANNA,
        channel=channel(number),
        state=state,
        confirm_by=ConfirmBy.REQUESTER,
        asked_at=asked_at,
        message_ts=f"{1772443801 + number}.000100",
        deadline_at=asked_at + timedelta(hours=1) if is_open else None,
        ended_at=None if is_open else asked_at,
    )


def add_events(database: Database, first: int, last: int, at_once: int = 5_000) -> None:
    """Write the events from ``first`` to before ``last`` and their deletions, many to a transaction."""
    events: Iterator[Event] = map(event, range(first, last))
    while some := list(islice(events, at_once)):
        database.writer.run("fill", lambda connection, some=some: _append(connection, some))  # type: ignore[misc]


def _append(connection: Connection, some: list[Event]) -> None:
    begun = [one for one in some if one.kind is Kind.COMMAND and one.deletion]
    if begun:
        rows = [
            deletion_columns(deletion(int(one.deletion or "", 16), State.DELETED, one.at), "bench") for one in begun
        ]
        connection.execute(insert(deletions), rows)
    trail_rows.append(connection, some)


def add_open(database: Database, first: int, last: int, target: Target) -> None:
    """Write deletions whose cards wait."""
    now = datetime.now(UTC)
    rows = [deletion_columns(deletion(number, State.AWAITING, now, target), "bench") for number in range(first, last)]
    database.writer.run("fill", lambda connection: connection.execute(insert(deletions), rows))
