"""Pruning the audit trail, and redacting old deletions. The only module that removes events or personal data.

The order keeps the rest verifiable. First, in one transaction, a checkpoint names the last event to be deleted, and a
``pruned`` event records that in the trail. Then the events up to it are deleted, some at a time. If that is
interrupted, the trail still verifies, and the next call finishes the work.

Redacting empties the reason and the job's name of ended deletions, in the table of deletions. It never touches the
trail, because events hold no names and no reasons.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, delete, exists, func, insert, or_, select, update

from bot.audit.chain import Head, utc_text
from bot.domain.events import Event, Kind
from bot.ledger.database.engine import Database
from bot.ledger.schema.mapping import job_columns, job_from
from bot.ledger.schema.tables import checkpoints, deletions, events, is_open, outbox
from bot.ledger.trail import rows as trail_rows

AT_ONCE = 5_000
REDACTED_AT_ONCE = 200
_d = deletions.c


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be removed: the events up to and with ``up_to``, if any, and the personal data of deletions."""

    before: datetime
    up_to: Head | None
    """The new checkpoint."""
    leftover: int
    """The last number that an earlier pruning announced; its events may still exist."""
    events: int
    deletions: int

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        return not self.events and not self.deletions

    @property
    def last(self) -> int:
        """The last number to be deleted."""
        return self.up_to.number if self.up_to is not None else self.leftover


def plan(connection: Connection, before: datetime, *, keep_events: bool = False) -> Plan:
    """Plan the removal of older data. An event is deleted only if all events before it are."""
    leftover = trail_rows.checkpoint(connection).number
    up_to = None if keep_events else _last_before(connection, before, leftover)
    last = 0 if keep_events else up_to.number if up_to is not None else leftover
    doomed = select(func.count()).select_from(events).where(events.c.number <= last)
    personal = select(func.count()).select_from(deletions).where(_is_personal(before))
    return Plan(
        before,
        up_to,
        0 if keep_events else leftover,
        int(connection.execute(doomed).scalar_one()),
        int(connection.execute(personal).scalar_one()),
    )


def _last_before(connection: Connection, before: datetime, after: int) -> Head | None:
    first_kept = select(func.min(events.c.number)).where(events.c.number > after, events.c.at >= utc_text(before))
    newest = trail_rows.head(connection).number
    kept = connection.execute(first_kept).scalar()
    number = newest if kept is None else int(kept) - 1
    if number <= after:
        return None
    row = connection.execute(select(events.c.number, events.c.hash).where(events.c.number == number)).one()
    return Head(*row)


def _is_personal(before: datetime) -> ColumnElement[bool]:
    """Older deletions, not yet redacted, that have ended and have no message to deliver and no read to come."""
    return and_(
        ~is_open,
        _d.read_due_at.is_(None),
        func.coalesce(_d.ended_at, _d.asked_at) < before,
        or_(_d.reason.is_not(None), _d.job_name != ""),
        ~exists().where(outbox.c.deletion == _d.id),
    )


def carry_out(database: Database, planned: Plan, now: datetime, on_step: Callable[[int], object]) -> None:
    """Announce, then remove. ``on_step`` is called with the number of events or deletions of each step."""

    def announce(connection: Connection) -> None:
        if connection.dialect.name == "sqlite":
            # Freed space is overwritten with zeros, or it would stay readable in the file.
            connection.exec_driver_sql("PRAGMA secure_delete=ON")
        facts: dict[str, object] = {"before": utc_text(planned.before), "redacted": planned.deletions}
        if planned.up_to is not None:
            connection.execute(insert(checkpoints), {**planned.up_to._asdict(), "at": now})
            facts |= {"up_to": planned.up_to.number, "hash": planned.up_to.hash, "events": planned.events}
        trail_rows.append(connection, [Event(Kind.PRUNED, now, facts=facts)])

    database.writer.run("prune:announce", announce)
    _repeat(database, "prune:events", lambda connection: _remove_some(connection, planned.last), on_step)
    _repeat(database, "prune:redact", lambda connection: _redact_some(connection, planned.before), on_step)
    if database.file is not None:
        # The write-ahead log still holds what was removed.
        with closing(database.reading.raw_connection()) as raw:
            raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _repeat(database: Database, name: str, work: Callable[[Connection], int], on_step: Callable[[int], object]) -> None:
    while many := database.writer.run(name, work):
        on_step(many)


def _remove_some(connection: Connection, last: int) -> int:
    first = connection.execute(select(func.min(events.c.number)).where(events.c.number <= last)).scalar()
    if first is None:
        return 0
    upper = min(last, int(first) + AT_ONCE - 1)
    return connection.execute(delete(events).where(events.c.number <= upper)).rowcount


def _redact_some(connection: Connection, before: datetime) -> int:
    chosen = select(_d.id, _d.job).where(_is_personal(before)).limit(REDACTED_AT_ONCE)
    rows = connection.execute(chosen).all()
    for row in rows:
        nameless = job_columns(replace(job_from(row.job), name=""))
        connection.execute(update(deletions).where(_d.id == row.id).values(reason=None, **nameless))
    return len(rows)
