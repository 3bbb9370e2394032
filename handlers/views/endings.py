"""How a deletion stands or ended, in words; and the answers that come late or after a restart. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from bot.domain.model import Deletion, State
from bot.domain.notifications import PendingRequest
from bot.domain.outcomes import REFUSED, Ending
from handlers.views.blocks import when
from handlers.views.wording import Wording


class Words(NamedTuple):
    """How a deletion stands or ended, for each place that shows this."""

    heading: str
    """The heading of the card."""
    sentence: str
    """The end of a sentence."""
    in_list: str


BY_STATE: dict[State, Words] = {
    State.AWAITING: Words("Delete this job permanently?", "it waits for a decision", "waits for a decision"),
    State.DELETING: Words(
        "Confirmed: the outcome is not known yet", "its outcome is not known yet", "outcome not known yet"
    ),
    State.UNKNOWN: Words(
        "Outcome unknown: the bot is finding out",
        "its outcome is not known yet and is being found out",
        "outcome not known yet",
    ),
    State.DELETED: Words("Job deleted", "the job is deleted", "deleted"),
    State.FAILED: Words("The deletion did not succeed", "it did not succeed; its thread says why", "did not succeed"),
    State.REFUSED: Words(
        "Refused: nothing was deleted", "it was refused and nothing was deleted", "refused, nothing deleted"
    ),
    State.CANCELLED: Words(
        "Cancelled: nothing was deleted", "it was cancelled and nothing was deleted", "cancelled, nothing deleted"
    ),
    State.EXPIRED: Words(
        "Expired: nothing was deleted", "its time ran out and nothing was deleted", "expired, nothing deleted"
    ),
}

BY_ENDING: dict[tuple[str | None, State], Words] = {
    (Ending.NEVER_SENT, State.FAILED): Words(
        "Job not deleted by this request",
        "its DELETE never left the bot, so it deleted nothing",
        "not deleted by this request",
    ),
    **{
        (why, State.FAILED): Words(
            "Refused: MetaStudio rejected the DELETE",
            "MetaStudio refused the DELETE; its thread says more",
            "refused by MetaStudio",
        )
        for why in REFUSED
    },
    (Ending.READ_GONE, State.DELETED): Words(
        "Job gone: found by look-ups",
        "the job is gone; whether by this deletion, its thread says as far as it is known",
        "gone, found by look-ups",
    ),
    (Ending.READ_PRESENT, State.FAILED): Words(
        "Treated as not deleted: the job was still there",
        "it is treated as not deleted, since several looks found the job still there; its thread says more",
        "still there after several reads, so treated as not deleted",
    ),
    (Ending.BY_HAND, State.DELETED): Words(
        "Closed by hand: deleted, by a person's word",
        "the job is gone, by the word of a person who looked",
        "deleted, by a person's word",
    ),
    (Ending.BY_HAND, State.FAILED): Words(
        "Closed by hand: not deleted, by a person's word",
        "the job is still there, by the word of a person who looked",
        "still there, by a person's word",
    ),
    (Ending.RESTORED, State.EXPIRED): Words(
        "Closed: the bot's ledger was restored; see the thread",
        "the bot's ledger was restored from a backup, so its card is closed; its thread says what was done before",
        "closed because the ledger was restored; its thread says what was done before",
    ),
    **{
        (Ending.LOST_COMMITS, state): Words(
            "Not known: the bot's ledger lost commits; see the thread",
            "what it did is not known, since the bot's ledger lost commits; its thread says more",
            "not known, since the ledger lost commits; its thread says more",
        )
        for state in (State.REFUSED, State.CANCELLED, State.EXPIRED, State.FAILED)
    },
}
"""Endings of which the state alone would say too much or too little."""


def words(deletion: Deletion) -> Words:
    """The row of this deletion."""
    return BY_ENDING.get((deletion.ended_why, deletion.state), BY_STATE[deletion.state])


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
    return (
        f"The bot restarted meanwhile. How the deletion stands: {words(deletion).sentence}. See the thread of {where}."
    )


def late_text(pending: PendingRequest) -> str:
    """An answer that Slack did not take at once, with the time of its request: the deletion may have gone on since."""
    return f"Late answer to your {pending.kind} of {when(pending.since)}, as things stood then: {pending.text}"
