"""The clocks of this machine."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial

COUNT_SUSPENSION = ("CLOCK_BOOTTIME", "CLOCK_MONOTONIC")
"""Clocks that count the time of a suspension, best first. Linux's CLOCK_MONOTONIC does not, hence the order. That of
macOS does (clock_gettime(3)), unlike ``time.monotonic``. Windows has neither, and its ``time.monotonic`` does."""


def monotonic_clock() -> Callable[[], float]:
    """The best clock that can be read. A name in the ``time`` module proves only that the kernel's headers had it."""
    for name in COUNT_SUSPENSION:
        with suppress(AttributeError, OSError):
            read = partial(time.clock_gettime, getattr(time, name))
            read()
            return read
    return time.monotonic


class SystemClock:
    """The ``Clock`` of a running bot."""

    def __init__(self) -> None:
        self.monotonic = monotonic_clock()
        """Seconds since some moment. The time of a suspension is counted where the system counts it."""

    def now(self) -> datetime:
        """The present moment in UTC."""
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)
