"""Whether the ledger can be written, tried beside a running bot without leaving anything or holding it up."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime

from sqlalchemy import Connection, insert

from bot.ledger import trouble
from bot.ledger.engine import Database
from bot.ledger.tables import owners
from bot.ledger.writer import FOREIGN
from bot.ports import LedgerTrouble

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


def try_to_write(database: Database) -> None:
    """Insert a row that concerns nobody, and roll back. Raises ``LedgerTrouble`` when that cannot be done."""
    found: LedgerTrouble
    try:
        with database.reading.connect() as connection:
            _begin_to_write(connection)
            try:
                connection.execute(insert(owners), {"owner": f"doctor {secrets.token_hex(8)}", "seen_at": LONG_AGO})
            finally:
                connection.rollback()
    except FOREIGN as error:
        found = trouble.translate(error)
    else:
        return
    raise found


def _begin_to_write(connection: Connection) -> None:
    # Both engines for reading begin transactions that only read; the first statement of one may still change that.
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET TRANSACTION READ WRITE")
