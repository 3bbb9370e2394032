"""The ``Ledger`` port: a protocol for each of its parts, and one that holds them. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

from bot.domain.events import Event, Recorded
from bot.domain.lifecycle import Step
from bot.domain.model import Actor, Attempt, Deletion, DeletionId, Freeze, JobId
from bot.domain.notifications import Due, Notification, PendingRequest, Sent


@dataclass(frozen=True, slots=True)
class Longest:
    """How far in the future each kind of due time may lie, at most."""

    card: timedelta
    settling: timedelta
    """The next read of an outcome that has been unknown for less than a day."""
    correction: timedelta
    """The next read of a job whose deletion ended less than a day ago."""
    read: timedelta
    takeover: timedelta
    retry: timedelta
    lease: timedelta


class DueWork(StrEnum):
    """Work on a deletion that becomes due by a clock."""

    EXPIRE = "expire"  # AWAITING with message_ts and deadline_at <= now
    REMIND = "remind"  # AWAITING on a card, without a reminder so far, deadline_at between the two of ``deadline``
    ORPHAN = "orphan"  # AWAITING without message_ts, its creator gone: asked over four minutes ago or before our start
    TAKEOVER = "takeover"  # DELETING with takeover_at <= now: the claim has run out
    READ = "read"  # UNKNOWN, DELETED or FAILED with read_due_at <= now


class LedgerTrouble(Exception):
    """The ledger could not be read or written. The transaction was not committed, unless ``in_doubt``.

    ``diagnosis`` (full disk, read-only, locked, damaged, unreachable) is for the log; the user gets a text of ours.
    ``is_rolled_back``: the database rolled the transaction back in favour of others (serialization failure, deadlock),
    possibly at COMMIT. A retry may succeed.
    """

    def __init__(self, diagnosis: str, *, in_doubt: bool = False, is_rolled_back: bool = False) -> None:
        super().__init__(diagnosis)
        self.diagnosis = diagnosis
        self.in_doubt = in_doubt
        self.is_rolled_back = is_rolled_back


class Deletions(Protocol):
    """The referee: who may delete what."""

    def propose(self, deletion: Deletion, *events: Event, max_open: int) -> Deletion | Freeze | int | None:
        """Insert a new deletion.

        Returns None when done; the Freeze or the open Deletion that prevents it; or the number of open deletions,
        where no more are allowed.
        """
        ...

    def get(self, deletion: DeletionId) -> Deletion | None: ...

    def current(self, job_id: JobId) -> Deletion | None:
        """The open deletion of that job of this target, if there is one."""
        ...

    def open(self, *, limit: int = 50) -> Sequence[Deletion]:
        """The deletions that are open, oldest first, of all targets."""
        ...

    def open_count(self) -> int:
        """How many deletions are open."""
        ...

    def earlier(self, deletion: Deletion, since: datetime) -> Sequence[Deletion]:
        """Other deletions of the same job and target, requested, confirmed or ended since then, newest first."""
        ...

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
        answers: str | None = None,
    ) -> Deletion | None:
        """Leave a state that ``step`` may leave, by a conditional update; None when no row met the conditions.

        ``values``, the events, the attempt and the notifications are written in the same transaction, and the pending
        request ``answers`` is removed.

        ``step`` None keeps the state. ``where`` adds equalities on columns (None means IS NULL); ``before_deadline``
        adds ``deadline_at > that``. An attempt is inserted, or replaces the one that the same claim began at the same
        moment. An attempt of another claim is never overwritten; the new one then gets the next number.
        A claim also needs that no freeze stands for the deletion's target.
        A COMMIT whose answer was lost raises ``LedgerTrouble(in_doubt=True)``.
        """
        ...

    def lease(
        self,
        work: DueWork,
        now: datetime,
        *,
        seconds: float,
        limit: int = 10,
        deadline: tuple[datetime, datetime] | None = None,
    ) -> Sequence[Deletion]:
        """Lease deletions with such work due for that many seconds. ``deadline`` is for REMIND."""
        ...


class PendingRequests(Protocol):
    """Requests of users who are owed an answer. Noting one is the first write after an ack."""

    def note(self, pending: PendingRequest, *events: Event) -> bool:
        """Record that a user is owed an answer, and that this process serves their request.

        False means that this process or another replica served the request before; then nothing is written.
        """
        ...

    def keep_answer(
        self, pending: PendingRequest, text: str, *events: Event, not_before: datetime | None = None
    ) -> None:
        """Keep an answer that Slack did not take, for a later retry. The request need not have been noted before."""
        ...

    def answer_later(self, pending_id: str, not_before: datetime) -> None:
        """Postpone an answer that Slack still did not take: no process retries it before then."""
        ...

    def answered(self, pending_id: str, *events: Event) -> None: ...

    def lease(self, now: datetime, *, limit: int = 20) -> Sequence[PendingRequest]:
        """Lease requests whose process is gone, or whose answer waits for a retry."""
        ...


class Outbox(Protocol):
    """The messages that Slack has not taken yet."""

    def enqueue(self, *notifications: Notification) -> None: ...

    def lease(
        self, now: datetime, *, threads: Collection[str] | None = None, seconds: float = 60, limit: int = 1
    ) -> Sequence[Due]:
        """Lease the oldest message of each thread, if it is due and not leased; with ``threads``, only of these."""
        ...

    def mark_delivered(self, *sent: Sent, then: Iterable[Notification] = ()) -> Collection[str]:
        """Remove these rows and record their events. Returns those of their threads in which other messages wait.

        Slack took each message, or ``then`` replaces the last one in another channel.
        """
        ...

    def reschedule(self, due: Due, at: datetime) -> None: ...


class Cards(Protocol):
    """The order in which a card is drawn, for a drawing that may be lost. All processes keep to it."""

    def hold(self, drawing: Notification, now: datetime, *, seconds: float) -> Due | None:
        """Take this drawing's turn, for at most so many seconds.

        Every change of the deletion that is recorded from now on is drawn after this turn. None if the deletion is no
        longer DELETING, or if another drawing of its card waits or is under way.
        """
        ...

    def release(self, due: Due) -> None:
        """End the turn. The redraws that have waited for it have to be delivered then."""
        ...


class Freezes(Protocol):
    """Freezes of this target. While a freeze stands, ``Deletions.change`` carries out no claim: its UPDATE tests that.

    On SQLite no claim is committed after a freeze. On PostgreSQL a claim that began just before the freeze was
    committed may be committed just after it. A claimed DELETE is sent within seconds.
    """

    def current(self) -> Freeze | None: ...

    def begin(self, freeze: Freeze, notification: Notification, *events: Event) -> Freeze | None:
        """Stop all deletions. Returns None when done, else the freeze that already stands.

        ``notification`` is enqueued with it, and once more for the thread of each card that waits.
        """
        ...

    def lift(self, freeze: Freeze, by: Actor, at: datetime, notification: Notification, *events: Event) -> bool:
        """Allow deletions again and notify the same threads; False if the freeze was already lifted."""
        ...


class Breaker(Protocol):
    """Stops signed calls after rejected credentials: one row per target, shared by all replicas, kept over restarts."""

    def allows(self, fingerprint: str, now: datetime) -> bool:
        """Whether a signed call may be sent.

        It may if the breaker is closed, if it was opened under other credentials, or if this caller won the one trial
        that is given five minutes after the last rejection.
        """
        ...

    def open(self, fingerprint: str, now: datetime, *events: Event) -> None:
        """MetaStudio rejected the credentials. Events are written only if the breaker was not open for them already."""
        ...

    def close(self, fingerprint: str, *events: Event) -> None:
        """A signed call was accepted. Cheap while the breaker is closed; events are written only if it was open."""
        ...


class Trail(Protocol):
    """The events, each with the hash of the one before."""

    def record(self, *events: Event, request: str | None = None) -> None:
        """Append events that belong to no other change. ``request``, if given, counts as served."""
        ...

    def events(self, *, after: int = 0, limit: int = 500) -> Sequence[Recorded]: ...

    def head(self) -> tuple[int, str]:
        """The number and hash of the newest event; (0, genesis) when there is none."""
        ...


class RunningLog(Protocol):
    """The running log in AUDIT_CHANNEL is a cursor over the trail."""

    def cursor(self, channel: str) -> int:
        """The number of the last event posted there; the present head when the channel is new."""
        ...

    def lease(self, channel: str, now: datetime, *, seconds: float) -> int | None:
        """Lease the running log for so long and return its cursor; None while another replica has the lease."""
        ...

    def advance(self, channel: str, number: int) -> None:
        """Record that the events up to that number have been posted there, and give up the lease."""
        ...

    def claim_day(self, channel: str, day: int) -> bool:
        """Whether this caller is to post the head there on that day. True is returned once per channel and day."""
        ...


class Overview(Protocol):
    """Queries for people. Only this target's deletions, with their attempts."""

    def history(
        self, *, job: str | None = None, channel: str | None = None, before: Deletion | None = None, limit: int = 20
    ) -> Sequence[Deletion]:
        """The newest deletions, of one job or requested in one channel; with ``before``, those older than it."""
        ...

    def open(self, *, limit: int) -> Sequence[Deletion]:
        """The open deletions, oldest first."""
        ...

    def deleted(self, *, limit: int) -> Sequence[Deletion]:
        """The deletions that ended as deleted, newest first."""
        ...

    def breaker_opened_at(self, fingerprint: str) -> datetime | None: ...

    def typing_errors(self, since: datetime) -> int:
        """How many commands have been refused as typing errors since then, among the newest 50,000 events."""
        ...


class Ledger(Protocol):
    """Its parts, and the methods that concern all of them.

    Every method of it and of its parts is one transaction, and raises only ``LedgerTrouble`` for troubles of the
    database.
    """

    @property
    def deletions(self) -> Deletions: ...

    @property
    def requests(self) -> PendingRequests: ...

    @property
    def outbox(self) -> Outbox: ...

    @property
    def cards(self) -> Cards: ...

    @property
    def freezes(self) -> Freezes: ...

    @property
    def breaker(self) -> Breaker: ...

    @property
    def trail(self) -> Trail: ...

    @property
    def running_log(self) -> RunningLog: ...

    @property
    def overview(self) -> Overview: ...

    def ping_writable(self) -> datetime | None:
        """Write something; ``LedgerTrouble`` says why that failed. Returns the database's own time, if it has one."""
        ...

    def follow_clock(self, now: datetime, step: timedelta, longest: Longest) -> int | None:
        """Pull back each due time that is further in the future than it may be; returns how many.

        Returns None and changes nothing if ``now`` differs too much from the database's clock, because this machine's
        clock is off or because the transaction had to wait. The caller then has to try again.

        ``step`` is by how much the wall clock was set, negative for back; zero at the start of a process. After a
        step the reads of unknown outcomes are counted anew, and the claims of this process last as long as before.
        Cards whose deadline changed are redrawn.
        """
        ...
