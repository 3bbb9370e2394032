"""The App Home: waiting cards, recent deletions, the bot's health. Pure. The page has no buttons.

The lists cover every channel, so they have ids of jobs, but no names and no reasons.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from bot.domain.model import Deletion, Freeze, Target
from bot.domain.refusals import Reason, Refused
from handlers.views.blocks import Block, Entry, Fields, Heading, Note, Para, Part, blocks_of, code, when
from handlers.views.freezing import freeze_line
from handlers.views.lists import Links, entry
from handlers.views.refusals import NO_GROUPS, refusal_text
from handlers.views.wording import Wording

MOST_SHOWN = 5

WHY_NOT: dict[str, str] = {
    Reason.NOT_LISTED: "You are not among the people who may. The person who runs the bot gives the right, by listing "
    "you or a user group that you are in.",
    Reason.FOREIGN: "Only people of the company that installed this bot may use it.",
    Reason.IS_GUEST: "Guests may not delete jobs with this bot, even if they are listed.",
    Reason.DEACTIVATED: "This Slack account is deactivated.",
    Reason.IS_BOT: "Bots may not delete jobs.",
}
NOT_KNOWN = "Slack could not say who you are, and without that the bot shows nothing. Open this page again in a minute."


@dataclass(frozen=True, slots=True)
class HomeData:
    """The data of an operator's page."""

    target: Target
    now: datetime
    waiting: Sequence[Deletion]
    unknown: Sequence[Deletion]
    mine: Sequence[Deletion]
    team: Sequence[Deletion]
    freeze: Freeze | None
    stopped_since: datetime | None
    """When MetaStudio began to reject the credentials."""
    cannot_write: str | None
    """Why the ledger cannot be written."""

    def shown(self) -> list[Deletion]:
        """The deletions that the page lists."""
        lists = (self.waiting, self.unknown, self.mine, self.team)
        return [one for each in lists for one in each[:MOST_SHOWN]]


def home_blocks(data: HomeData, links: Links, wording: Wording) -> list[Block]:
    """The page of a person who may delete jobs."""
    target = data.target
    return blocks_of(
        [
            _heading(wording),
            *_health(data, wording),
            *_list("Waiting for you", data.waiting, "No card waits for you.", links, data.now),
            *_list("Outcome not known yet", data.unknown, "None.", links),
            *_list("Deleted lately, asked or confirmed by you", data.mine, "Nothing.", links),
            *_list("Deleted lately by the team", data.team, "Nothing.", links),
            Fields(
                [
                    ("Region", code(target.region)),
                    ("Project", code(target.project_id)),
                    ("Endpoint", code(urlsplit(target.endpoint).netloc)),
                    ("Environment", code(wording.environment or "")),
                ]
            ),
            Note(f"`{wording.command} help` says what else there is. Drawn {when(data.now)}."),
        ]
    )


def stranger_blocks(no: Refused, wording: Wording, *, may_freeze: bool) -> list[Block]:
    """The page of a person who may not delete jobs: how to get the right, and nothing about jobs."""
    why = _groups_unknown(no) if no.reason == Reason.GROUPS_UNKNOWN else WHY_NOT.get(no.reason, NOT_KNOWN)
    then = "" if no.reason == Reason.FOREIGN else f" {wording.whom_to_ask()}"
    return blocks_of(
        [
            Heading("MetaStudio training jobs"),
            Para(f"This bot deletes MetaStudio avatar training jobs, after a person has confirmed it. {why}{then}"),
            Para(f"You may stop all deletions: `{wording.command} freeze [reason]`.") if may_freeze else None,
        ]
    )


def _groups_unknown(no: Refused) -> str:
    return NO_GROUPS.get(str(no.facts.get("why"))) or (
        "Slack could not say whether you are in a user group that may delete jobs, and without that the bot shows "
        "nothing. Open this page again in a minute."
    )


def trouble_blocks(diagnosis: str, wording: Wording) -> list[Block]:
    """The page while the ledger cannot be read."""
    return blocks_of(
        [
            _heading(wording),
            Para(
                f"*The bot can't read its database ({diagnosis}), and without that it deletes nothing.* "
                f"{wording.whom_to_ask()}"
            ),
        ]
    )


def closed_blocks(no: Refused, wording: Wording) -> list[Block]:
    """The page while this bot takes no new work: only the reason, since its data may be stale."""
    return blocks_of([_heading(wording), Para(refusal_text(no, wording))])


def _heading(wording: Wording) -> Heading:
    title = "MetaStudio training jobs"
    return Heading(f"[{wording.environment}] {title}" if wording.environment else title)


def _health(data: HomeData, wording: Wording) -> list[Part | None]:
    troubles = [
        f"*Deletions are frozen:* {freeze_line(data.freeze)} `{wording.command} unfreeze` allows them again."
        if data.freeze
        else "",
        f"*Paused: Huawei rejected the bot's login* {when(data.stopped_since)}, so nothing is sent to it for now. "
        f"{wording.whom_to_ask()}"
        if data.stopped_since
        else "",
        f"*The bot can't save to its database ({data.cannot_write}), so nothing is deleted.* {wording.whom_to_ask()}"
        if data.cannot_write
        else "",
    ]
    found = [Para(trouble) for trouble in troubles if trouble]
    return [*found] if found else [Para("All good. Deletions are on.")]


def _list(
    title: str, found: Sequence[Deletion], nothing: str, links: Links, now: datetime | None = None
) -> list[Part | None]:
    more = len(found) - MOST_SHOWN
    return [
        Para(f"*{title}*" if found else f"*{title}*\n{nothing}"),
        *(Entry(entry(one, links, now)) for one in found[:MOST_SHOWN]),
        Note(f"and {more} more") if more > 0 else None,
    ]
