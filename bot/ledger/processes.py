"""The live processes of a ledger. Each has a row, which it updates every few seconds."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete

from bot.ledger.database import dialects
from bot.ledger.schema.tables import owners

LIVES = timedelta(seconds=20)
"""A process that shares a PostgreSQL ledger updates its row every five seconds. Without an update for this long it is
gone."""
FORGOTTEN_AFTER = timedelta(days=1)


def seen(
    connection: Connection, instance: str, now: datetime, is_leaving: Callable[[], bool] = lambda: False
) -> datetime | None:
    """Record that this process lives, unless it is leaving. This also proves that the ledger can be written.

    The time is the database's own, if it has a clock, because a replica's clock may be off. Returns that time.
    """
    theirs = dialects.database_now(connection)
    at = theirs or now
    dialects.upsert(connection, owners, {"owner": instance, "seen_at": at})
    # Called while the row is locked. A thread that starts leaving later waits for this one, then removes the row.
    if is_leaving():
        connection.execute(delete(owners).where(owners.c.owner == instance))
    connection.execute(delete(owners).where(owners.c.seen_at < at - FORGOTTEN_AFTER))
    return theirs
