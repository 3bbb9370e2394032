"""A PostgreSQL that loses commits, as a failover to a standby that was behind does: rows are put back as they were.

What is lost is lost at once, between two statements of whoever is at work, and nobody is told. Sequences are not put
back, as they are not by a failover (PostgreSQL logs them ahead), so no number is given twice.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import TextClause, create_engine, text

from bot.ledger.schema.tables import metadata
from bot.ledger.store import Store

TABLES = tuple(table.name for table in metadata.sorted_tables)
Rows = dict[str, list[dict[str, Any]]]


class Forgetting:
    """The database at that address. ``remember`` marks the moment to which ``forget`` goes back."""

    def __init__(self, url: str) -> None:
        self._engine = create_engine(url)
        self._rows: Rows = {}
        self.has_forgotten = 0

    def close(self) -> None:
        """Close its connections."""
        self._engine.dispose()

    def remember(self) -> None:
        """Keep what is committed now."""
        with self._engine.connect() as connection:
            self._rows = {
                name: [dict(row._mapping) for row in connection.execute(text(f"SELECT * FROM {name}"))]  # noqa: S608
                for name in TABLES
            }

    def forget(self) -> None:
        """Lose every commit since."""
        with self._engine.begin() as connection:
            # A standby replays rows and asks no triggers; the trail is put back whole, so its chain stays sound.
            connection.execute(text("SET LOCAL session_replication_role = replica"))
            for name in reversed(TABLES):
                connection.execute(text(f"DELETE FROM {name}"))  # noqa: S608 - our own names.
            for name, rows in self._rows.items():
                if rows:
                    connection.execute(_put_back(name, rows[0]), rows)
        self.has_forgotten += 1

    def drop(self, deletion: str) -> None:
        """Lose everything about one deletion, its row included."""
        with self._engine.begin() as connection:
            connection.execute(text("SET LOCAL session_replication_role = replica"))
            for statement in ("DELETE FROM attempts WHERE deletion = :id", "DELETE FROM deletions WHERE id = :id"):
                connection.execute(text(statement), {"id": deletion})


def _put_back(name: str, row: dict[str, Any]) -> TextClause:
    columns, values = ", ".join(row), ", ".join(f":{column}" for column in row)
    return text(f"INSERT INTO {name} ({columns}) OVERRIDING SYSTEM VALUE VALUES ({values})")  # noqa: S608


class Losing:
    """Loses the commits from one transaction of a store on, at another one's end or when it is told to."""

    def __init__(self, database: Forgetting, store: Store, first: str, at: str | None = None) -> None:
        self.database = database
        self._first, self._at = first, at
        self._begun = False
        store.before_commit, store.after_commit = self._before, self._after

    def _before(self, name: str) -> None:
        if name == self._first and not self._begun:
            self._begun = True
            self.database.remember()

    def _after(self, name: str) -> None:
        if self._begun and name == self._at and not self.database.has_forgotten:
            self.database.forget()
