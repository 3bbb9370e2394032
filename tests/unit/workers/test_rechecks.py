"""How often what was recorded is looked at again, and when a look counts."""

from __future__ import annotations

from bot.domain.ledger_port import LedgerTrouble
from bot.workers.recheck import AFTER, Rechecks
from tests.support.clock import HeldClock


def test_what_was_recorded_is_looked_at_three_times_and_then_no_more() -> None:
    """After 5, 60 and 600 seconds, each counted from the look before."""
    clock = HeldClock()
    looks: list[float] = []
    began = clock.monotonic()
    again = Rechecks(clock.monotonic)
    again("d1", lambda: looks.append(clock.monotonic() - began))
    for _ in range(1000):
        clock.add(1)
        again.run_once()
    assert looks == [5, 65, 665]


def test_a_look_that_the_ledger_did_not_answer_is_taken_again() -> None:
    """However long the failover takes, each of the three looks is one that saw something."""
    clock = HeldClock()
    looks: list[float] = []
    began = clock.monotonic()

    def look() -> None:
        if clock.monotonic() - began < 2000:
            raise LedgerTrouble("unreachable")
        looks.append(clock.monotonic() - began)

    again = Rechecks(clock.monotonic)
    again("d1", look)
    for _ in range(4000):
        clock.add(1)
        again.run_once()
    assert len(looks) == len(AFTER)
    assert looks[0] == 2000


def test_a_bug_of_one_look_keeps_no_other_from_its_turn() -> None:
    """It is logged, and its own next turn comes all the same."""
    clock = HeldClock()
    looks: list[str] = []

    def broken() -> None:
        looks.append("broken")
        raise RuntimeError

    again = Rechecks(clock.monotonic)
    again("d1", broken)
    again("d2", lambda: looks.append("well"))
    for _ in range(1000):
        clock.add(1)
        again.run_once()
    assert looks == ["broken", "well"] * len(AFTER)
