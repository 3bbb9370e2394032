"""What is noted beside a SQLite ledger: one that has lost events is never opened as if nothing had happened."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.audit.chain import Head
from bot.domain.ledger_port import LedgerTrouble
from bot.domain.lifecycle import Step
from bot.ledger.database.backup import back_up
from bot.ledger.database.engine import connect, lost_events
from bot.ledger.database.held_file import HeldFile, Note, _parsed, lock_of, note_beside
from bot.ledger.trail import prune
from tests.contract.conftest import Backend
from tests.contract.values import NOON, deletion, event
from tests.support.ledger_files import make_ledger
from tests.support.values import ANNA

COMPANIONS = ("", "-wal", "-shm")


def ledger_of(sqlite: Backend) -> Path:
    return Path(sqlite.url.removeprefix("sqlite:///"))


def remove(ledger: Path) -> None:
    for suffix in COMPANIONS:
        ledger.with_name(ledger.name + suffix).unlink(missing_ok=True)


def gone(ledger: Path, older: Path) -> None:
    remove(ledger)


def new(ledger: Path, older: Path) -> None:
    remove(ledger)
    make_ledger(ledger)


def empty(ledger: Path, older: Path) -> None:
    remove(ledger)
    ledger.touch()


def behind(ledger: Path, older: Path) -> None:
    remove(ledger)
    shutil.copy(older, ledger)


def behind_in_place(ledger: Path, older: Path) -> None:
    for suffix in COMPANIONS[1:]:
        ledger.with_name(ledger.name + suffix).unlink(missing_ok=True)
    ledger.write_bytes(older.read_bytes())


def another_history(ledger: Path, older: Path) -> None:
    behind(ledger, older)
    lock = lock_of(ledger)
    kept = lock.read_bytes()
    lock.unlink()
    other = Backend("sqlite", f"sqlite:///{ledger}")
    other.open().trail.record(*[event(channel="C0OTHER00")] * 20)
    other.close()
    lock.write_bytes(kept)


FORGOTTEN: dict[str, Callable[[Path, Path], None]] = {
    "gone": gone,
    "new": new,
    "empty": empty,
    "behind": behind,
    "behind, in the same file": behind_in_place,
    "as long, of another history": another_history,
}


def prepared(sqlite: Backend, tmp_path: Path) -> tuple[Path, Path]:
    """A ledger with ten events, and a copy from when it had five."""
    ledger, older = ledger_of(sqlite), tmp_path / "older.db"
    sqlite.open().trail.record(*[event()] * 5)
    sqlite.close()
    shutil.copy(ledger, older)
    sqlite.open().trail.record(*[event()] * 5)
    sqlite.close()
    return ledger, older


@pytest.mark.parametrize("how", FORGOTTEN)
def test_a_ledger_that_has_lost_events_is_refused_until_it_is_taken_as_it_is(
    sqlite: Backend, tmp_path: Path, how: str
) -> None:
    """However often it is tried, and nothing is made in its place; afterwards it opens, and new events are noted."""
    ledger, older = prepared(sqlite, tmp_path)
    FORGOTTEN[how](ledger, older)
    for _ in range(2):
        with pytest.raises(LedgerTrouble) as refused:
            sqlite.open()
        assert refused.value.diagnosis == "lost events"
        assert "event 10:" in refused.value.__notes__[0]
        assert ledger.exists() is (how != "gone")
    taken = sqlite.open(as_it_is=True)
    taken.trail.record(event())
    sqlite.close()
    with pytest.raises(LedgerTrouble):
        sqlite.open()  # It was not taken to the end.
    sqlite.open(as_it_is=True).take_as_it_is()
    sqlite.close()
    sqlite.open().trail.record(event())
    note = note_beside(ledger)
    assert note is not None
    assert note.head == Head(*sqlite.opened[0].trail.head())


@pytest.mark.parametrize("how", FORGOTTEN)
def test_who_only_reads_can_ask(sqlite: Backend, tmp_path: Path, how: str) -> None:
    """Doctor and `db status` say the same, without the lock; only a ledger that is not there cannot be read."""
    ledger, older = prepared(sqlite, tmp_path)
    FORGOTTEN[how](ledger, older)
    if how == "gone":
        with pytest.raises(LedgerTrouble) as refused:
            connect(sqlite.url, read_only=True)
        assert refused.value.diagnosis == "lost events"
        return
    database = connect(sqlite.url, read_only=True)
    lost = lost_events(database)
    database.close()
    assert lost is not None
    assert lost.diagnosis == "lost events"


def test_a_copy_by_db_backup_is_recognized_where_nothing_is_noted(sqlite: Backend, tmp_path: Path) -> None:
    """Wherever it is put: on another machine there is no note beside it."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    ledger = sqlite.open()
    ledger.trail.record(event())
    back_up(ledger._database, elsewhere / "ledger.db", lambda left, total: None)
    assert ledger.is_in_place()
    copy = Backend("sqlite", f"sqlite:///{elsewhere}/ledger.db")
    for _ in range(2):
        with pytest.raises(LedgerTrouble, match="lost events") as refused:
            copy.open()
        assert "a copy by `dh-bot db backup`" in refused.value.__notes__[0]
    copy.open(as_it_is=True).take_as_it_is()
    copy.close()
    assert copy.open().trail.head()[0] == 1
    copy.close()


def test_a_write_ahead_log_that_was_removed_is_noticed(sqlite: Backend) -> None:
    """What the bot committed while nobody knew stands only there."""
    ledger = sqlite.open()
    ledger.trail.record(event())
    path = ledger_of(sqlite)
    kept = path.read_bytes(), lock_of(path).read_bytes()
    sqlite.close()
    remove(path)
    path.write_bytes(kept[0])
    lock_of(path).write_bytes(kept[1])
    with pytest.raises(LedgerTrouble, match="lost events"):
        sqlite.open()


@pytest.mark.parametrize("lock", [b"", b"12345", b"no note at all\n" * 30, b"12345\n"], ids=repr)
def test_a_ledger_without_a_note_opens(sqlite: Backend, lock: bytes) -> None:
    """Version 0.1.0 left nothing but its process id there. From then on there is a note."""
    sqlite.open().trail.record(event())
    sqlite.close()
    lock_of(ledger_of(sqlite)).write_bytes(lock)
    ledger = sqlite.open()
    note = note_beside(ledger_of(sqlite))
    assert note is not None
    assert note.head == Head(*ledger.trail.head())


def test_a_ledger_ahead_of_its_note_opens(sqlite: Backend) -> None:
    """The note waits for no disk, so a power cut may leave it behind."""
    lock = lock_of(ledger_of(sqlite))
    sqlite.open().trail.record(event())
    kept = lock.read_bytes()
    sqlite.opened[0].trail.record(event())
    sqlite.close()
    lock.write_bytes(kept)
    assert sqlite.open().trail.head()[0] == 2


def test_a_pruned_ledger_opens(sqlite: Backend) -> None:
    """Also where the noted event was pruned, which is no loss."""
    lock = lock_of(ledger_of(sqlite))
    sqlite.open().trail.record(*[event()] * 3)
    kept = lock.read_bytes()
    sqlite.opened[0].trail.record(event())
    sqlite.close()
    database = connect(sqlite.url)
    with database.reading.connect() as connection:
        planned = prune.plan(connection, NOON + timedelta(days=1))
    prune.carry_out(database, planned, NOON, lambda _: None)
    database.close()
    assert planned.events == 4
    sqlite.open().close()
    lock.write_bytes(kept)
    assert sqlite.open().trail.head()[0] == 5


def test_what_went_wrong_is_not_noted(sqlite: Backend) -> None:
    """An event that was rolled back is in no ledger, so the note must not promise it."""
    ledger = sqlite.open()
    ledger.trail.record(event())

    def fail(name: str) -> None:
        raise OSError(name)

    ledger.before_commit = fail
    with pytest.raises(LedgerTrouble):
        ledger.trail.record(event())
    note = note_beside(ledger_of(sqlite))
    assert note is not None
    assert note.head == Head(*ledger.trail.head())


@pytest.mark.parametrize("how", ["removed", "replaced", "lock removed", "folder moved"])
def test_no_claim_is_won_in_a_file_that_is_not_in_its_place(sqlite: Backend, tmp_path: Path, how: str) -> None:
    """It is compared right before the claim; other writes go on, since outcomes in flight have to be recorded."""
    folder = tmp_path / "data"
    folder.mkdir()
    backend = Backend("sqlite", f"sqlite:///{folder}/ledger.db")
    ledger = backend.open()
    one = deletion(1, message_ts="1.1", deadline_at=NOON + timedelta(hours=1))
    ledger.deletions.propose(one, event(), max_open=9)
    assert ledger.is_in_place()
    path = folder / "ledger.db"
    if how == "removed":
        path.unlink()
    elif how == "replaced":
        shutil.copy(path, tmp_path / "copy.db")
        (tmp_path / "copy.db").rename(path)
    elif how == "lock removed":
        lock_of(path).unlink()
    else:
        folder.rename(tmp_path / "elsewhere")
    assert not ledger.is_in_place()
    with pytest.raises(LedgerTrouble, match="removed or replaced"):
        ledger.deletions.change(one.id, Step.CLAIM, {"confirmer": ANNA}, before_deadline=NOON)
    ledger.trail.record(event())
    assert ledger.trail.head()[0] == 2
    backend.close()


@pytest.mark.parametrize("noticed", ["by the probe", "at the end"])
def test_a_note_that_was_removed_with_its_ledger_is_written_anew(sqlite: Backend, noticed: str) -> None:
    """``rm ledger.db*``: the next start must not begin with an empty ledger, also after a crash of this one."""
    ledger = sqlite.open()
    ledger.trail.record(event())
    path, newest = ledger_of(sqlite), Head(*ledger.trail.head())
    remove(path)
    lock_of(path).unlink()
    if noticed == "by the probe":
        assert not ledger.is_in_place()
        assert note_beside(path) == Note(newest)
        assert lock_of(path).stat().st_mode & 0o777 == 0o600
    ledger.trail.record(event())
    sqlite.close()
    with pytest.raises(LedgerTrouble, match="lost events"):
        sqlite.open()
    assert not path.exists()
    sqlite.open(as_it_is=True).take_as_it_is()
    sqlite.close()
    sqlite.open()


def test_a_note_of_somebody_else_is_left_alone(sqlite: Backend) -> None:
    """Another bot has been started in the place of the removed ledger: what it notes is its own."""
    ledger = sqlite.open()
    ledger.trail.record(event())
    path = ledger_of(sqlite)
    remove(path)
    lock_of(path).unlink()
    make_ledger(path)
    other = Backend("sqlite", sqlite.url)
    other.open().trail.record(*[event()] * 3)
    theirs = lock_of(path).read_bytes()
    assert not ledger.is_in_place()
    sqlite.close()
    assert lock_of(path).read_bytes() == theirs
    other.close()


def test_where_the_folder_is_gone_too_nothing_is_written(sqlite: Backend, tmp_path: Path) -> None:
    """Closing ends quietly all the same."""
    folder = tmp_path / "data"
    folder.mkdir()
    backend = Backend("sqlite", f"sqlite:///{folder}/ledger.db")
    ledger = backend.open()
    ledger.trail.record(event())
    shutil.rmtree(folder)
    assert not ledger.is_in_place()
    backend.close()
    assert not folder.exists()


def test_a_connection_to_another_file_is_refused(sqlite: Backend) -> None:
    """A new connection of the pool would read a ledger that is not ours, or make an empty one."""
    ledger = sqlite.open()
    ledger.trail.record(event())
    path = ledger_of(sqlite)
    ledger._database.reading.dispose()
    path.unlink()
    with pytest.raises(LedgerTrouble):
        ledger.trail.head()
    assert not path.exists()
    make_ledger(path)
    with pytest.raises(LedgerTrouble, match="removed or replaced"):
        ledger.trail.head()


def test_why_no_new_work_is_taken_is_noted_and_forgotten(sqlite: Backend) -> None:
    """Doctor can read it beside the running bot; the next start begins without."""
    ledger = sqlite.open()
    path = ledger_of(sqlite)
    ledger.trail.record(event())
    ledger.note_why(("not_alone", "clock_off"))
    note = note_beside(path)
    assert note == Note(Head(*ledger.trail.head()), ("not_alone", "clock_off"))
    ledger.note_why(("not_alone",))
    kept = lock_of(path).read_bytes()
    sqlite.close()
    assert note_beside(path) == Note(note.head)
    lock_of(path).write_bytes(kept)
    sqlite.open()
    assert note_beside(path) == Note(note.head)


@given(st.binary(max_size=300))
def test_no_bytes_break_the_parser(text: bytes) -> None:
    """A note that cannot be parsed is none."""
    found = _parsed(text)
    assert found is None or len(found.head.hash) == 64


@given(st.integers(0, 10**18), st.text("0123456789abcdef", min_size=64, max_size=64), st.sets(st.sampled_from("abc")))
def test_what_is_noted_is_read_again(
    tmp_path_factory: pytest.TempPathFactory, number: int, digest: str, why: set[str]
) -> None:
    """Whatever stood there before."""
    path = tmp_path_factory.mktemp("note") / "ledger.db"
    for before in (None, Head(10**19 - 1, "f" * 64)):
        file = HeldFile(path)
        file.note(before)
        file.note_why(("x" * 20,) * 4)
        file.note(Head(number, digest))
        file.note_why(tuple(sorted(why)))
        assert note_beside(path) == Note(Head(number, digest), tuple(sorted(why)))
        file.close()
