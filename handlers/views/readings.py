"""Messages of a thread after reads or a person decided the outcome: settled, corrected, inspected again. Pure."""

from __future__ import annotations

from datetime import UTC, datetime

from bot.domain.model import Deletion, State
from bot.domain.notifications import NotificationKind
from bot.domain.outcomes import Ending
from handlers.views.blocks import Para, code, mention, time_of_day, when
from handlers.views.thread_parts import (
    Facts,
    Parts,
    Renderer,
    by_whom,
    confirmed_line,
    duration,
    escalation,
    look_ups,
    para_of,
    people,
    reads,
    reply_line,
    verdict,
)
from handlers.views.wording import Wording


def _settled(deletion: Deletion, facts: Facts, wording: Wording) -> Parts:
    at = deletion.verified_at or deletion.ended_at
    seen = time_of_day(at) if at else ""
    if deletion.state is State.DELETED:
        return [
            Para(
                f"{verdict('Gone', deletion)}. {look_ups(facts)} up to {seen} found it gone: Huawei neither shows nor "
                f"lists it any more. {by_whom(deletion)} {people(deletion)}"
            ),
            # If the message about the unknown outcome was too late to be posted, only this one has the reply.
            para_of(reply_line(deletion)),
            para_of(confirmed_line(deletion)),
        ]
    # Slack may take this message late, when the bot has read the job again already.
    again = f" It is checked once more {when(deletion.read_due_at)}." if deletion.read_due_at else ""
    return [
        Para(
            f"{verdict('Counts as not deleted', deletion)}. It was still there at {seen} after "
            f"{reads(deletion, facts)}. You can ask again.{again} {people(deletion)}"
        ),
        para_of(reply_line(deletion)),
        para_of(confirmed_line(deletion)),
        escalation(deletion),
    ]


# Earlier messages may never have been posted, so these say "if".
NO_LONGER = "If this thread said otherwise before, that no longer holds"
WRONG = "If this thread said otherwise before, that was wrong"


def _correction(deletion: Deletion, facts: Facts, wording: Wording) -> Parts:
    if deletion.ended_why == Ending.READ_GONE:
        # A look-up does not show since when the job has been gone, so the earlier reading may have been true.
        said, why = "Correction, it is gone", f"{NO_LONGER}: later checks found it gone. {by_whom(deletion)}"
    elif deletion.ended_why == Ending.READ_PRESENT:
        at = f", the last one at {time_of_day(deletion.verified_at)}," if deletion.verified_at else ""
        said, why = "Correction, it is there", f"{NO_LONGER}: later checks{at} found it. It counts as not deleted."
    elif deletion.state is State.DELETED:
        said, why = "Correction, it is deleted", f"{WRONG}: Huawei's reply arrived late and confirms it."
    elif deletion.ended_why == Ending.NEVER_SENT:
        said = "Correction, not deleted by this request"
        why = f"{WRONG}: the DELETE never left the bot. If the job is gone, something else removed it."
    else:
        # Only a former version corrected "deleted" after a late refusal.
        said, why = "Correction, Huawei refused to delete", by_whom(deletion)
    says = f"{verdict(said, deletion)}. {why} {people(deletion)}"
    return [Para(says), para_of(reply_line(deletion)), escalation(deletion)]


def _late(deletion: Deletion, facts: Facts, wording: Wording) -> Parts:
    # The sender also sends this message when it got no answer at all.
    answered = deletion.last_attempt is not None and deletion.last_attempt.status is not None
    what = "Huawei's reply to the DELETE arrived late" if answered else "The DELETE ended without a reply"
    is_confirmed = deletion.ended_why == Ending.REPLY_DELETED
    then = "It confirms that the job is deleted" if is_confirmed else "It changes nothing that was said here"
    said = "Confirmed by Huawei, late" if is_confirmed else "Nothing changes"
    return [Para(f"{verdict(said, deletion)}. {what}. {then}."), para_of(reply_line(deletion))]


def _inspected(deletion: Deletion, facts: Facts, wording: Wording) -> Parts:
    inspected_at = datetime.fromtimestamp(facts["at"], UTC) if "at" in facts else None
    at = time_of_day(inspected_at) if inspected_at else "the last check"
    found = facts.get("found")
    state = f" in state {code(facts['job_state'])}" if facts.get("job_state") else ""
    if deletion.state is State.DELETED:
        after = (inspected_at - deletion.ended_at).total_seconds() if inspected_at and deletion.ended_at else None
        later = "" if after is None else f" ({duration(after)} later)"
        texts = {
            "gone": f"{verdict('Double-checked, it is gone', deletion)}, seen at {at}.",
            "present": f"{verdict('Still shown by Huawei', deletion)}, at {at}{later}{state}, although Huawei "
            f"confirmed the deletion. Open a Huawei Cloud ticket with the request ID of the DELETE. {people(deletion)}",
            "nothing": f"{verdict('Not double-checked', deletion)}. Huawei confirmed the deletion, but up to "
            f"{at}{later} the bot could not verify that the job is gone.",
        }
    else:
        # Slack may take this message late, when the bot has read the job again already.
        again = f" It is checked once more {when(deletion.read_due_at)}." if deletion.read_due_at else ""
        texts = {
            "gone": _gone_by_another(deletion, at, facts),
            "present": f"{verdict('Still there', deletion)}, checked at {at}{state}. You can ask again.{again}",
            "nothing": f"{verdict('Not known whether it is still there', deletion)}. No check up to {at} has "
            "decided it. The bot goes on checking.",
        }
    return [Para(texts.get(str(found), texts["nothing"]))]


def _gone_by_another(deletion: Deletion, at: str, facts: Facts) -> str:
    """A look-up after "not deleted", when a later deletion of the job has sent a DELETE meanwhile."""
    if "later" not in facts:
        # Only a former version wrote this, after one look-up and without a later deletion.
        return f"{verdict('Not shown by Huawei', deletion)}, checked at {at}."
    later = code(str(facts["later"]))
    if facts.get("later_confirmed"):
        return (
            f"{verdict('Gone now', deletion)}, checked at {at}. Huawei has confirmed a later deletion of it, {later}."
        )
    return (
        f"{verdict('Gone now', deletion)}, checked at {at}. A later deletion of it, {later}, may have removed it, or "
        "this one may have had its effect late; the bot cannot see which of the two it was."
    )


def _undetermined(deletion: Deletion, facts: Facts, wording: Wording) -> Parts:
    return [
        Para(
            f"{verdict('Still not known after a day', deletion)}. It could not be determined whether it is deleted. "
            "The bot goes on checking once a day. *Check now* on the card checks at once. A person who may delete jobs "
            "with this bot and has looked in the MetaStudio console can close it there as checked by hand. "
            f"{people(deletion)}"
        ),
        escalation(deletion),
    ]


def _closed(deletion: Deletion, facts: Facts, wording: Wording) -> Parts:
    who = mention(deletion.ended_by) if deletion.ended_by else "Somebody"
    word = "gone" if deletion.state is State.DELETED else "still there"
    return [
        Para(
            f"{verdict(f'Checked by hand, {word}', deletion)}. {who} checked it; the bot could not tell. "
            f"{people(deletion)}"
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
