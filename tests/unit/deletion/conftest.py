"""A real ledger for the use-cases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.ledger.factory import open_ledger
from bot.ledger.store import Store
from tests.support.ledger_files import make_ledger
from tests.support.values import AT, TARGET


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty ledger on SQLite, in which the time stands still."""
    make_ledger(tmp_path / "ledger.db")
    made = open_ledger(f"sqlite:///{tmp_path}/ledger.db", TARGET, instance="me", now=lambda: AT)
    yield made
    made.close()
