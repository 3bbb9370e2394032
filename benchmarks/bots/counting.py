"""Counts the transactions of dh-bot that changed a row, by name, and its looks at the ledger for a deletion.

Both are counted where they happen, so the numbers are exact. A worker that looks for due work every second and finds
none changes no row and is not about a deletion, so it is not counted. Nor is the probe that writes now and then to see
whether the ledger can be written.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import wraps
from threading import Lock
from typing import Any

import structlog
from sqlalchemy import Connection

from bot.ledger.database.engine import Database
from bot.ledger.database.writer import SharedWriter

LOOKS = "looks"
PROBE = "ping_writable"
counts: Counter[str] = Counter()
"""How often each transaction has changed something, by its name; and the looks."""
lock = Lock()


def count_transactions() -> None:
    """Count every transaction on SQLite that changes a row."""
    run: Callable[..., Any] = SharedWriter.run

    @wraps(run)
    def counted(self: SharedWriter, name: str, work: Callable[[Connection], Any], **options: Any) -> Any:
        changed = 0

        def watched(connection: Connection) -> Any:
            nonlocal changed
            driver: Any = connection.connection.driver_connection
            before = driver.total_changes
            result = work(connection)
            changed = driver.total_changes - before
            return result

        result = run(self, name, watched, **options)
        if changed and name != PROBE:
            note(name)
        return result

    SharedWriter.run = counted  # type: ignore[method-assign]


def count_looks() -> None:
    """Count every look at the ledger that is about a deletion."""
    read: Callable[..., Any] = Database.read

    @wraps(read)
    def counted(self: Database, work: Callable[[Connection], Any]) -> Any:
        if "deletion" in structlog.contextvars.get_contextvars():
            note(LOOKS)
        return read(self, work)

    Database.read = counted  # type: ignore[method-assign]


def note(name: str) -> None:
    """Count one more."""
    with lock:
        counts[name] += 1
