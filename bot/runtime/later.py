"""Calls functions after some time. Best effort: what waits is lost when the process ends."""

from __future__ import annotations

import heapq
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

from bot.runtime.ticker import Ticker

LONGEST_PAUSE = 60.0


@dataclass(order=True, slots=True)
class _Call:
    due: float
    number: int
    work: Callable[[], object] | None = field(compare=False)


class Later:
    """Calls that wait for their time, in one thread for all of them.

    ``run`` gets each call when it is due and must not block. The thread wakes up only when the next call is due.
    """

    def __init__(self, monotonic: Callable[[], float], run: Callable[[Callable[[], object]], object]) -> None:
        self._monotonic = monotonic
        self._run = run
        self._waiting: list[_Call] = []
        self._numbers = count()
        self._lock = threading.Lock()
        self.ticker = Ticker("later", self.run_once, self.pause)

    def __call__(self, seconds: float, work: Callable[[], object]) -> Callable[[], None]:
        """Call ``work`` after so many seconds. The returned function calls it off."""
        with self._lock:
            call = _Call(self._monotonic() + seconds, next(self._numbers), work)
            heapq.heappush(self._waiting, call)
            is_next = self._waiting[0] is call
        if is_next:
            self.ticker.wake()

        def call_off() -> None:
            call.work = None

        return call_off

    def pause(self) -> float:
        """Seconds until the next call is due."""
        with self._lock:
            due = self._waiting[0].due if self._waiting else None
        return LONGEST_PAUSE if due is None else min(max(due - self._monotonic(), 0), LONGEST_PAUSE)

    def run_once(self) -> int:
        """Start the calls that are due; returns how many."""
        now, started = self._monotonic(), 0
        while (work := self._next(now)) is not None:
            self._run(work)
            started += 1
        return started

    def _next(self, now: float) -> Callable[[], object] | None:
        with self._lock:
            while self._waiting and self._waiting[0].due <= now:
                work = heapq.heappop(self._waiting).work
                if work is not None:
                    return work
            return None
