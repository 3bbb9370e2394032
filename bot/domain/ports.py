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
from bot.domain.notifications import Notification, PendingRequest
from bot.domain.policy import Rules
from bot.domain.refusals import Reason, Refused

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Clock(Protocol):
    """Time, so that tests can hold it.

    How old something is, is asked of ``bot.domain.age``, which takes both readings.
    """

    def now(self) -> datetime:
        """The present moment, timezone-aware UTC. It may be set back or forward at any time."""
        ...

    def monotonic(self) -> float:
        """Seconds that pass for this process, counted while the machine is suspended too. They never go back."""
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

    def prepare_delete(self, job: JobId) -> None:
        """Open the connection of a DELETE that will follow soon; it may take as long as connecting may."""
        ...

    def delete(self, job: JobId, *, may_send: Callable[[], bool]) -> Reply:
        """Send one DELETE, at most once.

        ``may_send`` is asked last of all before it is sent. Where it says no, the reply's cause is TOO_LATE.
        """
        ...

    def acquire(self, operation: Operation) -> bool:
        """Take a slot of the limiter, waiting a bounded time; False means busy."""
        ...

    def stopped_since(self) -> datetime | None:
        """When MetaStudio rejected the credentials, if calls are stopped because of that."""
        ...


class People(Protocol):
    """Who somebody is and what a conversation is, asked from Slack.

    ``fresh`` allows a *yes* of at most 5 seconds; with ``since`` it was also asked for after that moment. What is
    answered says when that was (``asked``); without that, it was asked for this caller.
    """

    def person(self, actor: Actor, *, fresh: bool = False, since: Moment | None = None) -> Person | LookupFailed: ...

    def conversation(
        self, channel: str, *, fresh: bool = False, since: Moment | None = None
    ) -> Conversation | LookupFailed: ...


@dataclass(frozen=True, slots=True)
class Delivered:
    """Slack took it; ``ts`` is the message's, where Slack gave one."""

    ts: str | None = None


@dataclass(frozen=True, slots=True)
class RetryLater:
    """Slack did not take it, or did not say; to be tried again after so many seconds.

    ``unanswered`` means that it may have arrived all the same.
    """

    after: float
    why: str
    unanswered: bool = False


@dataclass(frozen=True, slots=True)
class Undeliverable:
    """It can never be told there: the place or the message is gone, or closed to the bot."""

    why: str


@dataclass(frozen=True, slots=True)
class Called:
    """Who may be the second person of a deletion: ids of groups and people to mention, and how many more there are."""

    ids: tuple[str, ...] = ()
    more: int = 0


class Messenger(Protocol):
    """Slack, as far as it is told things. Never raises for anything Slack does."""

    def post_card(
        self, deletion: Deletion, earlier: Sequence[Deletion], called: Called
    ) -> Delivered | RetryLater | Undeliverable: ...

    def send(self, notification: Notification, deletion: Deletion) -> Delivered | RetryLater | Undeliverable: ...

    def announce(self, notification: Notification) -> Delivered | RetryLater | Undeliverable:
        """Say a message that is about no deletion, such as a freeze, in its channel."""
        ...

    def log(self, channel: str, events: Sequence[Recorded], skipped: int) -> Delivered | RetryLater | Undeliverable:
        """Lines of the running log, as one message; ``skipped`` events before them are not shown."""
        ...

    def answer(
        self, pending: PendingRequest, text: str, response_url: str | None, blocks: Sequence[Mapping[str, Any]] = ()
    ) -> Delivered | RetryLater | Undeliverable:
        """Answer one person. ``text`` is complete by itself; ``blocks`` show the same, with its buttons."""
        ...

    def show_home(self, user: str, blocks: Sequence[Mapping[str, Any]]) -> Delivered | RetryLater | Undeliverable:
        """Draw somebody's App Home."""
        ...

    def log_head(self, channel: str, number: int, digest: str) -> Delivered | RetryLater | Undeliverable:
        """The newest event's number and hash, for the channel to remember."""
        ...

    def answer_after_restart(
        self, pending: PendingRequest, deletion: Deletion | None
    ) -> Delivered | RetryLater | Undeliverable:
        """Tell somebody whose command or click a crash cut off how things stand now."""
        ...


class Future(Protocol[T_co]):
    """The result of something done beside; the part of ``concurrent.futures.Future`` that is used."""

    def result(self, timeout: float | None = None) -> T_co: ...


class Gate(Protocol):
    """What closes and opens the gate for new work: whoever finds out that something is wrong with this process."""

    def close(self, reason: Reason, **facts: float) -> None:
        """Take no new work for this reason. ``facts`` are for its sentence and the log."""
        ...

    def open(self, reason: Reason) -> None:
        """This reason stands no longer."""
        ...


class Admission(Protocol):
    """Whether this process takes new work; see ``bot.ops.admission``."""

    def refusal(self) -> Refused | None:
        """Why every command, click and claim is refused now; None while they are not."""
        ...


class InBackground(Protocol):
    """Runs a function in another thread while the caller goes on."""

    def __call__(self, work: Callable[[], T], /) -> Future[T]: ...


class Serialize(Protocol):
    """A queue for each name: within the context the caller is alone, unless it waited in vain and was told False."""

    def __call__(self, name: str, seconds: float, /) -> AbstractContextManager[bool]: ...


@dataclass(frozen=True, slots=True)
class Config:
    """The settings that the use-cases work by. Durations are what product.md section 5 calls them, in seconds there."""

    target: Target
    rules: Rules
    connect_timeout: timedelta = timedelta(seconds=5)
    read_timeout: timedelta = timedelta(seconds=30)
    settle_after: timedelta = timedelta(seconds=600)
    max_open: int = 200
    audit_channel: str | None = None
    app_user_fingerprint: str = ""
    """The mark of the ``X-App-UserId`` that goes out with every call; see ``Job.app_user_fingerprint``."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Everything the use-cases may touch. Built in ``bot.app`` and nowhere else.

    ``second_people`` asks Slack who of the listed people may be the second person of a deletion, for seconds at most.
    ``deliver`` sends what waits in the outbox for the threads of these messages, here and now; what Slack does not take
    stays in the outbox. ``pending_writes`` takes writes that
    must happen although the ledger refused them: it returns the result, or None when the write has to wait.
    ``recheck`` calls the function again later on, some times: it looks whether the ledger still has what was recorded.
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
    admission: Admission
