"""Notices that the wall clock was set, by comparing it with the monotonic clock, and corrects the due times.

Times in memory need no care: ``bot.domain.age`` treats a reading from before a step back as stale. In the ledger, due
times are times of the wall clock, since other processes read them; so after a step, and once at the start (the
clock may have been set while the bot was down), each is pulled back to where it may lie at most.

After a step forward deadlines hold as they are shown on the cards: a card whose time is over by the wall clock cannot
be confirmed any more, which is safe. But the bot must not post that nobody confirmed in time, since nobody
knows whether that time has passed: the clock may have been wrong before or after, or the machine was suspended.
"""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

import structlog

from bot.deletion import send
from bot.domain import evidence
from bot.domain.age import NO_AGE, Moment, moment, stepped
from bot.domain.ledger_port import Longest
from bot.domain.ports import Ports
from bot.workers import deliver, read

log = structlog.get_logger(__name__)


class ClockWatch:
    """Looks at the clocks before each round of the workers that expire cards, take over, and read.

    The others go by the ledger's times too, and follow within a second.
    """

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._lock = threading.Lock()
        self._seen = moment(ports.clock)
        self._has_started = self._is_following = False
        self._jumps: list[tuple[datetime, datetime]] = []
        """The steps forward since the last one back: from when to when."""

    def run_once(self) -> bool:
        """Follow a step, if there was one; False while another worker is at it. Raises ``LedgerTrouble``.

        A worker that gets False skips its round: it would act on due times that are not corrected yet. It does not
        block, because a transaction may take long.
        """
        with self._lock:
            if self._is_following:
                return False
            now = moment(self._ports.clock)
            step = stepped(self._seen, now)
            if self._has_started and not step:
                self._seen = now
                return True
            self._is_following = True
        try:
            self._follow(now, step)
        finally:
            self._is_following = False
        return True

    def _follow(self, now: Moment, step: timedelta) -> None:
        count = self._ports.ledger.follow_clock(now.at, step, longest(self._ports))
        if count is None:
            return
        if step > NO_AGE:
            self._jumps.append((now.at - step, now.at))
        elif step < NO_AGE:
            self._jumps.clear()
        # Only now, so that a step which the ledger refused to follow is tried again.
        self._seen, self._has_started = now, True
        if step or count:
            log.warning("clock_stepped", seconds=step.total_seconds(), count=count)

    def jumped(self, at: datetime) -> bool:
        """Whether the clock was set forward past that moment, so that it never was."""
        return any(before < at <= after for before, after in self._jumps)


def longest(ports: Ports) -> Longest:
    """How far off each kind of due time may lie."""
    config = ports.config
    sent = send.SEND_WITHIN + config.connect_timeout + config.read_timeout
    return Longest(
        card=config.rules.confirm_within,
        settling=max(evidence.SELDOM, config.settle_after),
        correction=evidence.CORRECTION_AFTER,
        read=evidence.DAILY,
        takeover=max(sent, send.LONGEST_WAIT) + send.GRACE,
        retry=timedelta(seconds=deliver.LONGEST_PAUSE),
        lease=timedelta(seconds=read.LEASE_SECONDS),
    )
