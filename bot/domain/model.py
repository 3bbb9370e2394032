"""The values that the rest of the bot works with: frozen, comparable, without side effects.

One word per thing: a *job* is Huawei's, a *deletion* is one request to delete one job, the *card* is the bot's parent
message, an *actor* is a Slack user, a *reply* is MetaStudio's answer to one call.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NewType

from bot.domain.age import Moment

JobId = NewType("JobId", str)
DeletionId = NewType("DeletionId", str)

JOB_ID_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
"""Use with ``fullmatch`` only: ``match`` with ``$`` would accept a trailing newline."""

DELETION_ID_PATTERN = re.compile(r"[0-9a-f]{16}")

REASON_LIMIT = 500


@dataclass(frozen=True, slots=True)
class Actor:
    """A Slack user as the payload names them. Both ids are opaque; the team is the user's, not the app's."""

    user: str
    team: str


@dataclass(frozen=True, slots=True)
class Target:
    """The one MetaStudio project that this bot serves. Deletions are unique per (endpoint, project_id, job).

    The region is only a label: the same endpoint and project with another region is the same target.
    """

    endpoint: str
    region: str = field(compare=False)
    project_id: str


@dataclass(frozen=True, slots=True)
class Job:
    """The fields of a MetaStudio job that a user may see. All other fields of the answer are dropped.

    Times are kept as MetaStudio wrote them (RFC 3339 UTC by its documentation). ``last_update_time`` is the last time
    the *user* submitted the job, not the last change of its state.
    """

    job_id: JobId
    state: str
    name: str = ""
    asset_id: str = ""
    create_time: str = ""
    last_update_time: str = ""
    model_version: str = ""
    model_resolution: str = ""
    supported_service: tuple[str, ...] = ()
    voice_train_job_id: str = ""
    app_user_fingerprint: str = ""
    """A fingerprint of the ``X-App-UserId`` under which the job was read. Another ``X-App-UserId`` may not see it."""


class Operation(StrEnum):
    """The three operations of the MetaStudio API that the bot uses."""

    SHOW = "Show2dModelTrainingJob"
    DELETE = "Delete2dModelTrainingJob"
    LIST = "List2dModelTrainingJob"


class Cause(StrEnum):
    """Why a call has no HTTP reply. For the causes in ``NEVER_LEFT`` the request certainly did not arrive."""

    CONNECTION_REFUSED = "connection refused"
    NO_ADDRESS = "the host name could not be resolved"
    CONNECT_TIMEOUT = "no TCP connection within the time allowed"
    BAD_CERTIFICATE = "the certificate could not be verified"
    PROXY_REFUSED = "the proxy refused the connection"
    UNUSABLE_CONNECTION = "the connection was closed, or brought an answer, before anything was sent"
    NO_CREDENTIALS = "no usable credentials"
    SIGN_IN_FAILED = "IAM gave no token"
    SIGN_IN_REFUSED = "IAM refused the sign-in"
    LIMITED = "the bot's own rate limit left no room"
    TOO_LATE = "the time allowed for sending had passed"
    BREAKER_OPEN = "calls are stopped because the credentials were rejected"
    LEDGER_TROUBLE = "the bot's ledger could not be asked whether calls are stopped"
    TIMED_OUT = "no answer within the time allowed"
    CUT = "the connection broke before a whole answer had arrived"
    HANDSHAKE_HUNG = "the TLS handshake did not finish"
    NONSENSE = "the answer was not HTTP"


NEVER_LEFT = frozenset(
    {
        Cause.CONNECTION_REFUSED,
        Cause.NO_ADDRESS,
        Cause.CONNECT_TIMEOUT,
        Cause.BAD_CERTIFICATE,
        Cause.PROXY_REFUSED,
        Cause.UNUSABLE_CONNECTION,
        Cause.NO_CREDENTIALS,
        Cause.SIGN_IN_FAILED,
        Cause.SIGN_IN_REFUSED,
        Cause.LIMITED,
        Cause.TOO_LATE,
        Cause.BREAKER_OPEN,
        Cause.LEDGER_TROUBLE,
    }
)


@dataclass(frozen=True, slots=True)
class Reply:
    """What MetaStudio answered to one call, or why it did not.

    Exactly one of ``status`` and ``cause`` is set. ``message`` is scrubbed and at most 500 characters long.
    ``body_ok`` says that the body is as documented: JSON of the right shape for Show and List; empty, ``{}`` or only a
    request id for Delete. ``other_request_id`` is a second request ID of the same answer. ``retry_after`` is in
    seconds. ``clock_skew`` is the server's ``Date`` minus our clock in seconds, if the server sent one.
    """

    operation: Operation
    at: datetime
    status: int | None = None
    cause: Cause | None = None
    code: str | None = None
    message: str | None = None
    request_id: str | None = None
    other_request_id: str | None = None
    body_ok: bool = True
    retry_after: float | None = None
    clock_skew: float | None = None
    asked: Moment | None = field(default=None, compare=False, repr=False)
    """When the request was sent, by the clocks of this process."""


@dataclass(frozen=True, slots=True)
class Shown:
    """The reply to Show, with the job if there was one."""

    reply: Reply
    job: Job | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """The reply to List: the count MetaStudio states and the jobs of this page.

    ``unreadable`` counts entries without a usable job id. Each of them may be any job.
    """

    reply: Reply
    count: int | None = None
    jobs: tuple[Job, ...] = ()
    unreadable: int = 0


class State(StrEnum):
    """Where a deletion stands. NEW is the moment before it exists."""

    NEW = "new"
    AWAITING = "awaiting"
    DELETING = "deleting"
    UNKNOWN = "unknown"
    DELETED = "deleted"
    FAILED = "failed"
    REFUSED = "refused"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


OPEN_STATES = frozenset({State.AWAITING, State.DELETING, State.UNKNOWN})
"""At most one deletion per endpoint, project and job may be in one of these: the ledger's unique index."""


class ConfirmBy(StrEnum):
    """Who may press *Delete permanently* (setting CONFIRM_BY)."""

    REQUESTER = "requester"
    ANY_OPERATOR = "any_operator"
    SECOND_PERSON = "second_person"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One DELETE that was claimed. It was sent, was certainly not sent, or that is unknown. Times are UTC."""

    number: int
    claim_token: str
    claimed_at: datetime
    send_before: datetime
    replied_at: datetime | None = None
    status: int | None = None
    cause: Cause | None = None
    code: str | None = None
    message: str | None = None
    request_id: str | None = None
    other_request_id: str | None = None
    """A second request ID in the same answer; ``request_id`` comes first."""


@dataclass(frozen=True, slots=True)
class Deletion:
    """One request to delete one job, as the ledger stores it.

    ``job`` is the snapshot that the card shows; the approval holds for exactly that snapshot. All times are UTC.
    """

    id: DeletionId
    target: Target
    job: Job
    state: State
    requester: Actor
    channel: str
    confirm_by: ConfirmBy
    asked_at: datetime
    reason: str | None = None
    message_ts: str | None = None
    deadline_at: datetime | None = None
    confirmer: Actor | None = None
    confirmed_at: datetime | None = None
    claim_token: str | None = None
    send_before: datetime | None = None
    takeover_at: datetime | None = None
    """From then on any process may make a DELETING row UNKNOWN. No process may send again."""
    ended_at: datetime | None = None
    ended_why: str | None = None
    """A short constant of ours (a ``Reason`` or ``Ending`` value), never free text from outside."""
    ended_by: Actor | None = None
    attempts: tuple[Attempt, ...] = ()
    # What reads have shown so far, while the outcome is unknown or a read after the outcome is due.
    unknown_since: datetime | None = None
    answered_5xx: bool = False
    """MetaStudio itself answered the DELETE, but not with an outcome, so fewer reads settle it."""
    reads_agreeing: int = 0
    reads_first_at: datetime | None = None
    reads_last: str | None = None
    read_due_at: datetime | None = None
    verified_at: datetime | None = None
    reminded: bool = False
    """Whether its one reminder was sent: while AWAITING, that the card waits; from the claim on, that reads cannot
    decide."""

    @property
    def last_attempt(self) -> Attempt | None:
        """The last attempt of the claim that holds the row, or held it last."""
        of_the_claim = [one for one in self.attempts if one.claim_token == self.claim_token]
        return (of_the_claim or self.attempts or (None,))[-1]


@dataclass(frozen=True, slots=True)
class Person:
    """An actor's account in Slack. ``ids`` holds the root id and, on Enterprise Grid, ``enterprise_user.id``."""

    actor: Actor
    ids: frozenset[str]
    is_own: bool
    is_deactivated: bool = False
    is_bot: bool = False
    is_guest: bool = False
    groups: frozenset[str] = frozenset()
    """The group of AUTHORIZED_USERGROUPS that authorizes them; empty where they need none or are in none."""
    groups_unknown: str | None = None
    """Slack's error code or ours, if the look-up of their groups failed. Then no group authorizes them."""
    asked: Moment | None = field(default=None, compare=False, repr=False)
    """When Slack was asked, by the clocks of this process; of several calls the first."""


class ConversationKind(StrEnum):
    """What kind of conversation a command or click came from."""

    CHANNEL = "channel"
    DIRECT = "direct message"
    GROUP_DIRECT = "group direct message"
    EXTERNAL = "Slack Connect channel"


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation, as Slack describes it now."""

    channel: str
    kind: ConversationKind
    is_member: bool = True
    is_archived: bool = False
    asked: Moment | None = field(default=None, compare=False, repr=False)
    """When Slack was asked, by the clocks of this process."""


@dataclass(frozen=True, slots=True)
class Ask:
    """A user typed the command. ``id`` becomes the deletion's id, and is the id of the pending request."""

    id: DeletionId
    actor: Actor
    channel: str
    job_id: JobId
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Press:
    """A user pressed a button. ``message_ts`` is the message with the button.

    ``is_copy`` says that this message, as it came in Slack's payload, is a card of the same deletion.
    """

    id: str
    actor: Actor
    channel: str
    deletion: DeletionId
    message_ts: str | None = None
    is_copy: bool = False


@dataclass(frozen=True, slots=True)
class Freeze:
    """All deletions of one target are stopped until a user allows them again. ``reason`` is as it was typed.

    ``by`` is None for a freeze by the bot itself, because its ledger lost commits.
    """

    id: str
    by: Actor | None
    at: datetime
    channel: str
    reason: str


@dataclass(frozen=True, slots=True)
class LookupFailed:
    """Slack could not be asked, or did not answer: always a refusal. ``why`` is Slack's error code or ours."""

    why: str
