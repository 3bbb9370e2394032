"""Every trouble of the database becomes a LedgerTrouble with a diagnosis; nothing of the transaction has happened."""

from __future__ import annotations

import errno
import logging
import os
import sqlite3
import traceback
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event as sa_event

from bot.domain.ledger_port import LedgerTrouble
from bot.domain.lifecycle import Step
from bot.ledger.database import engine
from bot.ledger.database.trouble import SQLITE_CODES, remedy, translate
from bot.ledger.database.writer import SharedWriter
from bot.ledger.factory import open_ledger
from bot.ledger.store import Store
from tests.contract.conftest import Backend
from tests.contract.values import deletion, event, tell, waiting
from tests.support.values import TARGET


def writing(ledger: Store, pragma: str) -> None:
    """Set something on the connection that writes."""
    writer = ledger._database.writer
    assert isinstance(writer, SharedWriter)
    if writer._connection is None:
        writer.run("connect", lambda _: None)
    connection = writer._connection
    assert connection is not None
    connection.connection.driver_connection.execute(pragma)  # type: ignore[union-attr]


def test_full_disk(sqlite: Backend) -> None:
    """On a full disk nothing is half written, and once there is room everything goes on."""
    ledger = sqlite.open()
    ledger.deletions.propose(deletion(1), event(), max_open=9)
    (pages,) = sqlite.execute("PRAGMA page_count")[0]
    writing(ledger, f"PRAGMA max_page_count = {pages}")

    def fill() -> None:
        for number in range(2, 200):
            ledger.deletions.propose(deletion(number), event(), max_open=200)

    with pytest.raises(LedgerTrouble) as trouble:
        fill()
    assert (trouble.value.diagnosis, trouble.value.in_doubt) == ("disk full", False)
    reached = ledger.trail.head()[0]
    assert ledger.deletions.open_count() == reached
    writing(ledger, "PRAGMA max_page_count = 1000000")
    ledger.trail.record(event())
    assert ledger.trail.head()[0] == reached + 1
    assert ledger.trail.verify().is_sound


def test_read_only(sqlite: Backend) -> None:
    """A ledger that cannot be written says so."""
    ledger = sqlite.open()
    writing(ledger, "PRAGMA query_only = ON")
    for write in (
        lambda: ledger.trail.record(event()),
        lambda: ledger.requests.note(waiting()),
        lambda: ledger.deletions.propose(deletion(), max_open=1),
        ledger.ping_writable,
    ):
        with pytest.raises(LedgerTrouble) as trouble:
            write()  # type: ignore[no-untyped-call]
        assert (trouble.value.diagnosis, trouble.value.in_doubt) == ("read-only", False)
    writing(ledger, "PRAGMA query_only = OFF")
    ledger.ping_writable()


def test_locked_by_another_process(sqlite: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody at a database prompt can lock the file past our lock; we wait a little, then say so."""
    quick = tuple(p if "busy_timeout" not in p else "PRAGMA busy_timeout=50" for p in engine.SQLITE_PRAGMAS)
    monkeypatch.setattr(engine, "SQLITE_PRAGMAS", quick)
    ledger = sqlite.open()
    prompt = sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)
    prompt.execute("BEGIN IMMEDIATE")
    with pytest.raises(LedgerTrouble) as trouble:
        ledger.trail.record(event())
    assert trouble.value.diagnosis == "locked by another process"
    assert ledger.trail.head()[0] == 0
    prompt.execute("ROLLBACK")
    prompt.close()
    ledger.trail.record(event())
    assert ledger.trail.head()[0] == 1


def test_not_a_database(tmp_path: Path) -> None:
    """A file that is something else is damaged, and is not touched."""
    path = tmp_path / "ledger.db"
    path.write_bytes(b"this is not a database, whatever its name says" * 100)
    content = path.read_bytes()
    with pytest.raises(LedgerTrouble) as trouble:
        open_ledger(f"sqlite:///{path}", TARGET)
    assert trouble.value.diagnosis == "damaged"
    assert path.read_bytes() == content


def test_damaged(sqlite: Backend, tmp_path: Path) -> None:
    """A file whose pages were overwritten is damaged."""
    ledger = sqlite.open()
    for number in range(1, 100):
        ledger.deletions.propose(deletion(number), event(), max_open=200)
    sqlite.close()
    path = tmp_path / "ledger.db"
    content = bytearray(path.read_bytes())
    content[8192:] = b"\xff" * (len(content) - 8192)
    path.write_bytes(content)
    with pytest.raises(LedgerTrouble) as trouble:
        sqlite.open().trail.events()
    assert trouble.value.diagnosis == "damaged"


@pytest.mark.parametrize(
    ("number", "diagnosis"),
    [
        (errno.EACCES, "read-only"),
        (errno.EPERM, "read-only"),
        (errno.EROFS, "read-only"),
        (errno.ENOSPC, "disk full"),
        (errno.EDQUOT, "disk full"),
    ],
)
@pytest.mark.parametrize(
    ("suffix", "options"), [("", {}), (".lock", {}), ("", {"read_only": True})], ids=["file", "lock", "only looking"]
)
def test_not_allowed_to_open_it(
    sqlite: Backend, monkeypatch: pytest.MonkeyPatch, number: int, diagnosis: str, suffix: str, options: dict[str, bool]
) -> None:
    """Rights and room are called that, whichever of the files it is: nobody is sent to look for a server.

    Root may open everything, so the system's answer is put into its mouth.
    """
    sqlite.open().close()
    real = os.open

    def answer(path: Any, *args: Any, **kwargs: Any) -> int:
        if str(path).endswith(f"ledger.db{suffix}"):
            raise OSError(number, os.strerror(number))
        return real(path, *args, **kwargs)

    monkeypatch.setattr("bot.ledger.database.engine.os.open", answer)
    with pytest.raises(LedgerTrouble) as trouble:
        sqlite.open(**options)
    assert trouble.value.diagnosis == diagnosis


@pytest.mark.parametrize(
    ("place", "diagnosis"),
    [("missing/ledger.db", "not there"), ("a-file/ledger.db", "not there"), (".", "file in trouble")],
)
def test_no_such_place(tmp_path: Path, place: str, diagnosis: str) -> None:
    """A folder that is not there, or a folder instead of a file: what to do then is about files, not about servers."""
    (tmp_path / "a-file").touch()
    with pytest.raises(LedgerTrouble) as trouble:
        open_ledger(f"sqlite:///{tmp_path}/{place}", TARGET)
    assert trouble.value.diagnosis == diagnosis
    assert "server" not in remedy(diagnosis)


@pytest.mark.parametrize("code", sorted(SQLITE_CODES))
def test_sqlite_has_no_server(code: int) -> None:
    """Whatever SQLite answers, nobody is sent to look for a server or at the network."""
    error = sqlite3.OperationalError()
    error.sqlite_errorcode = code
    told = remedy(translate(error).diagnosis)
    assert "server" not in told
    assert "network" not in told


def test_no_server(tmp_path: Path) -> None:
    """A PostgreSQL that is not there cannot be reached."""
    with pytest.raises(LedgerTrouble) as trouble:
        open_ledger(f"postgresql+psycopg://nobody@/none?host={tmp_path}", TARGET)
    assert (trouble.value.diagnosis, trouble.value.in_doubt) == ("unreachable", False)


def test_a_server_that_went_away(postgresql: Backend) -> None:
    """Connections that were cut while nobody used them are replaced without anybody noticing."""
    ledger = postgresql.open()
    ledger.trail.record(event())
    postgresql.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE pid <> pg_backend_pid() AND datname = current_database()"
    )
    ledger.trail.record(event())
    assert ledger.trail.head()[0] == 2


def test_cut_before_commit(postgresql: Backend) -> None:
    """A connection that breaks before COMMIT was sent leaves no doubt: nothing happened."""
    ledger = postgresql.open()
    pids: list[int] = []

    def cut(_: str) -> None:
        postgresql.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND state = 'idle in transaction'"
        )

    def work(connection: Any) -> None:
        pids.append(connection.exec_driver_sql("SELECT pg_backend_pid()").scalar())
        cut("")
        connection.exec_driver_sql("SELECT 1")

    with pytest.raises(LedgerTrouble) as trouble:
        ledger.write("work", work)
    assert (trouble.value.diagnosis, trouble.value.in_doubt) == ("starting or shutting down", False)


def test_commit_without_an_answer(postgresql: Backend) -> None:
    """When the connection breaks as COMMIT is sent nobody knows: in doubt, and only a fresh read tells."""
    ledger = postgresql.open()
    ledger.deletions.propose(deletion(), event(), max_open=1)

    def cut(name: str) -> None:
        postgresql.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND state = 'idle in transaction'"
        )

    ledger.before_commit = cut
    with pytest.raises(LedgerTrouble) as trouble:
        ledger.deletions.change(deletion().id, Step.CLAIM, {"claim_token": "mine"}, event())
    assert (trouble.value.diagnosis, trouble.value.in_doubt) == ("starting or shutting down", True)
    ledger.before_commit = lambda name: None
    found = ledger.deletions.get(deletion().id)
    assert found is not None
    assert found.claim_token is None


def test_a_commit_that_fails_is_undone_on_sqlite(sqlite: Backend) -> None:
    """A COMMIT that SQLite refuses leaves its transaction open; we roll it back, so there is no doubt."""
    ledger = sqlite.open()
    ledger.trail.record(event())

    def work(connection: Any) -> None:
        connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
        connection.exec_driver_sql(
            "INSERT INTO attempts (deletion, number, claim_token, claimed_at, send_before) "
            "VALUES ('none', 1, 't', 'a', 'b')"
        )

    with pytest.raises(LedgerTrouble) as trouble:
        ledger.write("work", work)
    assert (trouble.value.diagnosis, trouble.value.in_doubt) == ("constraint", False)
    assert sqlite.execute("SELECT count(*) FROM attempts") == [(0,)]
    ledger.trail.record(event())
    assert ledger.trail.verify().checked == 2


def test_violated_constraint(ledger: Store) -> None:
    """The same deletion or the same answer twice is refused by the database."""
    ledger.deletions.propose(deletion(), max_open=9)
    ledger.requests.note(waiting())
    with pytest.raises(LedgerTrouble) as trouble:
        ledger.deletions.propose(deletion(job="other"), event(), max_open=9)
    assert (trouble.value.diagnosis, trouble.value.in_doubt) == ("constraint", False)
    with pytest.raises(LedgerTrouble) as trouble:
        ledger.requests.note(waiting(), event())
    assert trouble.value.diagnosis == "constraint"
    assert ledger.trail.head()[0] == 0


def test_reading_has_the_same_troubles(sqlite: Backend) -> None:
    """Reads raise LedgerTrouble, too."""
    ledger = sqlite.open()

    def fail(*_: Any) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    sa_event.listen(ledger._database.reading, "begin", fail)
    for read in (
        ledger.trail.head,
        ledger.trail.events,
        ledger.deletions.open_count,
        lambda: ledger.deletions.get(deletion().id),
    ):
        with pytest.raises(LedgerTrouble):
            read()


def test_nothing_typed_by_a_person_is_told(backend: Backend, caplog: pytest.LogCaptureFixture) -> None:
    """Neither the error, nor its traceback, nor a log line quotes a value: drivers like to quote whole rows."""
    caplog.set_level(logging.DEBUG)
    logging.getLogger("sqlalchemy").setLevel(logging.INFO)
    try:
        ledger = backend.open()
        typed = "hush" * 2
        ledger.deletions.propose(deletion(reason=typed, message_ts=typed), max_open=9)
        with pytest.raises(LedgerTrouble) as trouble:
            ledger.deletions.propose(deletion(job=typed, reason=typed), max_open=9)
        ledger.outbox.enqueue(tell(fact=typed))
    finally:
        logging.getLogger("sqlalchemy").setLevel(logging.NOTSET)
    error = trouble.value
    told = "".join(traceback.format_exception(error)) + repr(error) + str(error) + "".join(error.__notes__)
    assert error.__cause__ is None
    assert error.__context__ is None
    assert "IntegrityError" in told
    assert typed not in told
    assert typed not in caplog.text
