"""Bringing a ledger to the present schema.

Alembic costs 300 ms to import, so it is imported only when the stored revision is not the newest one. Migrations
expand first and contract a version later, so that an old replica can work on while a new one starts.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect

from bot.ledger import trouble
from bot.ledger.trouble import LedgerTooNew
from bot.ledger.writer import FOREIGN
from bot.ports import LedgerTrouble

if TYPE_CHECKING:
    from alembic.config import Config

    from bot.ledger.engine import Database

REVISIONS = ("0001", "0002", "0003")
"""Every revision this version knows, oldest first. A test compares it with the files in ``versions``."""

HEAD = REVISIONS[-1]
ADVISORY_LOCK = 0x6468626F74
"""Held on PostgreSQL while migrating, so that replicas that start together do it one after the other. Spells dhbot."""


def revision(connection: Connection) -> str | None:
    """The stored revision; None for an empty database."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    return str(found) if found is not None else None


def config(connection: Connection) -> Config:
    """Alembic's configuration for work on that connection; it has no file of its own."""
    from alembic.config import Config  # noqa: PLC0415 - see the module's docstring.

    made = Config()
    made.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    made.attributes["connection"] = connection
    return made


def check(database: Database) -> None:
    """Refuse a ledger whose schema is not this version's."""
    found: LedgerTrouble
    try:
        with database.reading.connect() as connection:
            stored = revision(connection)
    except FOREIGN as error:
        found = trouble.translate(error)
    else:
        if stored == HEAD:
            return
        if stored is not None and stored not in REVISIONS:
            raise LedgerTooNew(stored)
        found = LedgerTrouble(trouble.TOO_OLD)
    raise found


def upgrade(database: Database, to: str = HEAD) -> None:
    """Migrate, all or nothing. Raises ``LedgerTooNew`` for a revision that this version does not know."""

    def work(connection: Connection) -> None:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({ADVISORY_LOCK})")
        stored = revision(connection)
        if stored is not None and stored not in REVISIONS:
            raise LedgerTooNew(stored)
        if stored == to:
            return
        from alembic import command  # noqa: PLC0415 - see the module's docstring.

        command.upgrade(config(connection), to)

    found: LedgerTrouble
    try:
        with database.writing.begin() as connection:
            work(connection)
    except FOREIGN as error:
        found = trouble.translate(error)
    else:
        return
    raise found
