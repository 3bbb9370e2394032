"""Whether the ledger can be written and whether a bot runs on it, checked without any trace or delay for that bot."""

from __future__ import annotations

import secrets
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection, insert, inspect, make_url, select, text

from bot.ledger.database import dialects, session, trouble
from bot.ledger.database.engine import Database, connect
from bot.ledger.database.held_file import is_held
from bot.ledger.processes import LIVES
from bot.ledger.schema.tables import owners

MAY_MAKE = text("SELECT coalesce(has_schema_privilege(current_schema(), 'CREATE'), false)")
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


def is_in_use(url: str) -> bool:
    """Whether a bot runs on this ledger, on any machine. On PostgreSQL one that is stopping no longer counts.

    Raises ``LedgerTrouble`` if that cannot be queried.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return is_held(Path(parsed.database or "").resolve())

    def work(connection: Connection) -> bool:
        now = dialects.database_now(connection)
        if now is None or not inspect(connection).has_table(owners.name):
            return False
        lives = select(owners.c.owner).where(owners.c.seen_at > now - LIVES).limit(1)
        return connection.execute(lives).first() is not None

    with closing(connect(url, read_only=True)) as database:
        return database.read(work)


def may_make_tables(database: Database) -> bool:
    """Whether this user may make the ledger's tables, or migrate them. Raises ``LedgerTrouble``."""
    if database.reading.dialect.name != "postgresql":
        return True
    return database.read(lambda connection: bool(connection.execute(MAY_MAKE).scalar()))


def try_to_write(database: Database) -> None:
    """Insert an unused row and roll back. Raises ``LedgerTrouble`` if that fails."""

    def insert_and_roll_back() -> None:
        # A ledger opened read-only has no engine that writes; on PostgreSQL this option makes one.
        with database.reading.execution_options(**session.WRITING).connect() as connection:
            try:
                connection.execute(insert(owners), {"owner": f"doctor {secrets.token_hex(8)}", "seen_at": LONG_AGO})
            finally:
                connection.rollback()

    trouble.translated(insert_and_roll_back)
