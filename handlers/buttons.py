"""The buttons on the card. Whoever clicks whatever in whatever state gets an answer; the ack is empty and instant."""

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
from handlers.views.endings import ENDED
from handlers.views.wording import Wording

log = structlog.get_logger(__name__)

Ack = Callable[..., Any]
UseCase = Callable[[Press, Ports], Deletion | Refused]


def pressed(dispatcher: Dispatcher, use_case: UseCase, action: str, ack: Ack, body: Mapping[str, Any]) -> None:
    """What every button of a card does."""
    begin(dispatcher, partial(_press, dispatcher, use_case), action, ack, body)


def begin(
    dispatcher: Dispatcher,
    work: Callable[[Click, PendingRequest], Result],
    action: str,
    ack: Ack,
    body: Mapping[str, Any],
) -> None:
    """What every button does: parse, permit, ack, submit."""
    seen = click(body)
    now = dispatcher.ports.clock.now()
    # A button about a job starts what the command starts, and is answered for in the command's words.
    kind = "command" if seen.job else "click"
    pending = PendingRequest(
        new_id(),
        kind,
        seen.actor,
        seen.channel,
        now,
        thread_ts=seen.thread_ts,
        job=seen.job,
        deletion=seen.deletion,
        request=request_digest(body),
    )
    if no := dispatcher.ports.admission.refusal() or dispatcher.permit():
        # The ack of a click carries no text, so "busy" is told from threads that do nothing else. Where even those are
        # taken there is no ack, and Slack itself shows the person that the click did not arrive.
        if dispatcher.refuse(pending, seen.response_url, no):
            ack()
        return
    ack()
    event = Event(
        Kind.CLICK,
        now,
        seen.actor,
        channel=seen.channel,
        deletion=DeletionId(pending.id) if seen.job else seen.deletion,
        job=seen.job,
        facts={"action": action},
    )
    dispatcher.pool.run(partial(dispatcher.serve, pending, event, partial(work, seen, pending), seen.response_url))


def _press(dispatcher: Dispatcher, use_case: UseCase, seen: Click, pending: PendingRequest) -> Result:
    if use_case is unknown:
        return Refused(Reason.UNKNOWN_BUTTON)
    if seen.deletion is None:
        return Refused(Reason.UNKNOWN_DELETION)
    press = Press(pending.id, seen.actor, seen.channel, seen.deletion, seen.message_ts, seen.is_copy)
    result = use_case(press, dispatcher.ports)
    try:
        if not _drew_its_card(result, press):
            _redraw(dispatcher, press, use_case)
    except LedgerTrouble as trouble:
        # The result stands whatever becomes of the card: nobody may be told that nothing happened because of this.
        log.error("ledger_trouble", diagnosis=trouble.diagnosis, step="redraw")
    except Exception:
        log.exception("redraw_failed")
    return _still_to_say(result, use_case, dispatcher.wording)


def _drew_its_card(result: Deletion | Refused, press: Press) -> bool:
    """Whether what the click brought about is drawn already: an outcome brings the new card, but only the one card."""
    if isinstance(result, Refused) or result.state is State.DELETING:
        return False
    return result.message_ts == press.message_ts


def _redraw(dispatcher: Dispatcher, press: Press, use_case: UseCase) -> None:
    """Draw the clicked message anew where its buttons can do nothing any more, or it is a second copy of the card.

    People who may act get that at each press; for all others it happens at most once a minute. Who it is matters only
    within that minute, and the look-ups that tell are cached.
    """
    deletion = dispatcher.ports.ledger.get(press.deletion)
    if deletion is None or press.message_ts is None or not stands_on(press, deletion):
        return
    if deletion.target != dispatcher.ports.config.target or use_case in LIVE.get(deletion.state, ()):
        return
    is_due = dispatcher.redraws.is_due(press.channel, press.message_ts, dispatcher.ports.clock)
    if not is_due and not _may_act(press, deletion, dispatcher.ports):
        return
    notification = Notification(NotificationKind.CARD, deletion.id, press.channel, press.message_ts)
    dispatcher.ports.ledger.enqueue(notification)
    dispatcher.ports.deliver((notification,))


def _may_act(press: Press, deletion: Deletion, ports: Ports) -> bool:
    """Whether this person may press any button of this card: authorized people may cancel, and so may the requester."""
    return (
        press.actor == deletion.requester or permission.may(Action.COMMAND, press.actor, press.channel, ports) is None
    )


def _still_to_say(result: Deletion | Refused, use_case: UseCase, wording: Wording) -> Result:
    """An outcome is told in the thread; these are the ends that the thread does not tell yet."""
    if isinstance(result, Refused):
        return result
    if result.state is State.DELETING:
        return (
            "The deletion was confirmed, but the bot cannot record how it ended at the moment. "
            "The thread will say it as soon as it can."
        )
    if use_case is check_now and result.state is State.UNKNOWN:
        seen = result.reads_last or "nothing that decides it"
        return f"Looked just now; {ENDED[State.UNKNOWN]}. So far the reads found: {seen}. The bot goes on looking."
    return result


def unknown(press: Press, ports: Ports) -> Deletion | Refused:
    """A button of ours that this version does not know, whatever it carries."""
    return Refused(Reason.UNKNOWN_BUTTON)


BUTTONS: dict[str, UseCase] = {
    actions.CONFIRM: confirm,
    actions.CANCEL: cancel,
    actions.CHECK_NOW: check_now,
    actions.CLOSE_DELETED: close_as_deleted,
    actions.CLOSE_PRESENT: close_as_present,
}
"""Every button there is, by its action id."""

LIVE: dict[State, frozenset[UseCase]] = {
    State.AWAITING: frozenset({confirm, cancel}),
    State.UNKNOWN: frozenset({check_now, close_as_deleted, close_as_present}),
}
"""Which of them do something in which state; pressed in another one, the message they stand on is out of date."""


def offer(dispatcher: Dispatcher, seen: Click, pending: PendingRequest) -> Result:
    """Start the normal flow for a job, in the channel of the click."""
    if seen.job is None:
        return Refused(Reason.UNKNOWN_BUTTON)
    return propose(Ask(DeletionId(pending.id), seen.actor, seen.channel, seen.job), dispatcher.ports)


LIST_BUTTONS: dict[str, Callable[[Dispatcher, Click, PendingRequest], Result]] = {
    actions.OLDER_OF_CHANNEL: older_of_channel,
    actions.OLDER_OF_JOB: older_of_job,
    actions.OFFER: offer,
}
"""Every one of them, by its action id."""
