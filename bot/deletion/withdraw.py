"""Closing a card that waits, because what it asks for may not be deleted any more."""

from __future__ import annotations

from bot.deletion.apply import apply
from bot.domain.change import Change
from bot.domain.events import Kind, event_about
from bot.domain.lifecycle import Step
from bot.domain.model import Actor, Deletion, State
from bot.domain.notifications import NotificationKind, notifications_about, refusal_facts
from bot.domain.ports import Ports
from bot.domain.refusals import Refused


def withdraw(deletion: Deletion, no: Refused, actor: Actor | None, ports: Ports) -> Deletion | None:
    """Close a waiting deletion as refused and say so on its card and in its thread, if it has them."""
    now = ports.clock.now()
    change = Change(
        Step.REFUSE,
        {"ended_at": now, "ended_why": no.reason, "ended_by": actor},
        (event_about(Kind.NOT_OFFERED, deletion, now, actor, why=no.reason),),
        notifications_about(deletion, NotificationKind.REFUSED, state=State.REFUSED.value, **refusal_facts(no)),
        # A click may have made a card known that the caller does not know of. It would keep its buttons.
        where={"message_ts": deletion.message_ts},
    )
    return apply(deletion, change, ports)
