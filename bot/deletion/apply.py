"""Carries out a ``Change``: writes it, then delivers what is owed to Slack for it."""

from __future__ import annotations

from collections.abc import Callable

from bot.deletion.in_doubt import found_after
from bot.domain.change import Change
from bot.domain.ledger_port import Ledger, LedgerTrouble
from bot.domain.model import Deletion
from bot.domain.ports import Ports


def write(deletion: Deletion, change: Change, ledger: Ledger) -> Deletion | None:
    """Write the change; its notifications wait in the outbox. None when the deletion has moved on meanwhile.

    Raises ``LedgerTrouble``.
    """
    return ledger.deletions.change(
        deletion.id,
        change.step,
        change.values,
        *change.events,
        where=change.where,
        before_deadline=change.before_deadline,
        attempt=change.attempt,
        notifications=change.notifications,
        answers=change.answers,
    )


def apply(
    deletion: Deletion, change: Change, ports: Ports, *, find: Callable[[], Deletion | None] | None = None
) -> Deletion | None:
    """Write the change and deliver its notifications at once. None when the deletion has moved on meanwhile.

    ``find`` is the fresh read that shows whether the change was written, for a COMMIT whose answer was lost. Raises
    ``LedgerTrouble`` where the write failed, and where the answer was lost and no read shows the change.
    """
    try:
        changed = write(deletion, change, ports.ledger)
    except LedgerTrouble as trouble:
        if find is None:
            raise
        changed = found_after(trouble, find)
    if changed is not None:
        ports.deliver(change.notifications)
    return changed
