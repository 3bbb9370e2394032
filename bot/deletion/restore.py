"""After a restore from a backup: no card may be confirmed, and what was under way is unknown."""

from __future__ import annotations

from datetime import datetime

from bot.deletion.apply import write
from bot.domain.change import Change
from bot.domain.events import Kind, event_about
from bot.domain.ledger_port import Ledger
from bot.domain.lifecycle import Step
from bot.domain.model import Deletion, State
from bot.domain.notifications import NotificationKind, notifications_about
from bot.domain.outcomes import Ending

EVERY = 1_000_000


def expire_all_open(ledger: Ledger, now: datetime) -> tuple[int, int]:
    """After a restore from a backup: close every waiting card, and call every deletion that was under way unknown.

    Cards may have been used since the backup was made, so none of them may be confirmed any more, and none of them is
    said to have deleted nothing. The outcome of a deletion that was under way is found out by reading. Returns how many
    cards were closed and how many deletions became unknown. The next ``dh-bot run`` posts the messages.
    """
    closed = lost = 0
    for deletion in ledger.deletions.open(limit=EVERY):
        if deletion.state is State.AWAITING:
            closed += _close_restored(ledger, deletion, now)
        elif deletion.state is State.DELETING:
            lost += _lose_restored(ledger, deletion, now)
    return closed, lost


def _close_restored(ledger: Ledger, deletion: Deletion, now: datetime) -> bool:
    change = Change(
        Step.EXPIRE,
        {"ended_at": now, "ended_why": Ending.RESTORED.value},
        (event_about(Kind.EXPIRED, deletion, now, why=Ending.RESTORED.value),),
        notifications_about(deletion, NotificationKind.EXPIRED, state=State.EXPIRED.value),
    )
    return write(deletion, change, ledger) is not None


def _lose_restored(ledger: Ledger, deletion: Deletion, now: datetime) -> bool:
    change = Change(
        Step.LOSE,
        {"unknown_since": now, "ended_why": Ending.SENDER_GONE.value, "read_due_at": now},
        (event_about(Kind.UNKNOWN, deletion, now, why=Ending.RESTORED.value),),
        notifications_about(deletion, NotificationKind.UNKNOWN, state=State.UNKNOWN.value),
    )
    return write(deletion, change, ledger) is not None
