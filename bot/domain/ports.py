"""The protocols by which the use-cases reach the outside. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar

from bot.domain.age import Moment
from bot.domain.events import Recorded
from bot.domain.ledger_port import Ledger
from bot.domain.model import (
    Actor,
    Conversation,
    Deletion,
    DeletionId,
    JobId,
    Listed,
    LookupFailed,
    Operation,
    Person,
    Reply,
    Shown,
    Target,
)
from bot.domain.notifications import Notification, PendingRequest, ResponseUrl
from bot.domain.policy import Rules
from bot.domain.refusals import Reason, Refused

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Clock(Protocol):
    """Time, so that tests can control it. Ages are computed by ``bot.domain.age``, which uses both readings."""

    def now(self) -> datetime:
        """The present moment, timezone-aware UTC. It may be set back or forward at any time."""
        ...

    def monotonic(self) -> float:
        """Seconds of this process's monotonic clock, which also runs while the machine is suspended."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait: between attempts of one call, or for a place in the limiter."""
        ...


class Jobs(Protocol):
    """MetaStudio, behind the limiter and the breaker. Never raises for a failure of the network or of MetaStudio."""

    def show(self, job_id: JobId) -> Shown: ...

    def find(
        self, *, job_id: str | None = None, name: str | None = None, offset: int = 0, limit: int = 100
    ) -> Listed: ...

    def prepare_delete(self, job_id: JobId) -> None:
        """Open the connection for a DELETE that will follow soon. This may take as long as the connect timeout."""
        ...

    def delete(self, job_id: JobId, *, may_send: Callable[[], bool]) -> Reply:
        """Send one DELETE, at most once.

        ``may_send`` is called immediately before sending. If it returns False, the reply's cause is TOO_LATE.
        """
        ...

    def acquire(self, operation: Operation) -> bool:
        """Acquire a slot of the limiter, waiting a bounded time; False means busy."""
        ...

    def stopped_since(self) -> datetime | None:
        """When MetaStudio rejected the credentials, if the breaker is open; else None."""
        ...


class People(Protocol):
    """Look-ups of users and conversations in Slack.

    With ``fresh`` a cached *yes* may be at most 5 s old; with ``since`` the look-up is also younger than that moment.
    ``asked`` of the result is the time of the look-up; without it, Slack was asked for this call.
    """

    def person(self, actor: Actor, *, fresh: bool = False, since: Moment | None = None) -> Person | LookupFailed: ...

    def conversation(
        self, channel: str, *, fresh: bool = False, since: Moment | None = None
    ) -> Conversation | LookupFailed: ...


@dataclass(frozen=True, slots=True)
class Delivered:
    """Slack took it; ``ts`` is the message's, if Slack returned one."""

    ts: str | None = None


@dataclass(frozen=True, slots=True)
class RetryLater:
    """Slack did not take it, or did not answer. Retry after ``after`` seconds.

    ``unanswered`` means that the message may have been posted all the same.
    """

    after: float
    why: str
    unanswered: bool = False


@dataclass(frozen=True, slots=True)
class Undeliverable:
    """It can never be posted there: the channel or the message is gone, or closed to the bot."""

    why: str


@dataclass(frozen=True, slots=True)
class Called:
    """The second persons of a deletion: ids of groups and users to mention, and how many more there are."""

    ids: tuple[str, ...] = ()
    more: int = 0


class Messenger(Protocol):
    """Posting to Slack. Never raises for a failure of Slack."""

    def post_card(
        self, deletion: Deletion, earlier: Sequence[Deletion], called: Called
    ) -> Delivered | RetryLater | Undeliverable: ...

    def send(self, notification: Notification, deletion: Deletion) -> Delivered | RetryLater | Undeliverable: ...

    def announce(self, notification: Notification) -> Delivered | RetryLater | Undeliverable:
        """Post a message that is about no deletion, such as a freeze, in its channel."""
        ...

    def log(self, channel: str, events: Sequence[Recorded], skipped: int) -> Delivered | RetryLater | Undeliverable:
        """Post lines of the running log as one message; ``skipped`` events before them are not shown."""
        ...

    def answer(
        self,
        pending: PendingRequest,
        text: str,
        response_url: ResponseUrl | None,
        blocks: Sequence[Mapping[str, Any]] = (),
    ) -> Delivered | RetryLater | Undeliverable:
        """Answer one user. ``text`` is complete by itself; ``blocks`` show the same, with buttons."""
        ...

    def show_home(self, user: str, blocks: Sequence[Mapping[str, Any]]) -> Delivered | RetryLater | Undeliverable:
        """Draw a user's App Home."""
        ...

    def log_head(
        self, channel: str, number: int, digest: str, typing_errors: int
    ) -> Delivered | RetryLater | Undeliverable:
        """Post the newest event's number and hash, as evidence, and the number of a day's typing errors."""
        ...

    def answer_after_restart(
        self, pending: PendingRequest, deletion: Deletion | None
    ) -> Delivered | RetryLater | Undeliverable:
        """Answer a user whose command or click was interrupted by a crash: post how the deletion stands now."""
        ...

    def answer_late(self, pending: PendingRequest) -> Delivered | RetryLater | Undeliverable:
        """Give an answer that Slack did not take at once: ``pending.text``, and of when it is."""
        ...


class Future(Protocol[T_co]):
    """The result of work in the background; the part of ``concurrent.futures.Future`` that is used."""

    def result(self, timeout: float | None = None) -> T_co: ...


class Gate(Protocol):
    """Closes and opens the gate for new work. Used by the checks that find something wrong with this process."""

    def close(self, reason: Reason, **facts: float) -> None:
        """Refuse new work for this reason. ``facts`` are for its sentence and the log."""
        ...

    def open(self, reason: Reason) -> None:
        """Withdraw this reason."""
        ...


class Admission(Protocol):
    """Whether this process takes new work; see ``bot.ops.admission``."""

    def refusal(self) -> Refused | None:
        """Why every command, click and claim is refused now; None if they are not."""
        ...


class InBackground(Protocol):
    """Runs a function in another thread while the caller goes on."""

    def __call__(self, work: Callable[[], T], /) -> Future[T]: ...


class Serialize(Protocol):
    """A lock for each name: within the context the caller holds it alone. The context is False after a timeout."""

    def __call__(self, name: str, seconds: float, /) -> AbstractContextManager[bool]: ...


@dataclass(frozen=True, slots=True)
class Config:
    """The settings that the use-cases work by. ``docs/settings.md`` says what each duration is for, in seconds."""

    target: Target
    rules: Rules
    connect_timeout: timedelta = timedelta(seconds=5)
    read_timeout: timedelta = timedelta(seconds=30)
    settle_after: timedelta = timedelta(seconds=600)
    max_open: int = 200
    audit_channel: str | None = None
    app_user_fingerprint: str = ""
    """The fingerprint of the ``X-App-UserId`` that is sent with every call; see ``Job.app_user_fingerprint``."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Everything the use-cases may touch. Built in ``bot.app`` and nowhere else.

    ``second_people`` asks Slack, for seconds at most, which listed users may be the second person of a deletion.
    ``deliver`` sends the messages that wait in the outbox for these threads, in this thread; messages that Slack does
    not take stay in the outbox.
    ``pending_writes`` retries writes that the ledger refused and that must happen: it returns the result, or None if
    the write has to wait.
    ``recheck`` calls the function again later, several times, to check that the ledger still has what was recorded.
    ``show_deleting`` draws the card of a claimed deletion as being deleted, in the background and only after a moment;
    the function that it returns calls this off.
    """

    ledger: Ledger
    jobs: Jobs
    people: People
    second_people: Callable[[Deletion], Called]
    messenger: Messenger
    clock: Clock
    config: Config
    in_background: InBackground
    serialize: Serialize
    deliver: Callable[[Iterable[Notification]], None]
    pending_writes: Callable[[DeletionId | None, Callable[[], Deletion | None]], Deletion | None]
    recheck: Callable[[DeletionId, Callable[[], object]], None]
    show_deleting: Callable[[Deletion], Callable[[], None]]
    admission: Admission
