"""Posts one reminder to the thread of a card that still waits when half of its time is over."""

from __future__ import annotations

from datetime import timedelta

from bot.deletion.apply import apply
from bot.domain.change import Change
from bot.domain.ledger_port import DueWork
from bot.domain.model import State
from bot.domain.notifications import Notification, NotificationKind
from bot.domain.ports import Ports

LEASE_SECONDS = 60.0
"""Longer than the look-ups of one lease's cards may take: ten times four seconds."""
LEAST_LEFT = timedelta(seconds=60)
"""With less time left than this, a reminder would come too late to act on."""


def run_once(ports: Ports) -> int:
    """Remind of each card that has waited for half of its time, once; returns of how many.

    During a freeze no reminder is posted. Once it is lifted, the cards that still have time are reminded of.
    """
    if ports.ledger.freezes.current() is not None:
        return 0
    now = ports.clock.now()
    half = now + ports.config.rules.confirm_within / 2
    reminded = 0
    for deletion in ports.ledger.deletions.lease(
        DueWork.REMIND, now, seconds=LEASE_SECONDS, deadline=(now + LEAST_LEFT, half)
    ):
        # Looked up before the message is written, so that no other message of the thread waits for the look-ups.
        called = ports.second_people(deletion)
        # The look-ups may have taken seconds, so what forbids a reminder is asked for again.
        if ports.ledger.freezes.current() is not None:
            return reminded
        facts = {"state": State.AWAITING.value, "called": list(called.ids), "more": called.more}
        notification = Notification(
            NotificationKind.REMINDER, deletion.id, deletion.channel, deletion.message_ts, facts
        )
        change = Change(
            None,
            {"reminded": True},
            notifications=(notification,),
            where={"state": State.AWAITING, "reminded": False},
            before_deadline=ports.clock.now(),
        )
        reminded += apply(deletion, change, ports) is not None
    return reminded
