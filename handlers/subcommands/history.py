"""``history [job_id]``: what was asked for in this channel, or for one job, page by page.

A job's history also has what was asked in other channels, but never what was said there: only a link, which Slack opens
for who may see where it leads.
"""

from __future__ import annotations

from bot.deletion import permission
from bot.domain.model import Deletion, JobId
from bot.domain.notifications import Waiting
from bot.domain.policy import Deed
from bot.domain.refusals import Reason, Refused
from handlers.dispatch import Desk, Result
from handlers.grammar import Command
from handlers.payloads import Click
from handlers.views.lists import history_message

PAGE = 10


def history(desk: Desk, waiting: Waiting, typed: Command) -> Result:
    """The first page."""
    if no := permission.may(Deed.COMMAND, waiting.actor, waiting.channel, desk.ports):
        return no
    return _page(desk, job=typed.job_id) if typed.job_id else _page(desk, channel=waiting.channel)


def older_of_channel(desk: Desk, seen: Click, waiting: Waiting) -> Result:
    """*Older* below a channel's history; the button names the last deletion of the page it stands on."""
    last = _last(desk, seen)
    if isinstance(last, Refused):
        return last
    if last.channel != seen.channel:
        return Refused(Reason.UNKNOWN_DELETION)
    return _page(desk, channel=seen.channel, before=last)


def older_of_job(desk: Desk, seen: Click, waiting: Waiting) -> Result:
    """*Older* below a job's history."""
    last = _last(desk, seen)
    return last if isinstance(last, Refused) else _page(desk, job=last.job.job_id, before=last)


def _last(desk: Desk, seen: Click) -> Deletion | Refused:
    if no := permission.may(Deed.COMMAND, seen.actor, seen.channel, desk.ports):
        return no
    found = desk.ports.ledger.get(seen.deletion) if seen.deletion else None
    if found is None or found.target != desk.ports.terms.target:
        return Refused(Reason.UNKNOWN_DELETION)
    return found


def _page(
    desk: Desk, *, job: JobId | None = None, channel: str | None = None, before: Deletion | None = None
) -> Result:
    # One more than is shown tells whether there is another page.
    found = desk.ports.ledger.looks.history(job=job, channel=channel, before=before, limit=PAGE + 1)
    page = found[:PAGE]
    return history_message(page, desk.links(page), job=job, is_first=before is None, has_older=len(found) > PAGE)
