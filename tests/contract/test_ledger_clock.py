"""What the ledger promises where the wall clock was set: no due time lies further off than it may."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from bot.domain.ledger_port import Longest
from bot.domain.lifecycle import Step
from bot.domain.model import State
from bot.domain.notifications import Notification, NotificationKind
from bot.ledger import clock
from bot.ledger.breaker import TRIAL
from bot.ledger.schema.tables import UtcText, deletions, metadata
from bot.ledger.store import Store
from tests.contract.conftest import Backend
from tests.contract.values import NOON, after, deletion, waiting

LONGEST = Longest(
    card=timedelta(seconds=600),
    settling=timedelta(seconds=600),
    correction=timedelta(hours=1),
    read=timedelta(days=1),
    takeover=timedelta(seconds=110),
    retry=timedelta(seconds=600),
    lease=timedelta(seconds=180),
)
HOUR = timedelta(hours=1)


def test_a_deadline_is_pulled_back_and_its_card_drawn_anew(ledger: Store) -> None:
    """The card shows until when it waits, so it has to show the new time."""
    ledger.deletions.propose(deletion(1, message_ts="1.1", deadline_at=after(4200)), max_open=9)
    assert ledger.follow_clock(NOON, -HOUR, LONGEST) == 1
    found = ledger.deletions.get(deletion(1).id)
    assert found is not None
    assert found.deadline_at == after(600)
    assert [due.notification.kind for due in ledger.outbox.lease(NOON)] == [NotificationKind.CARD]


def test_what_lies_where_it_may_stays(ledger: Store) -> None:
    """At each start this is done, and mostly there is nothing to do."""
    ledger.deletions.propose(deletion(1, message_ts="1.1", deadline_at=after(600)), max_open=9)
    before = ledger.deletions.get(deletion(1).id)
    assert ledger.follow_clock(NOON, timedelta(0), LONGEST) == 0
    assert ledger.deletions.get(deletion(1).id) == before
    assert ledger.outbox.count() == 0


def test_what_another_replica_has_just_written_stays(postgresql: Backend) -> None:
    """Its clock may be a little ahead: a start beside busy replicas reports no clock that was set."""
    busy, starting = postgresql.open("busy"), postgresql.open("starting")
    ahead = clock.APART.total_seconds()
    one = deletion(1, asked_at=after(ahead), deadline_at=after(600 + ahead))
    busy.deletions.propose(one, max_open=9)
    busy.requests.note(waiting(since=after(ahead)))
    before = busy.deletions.get(one.id)
    assert starting.follow_clock(NOON, timedelta(0), LONGEST) == 0
    assert starting.deletions.get(one.id) == before
    assert starting.follow_clock(NOON - timedelta(seconds=1), timedelta(0), LONGEST) == 3


UNKNOWN = [
    # since when it is unknown, when a read is due, whether a day's silence was told; what becomes of each
    (after(3600), after(3675), False, NOON, after(600)),
    (after(-60), after(75), False, after(-60), after(75)),
    (after(-90_000), after(86_400), True, after(-90_000), after(86_400)),
    (after(-90_000), after(90_000), True, after(-90_000), after(86_400)),
    (after(3600), after(90_000), True, after(-86_400), after(86_400)),
]


@pytest.mark.parametrize(("since", "due", "told", "new_since", "new_due"), UNKNOWN)
def test_reads_of_what_is_unknown(
    ledger: Store, since: datetime, due: datetime, new_since: datetime, new_due: datetime, *, told: bool
) -> None:
    """They are counted anew, and on the first day the next one is minutes away."""
    one = deletion(1, message_ts="1.1", deadline_at=after(600))
    ledger.deletions.propose(one, max_open=9)
    claim: dict[str, Any] = {"claim_token": "t", "send_before": after(5), "takeover_at": after(50)}
    ledger.deletions.change(one.id, Step.CLAIM, claim)
    reads = {"reads_agreeing": 3, "reads_first_at": after(-30), "reads_last": "present"}
    values = {"unknown_since": since, "read_due_at": due, "reminded": told, **reads}
    ledger.deletions.change(one.id, Step.LOSE, values)
    ledger.follow_clock(NOON, -HOUR, LONGEST)
    found = ledger.deletions.get(one.id)
    assert found is not None
    assert found.state is State.UNKNOWN
    assert (found.unknown_since, found.read_due_at) == (new_since, new_due)
    assert (found.reads_agreeing, found.reads_first_at, found.reads_last) == (0, None, None)


@pytest.mark.parametrize("step", [HOUR, -HOUR])
def test_a_claim_of_this_process_is_kept_as_long_as_before(backend: Backend, step: timedelta) -> None:
    """Whoever holds it waits for an answer."""
    mine, one = backend.open("me"), deletion(1, message_ts="1.1", deadline_at=after(600))
    mine.deletions.propose(one, max_open=9)
    mine.deletions.change(one.id, Step.CLAIM, {"claim_token": "t", "send_before": after(5), "takeover_at": after(50)})
    mine.follow_clock(NOON + step, step, LONGEST)
    found = mine.deletions.get(one.id)
    assert found is not None
    assert found.takeover_at == after(50) + step


def test_the_claim_of_a_process_that_is_gone_is_pulled_back(ledger: Store) -> None:
    """To where it may lie: nobody waits for its answer any more, and somebody has to take it over."""
    one = deletion(1, message_ts="1.1", deadline_at=after(600))
    ledger.deletions.propose(one, max_open=9)
    ledger.deletions.change(
        one.id, Step.CLAIM, {"claim_token": "t", "send_before": after(5), "takeover_at": after(3650)}
    )
    gone = update(deletions).values(claim_owner="somebody who is gone")
    assert ledger.write("go", lambda connection: connection.execute(gone).rowcount) == 1
    assert ledger.follow_clock(NOON, -HOUR, LONGEST) == 1
    found = ledger.deletions.get(one.id)
    assert found is not None
    assert found.takeover_at == after(110)


NEVER_DUE = {
    # Told to people, counted from where somebody looks, or compared with others of their kind; nothing waits for them.
    *("deletions.confirmed_at", "deletions.send_before", "deletions.ended_at", "deletions.verified_at"),
    *("attempts.claimed_at", "attempts.send_before", "attempts.replied_at", "outbox.written_at"),
    *("freezes.at", "freezes.lifted_at", "served_requests.at", "checkpoints.at", "owners.seen_at"),
}
PULLED_OTHERWISE = {"deletions.deadline_at", "deletions.reads_first_at"}


def test_no_time_of_the_ledger_is_forgotten() -> None:
    """A new column is a due time, which has a bound, or it stands here as one that nothing waits for."""
    times = {
        f"{table.name}.{column.name}"
        for table in metadata.sorted_tables
        for column in table.columns
        if isinstance(column.type, UtcText)
    }
    bounded = {f"{column.table.name}.{column.name}" for column, _, _ in clock._bounds(NOON, LONGEST)}
    assert bounded | PULLED_OTHERWISE | NEVER_DUE == times
    assert not bounded & NEVER_DUE


BOUNDS = {
    # table, column: how far off it may lie, where no more particular row applies
    ("deletions", "read_due_at"): LONGEST.read,
    ("deletions", "asked_at"): timedelta(0),
    ("deletions", "lease_until"): LONGEST.lease,
    ("outbox", "due_at"): LONGEST.retry,
    ("outbox", "lease_until"): LONGEST.lease,
    ("log_cursors", "lease_until"): LONGEST.lease,
    ("answers", "since"): timedelta(0),
    ("answers", "lease_until"): LONGEST.retry,
    ("breakers", "opened_at"): timedelta(0),
    ("breakers", "trial_until"): TRIAL,
}


@pytest.mark.parametrize(("table", "column"), BOUNDS)
def test_each_bound_holds(ledger: Store, table: str, column: str) -> None:
    """A time that a clock two days ahead has left comes back to the latest one that may stand there."""
    ledger.deletions.propose(deletion(1), max_open=9)
    ledger.outbox.enqueue(Notification(NotificationKind.CARD, deletion(1).id, "C1", "1.1"))
    ledger.requests.note(waiting())
    ledger.running_log.cursor("C1")
    ledger.breaker.open("key", NOON)
    where = metadata.tables[table]
    late = update(where).values({column: after(2 * 86_400)})
    assert ledger.write("set", lambda connection: connection.execute(late).rowcount) == 1
    assert ledger.follow_clock(NOON, timedelta(0), LONGEST) == 1
    found = ledger.read(lambda connection: connection.execute(select(where.c[column])).scalar_one())
    assert found == NOON + BOUNDS[table, column]


@pytest.mark.parametrize("step", [HOUR, -HOUR])
def test_the_breaker_rests_as_long_as_before(ledger: Store, step: timedelta) -> None:
    """Five minutes from the rejection or from now, never an hour, and never less."""
    ledger.breaker.open("key", NOON)
    ledger.follow_clock(NOON + step, step, LONGEST)
    assert not ledger.breaker.allows("key", NOON + step + timedelta(seconds=299))
    assert ledger.breaker.allows("key", NOON + step + timedelta(seconds=300))


def test_no_day_of_the_daily_head_lies_in_the_future(ledger: Store) -> None:
    """A clock that was a year ahead would leave the audit channel without its head for a year."""
    ledger.running_log.claim_day("C1", NOON.toordinal() + 365)
    ledger.follow_clock(NOON, timedelta(days=-365), LONGEST)
    assert not ledger.running_log.claim_day("C1", NOON.toordinal())
    assert ledger.running_log.claim_day("C1", NOON.toordinal() + 1)
