"""How the ledger runs its transactions, and how it notices that its file was removed or replaced."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from sqlalchemy import Connection

from bot.domain.events import Event
from bot.domain.ledger_port import LedgerTrouble
from bot.domain.lifecycle import Step
from bot.ledger.database import dialects
from bot.ledger.database.engine import Database, lost_events, take_as_it_is
from bot.ledger.database.writer import Hook
from bot.ledger.trail import rows

Result = TypeVar("Result")


class Transactions:
    """The base of ``Store``, by which each part of the ledger runs its transactions.

    They raise only ``LedgerTrouble`` for troubles of the database.
    """

    def __init__(self, database: Database, instance: str, now: Callable[[], datetime]) -> None:
        self.instance = instance
        self.now = now
        self.is_exclusive = database.is_exclusive
        self.is_new_file = database.is_new_file
        """Whether its SQLite file did not exist before."""
        self._database = database
        self.observers: list[Callable[[Sequence[Event], Step | None], None]] = []
        """Called after each commit with its events and its deletion's step. Must not raise: the commit has happened."""
        self.answered: set[str] = set()
        """Pending requests that a change of this process has answered. ``PendingRequests.answered`` takes them out."""
        self.most_off: timedelta | None = None
        """By how much the caller's clock may differ from PostgreSQL's for a lease; None: it is not compared."""

    def close(self) -> None:
        """Close the connections and give up the file."""
        self._database.close()

    def read(self, work: Callable[[Connection], Result]) -> Result:
        """Run queries on one snapshot."""
        return self._database.read(work)

    def write(self, name: str, work: Callable[[Connection], Result]) -> Result:
        """Run a durable transaction of that name, then notify the observers. ``work`` may be called a second time."""
        appended: list[tuple[Sequence[Event], Step | None]] = []

        def noted(connection: Connection) -> Result:
            # The transaction may be run again after a rollback.
            appended.clear()
            connection.info[rows.APPENDED] = appended
            return work(connection)

        result = self._database.writer.run(name, noted)
        for events, step in appended:
            for observer in self.observers:
                observer(events, step)
        return result

    def lease(self, name: str, now: datetime | None, work: Callable[[Connection], Result], nothing: Result) -> Result:
        """Run a transaction that need not be durable.

        Returns ``nothing`` if the clock that gave ``now`` is off; ``now`` None skips that check.
        """

        def in_time(connection: Connection) -> Result:
            return nothing if now is not None and self._is_off(connection, now) else work(connection)

        return self._database.writer.run(name, in_time, durable=False)

    def _is_off(self, connection: Connection, now: datetime) -> bool:
        """Whether the caller's clock differs too much from PostgreSQL's, which the other replicas work by."""
        if self.most_off is None:
            return False
        theirs = dialects.database_now(connection)
        return theirs is not None and abs(now - theirs) > self.most_off

    @property
    def before_commit(self) -> Hook:
        """For tests: called with the name of the transaction just before its COMMIT.

        The name is the one given to ``write`` or ``lease``. For a change with a step it ends with the step's value.
        """
        return self._database.writer.hooks.before_commit

    @before_commit.setter
    def before_commit(self, hook: Hook) -> None:
        self._database.writer.hooks.before_commit = hook

    @property
    def after_commit(self) -> Hook:
        """For tests: called with the name of the transaction just after its COMMIT, before the caller hears of it."""
        return self._database.writer.hooks.after_commit

    @after_commit.setter
    def after_commit(self, hook: Hook) -> None:
        self._database.writer.hooks.after_commit = hook

    def is_in_place(self) -> bool:
        """Whether the SQLite file is still where it was opened, and has every event that was written to it.

        If not, its note is kept, so that the next start does not take an empty ledger for a new one.
        """
        file = self._database.file
        if file is None:
            return True
        if file.is_in_place():
            return lost_events(self._database) is None
        file.keep_note()
        return False

    @property
    def is_replaced(self) -> bool:
        """Whether the SQLite file is no longer where it was opened, so that the next process opens another one."""
        return self._database.file is not None and not self._database.file.is_in_place()

    def note_why(self, reasons: Iterable[str]) -> None:
        """Write into the note of a SQLite ledger why the bot refuses new work, for `dh-bot doctor`."""
        if self._database.file is not None:
            self._database.file.note_why(tuple(reasons))

    def lost_events(self) -> LedgerTrouble | None:
        """The trouble of a SQLite ledger that lacks the event of its note; else None."""
        return lost_events(self._database)

    def take_as_it_is(self) -> None:
        """Accept a SQLite ledger as it is: note its own newest event."""
        take_as_it_is(self._database)
