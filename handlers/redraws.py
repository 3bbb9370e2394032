"""A rate limit for redraws by people who may not act on the card."""

from __future__ import annotations

import threading
from datetime import timedelta

from bot.domain.age import Clocks, Moment, age, moment

EVERY = timedelta(minutes=1)
MOST_KEPT = 2000
"""Most messages remembered; the one with the oldest redraw is forgotten first."""


class Redraws:
    """When this process last redrew each message.

    Slack allows some fifty updates a minute for all cards together (rulebook of surfaces 7.2), and anybody can press a
    dead button any number of times. The limit is per replica.
    """

    def __init__(self) -> None:
        self._drawn: dict[tuple[str, str], Moment] = {}
        self._lock = threading.Lock()

    def is_due(self, channel: str, ts: str, clocks: Clocks) -> bool:
        """Whether the last redraw was at least a minute ago, or never; if so, now counts as the last one."""
        with self._lock:
            last = self._drawn.get((channel, ts))
            if last is not None and age(last, clocks) < EVERY:
                return False
            # Removed first, so that the dict is ordered by age.
            self._drawn.pop((channel, ts), None)
            self._drawn[channel, ts] = moment(clocks)
            if len(self._drawn) > MOST_KEPT:
                del self._drawn[next(iter(self._drawn))]
            return True
