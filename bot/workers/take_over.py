"""Turns a deletion whose claim ran out without a reply into an unknown outcome: its sender is gone."""

from __future__ import annotations

from bot.deletion.apply import apply
from bot.domain.change import Change
from bot.domain.events import Kind, event_about
from bot.domain.ledger_port import DueWork
from bot.domain.lifecycle import Step
from bot.domain.model import State
from bot.domain.notifications import NotificationKind, notifications_about
from bot.domain.outcomes import Ending
from bot.domain.ports import Ports
from bot.workers.read import LEASE_SECONDS


def take_over(ports: Ports) -> int:
    """Take over the claims that ran out; returns how many. No process may send the DELETE again."""
    left = ports.ledger.deletions.lease(DueWork.TAKEOVER, ports.clock.now(), seconds=LEASE_SECONDS)
    for deletion in left:
        now = ports.clock.now()
        change = Change(
            Step.LOSE,
            {"unknown_since": now, "ended_why": Ending.SENDER_GONE.value, "read_due_at": now},
            (event_about(Kind.UNKNOWN, deletion, now, means=Ending.SENDER_GONE.value),),
            notifications_about(deletion, NotificationKind.UNKNOWN, state=State.UNKNOWN.value),
            # Its sender may have claimed the next attempt since. That attempt is not lost.
            where={"claim_token": deletion.claim_token, "send_before": deletion.send_before},
        )
        apply(deletion, change, ports)
    return len(left)
