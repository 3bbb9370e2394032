"""Opening the ledger: the database, its schema, and the name of this process in it."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import UTC, datetime

from bot.domain.model import Target
from bot.ledger.database import session
from bot.ledger.database.engine import POOL_SIZE, connect, is_remembered
from bot.ledger.schema import migrations
from bot.ledger.store import Store


def utc_now() -> datetime:
    """The present moment."""
    return datetime.now(UTC)


def open_ledger(
    url: str,
    target: Target,
    *,
    instance: str | None = None,
    now: Callable[[], datetime] = utc_now,
    read_only: bool = False,
    as_it_is: bool = False,
    pool_size: int = POOL_SIZE,
    renewed: Callable[[], str] | None = None,
) -> Store:
    """Open the ledger, migrate it, and on SQLite hold its file for the life of the process.

    ``instance`` names this process among those that share the ledger. ``now`` dates only rows without a time of their
    own. ``pool_size`` and ``renewed`` are for PostgreSQL; see ``bot.ledger.database.engine.connect``.
    ``read_only`` is for use while a bot runs: it takes no lock, migrates nothing, and every write is refused.
    ``as_it_is`` also opens a SQLite ledger that lacks the event of its note; see ``Store.take_as_it_is``. It makes no
    new file, except where a note names an event.
    Raises ``LedgerHeld``, ``LedgerTooNew`` or another ``LedgerTrouble``; ``ValueError`` for a bad URL.
    """
    database = connect(url, read_only=read_only, as_it_is=as_it_is, pool_size=pool_size, renewed=renewed)
    try:
        if read_only:
            migrations.check(database)
        else:
            session.check(database.writing)
            if as_it_is and not is_remembered(database.note):
                migrations.refuse_empty(database)
            migrations.upgrade(database)
        return Store(database, target, instance or secrets.token_hex(8), now)
    except BaseException:
        database.close()
        raise
