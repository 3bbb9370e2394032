"""Ledger files that cost a test little: copied instead of migrated, and where no disk is waited for."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from bot.ledger.factory import open_ledger
from tests.support.values import TARGET

MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it.


@contextmanager
def folder_in_memory() -> Iterator[Path]:
    """A folder that lives in memory where there is such a place, and as long as the context.

    A commit waits for the disk, which helps against a power cut only, and no test can have one.
    """
    with tempfile.TemporaryDirectory(prefix="dh-bot-", dir=MEMORY if os.access(MEMORY, os.W_OK) else None) as name:
        yield Path(name)


def make_ledger(file: Path) -> None:
    """Put an empty ledger there as migrating would; that takes longer than many a test."""
    file.write_bytes(_migrated())


@cache
def _migrated() -> bytes:
    with folder_in_memory() as folder:
        open_ledger(f"sqlite:///{folder / 'ledger.db'}", TARGET).close()
        return (folder / "ledger.db").read_bytes()
