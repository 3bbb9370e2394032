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
from bot.domain.notifications import Tell, TellKind, Waiting
from bot.domain.policy import Deed
from bot.domain.ports import Ports
from bot.domain.refusals import Reason, Refused
from handlers import actions
from handlers.dispatch import Desk, Result, new_id
from handlers.payloads import Click, click, request_digest
from handlers.subcommands.history import older_of_channel, older_of_job
from handlers.views.endings import ENDED
from handlers.views.wording import Wording

log = structlog.get_logger(__name__)

Ack = Callable[..., Any]
UseCase = Callable[[Press, Ports], Deletion | Refused]


def pressed(desk: Desk, use_case: UseCase, action: str, ack: Ack, body: Mapping[str, Any]) -> None:
    """What every button of a card does."""
    begin(desk, partial(_press, desk, use_case), action, ack, body)


def begin(desk: Desk, work: Callable[[Click, Waiting], Result], action: str, ack: Ack, body: Mapping[str, Any]) -> None:
    """What every button does: parse, permit, ack, submit."""
    seen = click(body)
    now = desk.ports.clock.now()
    # A button about a job starts what the command starts, and is answered for in the command's words.
    kind = "command" if seen.job else "click"
    waiting = Waiting(
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
    if no := desk.ports.admission.refusal() or desk.permit():
        # The ack of a click carries no text, so "busy" is told from threads that do nothing else. Where even those are
        # taken there is no ack, and Slack itself shows the person that the click did not arrive.
        if desk.refuse(waiting, seen.response_url, no):
            ack()
        return
    ack()
    event = Event(
        Kind.CLICK,
        now,
        seen.actor,
        channel=seen.channel,
        deletion=DeletionId(waiting.id) if seen.job else seen.deletion,
        job=seen.job,
        facts={"action": action},
    )
    desk.pool.run(partial(desk.serve, waiting, event, partial(work, seen, waiting), seen.response_url))


def _press(desk: Desk, use_case: UseCase, seen: Click, waiting: Waiting) -> Result:
    if use_case is unknown:
        return Refused(Reason.UNKNOWN_BUTTON)
    if seen.deletion is None:
        return Refused(Reason.UNKNOWN_DELETION)
    press = Press(waiting.id, seen.actor, seen.channel, seen.deletion, seen.message_ts, seen.is_copy)
    result = use_case(press, desk.ports)
    try:
        if not _drew_its_card(result, press):
            _redraw(desk, press, use_case)
    except LedgerTrouble as trouble:
        # The result stands whatever becomes of the card: nobody may be told that nothing happened because of this.
        log.error("ledger_trouble", diagnosis=trouble.diagnosis, step="redraw")
    except Exception:
        log.exception("redraw_failed")
    return _still_to_say(result, use_case, desk.wording)


def _drew_its_card(result: Deletion | Refused, press: Press) -> bool:
    """Whether what the click brought about is drawn already: an outcome brings the new card, but only the one card."""
    if isinstance(result, Refused) or result.state is State.DELETING:
        return False
    return result.message_ts == press.message_ts


def _redraw(desk: Desk, press: Press, use_case: UseCase) -> None:
    """Draw the clicked message anew where its buttons can do nothing any more, or it is a second copy of the card.

    People who may act get that at each press; for all others it happens at most once a minute. Who it is matters only
    within that minute, and the look-ups that tell are cached.
    """
    deletion = desk.ports.ledger.get(press.deletion)
    if deletion is None or press.message_ts is None or not stands_on(press, deletion):
        return
    if deletion.target != desk.ports.terms.target or use_case in LIVE.get(deletion.state, ()):
        return
    is_due = desk.redraws.is_due(press.channel, press.message_ts, desk.ports.clock)
    if not is_due and not _may_act(press, deletion, desk.ports):
        return
    tell = Tell(TellKind.CARD, deletion.id, press.channel, press.message_ts)
    desk.ports.ledger.tell(tell)
    desk.ports.deliver((tell,))


def _may_act(press: Press, deletion: Deletion, ports: Ports) -> bool:
    """Whether this person may press any button of this card: authorized people may cancel, and so may the requester."""
    return press.actor == deletion.requester or permission.may(Deed.COMMAND, press.actor, press.channel, ports) is None


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


def offer(desk: Desk, seen: Click, waiting: Waiting) -> Result:
    """Start the normal flow for a job, in the channel of the click."""
    if seen.job is None:
        return Refused(Reason.UNKNOWN_BUTTON)
    return propose(Ask(DeletionId(waiting.id), seen.actor, seen.channel, seen.job), desk.ports)


LIST_BUTTONS: dict[str, Callable[[Desk, Click, Waiting], Result]] = {
    actions.OLDER_OF_CHANNEL: older_of_channel,
    actions.OLDER_OF_JOB: older_of_job,
    actions.OFFER: offer,
}
"""Every one of them, by its action id."""
