"""The worlds that the cells share, and how many cells there were."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.register_assert_rewrite("tests.faults.cells", "tests.faults.oracle")

from tests.faults.cells import Keeper  # noqa: E402 - its asserts are to explain themselves
from tests.faults.replies import PATIENCE  # noqa: E402
from tests.flow.world import World  # noqa: E402

HERE = "tests/faults/"
HOUR = {"CONFIRM_BY": "any_operator", "CONFIRM_WITHIN_SECONDS": "3600"}
"""Cards that last longer than the five minutes for which nothing may be sent, and may be pressed by both."""


@pytest.fixture(scope="module")
def worlds() -> Iterator[Keeper]:
    """Worlds by name; see `cells.Keeper`."""
    keeper = Keeper(
        {
            "patient": lambda folder: World(folder, READ_TIMEOUT="5", **HOUR),
            "impatient": lambda folder: World(folder, READ_TIMEOUT=str(PATIENCE), **HOUR),
        }
    )
    yield keeper
    keeper.close()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Of the cells that are left for `make test`, one in four is played there; `make test-long` plays them all."""
    ours = [item for item in items if item.nodeid.startswith(HERE) and item.get_closest_marker("long") is None]
    for number, item in enumerate(sorted(ours, key=lambda item: item.nodeid)):
        if number % 4:
            item.add_marker(pytest.mark.long)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say how many cells of the matrix were played."""
    cells = Counter(
        (Path(report.nodeid.partition("::")[0]).stem.removeprefix("test_"), outcome)
        for outcome in ("passed", "failed", "xfailed")
        for report in terminalreporter.stats.get(outcome, ())
        if report.nodeid.startswith(HERE)
    )
    if cells:
        words = ", ".join(f"{count} {part} {outcome}" for (part, outcome), count in sorted(cells.items()))
        terminalreporter.write_line(f"fault matrix: {cells.total()} cells ({words})")
