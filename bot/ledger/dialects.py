"""Where SQLite and PostgreSQL differ, as far as the statements go.

Most of it needs no difference: both know ``UPDATE … RETURNING``, partial unique indices and ``ON CONFLICT``, and
``FOR UPDATE`` is left out silently where SQLite would not know it (there, whoever writes has begun with BEGIN IMMEDIATE
and is the only writer).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Executable, Table
from sqlalchemy.dialects import postgresql, sqlite

POSTGRESQL = "postgresql"


def insert_new(connection: Connection, table: Table, values: dict[str, Any], **conflict: Any) -> bool:
    """INSERT … ON CONFLICT DO NOTHING; whether the row was inserted."""
    done = connection.execute(
        _insert_new(connection.dialect.name, table, **conflict),
        values,
        # SQLAlchemy keeps the row count of an INSERT only when it is told to; else it may be gone with the cursor.
        execution_options={"preserve_rowcount": True},
    )
    return done.rowcount == 1


def upsert(connection: Connection, table: Table, values: dict[str, Any]) -> None:
    """INSERT, or replace those columns of the row with the same primary key."""
    connection.execute(_upsert(connection.dialect.name, table, tuple(values)), values)


# Both are kept, because building such a statement costs several times what running it does.


@lru_cache(maxsize=16)
def _insert_new(dialect: str, table: Table, **conflict: Any) -> Executable:
    if dialect == POSTGRESQL:
        return postgresql.insert(table).on_conflict_do_nothing(**conflict)
    return sqlite.insert(table).on_conflict_do_nothing(**conflict)


@lru_cache(maxsize=16)
def _upsert(dialect: str, table: Table, names: tuple[str, ...]) -> Executable:
    keys = list(table.primary_key.columns)
    rest = [name for name in names if name not in table.primary_key.columns]
    if dialect == POSTGRESQL:
        theirs = postgresql.insert(table)
        return theirs.on_conflict_do_update(index_elements=keys, set_={name: theirs.excluded[name] for name in rest})
    ours = sqlite.insert(table)
    return ours.on_conflict_do_update(index_elements=keys, set_={name: ours.excluded[name] for name in rest})
