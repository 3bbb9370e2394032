"""What the ledger promises about the order of a drawing that may be lost and the redraw of an outcome."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from bot.domain.lifecycle import Step
from bot.domain.model import Deletion
from bot.domain.notifications import NotificationKind
from bot.ledger.store import Store
from tests.contract.values import NOON, after, attempt, deletion, tell
from tests.support.values import BEN


def being_deleted(ledger: Store, number: int = 1) -> Deletion:
    """A deletion whose claim was won."""
    made = deletion(number)
    assert ledger.deletions.propose(made, max_open=200) is None
    token = f"token-{number}"
    values = {
        "confirmer": BEN,
        "confirmed_at": NOON,
        "claim_token": token,
        "send_before": after(5),
        "takeover_at": after(60),
    }
    assert ledger.deletions.change(made.id, Step.CLAIM, values, attempt=attempt(1, token)) is not None
    return made


def test_what_is_recorded_during_a_turn_is_drawn_after_it(ledger: Store) -> None:
    """The redraw of an outcome is leased by nobody before the turn is released."""
    being_deleted(ledger)
    turn = ledger.cards.hold(tell(kind=NotificationKind.CARD, fleeting=True), NOON, seconds=20)
    assert turn is not None
    assert turn.notification.is_fleeting
    ledger.outbox.enqueue(tell(kind=NotificationKind.CARD))
    assert ledger.outbox.lease(after(19.9), limit=10) == []
    ledger.cards.release(turn)
    (found,) = ledger.outbox.lease(after(19.9), limit=10)
    assert not found.notification.is_fleeting
    assert found.number > turn.number


def test_a_turn_that_nobody_ended_runs_out(ledger: Store) -> None:
    """Whoever finds it sees that it is to be dropped; the redraw follows."""
    being_deleted(ledger)
    turn = ledger.cards.hold(tell(kind=NotificationKind.CARD, fleeting=True), NOON, seconds=20)
    ledger.outbox.enqueue(tell(kind=NotificationKind.CARD))
    (found,) = ledger.outbox.lease(after(20), limit=10)
    assert turn is not None
    assert (found.number, found.notification.is_fleeting) == (turn.number, True)


def test_no_turn_for_a_deletion_that_is_not_being_deleted(ledger: Store) -> None:
    """One that waits, and one that has ended."""
    drawing = tell(kind=NotificationKind.CARD, fleeting=True)
    assert ledger.deletions.propose(deletion(2), max_open=200) is None
    assert ledger.cards.hold(tell(2, kind=NotificationKind.CARD, fleeting=True), NOON, seconds=20) is None
    made = being_deleted(ledger)
    ledger.deletions.change(made.id, Step.REPLY_DELETED, {"ended_at": NOON})
    assert ledger.cards.hold(drawing, NOON, seconds=20) is None
    assert ledger.outbox.count() == 0


def test_no_turn_where_the_card_is_to_be_drawn_already(ledger: Store) -> None:
    """That drawing shows the present state; another card of the channel has turns of its own."""
    for number in (1, 2):
        being_deleted(ledger, number)
    ledger.outbox.enqueue(tell(kind=NotificationKind.CARD), tell(2, "2.2"))
    assert ledger.cards.hold(tell(kind=NotificationKind.CARD, fleeting=True), NOON, seconds=20) is None
    assert ledger.cards.hold(tell(2, "2.2", NotificationKind.CARD, fleeting=True), NOON, seconds=20) is not None


def test_no_turn_comes_between_an_outcome_and_its_redraw(ledger: Store) -> None:
    """While the outcome is being committed a turn waits, and then finds the deletion ended."""
    made = being_deleted(ledger)
    is_written, may_commit = threading.Event(), threading.Event()

    def before_commit(name: str) -> None:
        if name == f"change:{Step.REPLY_DELETED.value}":
            is_written.set()
            assert may_commit.wait(20)

    ledger.before_commit = before_commit
    redraw = tell(kind=NotificationKind.CARD)
    with ThreadPoolExecutor(2) as threads:
        ended = threads.submit(
            lambda: ledger.deletions.change(made.id, Step.REPLY_DELETED, {"ended_at": NOON}, notifications=[redraw])
        )
        assert is_written.wait(20)
        turn = threads.submit(ledger.cards.hold, tell(kind=NotificationKind.CARD, fleeting=True), NOON, seconds=20)
        with pytest.raises(TimeoutError):
            turn.result(0.2)
        may_commit.set()
        assert ended.result(20) is not None
        assert turn.result(20) is None
    assert ledger.outbox.count() == 1
