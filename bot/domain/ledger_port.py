"""The parts of the ``Ledger`` port that are no part of a deletion's life: freezes, and reading for people. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from bot.domain.events import Event, Recorded
from bot.domain.lifecycle import Step
from bot.domain.model import Actor, Attempt, Deletion, DeletionId, Freeze, JobId
from bot.domain.notifications import Due, Notification, PendingRequest


@dataclass(frozen=True, slots=True)
class Longest:
    """How far in the future each kind of due time may lie at most."""

    card: timedelta
    settling: timedelta
    """The next read of an outcome that has been unknown for less than a day."""
    correction: timedelta
    """The next read of a job whose deletion ended less than a day ago."""
    read: timedelta
    takeover: timedelta
    retry: timedelta
    lease: timedelta


class Freezes(Protocol):
    """Freezes of this target. While one stands, ``change`` carries out no claim: that test is part of its UPDATE.

    On SQLite no claim follows a freeze. On PostgreSQL a claim that began just before a freeze was committed may be
    committed just after it, as if the click had come a moment earlier. A DELETE that is claimed is sent within seconds.
    """

    def current(self) -> Freeze | None: ...

    def begin(self, freeze: Freeze, notification: Notification, *events: Event) -> Freeze | None:
        """Stop all deletions; None means done, else the freeze that stands already.

        ``tell`` is written with it, and once more for the thread of each card that waits.
        """
        ...

    def lift(self, freeze: Freeze, by: Actor, at: datetime, notification: Notification, *events: Event) -> bool:
        """Allow deletions again, telling the same places; False when somebody was faster."""
        ...


class Overview(Protocol):
    """Reading for people. Only this target's deletions, attempts included."""

    def history(
        self, *, job: str | None = None, channel: str | None = None, before: Deletion | None = None, limit: int = 20
    ) -> Sequence[Deletion]:
        """The newest deletions, of one job or asked in one channel; with ``before``, the ones that follow it."""
        ...

    def open(self, *, limit: int) -> Sequence[Deletion]:
        """The open deletions, oldest first."""
        ...

    def deleted(self, *, limit: int) -> Sequence[Deletion]:
        """What was deleted lately, newest first."""
        ...

    def breaker_opened_at(self, fingerprint: str) -> datetime | None: ...


class LedgerTrouble(Exception):
    """The ledger could not be read or written. Nothing of the transaction happened, unless ``in_doubt``.

    ``diagnosis`` (full disk, read-only, locked, damaged, unreachable) is for the log; the person gets a text of ours.
    ``is_rolled_back``: the database undid the transaction in favour of others (serialization failure, deadlock), at
    COMMIT too, and it may succeed if it is run again.
    """

    def __init__(self, diagnosis: str, *, in_doubt: bool = False, is_rolled_back: bool = False) -> None:
        super().__init__(diagnosis)
        self.diagnosis = diagnosis
        self.in_doubt = in_doubt
        self.is_rolled_back = is_rolled_back


class Ledger(Protocol):
    """The referee. Every method is one transaction; all raise ``LedgerTrouble`` and nothing else for its troubles."""

    @property
    def freezes(self) -> Freezes: ...

    @property
    def overview(self) -> Overview: ...

    # Open answers: the first write after an ack.
    def note_request(self, pending: PendingRequest, *events: Event) -> bool:
        """Remember that somebody is owed an answer, and that their request is served from now on.

        False means that it was served before, here or by another replica; then nothing is written.
        """
        ...

    def keep_answer(
        self, pending: PendingRequest, text: str, *events: Event, not_before: datetime | None = None
    ) -> None:
        """Keep an answer that could not be given, so that it is given later; noted before or not."""
        ...

    def answer_later(self, pending_id: str, not_before: datetime) -> None:
        """An answer that still was not taken: nobody tries again before then."""
        ...

    def answered(self, pending_id: str, *events: Event) -> None: ...

    def lease_answers(self, now: datetime, *, limit: int = 20) -> Sequence[PendingRequest]:
        """Answers whose owner is gone, or whose text waits to be given again; now ours for a while."""
        ...

    # The trail.
    def record(self, *events: Event, request: str | None = None) -> None:
        """Add events that change nothing else; ``request`` counts as served, if it is one."""
        ...

    # Deletions.
    def propose(self, deletion: Deletion, *events: Event, max_open: int) -> Deletion | Freeze | int | None:
        """Insert a new deletion.

        None means done; a Freeze or a Deletion stands in its way; an int is how many are open, where that is the most
        allowed.
        """
        ...

    def get(self, deletion: DeletionId) -> Deletion | None: ...

    def current(self, job: JobId) -> Deletion | None:
        """The open deletion of that job of this target, if there is one."""
        ...

    def open_deletions(self, *, limit: int = 50) -> Sequence[Deletion]:
        """The deletions that are open, oldest first."""
        ...

    def open_count(self) -> int:
        """How many deletions are open."""
        ...

    def earlier(self, deletion: Deletion, since: datetime) -> Sequence[Deletion]:
        """Other deletions of the same job and target, asked, confirmed or ended since then, newest first."""
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
    ) -> Deletion | None:
        """Leave a state that ``step`` may leave, by a conditional update; None when no row met the conditions.

        ``values``, the events, the attempt and the messages are written with it, all or nothing.

        ``step`` None keeps the state. ``where`` adds equalities on columns (None means IS NULL); ``before_deadline``
        adds ``deadline_at > that``. An attempt is inserted, or replaced if it is the same claim's
        of the same moment; one of another claim is never overwritten, the new one gets the next number then.
        A claim also needs that no freeze stands for the deletion's target.
        A COMMIT whose answer was lost raises ``LedgerTrouble(in_doubt=True)``.
        """
        ...

    def lease_deletions(
        self,
        purpose: str,
        now: datetime,
        *,
        seconds: float,
        limit: int = 10,
        deadline: tuple[datetime, datetime] | None = None,
    ) -> Sequence[Deletion]:
        """Deletions with work of that kind due, now ours for that many seconds.

        ``expire``  AWAITING with message_ts and deadline_at <= now
        ``remind``  AWAITING on a card, not reminded of, its deadline_at between the two of ``deadline``
        ``orphan``  AWAITING without message_ts whose creator is gone (asked over four minutes ago or before our start)
        ``takeover``  DELETING whose claim has run out (``takeover_at`` <= now)
        ``read``  read_due_at <= now, in UNKNOWN, DELETED or FAILED
        """
        ...

    def ping_writable(self) -> datetime | None:
        """Write something; the trouble says why that cannot be done. Returns the database's own time, if it has one."""
        ...

    # The outbox.
    def enqueue(self, *notifications: Notification) -> None: ...

    def lease_notifications(
        self, now: datetime, *, thread: str | None = None, seconds: float = 60, limit: int = 1
    ) -> Sequence[Due]:
        """The oldest message of each thread, if it is due and nobody holds it; with ``thread``, only that thread's."""
        ...

    def mark_delivered(self, due: Due, *events: Event, then: Iterable[Notification] = ()) -> None:
        """Slack took it (or the place is gone and ``then`` goes elsewhere): the row goes, the event stays."""
        ...

    def reschedule(self, due: Due, at: datetime) -> None: ...

    # The running log in AUDIT_CHANNEL is a cursor over the trail.
    def log_cursor(self, channel: str) -> int:
        """The number of the last event told there; the present head when the channel is new."""
        ...

    def lease_log(self, channel: str, now: datetime, *, seconds: float) -> int | None:
        """Where the running log stands, ours to go on with for so long; None while another replica does."""
        ...

    def advance_log(self, channel: str, number: int) -> None:
        """Events up to that number have been told there; the lease is given up."""
        ...

    def claim_day(self, channel: str, day: int) -> bool:
        """Whether it is this caller who tells the head there on that day; one is told so, ever."""
        ...

    def events(self, *, after: int = 0, limit: int = 500) -> Sequence[Recorded]: ...

    def head(self) -> tuple[int, str]:
        """The number and hash of the newest event; (0, genesis) when there is none."""
        ...

    def follow_clock(self, now: datetime, step: timedelta, longest: Longest) -> int | None:
        """Pull back each due time that lies further off than it may; returns how many.

        None where nothing was done, since ``now`` is off the database's clock: by the clock, or by a transaction that
        had to wait. The step is then still to be followed.

        ``step`` is by how much the wall clock was set, back being below zero; zero at the start of a process. After a
        step the reads of what is unknown are counted anew, and the claims of this process are kept as long as before.
        Cards whose deadline is pulled are drawn anew.
        """
        ...

    # The breaker: one row per target, so that it holds for every replica and across restarts.
    def breaker_allows(self, fingerprint: str, now: datetime) -> bool:
        """Whether a signed call may leave.

        It may when the breaker is closed, was opened under other credentials, or this caller won the one trial that
        is given five minutes after the last rejection.
        """
        ...

    def breaker_open(self, fingerprint: str, now: datetime, *events: Event) -> None:
        """MetaStudio rejected the credentials; events are written only if it was not open for them already."""
        ...

    def breaker_close(self, fingerprint: str, *events: Event) -> None:
        """A signed call was accepted; cheap when the breaker is closed, and events are written only if it was open."""
        ...
