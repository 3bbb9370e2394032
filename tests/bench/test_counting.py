"""What the benchmark counts on the ledger: transactions that write, and looks for a deletion."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

from benchmarks import ledgers
from benchmarks.bots import counting
from bot.ledger.database.engine import Database, connect
from bot.ledger.database.writer import SharedWriter
from bot.ledger.schema.migrations import upgrade
from bot.logs import about


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """The counts; the classes are as before after the test."""
    counts: Counter[str] = Counter()
    monkeypatch.setattr(SharedWriter, "run", SharedWriter.run)
    monkeypatch.setattr(Database, "read", Database.read)
    monkeypatch.setattr(counting, "counts", counts)
    counting.count_transactions()
    counting.count_looks()
    return counts


def test_what_is_counted(counts: Counter[str], tmp_path: Path) -> None:
    """A transaction that changes a row counts by its name, and a look if it is about a deletion; nothing else does."""
    with closing(connect(f"sqlite:///{tmp_path / 'ledger.db'}")) as database:
        upgrade(database)
        counts.clear()
        ledgers.add_open(database, 0, 1, ledgers.TARGET)
        database.writer.run(
            "lease", lambda connection: connection.execute(text("UPDATE deletions SET id = id WHERE 0"))
        )
        database.read(lambda connection: connection.execute(text("SELECT 1")))
        with about("26f0"):
            assert database.read(lambda connection: connection.execute(text("SELECT 1")).scalar()) == 1
    assert counts == {"fill": 1, counting.LOOKS: 1}
