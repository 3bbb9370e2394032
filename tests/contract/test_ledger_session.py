"""PostgreSQL's session settings are ours in every transaction, wherever somebody has weakened them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Connection, make_url

from bot.domain.ledger_port import LedgerTrouble
from bot.ledger import processes
from bot.ledger.database import session
from bot.ledger.database.trouble import FORGETFUL, NOT_PINNED, remedy
from bot.ledger.database.writer import PAUSES
from bot.ledger.factory import open_ledger
from bot.ledger.store import Store
from tests.contract.conftest import Backend
from tests.contract.values import NOON, deletion, event
from tests.support import postgres
from tests.support.pooler import Pooler
from tests.support.values import TARGET

WEAK = {
    "synchronous_commit": "off",
    "lock_timeout": "0",
    "statement_timeout": "3600000",
    "idle_in_transaction_session_timeout": "0",
    "transaction_timeout": "3600000",
    "TimeZone": "Asia/Shanghai",
    "default_transaction_isolation": "serializable",
    "default_transaction_read_only": "on",
    "default_transaction_deferrable": "on",
}
"""Each pinned setting, and the defaults behind those that BEGIN sets, as somebody may have set it elsewhere."""


@contextmanager
def on_the_server(url: str, name: str, value: str) -> Iterator[str]:
    postgres.execute(url, f"ALTER SYSTEM SET {name} = '{value}'", "SELECT pg_reload_conf()")
    try:
        yield url
    finally:
        postgres.execute(url, f"ALTER SYSTEM RESET {name}", "SELECT pg_reload_conf()")


@contextmanager
def for_the_role(url: str, name: str, value: str) -> Iterator[str]:
    user = make_url(url).username
    postgres.execute(url, f"ALTER ROLE {user} SET {name} = '{value}'")
    try:
        yield url
    finally:
        postgres.execute(url, "SET default_transaction_read_only = off", f"ALTER ROLE {user} RESET {name}")


@contextmanager
def for_the_database(url: str, name: str, value: str) -> Iterator[str]:
    postgres.execute(url, f"ALTER DATABASE {make_url(url).database} SET {name} = '{value}'")
    yield url


@contextmanager
def in_the_url(url: str, name: str, value: str) -> Iterator[str]:
    yield make_url(url).update_query_dict({"options": f"-c {name}={value}"}).render_as_string(hide_password=False)


PLACES = {"server": on_the_server, "role": for_the_role, "database": for_the_database, "URL": in_the_url}


@pytest.fixture
def opened() -> Iterator[Callable[[str], Store]]:
    """Opens ledgers, and closes them after the test."""
    stores: list[Store] = []

    def opens(url: str) -> Store:
        stores.append(open_ledger(url, TARGET))
        return stores[-1]

    yield opens
    for store in stores:
        store.close()


def shown(connection: Connection) -> dict[str, str]:
    """What the server shows inside the transaction of this connection."""
    return {row[0]: row[1] for row in connection.exec_driver_sql("SELECT name, setting FROM pg_settings")}


def shown_to(connection: Any) -> dict[str, str]:
    """What the server shows this connection outside of any transaction of ours."""
    return dict(connection.execute("SELECT name, setting FROM pg_settings").fetchall())


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", WEAK)
def test_ours_hold(opened: Callable[[str], Store], name: str, place: str) -> None:
    """Whoever weakened it: a transaction that writes has ours, and one that reads has ours and sees one moment."""
    with PLACES[place](postgres.migrated(), name, WEAK[name]) as url:
        ledger = opened(url)
        written, read = ledger.write("look", shown), ledger.read(shown)
        outside = ledger._database.reading.raw_connection()
        try:
            without_ours = shown_to(outside.driver_connection)[name]
        finally:
            outside.close()
    assert without_ours == WEAK[name], "nothing was weakened"
    pinned = {one.name: one.value for one in session.PINNED}
    assert {setting: written[setting] for setting in pinned} == pinned
    assert {setting: read[setting] for setting in pinned} == pinned
    assert {setting: written[setting] for setting in session.SHOWN_WHILE_WRITING} == session.SHOWN_WHILE_WRITING
    assert (read["transaction_isolation"], read["transaction_read_only"]) == ("repeatable read", "on")


def test_every_pinned_setting_was_weakened() -> None:
    """A setting that comes to the table comes to this test."""
    assert WEAK.keys() >= {one.name for one in session.PINNED}


CANNOT_KEEP = {
    ("fsync", "off"): on_the_server,
    ("full_page_writes", "off"): on_the_server,
    ("session_replication_role", "replica"): for_the_role,
}


@pytest.mark.parametrize(("name", "value"), CANNOT_KEEP)
def test_a_server_that_cannot_keep_commits_is_refused(opened: Callable[[str], Store], name: str, value: str) -> None:
    """With the name of the setting and what to do, before anything is written to it."""
    assert {each for each, _ in CANNOT_KEEP} == session.KEEPS_COMMITS.keys()
    url = postgres.empty()
    with CANNOT_KEEP[name, value](url, name, value), pytest.raises(LedgerTrouble) as trouble:
        opened(url)
    assert trouble.value.diagnosis == f"{FORGETFUL} ({name}={value})"
    assert name in remedy(trouble.value.diagnosis)
    engine = open_ledger(url, TARGET)
    engine.close()


def test_a_pooler_that_takes_a_setting_away_is_named(
    opened: Callable[[str], Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the server shows is compared, not what was sent."""
    url = postgres.migrated()
    monkeypatch.setattr(session, "_settings", lambda connection: "; SET LOCAL lock_timeout = '7'")
    with pytest.raises(LedgerTrouble) as trouble:
        opened(url)
    assert trouble.value.diagnosis.startswith(f"{NOT_PINNED} (")
    assert "lock_timeout is 7" in trouble.value.__notes__[0]
    assert "pooler" in remedy(trouble.value.diagnosis)


@pytest.mark.parametrize("query", ["prepare_threshold=0", "autocommit=0", "prepare_threshold=5&row_factory=x"])
def test_what_the_driver_would_take_for_itself(opened: Callable[[str], Store], query: str) -> None:
    """The usual cure behind a pooler, in the URL: accepted, and ours hold: no prepared statements, our transactions."""
    ledger = opened(f"{postgres.migrated()}{'&' if '?' in postgres.migrated() else '?'}{query}")
    for number in range(1, 20):
        ledger.deletions.propose(deletion(number), event(), max_open=99)
    prepared = ledger.read(lambda c: c.exec_driver_sql("SELECT count(*) FROM pg_prepared_statements").scalar())
    assert (prepared, ledger.deletions.open_count()) == (0, 19)


@pytest.mark.parametrize("code", ["40001", "40P01"])
@pytest.mark.parametrize("times", [1, len(PAUSES), len(PAUSES) + 1])
def test_what_the_server_rolled_back_is_run_again(postgresql: Backend, code: str, times: int) -> None:
    """A bounded number of times; then the trouble is told, without doubt, and nothing has happened."""
    ledger = postgresql.open()
    runs = []

    def work(connection: Connection) -> int:
        ledger_says = connection.exec_driver_sql("SELECT count(*) FROM owners").scalar()
        processes.seen(connection, f"run {len(runs)}", NOON)
        runs.append(ledger_says)
        if len(runs) <= times:
            connection.exec_driver_sql(f"DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{code}'; END $$")
        return len(runs)

    if times <= len(PAUSES):
        assert ledger.write("work", work) == times + 1
        assert postgresql.execute("SELECT owner FROM owners") == [(f"run {times}",)]
    else:
        with pytest.raises(LedgerTrouble) as trouble:
            ledger.write("work", work)
        assert not trouble.value.in_doubt
        assert len(runs) == times
        assert postgresql.execute("SELECT owner FROM owners") == []
    assert set(runs) == {0}


def test_at_commit_too(postgresql: Backend) -> None:
    """A serialization failure at COMMIT is a rollback that is certain: it is run again, and nothing is in doubt."""
    ledger = postgresql.open()
    postgresql.execute(
        "CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN IF NEW.owner = 'first' THEN RAISE EXCEPTION USING ERRCODE = '40001'; END IF; RETURN NULL; END $$"
    )
    postgresql.execute(
        "CREATE CONSTRAINT TRIGGER late AFTER INSERT ON owners DEFERRABLE INITIALLY DEFERRED "
        "FOR EACH ROW EXECUTE FUNCTION refuse()"
    )
    names = iter(["first", "first", "second"])

    def work(connection: Connection) -> None:
        processes.seen(connection, next(names), NOON)

    try:
        ledger.write("work", work)
        assert postgresql.execute("SELECT owner FROM owners") == [("second",)]
    finally:
        postgresql.execute("DROP TRIGGER late ON owners")


def test_a_real_deadlock(postgresql: Backend) -> None:
    """Two transactions that lock two rows in opposite order: one is rolled back, waits, and succeeds."""
    ledger = postgresql.open()
    postgresql.execute(
        "INSERT INTO owners VALUES ('a', '2026-01-01T00:00:00.000000Z'), ('b', '2026-01-01T00:00:00.000000Z')"
    )
    met = threading.Barrier(2)
    runs: list[str] = []

    def work(first: str, second: str) -> Callable[[Connection], None]:
        def both(connection: Connection) -> None:
            runs.append(first)
            connection.exec_driver_sql("SET LOCAL deadlock_timeout = '50ms'")
            connection.exec_driver_sql(f"UPDATE owners SET seen_at = seen_at WHERE owner = '{first}'")  # noqa: S608
            if runs.count(first) == 1:
                met.wait(10)
            connection.exec_driver_sql(f"UPDATE owners SET seen_at = seen_at WHERE owner = '{second}'")  # noqa: S608

        return both

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(ledger.write, "work", work(*order)) for order in (("a", "b"), ("b", "a"))]:
            done.result(20)
    assert len(runs) == 3


def test_twelve_at_once_where_the_database_wants_serializable() -> None:
    """Each of twelve commands is taken; the database's default would have refused most of them."""
    url = postgres.migrated()
    with for_the_database(url, "default_transaction_isolation", "serializable"):
        ledger = open_ledger(url, TARGET)
        try:
            with ThreadPoolExecutor(12) as pool:
                numbers = range(1, 13)
                made = list(
                    pool.map(
                        lambda n: ledger.deletions.propose(deletion(n, job=f"j{n}"), event(), max_open=99), numbers
                    )
                )
            assert made == [None] * 12
            assert (ledger.deletions.open_count(), ledger.trail.verify().checked) == (12, 12)
        finally:
            ledger.close()


@pytest.mark.parametrize("query", ["", "prepare_threshold=0"])
@pytest.mark.parametrize("mode", ["session", "transaction"])
def test_behind_a_pooler(opened: Callable[[str], Store], mode: str, query: str) -> None:
    """Ours hold in both modes, nothing is prepared on a connection that the next transaction does not get."""
    url = postgres.migrated()
    name = make_url(url).database
    postgres.execute(
        url,
        f"ALTER DATABASE {name} SET synchronous_commit = off",
        f"ALTER DATABASE {name} SET default_transaction_isolation = serializable",
    )
    pooler = Pooler(url, session=mode == "session", size=16 if mode == "session" else 3)
    try:
        ledger = opened(f"{pooler.url}?{query}")
        assert session.differences(ledger._database.writing) == {}
        with ThreadPoolExecutor(12) as pool:
            numbers = range(1, 37)
            made = list(
                pool.map(lambda n: ledger.deletions.propose(deletion(n, job=f"j{n}"), event(), max_open=99), numbers)
            )
        assert made == [None] * 36
        assert (ledger.deletions.open_count(), ledger.trail.verify().checked) == (36, 36)
        with pytest.raises(LedgerTrouble):
            open_ledger(f"{pooler.url}?options=-c%20lock_timeout%3D7", TARGET)
    finally:
        pooler.close()


OTHERS = 500


@pytest.fixture
def careless() -> Iterator[postgres.Server]:
    """A server of its own that answers COMMIT before the disk has it, and writes some seconds later."""
    server = postgres.Server()
    try:
        postgres.execute(
            server.url,
            "ALTER SYSTEM SET synchronous_commit = off",
            "ALTER SYSTEM SET wal_writer_delay = '10s'",
            "ALTER SYSTEM SET wal_writer_flush_after = '1GB'",
        )
        server.restart()
        yield server
    finally:
        server.stop()


def test_a_crash_of_a_server_with_synchronous_commit_off(careless: postgres.Server) -> None:
    """What the ledger has committed is there after the crash; what somebody else committed then is not."""
    url = careless.database("ledger")
    ledger = open_ledger(url, TARGET)
    postgres.execute(url, "CREATE TABLE others (number integer)")
    ledger.deletions.propose(deletion(), event(), max_open=1)
    # The first of them may wake the process that writes; it has done its work then for the next ten seconds.
    postgres.execute(url, *["INSERT INTO others VALUES (1)"] * OTHERS)
    careless.crash()
    assert ledger.deletions.open_count() == 1
    assert ledger.trail.verify().checked == 1
    kept = ledger.read(lambda connection: connection.exec_driver_sql("SELECT count(*) FROM others").scalar())
    ledger.close()
    assert kept < OTHERS, "the server kept what it should have lost, so this test shows nothing"
