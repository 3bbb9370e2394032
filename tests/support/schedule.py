"""The order in which the tests begin, so that no worker is left with a long one when the others have ended."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

LONG = {
    "tests/replicas/test_storm.py": 400,
    "tests/crash/test_kill_matrix.py::test_killed[deleted, with an audit channel]": 250,
    "tests/crash/test_kill_matrix.py::test_killed[deleted]": 150,
    "tests/model/test_machine.py::test_many_lives": 150,
    "tests/documents/test_install_page.py": 120,
    "tests/bench/test_goals.py::test_a_run_measures_every_row": 100,
    "tests/documents/test_first_change.py": 80,
    "tests/soak/": 60,
    "tests/crash/test_crash_matrix.py::test_died_anywhere": 40,
    "tests/replicas/test_rolling_update.py": 40,
    "tests/crash/test_kill_matrix.py": 30,
    "tests/crash/test_clock_matrix.py::test_the_clock_is_set_anywhere": 20,
}
"""About how many seconds one of these tests takes on two cores among four others; the first name that fits counts.

The storm, and whoever waits for the daily head in the audit channel, mostly wait."""


def seconds(item: pytest.Item) -> int:
    """About how long that test takes; 0: not long enough to matter."""
    return next((seconds for name, seconds in LONG.items() if item.nodeid.startswith(name)), 0)


def longest_first(items: Sequence[pytest.Item], workers: int) -> list[pytest.Item]:
    """The same tests. Each worker begins with its share of the long ones, the longest of them first.

    xdist cuts the list into one piece for each worker. A worker that has no test left takes some from the end of
    another one's piece.
    """
    shares: list[list[pytest.Item]] = [[] for _ in range(workers)]
    for item in sorted(filter(seconds, items), key=seconds, reverse=True):
        min(shares, key=lambda share: sum(map(seconds, share))).append(item)
    short = [item for item in items if not seconds(item)]
    found: list[pytest.Item] = []
    for number, share in enumerate(shares):
        piece = (len(items) - len(found)) // (workers - number)
        rest = max(piece - len(share), 0)
        found += [*share, *short[:rest]]
        del short[:rest]
    return [*found, *short]
