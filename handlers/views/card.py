"""The card: the parent message of a deletion, in each of its states. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from bot.domain import job_states
from bot.domain.model import ConfirmBy, Deletion, Job, State
from bot.domain.outcomes import Ending
from bot.domain.ports import Called
from handlers.actions import BY_HAND, CANCEL, CHECK_NOW, CLOSE_DELETED, CLOSE_PRESENT, CONFIRM, LIVE, small_print
from handlers.views.blocks import (
    Button,
    Buttons,
    Fields,
    Heading,
    Message,
    Note,
    Para,
    Part,
    Typed,
    code,
    escape,
    mention,
    message,
    request_ids,
    visible,
    when,
)
from handlers.views.endings import words
from handlers.views.wording import Wording, as_slack_shows

CONSEQUENCES = (
    "According to Huawei's documentation this deletes the training video, the ID-card photos, the authorization file "
    "and the model asset. It cannot be undone. Not mentioned there: a linked voice job, finished videos."
)

WHAT_GOES = "Job {job} with its training video, ID-card photos, authorization file and model. This cannot be undone."

IN_USE_WARNING = "MetaStudio names services that use this model. Whatever uses it stops working."

NOBODY_ELSE = "nobody else on the list may confirm"
"""Everybody else on the list has left, is a guest or a bot, or is unknown to Slack."""

EPOCH = 1970

MAY_PRESS: dict[ConfirmBy, str] = {
    ConfirmBy.REQUESTER: "only {requester}",
    ConfirmBy.ANY_OPERATOR: "anybody who may delete jobs",
    ConfirmBy.SECOND_PERSON: "anybody who may delete jobs, except {requester} (a second person is required)",
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
            Note(small_print(deletion.id)),
        ]
    )


def rehearsed_card(deletion: Deletion, wording: Wording, earlier: Sequence[Deletion]) -> Message:
    """The card that a dry run would have posted, without buttons and without the id, which no ledger row has."""
    says = Para("*Dry run.* Every check passed. This card would have been posted here, with its buttons. It was not.")
    return message([says, *_shown(deletion, wording, earlier)])


def _shown(deletion: Deletion, wording: Wording, earlier: Sequence[Deletion]) -> list[Part | None]:
    job = deletion.job
    state = job_states.describe(job.state)
    return [
        Heading(_heading(deletion, wording)),
        _ending_line(deletion),
        Typed("Name", job.name) if job.name else None,
        Fields(_rows(deletion)),
        Typed("Reason", deletion.reason) if deletion.reason else None,
        *(_question(deletion, state.warning, earlier) if deletion.state is State.AWAITING else ()),
    ]


def _heading(deletion: Deletion, wording: Wording) -> str:
    heading = words(deletion).heading
    return f"[{wording.environment}] {heading}" if wording.environment else heading


def _ending_line(deletion: Deletion) -> Para | None:
    """Who did what, and Huawei's request ID or error code, for readers who see only the card and not its thread."""
    who = f" Confirmed by {mention(deletion.confirmer)}." if deletion.confirmer else ""
    at = f" ({when(deletion.ended_at)})" if deletion.ended_at else ""
    reply = last_reply(deletion)
    match deletion.state:
        case State.DELETING:
            return Para(f"The thread will say how it ends.{who}")
        case State.UNKNOWN:
            return Para(
                "The DELETE may or may not have worked. It is not sent again; the bot looks until it knows."
                f"{who}{reply}"
            )
        case State.DELETED | State.FAILED:
            return Para(f"{words(deletion).heading}{at}.{who}{_by_hand(deletion)}{reply}{_verified_gone(deletion)}")
        case State.CANCELLED if deletion.ended_why != Ending.LOST_COMMITS:
            by = f" by {mention(deletion.ended_by)}" if deletion.ended_by else ""
            return Para(f"Cancelled{by}{at}. Nothing was deleted.")
        case State.EXPIRED | State.REFUSED | State.CANCELLED:
            return Para(f"{words(deletion).heading}{at}.")
        case _:
            return None


def _by_hand(deletion: Deletion) -> str:
    # A late reply may have changed the ending since; ``ended_by`` still names the person who closed it by hand.
    if deletion.ended_by is None or deletion.ended_why != Ending.BY_HAND:
        return ""
    return f" By the word of {mention(deletion.ended_by)}."


def _verified_gone(deletion: Deletion) -> str:
    if deletion.state is not State.DELETED or deletion.verified_at is None:
        return ""
    return f" Verified gone {when(deletion.verified_at, '{time}')}."


def last_reply(deletion: Deletion) -> str:
    """The reply to the last DELETE, or why there is none, as one more sentence; empty if no DELETE was tried."""
    last = deletion.last_attempt
    if last is None:
        return ""
    facts = [
        f"HTTP {last.status}" if last.status is not None else "",
        f"error code {code(last.code)}" if last.code else "",
        f"request ID {request_ids(last)}" if last.request_id else "",
        f"{last.cause.value}" if last.cause is not None else "",
    ]
    text = ", ".join(part for part in facts if part)
    who = "MetaStudio" if last.status is not None else "The DELETE"
    return f" {who}: {text}." if text else ""


def _rows(deletion: Deletion) -> list[tuple[str, str]]:
    job = deletion.job
    state = job_states.describe(job.state)
    rows = [
        ("Job id", code(job.job_id)),
        ("State when asked", f"{code(job.state)} {state.meaning}"),
        ("Created", job_time(job.create_time)),
        ("Last submitted", job_time(job.last_update_time)),
        ("Model", " ".join(code(part) for part in (job.model_version, job.model_resolution) if part) or "–"),
        ("Services that use it", ", ".join(code(name) for name in job.supported_service) or "none named"),
        ("Asset id", code(job.asset_id)),
        ("Region and project", f"{code(deletion.target.region)} {code(deletion.target.project_id)}"),
        ("Asked by", mention(deletion.requester)),
    ]
    if job.voice_train_job_id:
        rows.append(("Linked voice job", code(job.voice_train_job_id)))
    if deletion.state is State.AWAITING:
        rows.append(("May confirm", may_press(deletion)))
        if deletion.deadline_at:
            rows.append(("Until", when(deletion.deadline_at)))
    return rows


def may_press(deletion: Deletion) -> str:
    """Who may confirm, in words."""
    return MAY_PRESS[deletion.confirm_by].format(requester=mention(deletion.requester))


def job_time(text: str) -> str:
    """A time from MetaStudio. A value that cannot be parsed is shown as it is."""
    try:
        moment = datetime.fromisoformat(text)
        # Slack's dates begin in 1970, and some moments at both ends of the calendar cannot be converted to UTC.
        moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return code(text)
    return when(moment) if moment.year >= EPOCH else code(text)


def _question(deletion: Deletion, warning: str, earlier: Sequence[Deletion]) -> list[Part | None]:
    is_finished = deletion.job.state in job_states.FINISHED
    hurts = warning if is_finished else IN_USE_WARNING
    return [
        Para(f"*Warning: {hurts}* It serves: {_uses(deletion.job, escape)}.") if _is_in_use(deletion.job) else None,
        Para(f"*Note: {warning}*") if warning and not is_finished else None,
        Para(_earlier(earlier)) if earlier else None,
        Para(CONSEQUENCES),
    ]


def _is_in_use(job: Job) -> bool:
    """Whether the deletion may break something: the job is finished, or MetaStudio names services that use it."""
    return job.state in job_states.FINISHED or bool(job.supported_service)


def _uses(job: Job, shown: Callable[[str], str]) -> str:
    return ", ".join(shown(name) for name in job.supported_service) or "nothing that MetaStudio names"


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
        f"• {when(one.asked_at)}: asked by {mention(one.requester)}, {_small(words(one).heading)}.{last_reply(one)}"
        for one in earlier[:MOST_EARLIER]
    ]
    more = len(earlier) - MOST_EARLIER
    return "\n".join(
        ["*Earlier requests for this job in the last 24 hours*", *lines, *([f"• and {more} more"] if more > 0 else [])]
    )


def _small(heading: str) -> str:
    return heading[:1].lower() + heading[1:]


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
    title, text = "Delete permanently?", WHAT_GOES.format(job=deletion.job.job_id)
    if _is_in_use(deletion.job):
        # The dialog is plain text, which needs no escaping. If it is too long, only services at its end are cut.
        title = "Delete a model that may be in use?"
        text = f"{text} Whatever uses this model stops working. It serves: {_uses(deletion.job, visible)}."
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
