"""Permits, the pool, the drain and the clock's own workers: bounded, deaf to nobody's failure, and stoppable."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, timedelta
from functools import partial

import pytest
import structlog

from bot.runtime import clock as clocks
from bot.runtime import pool as work
from bot.runtime import ticker as tickers
from bot.runtime.clock import SystemClock
from bot.runtime.pool import KeyedLocks, Pool
from bot.runtime.ticker import Ticker, stop_all

SOON = 10.0
"""Seconds after which a test gives up on a thread; nothing here takes that long."""
NEVER = 3600.0


@contextmanager
def pool_of(workers: int) -> Iterator[Pool]:
    pool = Pool(workers)
    try:
        yield pool
    finally:
        pool.drain(SOON)
        pool.close(SOON)


class Gate:
    """Work that says when it has begun, and goes on when it is let."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.open = threading.Event()
        self.done = threading.Event()

    def __call__(self) -> None:
        self.begun.set()
        assert self.open.wait(SOON)
        self.done.set()


def test_a_permit_is_taken_or_refused_at_once() -> None:
    """So many permits and not one more; nobody waits for one."""
    with pool_of(2) as pool:
        assert [pool.take() for _ in range(4)] == [True, True, False, False]
        pool.give_back()
        assert [pool.take(), pool.take()] == [True, False]
        pool.give_back()
        pool.give_back()


def test_work_holds_its_permit_until_it_is_done() -> None:
    """Busy means busy: the permit comes back with the end of the work, not with its beginning."""
    gate = Gate()
    with pool_of(1) as pool:
        assert pool.take()
        pool.run(gate)
        assert gate.begun.wait(SOON)
        assert not pool.take()
        gate.open.set()
        assert pool.wait_idle(SOON)
        assert gate.done.is_set()
        assert pool.take()
        pool.give_back()


def test_as_many_works_run_at_once_as_there_are_permits() -> None:
    """No permit waits for another's work."""
    gates = [Gate() for _ in range(5)]
    with pool_of(5) as pool:
        for gate in gates:
            assert pool.take()
            pool.run(gate)
        assert all(gate.begun.wait(SOON) for gate in gates)
        assert not pool.take()
        for gate in gates:
            gate.open.set()


def test_work_that_raises_is_heard_and_gives_its_permit_back() -> None:
    """The log has it, the thread lives, the permit is back."""

    def fails() -> None:
        raise ZeroDivisionError

    with structlog.testing.capture_logs() as lines, pool_of(1) as pool:
        for _ in range(3):
            assert pool.take()
            pool.run(fails)
            assert pool.wait_idle(SOON)
    assert [(line["event"], line["log_level"]) for line in lines] == [("work_failed", "error")] * 3


def test_a_pool_that_takes_no_work_gives_the_permit_back() -> None:
    """After the end, work is refused loudly and the count stays right."""
    pool = Pool(1)
    assert pool.take()
    pool._workers.shutdown()
    with pytest.raises(RuntimeError):
        pool.run(lambda: None)
    assert pool.wait_idle(SOON)
    assert pool.drain(SOON)


def test_what_takes_too_long_together_is_missing() -> None:
    """The others are there; what has not begun by then never begins, and clicks have their threads meanwhile."""
    gate, begun = threading.Event(), []

    def body(name: str) -> str:
        begun.append(name)
        if name != "quick":
            gate.wait(SOON)
        return name.upper()

    slow = [f"slow {number}" for number in range(20)]
    with pool_of(1) as pool:
        assert pool.together(body, ["quick", *slow], 0.2) == {"quick": "QUICK"}
        assert pool.in_background(lambda: "at once").result(SOON) == "at once"
        gate.set()
        assert pool.together(body, ["quick"], SOON) == {"quick": "QUICK"}
    assert "slow 19" not in begun


def test_what_fails_together_is_missing_and_heard() -> None:
    """The others are there, and the log has the error."""
    with structlog.testing.capture_logs() as lines, pool_of(1) as pool:
        assert pool.together(lambda number: 1 // number, [1, 0], SOON) == {1: 1}
    assert [(line["event"], type(line["exc_info"])) for line in lines] == [("work_failed", ZeroDivisionError)]


def test_a_pool_that_ended_does_nothing_together() -> None:
    """Nothing is found out, and that is no failure."""
    pool = Pool(1)
    pool.close(0)
    assert pool.together(str.upper, ["a"], SOON) == {}


NAME: ContextVar[str] = ContextVar("NAME", default="nobody")


@pytest.mark.parametrize("way", ["run", "in_background"])
def test_work_sees_the_context_of_its_caller(way: str) -> None:
    """The deletion that is bound to the log lines goes along into the thread, and back out of it nothing comes."""
    seen: list[str] = []

    def body() -> None:
        seen.append(NAME.get())
        NAME.set("the thread")

    with pool_of(1) as pool:
        token = NAME.set("the caller")
        if way == "run":
            assert pool.take()
            pool.run(body)
        else:
            pool.in_background(body).result(SOON)
        assert pool.wait_idle(SOON)
        assert NAME.get() == "the caller"
        NAME.reset(token)
    assert seen == ["the caller"]


def test_look_ups_run_beside_work_that_fills_the_pool() -> None:
    """Work that waits for a look-up never waits for other work: they have threads of their own."""
    answers: list[int] = []

    with pool_of(2) as pool:
        both = threading.Barrier(2, timeout=SOON)

        def body() -> None:
            both.wait()  # both permits are in use now
            answers.append(pool.in_background(lambda: 7).result(SOON))

        for _ in range(2):
            assert pool.take()
            pool.run(body)
        assert pool.wait_idle(SOON)
    assert answers == [7, 7]


def test_a_look_up_hands_its_exception_to_whoever_waits() -> None:
    """Beside means beside: the caller decides what a failure means."""
    with pool_of(1) as pool, pytest.raises(ZeroDivisionError):
        pool.in_background(lambda: 1 // 0).result(SOON)


# -- overflow ---------------------------------------------------------------------------------------------------------


def test_overflow_work_runs_although_every_permit_is_taken() -> None:
    """Busy can be said while everything is busy."""
    said = threading.Event()
    with pool_of(1) as pool:
        assert pool.take()
        assert pool.overflow(said.set)
        assert said.wait(SOON)
        pool.give_back()


def test_overflow_work_is_bounded_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """So much waits and no more; what has run makes room again."""
    monkeypatch.setattr(work, "MAX_OVERFLOW", 2)
    monkeypatch.setattr(work, "OVERFLOW_THREADS", 1)
    first, second = Gate(), Gate()
    with pool_of(1) as pool:
        assert pool.overflow(first)
        assert pool.overflow(second)
        assert not pool.overflow(lambda: None)
        first.open.set()
        assert second.begun.wait(SOON)  # so the first has given its place back; the thread is busy with the second
        assert pool.overflow(lambda: None)
        assert not pool.overflow(lambda: None)
        second.open.set()


def test_overflow_work_that_raises_makes_room_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A failed "busy" is heard, and does not use up the place for the next."""
    monkeypatch.setattr(work, "MAX_OVERFLOW", 1)
    with structlog.testing.capture_logs() as lines, pool_of(1) as pool:
        for _ in range(5):
            assert pool.overflow(lambda: 1 // 0)
            assert pool.wait_idle(SOON)
    assert [(line["event"], line["log_level"]) for line in lines] == [("work_failed", "error")] * 5


def test_the_bounds_are_what_the_busy_hour_needs() -> None:
    """A crowd of five hundred is told "busy" by four threads."""
    assert (work.OVERFLOW_THREADS, work.MAX_OVERFLOW) == (4, 500)


# -- drawing --------------------------------------------------------------------------------------------------------


def test_drawings_have_threads_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that hangs holds up neither the work nor "busy"; what is too much is dropped, and the end waits a while."""
    monkeypatch.setattr(work, "DRAWING_THREADS", 1)
    monkeypatch.setattr(work, "MAX_DRAWINGS", 2)
    hangs, said = Gate(), threading.Event()
    with pool_of(1) as pool:
        assert pool.draw(hangs)
        assert hangs.begun.wait(SOON)
        assert pool.draw(lambda: None)
        assert not pool.draw(lambda: None)
        assert pool.overflow(said.set)
        assert said.wait(SOON)
        assert pool.in_background(lambda: 7).result(SOON) == 7
        assert not pool.is_closed
        pool.close(0)
        assert pool.is_closed
        assert not hangs.done.is_set()
        hangs.open.set()
        assert not pool.draw(lambda: None)


# -- drain ---------------------------------------------------------------------------------------------------------


def test_draining_takes_no_new_work_and_finishes_the_old() -> None:
    """From the first moment there are no permits; the end comes when the last work is done."""
    pool, gate = Pool(2), Gate()
    finished: list[bool] = []
    assert not pool.is_draining
    assert pool.take()
    pool.run(gate)
    assert gate.begun.wait(SOON)
    drainer = threading.Thread(target=lambda: finished.append(pool.drain(SOON)))
    drainer.start()
    while pool.take():  # until the drain has begun, the second permit is free
        pool.give_back()
    assert pool.is_draining
    assert finished == []
    gate.open.set()
    drainer.join(SOON)
    assert finished == [True]
    assert pool.is_draining
    assert gate.done.is_set()
    assert not pool.take()


def test_draining_gives_up_after_its_time() -> None:
    """Work that does not end is said to be unfinished, and nobody waits for it any longer."""
    pool, gate = Pool(1), Gate()
    assert pool.take()
    pool.run(gate)
    assert gate.begun.wait(SOON)
    assert pool.drain(0) is False
    assert pool.is_draining
    assert not pool.take()
    gate.open.set()
    assert gate.done.wait(SOON)


def test_a_permit_that_was_not_used_does_not_hold_up_the_end() -> None:
    """Draining waits for permits, also for those that are given back unused."""
    pool = Pool(1)
    assert pool.take()
    threading.Thread(target=pool.give_back).start()
    assert pool.drain(SOON) is True


def test_an_idle_pool_is_drained_and_closed_at_once_and_twice() -> None:
    """Stopping twice is no error."""
    pool = Pool(1)
    for _ in range(2):
        assert pool.drain(0) is True
        pool.close(0)


def test_busy_can_be_said_while_the_bot_stops_but_not_after() -> None:
    """People go on pressing buttons; once the threads are gone the answer is no, and never an error."""
    said = threading.Event()
    pool = Pool(1)
    assert pool.drain(0)
    assert pool.overflow(said.set)
    assert said.wait(SOON)
    pool.close(SOON)
    for _ in range(3):
        assert pool.overflow(lambda: None) is False
    assert pool.wait_idle(0)


def test_closing_waits_for_what_is_being_said() -> None:
    """A "busy" that has begun is said to its end; nobody waits longer than allowed."""
    pool, gate = Pool(1), Gate()
    assert pool.overflow(gate)
    assert gate.begun.wait(SOON)
    closer = threading.Thread(target=pool.close, args=(SOON,))
    closer.start()
    gate.open.set()
    closer.join(SOON)
    assert not closer.is_alive()
    assert gate.done.is_set()


def test_closing_does_not_wait_for_ever() -> None:
    """What hangs is left behind."""
    pool, gate = Pool(1), Gate()
    assert pool.overflow(gate)
    assert gate.begun.wait(SOON)
    pool.close(0)
    assert not gate.done.is_set()
    gate.open.set()
    assert gate.done.wait(SOON)


# -- the clock -----------------------------------------------------------------------------------------------------


def test_the_running_clock_is_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    """Times with their zone; waiting is the system's own."""
    waited: list[float] = []
    monkeypatch.setattr(clocks.time, "sleep", waited.append)
    clock = SystemClock()
    clock.sleep(1.5)
    assert clock.now().tzinfo is UTC
    assert clock.now().utcoffset() == timedelta(0)
    assert waited == [1.5]


CLOCKS = [
    # the clocks that the time module names, the ones that the kernel has, and the one that is read
    (("CLOCK_BOOTTIME", "CLOCK_MONOTONIC"), {1, 2}, 1),
    (("CLOCK_BOOTTIME", "CLOCK_MONOTONIC"), {2}, 2),
    (("CLOCK_MONOTONIC",), {2}, 2),
    (("CLOCK_BOOTTIME", "CLOCK_MONOTONIC"), set(), None),
    ((), set(), None),
]


@pytest.mark.parametrize(("named", "kernel", "read"), CLOCKS)
def test_the_monotonic_clock_counts_a_suspension(
    monkeypatch: pytest.MonkeyPatch, named: tuple[str, ...], kernel: set[int], read: int | None
) -> None:
    """CLOCK_BOOTTIME where there is one: Linux's other clocks stand still in a laptop that is closed."""

    def gettime(clock: int) -> float:
        if clock not in kernel:
            raise OSError("no such clock")
        return float(clock)

    for number, name in enumerate(("CLOCK_BOOTTIME", "CLOCK_MONOTONIC"), 1):
        if name in named:
            monkeypatch.setattr(clocks.time, name, number, raising=False)
        else:
            monkeypatch.delattr(clocks.time, name, raising=False)
    monkeypatch.setattr(clocks.time, "clock_gettime", gettime, raising=False)
    monkeypatch.setattr(clocks.time, "monotonic", lambda: 99.0)
    assert SystemClock().monotonic() == (99.0 if read is None else read)


# -- tickers -------------------------------------------------------------------------------------------------------


class Rounds:
    """A worker's rounds: each does what the list says next, and the test can wait for a round to have run."""

    def __init__(self, *results: int | Exception) -> None:
        self.results = list(results)
        self.count = threading.Semaphore(0)

    def __call__(self) -> int:
        result = self.results.pop(0) if self.results else 0
        self.count.release()
        if isinstance(result, Exception):
            raise result
        return result

    def ran(self, times: int) -> bool:
        return all(self.count.acquire(timeout=SOON) for _ in range(times))

    def rests(self) -> bool:
        return not self.count.acquire(blocking=False)


@contextmanager
def ticking(rounds: Callable[[], int], every: float | Callable[[], float] = NEVER) -> Iterator[Ticker]:
    ticker = Ticker("test", rounds, every)
    ticker.start()
    try:
        yield ticker
    finally:
        ticker.ask_to_stop()
        ticker.join(SOON)
        assert not ticker._thread.is_alive()


def test_a_ticker_goes_on_at_once_while_there_is_work() -> None:
    """Rounds that found something follow each other; the first that finds nothing is followed by rest."""
    rounds = Rounds(3, 1, 2, 0)
    with ticking(rounds):
        assert rounds.ran(4)
    assert rounds.rests()


def test_a_ticker_can_be_woken() -> None:
    """Work that has just come up does not wait for the next round's time."""
    rounds = Rounds()
    with ticking(rounds) as ticker:
        for _ in range(3):
            assert rounds.ran(1)
            ticker.wake()
        assert rounds.ran(1)


def test_a_wake_during_a_round_is_not_lost() -> None:
    """What comes up while a round is under way is looked at by the next."""
    gate, rounds = Gate(), Rounds()

    def body() -> int:
        if not gate.done.is_set():
            gate()
        return rounds()

    with ticking(body) as ticker:
        assert gate.begun.wait(SOON)
        ticker.wake()
        gate.open.set()
        assert rounds.ran(2)


def test_a_ticker_comes_back_by_itself() -> None:
    """Without being woken the next round begins after its time."""
    rounds = Rounds()
    with ticking(rounds, every=0):
        assert rounds.ran(5)


def test_a_ticker_asks_how_long_to_rest() -> None:
    """After each round anew, so that it can wake up for the very moment that something is due."""
    rounds, rests = Rounds(), [0.0, 0.0, NEVER]
    with ticking(rounds, every=lambda: rests.pop(0)):
        assert rounds.ran(3)
    assert rests == []


def test_a_round_that_fails_ends_the_round_and_not_the_thread() -> None:
    """The log names the worker; the next round runs."""
    rounds = Rounds(ZeroDivisionError(), 1, OSError(), 0)
    with structlog.testing.capture_logs() as lines, ticking(rounds) as ticker:
        assert rounds.ran(1)
        ticker.wake()
        assert rounds.ran(2)
        ticker.wake()
        assert rounds.ran(1)
    assert [(line["event"], line["worker"]) for line in lines] == [("ticker_failed", "test")] * 2


def test_stopping_lets_the_round_under_way_finish() -> None:
    """A round is finished, not cut; after it there is none, though it found something."""
    gate, rounds = Gate(), Rounds()

    def body() -> int:
        gate()
        rounds()
        return 1

    ticker = Ticker("test", body, NEVER)
    ticker.start()
    assert gate.begun.wait(SOON)
    ticker.ask_to_stop()
    ticker.join(0)
    assert ticker._thread.is_alive()
    gate.open.set()
    ticker.join(SOON)
    assert not ticker._thread.is_alive()
    assert rounds.ran(1)
    assert rounds.rests()


def test_a_resting_ticker_stops_at_once() -> None:
    """Nobody waits for the next round's time."""
    rounds = Rounds()
    ticker = Ticker("test", rounds, NEVER)
    ticker.start()
    assert rounds.ran(1)
    stop_all([ticker], SOON)
    assert not ticker._thread.is_alive()


def test_all_are_asked_before_anybody_is_waited_for() -> None:
    """Several rounds finish beside each other, in one common time; a hanging one holds up nobody."""
    gates = [Gate() for _ in range(3)]

    def body(gate: Gate) -> int:
        gate()
        return 1

    tickers = [Ticker("test", partial(body, gate), NEVER) for gate in gates]
    for ticker, gate in zip(tickers, gates, strict=True):
        ticker.start()
        assert gate.begun.wait(SOON)
    stop_all(iter(tickers), 0)
    assert all(ticker._thread.is_alive() for ticker in tickers)
    assert all(ticker._thread.daemon for ticker in tickers)  # so the process can end without them
    for gate in gates:
        gate.open.set()
    stop_all(tickers, SOON)
    assert not any(ticker._thread.is_alive() for ticker in tickers)
    assert all(gate.done.is_set() for gate in gates)


def test_the_time_for_stopping_is_one_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the first uses up is gone for the second; nobody waits a negative time."""
    now = [100.0]
    waited: list[float] = []

    class Slow(Ticker):
        def join(self, seconds: float) -> None:
            waited.append(seconds)
            now[0] += 4

    monkeypatch.setattr(tickers.time, "monotonic", lambda: now[0])
    stop_all([Slow(str(number), lambda: 0, NEVER) for number in range(4)], 10)
    assert waited == [10, 6, 2, 0]


def test_a_ticker_that_was_never_started_can_be_stopped() -> None:
    """A start that failed half-way is cleaned up without an error."""
    stop_all([Ticker("test", lambda: 0, NEVER)], SOON)


# -- queues --------------------------------------------------------------------------------------------------------


def test_one_at_a_time_for_each_name() -> None:
    """Whoever waits in vain is told so; another name has a queue of its own; a turn that ended is free again."""
    queues = KeyedLocks()
    with queues("C1", 0) as first:
        assert first
        with queues("C1", 0) as second, queues("C2", 0) as other:
            assert (second, other) == (False, True)
        with queues("C1", -1) as third:
            assert not third
    with pytest.raises(KeyError), queues("C1", 0):
        raise KeyError
    with queues("C1", 0) as again:
        assert again


def test_a_turn_comes_when_the_one_before_ends() -> None:
    """Waiting, not asking again and again."""
    queues, got = KeyedLocks(), threading.Event()

    def wait() -> None:
        with queues("C1", SOON) as is_ours:
            assert is_ours
            got.set()

    with queues("C1", 0):
        thread = threading.Thread(target=wait)
        thread.start()
        assert not got.wait(0.05)
    thread.join(SOON)
    assert got.is_set()
