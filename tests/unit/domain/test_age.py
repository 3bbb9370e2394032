"""How old something is, where clocks are set, stand still, or go on while the machine sleeps."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.age import NO_AGE, STEP, TOO_OLD, age, moment, stepped
from tests.support.clock import HeldClock

SECONDS = st.floats(0, 10 * 365 * 86400).map(lambda seconds: round(seconds, 6))
STEPS = st.floats(-10 * 365 * 86400, 10 * 365 * 86400).map(lambda seconds: round(seconds, 6))

AGES = [
    # seconds that pass, by how many the wall clock is set meanwhile, the age
    (0, 0, 0),
    (4.999999, 0, 4.999999),
    # A suspended machine: both clocks have gone on.
    (3600, 0, 3600),
    # Set back by less than has passed: the monotonic clock knows.
    (10, -4, 10),
    # Set back by more than five seconds: nothing from before counts.
    (10, -5, 10),
    (10, -5.000001, None),
    # Set back further than has passed: the moment lies in the future.
    (10, -3600, None),
    (0, -0.000001, None),
    # Set forward: the clock may have been wrong, or the whole machine stood still. The larger one counts.
    (1, 3600, 3601),
]


@pytest.mark.parametrize(("passed", "step", "seconds"), AGES)
def test_an_age(passed: float, step: float, seconds: float | None) -> None:
    """The larger of the two clocks' words; of what lies in the future, too old."""
    clock = HeldClock()
    since = moment(clock)
    clock.add(passed)
    clock.step(step)
    assert age(since, clock) == (TOO_OLD if seconds is None else timedelta(seconds=seconds))


@given(SECONDS, STEPS)
def test_no_step_makes_anything_younger(passed: float, step: float) -> None:
    """However the wall clock is set, nothing is younger than the time that has passed, and no age is below zero."""
    clock = HeldClock()
    since = moment(clock)
    clock.add(passed)
    clock.step(step)
    assert age(since, clock) >= timedelta(seconds=passed) >= NO_AGE


STEPPED = [(0, 0), (5, 0), (-5, 0), (5.000001, 5.000001), (-5.000001, -5.000001), (3600, 3600), (-3600, -3600)]


@pytest.mark.parametrize(("step", "noticed"), STEPPED)
@pytest.mark.parametrize("passed", [0, 1, 100_000])
def test_a_step(passed: float, step: float, noticed: float) -> None:
    """More than five seconds in either direction, however much time has passed."""
    clock = HeldClock()
    since = moment(clock)
    clock.add(passed)
    clock.step(step)
    assert stepped(since, moment(clock)) == timedelta(seconds=noticed)
    assert timedelta(seconds=5) == STEP
