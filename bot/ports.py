"""What the use-cases need from the outside, as protocols. Pure.

They stand in a file of their own because all modules of use-cases share them, and none of them should import another
for that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar

from bot.lifecycle import Step
from bot.model import (
    Actor,
    Attempt,
    Deletion,
    DeletionId,
    Freeze,
    JobId,
    Listed,
    LookupFailed,
    Operation,
    Person,
    Place,
    Reply,
    Shown,
    Target,
)
from bot.policy import Rules
from bot.ports_ledger import Freezes, Looks
from bot.trail import Due, Event, Recorded, Tell, Waiting

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class LedgerTrouble(Exception):
    """The ledger could not be read or written. Nothing of the transaction happened, unless ``in_doubt``.

    ``diagnosis`` (full disk, read-only, locked, damaged, unreachable) is for the log; the person gets a text of ours.
    """

    def __init__(self, diagnosis: str, *, in_doubt: bool = False) -> None:
        super().__init__(diagnosis)
        self.diagnosis = diagnosis
        self.in_doubt = in_doubt


class Clock(Protocol):
    """Time, so that tests can hold it."""

    def now(self) -> datetime:
        """The present moment, timezone-aware UTC."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait: between attempts of one call, or for a place in the limiter."""
        ...


class Jobs(Protocol):
    """MetaStudio, seen through the limiter and the breaker. Never raises for anything the network or cloud does."""

    def show(self, job: JobId) -> Shown: ...

    def find(
        self, *, job_id: str | None = None, name: str | None = None, offset: int = 0, limit: int = 100
    ) -> Listed: ...

    def delete(self, job: JobId, *, send_before: datetime) -> Reply:
        """Send one DELETE, at most once, unless ``send_before`` has passed: then the reply's cause is TOO_LATE."""
        ...

    def wait_turn(self, operation: Operation) -> bool:
        """Take a slot of the limiter, waiting a bounded time; False means busy."""
        ...

    def stopped_since(self) -> datetime | None:
        """When MetaStudio rejected the credentials, if calls are stopped because of that."""
        ...


class People(Protocol):
    """Who somebody is and what a conversation is, asked from Slack. ``fresh`` allows answers of at most 5 seconds."""

    def person(self, actor: Actor, *, fresh: bool = False) -> Person | LookupFailed: ...

    def place(self, channel: str, *, fresh: bool = False) -> Place | LookupFailed: ...


class Ledger(Protocol):
    """The referee. Every method is one transaction; all raise ``LedgerTrouble`` and nothing else for its troubles."""

    @property
    def freezes(self) -> Freezes: ...

    @property
    def looks(self) -> Looks: ...

    # Open answers: the first write after an ack.
    def note_waiting(self, waiting: Waiting, *events: Event) -> None: ...

    def keep_answer(self, waiting: Waiting, text: str, *events: Event, not_before: datetime | None = None) -> None:
        """Keep an answer that could not be given, so that it is given later; noted before or not."""
        ...

    def answer_later(self, waiting_id: str, not_before: datetime) -> None:
        """An answer that still was not taken: nobody tries again before then."""
        ...

    def answered(self, waiting_id: str, *events: Event) -> None: ...

    def lease_answers(self, now: datetime, *, limit: int = 20) -> Sequence[Waiting]:
        """Answers whose owner is gone, or whose text waits to be given again; now ours for a while."""
        ...

    # The trail.
    def record(self, *events: Event) -> None: ...

    # Deletions.
    def propose(self, deletion: Deletion, *events: Event, max_open: int) -> Deletion | Freeze | int | None:
        """Insert a new deletion.

        None means done; a Freeze or a Deletion stands in its way; an int is how many are open, where that is the most
        allowed.
        """
        ...

    def get(self, deletion: DeletionId) -> Deletion | None: ...

    def standing(self, job: JobId) -> Deletion | None:
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
        tell: Iterable[Tell] = (),
    ) -> Deletion | None:
        """Leave a state that ``step`` may leave, by a conditional update; None when no row met the conditions.

        ``values``, the events, the attempt and the messages are written with it, all or nothing.

        ``step`` None keeps the state. ``where`` adds equalities on columns (None means IS NULL); ``before_deadline``
        adds ``deadline_at > that``. An attempt is inserted or, with the same number, replaced.
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

    def ping_writable(self) -> None:
        """Write something; the trouble says why that cannot be done."""
        ...

    # The outbox.
    def tell(self, *tells: Tell) -> None: ...

    def lease_tells(
        self, now: datetime, *, thread: str | None = None, seconds: float = 60, limit: int = 1
    ) -> Sequence[Due]:
        """The oldest message of each thread, if it is due and nobody holds it; with ``thread``, only that thread's."""
        ...

    def told(self, due: Due, *events: Event, then: Iterable[Tell] = ()) -> None:
        """Slack took it (or the place is gone and ``then`` goes elsewhere): the row goes, the event stays."""
        ...

    def tell_again(self, due: Due, at: datetime) -> None: ...

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


@dataclass(frozen=True, slots=True)
class Told:
    """Slack took it; ``ts`` is the message's, where Slack gave one."""

    ts: str | None = None


@dataclass(frozen=True, slots=True)
class Again:
    """Slack did not take it, or did not say; to be tried again after so many seconds.

    ``unanswered`` means that it may have arrived all the same.
    """

    after: float
    why: str
    unanswered: bool = False


@dataclass(frozen=True, slots=True)
class Gone:
    """It can never be told there: the place or the message is gone, or closed to the bot."""

    why: str


class Teller(Protocol):
    """Slack, as far as it is told things. Never raises for anything Slack does."""

    def post_card(self, deletion: Deletion, earlier: Sequence[Deletion]) -> Told | Again | Gone: ...

    def tell(self, tell: Tell, deletion: Deletion) -> Told | Again | Gone: ...

    def announce(self, tell: Tell) -> Told | Again | Gone:
        """Say a message that is about no deletion, such as a freeze, in its channel."""
        ...

    def log(self, channel: str, events: Sequence[Recorded], skipped: int) -> Told | Again | Gone:
        """Lines of the running log, as one message; ``skipped`` events before them are not shown."""
        ...

    def answer(
        self, waiting: Waiting, text: str, response_url: str | None, blocks: Sequence[Mapping[str, Any]] = ()
    ) -> Told | Again | Gone:
        """Answer one person. ``text`` is complete by itself; ``blocks`` show the same, with its buttons."""
        ...

    def show_home(self, user: str, blocks: Sequence[Mapping[str, Any]]) -> Told | Again | Gone:
        """Draw somebody's App Home."""
        ...

    def log_head(self, channel: str, number: int, digest: str) -> Told | Again | Gone:
        """The newest event's number and hash, for the channel to remember."""
        ...

    def answer_after_restart(self, waiting: Waiting, deletion: Deletion | None) -> Told | Again | Gone:
        """Tell somebody whose command or click a crash cut off how things stand now."""
        ...


class Future(Protocol[T_co]):
    """The result of something done beside; the part of ``concurrent.futures.Future`` that is used."""

    def result(self, timeout: float | None = None) -> T_co: ...


class Beside(Protocol):
    """Runs a function in another thread while the caller goes on."""

    def __call__(self, work: Callable[[], T], /) -> Future[T]: ...


class OneAtATime(Protocol):
    """A queue for each name: within the context the caller is alone, unless it waited in vain and was told False."""

    def __call__(self, name: str, seconds: float, /) -> AbstractContextManager[bool]: ...


@dataclass(frozen=True, slots=True)
class Terms:
    """The settings that the use-cases work by. Durations are what product.md section 5 calls them, in seconds there."""

    target: Target
    rules: Rules
    connect_timeout: timedelta = timedelta(seconds=5)
    read_timeout: timedelta = timedelta(seconds=30)
    settle_after: timedelta = timedelta(seconds=600)
    max_open: int = 200
    audit_channel: str | None = None
    seen_as: str = ""
    """The mark of the ``X-App-UserId`` that goes out with every call; see ``Job.seen_as``."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Everything the use-cases may touch. Built in ``bot.app`` and nowhere else.

    ``deliver`` sends what waits in the outbox for the threads of these messages, here and now; what Slack does not take
    stays in the outbox. ``unwritten`` takes writes that
    must happen although the ledger refused them: it returns the result, or None when the write has to wait.
    """

    ledger: Ledger
    jobs: Jobs
    people: People
    teller: Teller
    clock: Clock
    terms: Terms
    beside: Beside
    one_at_a_time: OneAtATime
    deliver: Callable[[Iterable[Tell]], None]
    unwritten: Callable[[DeletionId | None, Callable[[], Deletion | None]], Deletion | None]
