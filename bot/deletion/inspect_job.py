"""Inspects a job: the finding of Show and List together, and which other deletion may have removed it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from bot.domain import evidence, outcomes, replies
from bot.domain.evidence import Finding
from bot.domain.model import Cause, Deletion, Job, JobId, Listed, Shown
from bot.domain.ports import Ports

EVER = datetime.min.replace(tzinfo=UTC)


PAGE = 100


MOST_PAGES = 100


NOT_ASKED = frozenset({Cause.LIMITED, Cause.BREAKER_OPEN, Cause.LEDGER_TROUBLE, *replies.UNSENT})
"""The bot itself did not ask MetaStudio for these reasons; a second question would end alike."""


def inspect_job(job: Job, ports: Ports) -> tuple[Finding, Shown]:
    """One read: Show, and List whenever Show does not answer with that very job."""
    shown = ports.jobs.show(job.job_id)
    is_asked = not evidence.shows_it(shown, job.job_id) and shown.reply.cause not in NOT_ASKED
    return _found(shown, _list(job.job_id, ports) if is_asked else None, job, ports), shown


def is_gone(shown: Shown, job: Job, ports: Ports) -> bool:
    """Whether List agrees with a Show that says that the job is gone. List is not asked for anything else.

    This is for a click, where somebody waits. It is one read, so all that may be said is what MetaStudio answered.
    """
    return replies.says_gone(shown.reply) and _found(shown, _list(job.job_id, ports), job, ports) is Finding.GONE


def _found(shown: Shown, listed: Listed | None, job: Job, ports: Ports) -> Finding:
    """The finding that Show and List prove together.

    Whether ``X-App-UserId`` hides the jobs of others is not documented. So where the bot has been given another one
    since the card was made, a job that it is not shown is not taken to be gone.
    """
    found = evidence.finding(shown, listed, job.job_id)
    return (
        Finding.NOTHING
        if found is Finding.GONE and job.app_user_fingerprint != ports.config.app_user_fingerprint
        else found
    )


def _list(job_id: JobId, ports: Ports) -> Listed:
    """List with the ``job_id`` filter, or every page where it is ignored. An incomplete walk proves nothing."""
    first = ports.jobs.find(job_id=job_id)
    if not evidence.ignores_the_filter(first, job_id) or evidence.lists_it(first, job_id):
        return first
    seen, last = 0, None
    for _ in range(MOST_PAGES):
        # Each page begins with the job that ended the one before. Where it does not, the list has moved meanwhile, and
        # the job may have slipped past between two pages.
        page = ports.jobs.find(offset=max(seen - 1, 0), limit=PAGE)
        if page.reply.status != 200 or not page.reply.body_ok or evidence.lists_it(page, job_id):
            return page
        found = [one.job_id for one in page.jobs]
        if page.unreadable or (last is not None and found[:1] != [last]):
            break
        new = found if last is None else found[1:]
        if not new:
            complete = page.count is not None and seen >= page.count
            return Listed(page.reply, count=0 if complete else None)
        seen, last = seen + len(new), new[-1]
    return replace(first, count=None, jobs=())


def sent_later(deletion: Deletion, ports: Ports) -> Deletion | None:
    """The newest deletion of the same job that was asked for later and may have removed it.

    One deletion of a job is open at a time, so it was sent after this one had been settled.
    """
    others = ports.ledger.deletions.earlier(deletion, deletion.asked_at)
    return next((one for one in others if one.asked_at > deletion.asked_at and outcomes.may_have_worked(one)), None)


def may_have_removed(deletion: Deletion, ports: Ports) -> Deletion | None:
    """The newest deletion of the same job that was asked for before and may have removed it, were it late."""
    others = ports.ledger.deletions.earlier(deletion, EVER)
    return next((one for one in others if one.asked_at < deletion.asked_at and outcomes.may_have_worked(one)), None)
