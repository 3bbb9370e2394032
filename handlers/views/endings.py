"""How a deletion stands or ended, in words; and the answer to a request that a restart interrupted. Pure."""

from __future__ import annotations

from collections.abc import Callable

from bot.domain.model import Deletion, State
from bot.domain.notifications import PendingRequest
from bot.domain.outcomes import REFUSED, Ending
from handlers.views.wording import Wording

ENDED: dict[State, str] = {
    State.NEW: "it has not begun",
    State.AWAITING: "it waits for a decision",
    State.DELETING: "its outcome is not known yet",
    State.UNKNOWN: "its outcome is not known yet and is being found out",
    State.DELETED: "the job is deleted",
    State.FAILED: "it did not succeed; its thread says why",
    State.REFUSED: "it was refused and nothing was deleted",
    State.CANCELLED: "it was cancelled and nothing was deleted",
    State.EXPIRED: "its time ran out and nothing was deleted",
}

ENDED_BY_ENDING: dict[tuple[str | None, State], str] = {
    (Ending.NEVER_SENT, State.FAILED): "its DELETE never left the bot, so it deleted nothing",
    **{(why, State.FAILED): "MetaStudio refused the DELETE; its thread says more" for why in REFUSED},
    (
        Ending.READ_GONE,
        State.DELETED,
    ): "the job is gone; whether by this deletion, its thread says as far as it is known",
    (Ending.READ_PRESENT, State.FAILED): (
        "it is treated as not deleted, since several looks found the job still there; its thread says more"
    ),
    (Ending.BY_HAND, State.DELETED): "the job is gone, by the word of a person who looked",
    (Ending.BY_HAND, State.FAILED): "the job is still there, by the word of a person who looked",
    (Ending.RESTORED, State.EXPIRED): (
        "the bot's ledger was restored from a backup, so its card is closed; its thread says what was done before"
    ),
    **{
        (
            Ending.LOST_COMMITS,
            state,
        ): "what it did is not known, since the bot's ledger lost commits; its thread says more"
        for state in (State.REFUSED, State.CANCELLED, State.EXPIRED, State.FAILED)
    },
}
"""Endings of which the state alone would say too much or too little."""


def how_it_ended(deletion: Deletion) -> str:
    """How a deletion stands or ended, as the end of a sentence."""
    return ENDED_BY_ENDING.get((deletion.ended_why, deletion.state), ENDED[deletion.state])


def restart_text(
    pending: PendingRequest, deletion: Deletion | None, wording: Wording, link: Callable[[Deletion], str | None]
) -> str:
    """The answer to a command or click that a restart interrupted. States only what is true of the deletion by now."""
    wording = wording.for_(pending.kind)
    again = f"Run `{wording.command}` again" if pending.kind == "command" else "Press the button again"
    if deletion is None:
        # A subcommand is about no job.
        still = " if it should still go" if pending.job or pending.kind == "click" else ""
        return f"The bot restarted before it could answer. {wording.nothing} {again}{still}."
    found = link(deletion)
    where = f"<{found}|its card>" if found else "its card"
    if deletion.state is State.AWAITING and deletion.message_ts is not None:
        do = f"See {where}." if pending.kind == "command" else f"{again} on {where}."
        return f"The bot restarted. {wording.nothing} The card still waits for a decision. {do}"
    if deletion.state in {State.AWAITING, State.REFUSED}:
        return f"The bot restarted before it could finish. {wording.nothing} Run `{wording.command}` again."
    return f"The bot restarted meanwhile. How the deletion stands: {how_it_ended(deletion)}. See the thread of {where}."
