"""Lists that only one person sees: past deletions, open deletions, jobs that match a search. Pure.

An entry has the job's id and a link to the card. Reasons and names of jobs stay on the cards: people read a list in
other channels than the card's, and Slack opens the link only for people who may see that one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.domain import job_states, policy
from bot.domain.model import Deletion, DeletionId, Freeze, Job, JobId, State
from handlers.actions import ABOUT_A_JOB, OFFER, OLDER_OF_CHANNEL, OLDER_OF_JOB
from handlers.views.blocks import (
    DATE_AND_MINUTE,
    Button,
    Buttons,
    Entry,
    Message,
    Note,
    Para,
    code,
    cut,
    mention,
    message,
    when,
)
from handlers.views.card import last_reply
from handlers.views.endings import words
from handlers.views.freezing import freeze_line
from handlers.views.wording import Wording

Links = Mapping[DeletionId, str | None]

NAME_LIMIT = 120


def entry(deletion: Deletion, links: Links, now: datetime | None = None) -> str:
    """One deletion in one line: how it stands, job, time, people, link; then Huawei's reply, which support asks for."""
    link = links.get(deletion.id)
    who = f"asked by {mention(deletion.requester)}"
    if deletion.confirmer and deletion.confirmer != deletion.requester:
        who += f", confirmed by {mention(deletion.confirmer)}"
    how = words(deletion).in_list
    parts = [
        f"{how[0].upper()}{how[1:]}{_time_left(deletion, now) if now else ''}",
        code(deletion.job.job_id),
        when(deletion.asked_at, DATE_AND_MINUTE),
        who,
        f"<{link}|its card>" if link else "",
    ]
    return f"{' · '.join(part for part in parts if part)}. {last_reply(deletion)}".rstrip()


def _time_left(deletion: Deletion, now: datetime) -> str:
    if deletion.state is not State.AWAITING or deletion.deadline_at is None:
        return ""
    # A moment, since "60 s left" would be wrong a minute later.
    return f" until {when(deletion.deadline_at)}" if now < deletion.deadline_at else ", its time is over"


def history_message(
    page: Sequence[Deletion], links: Links, *, job_id: JobId | None, is_first: bool, has_older: bool
) -> Message:
    """One page of the deletions asked in this channel, or for one job; the button shows the next page."""
    where = f"for job {code(job_id)}" if job_id else "in this channel"
    if not page:
        return message([Para(f"No {'' if is_first else 'earlier '}deletion was asked {where}.")])
    older = Button(
        OLDER_OF_JOB if job_id else OLDER_OF_CHANNEL, "Older", page[-1].id, accessibility_label="Older deletions"
    )
    return message(
        [
            Para(f"*Asked {where}, {'the newest first' if is_first else 'earlier'}*"),
            *(Entry(entry(one, links)) for one in page),
            Buttons([older]) if has_older else Note("There are no earlier ones."),
        ]
    )


def open_message(
    found: Sequence[Deletion], links: Links, total: int, now: datetime, freeze: Freeze | None = None
) -> Message:
    """The freeze, if there is one; then cards that wait for a decision and deletions whose outcome is not known."""
    frozen = Para(f"*Deletions are frozen:* {freeze_line(freeze)}") if freeze else None
    if not found:
        return message([frozen, Para("No card waits for a decision, and no outcome is unknown.")])
    more = total - len(found)
    return message(
        [
            frozen,
            Para("*Open deletions, the oldest first*"),
            *(Entry(entry(one, links, now)) for one in found),
            Note(f"{more} more are open.") if more > 0 else None,
        ]
    )


@dataclass(frozen=True, slots=True)
class Found:
    """The result of a search; ``more`` counts matching jobs that are not shown."""

    text: str
    jobs: tuple[Job, ...]
    more: int = 0
    is_more: bool = False
    """Whether jobs that were not searched may match as well."""
    searched: int | None = None
    """How many of the newest jobs the bot searched itself; None: MetaStudio searched by name."""


def found_message(found: Found, wording: Wording, *, can_offer: bool) -> Message:
    """The jobs that match, each with its state, whether it may be deleted, and a button that asks for that."""
    count = len(found.jobs) + found.more
    number = f"{'at least ' if found.is_more and count else ''}{count or 'no'} job{'' if count == 1 else 's'}"
    return message(
        [
            Para(f"*Found {number} with {code(found.text)} in the name or id.*"),
            *(_hit(job, can_offer=can_offer) for job in found.jobs),
            Note(f"{found.more} more are not shown. Search for more of the name.") if found.more else None,
            Note(_how(found)),
            None if can_offer else Note(f"To ask for one: `{wording.command} &lt;job_id&gt; reason`."),
        ]
    )


def _hit(job: Job, *, can_offer: bool) -> Entry:
    state = job_states.describe(job.state)
    is_deletable = policy.may_be_deleted(job) is None
    name = cut(code(job.name), NAME_LIMIT) if job.name else "No name"
    may = "Can be deleted" if is_deletable else "Can't be deleted now"
    hint = "" if is_deletable else f" {state.hint}"
    # The id stands in a line of its own, where it can be copied on a phone.
    text = f"{name}\n{may}: {state.meaning} ({code(job.state)}).{hint}\n{code(job.job_id)}"
    accessibility_label = "Ask to delete: checks this job and posts a card for it; deletes nothing"
    offer = Button(OFFER, "Ask to delete", ABOUT_A_JOB + job.job_id, accessibility_label=accessibility_label)
    return Entry(text, offer if is_deletable and can_offer else None)


def _how(found: Found) -> str:
    if found.searched is None:
        return (
            "Found by Huawei's own search by name. Its documentation does not say whether that also finds parts "
            "of names, so there may be others."
        )
    which = f"the newest {found.searched:,} jobs were" if found.searched != 1 else "the newest job was"
    after = "; then Huawei gave no more, so there may be others" if found.is_more else ""
    return f"Huawei's own search by name was no help, so {which} searched{after}."
