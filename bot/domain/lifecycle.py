"""The life of a deletion as one table: (state, step) -> next state. Every edge is in this table.

The table says what is possible; the database decides who changes a row. The ledger turns a step into one conditional
UPDATE that names the states it may leave.
"""

from __future__ import annotations

from enum import StrEnum

from bot.domain.model import State


class Step(StrEnum):
    """What can happen to a deletion."""

    PROPOSE = "propose"
    REFUSE = "refuse"
    CANCEL = "cancel"
    EXPIRE = "expire"
    CLAIM = "claim"
    CLAIM_AGAIN = "claim again"
    REPLY_DELETED = "reply: deleted"
    REPLY_FAILED = "reply: failed"
    NEVER_SENT = "never sent"
    LOSE = "lose"
    READ_GONE = "read: gone"
    READ_PRESENT = "read: present"
    LATE_DELETED = "late reply: deleted"
    LATE_FAILED = "late reply: failed"
    CLOSE_DELETED = "closed by hand: deleted"
    CLOSE_FAILED = "closed by hand: failed"
    CLAIM_LOST_DELETED = "claim lost: deleted"
    CLAIM_LOST_FAILED = "claim lost: failed"
    CLAIM_LOST_UNKNOWN = "claim lost: unknown"


TABLE: dict[tuple[State, Step], State] = {
    # A job that may not be deleted is refused at once; everything else gets a card.
    (State.NEW, Step.PROPOSE): State.AWAITING,
    (State.NEW, Step.REFUSE): State.REFUSED,
    # While the card waits for a click.
    (State.AWAITING, Step.REFUSE): State.REFUSED,
    (State.AWAITING, Step.CANCEL): State.CANCELLED,
    (State.AWAITING, Step.EXPIRE): State.EXPIRED,
    (State.AWAITING, Step.CLAIM): State.DELETING,
    # While a sender holds the claim. A throttled DELETE needs a new claim for its next attempt.
    (State.DELETING, Step.CLAIM_AGAIN): State.DELETING,
    (State.DELETING, Step.REPLY_DELETED): State.DELETED,
    (State.DELETING, Step.REPLY_FAILED): State.FAILED,
    (State.DELETING, Step.NEVER_SENT): State.FAILED,
    (State.DELETING, Step.LOSE): State.UNKNOWN,
    # UNKNOWN is settled by reads, by a late reply, or by a person; never by time.
    (State.UNKNOWN, Step.READ_GONE): State.DELETED,
    (State.UNKNOWN, Step.READ_PRESENT): State.FAILED,
    (State.UNKNOWN, Step.LATE_DELETED): State.DELETED,
    (State.UNKNOWN, Step.LATE_FAILED): State.FAILED,
    (State.UNKNOWN, Step.CLOSE_DELETED): State.DELETED,
    (State.UNKNOWN, Step.CLOSE_FAILED): State.FAILED,
    # The posted outcome turns out to be wrong: the correction is recorded and posted.
    (State.FAILED, Step.READ_GONE): State.DELETED,
    (State.FAILED, Step.LATE_DELETED): State.DELETED,
    (State.DELETED, Step.LATE_FAILED): State.FAILED,
    # A late reply confirms what reads had found.
    (State.DELETED, Step.LATE_DELETED): State.DELETED,
    # Only for an outcome that rests on reads: reads do not correct MetaStudio's own reply.
    (State.DELETED, Step.READ_PRESENT): State.FAILED,
    # The ledger lost the commit of a claim: its sender finds the row as it was before, or as others have changed it
    # since, and records the reply that it holds. Where another claim holds the row, a refusal changes nothing.
    (State.AWAITING, Step.CLAIM_LOST_DELETED): State.DELETED,
    (State.AWAITING, Step.CLAIM_LOST_FAILED): State.FAILED,
    (State.AWAITING, Step.CLAIM_LOST_UNKNOWN): State.UNKNOWN,
    (State.REFUSED, Step.CLAIM_LOST_DELETED): State.DELETED,
    (State.REFUSED, Step.CLAIM_LOST_FAILED): State.FAILED,
    (State.REFUSED, Step.CLAIM_LOST_UNKNOWN): State.UNKNOWN,
    (State.CANCELLED, Step.CLAIM_LOST_DELETED): State.DELETED,
    (State.CANCELLED, Step.CLAIM_LOST_FAILED): State.FAILED,
    (State.CANCELLED, Step.CLAIM_LOST_UNKNOWN): State.UNKNOWN,
    (State.EXPIRED, Step.CLAIM_LOST_DELETED): State.DELETED,
    (State.EXPIRED, Step.CLAIM_LOST_FAILED): State.FAILED,
    (State.EXPIRED, Step.CLAIM_LOST_UNKNOWN): State.UNKNOWN,
    (State.DELETING, Step.CLAIM_LOST_DELETED): State.DELETED,
    (State.DELETING, Step.CLAIM_LOST_UNKNOWN): State.UNKNOWN,
    (State.UNKNOWN, Step.CLAIM_LOST_DELETED): State.DELETED,
    (State.FAILED, Step.CLAIM_LOST_DELETED): State.DELETED,
    (State.FAILED, Step.CLAIM_LOST_UNKNOWN): State.UNKNOWN,
}


class Impossible(Exception):
    """The table has no such step from this state. Always a programming error, since the ledger checks first."""


def after(state: State, step: Step) -> State:
    """The state that follows; raises ``Impossible`` where the table has no such edge."""
    try:
        return TABLE[state, step]
    except KeyError:
        raise Impossible(f"no edge from {state.value!r} by {step.value!r}") from None


def sources(step: Step) -> frozenset[State]:
    """The states that a step may leave: the ledger's UPDATE names them in its WHERE."""
    return frozenset(state for state, known in TABLE if known is step)


def target(step: Step) -> State:
    """The one state that a step leads to. A test proves that the table has only one."""
    return next(new for (_, known), new in TABLE.items() if known is step)
