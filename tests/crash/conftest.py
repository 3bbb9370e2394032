"""Where the ledger that dies lies, and how large the crash matrix was."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.ledger_files import folder_in_memory


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder for all cells of a story."""
    with folder_in_memory() as made:
        yield made


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the number of cells that were played."""
    total: dict[str, Counter[str]] = {}
    for reports in terminalreporter.stats.values():
        for report in reports:
            if getattr(report, "when", "") == "call" and "/crash/" in report.nodeid:
                mine = total.setdefault(report.nodeid.partition("[")[0], Counter())
                mine.update({name: count for name, count in report.user_properties if isinstance(count, int)})
    if any(total.values()):
        terminalreporter.section("crash matrix")
        for test, counts in total.items():
            terminalreporter.line(f"{test}: {', '.join(f'{count} {name}' for name, count in counts.items())}")
