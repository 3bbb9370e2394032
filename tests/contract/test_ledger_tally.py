"""What the ledger promises about its numbers, which say how much is open and owed."""

from __future__ import annotations

from bot.domain.lifecycle import Step
from bot.domain.model import DeletionId, State
from bot.domain.notifications import Sent
from bot.ledger.store import Store
from tests.contract.values import NOON, after, deletion, tell, waiting


def test_an_empty_ledger_owes_nothing(ledger: Store) -> None:
    """Every open state is there, with 0, and nothing has an age."""
    tally = ledger.overview.tally("key")
    assert tally.open == {State.AWAITING: 0, State.DELETING: 0, State.UNKNOWN: 0}
    assert (tally.oldest_unknown, tally.undelivered, tally.oldest_undelivered, tally.owed) == (None, 0, None, 0)
    assert tally.breaker_is_open is False


def test_what_is_open_is_counted_and_what_has_ended_is_not(ledger: Store) -> None:
    """By state, with the moment since which the oldest unknown outcome is unknown."""
    for number in range(1, 6):
        assert ledger.deletions.propose(deletion(number), max_open=99) is None
    for number in (1, 2, 3):
        ledger.deletions.change(DeletionId(f"{number:016x}"), Step.CLAIM, {"claim_token": "t"})
    for number, since in ((1, 20), (2, 10)):
        ledger.deletions.change(DeletionId(f"{number:016x}"), Step.LOSE, {"unknown_since": after(since)})
    ledger.deletions.change(DeletionId(f"{5:016x}"), Step.CANCEL, {"ended_at": NOON})
    tally = ledger.overview.tally("key")
    assert tally.open == {State.AWAITING: 1, State.DELETING: 1, State.UNKNOWN: 2}
    assert tally.oldest_unknown == after(10)
    ledger.deletions.change(DeletionId(f"{2:016x}"), Step.READ_GONE, {"ended_at": NOON})
    assert ledger.overview.tally("key").oldest_unknown == after(20)


def test_what_is_owed_is_counted(ledger: Store) -> None:
    """Messages that Slack has to take, since when, and people who wait for an answer."""
    ledger.outbox.enqueue(tell(1, "1.1"), tell(2, "2.2"))
    ledger.requests.note(waiting("w1"))
    ledger.requests.note(waiting("w2"))
    tally = ledger.overview.tally("key")
    assert (tally.undelivered, tally.oldest_undelivered, tally.owed) == (2, NOON, 2)
    ledger.requests.answered("w1")
    for due in ledger.outbox.lease(NOON, limit=5):
        ledger.outbox.mark_delivered(Sent(due))
    tally = ledger.overview.tally("key")
    assert (tally.undelivered, tally.oldest_undelivered, tally.owed) == (0, None, 1)


def test_the_breaker_counts_for_the_credentials_that_were_rejected(ledger: Store) -> None:
    """Asking changes nothing: the one trial after five minutes is still there."""
    ledger.breaker.open("old", NOON)
    assert ledger.overview.tally("old").breaker_is_open is True
    assert ledger.overview.tally("new").breaker_is_open is False
    assert ledger.breaker.allows("old", after(300))
    ledger.breaker.close("old")
    assert ledger.overview.tally("old").breaker_is_open is False
