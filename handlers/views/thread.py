"""The messages in a deletion's thread: one function per kind. Pure."""

from __future__ import annotations

from dataclasses import replace

from bot.domain.model import ConfirmBy, Deletion, State
from bot.domain.notifications import Notification, NotificationKind
from bot.domain.outcomes import REFUSED, Ending
from bot.domain.ports import Called
from bot.domain.refusals import Reason, Refused
from handlers.views.blocks import (
    Message,
    Note,
    Para,
    code,
    mention,
    message,
    when,
)
from handlers.views.card import NOBODY_ELSE, mentions
from handlers.views.differences import changes
from handlers.views.freezing import FROZEN, UNFROZEN, freeze_parts
from handlers.views.lost_commits import LOST_COMMITS, lost_parts
from handlers.views.readings import OF_READS
from handlers.views.refusals import refusal_text
from handlers.views.replies import clock_sentence
from handlers.views.thread_parts import (
    LATER_TICKET,
    TICKET,
    Facts,
    Parts,
    Renderer,
    confirmed_line,
    escalation,
    job_label,
    para_of,
    people,
    reply_line,
    verdict,
)
from handlers.views.wording import NOTHING_DELETED, Wording

NOT_DELETED: dict[str, str] = {
    Ending.REPLY_REJECTED: "The bot checks and says here whether the job is still there.",
    Ending.BAD_CREDENTIALS: "Huawei rejected the bot's login. The bot has stopped calling Huawei for five minutes; "
    "then it checks the job. The person who runs the bot has to check the access key, the project id and the clock.",
    Ending.FORBIDDEN: "Huawei answered that this is forbidden. As a rule the bot's Huawei account then has no "
    "permission to delete training jobs in this project: its IAM user needs that MetaStudio action (MetaStudio "
    "FullAccess contains it). A check of the job follows.",
    Ending.THROTTLED: "Huawei throttled the DELETE each time it was sent. A check of the job follows. If it is still "
    "there, ask again in a minute.",
    Ending.NEVER_SENT: "The DELETE never left the bot, so nothing was deleted. It is safe to ask again.",
}
"""Why a deletion failed. Only a DELETE that never left is certain to have had no effect: a refusal may be the answer to
a DELETE that a proxy or gateway has repeated."""

NOT_SENT_AGAIN = (
    "Huawei throttled the DELETE, and the next one never left the bot. A check of the job follows. If it is still "
    "there, ask again."
)

SOON = "If it is still there, ask again in a minute."
BY_SOMEBODY = "If it is still there, somebody who may delete jobs can ask again."
ELSEWHERE = "If it is still there, ask again in a channel where the bot may be used."

WHY_NOT_AGAIN: dict[str, tuple[str, str]] = {
    Reason.JOB_CHANGED: ("the job is no longer the one on the card{differs}", "If it should still go, ask again."),
    Reason.JOB_GONE: ("Huawei no longer shows the job", ""),
    Reason.JOB_NOT_READ: ("the job could not be read again", SOON),
    Reason.BREAKER_OPEN: (
        "Huawei has rejected the bot's login meanwhile",
        "If it is still there, ask again once it has been checked.",
    ),
    Reason.FROZEN: (
        "deletions were frozen meanwhile",
        "If it is still there, ask again once they are allowed again.",
    ),
    Reason.REQUESTER_LOST_RIGHT: ("{requester} may no longer delete jobs", BY_SOMEBODY),
    **dict.fromkeys(
        (
            *(Reason.NOT_LISTED, Reason.FOREIGN, Reason.DEACTIVATED, Reason.IS_BOT, Reason.IS_GUEST),
            *(Reason.NOT_THE_REQUESTER, Reason.SECOND_PERSON_NEEDED),
        ),
        ("{confirmer} may no longer confirm", BY_SOMEBODY),
    ),
    **dict.fromkeys(
        (
            *(Reason.IN_DIRECT_MESSAGE, Reason.IN_GROUP_MESSAGE, Reason.IN_EXTERNAL_CHANNEL, Reason.IN_OTHER_CHANNEL),
            *(Reason.BOT_NOT_IN_CHANNEL, Reason.CHANNEL_ARCHIVED),
        ),
        ("the card's channel may no longer be used", ELSEWHERE),
    ),
    **dict.fromkeys(
        (Reason.CONVERSATION_UNKNOWN, Reason.PERSON_UNKNOWN, Reason.GROUPS_UNKNOWN), ("Slack did not answer", SOON)
    ),
    Reason.BUSY: ("the bot was too busy", SOON),
    Reason.CHECKS_TOO_OLD: ("Slack or Huawei took too long to answer", SOON),
    Reason.LEDGER_TROUBLE: ("the bot could not save to its database", SOON),
    **dict.fromkeys(
        (Reason.LEDGER_REPLACED, Reason.NOT_ALONE, Reason.CLOCK_OFF),
        ("the bot takes no new work for now", SOON),
    ),
}
"""Why a throttled DELETE was not sent again, behind "since", and what to do."""

WHY_UNKNOWN: dict[str, str] = {
    Ending.LOST: "The DELETE may have reached Huawei, but no whole reply came back.",
    Ending.UNCLEAR: "The DELETE was sent, and the answer says neither yes nor no.",
    Ending.SERVER_ERROR: "The DELETE was sent, and Huawei answered with an internal error.",
    Ending.CONFLICT: "The DELETE was sent, and Huawei refused it. Proxies and gateways repeat a DELETE by "
    "themselves, so this can be the answer to a second one.",
    Ending.SENDER_GONE: "The bot lost track of it while deleting (it restarted or stalled), so nobody knows "
    "whether the DELETE arrived.",
}


def thread_message(notification: Notification, deletion: Deletion, wording: Wording) -> Message:
    """The message for this notification, about the deletion in its present state."""
    # A direct message has no card above it, so it names the job, but by its id: names stay with the card.
    job = "" if notification.thread_ts else f" of job {code(deletion.job.job_id)}"
    if not notification.thread_ts:
        deletion = replace(deletion, job=replace(deletion.job, name=""))
    # Written in the transaction of the event, so a repeated message has the same number.
    quote = f"Audit trail: event {code(str(notification.facts['trail']))}" if "trail" in notification.facts else None
    note = Note(f"Deletion {code(deletion.id)}{job}")
    return message(
        [*SAYS[notification.kind](deletion, notification.facts, wording), note, Note(quote) if quote else None]
    )


def _outcome(deletion: Deletion, facts: Facts, wording: Wording) -> Parts:
    if deletion.state is State.DELETED:
        return [
            Para(f"{verdict('Deleted', deletion)}. Huawei confirmed it. {people(deletion)}"),
            para_of(reply_line(deletion)),
            para_of(confirmed_line(deletion)),
        ]
    why = NOT_DELETED.get(deletion.ended_why or "", "Why is not recorded.")
    if deletion.ended_why == Ending.THROTTLED:
        why = _throttled(deletion, facts)
    said = "The deletion did not succeed"
    if deletion.ended_why == Ending.THROTTLED:
        said = "Huawei is rate-limiting us"
    elif deletion.ended_why in REFUSED:
        said = "Huawei refused to delete"
    elif deletion.ended_why == Ending.NEVER_SENT:
        said = "Not deleted by this request"
    clock = clock_sentence(facts.get("clock_skew"))
    return [
        Para(" ".join(part for part in (f"{verdict(said, deletion)}.", why, clock, people(deletion)) if part)),
        para_of(reply_line(deletion)),
        para_of(confirmed_line(deletion)),
        escalation(deletion, TICKET if deletion.unknown_since is None else LATER_TICKET),
    ]


def _throttled(deletion: Deletion, facts: Facts) -> str:
    """Why a throttled DELETE was not sent again, and what to do. Messages of a former version have no reason."""
    last, no = deletion.last_attempt, facts.get("not_again")
    if no is None:
        return NOT_SENT_AGAIN if last is not None and last.cause is not None else NOT_DELETED[Ending.THROTTLED]
    since, do = WHY_NOT_AGAIN.get(str(no.get("reason")), ("the bot's checks did not allow it", SOON))
    since = since.format(
        confirmer=mention(deletion.confirmer) if deletion.confirmer else "the person who confirmed",
        requester=mention(deletion.requester),
        differs=f" ({changes(no['differs'])})" if no.get("differs") else "",
    )
    return (
        f"Huawei throttled the DELETE. It was not sent again, since {since}. A check of the job follows. {do}"
    ).rstrip()


def _unknown(deletion: Deletion, facts: Facts, wording: Wording) -> Parts:
    why = WHY_UNKNOWN.get(deletion.ended_why or "", "The DELETE was sent, but its outcome is not known.")
    return [
        Para(
            f"{verdict('Not sure yet if it is deleted', deletion)}. {why} Nothing to do: the bot does not send it "
            f"again, it checks until it knows, and will post the answer here. {people(deletion)}"
        ),
        para_of(reply_line(deletion)),
        para_of(confirmed_line(deletion)),
        escalation(deletion, TICKET),
    ]


def _cancelled(deletion: Deletion, facts: Facts, wording: Wording) -> Parts:
    who = mention(deletion.ended_by) if deletion.ended_by else "somebody"
    return [Para(f"{verdict('Cancelled, nothing deleted', deletion)}. Cancelled by {who}.")]


def _expired(deletion: Deletion, facts: Facts, wording: Wording) -> Parts:
    if deletion.ended_why == Ending.RESTORED:
        return [
            Para(
                f"{verdict('Closed', deletion)}. The bot's database was restored from a backup, so this card deletes "
                f"nothing any more. What was done with it before stands in its thread. {mention(deletion.requester)}"
            )
        ]
    if facts.get("clock_set"):
        return [
            Para(
                f"{verdict('Closed, perhaps too early', deletion)}. {NOTHING_DELETED} The clock of the bot's machine "
                f"was set forward past the time until which this card waited. {_still_wanted(deletion, wording)}"
            )
        ]
    return [
        Para(
            f"{verdict('Timed out, nothing deleted', deletion)}. Nobody confirmed in time. "
            f"{_still_wanted(deletion, wording)}"
        )
    ]


def _still_wanted(deletion: Deletion, wording: Wording) -> str:
    command = code(f"{wording.command} {deletion.job.job_id}")
    return f"Still want it gone? Run {command}. {mention(deletion.requester)}"


def _refused(deletion: Deletion, facts: Facts, wording: Wording) -> Parts:
    no = Refused(facts.get("reason", ""), {**facts, "deletion": deletion})
    if "differs" in facts:
        text = (
            f"*Not deleted, the job has changed:* {job_label(deletion)} is no longer the one on the card "
            f"({changes(facts['differs'])}), so the card is closed. {NOTHING_DELETED} Still want it gone? Run the "
            "command again."
        )
    else:
        shown = ", ".join(f"{label} {code(str(facts[name]))}" for name, label in REPLY_FACTS.items() if facts.get(name))
        text = refusal_text(no, wording) + (f" ({shown})" if shown else "")
    who = mention(deletion.requester)
    return [Para(text if who in text else f"{text} {who}")]


REPLY_FACTS = {"status": "HTTP", "code": "error code", "request_id": "request ID"}


REMINDS: dict[ConfirmBy, str] = {
    ConfirmBy.REQUESTER: "*This card still waits* for the person who asked. {press} {requester}",
    ConfirmBy.ANY_OPERATOR: "*This card still waits* for somebody who may delete jobs. {press} {requester}",
    ConfirmBy.SECOND_PERSON: "*This card still waits* for a second person: anybody who may delete jobs, except "
    "{requester}. {press} {called}",
}
REMINDS_IN_VAIN = "*This card still waits* for a second person, but {nobody}. {ask} {closes} {requester}"


def _reminder(deletion: Deletion, facts: Facts, wording: Wording) -> Parts:
    # A message of a former version has no ``called``.
    called = Called(tuple(facts["called"]), facts["more"]) if "called" in facts else None
    is_in_vain = deletion.confirm_by is ConfirmBy.SECOND_PERSON and called == Called()
    until = when(deletion.deadline_at) if deletion.deadline_at else "soon"
    closes = f"It closes {until}, and then deletes nothing."
    waits = (REMINDS_IN_VAIN if is_in_vain else REMINDS[deletion.confirm_by]).format(
        requester=mention(deletion.requester),
        called=mentions(called or Called()),
        nobody=NOBODY_ELSE,
        ask=wording.whom_to_ask(),
        closes=closes,
        press=f"Press *Delete permanently* or *Cancel*. {closes}",
    )
    return [Para(waits.strip())]


def _notice(deletion: Deletion, facts: Facts, wording: Wording) -> Parts:
    if facts.get("about") in {FROZEN, UNFROZEN}:
        return freeze_parts(facts, in_thread=True)
    if facts.get("about") == LOST_COMMITS:
        return lost_parts(deletion, facts)
    return [para_of(str(facts.get("text", "")))]


SAYS: dict[NotificationKind, Renderer] = {
    **OF_READS,
    NotificationKind.OUTCOME: _outcome,
    NotificationKind.UNKNOWN: _unknown,
    NotificationKind.CANCELLED: _cancelled,
    NotificationKind.EXPIRED: _expired,
    NotificationKind.REFUSED: _refused,
    NotificationKind.REMINDER: _reminder,
    NotificationKind.NOTICE: _notice,
}
