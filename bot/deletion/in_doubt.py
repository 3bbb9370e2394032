"""A COMMIT whose answer was lost: neither "done" nor "nothing was done" is known, until a fresh read shows which."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from bot.domain.ledger_port import LedgerTrouble
from bot.domain.model import Actor, Deletion, State
from bot.domain.ports import Ports

T = TypeVar("T")


def found_after(trouble: LedgerTrouble, find: Callable[[], T | None]) -> T:
    """What a fresh read shows of a write that raised this trouble in doubt; it was carried out then.

    Raises the trouble where it leaves no doubt, and where the read fails or does not show the write. The read's own
    trouble is not raised in its place: it would say for certain that nothing was written.
    """
    if not trouble.in_doubt:
        raise trouble
    try:
        found = find()
    except LedgerTrouble:
        raise trouble from None
    if not found:
        raise trouble
    return found


def ended_by(deletion: Deletion, state: State, actor: Actor, ports: Ports) -> Deletion | None:
    """The deletion if a fresh read shows that this person ended it in this state."""
    found = ports.ledger.deletions.get(deletion.id)
    return found if found is not None and (found.state, found.ended_by) == (state, actor) else None
