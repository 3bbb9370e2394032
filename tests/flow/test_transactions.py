"""What one deletion costs the ledger: each transaction that writes and each look, by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bot.ledger.store import Store
from tests.flow.world import World

COMMAND = ["note_request", "propose", "change"]
"""The request, the deletion, and the card that stands; it is the answer, too."""
PRESS = [
    *("note_request", "change:claim", "change:reply: deleted"),
    *("lease_notifications", "mark_delivered"),  # the outcome and the card together
]
"""The outcome in the thread is the answer to the press, so its transaction ends that request."""
AFTERWARDS = [
    # Two looks at the job, since one is no proof, and then the message and the card together.
    *("lease_deletions", "change"),
    *("lease_deletions", "change", "lease_notifications", "mark_delivered"),
]


class Counted:
    """The transactions of a ledger by their names: those that write, and the number of looks at deletions."""

    def __init__(self, ledger: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        self.names: list[str] = []
        self.looks = 0
        write, lease, read = ledger.write, ledger.lease, ledger.read

        def counted_write(name: str, work: Callable[..., Any]) -> Any:
            self.names.append(name)
            return write(name, work)

        def counted_lease(name: str, now: Any, work: Callable[..., Any], nothing: Any) -> Any:
            found = lease(name, now, work, nothing)
            # A poll that finds nothing changes no row.
            self.names += [name] if found else []
            return found

        def counted_read(work: Callable[..., Any]) -> Any:
            self.looks += 1
            return read(work)

        monkeypatch.setattr(ledger, "write", counted_write)
        monkeypatch.setattr(ledger, "lease", counted_lease)
        monkeypatch.setattr(ledger, "read", counted_read)

    def take(self) -> tuple[list[str], int]:
        """What was counted since the last time."""
        taken, self.names, self.looks = (self.names, self.looks), [], 0
        return taken


def test_a_deletion_takes_so_many_transactions(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """One for each thing that happens. Every further one costs each deletion a write to the disk."""
    w.idle()
    w.press(w.card(w.failed_job()))  # The breaker's row is cached after this.
    for _ in range(5):
        w.tick(20)
    counted = Counted(w.app.ledger, monkeypatch)
    card = w.card(w.failed_job())
    assert counted.take() == (COMMAND, 1), "the look finds earlier requests for the job"
    w.press(card)
    assert counted.take() == (PRESS, 3), "the looks find the deletion, whether a freeze stands, and what to post"
    w.tick(20)
    w.tick(40)
    names, _ = counted.take()
    assert [name for name in names if name not in {"follow_clock", "ping_writable"}] == AFTERWARDS
