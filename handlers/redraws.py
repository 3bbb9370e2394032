"""How often a message is drawn anew for people who may not act on it."""

from __future__ import annotations

import threading
from datetime import timedelta

from bot.domain.age import Clocks, Moment, age, moment

EVERY = timedelta(minutes=1)
MOST_KEPT = 2000
"""Messages that are remembered at most; of the one that was drawn longest ago it is forgotten first."""


class Redraws:
    """When this process last drew each message anew.

    Slack allows some fifty updates a minute for all cards together (rulebook of surfaces 7.2), and anybody who sees a
    dead button can press it any number of times. Each replica remembers for itself, so it is once a minute for each.
    """

    def __init__(self) -> None:
        self._drawn: dict[tuple[str, str], Moment] = {}
        self._lock = threading.Lock()

    def is_due(self, channel: str, ts: str, clocks: Clocks) -> bool:
        """Whether the last time was a minute ago; then it is now."""
        with self._lock:
            last = self._drawn.get((channel, ts))
            if last is not None and age(last, clocks) < EVERY:
                return False
            # Taken out first, so that the oldest stands first.
            self._drawn.pop((channel, ts), None)
            self._drawn[channel, ts] = moment(clocks)
            if len(self._drawn) > MOST_KEPT:
                del self._drawn[next(iter(self._drawn))]
            return True
