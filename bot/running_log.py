"""The running log in AUDIT_CHANNEL: one line per refusal, request, decision and outcome.

It is a cursor over the trail and holds nothing itself, so it is bounded by nature: many events become one message,
and a backlog that nobody would read is skipped in words. A crash between the post and the cursor repeats a message.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog

from bot.ports import Again, Gone, Ports, Told
from bot.trail import Event, Kind

log = structlog.get_logger(__name__)

SHOWN = frozenset(
    {
        Kind.REFUSED,
        Kind.PROPOSED,
        Kind.CANCELLED,
        Kind.EXPIRED,
        Kind.CLAIMED,
        Kind.OUTCOME,
        Kind.UNKNOWN,
        Kind.SETTLED,
        Kind.CORRECTED,
        Kind.CLOSED_BY_HAND,
        Kind.BREAKER_OPENED,
        Kind.BREAKER_CLOSED,
        Kind.FROZEN,
        Kind.UNFROZEN,
        Kind.PRUNED,
    }
)
MOST_LINES = 7
"""So many fit into one message; see the views' limit for a line."""
MOST_BEHIND = 1000
LEASE_SECONDS = 60.0
WHEN_GONE = timedelta(minutes=10)


def is_shown(event: Event) -> bool:
    """One line per happening: a refusal by a person's doing has its own, so only the bot's own closing is shown."""
    return event.kind in SHOWN or (event.kind is Kind.NOT_OFFERED and event.actor is None)


class RunningLog:
    """Tells one channel what the trail says. Remembers only until when Slack asked it to wait."""

    def __init__(self, ports: Ports, channel: str) -> None:
        self._ports = ports
        self._channel = channel
        self._not_before: datetime | None = None

    def run_once(self) -> int:
        """Tell the next lines; returns how many events were passed."""
        now = self._ports.clock.now()
        if self._not_before is not None and now < self._not_before:
            return 0
        ledger = self._ports.ledger
        head, _ = ledger.head()
        if ledger.log_cursor(self._channel) >= head:
            return 0
        cursor = ledger.lease_log(self._channel, now, seconds=LEASE_SECONDS)
        if cursor is None:
            return 0  # Another replica is telling it.
        skipped = max(head - cursor - MOST_BEHIND, 0)
        events = ledger.events(after=cursor + skipped, limit=MOST_LINES)
        if not events:
            return 0  # Another replica has told it meanwhile.
        shown = [recorded for recorded in events if is_shown(recorded.event)]
        answer = self._ports.teller.log(self._channel, shown, skipped) if shown or skipped else Told()
        if isinstance(answer, Told):
            ledger.advance_log(self._channel, events[-1].number)
            return len(events)
        if isinstance(answer, Gone):
            log.error("audit_channel_gone", code=answer.why)
        self._not_before = now + (timedelta(seconds=answer.after) if isinstance(answer, Again) else WHEN_GONE)
        return 0
