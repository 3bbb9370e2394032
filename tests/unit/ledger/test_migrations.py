"""Migrations: they make what ``tables.py`` says, keep the triggers, and leave nothing half done."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect

from bot.domain.ledger_port import LedgerTrouble
from bot.ledger.database.engine import Database, connect
from bot.ledger.schema import migrations, triggers
from bot.ledger.schema.tables import metadata
from tests.contract.values import deletion

A_DELETION = deletion()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """An empty SQLite file."""
    made = connect(f"sqlite:///{tmp_path}/ledger.db")
    yield made
    made.close()


def test_the_known_revisions_are_the_files(database: Database) -> None:
    """``REVISIONS`` names every file in ``versions``, in order, in one line of descent."""
    with database.writing.connect() as connection:
        scripts = ScriptDirectory.from_config(migrations.config(connection))
    found = [script.revision for script in scripts.walk_revisions()]
    assert tuple(reversed(found)) == migrations.REVISIONS
    assert scripts.get_current_head() == migrations.HEAD


def test_migrations_make_the_tables(database: Database) -> None:
    """After all migrations the database is what ``tables.py`` says: nothing more, nothing less, no other type."""
    migrations.upgrade(database)
    with database.reading.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_partial_indices_are_the_same(database: Database, tmp_path: Path) -> None:
    """Alembic does not compare the conditions of indices; SQLite's own words for them must agree, too."""

    def indices(path: Path) -> dict[str, str]:
        with closing(sqlite3.connect(path)) as connection:
            rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL")
            return dict(rows.fetchall())

    migrations.upgrade(database)
    other = connect(f"sqlite:///{tmp_path}/other.db")
    with other.writing.begin() as connection:
        metadata.create_all(connection)
    other.close()
    made = indices(tmp_path / "ledger.db")
    assert made == indices(tmp_path / "other.db")
    assert "WHERE state IN ('awaiting', 'deleting', 'unknown')" in made["uq_deletions_open"]


def test_triggers_survive_each_migration(database: Database) -> None:
    """After every single revision all triggers are there: SQLite's batch mode drops them without a word."""
    for revision in migrations.REVISIONS:
        migrations.upgrade(database, revision)
        with database.reading.connect() as connection:
            assert triggers.names(connection) == frozenset(triggers.SQLITE)
            assert migrations.revision(connection) == revision


def test_the_version_before_works_on_the_migrated_ledger(database: Database) -> None:
    """Every migration only adds: a process of the version before goes on, with all that it reads and writes."""
    known: dict[str, set[str]] = {}
    for revision in migrations.REVISIONS:
        migrations.upgrade(database, revision)
        with database.reading.connect() as connection:
            found = inspect(connection)
            now = {name: {column["name"] for column in found.get_columns(name)} for name in found.get_table_names()}
            obliged = {
                (name, column["name"])
                for name in known
                for column in found.get_columns(name)
                if column["name"] not in known[name] and not column["nullable"] and column["default"] is None
            }
        assert all(now[name] >= columns for name, columns in known.items())
        assert not obliged
        known = now


def test_twice_is_once(database: Database) -> None:
    """Migrating a current ledger changes nothing."""
    migrations.upgrade(database)
    with database.reading.connect() as connection:
        before = connection.exec_driver_sql("PRAGMA schema_version").scalar()
    migrations.upgrade(database)
    with database.reading.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA schema_version").scalar() == before


def test_all_or_nothing(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """A migration that fails on its way leaves no table behind, and can be run again."""
    with monkeypatch.context() as patch:
        patch.setitem(triggers.SQLITE, "broken", "CREATE TRIGGER nonsense")
        with pytest.raises(LedgerTrouble):
            migrations.upgrade(database)
    with database.reading.connect() as connection:
        assert inspect(connection).get_table_names() == []
    migrations.upgrade(database)
    migrations.check(database)


def test_too_old_for_reading(database: Database) -> None:
    """Who only looks migrates nothing, and says that there is no ledger, or that its schema is older than they know."""
    with pytest.raises(LedgerTrouble) as trouble:
        migrations.check(database)
    assert trouble.value.diagnosis == "empty"
    migrations.upgrade(database, migrations.REVISIONS[-2])
    with pytest.raises(LedgerTrouble) as trouble:
        migrations.check(database)
    assert trouble.value.diagnosis == "schema too old"


@pytest.mark.parametrize(
    ("query", "index"),
    [
        ("expire", "ix_deletions_expire"),
        ("remind", "ix_deletions_expire"),
        ("takeover", "ix_deletions_takeover"),
        ("read", "ix_deletions_read"),
        ("orphan", "ix_deletions_expire"),
        ("open", "uq_deletions_open"),
        ("standing", "uq_deletions_open"),
        ("tally of what is open", "uq_deletions_open"),
        ("tally of what is unknown", "uq_deletions_open"),
        ("earlier", "ix_deletions_job"),
        ("history of a job", "ix_deletions_job"),
        ("history of a channel", "ix_deletions_channel"),
        ("a later page of a job", "ix_deletions_job"),
        ("a later page of a channel", "ix_deletions_channel"),
        ("open ones", "uq_deletions_open"),
        ("deleted lately", "ix_deletions_deleted"),
        ("cards that wait", "ix_deletions_expire"),
        ("standing freeze", "uq_freezes_standing"),
        ("claim", "uq_freezes_standing"),
        ("events of a deletion", "ix_events_deletion"),
    ],
)
def test_indices_are_used(database: Database, query: str, index: str) -> None:
    """The planner matches our conditions with the partial indices, so that no look-up reads a whole table."""
    from sqlalchemy import select  # noqa: PLC0415

    from bot.domain.lifecycle import Step  # noqa: PLC0415
    from bot.ledger import deletions as deletion_rows  # noqa: PLC0415
    from bot.ledger import freezes, overview  # noqa: PLC0415
    from bot.ledger.schema.tables import deletions  # noqa: PLC0415
    from bot.ledger.trail import rows as trail_rows  # noqa: PLC0415

    statements = {
        "open": deletion_rows._OPEN_COUNT,
        "standing": deletion_rows._CURRENT,
        "tally of what is open": overview._OPEN_BY_STATE,
        "tally of what is unknown": overview._OLDEST_UNKNOWN,
        "earlier": deletion_rows._EARLIER,
        "history of a job": overview.history("x", None, None),
        "history of a channel": overview.history(None, "x", None),
        "a later page of a job": overview.history("x", None, A_DELETION),
        "a later page of a channel": overview.history(None, "x", A_DELETION),
        "open ones": overview._OPEN,
        "deleted lately": overview._DELETED,
        "cards that wait": freezes._CARDS,
        "standing freeze": freezes._CURRENT,
        "claim": deletion_rows._change(Step.CLAIM, ("claim_token",), (), (), has_deadline=True),
        "events of a deletion": trail_rows._OF_DELETION,
    }
    statement = statements.get(query)
    if statement is None:
        due = deletion_rows._due(query, is_exclusive=False)
        statement = select(deletions.c.id).where(due).order_by(deletion_rows.ORDER[query])
    migrations.upgrade(database)
    with database.reading.connect() as connection:
        words = str(statement.compile(connection))
        plan = connection.connection.driver_connection.execute(  # type: ignore[union-attr]
            f"EXPLAIN QUERY PLAN {words}", ("x",) * words.count("?")
        ).fetchall()
    assert any(index in row[3] for row in plan), plan
