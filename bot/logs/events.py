"""One line of the log for each event of the audit trail, once it is written: what happened, and to which deletion.

Events that AUDIT_CHANNEL shows are logged at INFO, the rest (look-ups, clicks, delivered messages …) at DEBUG. A line
holds ids and codes only; the event's other facts stay in the ledger.
"""

from __future__ import annotations

from collections.abc import Iterable

import structlog

from bot.domain.events import Event, is_shown
from bot.domain.lifecycle import Step

log = structlog.get_logger(__name__)

FACTS = {
    **{name: name for name in ("status", "code", "cause", "attempt", "why")},
    "reason": "why",
    "means": "outcome",
}
"""Facts of events that are logged, with their names in the log."""


def log_events(events: Iterable[Event], _step: Step | None) -> None:
    """Log the events of one commit; an observer of the ledger."""
    for event in events:
        _log_event(event)


def _log_event(event: Event) -> None:
    fields = {
        "deletion": event.deletion,
        "job": event.job,
        "actor": event.actor and event.actor.user,
        "channel": event.channel,
        "request_id": event.request_id,
        **{field: event.facts[fact] for fact, field in FACTS.items() if fact in event.facts},
    }
    write = log.info if is_shown(event) else log.debug
    write("recorded", kind=event.kind.value, **{name: value for name, value in fields.items() if value is not None})
