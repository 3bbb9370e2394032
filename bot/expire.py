"""What the deadline does: a card that nobody confirmed expires, and one that never reached Slack is closed."""

from __future__ import annotations

from datetime import datetime

from bot.lifecycle import Step
from bot.model import Deletion, Refused, State
from bot.outcomes import Ending
from bot.policy import Reason
from bot.ports import Ledger, Ports
from bot.trail import Kind, TellKind, event_about, tells_about

LEASE_SECONDS = 30.0
EVERY = 1_000_000


def run_once(ports: Ports) -> int:
    """Expire what is over; returns how many deletions were closed."""
    closed = 0
    for deletion in ports.ledger.lease_deletions("expire", ports.clock.now(), seconds=LEASE_SECONDS):
        now = ports.clock.now()
        tells = tells_about(deletion, TellKind.EXPIRED, state=State.EXPIRED.value)
        changed = ports.ledger.change(
            deletion.id,
            Step.EXPIRE,
            {"ended_at": now, "ended_why": Kind.EXPIRED.value},
            event_about(Kind.EXPIRED, deletion, now),
            tell=tells,
        )
        ports.deliver(tells if changed else ())
        closed += changed is not None
    return closed + _close_orphans(ports)


def _close_orphans(ports: Ports) -> int:
    """A deletion whose process died before its card was known has no card that could be used: close it.

    The card may stand in Slack all the same. A click on it is answered, and takes its buttons away.
    """
    orphans = ports.ledger.lease_deletions("orphan", ports.clock.now(), seconds=LEASE_SECONDS)
    for deletion in orphans:
        now = ports.clock.now()
        no = Refused(Reason.RESTARTED)
        ports.ledger.change(
            deletion.id,
            Step.REFUSE,
            {"ended_at": now, "ended_why": no.reason},
            event_about(Kind.NOT_OFFERED, deletion, now, why=no.reason),
            where={"message_ts": None},
        )
    return len(orphans)


def expire_all_open(ledger: Ledger, now: datetime) -> tuple[int, int]:
    """After a restore from a backup: close every waiting card, and call every deletion that was under way unknown.

    Cards may have been used since the backup was made, so none of them may be confirmed any more, and none of them is
    said to have deleted nothing. What became of a deletion that was under way is found out by reading. Returns how many
    cards were closed and how many deletions became unknown. The messages are told by the next ``dh-bot run``.
    """
    closed = lost = 0
    for deletion in ledger.open_deletions(limit=EVERY):
        if deletion.state is State.AWAITING:
            closed += _close_restored(ledger, deletion, now)
        elif deletion.state is State.DELETING:
            lost += _lose_restored(ledger, deletion, now)
    return closed, lost


def _close_restored(ledger: Ledger, deletion: Deletion, now: datetime) -> bool:
    changed = ledger.change(
        deletion.id,
        Step.EXPIRE,
        {"ended_at": now, "ended_why": Ending.RESTORED.value},
        event_about(Kind.EXPIRED, deletion, now, why=Ending.RESTORED.value),
        tell=tells_about(deletion, TellKind.EXPIRED, state=State.EXPIRED.value),
    )
    return changed is not None


def _lose_restored(ledger: Ledger, deletion: Deletion, now: datetime) -> bool:
    changed = ledger.change(
        deletion.id,
        Step.LOSE,
        {"unknown_since": now, "ended_why": Ending.SENDER_GONE.value, "read_due_at": now},
        event_about(Kind.UNKNOWN, deletion, now, why=Ending.RESTORED.value),
        tell=tells_about(deletion, TellKind.UNKNOWN, state=State.UNKNOWN.value),
    )
    return changed is not None
