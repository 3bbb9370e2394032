"""What the reply to a first DELETE comes to, as one value."""

from __future__ import annotations

from bot.domain import lifecycle, outcomes
from bot.domain.model import Reply, State

AGAIN = "sent again at most twice, then failed"


def outcome(reply: Reply) -> State | str:
    """The state that the deletion ends in; ``AGAIN`` for a reply after which the DELETE may be sent again."""
    if outcomes.may_send_again(reply, attempt=1):
        return AGAIN
    return lifecycle.after(State.DELETING, outcomes.decide(reply).step)
