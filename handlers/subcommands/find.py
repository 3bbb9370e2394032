"""``find <text>``: jobs with that text in their name or id.

MetaStudio's own search by name comes first. MetaStudio does not document whether it finds parts of names or ignores
unknown filters [?]. So its answer counts only if every job in it has the text; else the bot reads the newest jobs and
compares them itself.
"""

from __future__ import annotations

from collections.abc import Sequence

from bot.deletion import permission
from bot.domain.model import Cause, Job, Reply
from bot.domain.notifications import PendingRequest
from bot.domain.policy import Action
from bot.domain.refusals import Reason, Refused
from handlers.dispatch import Dispatcher, Progress, Result
from handlers.grammar import Command
from handlers.views.lists import Found, found_message

LONGEST = 100
MOST_SHOWN = 10
PAGE = 100
MOST_SEARCHED = 1000
SLOW = 5.0


def find(dispatcher: Dispatcher, pending: PendingRequest, typed: Command, progress: Progress) -> Result:
    """The jobs that match, each with its state and a button that starts the normal flow."""
    rest = typed.text
    if no := _unusable(rest) or permission.may(Action.COMMAND, pending.actor, pending.channel, dispatcher.ports):
        return no
    by_name = dispatcher.ports.jobs.find(name=rest, limit=PAGE)
    if by_name.count is None:
        return _not_listed(by_name.reply)
    if by_name.jobs and all(_fits(job, rest) for job in by_name.jobs):
        # Jobs beyond this page exist but may not match: MetaStudio may ignore the filter.
        found: Found | Refused = _found(rest, by_name.jobs, is_more=by_name.count > len(by_name.jobs))
    else:
        found = _among_the_newest(dispatcher, rest, progress)
    if isinstance(found, Refused):
        return found
    # A button cannot carry a reason, so if one is required, the person has to type the command.
    return found_message(found, dispatcher.wording, can_offer=not dispatcher.ports.config.rules.reason_required)


def _unusable(text: str) -> Refused | None:
    if not text:
        detail = "there was nothing"
    elif len(text) > LONGEST:
        detail = f"there were {len(text)}"
    elif not text.isprintable():
        detail = f"of {len(text)} at least one was invisible"
    else:
        return None
    return Refused(Reason.BAD_SEARCH, {"most": LONGEST, "detail": detail})


def _fits(job: Job, text: str) -> bool:
    wanted, name = text.casefold(), " ".join(job.name.split()).casefold()
    return wanted in name or wanted in job.job_id.casefold()


def _among_the_newest(dispatcher: Dispatcher, text: str, progress: Progress) -> Found | Refused:
    """Read the newest jobs page by page. Pages shift while jobs are created and deleted, so each job counts once."""
    seen: dict[str, Job] = {}
    began, is_cut_short, said = dispatcher.ports.clock.monotonic(), False, False
    for offset in range(0, MOST_SEARCHED, PAGE):
        listed = dispatcher.ports.jobs.find(offset=offset, limit=PAGE)
        if listed.count is None:
            if not seen:
                return _not_listed(listed.reply)
            is_cut_short = True
            break
        seen |= {job.job_id: job for job in listed.jobs if job.job_id not in seen}
        if offset + PAGE >= listed.count or not listed.jobs:
            break
        if not said and dispatcher.ports.clock.monotonic() - began > SLOW:
            said = True
            progress(f"Looking … {len(seen)} jobs so far; Huawei is slow.")
    fitting = tuple(job for job in seen.values() if _fits(job, text))
    return _found(text, fitting, searched=len(seen), is_more=is_cut_short)


def _found(text: str, fitting: Sequence[Job], *, is_more: bool, searched: int | None = None) -> Found:
    return Found(text, tuple(fitting[:MOST_SHOWN]), max(len(fitting) - MOST_SHOWN, 0), is_more, searched)


def _not_listed(reply: Reply) -> Refused:
    known = {Cause.LIMITED: Reason.BUSY, Cause.BREAKER_OPEN: Reason.BREAKER_OPEN}
    reason = known.get(reply.cause) if reply.cause else None
    return Refused(reason) if reason else Refused(Reason.JOBS_NOT_LISTED, {"reply": reply})
