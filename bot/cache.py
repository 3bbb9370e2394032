"""Answers that are kept for a short time. One look-up of the same thing runs at a time, so a crowd costs one call."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from bot.model import LookupFailed
from bot.ports import Clock

MOST_KEPT = 2000

T = TypeVar("T")


@dataclass(slots=True)
class _Entry(Generic[T]):
    lock: threading.Lock
    value: T | None = None
    at: datetime | None = None
    failed: LookupFailed | None = None
    failed_at: datetime | None = None
    rounds: int = 0
    """How many look-ups have ended: whoever waited for one finds another number than before."""


class Cache(Generic[T]):
    """Answers by key, each asked by one thread at a time.

    A failure never replaces what was known. It is shared with everybody who waited for the same look-up: where Slack
    hangs, a crowd would otherwise wait one after the other.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._entries: dict[str, _Entry[T]] = {}
        self._lock = threading.Lock()

    def get(
        self, key: str, ask: Callable[[], T | LookupFailed], keep: Callable[[T | LookupFailed], timedelta]
    ) -> T | LookupFailed:
        """The kept answer while it is no older than ``keep`` says of it, else what ``ask`` says now."""
        with self._lock:
            if len(self._entries) >= MOST_KEPT:
                self._entries.clear()
            entry = self._entries.setdefault(key, _Entry(threading.Lock()))
        rounds = entry.rounds
        with entry.lock:
            if entry.value is not None and self._is_young(entry.at, keep(entry.value)):
                return entry.value
            if entry.failed is not None and (
                entry.rounds != rounds or self._is_young(entry.failed_at, keep(entry.failed))
            ):
                return entry.failed
            # The age counts from before the call: that long ago it may already have been decided.
            asked_at = self._clock.now()
            answer = ask()
            entry.rounds += 1
            if isinstance(answer, LookupFailed):
                entry.failed, entry.failed_at = answer, self._clock.now()
            else:
                entry.value, entry.at, entry.failed = answer, asked_at, None
            return answer

    def _is_young(self, at: datetime | None, keep: timedelta) -> bool:
        return at is not None and bool(keep) and self._clock.now() - at <= keep
