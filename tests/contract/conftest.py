"""The contract suite's ledgers: the same tests run on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine

from bot.ledger.factory import open_ledger
from bot.ledger.schema.migrations import HEAD
from bot.ledger.schema.tables import metadata
from bot.ledger.store import Store
from tests.contract.values import NOON
from tests.support import postgres
from tests.support.ledger_files import make_ledger
from tests.support.values import TARGET


@dataclass
class Backend:
    """A database that ledgers are opened on. What is opened here is closed after the test."""

    name: str
    url: str
    opened: list[Store] = field(default_factory=list)

    def open(self, instance: str = "me", **options: Any) -> Store:
        """A ledger for one process, called ``instance``."""
        options.setdefault("now", lambda: NOON)
        store = open_ledger(self.url, TARGET, instance=instance, **options)
        self.opened.append(store)
        return store

    def restart(self, instance: str = "next", **options: Any) -> Store:
        """The process ends and another one opens the ledger. SQLite's file has one holder, so the first must go."""
        self.close()
        return self.open(instance, **options)

    def beside(self, store: Store, instance: str = "other") -> Store:
        """A second replica, where there can be one."""
        if self.name == "sqlite":
            pytest.skip("one process holds a SQLite ledger")
        assert store.instance != instance
        return self.open(instance)

    def execute(self, statement: str) -> list[tuple[Any, ...]]:
        """Plain SQL past the ledger, as somebody at a database prompt would run it."""
        engine = create_engine(self.url)
        try:
            with engine.begin() as connection:
                result = connection.exec_driver_sql(statement)
                return [tuple(row) for row in result] if result.returns_rows else []
        finally:
            engine.dispose()

    def close(self) -> None:
        for store in self.opened:
            store.close()
        self.opened.clear()


@pytest.fixture(scope="session")
def postgres_url() -> str:
    """A migrated database on a PostgreSQL server of this run."""
    return postgres.migrated()


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Backend]:
    """A SQLite file."""
    made = Backend("sqlite", f"sqlite:///{tmp_path}/ledger.db")
    yield made
    made.close()


@pytest.fixture
def postgresql(postgres_url: str) -> Iterator[Backend]:
    """A PostgreSQL database as it is after its migrations, whatever the test before did to it."""
    postgres.execute(
        postgres_url,
        # A replica's role asks no triggers, and only a superuser may take it; that is how events can go here.
        "SET session_replication_role = replica",
        *(f"DELETE FROM {table.name}" for table in reversed(metadata.sorted_tables)),  # noqa: S608 - our own names.
        "INSERT INTO chain_head VALUES (1, 0, repeat('0', 64))",
        "UPDATE alembic_version SET version_num = '0001'".replace("0001", HEAD),
        "ALTER TABLE events ENABLE TRIGGER ALL",
        "ALTER TABLE chain_head ENABLE TRIGGER ALL",
    )
    made = Backend("postgresql", postgres_url)
    yield made
    made.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Backend:
    """Each database in turn, as it is after its migrations."""
    made: Backend = request.getfixturevalue(request.param)
    if made.name == "sqlite":
        make_ledger(tmp_path / "ledger.db")
    return made


@pytest.fixture
def ledger(backend: Backend) -> Store:
    """The ledger of the process ``me``."""
    return backend.open("me")
