"""What a storm reads of the ledger that the replicas share, from outside of them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import create_engine, text, update

from bot.ledger.pending_requests import ABANDONED_AFTER
from bot.ledger.schema.tables import pending_requests


def rows(url: str, query: str) -> list[Any]:
    """The rows of a query, by a connection of its own."""
    engine = create_engine(url)
    with engine.connect() as connection:
        found = list(connection.execute(text(query)))
    engine.dispose()
    return found


def owed(url: str) -> dict[str, int]:
    """What the ledger still has to do."""
    (numbers,) = rows(
        url,
        "SELECT (SELECT count(*) FROM outbox), (SELECT count(*) FROM answers),"
        " (SELECT count(*) FROM deletions WHERE state = 'deleting'),"
        " (SELECT count(*) FROM deletions WHERE state = 'unknown')",
    )
    return dict(zip(("messages", "answers", "claims", "unknown outcomes"), map(int, numbers), strict=True))


def make_answers_old(url: str) -> None:
    """As if six minutes had passed since they were asked for; what takes them over stays as it is."""
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(update(pending_requests).values(since=datetime.now(UTC) - ABANDONED_AFTER))
    engine.dispose()
