"""Calls after some time: in order, in one thread, and none that was called off."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from bot.runtime.later import LONGEST_PAUSE, Later
from bot.runtime.ticker import stop_all

SOON = 20


class Time:
    """A monotonic clock in the test's hand, and what was run."""

    def __init__(self) -> None:
        self.now = 100.0
        self.ran: list[str] = []
        self.later = Later(lambda: self.now, lambda work: work())

    def call(self, seconds: float, name: str) -> Callable[[], None]:
        return self.later(seconds, lambda: self.ran.append(name))


def test_calls_run_when_they_are_due_and_once() -> None:
    """In the order of their times; of two with one time the first that was asked for."""
    time = Time()
    time.call(2, "c")
    time.call(1, "a")
    time.call(1, "b")
    assert time.later.run_once() == 0
    time.now += 1
    assert time.later.run_once() == 2
    time.now += 1
    assert time.later.run_once() == 1
    time.now += 100
    assert time.later.run_once() == 0
    assert time.ran == ["a", "b", "c"]


def test_what_is_called_off_does_not_run() -> None:
    """Nor does calling off do harm afterwards."""
    time = Time()
    off, on = time.call(1, "off"), time.call(1, "on")
    off()
    time.now += 1
    assert time.later.run_once() == 1
    on()
    off()
    assert time.ran == ["on"]


def test_the_thread_rests_until_the_next_call() -> None:
    """At most a minute, and not at all for what is overdue."""
    time = Time()
    assert time.later.pause() == LONGEST_PAUSE
    time.call(1000, "x")
    assert time.later.pause() == LONGEST_PAUSE
    time.call(0.7, "y")
    assert time.later.pause() == pytest.approx(0.7)
    time.now += 5
    assert time.later.pause() == 0


def test_a_call_wakes_the_thread_that_rests() -> None:
    """It has gone to rest for a minute, and the new call is due at once."""
    ran = threading.Event()
    later = Later(lambda: 0.0, lambda work: work())
    later.ticker.start()
    try:
        later(0, ran.set)
        assert ran.wait(SOON)
    finally:
        stop_all([later.ticker], SOON)
