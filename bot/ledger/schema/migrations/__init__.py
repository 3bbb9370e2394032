"""Bringing a ledger to the present schema.

Alembic is imported only if the stored revision is not the newest one, because the import costs 300 ms. Migrations
expand first and contract a version later, so that an old replica can go on working while a new one starts.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect

from bot.domain.ledger_port import LedgerTrouble
from bot.ledger.database import trouble
from bot.ledger.database.trouble import LedgerTooNew

if TYPE_CHECKING:
    from alembic.config import Config

    from bot.ledger.database.engine import Database

REVISIONS = ("0001", "0002", "0003", "0004", "0005")
"""Every revision this version knows, oldest first. A test compares it with the files in ``versions``."""

HEAD = REVISIONS[-1]
ADVISORY_LOCK = 0x6468626F74
"""Held on PostgreSQL during a migration, so that replicas that start together do it in turn. Spells dhbot."""


def revision(connection: Connection) -> str | None:
    """The stored revision; None for an empty database."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    return str(found) if found is not None else None


def is_empty(connection: Connection) -> bool:
    """Whether there is no ledger in this database or file yet."""
    return revision(connection) is None and not inspect(connection).has_table("chain_head")


def config(connection: Connection) -> Config:
    """Alembic's configuration for work on that connection; it has no file of its own."""
    from alembic.config import Config  # noqa: PLC0415 - see the module's docstring.

    made = Config()
    made.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    made.attributes["connection"] = connection
    return made


def check(database: Database) -> None:
    """Refuse a missing ledger, and one whose schema is not this version's."""
    _check(database, {HEAD})


def check_readable(database: Database) -> None:
    """Refuse a missing ledger, and one of a newer version, which can be neither copied nor have its trail read.

    A ledger of any older version can, because migrations only add. A backup is made before its migration.
    """
    _check(database, REVISIONS)


def _check(database: Database, good: Collection[str]) -> None:
    stored, empty = database.read(lambda connection: (revision(connection), is_empty(connection)))
    if stored in good:
        return
    if stored is not None and stored not in REVISIONS:
        raise LedgerTooNew(stored)
    raise LedgerTrouble(trouble.EMPTY if empty else trouble.TOO_OLD)


def refuse_empty(database: Database) -> None:
    """Raise ``LedgerTrouble`` if there is no ledger yet."""
    if database.read(is_empty):
        raise LedgerTrouble(trouble.EMPTY)


def upgrade(database: Database, to: str = HEAD) -> str | None:
    """Migrate, all or nothing; return the revision before, None for an empty database.

    Raises ``LedgerTooNew`` for a revision that this version does not know.
    """

    def migrate() -> str | None:
        with database.writing.begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({ADVISORY_LOCK})")
            stored = revision(connection)
            if stored is not None and stored not in REVISIONS:
                raise LedgerTooNew(stored)
            if stored == to:
                return stored
            from alembic import command  # noqa: PLC0415 - see the module's docstring.

            command.upgrade(config(connection), to)
            return stored

    return trouble.translated(migrate)
