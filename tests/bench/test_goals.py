"""The benchmark: its goals judge figures rightly, and a run of it, too small to mean anything, measures every row."""

from __future__ import annotations

import re
import subprocess
import sys
from math import nan
from pathlib import Path

import pytest

from benchmarks import goals, report
from benchmarks.growing import Curve, Growth
from benchmarks.measuring import Burst, Figures, Singly, Together, p99
from tests.support.paths import ROOT


def figures(ack: float = 1.0, out: float = 5.0, rate: float = 100.0, cpu: float = 5.0) -> Figures:
    return Figures(
        starts=[0.3],
        idle_mib=[40.0],
        singly=Singly([ack], [out]),
        together=Together([rate], [cpu], [0.4]),
        burst=Burst(200, [0.1], 0, 200),
        on_the_way=["GET job"] * 5,
        deletes={1: 10},
        unfinished=0,
        not_acked=0,
    )


@pytest.mark.parametrize(
    ("ours", "verdicts"),
    [
        #                                                    ack    99 %   outcome rate   CPU
        (figures(),                                         (True,  True,  True,  True,  True)),
        (figures(ack=1.5, out=10, rate=60, cpu=8),          (True,  True,  True,  True,  True)),
        (figures(ack=1.51, out=10.1, rate=59.9, cpu=8.01),  (False, True,  False, False, False)),
        (figures(ack=8.1),                                  (False, False, True,  True,  True)),
        (Figures(),                                         (None,  None,  None,  None,  None)),
    ],
)  # fmt: skip
def test_against_the_floor(ours: Figures, verdicts: tuple[bool | None, ...]) -> None:
    """Each goal is met up to its edge, missed beyond it, and says so where nothing was measured."""
    assert tuple(row.is_met for row in goals.against_the_floor(ours, figures())) == verdicts


@pytest.mark.parametrize(
    ("late", "lost", "finished", "verdicts"),
    [
        (0.5, 0, 200, (True, True, True)),
        (0.51, 0, 200, (False, True, True)),
        (0.1, 1, 199, (True, False, False)),
    ],
)
def test_a_burst(late: float, lost: int, finished: int, verdicts: tuple[bool, ...]) -> None:
    """Late acks, lost acks and unfinished deletions are missed goals, each by itself."""
    ours = Figures(burst=Burst(200, [late], lost, finished))
    assert tuple(row.is_met for row in goals.of_a_burst(ours)) == verdicts


def grown(memory: list[float], append: tuple[float, float], verified: float) -> Growth:
    flows = Curve("deletions", [0, 5, 10], {"memory_mib": memory})
    trail = Curve("events", [0, 10], {"history_ms": [1.0, 10.0]})
    return Growth(flows=flows, trail=trail, append_ms=append, verified_per_second=verified)


@pytest.mark.parametrize(
    ("growth", "verdicts"),
    [
        #                                                memory flat   append history verify
        (grown([80, 88, 88], (1.0, 1.2), 200_000),      (True,  True,  True,  True,  True)),
        (grown([80, 80, 83], (1.0, 1.3), 199_999),      (False, False, False, True,  False)),
        (grown([80, 88, 88.1], (1.0, 1.0), 300_000),    (False, True,  True,  True,  True)),
    ],
)  # fmt: skip
def test_growth(growth: Growth, verdicts: tuple[bool, ...]) -> None:
    """Memory may grow by eight MiB and not in the second half; an append may not become slower."""
    assert tuple(row.is_met for row in goals.of_growth(growth)) == verdicts


def test_one_deletion() -> None:
    """A sixth call before the outcome, a lost outcome or ack, or a second DELETE, is a missed goal."""
    assert [row.is_met for row in goals.of_one_deletion(figures())] == [True] * 5
    worse = Figures(
        on_the_way=["GET job"] * 6, deletes={1: 9, 2: 1}, unfinished=1, not_acked=1, violations=["unknown argument"]
    )
    assert [row.is_met for row in goals.of_one_deletion(worse)] == [False] * 5


def test_the_late_ones() -> None:
    """The 99th percentile is the value that one in a hundred exceeds."""
    assert p99([float(number) for number in range(1, 101)]) == 100
    assert p99([float(number) for number in range(1, 1001)]) == 991
    assert p99([1.0]) == 1


def test_a_figure_that_is_none() -> None:
    """What was not measured is a dash, never a number."""
    assert report.number(nan, "{:.1f}") == "–"
    assert report.number(1.25, "{:.1f}") == "1.2"


@pytest.mark.long
def test_a_run_measures_every_row(tmp_path: Path) -> None:
    """`python -m benchmarks --tiny` starts the bots, measures every goal that needs no TLS, and writes the page."""
    page = tmp_path / "performance.md"
    page.write_text(f"before\n{report.BEGIN}\nstale\n{report.END}\nafter\n", encoding="utf-8")
    (tmp_path / "pictures").mkdir()
    done = subprocess.run(  # noqa: S603 - our own words
        [sys.executable, "-m", "benchmarks", "--tiny", "--page", str(page)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=900,  # so that a hung run ends; the slowest machine seen took 300
    )
    assert done.returncode == 0, done.stderr
    rows = [line for line in done.stdout.splitlines() if re.search(r"met|missed|not measured", line) and "|" in line]
    assert [line for line in rows if "not measured" in line and "Over TLS" not in line] == []
    assert len(rows) > 15
    written = page.read_text(encoding="utf-8")
    assert written.startswith("before\n")
    assert written.endswith("after\n")
    assert "stale" not in written
    plots = re.findall(r"\(pictures/(.*?\.svg)\)", written)
    assert len(plots) == 4
    assert all((tmp_path / "pictures" / plot).stat().st_size > 1000 for plot in plots)
