"""What pruning removes, and that what is left still proves itself."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from bot.domain.events import Event, Kind
from bot.domain.lifecycle import Step
from bot.domain.model import Deletion, State
from bot.domain.notifications import NotificationKind
from bot.ledger.database.engine import connect
from bot.ledger.store import Store
from bot.ledger.trail import prune as pruning
from bot.ledger.trail.prune import Plan
from bot.ledger.trail.reader import TrailReader
from tests.contract.conftest import Backend
from tests.contract.values import NOON, after, deletion, event, tell


def fill(ledger: Store, many: int = 10) -> None:
    for number in range(1, many + 1):
        ledger.trail.record(event(Kind.READ, number, at=after(number)))


def prune(backend: Backend, before: datetime, *, keep_events: bool = False, steps: list[int] | None = None) -> Plan:
    """As the command does it: the bot is stopped."""
    backend.close()
    database = connect(backend.url)
    try:
        planned = TrailReader(database).read(lambda c: pruning.plan(c, before, keep_events=keep_events))
        if not planned.is_empty:
            pruning.carry_out(database, planned, after(1000), (steps if steps is not None else []).append)
    finally:
        database.close()
    return planned


def test_the_beginning_goes_and_the_rest_verifies(
    backend: Backend, ledger: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some at a time; an event says what went, and new events follow."""
    monkeypatch.setattr(pruning, "AT_ONCE", 2)
    fill(ledger)
    fifth = ledger.trail.events()[4]
    steps: list[int] = []
    prune(backend, after(6), steps=steps)
    assert steps == [2, 2, 1]
    again = backend.open()
    assert [each.number for each in again.trail.events()] == [6, 7, 8, 9, 10, 11]
    said = again.trail.events()[-1].event
    assert (said.kind, said.facts["up_to"], said.facts["hash"]) == (Kind.PRUNED, 5, fifth.hash)
    assert said.facts["events"] == 5
    assert again.trail.verify().is_sound
    again.trail.record(event())
    assert again.trail.verify().checked == 7


def test_pruning_again(backend: Backend, ledger: Store) -> None:
    """A second pruning goes on from the first; the first one's own event may go then."""
    fill(ledger)
    prune(backend, after(4))
    prune(backend, after(2000))
    again = backend.open()
    (left,) = again.trail.events()
    assert (left.event.kind, left.event.facts["up_to"]) == (Kind.PRUNED, 11)
    assert again.trail.verify().is_sound
    backend.close()
    assert prune(backend, after(900)).is_empty


def test_an_event_out_of_its_time_keeps_what_is_behind_it(backend: Backend, ledger: Store) -> None:
    """Clocks differ: nothing younger than asked for ever goes, whatever its number."""
    ledger.trail.record(event(at=after(1)), event(at=after(50)), event(at=after(2)))
    prune(backend, after(10))
    assert [each.number for each in backend.open().trail.events()] == [2, 3, 4]


def test_everything_may_go_but_the_word_of_it(backend: Backend, ledger: Store) -> None:
    """The event that says so stays."""
    fill(ledger, 3)
    prune(backend, after(500))
    again = backend.open()
    assert [each.event.kind for each in again.trail.events()] == [Kind.PRUNED]
    assert again.trail.verify().is_sound


def test_cut_off_in_between(backend: Backend, ledger: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the announcement anything may happen: the trail verifies, and the next call removes the rest."""
    fill(ledger)

    def dies(*_: object) -> int:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(pruning, "_remove_some", dies)
        with pytest.raises(KeyboardInterrupt):
            prune(backend, after(6))
    again = backend.open()
    assert again.trail.verify().is_sound
    assert len(again.trail.events()) == 11
    planned = prune(backend, after(6))
    assert (planned.up_to, planned.events) == (None, 5)
    left = backend.open()
    assert left.trail.events()[0].number == 6
    assert left.trail.verify().is_sound


def test_no_event_beyond_the_checkpoint_can_go(backend: Backend, ledger: Store) -> None:
    """A plan that would take more than was announced is refused by the triggers."""
    fill(ledger)
    backend.close()
    database = connect(backend.url)
    try:
        with pytest.raises(Exception, match="constraint"):
            database.writer.run("forged", lambda connection: pruning._remove_some(connection, 5))
    finally:
        database.close()
    assert len(backend.open().trail.events()) == 10


def ended(ledger: Store, number: int, state: State = State.CANCELLED, **values: object) -> Deletion:
    """A deletion that is over, asked at noon."""
    made = deletion(number, state=state, ended_at=after(number), **values)
    if state in {State.AWAITING, State.UNKNOWN}:
        ledger.deletions.propose(deletion(number), event(Kind.PROPOSED, number), max_open=99)
    else:
        ledger.deletions.propose(made, event(Kind.PROPOSED, number), max_open=99)
    return made


def test_personal_data_goes_from_what_is_over(backend: Backend, ledger: Store) -> None:
    """Reason and name are emptied; the rest stays, and so does everything of what is open, younger or still told."""
    ended(ledger, 1)
    ended(ledger, 2)
    ended(ledger, 3)
    ended(ledger, 4, State.AWAITING)
    ledger.outbox.enqueue(tell(2, kind=NotificationKind.OUTCOME))
    trail = ledger.trail.events()
    planned = prune(backend, after(3), keep_events=True)
    assert (planned.events, planned.deletions) == (0, 1)
    again = backend.open()
    found = {number: again.deletions.get(deletion(number).id) for number in (1, 2, 3, 4)}
    first = found[1]
    assert first is not None
    assert (first.reason, first.job.name) == (None, "")
    assert first.job.asset_id == "asset"
    assert first.requester == deletion(1).requester
    for number in (2, 3, 4):
        kept = found[number]
        assert kept is not None
        assert (kept.reason, kept.job.name) == ("no longer needed", "Ännas Zwilling")
    assert again.trail.events()[: len(trail)] == trail
    assert again.trail.events()[-1].event.facts["redacted"] == 1
    assert again.trail.verify().is_sound


def test_what_is_looked_at_again_keeps_its_name(backend: Backend, ledger: Store) -> None:
    """An outcome whose later look is due is not over."""
    ledger.deletions.propose(deletion(), event(Kind.PROPOSED), max_open=9)
    ledger.deletions.change(
        deletion().id, Step.CANCEL, {"ended_at": after(1), "read_due_at": after(9)}, event(Kind.CANCELLED)
    )
    assert prune(backend, after(500), keep_events=True).deletions == 0


def test_nothing_readable_stays_in_the_file(sqlite: Backend, tmp_path: Path) -> None:
    """SQLite would keep what was removed in free pages and in its write-ahead log."""
    ledger = sqlite.open()
    for number in range(1, 40):
        ended(ledger, number, reason=f"the reason MARKER of {number}")
        assert b"MARKER" in pages(tmp_path)
    prune(sqlite, after(500), keep_events=True)
    assert b"MARKER" not in pages(tmp_path)
    assert b"nnas Zwilling" not in pages(tmp_path)


def pages(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.glob("ledger.db*"))


def test_nothing_to_do(backend: Backend, ledger: Store) -> None:
    """Then nothing is written either."""
    fill(ledger)
    assert prune(backend, NOON).is_empty
    assert backend.open().trail.head()[0] == 10


def test_a_forged_announcement(backend: Backend, ledger: Store) -> None:
    """An event that names another hash does not cover a checkpoint."""
    fill(ledger)
    ledger.trail.record(Event(Kind.PRUNED, NOON, facts={"up_to": 3, "hash": "0" * 64}))
    backend.close()
    backend.execute("INSERT INTO checkpoints SELECT number, hash, at FROM events WHERE number = 3")
    backend.execute("DELETE FROM events WHERE number <= 3")
    assert not backend.open().trail.verify().is_sound
