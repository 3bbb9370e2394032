"""Three replicas on one PostgreSQL in a short storm; the long one is started by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.replicas.storm import Plan, Storm


@pytest.mark.long
def test_nothing_is_lost_doubled_or_untold(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Replicas are killed and the database restarts while people press twice: one DELETE each, everything told."""
    storm = Storm(Plan(deletions=40, channels=5, database_restarts=2), tmp_path)
    with storm.running(), storm.scraped():
        figures = storm.blow()
    with capsys.disabled():
        print(f"\nstorm: {figures}")
    assert figures.kills > 0
    assert figures.faults() == []
