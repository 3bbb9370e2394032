"""What the ledger promises about freezes: while one stands, nothing is claimed, whoever tries and wherever."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from bot.domain.events import Kind
from bot.domain.ledger_port import LedgerTrouble
from bot.domain.lifecycle import Step
from bot.domain.model import Deletion, DeletionId, Freeze, State, Target
from bot.domain.notifications import Notification, NotificationKind
from bot.ledger.factory import open_ledger
from bot.ledger.store import Store
from tests.contract.conftest import Backend
from tests.contract.values import NOON, after, attempt, deletion, event
from tests.support.values import ANNA, BEN, TARGET

FROZEN = event(Kind.FROZEN, None)
UNFROZEN = event(Kind.UNFROZEN, None)
NOTICE = Notification(NotificationKind.NOTICE, DeletionId(""), "C1", None, {"about": "frozen"})
OTHER = Target(TARGET.endpoint, TARGET.region, "another-project")


def freeze(number: int = 1, **changes: Any) -> Freeze:
    fields = {"id": f"{number:016x}", "by": ANNA, "at": NOON, "channel": "C1", "reason": "wrong jobs went"}
    return Freeze(**(fields | changes))


def claim(ledger: Store, made: Deletion, step: Step = Step.CLAIM) -> Deletion | None:
    return ledger.deletions.change(made.id, step, {"claim_token": "t"}, event(Kind.CLAIMED), attempt=attempt(1, "t"))


def put(ledger: Store, number: int, **changes: Any) -> Deletion:
    made = deletion(number, **changes)
    assert ledger.deletions.propose(made, max_open=200) is None
    return made


def test_a_freeze_comes_back_as_it_was_given(ledger: Store) -> None:
    """Who, when, where and why, as typed."""
    made = freeze(reason="Ä <b> & 🤖")
    assert ledger.freezes.current() is None
    assert ledger.freezes.begin(made, NOTICE, FROZEN) is None
    assert ledger.freezes.current() == made


def test_no_claim_while_a_freeze_stands(ledger: Store) -> None:
    """Neither the first claim nor that of a throttled DELETE's next attempt; nothing of it is written."""
    waits, throttled = put(ledger, 1, message_ts="1.1"), put(ledger, 2)
    assert claim(ledger, throttled)
    ledger.freezes.begin(freeze(), NOTICE, FROZEN)
    before = ledger.trail.head()
    assert claim(ledger, waits) is None
    assert claim(ledger, throttled, Step.CLAIM_AGAIN) is None
    assert ledger.trail.head() == before
    found = ledger.deletions.get(waits.id)
    assert found is not None
    assert (found.state, found.attempts) == (State.AWAITING, ())


def test_everything_else_goes_on(ledger: Store) -> None:
    """A reply is recorded, a card is cancelled, an unknown outcome is settled, frozen or not."""
    asked, sent = put(ledger, 1), put(ledger, 2)
    assert claim(ledger, sent)
    ledger.freezes.begin(freeze(), NOTICE, FROZEN)
    assert ledger.deletions.change(asked.id, Step.CANCEL, {})
    assert ledger.deletions.change(sent.id, Step.LOSE, {})
    assert ledger.deletions.change(sent.id, Step.READ_GONE, {})


def test_nothing_is_offered_while_a_freeze_stands(ledger: Store) -> None:
    """A new deletion is told of the freeze; one that is refused from the start is kept all the same."""
    ledger.freezes.begin(freeze(), NOTICE, FROZEN)
    assert ledger.deletions.propose(deletion(1), max_open=200) == freeze()
    assert ledger.deletions.get(deletion(1).id) is None
    assert ledger.deletions.propose(deletion(2, state=State.REFUSED), max_open=200) is None


def test_one_freeze_at_a_time(ledger: Store) -> None:
    """The second one changes nothing and is told of the first."""
    ledger.freezes.begin(freeze(1), NOTICE, FROZEN)
    before = ledger.trail.head()
    assert ledger.freezes.begin(freeze(2, by=BEN), NOTICE, FROZEN) == freeze(1)
    assert ledger.freezes.current() == freeze(1)
    assert ledger.trail.head() == before
    assert ledger.outbox.count() == 1


def test_lifted_once(ledger: Store, backend: Backend) -> None:
    """Deletions go on; the second who lifts it is told so; that it stood, with its reason, stays in the ledger."""
    waits = put(ledger, 1)
    ledger.freezes.begin(freeze(), NOTICE, FROZEN)
    assert ledger.freezes.lift(freeze(), BEN, after(60), NOTICE, UNFROZEN)
    assert not ledger.freezes.lift(freeze(), ANNA, after(61), NOTICE, UNFROZEN)
    assert ledger.freezes.current() is None
    assert claim(ledger, waits)
    assert [each.event.kind for each in ledger.trail.events()] == [Kind.FROZEN, Kind.UNFROZEN, Kind.CLAIMED]
    assert backend.execute("SELECT reason, lifted_by_user FROM freezes") == [("wrong jobs went", BEN.user)]
    assert ledger.freezes.begin(freeze(2), NOTICE, FROZEN) is None


def test_those_who_wait_are_told(ledger: Store) -> None:
    """The message goes to its own place and to the thread of each card of this target that waits, in one breath."""
    put(ledger, 1, message_ts="1.1", channel="C1")
    put(ledger, 2, message_ts="2.2", channel="C2")
    put(ledger, 3)
    put(ledger, 4, message_ts="4.4", target=OTHER)
    claim(ledger, put(ledger, 5, message_ts="5.5"))
    ledger.freezes.begin(freeze(), NOTICE, FROZEN)
    found = {
        (due.notification.deletion, due.notification.to, due.notification.thread_ts)
        for due in ledger.outbox.lease(NOON, limit=10)
    }
    assert found == {("", "C1", None), (deletion(1).id, "C1", "1.1"), (deletion(2).id, "C2", "2.2")}


def test_it_is_the_targets_own(backend: Backend) -> None:
    """Another project's deletions go on: a freeze is per endpoint and project."""
    ledger = backend.open()
    theirs = put(ledger, 1, target=OTHER)
    ledger.freezes.begin(freeze(), NOTICE, FROZEN)
    assert claim(ledger, theirs)
    backend.close()
    other = open_ledger(backend.url, OTHER)
    try:
        assert other.freezes.current() is None
    finally:
        other.close()


def test_holds_across_restarts(backend: Backend, ledger: Store) -> None:
    """A restart is no way around it."""
    waits = put(ledger, 1)
    ledger.freezes.begin(freeze(), NOTICE, FROZEN)
    restarted = backend.restart()
    assert restarted.freezes.current() == freeze()
    assert claim(restarted, waits) is None


def test_holds_for_every_replica(backend: Backend, ledger: Store) -> None:
    """What one replica froze the other does not claim."""
    other = backend.beside(ledger)
    waits = put(ledger, 1)
    ledger.freezes.begin(freeze(), NOTICE, FROZEN)
    assert claim(other, waits) is None
    assert other.freezes.begin(freeze(2), NOTICE, FROZEN) == freeze()


def test_at_once(backend: Backend, ledger: Store) -> None:
    """Many freeze and many press at the same moment: one freeze, and no claim begins after it was carried out."""
    stores = [ledger] if backend.name == "sqlite" else [ledger, backend.open("other")]
    cards = [put(ledger, number) for number in range(1, 9)]
    barrier = threading.Barrier(16)

    def run(number: int) -> object:
        barrier.wait()
        store = stores[number % len(stores)]
        if number % 2:
            return store.freezes.begin(freeze(number), NOTICE, FROZEN)
        return claim(store, cards[number // 2])

    with ThreadPoolExecutor(16) as pool:
        results = list(pool.map(run, range(16)))
    assert results[1::2].count(None) == 1
    standing = ledger.freezes.current()
    assert [found for found in results[1::2] if found is not None] == [standing] * 7
    kinds = [each.event.kind for each in ledger.trail.events()]
    assert kinds.count(Kind.FROZEN) == 1
    assert kinds.count(Kind.CLAIMED) == sum(won is not None for won in results[::2])
    if backend.name == "sqlite":
        assert Kind.CLAIMED not in kinds[kinds.index(Kind.FROZEN) :]
    assert all(claim(store, card) is None for store in stores for card in cards)


def test_all_or_nothing(ledger: Store) -> None:
    """Where it cannot be written down there is no freeze, no event and no message."""

    def full_disk(name: str) -> None:
        raise OSError(28, f"no room for {name}")

    ledger.before_commit = full_disk
    with pytest.raises(LedgerTrouble):
        ledger.freezes.begin(freeze(), NOTICE, FROZEN)
    assert ledger.freezes.current() is None
    assert ledger.trail.head()[0] == 0
    assert ledger.outbox.count() == 0
