"""The clocks of the tests. Each is a wall clock and a monotonic one, as the bot's ``Clock`` port wants them.

``add`` lets time pass, whether somebody works, waits, or the whole machine is suspended: the monotonic clock counts
that too. ``step`` sets the wall clock alone, as an administrator or a time service does.
"""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta

SOME_DAY = datetime(2026, 11, 22, 3, 12, tzinfo=UTC)
BOOTED = timedelta(seconds=5000)


class HeldClock:
    """Stands still but for what is added; a pause adds its length and takes no time."""

    def __init__(self, at: datetime = SOME_DAY, *, may_sleep: bool = True) -> None:
        self._base, self._up = at, BOOTED
        self._added, self._stepped = timedelta(0), timedelta(0)
        self._may_sleep = may_sleep
        self._lock = threading.Lock()

    def now(self) -> datetime:
        with self._lock:
            return self._base + self._added + self._stepped

    def monotonic(self) -> float:
        with self._lock:
            return (self._up + self._added).total_seconds()

    def timestamp(self) -> float:
        return self.now().timestamp()

    def sleep(self, seconds: float) -> None:
        assert self._may_sleep, f"nothing should wait here, least of all {seconds} s"
        self.add(seconds)

    def add(self, seconds: float) -> None:
        with self._lock:
            self._added += timedelta(seconds=seconds)

    def move_to(self, at: datetime) -> None:
        """Let time pass until then."""
        self.add((at - self.now()).total_seconds())

    def step(self, seconds: float) -> None:
        """Set the wall clock forward, or back where below zero. No time passes."""
        with self._lock:
            self._stepped += timedelta(seconds=seconds)


class RunningClock(HeldClock):
    """Moves by real time too."""

    def __init__(self, *, may_sleep: bool = True) -> None:
        super().__init__(may_sleep=may_sleep)

    def now(self) -> datetime:
        with self._lock:
            return datetime.now(UTC) + self._added + self._stepped

    def monotonic(self) -> float:
        with self._lock:
            return time.monotonic() + self._added.total_seconds()
