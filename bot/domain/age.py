"""How old something is, by the clocks of this process. The only place that decides this. Pure.

An age is the larger of two differences, by the wall clock and by the monotonic clock. The wall clock alone is not
enough, because it is set back and forward. Nor is the monotonic clock: while a virtual machine is paused both clocks
stand still, and only the wall clock is set right afterwards. A moment in the future by either clock is too old.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

NO_AGE = timedelta(0)
TOO_OLD = timedelta.max
"""The age where the clocks do not allow to compute one."""

STEP = timedelta(seconds=5)
"""A difference between the two clocks that grows by more than this at once is a step of the wall clock. Time services
correct less than half a second without one."""


class Clocks(Protocol):
    """The two readings of ``bot.domain.ports.Clock``."""

    def now(self) -> datetime: ...

    def monotonic(self) -> float: ...


@dataclass(frozen=True, slots=True)
class Moment:
    """One reading of both clocks. It means nothing to another process, so it never enters the ledger."""

    at: datetime
    up: float
    """Seconds of the monotonic clock."""


def moment(clocks: Clocks) -> Moment:
    """The present moment."""
    return Moment(clocks.now(), clocks.monotonic())


def age(since: Moment, clocks: Clocks) -> timedelta:
    """The age, now, of something that was true at the moment ``since``.

    ``TOO_OLD`` if that moment lies in the future, or if the wall clock was set back since then. So a step back clears
    every cache, and no check made before it counts.
    """
    by_wall, by_up = _elapsed(since, clocks)
    is_set_back = by_up - by_wall > STEP
    return TOO_OLD if is_set_back or min(by_wall, by_up) < NO_AGE else max(by_wall, by_up)


def oldest(*moments: Moment) -> Moment:
    """The earliest of them."""
    return min(moments, key=lambda one: one.up)


def stepped(since: Moment, until: Moment) -> timedelta:
    """By how much the wall clock was set forward in between, or back (below zero); zero for less than ``STEP``."""
    step = until.at - since.at - timedelta(seconds=until.up - since.up)
    return step if abs(step) > STEP else NO_AGE


def _elapsed(since: Moment, clocks: Clocks) -> tuple[timedelta, timedelta]:
    return clocks.now() - since.at, timedelta(seconds=clocks.monotonic() - since.up)
