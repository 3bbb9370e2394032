"""A copy of a SQLite ledger, made by SQLite's online backup while a bot may run."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import cast

from bot.domain.ledger_port import LedgerTrouble
from bot.ledger.database import trouble
from bot.ledger.database.engine import COPY, Database

PAGES_AT_ONCE = 2_000


def back_up(database: Database, to: Path, on_page: Callable[[int, int], object]) -> None:
    """Copy the ledger as it stands at this moment into a new file that only its owner may read.

    ``on_page`` is called with the number of pages left and in all. Raises ``FileExistsError`` if the file exists, and
    ``LedgerTrouble`` for any other failure; no file is left behind then.
    """
    # Made here, because SQLite would make it with the rights that the umask allows.
    os.close(os.open(to, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    try:
        trouble.translated(lambda: _copy(database, to, on_page))
    except BaseException:
        _remove(to)
        raise


def _copy(database: Database, to: Path, on_page: Callable[[int, int], object]) -> None:
    with closing(database.reading.raw_connection()) as pooled, closing(sqlite3.connect(to)) as copy:
        source = cast("sqlite3.Connection", pooled.driver_connection)
        # An open read transaction holds the snapshot. Without it every commit of the bot would restart the copy.
        source.execute("BEGIN")
        try:
            source.execute("SELECT count(*) FROM sqlite_master").fetchone()
            source.backup(copy, pages=PAGES_AT_ONCE, progress=lambda _status, left, total: on_page(left, total))
        finally:
            source.rollback()
        (sound,) = copy.execute("PRAGMA quick_check").fetchone()
        if sound != "ok":
            raise LedgerTrouble(trouble.DAMAGED)
        copy.execute(f"PRAGMA user_version={COPY}")


def _remove(copy: Path) -> None:
    for suffix in ("", "-wal", "-shm", "-journal"):
        copy.with_name(copy.name + suffix).unlink(missing_ok=True)
