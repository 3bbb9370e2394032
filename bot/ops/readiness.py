"""Checks every few seconds: can the ledger be written, is its file in place, does PostgreSQL's clock agree with ours.

Runs in a thread of its own, also without an OPS_PORT, since ``bot.ops.admission`` depends on it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from bot.domain.ledger_port import LedgerTrouble
from bot.domain.ports import Clock
from bot.domain.refusals import Reason
from bot.ledger.clock import MOST_OFF
from bot.ledger.overview import Overview, Tally
from bot.ops.admission import Admission

log = structlog.get_logger(__name__)

PROBE_EVERY = 5
PROBE_HOLDS = 20.0
"""Seconds until a sample is stale. While the ledger hangs no sample ends, so that is noticed too."""
OK = "ok"


class Ledger(Protocol):
    """The methods of the ledger that are used here."""

    def ping_writable(self) -> datetime | None: ...

    def is_in_place(self) -> bool: ...

    @property
    def overview(self) -> Overview: ...


@dataclass(frozen=True, slots=True)
class Sample:
    """The ledger's counts at one moment, or its diagnosis. ``at`` is a time of ``time.monotonic``."""

    at: float
    tally: Tally | None
    trouble: str | None = None


class Probe:
    """Tries a write to the ledger, counts what is in it, and closes or opens the gate.

    The write changes the one row that every process has in the ledger, so nothing grows.
    """

    def __init__(
        self,
        ledger: Ledger,
        admission: Admission,
        clock: Clock,
        fingerprint: Callable[[], str],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ledger = ledger
        self._admission = admission
        self._clock = clock
        self._fingerprint = fingerprint
        self._now = now
        self._last: Sample | None = None

    def run_once(self) -> int:
        """Take a sample. Returns 0: there is never more to do at once."""
        before = self._last
        try:
            asked = self._clock.now()
            theirs = self._ledger.ping_writable()
            if theirs is not None:
                self._judge_clock(asked - theirs, self._clock.now() - theirs)
            if self._ledger.is_in_place():
                self._admission.open(Reason.LEDGER_REPLACED)
            else:
                self._admission.close(Reason.LEDGER_REPLACED)
            self._last = Sample(self._now(), self._ledger.overview.tally(self._fingerprint()))
        except LedgerTrouble as trouble:
            self._last = Sample(self._now(), None, trouble.diagnosis)
            if before is None or before.trouble != trouble.diagnosis:
                log.error("ledger_trouble", diagnosis=trouble.diagnosis, step="probe")
        return 0

    def _judge_clock(self, least: timedelta, most: timedelta) -> None:
        """Compare the clocks. Ours is ahead by between ``least`` and ``most``, since the answer was made as we waited.

        If a slow answer leaves open whether that is too much, the gate stays as it is.
        """
        least, most = min(least, most), max(least, most)
        if least > MOST_OFF or most < -MOST_OFF:
            self._admission.close(
                Reason.CLOCK_OFF, seconds=round((least if least > MOST_OFF else most).total_seconds())
            )
        elif least >= -MOST_OFF and most <= MOST_OFF:
            self._admission.open(Reason.CLOCK_OFF)

    @property
    def tally(self) -> Tally | None:
        """The newest counts, unless they are stale."""
        return self._last.tally if self._last is not None and self._is_fresh(self._last) else None

    def verdict(self) -> str:
        """``ok``, or why the ledger does not count as writable."""
        if self._last is None:
            return "not tried yet"
        if not self._is_fresh(self._last):
            return "does not answer"
        return self._last.trouble or OK

    def _is_fresh(self, sample: Sample) -> bool:
        return self._now() - sample.at < PROBE_HOLDS
