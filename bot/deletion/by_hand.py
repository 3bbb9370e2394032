"""The buttons of a card whose outcome is unknown: *Check now*, and *Close as checked by hand*."""

from __future__ import annotations

from datetime import datetime

from bot.deletion import permission
from bot.deletion.apply import apply
from bot.deletion.in_doubt import ended_by
from bot.deletion.inspect_job import inspect_job
from bot.deletion.pressed import pressed_deletion
from bot.deletion.settle import Read, weigh
from bot.domain import evidence
from bot.domain.change import Change
from bot.domain.events import Kind, event_about
from bot.domain.evidence import Finding
from bot.domain.lifecycle import Step
from bot.domain.model import Actor, Cause, Deletion, Press, State
from bot.domain.notifications import NotificationKind, notifications_about
from bot.domain.outcomes import Ending
from bot.domain.policy import Action
from bot.domain.ports import Ports
from bot.domain.refusals import Reason, Refused

NOT_INSPECTED: dict[Cause, Reason] = {Cause.BREAKER_OPEN: Reason.BREAKER_OPEN, Cause.LIMITED: Reason.BUSY}
"""Why MetaStudio was not even asked; after any other cause it was."""


def read_now(deletion: Deletion, ports: Ports) -> Deletion | Refused:
    """One read at once, ahead of its schedule."""
    if deletion.state is not State.UNKNOWN:
        return Refused(Reason.NOT_UNKNOWN, {"deletion": deletion})
    found, shown = inspect_job(deletion.job, ports)
    change = weigh(Read(deletion, found, shown, ports.clock.now()), ports.config)
    weighed = apply(deletion, change, ports)
    if weighed is not None and found is Finding.NOTHING and shown.reply.cause is not None:
        # The read found nothing, or MetaStudio was not asked. The answer must not claim that the bot has checked.
        return Refused(NOT_INSPECTED.get(shown.reply.cause, Reason.JOB_NOT_READ), {"reply": shown.reply})
    return weighed or Refused(Reason.NOT_UNKNOWN, {"deletion": ports.ledger.deletions.get(deletion.id)})


def may_close_by_hand(deletion: Deletion, now: datetime) -> bool:
    """A day of reading that decided nothing is the condition for a person's word."""
    since = deletion.unknown_since
    return deletion.state is State.UNKNOWN and since is not None and now - since >= evidence.UNDETERMINED_AFTER


def close_by_hand(deletion: Deletion, actor: Actor, *, deleted: bool, ports: Ports) -> Deletion | Refused:
    """*Close as checked by hand*: recorded as that person's word, never as something the bot found out."""
    now = ports.clock.now()
    if deletion.state is not State.UNKNOWN:
        return Refused(Reason.NOT_UNKNOWN, {"deletion": deletion})
    if not may_close_by_hand(deletion, now):
        return Refused(Reason.NOT_YET_BY_HAND, {"deletion": deletion})
    new = State.DELETED if deleted else State.FAILED
    change = Change(
        Step.CLOSE_DELETED if deleted else Step.CLOSE_FAILED,
        {"ended_at": now, "ended_why": Ending.BY_HAND.value, "ended_by": actor, "read_due_at": None},
        (event_about(Kind.CLOSED_BY_HAND, deletion, now, actor, word=new.value),),
        notifications_about(deletion, NotificationKind.CLOSED, state=new.value),
    )
    changed = apply(deletion, change, ports, find=lambda: ended_by(deletion, new, actor, ports))
    return changed or Refused(Reason.NOT_UNKNOWN, {"deletion": ports.ledger.deletions.get(deletion.id)})


def _authorized(action: Action, press: Press, ports: Ports) -> Deletion | Refused:
    """The deletion, if this person may operate here."""
    deletion = pressed_deletion(press, ports)
    if deletion is None:
        return Refused(Reason.UNKNOWN_DELETION)
    if deletion.target != ports.config.target:
        return Refused(Reason.OTHER_PROJECT, {"deletion": deletion})
    return permission.may(action, press.actor, press.channel, ports, fresh=True) or deletion


def check_now(press: Press, ports: Ports) -> Deletion | Refused:
    """*Check now*."""
    deletion = _authorized(Action.CHECK_NOW, press, ports)
    return deletion if isinstance(deletion, Refused) else read_now(deletion, ports)


def _close(press: Press, ports: Ports, *, deleted: bool) -> Deletion | Refused:
    deletion = _authorized(Action.CLOSE_BY_HAND, press, ports)
    if isinstance(deletion, Refused):
        return deletion
    return close_by_hand(deletion, press.actor, deleted=deleted, ports=ports)


def close_as_deleted(press: Press, ports: Ports) -> Deletion | Refused:
    """*Checked: it is gone*."""
    return _close(press, ports, deleted=True)


def close_as_present(press: Press, ports: Ports) -> Deletion | Refused:
    """*Checked: still there*."""
    return _close(press, ports, deleted=False)
