"""The buttons of cards and lists. Each click gets an immediate empty ack, and then an answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import structlog

from bot.deletion import permission
from bot.deletion.by_hand import check_now, close_as_deleted, close_as_present
from bot.deletion.cancel import cancel
from bot.deletion.confirm import confirm
from bot.deletion.pressed import stands_on
from bot.deletion.propose import propose
from bot.domain.events import Event, Kind
from bot.domain.evidence import Finding
from bot.domain.ledger_port import LedgerTrouble
from bot.domain.model import Ask, Deletion, DeletionId, Press, State
from bot.domain.notifications import Notification, NotificationKind, PendingRequest
from bot.domain.policy import Action
from bot.domain.ports import Ports
from bot.domain.refusals import Reason, Refused
from handlers import actions
from handlers.dispatch import Dispatcher, Result, new_id
from handlers.payloads import Click, click, request_digest
from handlers.subcommands.history import older_of_channel, older_of_job

log = structlog.get_logger(__name__)

Ack = Callable[..., Any]
UseCase = Callable[[Press, Ports], Deletion | Refused]


def pressed(dispatcher: Dispatcher, action: str, ack: Ack, body: Mapping[str, Any]) -> None:
    """The listener of a card's button: runs the use-case, then redraws the clicked message if it is stale."""
    begin(dispatcher, partial(_press, dispatcher, action), action, ack, body)


def begin(
    dispatcher: Dispatcher,
    work: Callable[[Click, PendingRequest], Result],
    action: str,
    ack: Ack,
    body: Mapping[str, Any],
) -> None:
    """The listener of every button: parse, take a permit, ack, submit."""
    seen = click(body)
    now = dispatcher.ports.clock.now()
    # A button about a job starts the command's flow, so its answers have the command's words.
    kind = "command" if seen.job_id else "click"
    pending = PendingRequest(
        new_id(),
        kind,
        seen.actor,
        seen.channel,
        now,
        thread_ts=seen.thread_ts,
        job=seen.job_id,
        deletion=seen.deletion,
        request=request_digest(body),
    )
    if no := dispatcher.ports.admission.refusal() or dispatcher.permit():
        # A click's ack cannot carry text, so "busy" is sent from a small separate pool. If that is full too, we do not
        # ack, and Slack shows an error.
        if dispatcher.refuse(pending, seen.response_url, no):
            ack()
        return
    ack()
    event = Event(
        Kind.CLICK,
        now,
        seen.actor,
        channel=seen.channel,
        deletion=pending.about,
        job=seen.job_id,
        facts={"action": action},
    )
    dispatcher.pool.run(partial(dispatcher.serve, pending, event, partial(work, seen, pending), seen.response_url))


def _press(dispatcher: Dispatcher, action: str, seen: Click, pending: PendingRequest) -> Result:
    use_case = BUTTONS.get(action)
    if use_case is None:
        return Refused(Reason.UNKNOWN_BUTTON)
    if seen.deletion is None:
        return Refused(Reason.UNKNOWN_DELETION)
    press = Press(pending.id, seen.actor, seen.channel, seen.deletion, seen.message_ts, seen.is_copy)
    result = use_case(press, dispatcher.ports)
    try:
        if not _drew_its_card(result, press):
            _redraw(dispatcher, press, action)
    except LedgerTrouble as trouble:
        # A failed redraw does not change the result, so the person still gets the answer to the result.
        log.error("ledger_trouble", diagnosis=trouble.diagnosis, step="redraw")
    except Exception:
        log.exception("redraw_failed")
    return _still_to_say(result, use_case)


def _drew_its_card(result: Deletion | Refused, press: Press) -> bool:
    """Whether an outcome's message has redrawn the clicked card already; a copy of the card is not redrawn by it."""
    if isinstance(result, Refused) or result.state is State.DELETING:
        return False
    return result.message_ts == press.message_ts


def _redraw(dispatcher: Dispatcher, press: Press, action: str) -> None:
    """Redraw the clicked message if its button can do nothing in this state, or if it is a second copy of the card.

    A press by a person who may act redraws each time, a press by anybody else at most once a minute. The person is
    looked up only within that minute, and the look-ups are cached.
    """
    deletion = dispatcher.ports.ledger.deletions.get(press.deletion)
    if deletion is None or press.message_ts is None or not stands_on(press, deletion):
        return
    if deletion.target != dispatcher.ports.config.target or action in actions.LIVE.get(deletion.state, ()):
        return
    is_due = dispatcher.redraws.is_due(press.channel, press.message_ts, dispatcher.ports.clock)
    if not is_due and not _may_act(press, deletion, dispatcher.ports):
        return
    notification = Notification(NotificationKind.CARD, deletion.id, press.channel, press.message_ts)
    dispatcher.ports.ledger.outbox.enqueue(notification)
    dispatcher.ports.deliver((notification,))


def _may_act(press: Press, deletion: Deletion, ports: Ports) -> bool:
    """Whether this person may press any button of this card: authorized people and the requester may cancel."""
    return (
        press.actor == deletion.requester or permission.may(Action.COMMAND, press.actor, press.channel, ports) is None
    )


def _still_to_say(result: Deletion | Refused, use_case: UseCase) -> Result:
    """The answer to the person who clicked: a text only for an outcome that the thread does not have yet."""
    if isinstance(result, Refused):
        return result
    if result.state is State.DELETING:
        return (
            "*Confirmed, but the bot can't save how it ended* at the moment. The thread will say it as soon as it can."
        )
    if use_case is check_now and result.state is State.UNKNOWN:
        return f"*Checked just now:* {JUST_CHECKED.get(result.reads_last, NOTHING_DECIDED)} {GOES_ON}"
    return result


JUST_CHECKED: dict[str | None, str] = {
    Finding.GONE.value: "so far the job looks gone; it takes more checks that agree.",
    Finding.PRESENT.value: "so far the job looks still there; it takes more checks that agree.",
}
NOTHING_DECIDED = "so far what Huawei answered decides nothing."
GOES_ON = "The bot goes on checking, and the answer comes in the thread."

BUTTONS: dict[str, UseCase] = {
    actions.CONFIRM: confirm,
    actions.CANCEL: cancel,
    actions.CHECK_NOW: check_now,
    actions.CLOSE_DELETED: close_as_deleted,
    actions.CLOSE_PRESENT: close_as_present,
}
"""The buttons of cards, by action id."""


def offer(dispatcher: Dispatcher, seen: Click, pending: PendingRequest) -> Result:
    """Start the normal flow for a job, in the channel of the click."""
    if seen.job_id is None:
        return Refused(Reason.UNKNOWN_BUTTON)
    return propose(Ask(DeletionId(pending.id), seen.actor, seen.channel, seen.job_id), dispatcher.ports)


LIST_BUTTONS: dict[str, Callable[[Dispatcher, Click, PendingRequest], Result]] = {
    actions.OLDER_OF_CHANNEL: older_of_channel,
    actions.OLDER_OF_JOB: older_of_job,
    actions.OFFER: offer,
}
"""The buttons of private lists, by action id."""
