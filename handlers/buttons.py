"""The buttons on the card. Whoever clicks whatever in whatever state gets an answer; the ack is empty and instant."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import structlog

from bot import permission, reconcile
from bot.deletions import cancel, confirm, new_id, pressed_deletion, stands_on
from bot.model import Deletion, DeletionId, Press, Refused, State
from bot.policy import Deed, Reason
from bot.ports import LedgerTrouble, Ports
from bot.trail import Event, Kind, Tell, TellKind, Waiting
from handlers.desk import Desk, Result
from handlers.payloads import Click, click
from handlers.views import card
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
        new_id(), kind, seen.actor, seen.channel, now, thread_ts=seen.thread_ts, job=seen.job, deletion=seen.deletion
    )
    if not desk.pool.take():
        # The ack of a click carries no text, so "busy" is told from threads that do nothing else. Where even those are
        # taken there is no ack, and Slack itself shows the person that the click did not arrive.
        if desk.refuse(waiting, seen.response_url):
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
    """Draw the clicked message anew where its buttons can do nothing any more, or it is a second copy of the card."""
    deletion = desk.ports.ledger.get(press.deletion)
    if deletion is None or press.message_ts is None or not stands_on(press, deletion):
        return
    if deletion.target != desk.ports.terms.target or use_case in LIVE.get(deletion.state, ()):
        return
    tell = Tell(TellKind.CARD, deletion.id, press.channel, press.message_ts)
    desk.ports.ledger.tell(tell)
    desk.ports.deliver((tell,))


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


def _authorized(deed: Deed, press: Press, ports: Ports) -> Deletion | Refused:
    """The deletion, if this person may operate here."""
    deletion = pressed_deletion(press, ports)
    if deletion is None:
        return Refused(Reason.UNKNOWN_DELETION)
    if deletion.target != ports.terms.target:
        return Refused(Reason.OTHER_PROJECT, {"deletion": deletion})
    return permission.may(deed, press.actor, press.channel, ports, fresh=True) or deletion


def check_now(press: Press, ports: Ports) -> Deletion | Refused:
    """*Check now*."""
    deletion = _authorized(Deed.CHECK_NOW, press, ports)
    return deletion if isinstance(deletion, Refused) else reconcile.check_now(deletion, ports)


def _close(press: Press, ports: Ports, *, deleted: bool) -> Deletion | Refused:
    deletion = _authorized(Deed.CLOSE_BY_HAND, press, ports)
    if isinstance(deletion, Refused):
        return deletion
    return reconcile.close_by_hand(deletion, press.actor, deleted=deleted, ports=ports)


def unknown(press: Press, ports: Ports) -> Deletion | Refused:
    """A button of ours that this version does not know, whatever it carries."""
    return Refused(Reason.UNKNOWN_BUTTON)


def close_as_deleted(press: Press, ports: Ports) -> Deletion | Refused:
    """*Checked: it is gone*."""
    return _close(press, ports, deleted=True)


def close_as_present(press: Press, ports: Ports) -> Deletion | Refused:
    """*Checked: still there*."""
    return _close(press, ports, deleted=False)


BUTTONS: dict[str, UseCase] = {
    card.CONFIRM: confirm,
    card.CANCEL: cancel,
    card.CHECK_NOW: check_now,
    card.CLOSE_DELETED: close_as_deleted,
    card.CLOSE_PRESENT: close_as_present,
}
"""Every button there is, by its action id."""

LIVE: dict[State, frozenset[UseCase]] = {
    State.AWAITING: frozenset({confirm, cancel}),
    State.UNKNOWN: frozenset({check_now, close_as_deleted, close_as_present}),
}
"""Which of them do something in which state; pressed in another one, the message they stand on is out of date."""
