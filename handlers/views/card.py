"""The card: the parent message of a deletion, in each of its states. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from bot.domain import job_states
from bot.domain.evidence import Finding
from bot.domain.model import ConfirmBy, Deletion, Job, State
from bot.domain.outcomes import REFUSED, Ending
from bot.domain.ports import Called
from handlers.actions import BY_HAND, CANCEL, CHECK_NOW, CLOSE_DELETED, CLOSE_PRESENT, CONFIRM, LIVE, small_print
from handlers.views.blocks import (
    DATE_AND_MINUTE,
    DATE_AND_TIME,
    Button,
    Buttons,
    Heading,
    Message,
    Note,
    Para,
    Part,
    SmallPrint,
    Typed,
    TypedNote,
    code,
    escape,
    mention,
    message,
    request_ids,
    shorten,
    time_of_day,
    visible,
    when,
)
from handlers.views.endings import heading, named, title, words
from handlers.views.thread_parts import answered_attempt
from handlers.views.wording import Wording, as_slack_shows

CONSEQUENCES = (
    "By Huawei's documentation this deletes the training video, ID-card photos, authorization file and model asset. "
    "No undo. Not mentioned there: a linked voice job, finished videos."
)

WHAT_GOES = "With its training video, ID-card photos, authorization file and model asset. This cannot be undone."
LONGEST_DIALOG = 300

NOBODY_ELSE = "nobody else on the list may confirm"
"""Everybody else on the list has left, is a guest or a bot, or is unknown to Slack."""

EPOCH = 1970

MAY_PRESS: dict[ConfirmBy, str] = {
    ConfirmBy.REQUESTER: "Only {requester} can confirm",
    ConfirmBy.ANY_OPERATOR: "Anybody who may delete jobs can confirm",
    ConfirmBy.SECOND_PERSON: "Anybody who may delete jobs can confirm, except {requester} (a second person is needed)",
}


def deletion_card(
    deletion: Deletion, wording: Wording, earlier: Sequence[Deletion] = (), *, called: Called | None = None
) -> Message:
    """The card in its present state; it has buttons only where they can still do something.

    Only the post of a new card passes ``called`` and mentions the people who may be the second person. Slack does not
    document whether a mention in an update notifies anybody, so an update has none.
    """
    return message(
        [
            *_shown(deletion, wording, earlier),
            _call(deletion, wording, called) if called is not None else None,
            _buttons(deletion),
            *_small_print(deletion),
        ]
    )


def rehearsed_card(deletion: Deletion, wording: Wording, earlier: Sequence[Deletion]) -> Message:
    """The card that a dry run would have posted, without buttons and without the id, which no ledger row has."""
    says = Para("*Dry run.* Every check passed. This card would have been posted here, with its buttons. It was not.")
    small = (Note(_until(deletion)), Note(_facts(deletion)))
    return message([says, *_shown(deletion, wording, earlier), *small])


def _shown(deletion: Deletion, wording: Wording, earlier: Sequence[Deletion]) -> list[Part | None]:
    is_open = deletion.state is State.AWAITING
    return [
        Heading(f"[{wording.environment}] {heading(deletion)}" if wording.environment else heading(deletion)),
        Para(_asked(deletion) if is_open else _ending_line(deletion)),
        Typed("Name", name) if (name := deletion.job.name) and title(deletion.job) != name else None,
        Typed("Reason", deletion.reason) if is_open and deletion.reason else None,
        *(_question(deletion, earlier) if is_open else ()),
    ]


def _small_print(deletion: Deletion) -> list[Part]:
    """The ids, and on a card that is pressed or over also Huawei's reply and the reason, in few lines on a phone."""
    if deletion.state is State.AWAITING:
        return [Note(_until(deletion)), Note(_facts(deletion)), Note(small_print(deletion.id))]
    # Somebody who checks by hand needs all the ids. Otherwise the rest stays in the ledger.
    ids = _facts(deletion) if deletion.state is State.UNKNOWN else f"Job {code(deletion.job.job_id)}"
    return [
        SmallPrint(
            [
                *([Note(last_reply(deletion))] if _has_reply(deletion) else ()),
                *([TypedNote("Reason", deletion.reason)] if deletion.reason else ()),
                Note(ids),
                *([Note(ended)] if (ended := _ended(deletion)) else ()),
                Note(small_print(deletion.id)),
            ]
        )
    ]


def _asked(deletion: Deletion) -> str:
    """The job's state, its age and who asked, in one line."""
    job = deletion.job
    state = f"When asked: {job_states.describe(job.state).meaning} ({code(job.state)})"
    created = f"created {job_time(job.create_time, '{date_short_pretty}')}" if job.create_time else ""
    return " · ".join(part for part in (state, created, f"asked by {mention(deletion.requester)}") if part)


def _ending_line(deletion: Deletion) -> str:
    """What the heading leaves open, and by whom; also for readers who do not see the thread."""
    parts = [words(deletion).line, _by_hand(deletion), _checked(deletion), _closed(deletion), _people(deletion)]
    return " ".join(part for part in parts if part)


def _people(deletion: Deletion) -> str:
    """Who asked and who confirmed."""
    asker, confirmer = mention(deletion.requester), deletion.confirmer
    if confirmer is None:
        return f"{asker} asked."
    if mention(confirmer) == asker:
        return f"{asker} asked and confirmed."
    return f"{asker} asked, {mention(confirmer)} confirmed."


def _closed(deletion: Deletion) -> str:
    """How a card ended that nobody confirmed."""
    at = f" {when(deletion.ended_at, DATE_AND_MINUTE)}" if deletion.ended_at else ""
    if deletion.state not in {State.REFUSED, State.CANCELLED, State.EXPIRED}:
        return ""
    if deletion.state is State.CANCELLED and deletion.ended_why != Ending.LOST_COMMITS:
        return f"Cancelled{f' by {mention(deletion.ended_by)}' if deletion.ended_by else ''}{at}."
    who = f" when {mention(deletion.ended_by)} pressed" if deletion.ended_by else ""
    return f"Closed{who}{at}." if at else ""


def _has_reply(deletion: Deletion) -> bool:
    # While it is DELETING, an answer is the one to a DELETE that is sent again, and no error to act on.
    return deletion.state in {State.UNKNOWN, State.DELETED, State.FAILED} and last_reply(deletion) != ""


def _ended(deletion: Deletion) -> str:
    """When a confirmed deletion ended. What ended otherwise says so in its first line."""
    if deletion.state not in {State.DELETED, State.FAILED} or deletion.ended_at is None:
        return ""
    return f"Ended {when(deletion.ended_at, DATE_AND_MINUTE)}"


def _by_hand(deletion: Deletion) -> str:
    # A late reply may have changed the ending since; ``ended_by`` still names the person who closed it by hand.
    if deletion.ended_by is None or deletion.ended_why != Ending.BY_HAND:
        return ""
    return f"By the word of {mention(deletion.ended_by)}."


def _checked(deletion: Deletion) -> str:
    if deletion.ended_why in REFUSED and deletion.state is State.FAILED:
        # ``verified_at`` is of the last check that has shown the job.
        at = deletion.verified_at
        return f"Still there when checked at {time_of_day(at)}." if at else "The thread says whether it is still there."
    is_confirmed = deletion.ended_why == Ending.REPLY_DELETED
    if is_confirmed and deletion.reads_last == Finding.PRESENT.value and deletion.read_due_at is None:
        return "But a later check found it; see the thread."
    if deletion.state is not State.DELETED or deletion.verified_at is None or deletion.ended_why == Ending.READ_GONE:
        return ""
    return f"Double-checked {time_of_day(deletion.verified_at)}."


def last_reply(deletion: Deletion) -> str:
    """The reply to the last DELETE, or why there is none, as one sentence; empty if no DELETE was tried."""
    last, said = deletion.last_attempt, answered_attempt(deletion)
    if last is None or said is None:
        return ""
    facts = [
        f"HTTP {said.status}" if said.status is not None else "",
        f"error code {code(said.code)}" if said.code else "",
        f"request ID {request_ids(said)}" if said.request_id else "",
        f"{said.cause.value}" if said.cause is not None else "",
    ]
    text = ", ".join(part for part in facts if part)
    who = "Huawei" if said.status is not None else "The DELETE"
    then = f"The next one never left the bot: {last.cause.value}." if last is not said and last.cause else ""
    return " ".join(part for part in (f"{who}: {text}." if text else "", then) if part)


def _until(deletion: Deletion) -> str:
    """Who may confirm, and until when."""
    until = f", until {when(deletion.deadline_at)}" if deletion.deadline_at else ""
    return f"{may_press(deletion)}{until}."


def _facts(deletion: Deletion) -> str:
    """What one rarely reads, small. Each id has a line of its own, where it can be copied on a phone."""
    job = deletion.job
    model = " ".join(code(part) for part in (job.model_version, job.model_resolution) if part)
    rows = [
        f"Job {code(job.job_id)}",
        f"Asset {code(job.asset_id)}" if job.asset_id else "",
        f"Linked voice job {code(job.voice_train_job_id)}" if job.voice_train_job_id else "",
        f"Region {code(deletion.target.region)}, project {code(deletion.target.project_id)}",
        f"Model {model}" if model else "",
        f"Created {job_time(job.create_time)}" if job.create_time else "",
        f"Last submitted {job_time(job.last_update_time)}" if job.last_update_time else "",
        f"Can be used for: {', '.join(map(code, job.supported_service)) or 'nothing named'}",
    ]
    return "\n".join(row for row in rows if row)


def may_press(deletion: Deletion) -> str:
    """Who may confirm, in words."""
    return MAY_PRESS[deletion.confirm_by].format(requester=mention(deletion.requester))


def job_time(text: str, form: str = DATE_AND_TIME) -> str:
    """A time from MetaStudio. A value that cannot be parsed is shown as it is."""
    try:
        moment = datetime.fromisoformat(text)
        # Slack's dates begin in 1970, and some moments at both ends of the calendar cannot be converted to UTC.
        moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return code(text)
    return when(moment, form) if moment.year >= EPOCH else code(text)


def _question(deletion: Deletion, earlier: Sequence[Deletion]) -> list[Part | None]:
    warning, job = job_states.describe(deletion.job.state).warning, deletion.job
    may_be_in_use = job.state in job_states.FINISHED
    return [
        Para(f"*Warning: {warning}* {_made_for(job, escape)}") if may_be_in_use else None,
        Para(f"*Note: {warning}*") if warning and not may_be_in_use else None,
        Para(_earlier(earlier)) if earlier else None,
        Para(CONSEQUENCES),
    ]


def _made_for(job: Job, shown: Callable[[str], str]) -> str:
    """What a model can be used for.

    Huawei documents ``supported_service`` as the kinds of business that the model supports. It does not say that
    anything uses the model.
    """
    return f"It can be used for: {', '.join(shown(name) for name in job.supported_service) or 'nothing named'}."


def _call(deletion: Deletion, wording: Wording, called: Called) -> Para | None:
    if deletion.confirm_by is not ConfirmBy.SECOND_PERSON:
        return None
    people = mentions(called)
    if not people:
        return Para(f"*A second person has to confirm this, but {NOBODY_ELSE}.* {wording.whom_to_ask()}")
    return Para(f"{people} A second person has to confirm this: one of you, but not {mention(deletion.requester)}.")


def mentions(called: Called) -> str:
    """Mentions of the people who may be the second person, and how many more there are; empty if there are none."""
    more = f" (and {called.more} more)" if called.more else ""
    return " ".join(map(as_slack_shows, called.ids)) + more


MOST_EARLIER = 5


def _earlier(earlier: Sequence[Deletion]) -> str:
    lines = [
        f"• {when(one.asked_at)}: asked by {mention(one.requester)}, {words(one).in_list}. {last_reply(one)}".rstrip()
        for one in earlier[:MOST_EARLIER]
    ]
    more = len(earlier) - MOST_EARLIER
    return "\n".join(
        ["*Earlier requests for this job in the last 24 hours*", *lines, *([f"• and {more} more"] if more > 0 else [])]
    )


def _buttons(deletion: Deletion) -> Buttons | None:
    """The buttons that work in this state. Those for closing by hand come after a day without a result."""
    made = {
        CONFIRM: _confirm_button(deletion),
        CANCEL: Button(CANCEL, "Cancel", deletion.id, accessibility_label="Cancel: nothing is deleted"),
        CHECK_NOW: Button(
            CHECK_NOW, "Check now", deletion.id, accessibility_label="Check now whether the job is still there"
        ),
        CLOSE_DELETED: _close_button(CLOSE_DELETED, "Checked: it is gone", deletion, "is gone"),
        CLOSE_PRESENT: _close_button(CLOSE_PRESENT, "Checked: still there", deletion, "is still there"),
    }
    live = [made[one] for one in LIVE.get(deletion.state, ()) if deletion.reminded or one not in BY_HAND]
    return Buttons(live) if live else None


def _confirm_button(deletion: Deletion) -> Button:
    title, job = "Delete permanently?", deletion.job
    text = f"{named(job)} ({job_states.describe(job.state).meaning} when asked). {WHAT_GOES}"
    if job.state in job_states.FINISHED:
        # The dialog is plain text, which needs no escaping. If it is too long, only what it can be used for is cut.
        title = "Delete a model that may be in use?"
        text = f"{text} Anything that uses this model may stop working. {_made_for(job, visible)}"
    text = f"{shorten(text, LONGEST_DIALOG - len(job.job_id) - 1)}\n{job.job_id}"
    return Button(
        CONFIRM,
        "Delete permanently",
        deletion.id,
        style="danger",
        ask=(title, text, "Delete permanently", "Keep the job"),
        accessibility_label="Delete permanently: asks once more",
    )


def _close_button(action: str, label: str, deletion: Deletion, what: str) -> Button:
    text = f"You have looked in the MetaStudio console and the job {what}. This is recorded as your word."
    return Button(action, label, deletion.id, ask=("Close as checked by hand?", text, "Close it", "Not yet"))
