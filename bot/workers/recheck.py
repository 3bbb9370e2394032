"""Looks again at what was recorded: a failover to a standby that was behind loses the commits of the last seconds.

The process that recorded an outcome is the only one that can notice, so it looks some times, and then forgets.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import structlog

from bot.domain.ledger_port import LedgerTrouble
from bot.logs import about

log = structlog.get_logger(__name__)

AFTER = (5.0, 60.0, 600.0)
"""Seconds from the look before. How far a standby is behind is a matter of seconds, where it is well."""


class Rechecks:
    """The checks that are repeated, and when."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._waiting: list[tuple[float, int, str, Callable[[], object]]] = []
        self._lock = threading.Lock()

    def __call__(self, deletion: str, check: Callable[[], object]) -> None:
        """Call ``look`` again later on. It repairs what it finds missing."""
        self._keep(0, deletion, check)

    def _keep(self, turn: int, deletion: str, check: Callable[[], object]) -> None:
        if turn < len(AFTER):
            with self._lock:
                self._waiting.append((self._monotonic() + AFTER[turn], turn, deletion, check))

    def run_once(self) -> int:
        """Look at what is due; returns how many there were."""
        now = self._monotonic()
        with self._lock:
            due = [one for one in self._waiting if one[0] <= now]
            self._waiting = [one for one in self._waiting if one[0] > now]
        for _, turn, deletion, check in due:
            with about(deletion):
                try:
                    check()
                except LedgerTrouble:
                    # Nothing was checked, so this turn is repeated: a failover may last longer than all of them.
                    log.warning("recheck_failed")
                    self._keep(turn, deletion, check)
                    continue
                except Exception:
                    log.exception("recheck_failed")
            self._keep(turn + 1, deletion, check)
        return len(due)
