"""What grows with use: one curve for each thing that an installation gets many of."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from benchmarks import ledgers
from benchmarks.arena import OURS, Arena, Way
from benchmarks.measuring import API_SECONDS, IN_FLIGHT, Pace
from bot.domain.model import DeletionId, Target
from bot.ledger.database.engine import connect
from bot.ledger.factory import open_ledger
from bot.ledger.schema.migrations import upgrade
from bot.ledger.store import Store
from bot.ledger.trail.reader import open_trail
from sandbox.metastudio.world import make_job


@dataclass
class Curve:
    """Measured points: one list of values for each quantity, all at the same places."""

    along: str
    at: list[int] = field(default_factory=list)
    values: dict[str, list[float]] = field(default_factory=dict)

    def add(self, place: int, **values: float) -> None:
        """Add one point."""
        self.at.append(place)
        for name, value in values.items():
            self.values.setdefault(name, []).append(value)

    def __getitem__(self, name: str) -> list[float]:
        return self.values[name]


@dataclass
class Growth:
    """All curves of a run. The names of values end in their unit."""

    flows: Curve | None = None
    trail: Curve | None = None
    append_ms: tuple[float, float] | None = None
    """Milliseconds for one event on an empty ledger, and on the ledger at the end of the curve."""
    verified_per_second: float | None = None
    open: Curve | None = None
    jobs: Curve | None = None


Say = Callable[[str], None]


def _places(most: int, steps: int) -> list[int]:
    """Places from a first part to the most, in equal steps."""
    return [most * step // steps for step in range(1, steps + 1)]


def flows(folder: Path, most: int, steps: int, pace: Pace, say: Say) -> Curve:
    """This many deletions through one bot: its memory, its threads, its ledger's file."""
    curve = Curve("deletions")
    arena = Arena(Way(OURS), folder)
    arena.start()

    def note(done: int) -> None:
        arena.rest()
        size = sum(file.stat().st_size for file in folder.glob("ledger.db*"))
        memory = arena.memory()
        curve.add(done, memory_mib=memory, threads=arena.process.num_threads(), file_mib=size / 2**20)
        say(f"{done:,} deletions: {memory:.0f} MiB")

    arena.flows.in_flight(IN_FLIGHT, total=pace.warm_flows)
    there = 0
    note(there)
    for place in _places(most, steps):
        arena.flows.in_flight(IN_FLIGHT, total=place - there)
        there = place
        note(there)
    arena.close()
    return curve


def trail(growth: Growth, folder: Path, most: int, steps: int, pace: Pace, say: Say) -> None:
    """An audit trail of this many events: appending to it, queries of it, and verifying all of it."""
    folder.mkdir(parents=True)
    url = f"sqlite:///{folder / 'ledger.db'}"
    curve = growth.trail = Curve("events")
    database = connect(url)
    upgrade(database)
    database.close()
    there = 0
    for place in (0, *_places(most, steps)):
        database = connect(url)
        ledgers.add_events(database, there, place)
        database.close()
        there = place
        gc.collect()
        with closing(open_ledger(url, ledgers.TARGET)) as ledger:
            job = ledgers.event(there // 2).deletion or DeletionId("0" * 16)
            samples = [_sample(ledger, there + number, job) for number in range(pace.samples)]
        there += pace.samples
        append, history, home, story = (median(column) for column in zip(*samples, strict=True))
        curve.add(place, append_ms=append, history_ms=history, home_ms=home, story_ms=story)
        say(f"{place:,} events: append {append:.2f} ms, history {history:.2f} ms")
    growth.append_ms = _appended(url, f"sqlite:///{folder / 'empty.db'}", there, 5 * pace.samples)
    with open_trail(url) as opened:
        cpu = time.process_time()
        checked = opened.verify().verdict
        assert checked.is_sound, checked.why
        growth.verified_per_second = checked.checked / (time.process_time() - cpu)
        say(f"{checked.checked:,} events verified, sound: {checked.is_sound}")


def _appended(full: str, empty: str, there: int, pairs: int) -> tuple[float, float]:
    """Milliseconds for an event on an empty ledger and on a full one, measured in turn, since a disk's speed varies."""
    with closing(open_ledger(empty, ledgers.TARGET)) as one, closing(open_ledger(full, ledgers.TARGET)) as other:
        measured = [
            (
                _milliseconds(lambda number=number: one.trail.record(ledgers.event(number))),  # type: ignore[misc]
                _milliseconds(lambda number=number: other.trail.record(ledgers.event(there + number))),  # type: ignore[misc]
            )
            for number in range(pairs)
        ]
    on_empty, on_full = (median(column) for column in zip(*measured, strict=True))
    return on_empty, on_full


def _sample(ledger: Store, number: int, job: DeletionId) -> tuple[float, float, float, float]:
    """Milliseconds for one more event, a page of a channel's history, Home's queries, and one deletion's story."""
    return (
        _milliseconds(lambda: ledger.trail.record(ledgers.event(number))),
        _milliseconds(lambda: ledger.overview.history(channel=ledgers.channel(number))),
        _milliseconds(lambda: (ledger.overview.open(limit=20), ledger.overview.deleted(limit=5))),
        _milliseconds(lambda: ledger.trail.events_of(job)),
    )


def open_deletions(folder: Path, most: int, steps: int, pace: Pace, say: Say) -> Curve:
    """This many waiting cards: the time of a new deletion, of the list of them, and their cost while nobody asks."""
    curve = Curve("open deletions")
    arena = Arena(Way(OURS), folder)
    there = 0
    arena.start()
    for place in (0, *_places(most, steps)):
        arena.stop()
        database = connect(arena.settings["DATABASE_URL"])
        if place > there:
            target = Target(arena.cloud.url, "cn-north-4", arena.cloud.project_id)
            ledgers.add_open(database, there, place, target)
        database.close()
        there = place
        arena.start()
        arena.flows.one_by_one(3)
        arena.rest()
        cpu, began = arena.cpu(), time.perf_counter()
        time.sleep(pace.idle)
        idle = (arena.cpu() - cpu) / (time.perf_counter() - began)
        arena.answers_take(API_SECONDS, API_SECONDS)
        outcomes = [1000 * (flow.to_outcome or 0) for flow in arena.flows.one_by_one(pace.singles)]
        arena.answers_take(0, 0)
        listed = median(_milliseconds(lambda: arena.flows.answered("open")) for _ in range(5))
        curve.add(
            place,
            to_outcome_ms=median(outcomes),
            list_ms=listed,
            idle_cpu_percent=100 * idle,
            memory_mib=arena.memory(),
        )
        say(f"{place:,} open: outcome after {median(outcomes):.1f} ms, idle {100 * idle:.1f} % of a core")
    arena.close()
    return curve


def jobs(folder: Path, most: int, steps: int, say: Say) -> Curve:
    """This many jobs in MetaStudio: how long ``find`` takes when its filter by name matches nothing useful."""
    curve = Curve("jobs")
    arena = Arena(Way(OURS), folder)
    arena.cloud.ignored_filters.add("name")
    arena.start()
    pattern = make_job("0" * 32, arena.cloud.project_id, arena.cloud.now(), state="TRAIN_FAILED")
    for place in (most // 100, *_places(most, steps)):
        arena.cloud.jobs.update(
            {
                f"{number:032x}": {**pattern, "job_id": f"{number:032x}"}
                for number in range(len(arena.cloud.jobs), place)
            }
        )
        asked = arena.flows.cloud_seconds
        took = _milliseconds(lambda: arena.flows.answered("find no such name"))
        metastudio = 1000 * (arena.flows.cloud_seconds - asked)
        curve.add(place, find_ms=took - metastudio, metastudio_ms=metastudio)
        say(f"{place:,} jobs: find {took:.0f} ms, of which MetaStudio {metastudio:.0f} ms")
    arena.close()
    return curve


def _milliseconds(what: Callable[[], object]) -> float:
    began = time.perf_counter()
    what()
    return 1000 * (time.perf_counter() - began)
