"""``history [job_id]``: the deletions asked in this channel, or for one job, page by page.

A job's history includes other channels, but shows only a link to each card. Slack opens the link only for people
who may see that channel.
"""

from __future__ import annotations

from bot.deletion import permission
from bot.domain.model import Deletion, JobId
from bot.domain.notifications import PendingRequest
from bot.domain.policy import Action
from bot.domain.refusals import Reason, Refused
from handlers.dispatch import Dispatcher, Progress, Result
from handlers.grammar import Command
from handlers.payloads import Click
from handlers.views.lists import history_message

PAGE = 10


def history(dispatcher: Dispatcher, pending: PendingRequest, typed: Command, progress: Progress) -> Result:
    """The first page."""
    if no := permission.may(Action.COMMAND, pending.actor, pending.channel, dispatcher.ports):
        return no
    return _page(dispatcher, job_id=typed.job_id) if typed.job_id else _page(dispatcher, channel=pending.channel)


def older_of_channel(dispatcher: Dispatcher, seen: Click, pending: PendingRequest) -> Result:
    """*Older* below a channel's history. The button's value is the last deletion of its page."""
    last = _last(dispatcher, seen)
    if isinstance(last, Refused):
        return last
    if last.channel != seen.channel:
        return Refused(Reason.UNKNOWN_DELETION)
    return _page(dispatcher, channel=seen.channel, before=last)


def older_of_job(dispatcher: Dispatcher, seen: Click, pending: PendingRequest) -> Result:
    """*Older* below a job's history."""
    last = _last(dispatcher, seen)
    return last if isinstance(last, Refused) else _page(dispatcher, job_id=last.job.job_id, before=last)


def _last(dispatcher: Dispatcher, seen: Click) -> Deletion | Refused:
    if no := permission.may(Action.COMMAND, seen.actor, seen.channel, dispatcher.ports):
        return no
    found = dispatcher.ports.ledger.deletions.get(seen.deletion) if seen.deletion else None
    if found is None or found.target != dispatcher.ports.config.target:
        return Refused(Reason.UNKNOWN_DELETION)
    return found


def _page(
    dispatcher: Dispatcher, *, job_id: JobId | None = None, channel: str | None = None, before: Deletion | None = None
) -> Result:
    # One more than a page, to know whether there is another page.
    found = dispatcher.ports.ledger.overview.history(job=job_id, channel=channel, before=before, limit=PAGE + 1)
    page = found[:PAGE]
    has_older = len(found) > PAGE
    return history_message(page, dispatcher.links(page), job_id=job_id, is_first=before is None, has_older=has_older)
