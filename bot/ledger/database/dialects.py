"""Statements that differ between SQLite and PostgreSQL.

Most do not: both know ``UPDATE … RETURNING``, partial unique indices and ``ON CONFLICT``. For SQLite, SQLAlchemy leaves
``FOR UPDATE`` out; a transaction that writes there began with BEGIN IMMEDIATE and is the only writer.
"""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Executable, Table, and_, func, select
from sqlalchemy.dialects import postgresql, sqlite

POSTGRESQL = "postgresql"
_CLOCK = select(func.clock_timestamp())


def database_now(connection: Connection) -> datetime | None:
    """The time of PostgreSQL's server; None on SQLite, which uses this machine's clock."""
    if connection.dialect.name != POSTGRESQL:
        return None
    now: datetime = connection.execute(_CLOCK).scalar_one()
    return now


def insert_new(connection: Connection, table: Table, values: dict[str, Any], **conflict: Any) -> bool:
    """INSERT … ON CONFLICT DO NOTHING; whether the row was inserted."""
    done = connection.execute(
        _insert_new(connection.dialect.name, table, **conflict),
        values,
        # Without this option SQLAlchemy does not keep the row count of an INSERT.
        execution_options={"preserve_rowcount": True},
    )
    return done.rowcount == 1


def upsert(connection: Connection, table: Table, values: dict[str, Any], *, same: tuple[str, ...] = ()) -> bool:
    """INSERT, or replace these columns of the row with the same primary key; whether that was done.

    It is not done if that row differs in one of the columns ``same``.
    """
    statement = _upsert(connection.dialect.name, table, tuple(values), same)
    return connection.execute(statement, values, execution_options={"preserve_rowcount": True}).rowcount == 1


# Both are cached, because building such a statement costs several times as much as running it.


@lru_cache(maxsize=16)
def _insert_new(dialect: str, table: Table, **conflict: Any) -> Executable:
    if dialect == POSTGRESQL:
        return postgresql.insert(table).on_conflict_do_nothing(**conflict)
    return sqlite.insert(table).on_conflict_do_nothing(**conflict)


@lru_cache(maxsize=16)
def _upsert(dialect: str, table: Table, names: tuple[str, ...], same: tuple[str, ...]) -> Executable:
    keys = list(table.primary_key.columns)
    rest = [name for name in names if name not in table.primary_key.columns]
    new = postgresql.insert(table) if dialect == POSTGRESQL else sqlite.insert(table)
    return new.on_conflict_do_update(
        index_elements=keys,
        set_={name: new.excluded[name] for name in rest},
        where=and_(*(table.c[name] == new.excluded[name] for name in same)) if same else None,
    )
