"""What AUDIT_CHANNEL gets: a line per refusal, request, decision and outcome, and once a day the head of the trail.

Typing errors have no lines; the message with the head says how many there were.

The running log is a cursor over the trail and holds no events itself. Many events become one message. A backlog that
nobody would read is skipped, and the message says so. A crash between the post and the cursor repeats a
message.
"""

from __future__ import annotations

from datetime import timedelta

import structlog

from bot.domain.events import Event, is_shown, is_typing_error
from bot.domain.ports import Delivered, Ports, RetryLater, Undeliverable

log = structlog.get_logger(__name__)

MOST_LINES = 7
"""So many fit into one message; see the views' limit for a line."""
MOST_BEHIND = 1000
LEASE_SECONDS = 60.0
WHEN_GONE = 600.0
A_DAY = timedelta(days=1)


def has_a_line(event: Event) -> bool:
    """Whether the running log has a line for it."""
    return is_shown(event) and not is_typing_error(event)


class RunningLog:
    """Posts the trail to one channel. Its only memory is the time until which Slack asked it to wait."""

    def __init__(self, ports: Ports, channel: str) -> None:
        self._ports = ports
        self._channel = channel
        self._not_before: float | None = None

    def run_once(self) -> int:
        """Post the next lines; returns how many events were passed."""
        now, up = self._ports.clock.now(), self._ports.clock.monotonic()
        if self._not_before is not None and up < self._not_before:
            return 0
        ledger = self._ports.ledger
        head, _ = ledger.trail.head()
        if ledger.running_log.cursor(self._channel) >= head:
            return 0
        cursor = ledger.running_log.lease(self._channel, now, seconds=LEASE_SECONDS)
        if cursor is None:
            return 0  # Another replica is posting.
        skipped = max(head - cursor - MOST_BEHIND, 0)
        events = ledger.trail.events(after=cursor + skipped, limit=MOST_LINES)
        if not events:
            return 0  # Another replica has posted them meanwhile.
        shown = [recorded for recorded in events if has_a_line(recorded.event)]
        answer = self._ports.messenger.log(self._channel, shown, skipped) if shown or skipped else Delivered()
        if isinstance(answer, Delivered):
            ledger.running_log.advance(self._channel, events[-1].number)
            return len(events)
        if isinstance(answer, Undeliverable):
            log.error("audit_channel_gone", code=answer.why)
        self._not_before = up + (answer.after if isinstance(answer, RetryLater) else WHEN_GONE)
        return 0


class DailyHead:
    """Posts the newest event's number and hash soon after midnight UTC, or at the first start of the day.

    It is a witness outside of the ledger. A chain cannot show that all of it was computed anew; an attacker who
    does that cannot change the message in the channel.

    The day is claimed in the ledger first, so that one of several replicas posts. A post that Slack does not take
    is kept in memory and repeated. If the process ends before, that day has no head, and the next day's covers it.
    """

    def __init__(self, ports: Ports, channel: str) -> None:
        self._ports = ports
        self._channel = channel
        self._day = 0
        """The last day that somebody has claimed, as far as this process knows."""
        self._is_owed = False
        self._not_before: float | None = None

    def run_once(self) -> int:
        """Post the head if this process is to; returns how many were posted."""
        up = self._ports.clock.monotonic()
        today = self._ports.clock.now().toordinal()
        if today != self._day and self._ports.ledger.trail.head()[0]:
            self._is_owed = self._ports.ledger.running_log.claim_day(self._channel, today) or self._is_owed
            self._day = today
        if not self._is_owed or (self._not_before is not None and up < self._not_before):
            return 0
        number, digest = self._ports.ledger.trail.head()
        typing_errors = self._ports.ledger.overview.typing_errors(self._ports.clock.now() - A_DAY)
        answer = self._ports.messenger.log_head(self._channel, number, digest, typing_errors)
        if isinstance(answer, RetryLater):
            self._not_before = up + answer.after
            return 0
        self._is_owed, self._not_before = False, None
        if isinstance(answer, Delivered):
            return 1
        log.error("audit_channel_gone", code=answer.why)
        return 0
