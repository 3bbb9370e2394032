"""Connections to PostgreSQL: a server that has gone is noticed, and a pool of another server's is given up whole."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import pytest
from sqlalchemy import text

from bot.domain.ledger_port import LedgerTrouble
from bot.ledger.database import connections
from bot.ledger.database.engine import KEEPALIVES
from bot.ledger.store import Store
from tests.contract.conftest import Backend
from tests.contract.values import event

ASKS_WHOSE = text("SELECT pg_backend_pid()")


def drivers(ledger: Store, count: int) -> list[Any]:
    """So many connections of the pool, as the driver knows them; they are given back."""
    with ExitStack() as held:
        made = [held.enter_context(ledger._database.reading.connect()) for _ in range(count)]
        return [one.connection.driver_connection for one in made]


def test_every_connection_notices_a_server_that_vanished(postgresql: Backend) -> None:
    """Without FIN or RST nothing else would, for a quarter of an hour."""
    for driver in drivers(postgresql.open(), 3):
        parameters = driver.info.get_parameters()
        assert {name: parameters.get(name) for name in KEEPALIVES} == {
            name: str(value) for name, value in KEEPALIVES.items()
        }
        assert parameters["keepalives"] == "1"
        assert int(parameters["tcp_user_timeout"]) <= 30_000


@pytest.mark.parametrize(
    ("first", "longest", "begun"), [(0.3, 60, False), (60, 0.3, True)], ids=["as it begins", "within it"]
)
def test_a_server_that_says_nothing_is_not_waited_for(
    postgresql: Backend, monkeypatch: pytest.MonkeyPatch, first: float, longest: float, *, begun: bool
) -> None:
    """Neither at the first answer of a transaction nor at a later one, and the next transaction works."""
    ledger = postgresql.open()
    ledger.trail.record(event())
    monkeypatch.setattr(connections, "LONGEST_ANSWER", longest)
    monkeypatch.setattr(connections, "FIRST_ANSWER", first)

    def work(connection: Any) -> None:
        if begun:
            connection.exec_driver_sql("SELECT pg_sleep(30)")
            return
        driver = connection.connection.driver_connection
        driver.rollback()
        driver.execute("SELECT pg_sleep(30)")

    began = time.monotonic()
    with pytest.raises(LedgerTrouble):
        ledger.write("work", work)
    assert time.monotonic() - began < 15
    monkeypatch.undo()
    ledger.trail.record(event())
    assert ledger.trail.head()[0] == 2


@pytest.mark.parametrize("code", sorted(connections.ANOTHER_SERVER))
def test_the_first_sign_of_another_server_gives_up_the_whole_pool(postgresql: Backend, code: str) -> None:
    """Connections that were idle then are of that server too: none of them is used again."""
    ledger = postgresql.open()
    old = {driver.info.backend_pid for driver in drivers(ledger, 4)}
    assert {driver.info.backend_pid for driver in drivers(ledger, 4)} == old

    def work(connection: Any) -> None:
        connection.exec_driver_sql(f"DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{code}'; END $$")

    with pytest.raises(LedgerTrouble):
        ledger.write("work", work)
    assert {driver.info.backend_pid for driver in drivers(ledger, 4)} & old == set()


def test_any_other_error_keeps_the_pool(postgresql: Backend) -> None:
    """Not every failed statement may cost all connections."""
    ledger = postgresql.open()
    old = {driver.info.backend_pid for driver in drivers(ledger, 4)}
    with pytest.raises(LedgerTrouble):
        ledger.write("work", lambda connection: connection.exec_driver_sql("SELECT 1 / 0") and None)
    assert {driver.info.backend_pid for driver in drivers(ledger, 4)} == old


def test_each_new_connection_is_made_with_the_password_of_that_moment(postgresql: Backend) -> None:
    """A password that is rotated needs no restart."""
    now = ["one"]
    ledger = postgresql.open(renewed=lambda: f"postgresql://postgres:{now[0]}@/x")
    assert {driver.info.password for driver in drivers(ledger, 2)} == {"one"}
    now[0] = "two"
    assert [driver.info.password for driver in drivers(ledger, 3)].count("two") == 1


def test_the_pool_is_as_large_as_it_is_set(postgresql: Backend) -> None:
    """DATABASE_POOL: more threads wait for one another, and no further connection is made."""
    ledger = postgresql.open(pool_size=2)
    with ThreadPoolExecutor(8) as threads:
        pids = set(threads.map(lambda _: ledger.read(lambda one: one.scalar(ASKS_WHOSE)), range(40)))
    assert len(pids) <= 2
    assert ledger._database.reading.pool.size() == 2  # type: ignore[attr-defined]
