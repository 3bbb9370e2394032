"""Messages of a thread after reads or a person decided the outcome: settled, corrected, inspected again. Pure."""

from __future__ import annotations

from datetime import UTC, datetime

from bot.domain.model import Deletion, State
from bot.domain.notifications import NotificationKind
from bot.domain.outcomes import Ending
from handlers.views.blocks import Para, clock_time, code, mention, when
from handlers.views.thread_parts import (
    Facts,
    Parts,
    Renderer,
    by_whom,
    confirmed_line,
    duration,
    escalation,
    job_line,
    look_ups,
    para_of,
    people,
    reads,
    reply_line,
)
from handlers.views.wording import Wording


def _settled(deletion: Deletion, facts: Facts, wording: Wording) -> Parts:
    at = deletion.verified_at or deletion.ended_at
    seen = clock_time(at) if at else ""
    if deletion.state is State.DELETED:
        return [
            Para(
                f"{people(deletion)} *{job_line(deletion)} is deleted.* {look_ups(facts)} up to {seen} found it gone: "
                f"neither Show nor List knows it any more. {by_whom(deletion)}"
            ),
            # If the message about the unknown outcome was too late to be posted, only this one has the reply.
            para_of(reply_line(deletion)),
            para_of(confirmed_line(deletion)),
        ]
    # Slack may take this message late, when the bot has read the job again already.
    again = f" The bot looks once more {when(deletion.read_due_at)}." if deletion.read_due_at else ""
    return [
        Para(
            f"{people(deletion)} {job_line(deletion)}: *Still present at {seen} after {reads(deletion, facts)}; "
            f"treated as not deleted.*{again}"
        ),
        para_of(reply_line(deletion)),
        para_of(confirmed_line(deletion)),
        escalation(deletion),
    ]


def _correction(deletion: Deletion, facts: Facts, wording: Wording) -> Parts:
    # Earlier messages may never have been posted, so the text says "if".
    job = f"job {code(deletion.job.job_id)}"
    if deletion.ended_why == Ending.READ_GONE:
        # A look-up does not show since when the job has been gone, so the earlier reading may have been true.
        says = (
            f"*Correction: {job} is deleted.* If this thread said otherwise before, that no longer holds: later "
            f"look-ups found it gone. {by_whom(deletion)}"
        )
    elif deletion.ended_why == Ending.READ_PRESENT:
        at = f" at {clock_time(deletion.verified_at)}" if deletion.verified_at else ""
        says = (
            f"*Correction: {job} is there.* If this thread said otherwise before, that no longer holds: later "
            f"look-ups, the last one{at}, found it. It is treated as not deleted."
        )
    elif deletion.state is State.DELETED:
        says = (
            f"*Correction: {job} is deleted.* If this thread said otherwise before, that was wrong: MetaStudio's "
            "answer arrived late and confirms it."
        )
    elif deletion.ended_why == Ending.NEVER_SENT:
        says = (
            f"*Correction: this request did not delete {job}.* If this thread said otherwise before, that was wrong: "
            "the DELETE never left the bot. If the job is gone, something else removed it."
        )
    else:
        # Only a former version corrected "deleted" after a late refusal.
        says = f"*Correction: MetaStudio refused to delete {job}.* {by_whom(deletion)}"
    return [Para(f"{people(deletion)} {says}"), para_of(reply_line(deletion)), escalation(deletion)]


def _late(deletion: Deletion, facts: Facts, wording: Wording) -> Parts:
    # The sender also sends this message when it got no answer at all.
    answered = deletion.last_attempt is not None and deletion.last_attempt.status is not None
    what = "MetaStudio's answer to the DELETE arrived late" if answered else "The DELETE ended without an answer"
    is_confirmed = deletion.ended_why == Ending.REPLY_DELETED
    then = "It confirms that the job is deleted" if is_confirmed else "It changes nothing that was said here"
    return [Para(f"{what}. {then}."), para_of(reply_line(deletion))]


def _inspected(deletion: Deletion, facts: Facts, wording: Wording) -> Parts:
    inspected_at = datetime.fromtimestamp(facts["at"], UTC) if "at" in facts else None
    at = clock_time(inspected_at) if inspected_at else "last look"
    found = facts.get("found")
    state = f" in state {code(facts['job_state'])}" if facts.get("job_state") else ""
    if deletion.state is State.DELETED:
        after = (inspected_at - deletion.ended_at).total_seconds() if inspected_at and deletion.ended_at else None
        later = "" if after is None else f", {duration(after)} later,"
        texts = {
            "gone": f"Verified gone {at}: neither Show nor List knows the job any more.",
            "present": f"{people(deletion)} MetaStudio confirmed the deletion, but at {at}{later} it still shows the "
            f"job{state}. Open a Huawei Cloud ticket with the request ID above.",
            "nothing": f"MetaStudio confirmed the deletion, but up to {at}{later} the bot could not verify that the "
            "job is gone.",
        }
    else:
        # Slack may take this message late, when the bot has read the job again already.
        again = f" The bot looks once more {when(deletion.read_due_at)}." if deletion.read_due_at else ""
        texts = {
            "gone": _gone_by_another(at, facts),
            "present": f"Looked at {at}: the job is still there{state}.{again}",
            "nothing": f"Up to {at} it could not be looked up whether the job is still there. The bot goes on looking.",
        }
    return [Para(texts.get(str(found), texts["nothing"]))]


def _gone_by_another(at: str, facts: Facts) -> str:
    """A look-up after "not deleted", when a later deletion of the job has sent a DELETE meanwhile."""
    if "later" not in facts:
        # Only a former version wrote this, after one look-up and without a later deletion.
        return f"Looked at {at}: MetaStudio did not show the job."
    later = code(str(facts["later"]))
    if facts.get("later_confirmed"):
        return f"Looked at {at}: the job is gone now. MetaStudio has confirmed a later deletion of it, {later}."
    return (
        f"Looked at {at}: the job is gone now. A later deletion of it, {later}, may have removed it, or this one may "
        "have had its effect late; which of the two cannot be told."
    )


def _undetermined(deletion: Deletion, facts: Facts, wording: Wording) -> Parts:
    return [
        Para(
            f"{people(deletion)} *After a day it could not be determined whether job {code(deletion.job.job_id)} is "
            "deleted.* The bot goes on looking once a day. *Check now* on the card looks at once. A person who may "
            "delete jobs with this bot and has looked in the MetaStudio console can close it there as checked by hand."
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


OF_READS: dict[NotificationKind, Renderer] = {
    NotificationKind.SETTLED: _settled,
    NotificationKind.CORRECTION: _correction,
    NotificationKind.INSPECTED: _inspected,
    NotificationKind.LATE: _late,
    NotificationKind.UNDETERMINED: _undetermined,
    NotificationKind.CLOSED: _closed,
}
"""The renderer of each of these messages."""
