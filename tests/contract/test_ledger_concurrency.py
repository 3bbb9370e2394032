"""What the ledger promises when many want something at once, and when a process stops at a bad moment."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from bot.domain.events import Kind
from bot.domain.ledger_port import DueWork, LedgerTrouble
from bot.domain.lifecycle import Step
from bot.domain.model import Deletion, State
from bot.domain.notifications import NotificationKind, Sent
from bot.ledger.database import writer
from bot.ledger.store import Store
from tests.contract.conftest import Backend
from tests.contract.values import NOON, after, attempt, deletion, event, tell, waiting

THREADS = 16


def together(work: Callable[[int], Any], many: int = THREADS) -> list[Any]:
    """Run it many times at once and give back every result, or the exception that came instead."""
    barrier = threading.Barrier(many)

    def start(number: int) -> Any:
        barrier.wait()
        try:
            return work(number)
        except Exception as error:  # noqa: BLE001 - the test looks at it.
            return error

    with ThreadPoolExecutor(many) as pool:
        return list(pool.map(start, range(many)))


@pytest.fixture
def stores(backend: Backend, ledger: Store) -> list[Store]:
    """Every process there can be: one on SQLite, two on PostgreSQL."""
    return [ledger] if backend.name == "sqlite" else [ledger, backend.open("other")]


def test_one_claim_wins(stores: list[Store]) -> None:
    """However many press the button at once, one claim wins; its token, attempt and event are there, and no other's."""
    for number in range(1, 6):
        made = deletion(number)
        assert stores[0].deletions.propose(made, max_open=200) is None
        before = stores[0].trail.head()[0]

        def claim(thread: int, made: Deletion = made) -> Deletion | None:
            token = f"token-{thread}"
            return stores[thread % len(stores)].deletions.change(
                made.id,
                Step.CLAIM,
                {"claim_token": token},
                event(Kind.CLAIMED),
                before_deadline=NOON,
                attempt=attempt(1, token),
                notifications=[tell(1)],
            )

        won = [result for result in together(claim) if result is not None]
        assert len(won) == 1
        assert won[0].state is State.DELETING
        found = stores[0].deletions.get(made.id)
        assert found is not None
        assert found == won[0]
        assert [each.claim_token for each in found.attempts] == [found.claim_token]
        assert stores[0].trail.head()[0] == before + 1
        assert stores[0].outbox.count() == number


def test_one_proposal_wins(stores: list[Store]) -> None:
    """However many ask for one job at once, one gets a card and the others are shown it."""
    results = together(
        lambda thread: stores[thread % len(stores)].deletions.propose(
            deletion(thread + 1, job="same"), event(Kind.PROPOSED, thread + 1), max_open=200
        )
    )
    (standing,) = stores[0].deletions.open()
    assert results.count(None) == 1
    assert [result for result in results if result is not None] == [standing] * (THREADS - 1)
    assert [each.event.deletion for each in stores[0].trail.events()] == [standing.id]


def test_no_more_than_the_most_in_one_process(sqlite: Backend) -> None:
    """At once or one by one: no more than the most allowed are open."""
    ledger = sqlite.open()
    results = together(lambda thread: ledger.deletions.propose(deletion(thread + 1), max_open=5))
    assert results.count(None) == 5
    assert results.count(5) == THREADS - 5


def test_the_chain_has_no_gaps(stores: list[Store]) -> None:
    """Many writers at once, some of whose transactions fail: the numbers have no gaps and the chain is sound."""
    stores[0].requests.note(waiting("taken"))

    def write(thread: int) -> None:
        ledger = stores[thread % len(stores)]
        for turn in range(10):
            ledger.trail.record(*(event(Kind.READ, thread + 1, facts={"turn": turn}) for _ in range(turn % 3 + 1)))
            if turn % 3 == 0:
                with pytest.raises(LedgerTrouble):
                    ledger.requests.note(waiting("taken"), event())

    assert together(write) == [None] * THREADS
    verdict = stores[0].trail.verify()
    assert (verdict.is_sound, verdict.checked) == (True, THREADS * 19)
    assert [each.number for each in stores[0].trail.events(limit=1000)] == list(range(1, THREADS * 19 + 1))


def test_verifying_while_others_write(stores: list[Store]) -> None:
    """Verifying looks at one moment; events that are added meanwhile are no finding."""
    stores[0].trail.record(*(event() for _ in range(2000)))
    done = threading.Event()

    def write() -> None:
        while not done.is_set():
            stores[-1].trail.record(event())

    other = threading.Thread(target=write)
    other.start()
    try:
        for _ in range(10):
            assert stores[0].trail.verify().is_sound
    finally:
        done.set()
        other.join()


def test_one_trial_of_the_breaker(stores: list[Store]) -> None:
    """Five minutes later one call may try, whoever asks."""
    stores[0].breaker.open("key", NOON)
    results = together(lambda thread: stores[thread % len(stores)].breaker.allows("key", after(300)))
    assert results.count(True) == 1


def test_each_message_is_leased_once(stores: list[Store]) -> None:
    """Many tellers at once: each message goes to one of them, and within a thread one at a time."""
    stores[0].outbox.enqueue(*(tell(number, f"{number % 10}.0") for number in range(40)))
    told: list[Any] = []
    lock = threading.Lock()

    def work(thread: int) -> None:
        ledger = stores[thread % len(stores)]
        while ledger.outbox.count():
            for due in ledger.outbox.lease(NOON, limit=3):
                with lock:
                    told.append(due)
                ledger.outbox.mark_delivered(Sent(due, event(Kind.DELIVERED)))

    assert together(work, 6) == [None] * 6
    assert len(told) == len({due.number for due in told}) == 40
    for thread in {due.notification.thread for due in told}:
        numbers = [due.number for due in told if due.notification.thread == thread]
        assert numbers == sorted(numbers)


def test_a_card_that_is_being_leased_is_written_again(postgresql: Backend) -> None:
    """Whoever is just leasing a card may draw it as things stood before a change, so the change writes another one."""
    mine, other = postgresql.open("mine"), postgresql.open("other")
    card = tell(kind=NotificationKind.CARD)
    mine.outbox.enqueue(card)
    is_leasing, may_go_on = threading.Event(), threading.Event()

    def hold(_: str) -> None:
        is_leasing.set()
        may_go_on.wait(10)

    mine.before_commit = hold
    with ThreadPoolExecutor(1) as pool:
        leasing = pool.submit(mine.outbox.lease, NOON)
        assert is_leasing.wait(10)
        other.outbox.enqueue(card)
        may_go_on.set()
        (leased,) = leasing.result(10)
    mine.before_commit = lambda name: None
    mine.outbox.mark_delivered(Sent(leased))
    assert [due.notification.kind for due in other.outbox.lease(NOON)] == [NotificationKind.CARD]


def test_each_deletion_is_leased_once(stores: list[Store]) -> None:
    """Many sweepers at once share the work and never do the same."""
    for number in range(1, 41):
        stores[0].deletions.propose(deletion(number, message_ts="1.1"), max_open=200)
    results = together(
        lambda thread: stores[thread % len(stores)].deletions.lease(DueWork.EXPIRE, after(600), seconds=60, limit=5), 6
    )
    ids = [found.id for result in results for found in result]
    assert len(ids) == len(set(ids))
    # Whoever came while another one held a row skips it, so on PostgreSQL some may be left for the next look.
    rest = stores[0].deletions.lease(DueWork.EXPIRE, after(600), seconds=60, limit=50)
    assert len(ids) + len(rest) == 40


def test_answers_are_leased_once(backend: Backend, ledger: Store) -> None:
    """Nobody gets the same answer from two replicas."""
    for number in range(20):
        ledger.requests.note(waiting(f"w{number}"))
        ledger.requests.keep_answer(waiting(f"w{number}"), "No")
    stores = [ledger] if backend.name == "sqlite" else [ledger, backend.open("other")]
    results = together(lambda thread: stores[thread % len(stores)].requests.lease(NOON, limit=4), 6)
    ids = [found.id for result in results for found in result]
    assert len(ids) == len(set(ids))


def test_somebodys_trouble_is_nobody_elses(sqlite: Backend) -> None:
    """Writers that share a transaction share no trouble: one whose work is refused hears it, the others are written."""
    ledger = sqlite.open()
    ledger.requests.note(waiting("taken"))

    def write(thread: int) -> None:
        if thread % 4 == 0:
            ledger.requests.note(waiting("taken"), event())
        else:
            ledger.requests.note(waiting(f"w{thread}"), event())

    for _ in range(5):
        results = together(write)
        assert [isinstance(result, LedgerTrouble) for result in results] == [n % 4 == 0 for n in range(THREADS)]
        for number in range(THREADS):
            ledger.requests.answered(f"w{number}")
    assert ledger.trail.verify().checked == 5 * (THREADS - THREADS // 4)


def test_one_who_leaves_the_queue_stops_nobody(sqlite: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C while waiting for a turn: the others are served, also when it was ours to serve them."""

    class Impatient:
        """A lock whose owner is interrupted once it was woken."""

        def __init__(self) -> None:
            self.lock = threading.Lock()
            self.lock.acquire()

        def acquire(self) -> None:
            self.lock.acquire()
            raise KeyboardInterrupt

        def release(self) -> None:
            self.lock.release()

    ledger = sqlite.open()
    monkeypatch.setattr(writer, "MOST_TOGETHER", 1)
    is_held, may_go_on = threading.Event(), threading.Event()

    def hold(_: str) -> None:
        is_held.set()
        may_go_on.wait(10)

    real = writer._Turn.__init__

    def impatient(turn: Any, name: str, work: Any, **options: Any) -> None:
        real(turn, name, work, **options)
        if name == "enqueue":
            turn.wake = Impatient()

    monkeypatch.setattr(writer._Turn, "__init__", impatient)
    ledger.before_commit = hold
    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(ledger.trail.record, event())
        assert is_held.wait(10)
        ledger.before_commit = lambda name: None
        shared = ledger._database.writer
        assert isinstance(shared, writer.SharedWriter)
        leaver = pool.submit(ledger.outbox.enqueue, tell())
        while len(shared._waiting) < 1:
            time.sleep(0.001)
        last = pool.submit(ledger.trail.record, event())
        while len(shared._waiting) < 2:
            time.sleep(0.001)
        may_go_on.set()
        assert first.result(10) is None
        assert last.result(10) is None
        with pytest.raises(KeyboardInterrupt):
            leaver.result(10)
    assert (ledger.trail.head()[0], ledger.outbox.count()) == (2, 0)


def test_readers_do_not_wait_for_a_writer(sqlite: Backend) -> None:
    """While a transaction is open, others read what was committed before it."""
    ledger = sqlite.open()
    ledger.deletions.propose(deletion(), max_open=1)
    seen: list[Any] = []

    def read(_: str) -> None:
        reader = threading.Thread(target=lambda: seen.append(ledger.deletions.get(deletion().id)))
        reader.start()
        reader.join(5)

    ledger.before_commit = read
    ledger.deletions.change(deletion().id, Step.CANCEL, {})
    assert [found.state for found in seen] == [State.AWAITING]


class Stop(BaseException):
    """The world stops."""


def stop(_: str) -> None:
    raise Stop


def test_stopping_before_the_commit(backend: Backend, ledger: Store) -> None:
    """A process that stops before its COMMIT has done nothing, and who comes after it can go on."""
    ledger.deletions.propose(deletion(), event(), max_open=1)
    ledger.before_commit = stop
    with pytest.raises(Stop):
        ledger.deletions.change(deletion().id, Step.CLAIM, {}, event(), attempt=attempt(), notifications=[tell()])
    again = backend.restart()
    assert again.deletions.get(deletion().id) == deletion()
    assert (again.trail.head()[0], again.outbox.count()) == (1, 0)
    assert again.trail.verify().is_sound


def test_stopping_after_the_commit(backend: Backend, ledger: Store) -> None:
    """A process that stops after its COMMIT has done all of it."""
    ledger.deletions.propose(deletion(), event(), max_open=1)
    ledger.after_commit = stop
    with pytest.raises(Stop):
        ledger.deletions.change(deletion().id, Step.CLAIM, {}, event(), attempt=attempt(), notifications=[tell()])
    again = backend.restart()
    found = again.deletions.get(deletion().id)
    assert found is not None
    assert (found.state, found.attempts) == (State.DELETING, (attempt(),))
    assert (again.trail.head()[0], again.outbox.count()) == (2, 1)


def test_the_same_process_goes_on_after_a_stop(backend: Backend, ledger: Store) -> None:
    """What stopped one thread's transaction stops no other one."""
    ledger.before_commit = stop
    with pytest.raises(Stop):
        ledger.trail.record(event())
    ledger.before_commit = lambda name: None
    ledger.trail.record(event())
    assert ledger.trail.verify().checked == 1


def test_the_hooks_know_what_stops(ledger: Store) -> None:
    """The hooks are given the name of the transaction, and of a change its step."""
    names: list[str] = []
    ledger.before_commit = lambda name: names.append(f"before {name}")
    ledger.after_commit = lambda name: names.append(f"after {name}")
    ledger.deletions.propose(deletion(), max_open=1)
    ledger.deletions.change(deletion().id, None, {"message_ts": "1.1"})
    ledger.deletions.change(deletion().id, Step.CLAIM, {})
    assert names == [f"{when} {name}" for name in ("propose", "change", "change:claim") for when in ("before", "after")]
