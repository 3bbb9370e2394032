"""Reading the audit trail while a bot may run. Never writes, and needs no target."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from sqlalchemy import Connection, Select, func, select, union

from bot.audit.chain import Head, Line, utc_text
from bot.audit.story import About
from bot.audit.witness import Inspection, Witness
from bot.ledger.database.engine import Database, connect
from bot.ledger.schema import migrations
from bot.ledger.schema.tables import deletions, events
from bot.ledger.trail import rows
from bot.ledger.trail import verify as verifying

PAGE = 1_000
_c = deletions.c
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A filter of events. None, or an empty set of kinds, limits nothing."""

    after: int = 0
    """A number: only later events."""
    since: datetime | None = None
    until: datetime | None = None
    """Exclusive."""
    kinds: frozenset[str] = frozenset()
    person: str | None = None
    """The Slack id of the actor."""
    job: str | None = None
    deletion: str | None = None

    def query(self) -> Select[tuple[object, ...]]:
        """One page of such events, beginning after ``after``."""
        columns = events.c
        conditions = [columns.number > self.after]
        for column, value in ((columns.actor_user, self.person), (columns.job, self.job)):
            if value is not None:
                conditions.append(column == value)
        if self.deletion is not None:
            conditions.append(columns.deletion == self.deletion)
        if self.since is not None:
            conditions.append(columns.at >= utc_text(self.since))
        if self.until is not None:
            conditions.append(columns.at < utc_text(self.until))
        if self.kinds:
            conditions.append(columns.kind.in_(sorted(self.kinds)))
        return select(events).where(*conditions).order_by(columns.number).limit(PAGE)


class TrailReader:
    """Reads one ledger's trail; raises ``LedgerTrouble`` and nothing else for the database's troubles."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def read(self, work: Callable[[Connection], Result]) -> Result:
        """Run queries on one snapshot."""
        return self._database.read(work)

    def verify(self, witness: Witness | None = None, on_page: Callable[[int], object] | None = None) -> Inspection:
        """Check the whole trail in one snapshot; see ``verifying.inspect``."""
        return self.read(lambda connection: verifying.inspect(connection, witness, on_page))

    def extent(self) -> tuple[Head, Head]:
        """The newest checkpoint and the head."""
        return self.read(lambda connection: (rows.checkpoint(connection), rows.head(connection)))

    def lines(self, wanted: Wanted) -> Iterator[Line]:
        """The events, a page at a time and each page a transaction of its own.

        A user may read for hours in a pager, and no transaction may stay open so long. The pages are consistent all the
        same, because events are only ever appended.
        """
        while True:
            query = wanted.query()
            page = self.read(lambda connection, query=query: connection.execute(query).all())  # type: ignore[misc]
            for row in page:
                yield Line(*row)
            if len(page) < PAGE:
                return
            wanted = replace(wanted, after=page[-1].number)

    def count(self, wanted: Wanted) -> int:
        """How many such events there are now."""
        asked = wanted.query().limit(None).order_by(None).subquery()
        return self.read(
            lambda connection: int(connection.execute(select(func.count()).select_from(asked)).scalar_one())
        )

    def about(self, deletion: str) -> About | None:
        """The job's name and the reason that are kept of a deletion; None if there never was such a deletion."""
        query = select(deletions.c.job_name, deletions.c.reason).where(deletions.c.id == deletion)
        row = self.read(lambda connection: connection.execute(query).first())
        return None if row is None else About(row.job_name or None, row.reason or None)

    def beginning_with(self, prefix: str, limit: int) -> list[str]:
        """The ids of deletions with that prefix, in order; ``limit`` of them at most."""
        found = union(
            *(select(column).where(column.startswith(prefix, autoescape=True)) for column in (_c.id, events.c.deletion))
        ).subquery()
        (column,) = found.c
        query = select(column).order_by(column).limit(limit)
        return self.read(lambda connection: list(connection.execute(query).scalars()))


@contextmanager
def open_trail(url: str) -> Iterator[TrailReader]:
    """The trail of the ledger at that URL, read-only; also of an older version's. Raises ``LedgerTrouble``."""
    database = connect(url, read_only=True)
    try:
        migrations.check_readable(database)
        yield TrailReader(database)
    finally:
        database.close()
