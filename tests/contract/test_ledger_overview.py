"""What the ledger shows to people: pages that miss and repeat nothing, and only this target's deletions."""

from __future__ import annotations

from typing import Any

from bot.domain.model import DeletionId, JobId, State, Target
from bot.ledger.store import Store
from tests.contract.values import NOON, after, attempt, deletion
from tests.support.values import TARGET

OTHER = Target(TARGET.endpoint, TARGET.region, "another-project")


def put(ledger: Store, number: int, **changes: Any) -> DeletionId:
    made = deletion(number, **changes)
    assert ledger.deletions.propose(made, max_open=1000) is None
    return made.id


def test_history_of_a_job_and_of_a_channel(ledger: Store) -> None:
    """Newest first, with the attempts; nothing of another project, where the same id is another job."""
    put(ledger, 1, state=State.FAILED, asked_at=after(1), channel="C2", job="a")
    put(ledger, 2, asked_at=after(2), channel="C1", job="a")
    put(ledger, 3, asked_at=after(3), channel="C1", job="b")
    put(ledger, 4, asked_at=after(4), channel="C1", job="a", target=OTHER)
    ledger.deletions.change(deletion(1).id, None, {}, attempt=attempt())
    ids = {number: deletion(number).id for number in range(1, 5)}
    of_job = ledger.overview.history(job=JobId("a"))
    assert [each.id for each in of_job] == [ids[2], ids[1]]
    assert of_job[1].attempts == (attempt(),)
    assert [each.id for each in ledger.overview.history(channel="C1")] == [ids[3], ids[2]]
    assert [each.id for each in ledger.overview.history(limit=1)] == [ids[3]]


def test_pages_miss_and_repeat_nothing(ledger: Store) -> None:
    """Not even where many were asked in the same moment, and one more comes in between two pages."""
    put_in = [put(ledger, number, asked_at=after(number // 4), state=State.FAILED, job="j") for number in range(1, 24)]
    seen: list[str] = []
    page = ledger.overview.history(channel="C1", limit=5)
    while page:
        seen += [each.id for each in page]
        put(ledger, 100 + len(seen), asked_at=after(1000), state=State.FAILED, job="j")
        page = ledger.overview.history(channel="C1", before=page[-1], limit=5)
    assert len(seen) == len(set(seen))
    assert set(seen) == set(put_in)


def test_open_ones_oldest_first(ledger: Store) -> None:
    """Those that wait and those whose outcome is unknown; nothing that is over, nothing of another project."""
    late, early = put(ledger, 1, asked_at=after(9)), put(ledger, 2, asked_at=after(1), state=State.UNKNOWN)
    put(ledger, 3, state=State.DELETED)
    put(ledger, 4, target=OTHER)
    assert [each.id for each in ledger.overview.open(limit=10)] == [early, late]
    assert [each.id for each in ledger.overview.open(limit=1)] == [early]


def test_deleted_lately(ledger: Store) -> None:
    """By when they ended, newest first."""
    first = put(ledger, 1, state=State.DELETED, ended_at=after(10))
    second = put(ledger, 2, state=State.DELETED, ended_at=after(20), asked_at=after(-100))
    put(ledger, 3, state=State.FAILED, ended_at=after(30))
    put(ledger, 4, state=State.DELETED, ended_at=after(40), target=OTHER)
    assert [each.id for each in ledger.overview.deleted(limit=10)] == [second, first]
    assert [each.id for each in ledger.overview.deleted(limit=1)] == [second]


def test_looking_at_the_breaker_takes_no_trial(ledger: Store) -> None:
    """Since when calls with these credentials are stopped; not at all for others. The trial stays for a call."""
    assert ledger.overview.breaker_opened_at("key") is None
    ledger.breaker.open("key", NOON)
    assert ledger.overview.breaker_opened_at("key") == NOON
    assert ledger.overview.breaker_opened_at("other") is None
    assert ledger.breaker.allows("key", after(300))
