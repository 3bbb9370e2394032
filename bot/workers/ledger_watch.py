"""Workers go on through trouble of the ledger; the log says once that it begins or changes, and once that it ends."""

from __future__ import annotations

import threading
from collections.abc import Callable

import structlog

from bot.domain.ledger_port import LedgerTrouble

log = structlog.get_logger(__name__)
Work = Callable[[], int]


class LedgerWatch:
    """The ledger's troubles as the workers of one bot meet them."""

    def __init__(self) -> None:
        self._met: dict[str, str] = {}
        """The last trouble of each worker that met one and has not been through since."""
        self._lock = threading.Lock()

    def over(self, worker: str, work: Work) -> Work:
        """The same work. In trouble it returns 0."""

        def once() -> int:
            try:
                done = work()
            except LedgerTrouble as trouble:
                self._begins(worker, trouble.diagnosis)
                return 0
            if self._met:
                self._is_well(worker)
            return done

        return once

    def _begins(self, worker: str, diagnosis: str) -> None:
        with self._lock:
            is_known = diagnosis in self._met.values()
            self._met[worker] = diagnosis
        if not is_known:
            log.error("ledger_trouble", diagnosis=diagnosis, step=worker)

    def _is_well(self, worker: str) -> None:
        with self._lock:
            was_in_trouble = self._met.pop(worker, None) is not None
            is_over = was_in_trouble and not self._met
        if is_over:
            log.info("ledger_well")
