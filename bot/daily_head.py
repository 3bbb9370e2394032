"""Once a day the newest event's number and hash go to AUDIT_CHANNEL: a witness outside of the ledger.

A chain cannot show that all of it was computed anew. Whoever would do that cannot change what stands in the channel.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog

from bot.ports import Again, Ports, Told

log = structlog.get_logger(__name__)


class DailyHead:
    """Posts it soon after midnight UTC, or at the first start of the day.

    The day is claimed in the ledger first, so that one of several replicas posts. What Slack does not take is kept in
    memory and repeated; if the process ends before, that day goes without, and the next day's head covers it.
    """

    def __init__(self, ports: Ports, channel: str) -> None:
        self._ports = ports
        self._channel = channel
        self._day = 0
        """The last day that somebody has claimed, as far as this process knows."""
        self._is_owed = False
        self._not_before: datetime | None = None

    def run_once(self) -> int:
        """Post the head if this process is to; returns how many were posted."""
        now = self._ports.clock.now()
        today = now.toordinal()
        if today > self._day and self._ports.ledger.head()[0]:
            self._is_owed = self._ports.ledger.claim_day(self._channel, today) or self._is_owed
            self._day = today
        if not self._is_owed or (self._not_before is not None and now < self._not_before):
            return 0
        number, digest = self._ports.ledger.head()
        answer = self._ports.teller.log_head(self._channel, number, digest)
        if isinstance(answer, Again):
            self._not_before = now + timedelta(seconds=answer.after)
            return 0
        self._is_owed, self._not_before = False, None
        if isinstance(answer, Told):
            return 1
        log.error("audit_channel_gone", code=answer.why)
        return 0
