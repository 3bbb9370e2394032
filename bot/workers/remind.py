"""At half time a card that still waits is brought to mind once, in its thread."""

from __future__ import annotations

from datetime import timedelta

from bot.deletion.apply import apply
from bot.domain.change import Change
from bot.domain.model import State
from bot.domain.notifications import Notification, NotificationKind
from bot.domain.ports import Ports

LEASE_SECONDS = 30.0
LEAST_LEFT = timedelta(seconds=60)
"""With less time than this left nobody who is only now reminded would come in time."""


def run_once(ports: Ports) -> int:
    """Remind of what has waited for half of its time; returns of how many cards. The ledger says it only once.

    Nobody is asked to press what a freeze forbids; once it is lifted, those that still have time are reminded of.
    """
    if ports.ledger.freezes.current() is not None:
        return 0
    now = ports.clock.now()
    half = now + ports.config.rules.confirm_within / 2
    reminded = 0
    for deletion in ports.ledger.lease_deletions(
        "remind", now, seconds=LEASE_SECONDS, deadline=(now + LEAST_LEFT, half)
    ):
        # Looked up here and written with the message, so that no other message of the thread waits for the look-ups.
        called = ports.second_people(deletion)
        facts = {"state": State.AWAITING.value, "called": list(called.ids), "more": called.more}
        notification = Notification(
            NotificationKind.REMINDER, deletion.id, deletion.channel, deletion.message_ts, facts
        )
        change = Change(
            None,
            {"reminded": True},
            notifications=(notification,),
            where={"state": State.AWAITING, "reminded": False},
        )
        reminded += apply(deletion, change, ports) is not None
    return reminded
