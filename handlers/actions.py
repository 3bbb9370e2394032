"""The ids and values of our buttons, and the line that identifies a card. Pure."""

from __future__ import annotations

from bot.domain.model import DeletionId, State
from handlers.views.blocks import code

ABOUT_A_JOB = "job:"
"""Prefix of a job id in a button's value: a job's id may look like a deletion's."""

CONFIRM = "dh_confirm"
CANCEL = "dh_cancel"
CHECK_NOW = "dh_check_now"
CLOSE_DELETED = "dh_close_deleted"
CLOSE_PRESENT = "dh_close_present"

BY_HAND = frozenset({CLOSE_DELETED, CLOSE_PRESENT})
LIVE: dict[State, tuple[str, ...]] = {
    State.AWAITING: (CONFIRM, CANCEL),
    State.UNKNOWN: (CHECK_NOW, CLOSE_DELETED, CLOSE_PRESENT),
}
"""Which buttons of a card work in which state. A button that is pressed in another state stands on a stale message."""

OLDER_OF_CHANNEL = "dh_older_of_channel"
OLDER_OF_JOB = "dh_older_of_job"
OFFER = "dh_offer"


def small_print(deletion: DeletionId) -> str:
    """The last line of every card in each of its states; it identifies the card's deletion."""
    return f"Deletion {code(deletion)}"
