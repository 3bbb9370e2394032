"""Expires the cards that nobody confirmed in time, and closes the deletions whose card never reached Slack."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from bot.deletion.apply import apply
from bot.domain.change import Change
from bot.domain.events import Kind, event_about
from bot.domain.ledger_port import DueWork
from bot.domain.lifecycle import Step
from bot.domain.model import State
from bot.domain.notifications import NotificationKind, notifications_about
from bot.domain.outcomes import Ending
from bot.domain.ports import Ports
from bot.domain.refusals import Reason, Refused

LEASE_SECONDS = 30.0


def never(_: datetime) -> bool:
    """Whether the clock was set forward past that moment, where nobody has set it."""
    return False


def run_once(ports: Ports, jumped: Callable[[datetime], bool] = never) -> int:
    """Expire the cards past their deadline; returns how many were closed. ``jumped`` is ``ClockWatch.jumped``."""
    closed = 0
    for deletion in ports.ledger.deletions.lease(DueWork.EXPIRE, ports.clock.now(), seconds=LEASE_SECONDS):
        now = ports.clock.now()
        was_cut_short = deletion.deadline_at is not None and jumped(deletion.deadline_at)
        why = {"clock_set": True} if was_cut_short else {}
        change = Change(
            Step.EXPIRE,
            {"ended_at": now, "ended_why": Ending.EXPIRED.value},
            (event_about(Kind.EXPIRED, deletion, now),),
            notifications_about(deletion, NotificationKind.EXPIRED, state=State.EXPIRED.value, **why),
        )
        closed += apply(deletion, change, ports) is not None
    return closed + _close_orphans(ports)


def _close_orphans(ports: Ports) -> int:
    """Close the deletions whose process died before their card was known, since that card cannot be used.

    The card may stand in Slack all the same. A click on it is answered, and removes its buttons.
    """
    orphans = ports.ledger.deletions.lease(DueWork.ORPHAN, ports.clock.now(), seconds=LEASE_SECONDS)
    for deletion in orphans:
        now = ports.clock.now()
        no = Refused(Reason.RESTARTED)
        change = Change(
            Step.REFUSE,
            {"ended_at": now, "ended_why": no.reason},
            (event_about(Kind.NOT_OFFERED, deletion, now, why=no.reason),),
            where={"message_ts": None},
        )
        apply(deletion, change, ports)
    return len(orphans)
