"""The sentences and lines that several messages of a thread share. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bot.domain.model import NEVER_LEFT, Attempt, Deletion, State
from handlers.views.blocks import Para, Part, Quote, code, mention, request_ids, utc, when
from handlers.views.endings import title
from handlers.views.wording import Wording

Facts = Mapping[str, Any]


Parts = list[Part | None]
Renderer = Callable[[Deletion, Facts, Wording], Parts]
"""Makes the parts of one kind of message."""


def people(deletion: Deletion) -> str:
    """Requester and confirmer, mentioned once each."""
    actors = [deletion.requester, deletion.confirmer]
    return " ".join(dict.fromkeys(mention(actor) for actor in actors if actor is not None))


def verdict(said: str, deletion: Deletion) -> str:
    """The beginning of a message: the verdict, then the job. A notification on a phone shows some forty characters."""
    return f"*{said}:* {job_label(deletion)}"


def job_label(deletion: Deletion) -> str:
    """The job's name, if it has one, and its id."""
    name, job = title(deletion.job), deletion.job.job_id
    return f"{code(name)} ({code(job)})" if name else code(job)


def confirmed_line(deletion: Deletion) -> str:
    """Who confirmed, when, and how long the deletion took; empty if nobody confirmed."""
    if deletion.confirmer is None or deletion.confirmed_at is None:
        return ""
    took = ""
    if deletion.ended_at is not None:
        took = f" It took {duration((deletion.ended_at - deletion.confirmed_at).total_seconds())}."
    return f"Confirmed by {mention(deletion.confirmer)} {when(deletion.confirmed_at)}.{took}"


def duration(seconds: float) -> str:
    """A length of time in words."""
    if seconds < 0.1:
        return "less than 0.1 s"
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 2 * 3600:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h"


def answered_attempt(deletion: Deletion) -> Attempt | None:
    """The last attempt that left the bot, among those of the present claim; else the last attempt."""
    last = deletion.last_attempt
    of_the_claim = [one for one in deletion.attempts if last is not None and one.claim_token == last.claim_token]
    return next((one for one in reversed(of_the_claim) if one.cause not in NEVER_LEFT), last)


def reply_line(deletion: Deletion) -> str:
    """Huawei's last reply, with the facts that support asks for, and why there was no later one."""
    last, said = deletion.last_attempt, answered_attempt(deletion)
    if last is None or said is None:
        return ""
    # Below "is deleted", the cause explains only why the bot did not know that at once.
    cause = "The DELETE itself" if deletion.state is State.DELETED else "Cause"
    rows = [
        f"Request ID: {request_ids(said)}" if said.request_id else "",
        f"HTTP status: {said.status}" if said.status is not None else "",
        f"Error code: {code(said.code)}" if said.code else "",
        f"Message: {code(said.message)}" if said.message else "",
        f"{cause}: {last.cause.value}" if last.cause is not None else "",
    ]
    return "\n".join(row for row in rows if row)


def para_of(text: str) -> Para | None:
    """A paragraph, or none for no text."""
    return Para(text) if text else None


TICKET = "For a Huawei Cloud ticket"
LATER_TICKET = f"{TICKET}, in place of any above"


def escalation(deletion: Deletion, label: str = LATER_TICKET) -> Quote:
    """The facts for a Huawei Cloud ticket, ready to be pasted. No names of people or jobs, no secrets.

    ``label`` is ``TICKET`` only in the message that is the thread's first with such a block.
    """
    target = deletion.target
    lines = [
        "Operation: Delete2dModelTrainingJob",
        f"Endpoint: {target.endpoint}",
        f"Region: {target.region}",
        f"Project: {target.project_id}",
        f"Job: {deletion.job.job_id}",
        f"Deletion: {deletion.id}",
        *(attempt_line(attempt) for attempt in deletion.attempts),
    ]
    return Quote(label, "\n".join(lines))


def attempt_line(attempt: Attempt) -> str:
    """One attempt in the lines for a ticket."""
    if attempt.status is not None:
        what = f"HTTP {attempt.status}"
    elif attempt.cause is not None:
        what = attempt.cause.value
    else:
        what = "no reply known"
    also = f", also {attempt.other_request_id}" if attempt.other_request_id else ""
    return (
        f"Attempt {attempt.number}: {utc(attempt.claimed_at)}, {what}, "
        f"error code {attempt.code or 'none'}, request ID {attempt.request_id or 'none'}{also}"
    )


def reads(deletion: Deletion, facts: Facts) -> str:
    """How many reads agreed, over how long. For a message of a former version both come from the ledger."""
    number, over = facts.get("reads", deletion.reads_agreeing), facts.get("over")
    if over is None and deletion.reads_first_at is not None and deletion.verified_at is not None:
        over = (deletion.verified_at - deletion.reads_first_at).total_seconds()
    count = f"{number} check{'' if number == 1 else 's'}"
    return count if over is None else f"{count} in {duration(over)}"


def look_ups(facts: Facts) -> str:
    """How many checks there were, if the message has the number."""
    return f"{facts['reads']} checks" if "reads" in facts else "Checks"


def by_whom(deletion: Deletion) -> str:
    """A sentence for a job that is gone: the bot cannot see who removed it."""
    answered = answered_attempt(deletion)
    status = answered.status if answered else None
    what = f"Huawei answered {status}" if status is not None else "No answer to the DELETE is known"
    return f"{what}; whether this request or something else removed it cannot be told."
