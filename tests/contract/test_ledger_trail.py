"""What the ledger promises about the audit trail: numbered without gaps, chained, append-only in the database."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy.exc import DBAPIError

from bot.audit import chain
from bot.audit.chain import GENESIS, Fault, Head
from bot.domain.events import Event, Kind
from bot.ledger.store import Store
from tests.contract.conftest import Backend
from tests.contract.values import NOON, after, event


def filled(statement: str) -> str:
    """The statement with the columns of a forged event, and with the hash it would have to remember."""
    content = "'2026', 'x', NULL, NULL, NULL, NULL, NULL, NULL, 'text'"
    return statement.replace("CONTENT", content).replace("HASH", "(SELECT hash FROM chain_head)")


def fill(ledger: Store, many: int = 5) -> None:
    for number in range(1, many + 1):
        ledger.trail.record(event(Kind.READ, number, facts={"n": number}))


def test_nothing_yet(ledger: Store) -> None:
    """An empty trail has the genesis for a head and is sound."""
    assert ledger.trail.head() == (0, GENESIS)
    assert ledger.trail.events() == []
    assert ledger.trail.verify().is_sound


def test_events_come_back(ledger: Store) -> None:
    """Every part of an event is kept, and what was hashed can be computed again from what is read."""
    full = event(Kind.OUTCOME, request_id="r-1", at=after(1), facts={"http": 204, "sent": True, "codes": ["a", None]})
    bare = Event(Kind.FROZEN, NOON)
    ledger.trail.record(full, bare)
    first, second = ledger.trail.events()
    assert (first.number, first.event, first.previous_hash) == (1, full, GENESIS)
    assert (second.number, second.event, second.previous_hash) == (2, bare, first.hash)
    assert first.hash == chain.next_hash(GENESIS, first.text)
    assert second.hash == chain.next_hash(first.hash, second.text)
    assert ledger.trail.head() == (2, second.hash)


def test_odd_facts_cost_nothing(ledger: Store) -> None:
    """A fact that JSON does not know, or an id with odd characters, does not cost the record, and the chain holds."""
    odd = event(
        request_id='q"\\\0\ud800é🤖', facts={"when": NOON, "set": {"b", "a"}, "thing": object(), "text": "\ud800"}
    )
    ledger.trail.record(odd, event())
    found = ledger.trail.events()[0].event
    assert found.facts["when"] == "2026-11-22T12:00:00.123456Z"
    assert found.facts["set"] == ["a", "b"]
    assert found.facts["thing"] == "<object>"
    assert ledger.trail.verify().is_sound


def test_pages(ledger: Store) -> None:
    """Events are read in the order of their numbers, after a number, so many at a time."""
    fill(ledger)
    assert [each.number for each in ledger.trail.events(after=2, limit=2)] == [3, 4]
    assert ledger.trail.events(after=5) == []


def test_of_one_deletion(ledger: Store) -> None:
    """Everything about one deletion is found by its id."""
    fill(ledger)
    ledger.trail.record(event(Kind.DELIVERED, 2), Event(Kind.FROZEN, NOON))
    found = ledger.trail.events_of(event(number=2).deletion)  # type: ignore[arg-type]
    assert [each.number for each in found] == [2, 6]


def test_verify_reads_every_page(backend: Backend, ledger: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Verifying goes on until the head."""
    from bot.ledger.trail import rows  # noqa: PLC0415

    fill(ledger, 7)
    real = rows.lines
    for pages_of in (1, 3, 7, 8):
        monkeypatch.setattr(rows, "lines", lambda c, *, after, on_page, p=pages_of: real(c, after=after, pages_of=p))
        assert ledger.trail.verify().checked == 7


def test_all_guards_are_there(ledger: Store) -> None:
    """A new ledger has every trigger."""
    assert ledger.trail.missing_triggers() == frozenset()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE events SET text = 'x' WHERE number = 3",
        "UPDATE events SET number = 30 WHERE number = 5",
        "UPDATE events SET channel = 'C9'",
        "DELETE FROM events WHERE number = 5",
        "DELETE FROM events",
        "INSERT INTO events VALUES (3, CONTENT, 'p', 'h')",
        "INSERT INTO events VALUES (6, CONTENT, 'p', 'h')",
        "INSERT INTO events VALUES (7, CONTENT, HASH, 'h')",
        "INSERT INTO events VALUES (5, CONTENT, HASH, 'h') ON CONFLICT (number) DO UPDATE SET text = 'x'",
        "UPDATE chain_head SET number = 4",
        "UPDATE chain_head SET number = 6, hash = 'x'",
        "UPDATE chain_head SET hash = 'x'",
        "DELETE FROM chain_head",
        "INSERT INTO chain_head VALUES (2, 0, 'x')",
        "INSERT INTO checkpoints VALUES (3, 'not its hash', '2026')",
        "INSERT INTO checkpoints VALUES (9, 'x', '2026')",
    ],
)
def test_tampering_is_refused(backend: Backend, ledger: Store, statement: str) -> None:
    """No statement changes, removes or forges an event, or moves the head or a checkpoint, past the ledger."""
    fill(ledger)
    before = ledger.trail.events()
    backend.close()
    with pytest.raises(DBAPIError):
        backend.execute(filled(statement))
    again = backend.open()
    assert again.trail.events() == before
    assert again.trail.verify().is_sound
    fill(again, 1)


@pytest.mark.parametrize("verb", ["INSERT OR REPLACE", "INSERT OR IGNORE", "REPLACE"])
@pytest.mark.parametrize("recursive", ["OFF", "ON"])
def test_replacing_is_refused_on_sqlite(sqlite: Backend, verb: str, recursive: str) -> None:
    """INSERT OR REPLACE deletes without asking the triggers on DELETE; the one on INSERT refuses it."""
    ledger = sqlite.open()
    fill(ledger)
    before = ledger.trail.events()
    sqlite.close()
    sqlite.execute(f"PRAGMA recursive_triggers = {recursive}")
    for statement in (
        f"{verb} INTO events VALUES (3, CONTENT, 'p', 'h')",
        f"{verb} INTO chain_head VALUES (1, 0, 'x')",
        "UPDATE OR REPLACE events SET number = 4 WHERE number = 5",
    ):
        with pytest.raises(DBAPIError):
            sqlite.execute(filled(statement))
    assert sqlite.open().trail.events() == before


@pytest.mark.parametrize("table", ["events", "chain_head", "checkpoints", "events, checkpoints"])
def test_truncating_is_refused_on_postgresql(postgresql: Backend, table: str) -> None:
    """TRUNCATE asks no trigger on DELETE; it has its own."""
    ledger = postgresql.open()
    fill(ledger)
    with pytest.raises(DBAPIError):
        postgresql.execute(f"TRUNCATE {table}")
    with pytest.raises(DBAPIError):
        postgresql.execute(f"TRUNCATE {table} CASCADE")
    assert ledger.trail.verify().checked == 5


def checkpoint(backend: Backend, number: int) -> None:
    """What somebody would write at a database prompt who wants events to go."""
    backend.execute(f"INSERT INTO checkpoints SELECT number, hash, at FROM events WHERE number = {number}")  # noqa: S608


def test_checkpoint(backend: Backend, ledger: Store) -> None:
    """Up to a checkpoint, events may go; verifying begins after it, and the checkpoint itself stays."""
    fill(ledger)
    third = ledger.trail.events()[2]
    ledger.trail.record(Event(Kind.PRUNED, NOON, facts={"up_to": 3, "hash": third.hash}))
    backend.close()
    checkpoint(backend, 3)
    with pytest.raises(DBAPIError):
        backend.execute("DELETE FROM events WHERE number <= 4")
    backend.execute("DELETE FROM events WHERE number <= 3")
    for statement in ("DELETE FROM checkpoints", "UPDATE checkpoints SET number = 4"):
        with pytest.raises(DBAPIError):
            backend.execute(statement)
    verdict = backend.open().trail.verify()
    assert (verdict.is_sound, verdict.checked, verdict.head.number) == (True, 3, 6)


def test_a_checkpoint_that_no_event_announces_is_found(backend: Backend, ledger: Store) -> None:
    """The triggers let events up to a checkpoint go, and anybody may write one; verifying asks for its event."""
    fill(ledger)
    backend.close()
    checkpoint(backend, 3)
    backend.execute("DELETE FROM events WHERE number <= 3")
    verdict = backend.open().trail.verify()
    assert (verdict.fault, verdict.number) == (Fault.REMOVED, 3)
    assert "no event says" in verdict.why


def disarm(backend: Backend) -> None:
    """What somebody would do who may change the schema and, on SQLite, the note beside the file."""
    if backend.name == "postgresql":
        for table in ("events", "chain_head"):
            backend.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
        return
    for (name,) in backend.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'"):
        backend.execute(f"DROP TRIGGER {name}")
    Path(f"{backend.url.removeprefix('sqlite:///')}.lock").unlink()


@pytest.mark.parametrize(
    ("statement", "fault", "number"),
    [
        ("UPDATE events SET channel = 'C9' WHERE number = 3", Fault.CHANGED, 3),
        ("UPDATE events SET text = text || ' ' WHERE number = 3", Fault.CHANGED, 3),
        ("DELETE FROM events WHERE number = 3", Fault.REMOVED, 3),
        ("DELETE FROM events WHERE number = 1", Fault.REMOVED, 1),
        ("DELETE FROM events WHERE number > 3", Fault.REMOVED, 4),
        ("DELETE FROM events", Fault.REMOVED, 1),
        ("INSERT INTO events VALUES (6, CONTENT, HASH, 'h')", Fault.CHANGED, 6),
        ("UPDATE chain_head SET number = 4, hash = (SELECT hash FROM events WHERE number = 4)", Fault.INSERTED, 5),
    ],
)
def test_tampering_past_the_triggers_is_found(
    backend: Backend, ledger: Store, statement: str, fault: Fault, number: int
) -> None:
    """Who takes the triggers away is found out by verifying, which names the first event that is not as it was."""
    fill(ledger)
    backend.close()
    disarm(backend)
    backend.execute(filled(statement))
    again = backend.open()
    verdict = again.trail.verify()
    assert (verdict.fault, verdict.number) == (fault, number)
    assert again.trail.missing_triggers()


def test_swapped_events_are_found(backend: Backend, ledger: Store) -> None:
    """Two events that changed places are found at the first of them."""
    fill(ledger)
    backend.close()
    disarm(backend)
    for statement in (
        "UPDATE events SET number = 100 WHERE number = 2",
        "UPDATE events SET number = 2 WHERE number = 4",
        "UPDATE events SET number = 4 WHERE number = 100",
    ):
        backend.execute(statement)
    verdict = backend.open().trail.verify()
    assert (verdict.fault, verdict.number) == (Fault.REORDERED, 2)


def test_head_is_plain(ledger: Store) -> None:
    """The head is a pair, as the port says."""
    fill(ledger, 1)
    number, digest = ledger.trail.head()
    assert Head(number, digest) == ledger.trail.verify().head
