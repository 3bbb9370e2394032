"""The card's second button: close it without deleting."""

from __future__ import annotations

from bot.deletion import permission
from bot.deletion.apply import apply
from bot.deletion.in_doubt import ended_by
from bot.deletion.pressed import as_it_stands, pressed_deletion
from bot.domain import policy
from bot.domain.change import Change
from bot.domain.events import Kind, event_about
from bot.domain.lifecycle import Step
from bot.domain.model import Deletion, Press, State
from bot.domain.notifications import NotificationKind, notifications_about
from bot.domain.outcomes import Ending
from bot.domain.policy import Action, CardRule, awaiting
from bot.domain.ports import Ports
from bot.domain.refusals import Reason, Refused


def cancel(press: Press, ports: Ports) -> Deletion | Refused:
    """Close the card without deleting. The requester may always cancel; everybody else has to be authorized."""
    deletion = awaiting(pressed_deletion(press, ports), ports.config.target, ports.clock.now())
    if isinstance(deletion, Refused):
        return deletion
    # The requester may always cancel, so nothing is looked up for them. This works while Slack is down, too.
    if press.actor != deletion.requester:
        conversation, (presser, requester) = permission.look_up(
            ports, press.channel, (press.actor, deletion.requester), fresh=True
        )
        card = CardRule(requester, deletion.confirm_by)
        if no := policy.may(Action.CANCEL, presser, conversation, ports.config.rules, card):
            return as_it_stands(no, press, ports)
    now = ports.clock.now()
    change = Change(
        Step.CANCEL,
        {"ended_at": now, "ended_why": Ending.CANCELLED.value, "ended_by": press.actor},
        (event_about(Kind.CANCELLED, deletion, now, press.actor),),
        notifications_about(deletion, NotificationKind.CANCELLED, state=State.CANCELLED.value),
        before_deadline=now,
    )
    cancelled = apply(deletion, change, ports, find=lambda: ended_by(deletion, State.CANCELLED, press.actor, ports))
    return cancelled or as_it_stands(Refused(Reason.BUSY), press, ports)
