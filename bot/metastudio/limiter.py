"""A rate limiter that serves callers in order.

Huawei limits each operation per tenant, and the console and other tools share that quota (20, 10 or 5 per second by
region and kind; the rows of our three operations are not readable in any copy), so the bot keeps well below.
"""

from __future__ import annotations

import threading
from datetime import timedelta

from bot.domain.model import Operation
from bot.domain.ports import Clock


class Bucket:
    """A token bucket that holds one second's worth of calls, and at least one.

    A caller takes its place in the queue under the lock and sleeps outside it, so callers are served in order and
    woken once. A caller that would have to wait too long takes no place.
    """

    def __init__(self, per_second: float, clock: Clock, longest_wait: float) -> None:
        self._clock = clock
        self._interval = timedelta(seconds=1 / per_second)
        self._burst = self._interval * (max(1.0, per_second) - 1)
        self._longest = timedelta(seconds=longest_wait)
        self._lock = threading.Lock()
        self._next: timedelta | None = None
        """When the next place is free, without the burst, by the monotonic clock."""

    def wait(self) -> bool:
        """Take a place and wait for it; False if that would take too long."""
        with self._lock:
            now = timedelta(seconds=self._clock.monotonic())
            place = max(self._next, now - self._burst) if self._next is not None else now - self._burst
            if place - now > self._longest:
                return False
            self._next = place + self._interval
        if place > now:
            self._clock.sleep((place - now).total_seconds())
        return True


class Limiter:
    """One bucket for reads and one for DELETEs; a rate of 0 means no limit."""

    LONGEST_WAIT_TO_READ = 60.0
    LONGEST_WAIT_TO_DELETE = 30.0

    def __init__(self, *, deletes_per_second: float, reads_per_second: float, clock: Clock) -> None:
        deletes = Bucket(deletes_per_second, clock, self.LONGEST_WAIT_TO_DELETE) if deletes_per_second else None
        reads = Bucket(reads_per_second, clock, self.LONGEST_WAIT_TO_READ) if reads_per_second else None
        self._buckets = {Operation.DELETE: deletes, Operation.SHOW: reads, Operation.LIST: reads}

    def wait(self, operation: Operation) -> bool:
        """Take a place and wait for it; False means busy."""
        bucket = self._buckets[operation]
        return bucket is None or bucket.wait()
