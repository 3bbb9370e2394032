"""A cache with a short life. One look-up of a key runs at a time, so a crowd costs one call."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Generic, TypeVar

from bot.domain.age import Moment, age, moment
from bot.domain.model import LookupFailed
from bot.domain.ports import Clock

MOST_KEPT = 2000

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Known(Generic[T]):
    """A cached value, and when it was asked for. Its age counts from there: Slack may have decided it right then."""

    value: T
    asked: Moment


@dataclass(slots=True)
class _Entry(Generic[T]):
    lock: threading.Lock
    known: Known[T] | None = None
    failed: LookupFailed | None = None
    failed_at: Moment | None = None
    rounds: int = 0
    """How many look-ups have ended. A thread that waited for one finds a higher number than before."""


class Cache(Generic[T]):
    """Values by key, each looked up by one thread at a time.

    A failure never replaces a cached value. All threads that waited for the look-up share its failure: while Slack
    hangs, a crowd would otherwise wait one after the other.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._entries: dict[str, _Entry[T]] = {}
        self._lock = threading.Lock()

    def get(
        self, key: str, ask: Callable[[], T | LookupFailed], keep: Callable[[T | LookupFailed], timedelta]
    ) -> Known[T] | LookupFailed:
        """The cached value unless it is stale, else the result of ``ask``. ``keep`` is the maximum age of a result."""
        with self._lock:
            if len(self._entries) >= MOST_KEPT:
                self._entries.clear()
            entry = self._entries.setdefault(key, _Entry(threading.Lock()))
        rounds = entry.rounds
        with entry.lock:
            if entry.known is not None and self._is_young(entry.known.asked, keep(entry.known.value)):
                return entry.known
            if entry.failed is not None and (
                entry.rounds != rounds or self._is_young(entry.failed_at, keep(entry.failed))
            ):
                return entry.failed
            asked = moment(self._clock)
            answer = ask()
            entry.rounds += 1
            if isinstance(answer, LookupFailed):
                entry.failed, entry.failed_at = answer, moment(self._clock)
                return answer
            entry.known, entry.failed = Known(answer, asked), None
            return entry.known

    def _is_young(self, since: Moment | None, keep: timedelta) -> bool:
        return since is not None and bool(keep) and age(since, self._clock) <= keep
