"""What a reply to DELETE makes of a deletion: the right half of product.md's table of replies, as data. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from bot.lifecycle import Step
from bot.metastudio.replies import Meaning, meaning
from bot.model import Deletion, Reply, State
from bot.trail import Kind, TellKind


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
    SENDER_GONE = "sender_gone"
    READ_GONE = "read_gone"
    READ_PRESENT = "read_present"
    BY_HAND = "by_hand"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    RESTORED = "restored"


@dataclass(frozen=True, slots=True)
class Decision:
    """One row: the step, the word for why, and when MetaStudio is asked what became of the job."""

    step: Step
    ending: Ending
    kind: Kind = Kind.OUTCOME
    read_after: timedelta | None = None


SOON = timedelta(seconds=2)
AFTER_THE_LAG = timedelta(seconds=5)
"""A deletion that was accepted may take some seconds to show (undocumented, so the first look waits a little)."""

BY_MEANING: dict[Meaning, Decision] = {
    Meaning.OK: Decision(Step.REPLY_DELETED, Ending.REPLY_DELETED, read_after=AFTER_THE_LAG),
    Meaning.REJECTED: Decision(Step.REPLY_FAILED, Ending.REPLY_REJECTED, read_after=timedelta(0)),
    Meaning.BAD_CREDENTIALS: Decision(Step.REPLY_FAILED, Ending.BAD_CREDENTIALS),
    Meaning.FORBIDDEN: Decision(Step.REPLY_FAILED, Ending.FORBIDDEN),
    Meaning.THROTTLED: Decision(Step.REPLY_FAILED, Ending.THROTTLED),
    Meaning.NEVER_SENT: Decision(Step.NEVER_SENT, Ending.NEVER_SENT),
    Meaning.NOT_SIGNED_IN: Decision(Step.NEVER_SENT, Ending.NEVER_SENT),
    Meaning.SIGN_IN_REFUSED: Decision(Step.NEVER_SENT, Ending.NEVER_SENT),
    Meaning.UNCLEAR: Decision(Step.LOSE, Ending.UNCLEAR, Kind.UNKNOWN, SOON),
    Meaning.SERVER_ERROR: Decision(Step.LOSE, Ending.SERVER_ERROR, Kind.UNKNOWN, SOON),
    Meaning.LOST: Decision(Step.LOSE, Ending.LOST, Kind.UNKNOWN, SOON),
}

MAX_ATTEMPTS = 3
"""A throttled DELETE was certainly not carried out, so it is sent again at most twice."""

BACK_OFF = (2.0, 5.0)
"""Seconds before the second and third attempt; Huawei's FAQ on 0308 advises two to five."""


def decide(reply: Reply) -> Decision:
    """What this reply makes of a deletion whose claim is still ours."""
    return BY_MEANING[meaning(reply)]


def may_send_again(reply: Reply, attempt: int) -> bool:
    """Only a throttled DELETE is ever sent a second time."""
    return meaning(reply) is Meaning.THROTTLED and attempt < MAX_ATTEMPTS


LATE: dict[tuple[State, Step], tuple[Step, Kind, TellKind]] = {
    (State.UNKNOWN, Step.REPLY_DELETED): (Step.LATE_DELETED, Kind.OUTCOME, TellKind.OUTCOME),
    (State.UNKNOWN, Step.REPLY_FAILED): (Step.LATE_FAILED, Kind.OUTCOME, TellKind.OUTCOME),
    (State.UNKNOWN, Step.NEVER_SENT): (Step.LATE_FAILED, Kind.OUTCOME, TellKind.OUTCOME),
    (State.FAILED, Step.REPLY_DELETED): (Step.LATE_DELETED, Kind.CORRECTED, TellKind.CORRECTION),
    (State.DELETED, Step.REPLY_FAILED): (Step.LATE_FAILED, Kind.CORRECTED, TellKind.CORRECTION),
    (State.DELETED, Step.NEVER_SENT): (Step.LATE_FAILED, Kind.CORRECTED, TellKind.CORRECTION),
}
"""A reply that comes after somebody else took the row over: what it changes. Any other pair changes nothing; the reply
is recorded and told all the same, since support may need its request ID."""

NOTHING_DONE = frozenset(
    {Ending.REPLY_REJECTED, Ending.BAD_CREDENTIALS, Ending.FORBIDDEN, Ending.THROTTLED, Ending.NEVER_SENT}
)
"""The endings after which it is certain that no DELETE of this deletion had an effect, nor will have one."""


def may_have_worked(deletion: Deletion) -> bool:
    """Whether a DELETE of this deletion may have removed the job, or may still: whatever was claimed and not refused.

    *Present* after many reads is no certainty either: that DELETE may take effect later.
    """
    return bool(deletion.attempts) and deletion.ended_why not in NOTHING_DONE
