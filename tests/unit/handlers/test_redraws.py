"""How often a message is drawn anew for people who may not act on it."""

from __future__ import annotations

import pytest

from handlers.redraws import MOST_KEPT, Redraws
from tests.support.clock import HeldClock


@pytest.mark.parametrize(("seconds", "is_due"), [(0, False), (1, False), (59.9, False), (60, True), (3600, True)])
def test_a_minute_has_to_pass(seconds: float, is_due: bool) -> None:  # noqa: FBT001 - a row of the table.
    """Since the last time that it was due."""
    redraws, clock = Redraws(), HeldClock()
    assert redraws.is_due("C1", "1.1", clock)
    clock.add(seconds)
    assert redraws.is_due("C1", "1.1", clock) is is_due


@pytest.mark.parametrize("step", [-3600, 3600])
def test_a_clock_that_is_set_holds_nothing_up(step: float) -> None:
    """However far it is set back or forward: at worst the message is drawn once more."""
    redraws, clock = Redraws(), HeldClock()
    assert redraws.is_due("C1", "1.1", clock)
    clock.step(step)
    assert redraws.is_due("C1", "1.1", clock)
    assert not redraws.is_due("C1", "1.1", clock)


def test_a_refusal_does_not_count() -> None:
    """Whoever goes on pressing does not put the next time off."""
    redraws, clock = Redraws(), HeldClock()
    seen = []
    for _ in range(7):
        seen.append(redraws.is_due("C1", "1.1", clock))
        clock.add(20)
    assert seen == [True, False, False, True, False, False, True]


def test_each_message_has_its_own_minute() -> None:
    """The same ts in another channel is another message."""
    redraws, clock = Redraws(), HeldClock()
    assert all(redraws.is_due(*message, clock) for message in (("C1", "1.1"), ("C1", "2.2"), ("C2", "1.1")))


def test_memory_is_bounded() -> None:
    """What was drawn longest ago is forgotten first, and may be drawn again."""
    redraws, clock = Redraws(), HeldClock()
    for number in range(MOST_KEPT):
        assert redraws.is_due("C1", f"{number}.1", clock)
    clock.add(60)
    assert redraws.is_due("C1", "0.1", clock)
    assert redraws.is_due("C1", "new.1", clock)
    assert len(redraws._drawn) == MOST_KEPT
    assert "1.1" not in {ts for _, ts in redraws._drawn}
    assert not redraws.is_due("C1", "0.1", clock)
