"""What a reply to DELETE does to a deletion: the step, the outcome and the next read of each meaning, as data. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from bot.domain.events import Kind
from bot.domain.lifecycle import Step
from bot.domain.model import Attempt, Deletion, Reply, State
from bot.domain.notifications import NotificationKind
from bot.domain.replies import Meaning, meaning


class Ending(StrEnum):
    """Why a deletion is in its state, in one word; kept in ``Deletion.ended_why``."""

    REPLY_DELETED = "reply_deleted"
    REPLY_REJECTED = "reply_rejected"
    BAD_CREDENTIALS = "bad_credentials"
    FORBIDDEN = "forbidden"
    THROTTLED = "throttled"
    NEVER_SENT = "never_sent"
    LOST = "lost"
    UNCLEAR = "unclear"
    SERVER_ERROR = "server_error"
    CONFLICT = "conflict"
    SENDER_GONE = "sender_gone"
    READ_GONE = "read_gone"
    READ_PRESENT = "read_present"
    BY_HAND = "by_hand"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    RESTORED = "restored"
    LOST_COMMITS = "lost_commits"


@dataclass(frozen=True, slots=True)
class Decision:
    """One row: the step, the ending, and the delay until the job is read."""

    step: Step
    ending: Ending
    kind: Kind = Kind.OUTCOME
    read_after: timedelta | None = None
    is_answer: bool = False
    """Whether MetaStudio itself has answered, so that fewer reads settle the outcome."""


SOON = timedelta(seconds=2)
AFTER_THE_LAG = timedelta(seconds=5)
"""The first read waits, because an accepted deletion may take some seconds to show (undocumented). So does the read
after a refusal: if a proxy repeated the DELETE, the other one may have been accepted."""

AFTER_THE_REST = timedelta(minutes=5, seconds=10)
"""After rejected credentials nothing is sent for five minutes."""

BY_MEANING: dict[Meaning, Decision] = {
    Meaning.OK: Decision(Step.REPLY_DELETED, Ending.REPLY_DELETED, read_after=AFTER_THE_LAG),
    Meaning.REJECTED: Decision(Step.REPLY_FAILED, Ending.REPLY_REJECTED, read_after=AFTER_THE_LAG),
    Meaning.BAD_CREDENTIALS: Decision(Step.REPLY_FAILED, Ending.BAD_CREDENTIALS, read_after=AFTER_THE_REST),
    Meaning.FORBIDDEN: Decision(Step.REPLY_FAILED, Ending.FORBIDDEN, read_after=AFTER_THE_LAG),
    Meaning.THROTTLED: Decision(Step.REPLY_FAILED, Ending.THROTTLED, read_after=AFTER_THE_LAG),
    Meaning.NEVER_SENT: Decision(Step.NEVER_SENT, Ending.NEVER_SENT),
    Meaning.NOT_SIGNED_IN: Decision(Step.NEVER_SENT, Ending.NEVER_SENT),
    Meaning.SIGN_IN_REFUSED: Decision(Step.NEVER_SENT, Ending.NEVER_SENT),
    Meaning.UNCLEAR: Decision(Step.LOSE, Ending.UNCLEAR, Kind.UNKNOWN, SOON),
    Meaning.LOST: Decision(Step.LOSE, Ending.LOST, Kind.UNKNOWN, SOON),
    Meaning.SERVER_ERROR: Decision(Step.LOSE, Ending.SERVER_ERROR, Kind.UNKNOWN, SOON, is_answer=True),
    Meaning.CONFLICT: Decision(Step.LOSE, Ending.CONFLICT, Kind.UNKNOWN, SOON, is_answer=True),
}

REFUSED = (Ending.REPLY_REJECTED, Ending.BAD_CREDENTIALS, Ending.FORBIDDEN, Ending.THROTTLED)
"""MetaStudio refused the DELETE: *failed*. If a proxy repeated the DELETE, an earlier one may have worked, so the job
is read, and the outcome is corrected if the job is gone."""

MAX_ATTEMPTS = 3
"""A throttled DELETE is sent again at most twice, each time after checks that found the job unchanged."""

BACK_OFF = (2.0, 5.0)
"""Seconds before the second and third attempt; Huawei's FAQ on 0308 advises two to five."""


def decide(reply: Reply, attempt: int = 1) -> Decision:
    """What this reply to that attempt does to a deletion whose claim is still ours.

    Earlier attempts were sent and throttled, so if this one never left, the deletion ends as throttled.
    """
    decision = BY_MEANING[meaning(reply)]
    return BY_MEANING[Meaning.THROTTLED] if attempt > 1 and decision.ending is Ending.NEVER_SENT else decision


def may_send_again(reply: Reply, attempt: int) -> bool:
    """Only a throttled DELETE is ever sent a second time."""
    return meaning(reply) is Meaning.THROTTLED and attempt < MAX_ATTEMPTS


LATE: dict[tuple[State, Step], tuple[Step, Kind, NotificationKind]] = {
    (State.UNKNOWN, Step.REPLY_DELETED): (Step.LATE_DELETED, Kind.OUTCOME, NotificationKind.OUTCOME),
    (State.UNKNOWN, Step.REPLY_FAILED): (Step.LATE_FAILED, Kind.OUTCOME, NotificationKind.OUTCOME),
    (State.UNKNOWN, Step.NEVER_SENT): (Step.LATE_FAILED, Kind.OUTCOME, NotificationKind.OUTCOME),
    (State.FAILED, Step.REPLY_DELETED): (Step.LATE_DELETED, Kind.CORRECTED, NotificationKind.CORRECTION),
    (State.DELETED, Step.REPLY_DELETED): (Step.LATE_DELETED, Kind.REPLIED, NotificationKind.LATE),
    (State.DELETED, Step.NEVER_SENT): (Step.LATE_FAILED, Kind.CORRECTED, NotificationKind.CORRECTION),
}
"""What a reply changes after another process took the row over. Any other pair changes nothing, but the reply is still
recorded and posted, since support may need its request ID. A refusal does not contradict *deleted*: it may answer a
DELETE that a proxy repeated. A confirmation makes *deleted* rest on MetaStudio's word, so no read corrects it any more.
"""

UNCLAIMED = (State.AWAITING, State.REFUSED, State.CANCELLED, State.EXPIRED)
"""The states of a row that no claim holds."""

CLAIM_LOST: dict[tuple[State, Step], Step] = {
    **{(state, Step.REPLY_DELETED): Step.CLAIM_LOST_DELETED for state in UNCLAIMED},
    **{(state, Step.REPLY_FAILED): Step.CLAIM_LOST_FAILED for state in UNCLAIMED},
    **{(state, Step.NEVER_SENT): Step.CLAIM_LOST_FAILED for state in UNCLAIMED},
    **{(state, Step.LOSE): Step.CLAIM_LOST_UNKNOWN for state in UNCLAIMED},
    # Another claim holds the row: its outcome stands, unless this reply means that the job is deleted or may be.
    (State.DELETING, Step.REPLY_DELETED): Step.CLAIM_LOST_DELETED,
    (State.DELETING, Step.LOSE): Step.CLAIM_LOST_UNKNOWN,
    (State.UNKNOWN, Step.REPLY_DELETED): Step.CLAIM_LOST_DELETED,
    (State.FAILED, Step.REPLY_DELETED): Step.CLAIM_LOST_DELETED,
    (State.FAILED, Step.LOSE): Step.CLAIM_LOST_UNKNOWN,
}
"""What a reply changes if the ledger lost its claim. Any other pair changes nothing; it is recorded and posted."""


def kept(found: Deletion | None, attempt: Attempt) -> Attempt | None:
    """This attempt as the ledger has it, under any number; None if the ledger lost it."""
    attempts = found.attempts if found is not None else ()
    mine = (attempt.claim_token, attempt.claimed_at)
    return next((one for one in attempts if (one.claim_token, one.claimed_at) == mine), None)


def may_have_worked(deletion: Deletion) -> bool:
    """Whether a DELETE of this deletion may have removed the job, or may still do so: it was claimed and may have left.

    *Present* after many reads does not exclude it, because the DELETE may take effect later. Nor does a refusal; see
    ``REFUSED``.
    """
    return bool(deletion.attempts) and deletion.ended_why != Ending.NEVER_SENT
