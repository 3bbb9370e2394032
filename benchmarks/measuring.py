"""The measurements on one bot. Figures only; ``benchmarks.goals`` judges them."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from benchmarks.arena import METASTUDIO, Arena
from benchmarks.flows import RAMP

API_SECONDS = 0.02
"""Seconds that MetaStudio takes for each answer while deletions are measured one at a time."""
IN_FLIGHT = 32
ACK_WITHIN = 3.0
BURST_WITHIN = 40.0
FEW = 3
"""Deletions that are run before those that are measured far away."""
SHORT_RAMP = 2.0
"""Seconds with many in flight until the figures of a bot count that does all of its work at once."""


@dataclass(frozen=True)
class Pace:
    """How long each part runs or waits before its figures count. The defaults are those of every published figure."""

    ramp: float = RAMP
    warm_flows: int = 300
    """The first deletions of the curve of memory: they make the threads, connections and other things made once."""
    warm_up: int = 10
    """Deletions one at a time, before anything is measured: they make the threads and connections that are kept."""
    counted: int = 20
    """Deletions one at a time whose calls, connections and transactions are counted."""
    warm_profile: int = 100
    samples: int = 100
    """Measurements of each quantity at each point of the trail's curve."""
    singles: int = 15
    """Deletions one at a time at each point of the curve of open deletions."""
    idle: float = 3.0
    """Seconds over which the cost of an idle bot is measured."""
    burst_api_seconds: tuple[float, float] = (0.5, 5.0)
    """The shortest and the longest time that MetaStudio takes for an answer during a burst."""


@dataclass
class Singly:
    """Deletions one at a time. All in milliseconds."""

    acks: list[float] = field(default_factory=list)
    to_card: list[float] = field(default_factory=list)
    """From the command to its card, without MetaStudio's share."""
    to_outcome: list[float] = field(default_factory=list)
    """From the press to the outcome in the thread, without MetaStudio's share."""


@dataclass
class Together:
    """Deletions with 32 in flight, a window at a time."""

    per_second: list[float] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)
    """CPU of the bot for each deletion, with the look-ups and posts after its outcome."""
    load_share: list[float] = field(default_factory=list)
    """CPU of the measuring process, as a share of one core."""


@dataclass
class Burst:
    """Commands in one moment, with a slow MetaStudio. Seconds."""

    asked: int
    acks: list[float]
    late_or_lost: int
    finished: int


@dataclass
class Figures:
    """All figures of one bot."""

    starts: list[float] = field(default_factory=list)
    """Seconds from the start until Slack could reach the bot."""
    idle_mib: list[float] = field(default_factory=list)
    singly: Singly = field(default_factory=Singly)
    together: Together = field(default_factory=Together)
    burst: Burst | None = None
    on_the_way: list[str] = field(default_factory=list)
    """The calls of one deletion from the command to the outcome, in their order."""
    in_background: list[str] = field(default_factory=list)
    """The look-ups of people and channels in the background of these."""
    calls: dict[str, float] = field(default_factory=dict)
    """All calls for one deletion, with those after its outcome, by name: the mean of several, one at a time."""
    opened: dict[str, float] = field(default_factory=dict)
    """Connections opened for one deletion to Slack and to MetaStudio, beside the DELETE's own: the mean of these."""
    deletes: dict[int, int] = field(default_factory=dict)
    """How many jobs got how many DELETEs."""
    unfinished: int | None = None
    """Deletions without an outcome, of all commands; then the acks late or lost."""
    not_acked: int | None = None
    violations: list[str] = field(default_factory=list)


def p99(values: list[float]) -> float:
    """The value that one in a hundred exceeds."""
    return sorted(values)[min(int(len(values) * 0.99), len(values) - 1)]


def start(arena: Arena, figures: Figures, times: int) -> None:
    """Start the bot this many times, and leave it running. A first start, which makes the ledger, is not counted."""
    arena.start()
    arena.stop()
    for again in range(times):
        if again:
            arena.stop()
        figures.starts.append(arena.start())
    time.sleep(1)
    figures.idle_mib.append(arena.memory())


def warm_up(arenas: Mapping[Arena, Figures], pace: Pace) -> None:
    """Run a few deletions that make threads and connections; then count calls and connections of a few more.

    Far away each takes most of a second, and there is nothing else to count: a few are enough.
    """
    for arena in arenas:
        arena.flows.one_by_one(min(pace.warm_up, FEW) if arena.way.far else pace.warm_up)
    for arena in arenas:
        arena.rest()
    before = {arena: (Counter(arena.flows.calls), Counter(arena.opened)) for arena in arenas}
    for arena, figures in arenas.items():
        began = time.time()
        first, *_ = arena.flows.one_by_one(_counted(arena, pace))
        over_at = time.time() - (time.perf_counter() - (first.outcome_at or time.perf_counter()))
        figures.on_the_way, figures.in_background = arena.calls_before(began, over_at)
    for arena, figures in arenas.items():
        arena.rest()
        calls, opened = before[arena]
        calls, opened = arena.flows.calls - calls, arena.opened - opened
        opened[METASTUDIO] -= calls["DELETE job"]
        figures.calls, figures.opened = (_for_each(of_all, _counted(arena, pace)) for of_all in (calls, opened))


def _counted(arena: Arena, pace: Pace) -> int:
    return min(pace.counted, FEW) if arena.way.far else pace.counted


def _for_each(of_all: Mapping[str, int], many: int) -> dict[str, float]:
    return {name: number / many for name, number in sorted(of_all.items())}


def one_by_one(arena: Arena, figures: Figures, many: int) -> None:
    """Measure deletions one at a time."""
    arena.rest()
    # Far away nothing else takes time: an answer that is slow would hide what goes on beside it.
    seconds = 0 if arena.way.far else API_SECONDS
    arena.answers_take(seconds, seconds)
    flows = arena.flows.one_by_one(many)
    arena.answers_take(0, 0)
    singly = figures.singly
    singly.acks += [1000 * ack for flow in flows for ack in flow.acks if ack is not None]
    singly.to_card += [1000 * flow.to_card for flow in flows if flow.to_card is not None]
    singly.to_outcome += [1000 * flow.to_outcome for flow in flows if flow.to_outcome is not None]


def in_flight(arena: Arena, figures: Figures, seconds: float, pace: Pace) -> None:
    """Measure one window with 32 in flight, and wait until the work after its outcomes is over."""
    arena.rest()
    bot, load = arena.cpu(), time.process_time()
    began = time.perf_counter()
    # Only dh-bot waits some seconds after an outcome for what follows it, which has to be in the figures.
    ramp = pace.ramp if arena.way.is_ours else min(pace.ramp, SHORT_RAMP)
    window = arena.flows.in_flight(IN_FLIGHT, seconds, ramp=ramp)
    load = (time.process_time() - load) / (time.perf_counter() - began)
    arena.rest()
    if not window.all_done:
        raise RuntimeError(f"{arena.way} finished no deletion; its log is in {arena.folder}")
    figures.together.per_second.append(window.done / window.seconds)
    figures.together.cpu_ms.append(1000 * (arena.cpu() - bot) / window.all_done)
    figures.together.load_share.append(load)


def profile(arena: Arena, seconds: float, pace: Pace) -> dict[str, tuple[float, float]]:
    """CPU in milliseconds, and calls, of each part of dh-bot for one deletion, with ``IN_FLIGHT`` in flight.

    The bot has run many before.
    """
    before = _noted(arena)["parts"]
    done = arena.flows.in_flight(IN_FLIGHT, seconds, ramp=pace.ramp).all_done
    arena.rest()
    found = {}
    for part, (cpu, calls) in _noted(arena)["parts"].items():
        cpu_before, calls_before = before.get(part, (0.0, 0.0))
        found[part] = (1000 * (cpu - cpu_before) / done, (calls - calls_before) / done)
    return found


def on_the_ledger(arena: Arena, pace: Pace) -> dict[str, float]:
    """Transactions that write, by name, and looks for one deletion: the mean of several, one at a time."""
    arena.flows.in_flight(IN_FLIGHT, total=pace.warm_profile)
    arena.rest()
    before = Counter(_noted(arena)["ledger"])
    arena.flows.one_by_one(pace.counted)
    arena.rest()
    return _for_each(Counter(_noted(arena)["ledger"]) - before, pace.counted)


def _noted(arena: Arena) -> dict[str, dict[str, Any]]:
    # The bot writes its counts twice a second.
    time.sleep(1.1)
    found: dict[str, dict[str, Any]] = json.loads((arena.folder / "profile.json").read_text(encoding="utf-8"))
    return found


def burst(arena: Arena, figures: Figures, many: int, pace: Pace) -> None:
    """Measure this many commands at once."""
    arena.rest()
    arena.answers_take(*pace.burst_api_seconds)
    flows = arena.flows.at_once(many, BURST_WITHIN)
    arena.answers_take(0, 0)
    acks = [ack for flow in flows for ack in flow.acks]
    in_time = [ack for ack in acks if ack is not None and ack <= ACK_WITHIN]
    finished = sum(flow.outcome_at is not None for flow in flows)
    figures.burst = Burst(many, in_time, len(acks) - len(in_time), finished)


def end(arena: Arena, figures: Figures) -> None:
    """Count what must not have happened, and end the bot."""
    figures.unfinished = sum(flow.outcome_at is None for flow in arena.flows.jobs.values())
    figures.not_acked = sum(ack is None for flow in arena.flows.jobs.values() for ack in flow.acks)
    for count in arena.deletes().values():
        figures.deletes[count] = figures.deletes.get(count, 0) + 1
    figures.violations = arena.slack.violations[:5]
    arena.close()


def middle(values: list[float]) -> float:
    """The median; NaN if nothing was measured."""
    return median(values) if values else float("nan")
