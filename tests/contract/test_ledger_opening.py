"""What opening a ledger promises: one process per SQLite file, nobody else's eyes, durable, never a newer schema."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bot.domain.ledger_port import DueWork, LedgerTrouble
from bot.ledger.database.trouble import LedgerHeld, LedgerTooNew
from bot.ledger.database.writer import SharedWriter
from bot.ledger.factory import open_ledger
from bot.ledger.schema.migrations import HEAD
from tests.contract.conftest import Backend
from tests.contract.values import NOON, deletion, event
from tests.support.paths import ROOT
from tests.support.values import TARGET

SECOND = """
import sys
from bot.ledger.factory import open_ledger
from bot.ledger.database.trouble import LedgerHeld
from bot.domain.model import Target
try:
    open_ledger(sys.argv[1], Target("e", "r", "p"))
except LedgerHeld as held:
    print("held by", held.holder)
else:
    print("opened")
"""


WAITING = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


def second_process(url: str) -> str:
    done = subprocess.run(  # noqa: S603 - our own interpreter and our own code.
        [sys.executable, "-c", SECOND, url], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_a_second_process_is_refused(sqlite: Backend) -> None:
    """While one process has the file another cannot open it and learns who has it; afterwards it can."""
    import os  # noqa: PLC0415

    sqlite.open()
    assert second_process(sqlite.url) == f"held by {os.getpid()}"
    sqlite.close()
    assert second_process(sqlite.url) == "opened"


def test_a_second_opening_is_refused(sqlite: Backend) -> None:
    """The same holds within one process, and under another name of the same file."""
    sqlite.open()
    path = Path(sqlite.url.removeprefix("sqlite:///"))
    (path.parent / "link.db").symlink_to(path)
    for url in (sqlite.url, f"sqlite:///{path.parent}/link.db"):
        with pytest.raises(LedgerHeld) as held:
            open_ledger(url, TARGET)
        assert held.value.diagnosis == "locked by another process"
        assert isinstance(held.value, LedgerTrouble)


def test_a_failed_opening_lets_go(sqlite: Backend) -> None:
    """Whatever keeps a ledger from opening does not leave it locked."""
    sqlite.open().close()
    sqlite.execute("UPDATE alembic_version SET version_num = '9999'")
    for _ in range(2):
        with pytest.raises(LedgerTooNew):
            sqlite.open()
    sqlite.execute(f"UPDATE alembic_version SET version_num = '{HEAD}'")  # noqa: S608 - ours.
    sqlite.open()


def test_only_the_owner_can_read_the_files(sqlite: Backend, tmp_path: Path) -> None:
    """Reasons and names of jobs are in there: the file and its companions have mode 0600."""
    import os  # noqa: PLC0415

    mask = os.umask(0)
    try:
        ledger = sqlite.open()
        ledger.deletions.propose(deletion(), event(), max_open=1)
    finally:
        os.umask(mask)
    modes = {path.name: oct(path.stat().st_mode & 0o777) for path in tmp_path.iterdir()}
    assert modes == dict.fromkeys(("ledger.db", "ledger.db-wal", "ledger.db-shm", "ledger.db.lock"), "0o600")


def test_a_wide_open_file_is_closed(sqlite: Backend, tmp_path: Path) -> None:
    """A file that was there with wider rights loses them."""
    sqlite.open().close()
    path = tmp_path / "ledger.db"
    path.chmod(0o644)
    sqlite.open()
    assert path.stat().st_mode & 0o777 == 0o600


def test_commits_wait_for_the_disk(sqlite: Backend) -> None:
    """Every connection has WAL, synchronous=FULL, and foreign keys."""
    ledger = sqlite.open()
    for engine in (ledger._database.reading, ledger._database.writing):
        with engine.connect() as connection:
            settings = {
                name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
                for name in ("journal_mode", "synchronous", "foreign_keys")
            }
        assert settings == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


def test_only_a_lease_does_not_wait_for_the_disk(sqlite: Backend) -> None:
    """A power cut may undo a lease, which is void then. What comes after one waits again, also after an error."""
    ledger = sqlite.open()
    writer = ledger._database.writer
    waits: list[tuple[str, int]] = []

    def look(name: str) -> None:
        waits.append((name, writer._connection.connection.execute("PRAGMA synchronous").fetchone()[0]))  # type: ignore[attr-defined]

    def refuse(name: str) -> None:
        raise OSError(name)

    ledger.before_commit = look
    ledger.trail.record(event())
    ledger.outbox.lease(NOON)
    ledger.requests.lease(NOON)
    ledger.deletions.lease(DueWork.READ, NOON, seconds=60)
    ledger.running_log.lease("C1", NOON, seconds=60)
    ledger.before_commit = refuse
    with pytest.raises(LedgerTrouble):
        ledger.outbox.lease(NOON)
    ledger.before_commit = look
    ledger.trail.record(event())
    assert waits == [
        ("record", 2),
        ("lease_notifications", 1),
        ("lease_answers", 1),
        ("lease_deletions", 1),
        ("lease_log", 1),
        ("record", 2),
    ]


def test_what_shares_a_transaction_with_a_lease_waits_for_the_disk(sqlite: Backend) -> None:
    """One of them that has to last makes all of them wait."""
    ledger = sqlite.open()
    writer = ledger._database.writer
    assert isinstance(writer, SharedWriter)
    is_held, may_go_on = threading.Event(), threading.Event()

    def hold(_: str) -> None:
        is_held.set()
        may_go_on.wait(10)

    ledger.before_commit = hold
    waits: list[tuple[str, int]] = []

    def look(name: str) -> None:
        waits.append((name, writer._connection.connection.execute("PRAGMA synchronous").fetchone()[0]))  # type: ignore[union-attr]

    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(ledger.requests.lease, NOON)
        assert is_held.wait(10)
        ledger.before_commit = look
        others = [pool.submit(ledger.outbox.lease, NOON), pool.submit(ledger.trail.record, event())]
        while len(writer._waiting) < len(others):
            time.sleep(0.001)
        may_go_on.set()
        for each in (first, *others):
            each.result(10)
    assert sorted(waits) == [("lease_notifications", 2), ("record", 2)]


def test_newer_schema(backend: Backend) -> None:
    """A ledger of a newer version is refused, and not touched."""
    backend.open().close()
    backend.execute("UPDATE alembic_version SET version_num = '9999'")
    for read_only in (False, True):
        with pytest.raises(LedgerTooNew) as newer:
            backend.open(read_only=read_only)
        assert newer.value.diagnosis == "schema too new"
    assert backend.execute("SELECT version_num FROM alembic_version") == [("9999",)]


def test_looking_beside_a_running_bot(backend: Backend) -> None:
    """``read_only`` opens beside the holder, sees what is committed, and can write nothing."""
    ledger = backend.open()
    beside = backend.open("looker", read_only=True)
    ledger.deletions.propose(deletion(), event(), max_open=1)
    assert beside.deletions.get(deletion().id) is not None
    assert beside.trail.verify().checked == 1
    with pytest.raises(LedgerTrouble) as refused:
        beside.trail.record(event())
    assert refused.value.diagnosis in {"read-only", "a standby, or read-only"}, "by SQLite, and by PostgreSQL"
    assert ledger.trail.head()[0] == 1


def test_looking_where_nothing_is(tmp_path: Path) -> None:
    """``read_only`` makes no ledger."""
    with pytest.raises(LedgerTrouble) as trouble:
        open_ledger(f"sqlite:///{tmp_path}/none.db", TARGET, read_only=True)
    assert trouble.value.diagnosis == "not there"
    assert list(tmp_path.iterdir()) == []


NO_LEDGER = [
    *("sqlite://", "sqlite:///:memory:", "mysql://x/y", "sqlite:///file:x?uri=true"),
    *("nothing", "postgresql+psycopg://u:p@hush:hush@h/d"),
]


@pytest.mark.parametrize("url", NO_LEDGER)
def test_not_a_ledger(url: str) -> None:
    """What would forget everything, or is no database we know, is refused without being quoted."""
    with pytest.raises(ValueError, match="ledger is") as refused:
        open_ledger(url, TARGET)
    assert "hush" not in str(refused.value)


def test_reopening_finds_everything(backend: Backend) -> None:
    """What was committed is there after a restart."""
    ledger = backend.open()
    ledger.deletions.propose(deletion(), event(), max_open=1)
    head = ledger.trail.head()
    again = backend.restart()
    assert again.deletions.get(deletion().id) == deletion()
    assert again.trail.head() == head


def test_alembic_is_not_imported_without_need(sqlite: Backend) -> None:
    """Alembic costs 300 ms; a start with a current schema does without it."""
    sqlite.open()
    sqlite.close()
    code = "import sys\nfrom bot.ledger.factory import open_ledger\nfrom bot.domain.model import Target\n"
    code += "open_ledger(sys.argv[1], Target('e', 'r', 'p'))\nprint('alembic' in sys.modules)"
    done = subprocess.run(  # noqa: S603 - our own interpreter and our own code.
        [sys.executable, "-c", code, sqlite.url], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"


def test_readiness(backend: Backend) -> None:
    """``ping_writable`` writes for real, and as often as it is asked."""
    ledger = backend.open()
    ledger.ping_writable()
    ledger.ping_writable()
    assert backend.execute("SELECT owner FROM owners") == [("me",)]


def test_who_has_left_does_not_count(postgresql: Backend) -> None:
    """Not again either: it is still at work, and goes on trying whether the ledger can be written."""
    leaving, staying = postgresql.open("leaving"), postgresql.open("staying")
    for ledger in (leaving, staying):
        ledger.ping_writable()
    assert staying.overview.others_live("staying")
    leaving.leave()
    leaving.ping_writable()
    assert not staying.overview.others_live("staying")
    assert leaving.overview.others_live("leaving")


def test_who_leaves_while_it_says_that_it_lives_does_not_count(postgresql: Backend) -> None:
    """The two meet in the ledger: what another thread was just writing is not there afterwards."""
    leaving = postgresql.open("leaving")
    leaves = threading.Thread(target=leaving.leave)

    def leave(_: str) -> None:
        leaving.before_commit = lambda _: None
        leaves.start()
        give_up = time.monotonic() + 10
        while not postgresql.execute(WAITING):
            assert time.monotonic() < give_up

    leaving.before_commit = leave
    leaving.ping_writable()
    leaves.join()
    assert postgresql.execute("SELECT owner FROM owners") == []
