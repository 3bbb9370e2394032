"""How fast a long audit trail is verified, and how much memory that takes. Measures, never asserts.

    python -m benchmarks.verify [events] [--profile]

Makes a SQLite ledger in a temporary folder, by the bot's own code and under its triggers, with the events of whole
deletions as the bot writes them. Then it verifies it as `dh-bot audit verify` does.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import resource
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

from bot.ledger import trail_rows
from bot.ledger.engine import Database, connect
from bot.ledger.migrations import upgrade
from bot.ledger.trail_reader import open_trail
from bot.model import Actor, DeletionId, JobId
from bot.trail import Event, Kind

START = datetime(2026, 1, 1, tzinfo=UTC)
ANNA = Actor("U012AB3CD", "T012AB3CD")
ONE_LIFE: tuple[tuple[Kind, dict[str, object]], ...] = (
    (Kind.COMMAND, {"words": 1}),
    (Kind.PROPOSED, {"job_state": "TRAIN_FAILED"}),
    (Kind.CARD_POSTED, {"ts": "1772443801.000100"}),
    (Kind.CLICK, {"action": "dh_confirm"}),
    (Kind.CLAIMED, {"attempt": 1}),
    (Kind.OUTCOME, {"status": 200, "code": None, "cause": None, "means": "deleted"}),
    (Kind.TOLD, {"what": "outcome", "to": "C078IJ9KL", "attempt": 1, "ts": "1772443842.000200"}),
    (Kind.READ, {"found": "gone", "status": 404, "code": "MSS.00000001"}),
    (Kind.TOLD, {"what": "looked", "to": "C078IJ9KL", "attempt": 1, "ts": "1772443848.000300"}),
)


def lives(many: int) -> Iterator[Event]:
    """So many events, deletion after deletion."""
    for number in range(many):
        life, step = divmod(number, len(ONE_LIFE))
        kind, facts = ONE_LIFE[step]
        yield Event(
            kind,
            START + timedelta(seconds=number),
            ANNA,
            "C078IJ9KL",
            DeletionId(f"{life:016x}"),
            JobId(f"26f06524-4f75-4b3a-a853-{life:012x}"),
            f"{life:032x}" if kind in {Kind.OUTCOME, Kind.READ} else None,
            facts,
        )


def fill(database: Database, many: int, at_once: int = 5_000) -> None:
    """Write them, many to a transaction."""
    events = lives(many)
    while some := list(islice(events, at_once)):
        database.writer.run("fill", lambda connection, some=some: trail_rows.append(connection, some))  # type: ignore[misc]


def megabytes() -> float:
    """The most memory this process ever had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Fill, verify, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("events", type=int, nargs="?", default=1_000_000)
    parser.add_argument("--profile", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'ledger.db'}"
        database = connect(url)
        upgrade(database)
        began = time.perf_counter()
        fill(database, asked.events)
        database.close()
        print(f"written   {asked.events / (time.perf_counter() - began):>10,.0f} events/s")
        with open_trail(url) as trail:
            before = megabytes()
            profile = cProfile.Profile()
            if asked.profile:
                profile.enable()
            began, cpu = time.perf_counter(), time.process_time()
            looked = trail.verify()
            wall, cpu = time.perf_counter() - began, time.process_time() - cpu
            profile.disable()
        verdict = looked.verdict
        print(f"verified  {verdict.checked / wall:>10,.0f} events/s by the clock, sound: {verdict.is_sound}")
        print(f"          {verdict.checked / cpu:>10,.0f} events/s by this process's CPU time")
        print(f"memory    {before:>10,.1f} MB before, {megabytes():,.1f} MB at most")
        if asked.profile:
            pstats.Stats(profile).sort_stats("tottime").print_stats(12)


if __name__ == "__main__":
    main()
