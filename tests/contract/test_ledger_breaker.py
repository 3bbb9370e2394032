"""What the ledger promises about the breaker. Five bad signatures lock an access key, so this must hold everywhere."""

from __future__ import annotations

from bot.domain.events import Kind
from bot.ledger.store import Store
from tests.contract.conftest import Backend
from tests.contract.values import NOON, after, event

OPENED = event(Kind.BREAKER_OPENED, None)
CLOSED = event(Kind.BREAKER_CLOSED, None)


def test_closed_at_first(ledger: Store) -> None:
    """Nothing stops calls until credentials were rejected, and closing what is closed writes nothing."""
    assert ledger.breaker.allows("key", NOON)
    ledger.breaker.close("key", CLOSED)
    assert ledger.trail.head()[0] == 0


def test_five_minutes_then_one_trial(ledger: Store) -> None:
    """After a rejection nothing leaves for five minutes; then one call, and the next one a minute later."""
    ledger.breaker.open("key", NOON, OPENED)
    assert not ledger.breaker.allows("key", NOON)
    assert not ledger.breaker.allows("key", after(299.9))
    assert ledger.breaker.allows("key", after(300))
    assert not ledger.breaker.allows("key", after(301))
    assert not ledger.breaker.allows("key", after(359.9))
    assert ledger.breaker.allows("key", after(360))


def test_other_credentials_are_not_stopped(ledger: Store) -> None:
    """Once the credentials were changed, calls may leave; the rejection was about the others."""
    ledger.breaker.open("old", NOON)
    assert ledger.breaker.allows("new", NOON)
    ledger.breaker.close("new", CLOSED)
    assert not ledger.breaker.allows("old", NOON)
    assert ledger.trail.head()[0] == 0


def test_a_rejected_trial_begins_anew(ledger: Store) -> None:
    """Each rejection restarts the five minutes; the event is written once."""
    ledger.breaker.open("key", NOON, OPENED)
    assert ledger.breaker.allows("key", after(300))
    ledger.breaker.open("key", after(301), OPENED)
    assert not ledger.breaker.allows("key", after(600.9))
    assert ledger.breaker.allows("key", after(601))
    assert ledger.trail.head()[0] == 1


def test_an_accepted_trial_closes(ledger: Store) -> None:
    """A call that was accepted closes it, with its event, once."""
    ledger.breaker.open("key", NOON, OPENED)
    assert ledger.breaker.allows("key", after(300))
    ledger.breaker.close("key", CLOSED)
    ledger.breaker.close("key", CLOSED)
    assert ledger.breaker.allows("key", after(302))
    assert [each.event.kind for each in ledger.trail.events()] == [Kind.BREAKER_OPENED, Kind.BREAKER_CLOSED]


def test_holds_across_restarts(backend: Backend, ledger: Store) -> None:
    """A restart is no way around the five minutes."""
    ledger.breaker.open("key", NOON, OPENED)
    restarted = backend.restart()
    assert not restarted.breaker.allows("key", after(10))
    assert restarted.breaker.allows("key", after(300))


def test_holds_for_every_replica(backend: Backend, ledger: Store) -> None:
    """What one replica learned stops the other at once, and the two share one trial."""
    other = backend.beside(ledger)
    assert other.breaker.allows("key", NOON)
    ledger.breaker.open("key", NOON, OPENED)
    assert not other.breaker.allows("key", NOON)
    assert [store.breaker.allows("key", after(300)) for store in (ledger, other)] == [True, False]
    other.breaker.close("key", CLOSED)
    assert ledger.breaker.allows("key", after(301))
