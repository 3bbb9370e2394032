"""What the ledger promises about requests of Slack's: each is served once, by one process, for ten minutes."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from bot.domain.events import Kind
from bot.domain.ledger_port import LedgerTrouble
from bot.ledger.served import SERVED_FOR
from bot.ledger.store import Store
from tests.contract.conftest import Backend
from tests.contract.values import after, event, waiting

FIRST, OTHER = "1" * 64, "2" * 64
SIGNATURE_HOLDS = 300
"""Seconds by which the time in a signature may differ from ours, either way (rulebook 7.1)."""


def remembered(backend: Backend) -> list[str]:
    return [row[0] for row in backend.execute("SELECT digest FROM served_requests ORDER BY digest")]


def test_the_second_one_writes_nothing(backend: Backend, ledger: Store) -> None:
    """Neither an answer that is owed nor an event comes of it; another request is served."""
    assert ledger.requests.note(waiting("a", request=FIRST), event())
    assert not ledger.requests.note(waiting("b", request=FIRST), event())
    assert ledger.requests.note(waiting("c", request=OTHER), event())
    assert ledger.trail.head()[0] == 2
    assert [row[0] for row in backend.execute("SELECT id FROM answers ORDER BY id")] == ["a", "c"]


def test_one_without_a_digest_is_always_the_first(backend: Backend, ledger: Store) -> None:
    """What cannot be told from others is not taken for one of them."""
    assert ledger.requests.note(waiting("a"))
    assert ledger.requests.note(waiting("b"))
    assert remembered(backend) == []


def test_what_was_turned_away_counts_as_served(ledger: Store) -> None:
    """Told to somebody, or kept to be told; once more of either changes nothing."""
    for _ in range(2):
        ledger.trail.record(event(Kind.REFUSED), request=FIRST)
        ledger.requests.keep_answer(waiting("b", request=OTHER), "busy")
    assert not ledger.requests.note(waiting("c", request=FIRST))
    assert not ledger.requests.note(waiting("d", request=OTHER))
    assert ledger.trail.head()[0] == 2


def test_it_is_all_or_nothing(backend: Backend, ledger: Store) -> None:
    """A transaction that fails remembers nothing, so the next one is the first."""
    ledger.requests.note(waiting("taken"))
    with pytest.raises(LedgerTrouble):
        ledger.requests.note(waiting("taken", request=FIRST), event())
    assert remembered(backend) == []
    assert ledger.requests.note(waiting("a", request=FIRST))


def test_every_process_knows(backend: Backend, ledger: Store) -> None:
    """A replica, and the process after a restart."""
    assert ledger.requests.note(waiting("a", request=FIRST))
    assert not backend.beside(ledger).requests.note(waiting("b", request=FIRST))
    assert not backend.restart().requests.note(waiting("c", request=FIRST))


def test_one_of_many_at_once_is_the_first(backend: Backend, ledger: Store) -> None:
    """However many come together, to however many replicas."""
    stores = [ledger] if backend.name == "sqlite" else [ledger, backend.open("other")]
    barrier = threading.Barrier(16)

    def serve(thread: int) -> bool:
        barrier.wait()
        return stores[thread % len(stores)].requests.note(waiting(f"w{thread}", request=FIRST), event())

    with ThreadPoolExecutor(16) as pool:
        assert sorted(pool.map(serve, range(16))) == [False] * 15 + [True]
    assert ledger.trail.head()[0] == 1


def test_the_second_waits_for_the_end_of_the_first(postgresql: Backend) -> None:
    """While one replica has not committed, another is not told either; if the first is undone, it is the first."""
    mine, other = postgresql.open("mine"), postgresql.open("other")
    is_held, may_go_on = threading.Event(), threading.Event()

    def fail(_: str) -> None:
        is_held.set()
        may_go_on.wait(10)
        raise OSError

    mine.before_commit = fail
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(mine.requests.note, waiting("a", request=FIRST))
        assert is_held.wait(10)
        second = pool.submit(other.requests.note, waiting("b", request=FIRST))
        may_go_on.set()
        assert second.result(10)
        with pytest.raises(LedgerTrouble):
            first.result(10)


def test_it_is_forgotten_after_ten_minutes(backend: Backend, ledger: Store) -> None:
    """By whichever process next looks for open answers; what is younger stays."""
    ledger.requests.note(waiting("a", request=FIRST))
    ledger.requests.note(waiting("b", request=OTHER, since=after(1)))
    ledger.requests.lease(after(600))
    assert remembered(backend) == [FIRST, OTHER]
    backend.beside(ledger).requests.lease(after(600.5))
    assert remembered(backend) == [OTHER]
    assert ledger.requests.note(waiting("c", request=FIRST, since=after(600.5)))


def test_it_is_remembered_for_as_long_as_a_signature_can_hold() -> None:
    """Where Slack's clock is five minutes ahead of ours, the same bytes are accepted for ten."""
    assert SERVED_FOR.total_seconds() >= 2 * SIGNATURE_HOLDS


def test_replicas_forget_at_the_same_time(postgresql: Backend) -> None:
    """None waits for a row that another one is just removing."""
    mine, other = postgresql.open("mine"), postgresql.open("other")
    for number in range(50):
        mine.requests.note(waiting(f"w{number}", request=f"{number:064x}"))
    is_held, may_go_on = threading.Event(), threading.Event()

    def hold(_: str) -> None:
        is_held.set()
        may_go_on.wait(10)

    mine.before_commit = hold
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(mine.requests.lease, after(1000))
        assert is_held.wait(10)
        try:
            other.requests.lease(after(1000))
        finally:
            may_go_on.set()
        first.result(10)
    assert remembered(postgresql) == []
