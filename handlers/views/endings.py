"""How a deletion stands or ended, in words; and the answers that come late or after a restart. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from typing import NamedTuple

from bot.domain.model import Deletion, Job, State
from bot.domain.notifications import PendingRequest
from bot.domain.outcomes import REFUSED, Ending
from bot.domain.refusals import Reason
from handlers.views.blocks import visible, when
from handlers.views.wording import Wording

BLANKS = "\u115f\u1160\u2800\u3164\uffa0"
"""Letters and symbols that look like a space."""
LONGEST_NAME = 60
"""A heading has at most 150 characters, a dialog 300."""


class Words(NamedTuple):
    """How a deletion stands or ended, for each place that shows this."""

    heading: str
    """The heading of the card, with a place for the job: the verdict first."""
    line: str
    """What the heading leaves open, as the first sentence below it; empty where nothing is."""
    sentence: str
    """The end of a sentence."""
    in_list: str


BY_STATE: dict[State, Words] = {
    State.AWAITING: Words("Delete {job} permanently?", "", "it waits for a decision", "waits for a decision"),
    State.DELETING: Words(
        "Deleting {job} …",
        "Its outcome is not known yet; the thread will say how it ends.",
        "its outcome is not known yet",
        "outcome not known yet",
    ),
    State.UNKNOWN: Words(
        "Not sure yet if {job} is deleted",
        "The DELETE may or may not have worked. It is not sent again; the bot checks until it knows.",
        "its outcome is not known yet; the bot is checking",
        "outcome not known yet",
    ),
    State.DELETED: Words("Deleted: {job}", "", "the job is deleted", "deleted"),
    State.FAILED: Words(
        "Did not succeed: deleting {job}",
        "See the thread.",
        "it did not succeed; its thread says why",
        "did not succeed",
    ),
    State.REFUSED: Words(
        "Refused, nothing deleted: {job}", "", "it was refused and nothing was deleted", "refused, nothing deleted"
    ),
    State.CANCELLED: Words(
        "Cancelled, nothing deleted: {job}",
        "",
        "it was cancelled and nothing was deleted",
        "cancelled, nothing deleted",
    ),
    State.EXPIRED: Words(
        "Timed out, nothing deleted: {job}",
        "The time to confirm is over.",
        "its time ran out and nothing was deleted",
        "timed out, nothing deleted",
    ),
}


def _refused(heading: str, line: str) -> Words:
    """Why a card was refused; everywhere else one refusal reads like another."""
    return BY_STATE[State.REFUSED]._replace(heading=heading, line=line)


BY_ENDING: dict[tuple[str | None, State], Words] = {
    (Ending.NEVER_SENT, State.FAILED): Words(
        "Not deleted by this request: {job}",
        "Its DELETE never left the bot.",
        "its DELETE never left the bot, so it deleted nothing",
        "not deleted by this request",
    ),
    **{
        (why, State.FAILED): Words(
            "Huawei refused to delete {job}",
            "",
            "Huawei refused the DELETE; its thread says more",
            "refused by Huawei",
        )
        for why in REFUSED
    },
    (Ending.THROTTLED, State.FAILED): Words(
        "Huawei rate-limits us: {job}",
        "",
        "Huawei throttled the DELETE; its thread says more",
        "throttled by Huawei",
    ),
    (Ending.REPLY_DELETED, State.DELETED): BY_STATE[State.DELETED]._replace(line="Huawei confirmed it."),
    (Ending.READ_GONE, State.DELETED): Words(
        "Gone: {job}",
        "Checks found it gone; see the thread.",
        "the job is gone; whether by this deletion, its thread says as far as it is known",
        "gone, found by checks",
    ),
    (Ending.READ_PRESENT, State.FAILED): Words(
        "Counts as not deleted: {job}",
        "Several checks found it still there.",
        "it counts as not deleted, since several checks found the job still there; its thread says more",
        "still there after several checks, so it counts as not deleted",
    ),
    (Ending.BY_HAND, State.DELETED): Words(
        "Checked by hand, gone: {job}",
        "",
        "the job is gone, by the word of a person who checked",
        "gone, by a person's word",
    ),
    (Ending.BY_HAND, State.FAILED): Words(
        "Checked by hand, still there: {job}",
        "",
        "the job is still there, by the word of a person who checked",
        "still there, by a person's word",
    ),
    (Ending.RESTORED, State.EXPIRED): Words(
        "Closed, see the thread: {job}",
        "The bot's database was restored from a backup, so this card deletes nothing any more.",
        "the bot's database was restored from a backup, so its card is closed; its thread says what was done before",
        "closed because the bot's database was restored; its thread says what was done before",
    ),
    **{
        (Ending.LOST_COMMITS, state): Words(
            "Not known, see the thread: {job}",
            "The bot's database lost what was recorded about this.",
            "what it did is not known, since the bot's database lost commits; its thread says more",
            "not known, since the bot's database lost commits; its thread says more",
        )
        for state in (State.REFUSED, State.CANCELLED, State.EXPIRED, State.FAILED)
    },
    (Reason.JOB_CHANGED, State.REFUSED): _refused(
        "Not deleted, the job has changed: {job}", "Nothing was deleted; the thread says what has changed."
    ),
    (Reason.JOB_GONE, State.REFUSED): _refused(
        "Huawei no longer shows {job}", "It is neither shown nor listed. The press that found this sent no DELETE."
    ),
    (Reason.RESTARTED, State.REFUSED): _refused(
        "Closed, nothing deleted: {job}", "The bot restarted before this card was saved. Run the command again."
    ),
    (Reason.CARD_NOT_POSTED, State.REFUSED): _refused(
        "Closed, nothing deleted: {job}", "Slack did not confirm this card in time. Run the command again."
    ),
    (Reason.REQUESTER_LOST_RIGHT, State.REFUSED): _refused(
        "Refused, nothing deleted: {job}", "The person who asked may no longer delete jobs."
    ),
}
"""Endings of which the state alone would say too much or too little."""


def words(deletion: Deletion) -> Words:
    """The row of this deletion."""
    return BY_ENDING.get((deletion.ended_why, deletion.state), BY_STATE[deletion.state])


def heading(deletion: Deletion) -> str:
    """The heading of a deletion's card: the verdict, with the job's name, or its id where it has no name."""
    return words(deletion).heading.format(job=named(deletion.job))


def named(job: Job) -> str:
    """The job in a heading or dialog, in plain text: its name in quotes, since names are what others typed, or its id.

    The whole name and the id stand below it.
    """
    name = title(job)
    return f"“{name.replace('“', chr(39)).replace('”', chr(39))}”" if name else str(job.job_id)


def title(job: Job) -> str:
    """The job's name, cut to a length that fits; empty if it has none, or none that can be seen."""
    name = job.name.strip()
    if not any(unicodedata.category(one)[0] in "LNPS" and one not in BLANKS for one in name):
        return ""
    if len(visible(name)) <= LONGEST_NAME:
        return visible(name)
    name = name[:LONGEST_NAME]
    while len(visible(name)) >= LONGEST_NAME:
        name = name[:-1]
    return f"{visible(name)}…"


def restart_text(
    pending: PendingRequest, deletion: Deletion | None, wording: Wording, link: Callable[[Deletion], str | None]
) -> str:
    """The answer to a command or click that a restart interrupted. States only what is true of the deletion by now."""
    wording = wording.for_(pending.kind)
    again = f"Run `{wording.command}` again" if pending.kind == "command" else "Press the button again"
    if deletion is None:
        # A subcommand is about no job.
        still = " if it should still go" if pending.job or pending.kind == "click" else ""
        return f"*The bot restarted* before it could answer. {wording.nothing} {again}{still}."
    found = link(deletion)
    where = f"<{found}|its card>" if found else "its card"
    if deletion.state is State.AWAITING and deletion.message_ts is not None:
        do = f"See {where}." if pending.kind == "command" else f"{again} on {where}."
        return f"*The bot restarted.* {wording.nothing} The card still waits for a decision. {do}"
    if deletion.state in {State.AWAITING, State.REFUSED}:
        return f"*The bot restarted* before it could finish. {wording.nothing} Run `{wording.command}` again."
    return f"*The bot restarted.* How the deletion stands: {words(deletion).sentence}. See the thread of {where}."


def late_text(pending: PendingRequest) -> str:
    """An answer that Slack did not take at once, with the time of its request: the deletion may have gone on since."""
    return f"*Late answer* to your {pending.kind} of {when(pending.since)}, as things stood then: {pending.text}"
