"""Repeats writes that the ledger refused although they must happen, such as MetaStudio's reply to a DELETE.

They are logged first, kept in memory, and repeated until the ledger takes them. There are at most about as many as
permits, since each belongs to work whose first write the ledger took. If the process dies first, the row is still
DELETING, and reading settles it; an answer that is not recorded as given is given again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

import structlog

from bot.domain.ledger_port import LedgerTrouble
from bot.logs import about

log = structlog.get_logger(__name__)
T = TypeVar("T")


class PendingWrites:
    """The writes that wait for the ledger."""

    def __init__(self) -> None:
        self._waiting: list[tuple[str | None, Callable[[], object]]] = []
        self._lock = threading.Lock()

    def __call__(self, deletion: str | None, write: Callable[[], T]) -> T | None:
        """Do the write now, or keep it for later and return None."""
        try:
            return write()
        except LedgerTrouble as trouble:
            with about(deletion):
                log.error("ledger_trouble", diagnosis=trouble.diagnosis, step="unwritten")
            with self._lock:
                self._waiting.append((deletion, write))
            return None

    def run_once(self) -> int:
        """Try the writes that wait; returns how many succeeded."""
        with self._lock:
            waiting, self._waiting = self._waiting, []
        written = 0
        for at, (deletion, write) in enumerate(waiting):
            with about(deletion):
                try:
                    write()
                    written += 1
                except LedgerTrouble:
                    with self._lock:
                        self._waiting.extend(waiting[at:])
                    return written
                except Exception:
                    # A retry would fail again, and the other writes must not wait for it. Reading settles it.
                    log.exception("unwritten_failed")
        return written

    def __len__(self) -> int:
        return len(self._waiting)
