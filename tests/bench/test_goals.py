"""The benchmark: its goals judge figures rightly, and a run of it, too small to mean anything, measures every row."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import UTC, datetime
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
        singly=Singly([ack], [200.0], [out]),
        together=Together([rate], [cpu], [0.4]),
        burst=Burst(200, [0.1], 0, 200),
        on_the_way=["GET job"] * 5,
        deletes={1: 10},
        unfinished=0,
        not_acked=0,
        opened={"MetaStudio": 0.0, "Slack": 0.1},
    )


@pytest.mark.parametrize(
    ("ours", "verdicts"),
    [
        #                                                    ack    99 %   outcome rate   CPU
        (figures(),                                         (True,  True,  True,  True,  True)),
        (figures(ack=1.3, out=9, rate=60, cpu=8),           (True,  True,  True,  True,  True)),
        (figures(ack=1.31, out=9.1, rate=59.9, cpu=8.01),   (False, True,  False, False, False)),
        (figures(ack=6.1),                                  (False, False, True,  True,  True)),
        (Figures(),                                         (None,  None,  None,  None,  None)),
    ],
)  # fmt: skip
def test_beside_the_floors(ours: Figures, verdicts: tuple[bool | None, ...]) -> None:
    """Each goal is met up to its edge, missed beyond it, and says so where nothing was measured."""
    rows = [*goals.of_acks(ours, figures()), goals.of_the_outcome(ours, figures(), 4)]
    assert tuple(row.is_met for row in (*rows, *goals.of_the_load(ours, figures()))) == verdicts


def test_without_a_floor() -> None:
    """A goal that compares with a floor that was not measured is neither met nor missed."""
    ours, none = figures(), Figures()
    rows = [goals.of_acks(ours, none)[0], goals.of_the_outcome(ours, none, 4), *goals.of_the_load(ours, none)]
    assert {row.verdict for row in (*rows, goals.over_tls(ours, none))} == {"not measured"}
    assert goals.of_the_process(ours, none)[1].verdict == "met"


@pytest.mark.parametrize(
    ("ours", "verdicts"),
    [
        (figures(rate=50, cpu=25), (True, True)),
        (figures(rate=49.9, cpu=25.1), (False, False)),
        (Figures(), (None, None)),
    ],
)
def test_the_load_on_postgresql(ours: Figures, verdicts: tuple[bool | None, ...]) -> None:
    """On PostgreSQL the goals under load are figures of their own."""
    assert tuple(row.is_met for row in goals.of_the_load_on_postgresql(ours)) == verdicts


@pytest.mark.parametrize(
    ("card", "out", "verdicts"),
    [(220.0, 320.0, (True, True)), (220.1, 320.1, (False, False)), (nan, nan, (None, None))],
)
def test_from_afar(card: float, out: float, verdicts: tuple[bool | None, ...]) -> None:
    """At 100 ms the goals are round trips, and the row has the milliseconds as well."""
    rows = goals.from_afar(Figures(singly=Singly([], [card], [out])), Figures(singly=Singly([], [200.0], [300.0])))
    assert tuple(row.is_met for row in rows) == verdicts
    if verdicts[0]:
        assert [(row.floor, row.ours) for row in rows] == [
            ("2.00 (200 ms)", "2.20 (220 ms)"),
            ("3.00 (300 ms)", "3.20 (320 ms)"),
        ]


@pytest.mark.parametrize(
    ("counted", "verdicts"),
    [
        ({"claim": 4.0, "note": 6.0, "looks": 4.0}, (True, True)),
        ({"claim": 4.0, "note": 6.1, "looks": 4.1}, (False, False)),
        ({}, (None, None)),
    ],
)
def test_what_is_counted_on_the_ledger(counted: dict[str, float], verdicts: tuple[bool | None, ...]) -> None:
    """Transactions of all names together count, and looks apart from them."""
    assert tuple(row.is_met for row in goals.of_the_ledger(counted)) == verdicts


def test_connections() -> None:
    """Those to Slack and those to MetaStudio count together."""
    assert goals.of_connections(figures(), figures()).verdict == "met"
    assert goals.of_connections(Figures(opened={"MetaStudio": 0.1, "Slack": 0.1}), figures()).verdict == "**missed**"
    assert goals.of_connections(Figures(), figures()).verdict == "not measured"


EDGES = (
    "≤ 1.3 × floor-5", "≤ 6 ms", "ack 99 % ≤ 0.4 s, none late or lost, every deletion finished", "≤ floor-5 + 4 ms",
    "≤ floor-5 + 8 ms", "≤ 3.2", "≤ 2.2", "≤ 10", "≤ 4", "≥ 0.6 × floor-12", "≥ 50", "≥ 6 × tutorial",
    "≤ 1.6 × floor-12", "≤ 25 ms", "≤ 0.1", "≤ 2.2 × floor-5", "≤ 70 MiB", "≤ 8 MiB more, flat in the second half",
    "CPU per job ≤ a single deletion's, at most one card update in three seconds", "5", "1",
    "append ≤ 1.2 × empty, history ≤ 10 ms, 200,000/s",
)  # fmt: skip


def test_every_goal_is_a_row() -> None:
    """A run that measured nothing still names every goal, and judges none."""
    rows = [row for _, rows in report.goal_rows(report.Run(datetime.now(UTC))) for row in rows]
    assert {row.verdict for row in rows} == {"not measured"}
    assert [edge for edge in EDGES if edge not in {row.goal for row in rows}] == []


@pytest.mark.parametrize(
    ("late", "lost", "finished", "verdicts"),
    [
        (0.4, 0, 200, (True, True, True)),
        (0.41, 0, 200, (False, True, True)),
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
    assert [row.is_met for row in goals.of_one_deletion(Figures())] == [None] * 5
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


NEEDS_MORE = ("PostgreSQL", "TLS: ", "Many jobs")
"""What a tiny run leaves out: PostgreSQL, TLS nearby, and what cannot be measured yet."""


@pytest.mark.long
def test_a_run_measures_every_row(tmp_path: Path) -> None:
    """`python -m benchmarks --tiny` starts the bots, measures nearly every goal, and writes the page."""
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
    assert [line for line in rows if "not measured" in line and not any(part in line for part in NEEDS_MORE)] == []
    assert len(rows) > 30
    written = page.read_text(encoding="utf-8")
    assert written.startswith("before\n")
    assert written.endswith("after\n")
    assert "stale" not in written
    plots = re.findall(r"\(pictures/(.*?\.svg)\)", written)
    assert len(plots) == 4
    assert all((tmp_path / "pictures" / plot).stat().st_size > 1000 for plot in plots)
