"""So many calls per second, in order, and nobody waits for ever."""

from __future__ import annotations

import threading

import pytest

from bot.domain.model import Operation
from bot.metastudio.limiter import Bucket, Limiter
from tests.support.clock import HeldClock


class Sleepers(HeldClock):
    """A clock that stands still; sleepers are written down and do not wait."""

    def __init__(self) -> None:
        super().__init__()
        self.sleeps: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(round(seconds, 6))


@pytest.fixture
def clock() -> Sleepers:
    return Sleepers()


def test_a_second_of_calls_may_leave_at_once_and_the_rest_waits_in_turn(clock: Sleepers) -> None:
    """Five per second: five at once, then one every fifth of a second."""
    bucket = Bucket(5, clock, 60)
    assert all(bucket.wait() for _ in range(8))
    assert clock.sleeps == [0.2, 0.4, 0.6]


def test_one_per_second_is_one_per_second(clock: Sleepers) -> None:
    """No burst at all where only one fits into a second."""
    bucket = Bucket(1, clock, 30)
    assert all(bucket.wait() for _ in range(3))
    assert clock.sleeps == [1.0, 2.0]


def test_less_than_one_per_second_works_too(clock: Sleepers) -> None:
    """A rate of one in ten seconds is kept."""
    bucket = Bucket(0.1, clock, 30)
    assert [bucket.wait() for _ in range(5)] == [True, True, True, True, False]
    assert clock.sleeps == [10.0, 20.0, 30.0]


def test_idle_time_fills_the_bucket_but_never_over(clock: Sleepers) -> None:
    """An hour of silence allows one second's worth of calls, not an hour's."""
    bucket = Bucket(2, clock, 60)
    bucket.wait()
    clock.add(3600)
    assert all(bucket.wait() for _ in range(4))
    assert clock.sleeps == [0.5, 1.0]


def test_who_would_wait_too_long_is_told_so_at_once_and_takes_no_place(clock: Sleepers) -> None:
    """Thirty wait; the next is refused without sleeping, and one second later there is one place."""
    bucket = Bucket(1, clock, 30)
    assert [bucket.wait() for _ in range(33)] == [True] * 31 + [False] * 2
    assert len(clock.sleeps) == 30
    clock.add(1)
    assert [bucket.wait(), bucket.wait()] == [True, False]


@pytest.mark.parametrize("back", [61, 3600, 86400 * 365, -3600])
def test_a_clock_that_is_set_changes_nothing(clock: Sleepers, back: float) -> None:
    """The queue goes by the monotonic clock: set back or forward, the next place is a second away."""
    bucket = Bucket(1, clock, 30)
    bucket.wait()
    clock.step(-back)
    assert bucket.wait()
    assert clock.sleeps == [1.0]


def test_places_are_given_in_the_order_of_asking_to_all_threads(clock: Sleepers) -> None:
    """A hundred threads get a hundred different places, one apart."""
    bucket = Bucket(10, clock, 60)
    threads = [threading.Thread(target=bucket.wait) for _ in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(clock.sleeps) == [round(0.1 * i, 6) for i in range(1, 91)]


def test_deletes_and_reads_wait_for_themselves_only(clock: Sleepers) -> None:
    """A queue of reads does not hold up a DELETE; Show and List share one bucket."""
    limiter = Limiter(deletes_per_second=1, reads_per_second=1, clock=clock)
    assert limiter.wait(Operation.SHOW)
    assert limiter.wait(Operation.LIST)
    assert clock.sleeps == [1.0]
    assert limiter.wait(Operation.DELETE)
    assert clock.sleeps == [1.0]


def test_reads_may_wait_a_minute_and_deletes_half_of_one(clock: Sleepers) -> None:
    """The bounds differ: a person stands behind a DELETE."""
    limiter = Limiter(deletes_per_second=1, reads_per_second=1, clock=clock)
    assert sum(limiter.wait(Operation.SHOW) for _ in range(100)) == 61
    assert sum(limiter.wait(Operation.DELETE) for _ in range(100)) == 31


def test_zero_means_no_limit(clock: Sleepers) -> None:
    """The benchmark's setting."""
    limiter = Limiter(deletes_per_second=0, reads_per_second=0, clock=clock)
    assert all(limiter.wait(operation) for operation in Operation for _ in range(1000))
    assert clock.sleeps == []
