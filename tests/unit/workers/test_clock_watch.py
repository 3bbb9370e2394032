"""Who follows a step of the clock, and who goes on meanwhile."""

from __future__ import annotations

from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from bot.domain.ledger_port import LedgerTrouble
from bot.domain.policy import Rules
from bot.workers.clock_watch import ClockWatch
from tests.support.clock import HeldClock

STEP = -3600.0


class Ledger:
    """Notes the steps that it is to follow."""

    def __init__(self, answer: Any = 0) -> None:
        self.answer = answer
        self.steps: list[float] = []
        self.meanwhile = lambda: None

    def follow_clock(self, now: datetime, step: timedelta, longest: object) -> int | None:
        self.steps.append(step.total_seconds())
        self.meanwhile()
        if isinstance(self.answer, Exception):
            raise self.answer
        answer: int | None = self.answer
        return answer


@pytest.fixture
def clock() -> HeldClock:
    return HeldClock()


def watch_on(ledger: Ledger, clock: HeldClock) -> ClockWatch:
    config = SimpleNamespace(
        rules=Rules(), connect_timeout=timedelta(0), read_timeout=timedelta(0), settle_after=timedelta(0)
    )
    return ClockWatch(SimpleNamespace(clock=clock, ledger=ledger, config=config))  # type: ignore[arg-type]


def test_a_step_is_followed_once(clock: HeldClock) -> None:
    """The first look follows whatever was before this process; then only steps are."""
    ledger = Ledger()
    watch = watch_on(ledger, clock)
    assert watch.run_once()
    clock.add(5)
    assert watch.run_once()
    clock.step(STEP)
    assert watch.run_once()
    assert watch.run_once()
    assert ledger.steps == [0, STEP]


@pytest.mark.parametrize("answer", [None, LedgerTrouble("unreachable")])
def test_a_step_that_was_not_followed_is_still_to_be(clock: HeldClock, answer: object) -> None:
    """Where the ledger refused, or the clock is off the database's, nothing was set right yet."""
    ledger = Ledger()
    watch = watch_on(ledger, clock)
    watch.run_once()
    clock.step(STEP)
    ledger.answer = answer
    for _ in range(2):
        try:
            watch.run_once()
        except LedgerTrouble:
            assert answer is not None
    ledger.answer = 3
    watch.run_once()
    watch.run_once()
    assert ledger.steps == [0, STEP, STEP, STEP]


def test_nobody_waits_for_whoever_follows(clock: HeldClock) -> None:
    """Another worker leaves out this round, since it would go by times that are not set right yet."""
    ledger = Ledger()
    watch = watch_on(ledger, clock)
    seen: list[bool] = []
    ledger.meanwhile = lambda: seen.append(watch.run_once())
    assert watch.run_once()
    assert seen == [False]
    assert ledger.steps == [0]
