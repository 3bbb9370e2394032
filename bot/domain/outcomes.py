"""What a reply to DELETE makes of a deletion: the right half of product.md's table of replies, as data. Pure."""

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
    """Why a deletion stands where it stands, in one word; kept in ``Deletion.ended_why``."""

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
    """One row: the step, the word for why, and when MetaStudio is asked what became of the job."""

    step: Step
    ending: Ending
    kind: Kind = Kind.OUTCOME
    read_after: timedelta | None = None
    is_answer: bool = False
    """Whether MetaStudio itself has answered, so that fewer reads settle the doubt."""


SOON = timedelta(seconds=2)
AFTER_THE_LAG = timedelta(seconds=5)
"""A deletion that was accepted may take some seconds to show (undocumented, so the first look waits a little). So may
one that was refused: if something on the way repeated the DELETE, the other one may have been accepted."""

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
"""MetaStudio refused the DELETE, which is *failed*. If it was repeated on the way, an earlier one may have had its
effect, so the job is read, and the outcome is corrected where it is gone."""

MAX_ATTEMPTS = 3
"""A throttled DELETE is sent again at most twice, each time after checks that find the job as it was."""

BACK_OFF = (2.0, 5.0)
"""Seconds before the second and third attempt; Huawei's FAQ on 0308 advises two to five."""


def decide(reply: Reply, attempt: int = 1) -> Decision:
    """What this reply to that attempt makes of a deletion whose claim is still ours.

    An attempt before this one was sent and throttled, so where this one never left, the deletion ends as throttled.
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
"""A reply that comes after somebody else took the row over: what it changes. Any other pair changes nothing; the reply
is recorded and told all the same, since support may need its request ID. A refusal does not contradict *deleted*: it
may be the answer to a DELETE that was repeated on the way. A confirmation does not either, but from then on *deleted*
rests on MetaStudio's word and no read corrects it."""

UNCLAIMED = (State.AWAITING, State.REFUSED, State.CANCELLED, State.EXPIRED)
"""The states of a row that no claim holds."""

CLAIM_LOST: dict[tuple[State, Step], Step] = {
    **{(state, Step.REPLY_DELETED): Step.CLAIM_LOST_DELETED for state in UNCLAIMED},
    **{(state, Step.REPLY_FAILED): Step.CLAIM_LOST_FAILED for state in UNCLAIMED},
    **{(state, Step.NEVER_SENT): Step.CLAIM_LOST_FAILED for state in UNCLAIMED},
    **{(state, Step.LOSE): Step.CLAIM_LOST_UNKNOWN for state in UNCLAIMED},
    # Another claim holds the row: its own outcome stands, unless this reply says that the job is deleted, or may be.
    (State.DELETING, Step.REPLY_DELETED): Step.CLAIM_LOST_DELETED,
    (State.DELETING, Step.LOSE): Step.CLAIM_LOST_UNKNOWN,
    (State.UNKNOWN, Step.REPLY_DELETED): Step.CLAIM_LOST_DELETED,
    (State.FAILED, Step.REPLY_DELETED): Step.CLAIM_LOST_DELETED,
    (State.FAILED, Step.LOSE): Step.CLAIM_LOST_UNKNOWN,
}
"""What a reply changes whose claim the ledger has lost. Any other pair changes nothing; it is recorded and told."""


def kept(found: Deletion | None, attempt: Attempt) -> Attempt | None:
    """This attempt as the ledger has it, under whatever number; None where it has lost it."""
    attempts = found.attempts if found is not None else ()
    mine = (attempt.claim_token, attempt.claimed_at)
    return next((one for one in attempts if (one.claim_token, one.claimed_at) == mine), None)


def may_have_worked(deletion: Deletion) -> bool:
    """Whether a DELETE of this deletion may have removed the job, or may still: it was claimed, and it may have left.

    *Present* after many reads is no certainty: that DELETE may take effect later. Nor is a refusal; see ``REFUSED``.
    """
    return bool(deletion.attempts) and deletion.ended_why != Ending.NEVER_SENT
