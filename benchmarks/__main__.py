"""How fast dh-bot is, compared with the smallest bots that make the same calls and with one from the tutorials.

    make bench          everything, under fifteen minutes
    make bench-quick    dh-bot and the two floors in short, a minute

The bots of a group run at the same time, each with its own Slack and MetaStudio. They are measured in turn, round after
round: other load on this machine slows all of them alike, so the ratios are worth more than the figures. A run judges
the goals of docs/performance.md; a missed goal is no failure.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import growing, measuring
from benchmarks.arena import FLOOR_5, FLOOR_12, OURS, PROFILED, TUTORIAL, Arena, Way
from benchmarks.measuring import Figures, Pace
from benchmarks.report import Run, terminal, write_page
from tests.support import postgres

PLAIN = (Way(FLOOR_5), Way(FLOOR_12), Way(OURS), Way(OURS, postgresql=True))
TLS = (*(replace(way, tls=True) for way in PLAIN), Way(TUTORIAL, tls=True))
OTHERS = (
    Way(FLOOR_5, http=True), Way(OURS, http=True),
    Way(FLOOR_5, tls=True, far=True), Way(OURS, tls=True, far=True),
)  # fmt: skip
SHORT = PLAIN[:3]
AT_ONCE = (Way(FLOOR_5), Way(OURS))
LIMITED = Way(OURS, limiter=True)


@dataclass(frozen=True)
class Plan:
    """How much of each part is measured. 0 leaves a part out."""

    groups: tuple[tuple[Way, ...], ...]
    """The bots of one group run at the same time. More than a few would slow each other down."""
    rounds: int
    """Of the first group. The others have one."""
    starts: int
    singles: int
    seconds: float
    burst: int = 0
    profiled: float = 0
    limited: int = 0
    flows: int = 0
    events: int = 0
    open: int = 0
    jobs: int = 0
    steps: int = 4
    """Points of the curves that goals judge. An even number, so that one point is the middle."""
    few_steps: int = 2
    """Points of the other curves."""
    pace: Pace = field(default_factory=Pace)


FULL = Plan(
    (PLAIN, TLS, OTHERS), rounds=2, starts=3, singles=15, seconds=5, burst=200, profiled=5, limited=5,
    flows=10_000, events=1_000_000, open=5_000, jobs=50_000,
)  # fmt: skip
QUICK = Plan((SHORT,), rounds=1, starts=1, singles=6, seconds=1)
TINY = Plan(
    (SHORT, OTHERS), 1, 1, 2, 0.2, 3, 0.2, 1, 10, 900, 10, 500, steps=1, few_steps=1,
    pace=Pace(
        ramp=0, warm_up=1, counted=2, warm_flows=10, warm_profile=10, samples=5, singles=2, idle=0.5,
        burst_api_seconds=(0.1, 0.5),
    ),
)  # fmt: skip
"""Too small for figures that mean anything: for the test that a run works."""


def say(what: str) -> None:
    """Print the progress."""
    print(f"{datetime.now(UTC):%H:%M:%S} {what}", file=sys.stderr, flush=True)


def compare(run: Run, plan: Plan, ways: Sequence[Way], folder: Path) -> None:
    """Measure the bots of one group, in turn."""
    with ExitStack() as stack:
        arenas: dict[Way, Arena] = {}
        # As in production: a commit is on the disk.
        databases = postgres.Server(on_disk=True) if any(way.postgresql for way in ways) else None
        if databases is not None:
            stack.callback(databases.stop)
        for number, way in enumerate(ways):
            url = databases.database(f"bench_{number}") if databases and way.postgresql else None
            arena = arenas[way] = Arena(way, folder / f"bot-{number}", url)
            stack.callback(measuring.end, arena, run.figures.setdefault(way, Figures()))
            measuring.start(arena, run.figures[way], plan.starts if way in PLAIN else 1)
            say(f"started {way}")
        measuring.warm_up({arena: run.figures[way] for way, arena in arenas.items()}, plan.pace)
        take_turns(run, plan, arenas, plan.rounds if ways is plan.groups[0] else 1)


def take_turns(run: Run, plan: Plan, arenas: Mapping[Way, Arena], rounds: int) -> None:
    """Measure one after the other, in rounds."""
    for turn in range(rounds):
        say(f"round {turn + 1} of {rounds}: one at a time")
        for way, arena in arenas.items():
            if way.is_timed:
                measuring.one_by_one(arena, run.figures[way], plan.singles)
        say(f"round {turn + 1} of {rounds}: {measuring.IN_FLIGHT} in flight")
        for way, arena in arenas.items():
            if way.is_loaded:
                measuring.in_flight(arena, run.figures[way], plan.seconds, plan.pace)
    for way in AT_ONCE if plan.burst else ():
        if way in arenas:
            say(f"{plan.burst} commands at once: {way}")
            measuring.burst(arenas[way], run.figures[way], plan.burst, plan.pace)


def profiled(run: Run, plan: Plan, folder: Path) -> None:
    """Count what a deletion writes and looks up, and measure where its CPU goes."""
    say("the parts of dh-bot")
    arena = Arena(Way(PROFILED), folder)
    arena.start()
    run.ledger = measuring.on_the_ledger(arena, plan.pace)
    if plan.profiled:
        run.profile = measuring.profile(arena, plan.profiled, plan.pace)
    arena.close()


def limited(run: Run, many: int, folder: Path) -> None:
    """Measure the one row with the limiter at its defaults."""
    say(str(LIMITED))
    arena = Arena(LIMITED, folder)
    arena.start()
    began = time.perf_counter()
    arena.flows.one_by_one(many)
    run.figures[LIMITED] = figures = Figures()
    figures.together.per_second.append(many / (time.perf_counter() - began))
    measuring.end(arena, figures)


def grow(run: Run, plan: Plan, folder: Path) -> None:
    """Measure the curves."""
    if plan.flows:
        run.growth.flows = growing.flows(folder / "flows", plan.flows, plan.steps, plan.pace, say)
    if plan.events:
        growing.trail(run.growth, folder / "trail", plan.events, plan.steps, plan.pace, say)
    if plan.open:
        run.growth.open = growing.open_deletions(folder / "open", plan.open, plan.few_steps, plan.pace, say)
    if plan.jobs:
        run.growth.jobs = growing.jobs(folder / "jobs", plan.jobs, plan.few_steps, say)


def main() -> None:
    """Measure, print, and write the page if a path was given."""
    parser = argparse.ArgumentParser(
        prog="benchmarks", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", dest="plan", action="store_const", const=QUICK, default=FULL, help="about a minute")
    size.add_argument("--tiny", dest="plan", action="store_const", const=TINY, help="a test of the benchmark itself")
    parser.add_argument("--page", type=Path, help="write tables and plots into this page, between its marks")
    asked = parser.parse_args()
    began = time.monotonic()
    run = Run(datetime.now(UTC))
    if os.getloadavg()[0] > 1:
        say("something else runs on this machine; the ratios are less reliable")
    with tempfile.TemporaryDirectory(prefix="dh-bot-bench-") as folder:
        for number, ways in enumerate(asked.plan.groups):
            compare(run, asked.plan, ways, Path(folder) / f"group-{number}")
        profiled(run, asked.plan, Path(folder) / "profiled")
        if asked.plan.limited:
            limited(run, asked.plan.limited, Path(folder) / "limited")
        grow(run, asked.plan, Path(folder))
    run.minutes = (time.monotonic() - began) / 60
    print(terminal(run))
    if asked.page:
        write_page(run, asked.page)


if __name__ == "__main__":
    main()
