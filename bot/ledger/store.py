"""``Store``: the port ``bot.domain.ledger_port.Ledger`` on SQLite or PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from bot.audit import witness
from bot.domain.events import Event
from bot.domain.ledger_port import DueWork, LedgerTrouble, Longest
from bot.domain.lifecycle import Step
from bot.domain.model import Attempt, Deletion, DeletionId, Freeze, JobId, State, Target
from bot.domain.notifications import Notification
from bot.ledger import clock, deletions, outbox, processes
from bot.ledger.breaker import Breaker
from bot.ledger.cards import Cards
from bot.ledger.database import trouble
from bot.ledger.database.engine import Database
from bot.ledger.freezes import Freezes
from bot.ledger.outbox import Outbox
from bot.ledger.overview import Overview
from bot.ledger.pending_requests import PendingRequests
from bot.ledger.running_log import RunningLog
from bot.ledger.trail import rows
from bot.ledger.trail.trail import Trail
from bot.ledger.transactions import Transactions

FIRST_STEPS = {State.AWAITING: Step.PROPOSE, State.REFUSED: Step.REFUSE}
"""The step by which a deletion is proposed. One that is inserted again after the ledger lost it takes none."""


class Store(Transactions):
    """The ledger. Safe to use from any thread; every method is one transaction and raises only ``LedgerTrouble``.

    It holds the parts. Its own methods concern all of them.
    """

    def __init__(self, database: Database, target: Target, instance: str, now: Callable[[], datetime]) -> None:
        super().__init__(database, instance, now)
        self._is_leaving = False
        self._target = target
        self.requests = PendingRequests(self)
        self.outbox = Outbox(self)
        self.cards = Cards(self)
        self.freezes = Freezes(self, target)
        self.breaker = Breaker(self, target)
        self.trail = Trail(self)
        self.running_log = RunningLog(self)
        self.overview = Overview(self, target)

    def propose(self, deletion: Deletion, *events: Event, max_open: int) -> Deletion | Freeze | int | None:
        """Insert a deletion with its events; None when done. See ``Ledger.propose``.

        A deletion that is refused from the start is inserted unconditionally.
        """

        def work(connection: Connection) -> Deletion | Freeze | int | None:
            in_the_way = deletions.propose(connection, deletion, self.instance, max_open)
            if in_the_way is None:
                rows.append(connection, events, FIRST_STEPS.get(deletion.state))
            return in_the_way

        return self.write("propose", work)

    def get(self, deletion: DeletionId) -> Deletion | None:
        """One deletion with its attempts."""
        return self.read(lambda connection: deletions.get(connection, deletion))

    def current(self, job: JobId) -> Deletion | None:
        """The open deletion of that job of this target, if there is one."""
        return self.read(lambda connection: deletions.current(connection, self._target, job))

    def earlier(self, deletion: Deletion, since: datetime) -> Sequence[Deletion]:
        """Other deletions of the same job and target, requested, confirmed or ended since then, newest first."""
        return self.read(lambda connection: deletions.earlier(connection, deletion, since))

    def open_deletions(self, *, limit: int = 50) -> Sequence[Deletion]:
        """The deletions that are open, oldest first."""
        return self.read(lambda connection: deletions.open_ones(connection, limit))

    def open_count(self) -> int:
        """How many deletions are open."""
        return self.read(deletions.open_count)

    def change(
        self,
        deletion: DeletionId,
        step: Step | None,
        values: Mapping[str, Any],
        *events: Event,
        where: Mapping[str, Any] | None = None,
        before_deadline: datetime | None = None,
        attempt: Attempt | None = None,
        notifications: Iterable[Notification] = (),
    ) -> Deletion | None:
        """The conditional update; see ``Ledger.change``. It also gives up this process's lease on the row.

        ``values`` may name any field of ``Deletion`` but ``id``, ``target``, ``state`` and ``attempts``. ``where`` may
        name those, ``state``, and ``job_id``, ``job_state``, ``job_name``, ``asset_id``, ``last_update_time``.
        """
        statement, parameters = deletions.prepare_change(deletion, step, values, where, before_deadline, self.instance)
        if step in deletions.CLAIMS and self.is_replaced:
            # The next process would open a ledger without this claim.
            raise LedgerTrouble(trouble.REPLACED)
        # A tuple, because the transaction may be run a second time and an iterator would be empty by then.
        notifications = tuple(notifications)

        def work(connection: Connection) -> Deletion | None:
            row = deletions.change(connection, statement, parameters, attempt)
            if row is not None:
                newest = rows.append(connection, events, step)
                outbox.write(connection, witness.quoted(notifications, newest), self.now())
            return row

        return self.write("change" if step is None else f"change:{step.value}", work)

    def lease_deletions(
        self,
        work: DueWork,
        now: datetime,
        *,
        seconds: float,
        limit: int = 10,
        deadline: tuple[datetime, datetime] | None = None,
    ) -> Sequence[Deletion]:
        """Lease deletions with such work due; see ``Ledger.lease_deletions``. ``change`` ends the lease early."""
        return self.lease(
            "lease_deletions",
            now,
            lambda connection: deletions.lease(
                connection,
                work,
                now,
                seconds=seconds,
                limit=limit,
                instance=self.instance,
                target=self._target,
                is_exclusive=self.is_exclusive,
                deadline=deadline,
            ),
            [],
        )

    def follow_clock(self, now: datetime, step: timedelta, longest: Longest) -> int | None:
        """See the port."""

        def work(connection: Connection) -> int | None:
            # A clock that is off would give the due times of all replicas wrong values.
            is_off = self._is_off(connection, now)
            return None if is_off else clock.set_right(connection, now, step, longest, self.instance)

        count = self.write("follow_clock", work)
        self.breaker.forget()
        return count

    def ping_writable(self) -> datetime | None:
        """See the port. SQLite has no time of its own: it uses this machine's."""

        def work(connection: Connection) -> datetime | None:
            return processes.seen(connection, self.instance, self.now(), lambda: self._is_leaving)

        return self.write("ping_writable", work)

    def leave(self) -> None:
        """Stop counting as a live process, for good, even if this process still works for a while.

        The processes of a SQLite ledger are not counted.
        """
        self._is_leaving = True
        if not self.is_exclusive:
            self.ping_writable()
