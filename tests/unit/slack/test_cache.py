"""Answers kept for a short time: how old one may be, one look-up at a time, and failures that are shared."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from bot.domain.model import LookupFailed
from bot.slack import cache as caching
from bot.slack.cache import Cache
from tests.support.clock import HeldClock


def got(cache: Cache[str], *args: Any) -> str | LookupFailed:
    """What the cache gives, without its time."""
    found = cache.get(*args)
    return found if isinstance(found, LookupFailed) else found.value


@pytest.fixture
def clock() -> HeldClock:
    return HeldClock(may_sleep=False)


def kept(seconds: float, failures: float = 0) -> Callable[[str | LookupFailed], timedelta]:
    """Keep answers so long, and failures so long."""
    return lambda found: timedelta(seconds=failures if isinstance(found, LookupFailed) else seconds)


class Asked:
    """A look-up that counts how often it is asked, and answers with the count."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> str | LookupFailed:
        self.times += 1
        return f"answer {self.times}"


@pytest.mark.parametrize(
    ("age", "keep", "asked_again"),
    [
        (0, 60, False),
        (0, 0, True),
        (5, 5, False),
        (5.000001, 5, True),
        (5.000001, 60, False),
        (60, 60, False),
        (60.000001, 60, True),
        (3600, 60, True),
        (-3600, 60, True),  # the clock was set back, so nobody knows
    ],
)
def test_how_old_an_answer_may_be(clock: HeldClock, age: float, keep: float, *, asked_again: bool) -> None:
    """As old as whoever asks allows, to the microsecond; nothing at all is kept for no time."""
    cache, ask = Cache[str](clock), Asked()
    assert got(cache, "k", ask, kept(60)) == "answer 1"
    clock.add(age) if age >= 0 else clock.step(age)
    assert got(cache, "k", ask, kept(keep)) == ("answer 2" if asked_again else "answer 1")
    assert ask.times == 1 + asked_again


def test_a_fresh_answer_serves_the_next_command_too(clock: HeldClock) -> None:
    """What a click asked anew is young again for everybody."""
    cache, ask = Cache[str](clock), Asked()
    got(cache, "k", ask, kept(60))
    clock.add(50)
    assert got(cache, "k", ask, kept(5)) == "answer 2"
    clock.add(60)
    assert got(cache, "k", ask, kept(60)) == "answer 2"


def test_each_key_has_its_own_answer(clock: HeldClock) -> None:
    """Nobody is taken for somebody else."""
    cache = Cache[str](clock)
    assert got(cache, "a", lambda: "of a", kept(60)) == "of a"
    assert got(cache, "b", lambda: "of b", kept(60)) == "of b"
    assert got(cache, "a", lambda: "never", kept(5)) == "of a"


def test_a_failure_is_not_kept_and_does_not_wipe_out_what_was_known(clock: HeldClock) -> None:
    """The next one asks again; an answer that is still young enough for a command goes on counting."""
    cache = Cache[str](clock)
    failed = LookupFailed("ratelimited")
    assert got(cache, "k", lambda: failed, kept(60)) is failed
    assert got(cache, "k", lambda: "yes", kept(60)) == "yes"
    clock.add(30)
    assert got(cache, "k", lambda: failed, kept(5)) is failed
    assert got(cache, "k", lambda: "never asked", kept(60)) == "yes"


def test_a_look_up_that_raises_lets_the_next_one_in(clock: HeldClock) -> None:
    """A bug in one look-up must not lock the person out for ever."""
    cache = Cache[str](clock)

    def broken() -> str | LookupFailed:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        got(cache, "k", broken, kept(60))
    assert got(cache, "k", lambda: "yes", kept(60)) == "yes"


def test_the_cache_is_bounded(clock: HeldClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many keys do not grow it for ever; what is dropped is asked again."""
    monkeypatch.setattr(caching, "MOST_KEPT", 3)
    cache, ask = Cache[str](clock), Asked()
    for number in range(10):
        got(cache, str(number), ask, kept(60))
        assert len(cache._entries) <= 3
    assert ask.times == 10


class CountedLock:
    """A lock that says when somebody has come to it, before they wait."""

    arrived = threading.Semaphore(0)

    def __init__(self) -> None:
        self._lock = threading.RLock()

    def __enter__(self) -> None:
        self.arrived.release()
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


def crowd(cache: Cache[str], ask: Callable[[], str | LookupFailed], size: int) -> tuple[list[threading.Thread], list]:
    """Threads that all ask for the same thing."""
    answers: list[str | LookupFailed] = []
    threads = [
        threading.Thread(target=lambda: answers.append(got(cache, "k", ask, kept(5))), daemon=True) for _ in range(size)
    ]
    for thread in threads:
        thread.start()
    return threads, answers


@pytest.mark.parametrize("answer", ["yes", LookupFailed("TimeoutError")])
def test_a_crowd_costs_one_look_up(
    clock: HeldClock, monkeypatch: pytest.MonkeyPatch, answer: str | LookupFailed
) -> None:
    """Whoever comes while a look-up runs waits for it and gets its answer; where it fails, nobody waits for another."""
    monkeypatch.setattr(CountedLock, "arrived", threading.Semaphore(0))
    cache = Cache[str](clock)
    cache._entries["k"] = caching._Entry(CountedLock())  # type: ignore[arg-type]
    release = threading.Event()
    asked = 0

    def ask() -> str | LookupFailed:
        nonlocal asked
        asked += 1
        assert release.wait(10)
        return answer

    threads, answers = crowd(cache, ask, 8)
    assert all(CountedLock.arrived.acquire(timeout=10) for _ in threads)
    release.set()
    for thread in threads:
        thread.join(10)
    assert asked == 1
    assert answers == [answer] * 8


@pytest.mark.parametrize(("age", "asked_again"), [(0, False), (10, False), (10.000001, True)])
def test_a_failure_may_be_kept_too(clock: HeldClock, age: float, *, asked_again: bool) -> None:
    """So that a look-up that few may make is not made again and again while it fails; a success ends that."""
    cache = Cache[str](clock)
    failed = LookupFailed("ratelimited")
    assert got(cache, "k", lambda: failed, kept(60, failures=10)) is failed
    clock.add(age)
    assert got(cache, "k", lambda: "yes", kept(60, failures=10)) == ("yes" if asked_again else failed)
    clock.add(11)
    assert got(cache, "k", lambda: "yes", kept(60, failures=10)) == "yes"
    assert got(cache, "k", lambda: failed, kept(0, failures=10)) is failed


def test_a_slow_look_up_holds_up_nobody_elses(clock: HeldClock) -> None:
    """One person's slow look-up does not block another's."""
    cache = Cache[str](clock)
    asking, release = threading.Event(), threading.Event()

    def slow() -> str | LookupFailed:
        asking.set()
        assert release.wait(10)
        return "slow"

    threads, answers = crowd(cache, slow, 1)
    assert asking.wait(10)
    assert got(cache, "other", lambda: "quick", kept(5)) == "quick"
    release.set()
    threads[0].join(10)
    assert answers == ["slow"]
