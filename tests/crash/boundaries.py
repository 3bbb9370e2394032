"""Where a process of the bot may die, and a process that does die there without leaving anything behind.

A boundary is the moment before or after a commit of the ledger, a request to MetaStudio, or a call of Slack. *Before*
means that the effect does not happen; *after* that it happened and the bot has not heard of it yet.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from bot.ledger.store import Store
from tests.support.clock import HeldClock

BEFORE, AFTER = "before", "after"
TICK = "-- tick --"


class Died(BaseException):
    """The process is gone. No `except Exception` and no `except LedgerTrouble` of the bot may hold it up."""


class Cut(Exception):
    """The servers' side of it: what a dead process still seems to send is not served."""


@dataclass(frozen=True, slots=True)
class Boundary:
    """The n-th time that a process passes there."""

    when: str
    name: str
    nth: int

    def __str__(self) -> str:
        return f"{self.when} {self.name} #{self.nth}"

    @property
    def is_lease(self) -> bool:
        """A look for work, which finds nothing most of the time, or the probe, which only touches a row of its own."""
        return self.name.startswith(("ledger lease_", "ledger log_cursor", "ledger ping_writable"))


@dataclass
class Life:
    """One process of the bot: what it passed, and where it dies. From then on nothing of it has any effect."""

    number: int
    ends_at: Boundary | None = None
    instead: Callable[[], None] | None = None
    """What happens there, where the process does not die."""
    dead: bool = False
    trace: list[Boundary | str] = field(default_factory=list)
    _counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def passes(self, when: str, name: str, end: type[BaseException] = Died) -> None:
        """Pass a boundary, or die there. The dead pass nowhere."""
        with self._lock:
            if not self.dead:
                self._counts[when, name] += 1
                here = Boundary(when, name, self._counts[when, name])
                self.trace.append(here)
                if here == self.ends_at and self.instead is not None:
                    self.instead()
                else:
                    self.dead = here == self.ends_at
            if self.dead:
                raise end(f"{when} {name}")

    def tick(self) -> None:
        """Note that the workers begin a round."""
        if not self.dead:
            self.trace.append(TICK)

    def watch(self, ledger: Store) -> None:
        """Die at the ledger's commits too. A transaction that dies before its COMMIT is rolled back."""
        ledger.before_commit = lambda name: self.passes(BEFORE, f"ledger {name}")
        ledger.after_commit = lambda name: self.passes(AFTER, f"ledger {name}")


class MortalClock:
    """The world's clock as one process sees it: the dead neither look at it nor wait by it."""

    def __init__(self, clock: HeldClock, life: Life) -> None:
        self._clock = clock
        self._life = life

    def now(self) -> datetime:
        self._breathe()
        return self._clock.now()

    def monotonic(self) -> float:
        self._breathe()
        return self._clock.monotonic()

    def sleep(self, seconds: float) -> None:
        self._breathe()
        self._clock.sleep(seconds)

    def _breathe(self) -> None:
        if self._life.dead:
            raise Died


def worth_dying_at(trace: Iterable[Boundary | str]) -> list[Boundary]:
    """The boundaries of a story, without the looks for work that found none: of those, the first of each kind.

    A look that found something is followed by the work; one that found nothing by the next look or the next round.
    """
    steps = list(trace)
    following = [*steps[1:], TICK]
    seen: set[tuple[str, str]] = set()
    kept: list[Boundary] = []
    idle_after: set[Boundary] = set()
    for here, after in zip(steps, following, strict=True):
        if isinstance(here, Boundary) and here.is_lease and here.when == AFTER:
            found_nothing = isinstance(after, str) or after.is_lease
            if found_nothing:
                idle_after |= {here, Boundary(BEFORE, here.name, here.nth)}
    for here in steps:
        if isinstance(here, str) or (here in idle_after and (here.when, here.name) in seen):
            continue
        seen.add((here.when, here.name))
        kept.append(here)
    return kept
