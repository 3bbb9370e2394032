"""``Store``: the port ``bot.domain.ledger_port.Ledger`` on SQLite or PostgreSQL, one transaction per method."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import Connection

from bot.audit import witness
from bot.audit.chain import Verdict
from bot.domain.events import Event, Recorded
from bot.domain.ledger_port import DueWork, LedgerTrouble, Longest
from bot.domain.lifecycle import Step
from bot.domain.model import Attempt, Deletion, DeletionId, Freeze, JobId, State, Target
from bot.domain.notifications import Due, Notification, PendingRequest
from bot.ledger import clock, deletions, outbox, pending_requests, processes
from bot.ledger.breaker import Breaker
from bot.ledger.cards import Cards
from bot.ledger.database import trouble
from bot.ledger.database.engine import Database
from bot.ledger.freezes import Freezes
from bot.ledger.overview import Overview
from bot.ledger.trail import rows
from bot.ledger.trail import verify as verifying
from bot.ledger.transactions import Transactions

Result = TypeVar("Result")

FIRST_STEPS = {State.AWAITING: Step.PROPOSE, State.REFUSED: Step.REFUSE}
"""The step by which a deletion is proposed. One that is inserted again after the ledger lost it takes none."""


class Store(Transactions):
    """The ledger. Safe to use from any thread; every method is one transaction and raises only ``LedgerTrouble``."""

    def __init__(self, database: Database, target: Target, instance: str, now: Callable[[], datetime]) -> None:
        super().__init__(database, instance, now)
        self._is_leaving = False
        self._target = target
        self.freezes = Freezes(self, target)
        self.cards = Cards(self)
        self.overview = Overview(self, target)
        self._breaker = Breaker(self, target)

    # Pending requests.

    def note_request(self, pending: PendingRequest, *events: Event) -> bool:
        """Record that this process owes a user an answer; False if their request was served before."""

        def work(connection: Connection) -> bool:
            if not pending_requests.is_first(connection, pending.request, pending.since):
                return False
            pending_requests.note(connection, pending, self.instance)
            rows.append(connection, events)
            return True

        return self.write("note_request", work)

    def keep_answer(
        self, pending: PendingRequest, text: str, *events: Event, not_before: datetime | None = None
    ) -> None:
        """Keep an answer that Slack did not take; ``lease_answers`` offers it at once, or after ``not_before``."""

        def work(connection: Connection) -> None:
            pending_requests.is_first(connection, pending.request, pending.since)
            pending_requests.keep(connection, pending, text, self.instance, not_before)
            rows.append(connection, events)

        self.write("keep_answer", work)

    def answer_later(self, pending_id: str, not_before: datetime) -> None:
        """``lease_answers`` does not offer it before then."""
        self.write("answer_later", lambda connection: pending_requests.later(connection, pending_id, not_before))

    def answered(self, pending_id: str, *events: Event) -> None:
        """Remove an answered request."""

        def work(connection: Connection) -> None:
            pending_requests.done(connection, pending_id)
            rows.append(connection, events)

        self.write("answered", work)

    def lease_answers(self, now: datetime, *, limit: int = 20) -> Sequence[PendingRequest]:
        """Lease, for a minute, requests whose process is gone or whose answer waits for a retry.

        As this is called every two seconds, it also removes served requests that are too old to be repeated.
        """

        def work(connection: Connection) -> list[PendingRequest]:
            pending_requests.forget_served(connection, now)
            return pending_requests.lease(
                connection, now, limit=limit, instance=self.instance, is_exclusive=self.is_exclusive
            )

        return self.lease("lease_answers", now, work, [])

    # The trail.

    def record(self, *events: Event, request: str | None = None) -> None:
        """Append events that belong to no other change. ``request``, if given, counts as served."""

        def work(connection: Connection) -> None:
            pending_requests.is_first(connection, request, events[0].at)
            rows.append(connection, events)

        if events:
            self.write("record", work)

    def events(self, *, after: int = 0, limit: int = 500) -> Sequence[Recorded]:
        """Events in the order of their numbers."""
        return self.read(lambda connection: rows.read(connection, after=after, limit=limit))

    def events_of(self, deletion: DeletionId) -> Sequence[Recorded]:
        """The events of one deletion."""
        return self.read(lambda connection: rows.of_deletion(connection, deletion))

    def head(self) -> tuple[int, str]:
        """The newest event's number and hash; (0, ``chain.GENESIS``) if there is none."""
        return self.read(rows.head)

    def verify(self) -> Verdict:
        """Check the whole trail, from the newest checkpoint to the head, in one snapshot."""
        return self.read(verifying.verify)

    def missing_triggers(self) -> frozenset[str]:
        """The triggers that should protect the trail and are missing."""
        return self.read(verifying.missing_triggers)

    # Deletions.

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

    # The outbox.

    def enqueue(self, *notifications: Notification) -> None:
        """Write messages that belong to no other change."""
        if notifications:
            self.write("enqueue", lambda connection: outbox.write(connection, notifications, self.now()))

    def lease_notifications(
        self, now: datetime, *, thread: str | None = None, seconds: float = 60, limit: int = 1
    ) -> Sequence[Due]:
        """Lease the oldest message of each thread, if it is due and not leased."""
        return self.lease(
            "lease_notifications",
            # A caller sends the messages that it has just recorded whatever the clock says. Retries need a right clock.
            None if thread is not None else now,
            lambda connection: outbox.lease(
                connection, now, thread=thread, seconds=seconds, limit=limit, instance=self.instance
            ),
            [],
        )

    def mark_delivered(self, due: Due, *events: Event, then: Iterable[Notification] = ()) -> None:
        """See ``Ledger.mark_delivered``. If another process already removed the row, only the events are written."""
        following = tuple(then)

        def work(connection: Connection) -> None:
            if outbox.gone(connection, due):
                outbox.write(connection, following, self.now())
            rows.append(connection, events)

        self.write("mark_delivered", work)

    def reschedule(self, due: Due, at: datetime) -> None:
        """Return the message for a retry at that time."""
        self.write("reschedule", lambda connection: outbox.again(connection, due, at, self.instance))

    def outbox_count(self) -> int:
        """How many messages are undelivered."""
        return self.read(outbox.count)

    # The running log.

    def log_cursor(self, channel: str) -> int:
        """The number of the last event posted there; the present head when the channel is new."""
        current = self.read(lambda connection: outbox.cursor(connection, channel))
        if current is not None:
            return current

        def work(connection: Connection) -> int:
            return outbox.start_cursor(connection, channel, rows.head(connection).number)

        return self.write("log_cursor", work)

    def lease_log(self, channel: str, now: datetime, *, seconds: float) -> int | None:
        """Lease the running log for so long and return its cursor; None while another replica has the lease."""
        until = now + timedelta(seconds=seconds)

        def work(connection: Connection) -> int | None:
            return outbox.lease_cursor(connection, channel, now, until, self.instance, is_exclusive=self.is_exclusive)

        return self.lease("lease_log", now, work, None)

    def advance_log(self, channel: str, number: int) -> None:
        """Record that the events up to that number have been posted there, and give up the lease."""
        self.write("advance_log", lambda connection: outbox.move_cursor(connection, channel, number, self.instance))

    def claim_day(self, channel: str, day: int) -> bool:
        """Whether this caller is to post the head there on that day."""
        return self.write("claim_day", lambda connection: outbox.claim_day(connection, channel, day))

    def follow_clock(self, now: datetime, step: timedelta, longest: Longest) -> int | None:
        """Pull back each due time that is further in the future than it may be; see ``Ledger.follow_clock``."""

        def work(connection: Connection) -> int | None:
            # A clock that is off would give the due times of all replicas wrong values.
            is_off = self._is_off(connection, now)
            return None if is_off else clock.set_right(connection, now, step, longest, self.instance)

        count = self.write("follow_clock", work)
        self._breaker.forget()
        return count

    # The breaker, and readiness.

    def breaker_allows(self, fingerprint: str, now: datetime) -> bool:
        """Whether a signed call may be sent."""
        return self._breaker.allows(fingerprint, now)

    def breaker_open(self, fingerprint: str, now: datetime, *events: Event) -> None:
        """MetaStudio rejected the credentials; from now on nothing is sent for five minutes."""
        self._breaker.open(fingerprint, now, *events)

    def breaker_close(self, fingerprint: str, *events: Event) -> None:
        """A signed call was accepted."""
        self._breaker.close(fingerprint, *events)

    def ping_writable(self) -> datetime | None:
        """Write something durably; raises ``LedgerTrouble`` if that fails.

        Returns the time of PostgreSQL's clock; None on SQLite, which uses this machine's.
        """

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
