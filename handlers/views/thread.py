"""What is said in a deletion's thread: outcomes, doubts, corrections. One function per kind of message. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from bot.model import Attempt, ConfirmBy, Deletion, Refused, State
from bot.outcomes import Ending
from bot.trail import Tell, TellKind
from handlers.views.card import second_people
from handlers.views.freezing import FROZEN, UNFROZEN, freeze_parts
from handlers.views.parts import Message, Note, Para, Part, Quote, clock_time, code, mention, message, utc, when
from handlers.views.refusals import changes, refusal_text
from handlers.views.reply_words import clock_sentence
from handlers.views.wording import NOTHING_DELETED, Wording

Facts = Mapping[str, Any]
Parts = list[Part | None]

NOT_DELETED: dict[str, str] = {
    Ending.REPLY_REJECTED: "MetaStudio rejected the DELETE, so it deleted nothing. A look at the job follows.",
    Ending.BAD_CREDENTIALS: "MetaStudio rejected the bot's credentials, so nothing was deleted. The bot has stopped "
    "calling it for five minutes; whoever runs the bot has to check the access key, the project id and the clock.",
    Ending.FORBIDDEN: "The bot's Huawei account has no permission to delete training jobs in this project, so nothing "
    "was deleted. Its IAM user needs that MetaStudio action (MetaStudio FullAccess contains it).",
    Ending.THROTTLED: "MetaStudio throttled the DELETE each time it was sent, so nothing was deleted. "
    "Ask again in a minute.",
    Ending.NEVER_SENT: "The DELETE never left the bot, so nothing was deleted. It is safe to ask again.",
}

NOT_SENT_AGAIN = (
    "MetaStudio throttled the DELETE, and the next one never left the bot, so nothing was deleted. "
    "It is safe to ask again."
)

WHY_UNKNOWN: dict[str, str] = {
    Ending.LOST: "The DELETE may have reached MetaStudio, but no whole answer came back.",
    Ending.UNCLEAR: "The DELETE was sent, and the answer says neither yes nor no.",
    Ending.SERVER_ERROR: "The DELETE was sent, and MetaStudio answered with an internal error.",
    Ending.SENDER_GONE: "The bot lost track of it while deleting (it restarted or stalled), so nobody knows "
    "whether the DELETE arrived.",
}


def thread_message(tell: Tell, deletion: Deletion, wording: Wording) -> Message:
    """The message for this kind of tell, about the deletion as it stands."""
    # A direct message has no card above it that would say which job this is about.
    job = "" if tell.thread_ts else f" of job {code(deletion.job.job_id)}"
    # Written with the event itself, so it is the same however often the message is sent.
    quote = f"Audit trail: event {code(str(tell.facts['trail']))}" if "trail" in tell.facts else None
    note = Note(f"Deletion {code(deletion.id)}{job}")
    return message([*SAYS[tell.kind](deletion, tell.facts, wording), note, Note(quote) if quote else None])


def people(deletion: Deletion) -> str:
    """Requester and confirmer, mentioned once each."""
    actors = [deletion.requester, deletion.confirmer]
    return " ".join(dict.fromkeys(mention(actor) for actor in actors if actor is not None))


def _job(deletion: Deletion) -> str:
    return f"Job {code(deletion.job.job_id)}"


def _confirmed(deletion: Deletion) -> str:
    if deletion.confirmer is None or deletion.confirmed_at is None:
        return ""
    took = ""
    if deletion.ended_at is not None:
        took = f" It took {duration((deletion.ended_at - deletion.confirmed_at).total_seconds())}."
    return f"Confirmed by {mention(deletion.confirmer)} {when(deletion.confirmed_at)}.{took}"


def duration(seconds: float) -> str:
    """A length of time in words."""
    if seconds < 10:
        return f"{max(seconds, 0):.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 2 * 3600:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h"


def reply_line(deletion: Deletion) -> str:
    """What MetaStudio said last, with what support asks for."""
    if not deletion.attempts:
        return ""
    last = deletion.attempts[-1]
    # Below "is deleted" it is no cause of that, but what kept the bot from knowing it at once.
    cause = "The DELETE itself" if deletion.state is State.DELETED else "Cause"
    rows = [
        f"Request ID: {code(last.request_id)}" if last.request_id else "",
        f"HTTP status: {last.status}" if last.status is not None else "",
        f"Error code: {code(last.code)}" if last.code else "",
        f"Message: {code(last.message)}" if last.message else "",
        f"{cause}: {last.cause.value}" if last.cause is not None else "",
    ]
    return "\n".join(row for row in rows if row)


def _maybe(text: str) -> Para | None:
    return Para(text) if text else None


def escalation(deletion: Deletion) -> Quote:
    """What a Huawei Cloud ticket needs, ready to be pasted. No names of people or jobs, no secrets."""
    target = deletion.target
    lines = [
        "Operation: Delete2dModelTrainingJob",
        f"Endpoint: {target.endpoint}",
        f"Region: {target.region}",
        f"Project: {target.project_id}",
        f"Job: {deletion.job.job_id}",
        f"Deletion: {deletion.id}",
        *(_attempt_line(attempt) for attempt in deletion.attempts),
    ]
    return Quote("For a Huawei Cloud ticket", "\n".join(lines))


def _attempt_line(attempt: Attempt) -> str:
    if attempt.status is not None:
        what = f"HTTP {attempt.status}"
    elif attempt.cause is not None:
        what = attempt.cause.value
    else:
        what = "no reply known"
    return (
        f"Attempt {attempt.number}: {utc(attempt.claimed_at)}, {what}, "
        f"error code {attempt.code or 'none'}, request ID {attempt.request_id or 'none'}"
    )


def _outcome(deletion: Deletion, facts: Facts, wording: Wording) -> Parts:
    if deletion.state is State.DELETED:
        return [
            Para(f"{people(deletion)} *{_job(deletion)} is deleted.* MetaStudio confirmed it."),
            _maybe(reply_line(deletion)),
            _maybe(_confirmed(deletion)),
        ]
    why = NOT_DELETED.get(deletion.ended_why or "", "The DELETE did not succeed.")
    if deletion.ended_why == Ending.NEVER_SENT and len(deletion.attempts) > 1:
        why = NOT_SENT_AGAIN
    clock = clock_sentence(facts.get("clock_skew"))
    return [
        Para(f"{people(deletion)} *{_job(deletion)} was not deleted by this request.* {why} {clock}".rstrip()),
        _maybe(reply_line(deletion)),
        _maybe(_confirmed(deletion)),
        escalation(deletion),
    ]


def _unknown(deletion: Deletion, facts: Facts, wording: Wording) -> Parts:
    why = WHY_UNKNOWN.get(deletion.ended_why or "", "The DELETE was sent, but its outcome is not known.")
    return [
        Para(
            f"{people(deletion)} *It is not known yet whether job {code(deletion.job.job_id)} is deleted.* {why} "
            "The bot does not send it again; it looks at the job until it knows, and says so here."
        ),
        _maybe(reply_line(deletion)),
        _maybe(_confirmed(deletion)),
        escalation(deletion),
    ]


def _settled(deletion: Deletion, facts: Facts, wording: Wording) -> Parts:
    at = deletion.verified_at or deletion.ended_at
    seen = clock_time(at) if at else ""
    if deletion.state is State.DELETED:
        return [
            Para(
                f"{people(deletion)} *{_job(deletion)} is deleted.* A look-up at {seen} found it gone: "
                "neither Show nor List knows it any more."
            ),
            # Where the message about the unknown outcome came too late to be said, this is the only one that names it.
            _maybe(reply_line(deletion)),
            _maybe(_confirmed(deletion)),
        ]
    # This may be said late, and then the bot may have looked already.
    again = f" The bot looks once more {when(deletion.read_due_at)}." if deletion.read_due_at else ""
    return [
        Para(
            f"{people(deletion)} {_job(deletion)}: *Still present at {seen} after {reads(deletion)}; treated as not "
            f"deleted.*{again}"
        ),
        _maybe(reply_line(deletion)),
        _maybe(_confirmed(deletion)),
        escalation(deletion),
    ]


def reads(deletion: Deletion) -> str:
    """How many reads agreed, over how long."""
    count = f"{deletion.reads_agreeing} read{'' if deletion.reads_agreeing == 1 else 's'}"
    if deletion.reads_first_at is None or deletion.verified_at is None:
        return count
    return f"{count} in {duration((deletion.verified_at - deletion.reads_first_at).total_seconds())}"


def _correction(deletion: Deletion, facts: Facts, wording: Wording) -> Parts:
    # Messages that were still waiting for Slack may never have been told, so this says "if".
    if deletion.state is State.DELETED:
        # A look-up does not say since when the job has been gone, so what it was read to be before may have been true.
        how = (
            "no longer holds: a later look-up found it gone"
            if deletion.ended_why == Ending.READ_GONE
            else "was wrong: MetaStudio's answer arrived late and confirms it"
        )
        says = (
            f"*Correction: job {code(deletion.job.job_id)} is deleted.* If this thread said otherwise before, that "
            f"{how}."
        )
    else:
        how = (
            "the DELETE never left the bot"
            if deletion.ended_why == Ending.NEVER_SENT
            else "MetaStudio's answer arrived late and says no"
        )
        says = (
            f"*Correction: this request did not delete job {code(deletion.job.job_id)}.* If this thread said otherwise "
            f"before, that was wrong: {how}. If the job is gone, something else removed it."
        )
    return [Para(f"{people(deletion)} {says}"), _maybe(reply_line(deletion)), escalation(deletion)]


def _late(deletion: Deletion, facts: Facts, wording: Wording) -> Parts:
    # The sender also reports late when it got no answer at all.
    answered = bool(deletion.attempts) and deletion.attempts[-1].status is not None
    what = "MetaStudio's answer to the DELETE arrived late" if answered else "The DELETE ended without an answer"
    return [Para(f"{what}. It changes nothing that was said here."), _maybe(reply_line(deletion))]


def _looked(deletion: Deletion, facts: Facts, wording: Wording) -> Parts:
    at = clock_time(datetime.fromtimestamp(facts["at"], UTC)) if "at" in facts else "last look"
    found, looks = facts.get("found"), facts.get("looks", 1)
    state = f" in state {code(facts['job_state'])}" if facts.get("job_state") else ""
    if deletion.state is State.DELETED:
        texts = {
            "gone": f"Verified gone {at}: neither Show nor List knows the job any more.",
            "present": f"{people(deletion)} MetaStudio confirmed the deletion, but at {at}, after {looks} looks in ten "
            f"minutes, it still shows the job{state}. Open a Huawei Cloud ticket with the request ID above.",
            "nothing": f"The deletion was confirmed by MetaStudio, but {looks} look-ups up to {at} could not verify "
            "that the job is gone.",
        }
    else:
        texts = {
            "gone": _gone_by_another(at, facts)
            if "later" in facts
            else f"Looked at {at}: the job is not there. It was not deleted by this request.",
            "present": f"Looked at {at}: the job is still there{state}.",
            "nothing": f"What became of the job could not be looked up until {at}; this request did not delete it.",
        }
    return [Para(texts.get(str(found), texts["nothing"]))]


def _gone_by_another(at: str, facts: Facts) -> str:
    """The look an hour after "treated as not deleted", where the job was asked for and sent away again meanwhile."""
    later = code(str(facts["later"]))
    if facts.get("later_confirmed"):
        return (
            f"Looked at {at}: the job is gone now. MetaStudio has confirmed a later deletion of it, {later}. What was "
            "said here stands."
        )
    return (
        f"Looked at {at}: the job is gone now. A later deletion of it, {later}, may have removed it, or this one may "
        "have had its effect late; which of the two cannot be told."
    )


def _undetermined(deletion: Deletion, facts: Facts, wording: Wording) -> Parts:
    return [
        Para(
            f"{people(deletion)} *After a day it could not be determined whether job {code(deletion.job.job_id)} is "
            "deleted.* The bot goes on looking once a day. *Check now* on the card looks at once. Whoever may delete "
            "jobs with this bot and has looked in the MetaStudio console can close it there as checked by hand."
        ),
        escalation(deletion),
    ]


def _closed(deletion: Deletion, facts: Facts, wording: Wording) -> Parts:
    who = mention(deletion.ended_by) if deletion.ended_by else "Somebody"
    word = "is gone" if deletion.state is State.DELETED else "is still there"
    return [
        Para(
            f"{people(deletion)} Closed by hand: {who} checked that job {code(deletion.job.job_id)} {word}. "
            "The bot could not."
        ),
        None if deletion.state is State.DELETED else escalation(deletion),
    ]


def _cancelled(deletion: Deletion, facts: Facts, wording: Wording) -> Parts:
    who = mention(deletion.ended_by) if deletion.ended_by else "somebody"
    return [Para(f"Cancelled by {who}. {NOTHING_DELETED}")]


def _expired(deletion: Deletion, facts: Facts, wording: Wording) -> Parts:
    if deletion.ended_why == Ending.RESTORED:
        return [
            Para(
                f"{mention(deletion.requester)} The bot's ledger was restored from a backup, so this card is closed "
                "and deletes nothing any more. What was done with it before stands above."
            )
        ]
    return [
        Para(
            f"{mention(deletion.requester)} Nobody confirmed in time. {NOTHING_DELETED} "
            f"Run {code(f'{wording.command} {deletion.job.job_id}')} again if the job should go."
        )
    ]


def _refused(deletion: Deletion, facts: Facts, wording: Wording) -> Parts:
    no = Refused(facts.get("reason", ""), {**facts, "deletion": deletion})
    if "differs" in facts:
        text = (
            f"{_job(deletion)} is no longer the one on the card ({changes(facts['differs'])}), so the card is closed. "
            f"{NOTHING_DELETED}"
        )
    else:
        told = ", ".join(f"{label} {code(str(facts[name]))}" for name, label in REPLY_FACTS.items() if facts.get(name))
        text = refusal_text(no, wording) + (f" ({told})" if told else "")
    who = mention(deletion.requester)
    return [Para(text if text.startswith(who) else f"{who} {text}")]


REPLY_FACTS = {"status": "HTTP", "code": "error code", "request_id": "request ID"}


REMINDS: dict[ConfirmBy, str] = {
    ConfirmBy.REQUESTER: "{requester} This card still waits for you.",
    ConfirmBy.ANY_OPERATOR: "{requester} This card still waits for somebody who may delete jobs.",
    ConfirmBy.SECOND_PERSON: "{called} This card still waits for a second person: anybody who may delete jobs, except "
    "{requester}.",
}


def _reminder(deletion: Deletion, facts: Facts, wording: Wording) -> Parts:
    waits = REMINDS[deletion.confirm_by].format(
        requester=mention(deletion.requester), called=second_people(deletion, wording)
    )
    until = f" {when(deletion.deadline_at)}" if deletion.deadline_at else " soon"
    return [
        Para(f"{waits.strip()} Press *Delete permanently* or *Cancel*. It closes{until}, and then deletes nothing.")
    ]


def _notice(deletion: Deletion, facts: Facts, wording: Wording) -> Parts:
    if facts.get("about") in {FROZEN, UNFROZEN}:
        return freeze_parts(facts, in_thread=True)
    return [_maybe(str(facts.get("text", "")))]


SAYS: dict[TellKind, Callable[[Deletion, Facts, Wording], Parts]] = {
    TellKind.OUTCOME: _outcome,
    TellKind.UNKNOWN: _unknown,
    TellKind.SETTLED: _settled,
    TellKind.CORRECTION: _correction,
    TellKind.LOOKED: _looked,
    TellKind.LATE: _late,
    TellKind.UNDETERMINED: _undetermined,
    TellKind.CLOSED: _closed,
    TellKind.CANCELLED: _cancelled,
    TellKind.EXPIRED: _expired,
    TellKind.REFUSED: _refused,
    TellKind.REMINDER: _reminder,
    TellKind.NOTICE: _notice,
}
