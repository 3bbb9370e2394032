"""One line of the log for each event of the audit trail, once it is written: what happened, and to which deletion.

Those that AUDIT_CHANNEL is told too are logged at INFO, the rest (looks, clicks, messages told …) at DEBUG. A line
holds ids and codes only, as the event does; what else is in the event stays there.
"""

from __future__ import annotations

import structlog

from bot.domain.events import Event, is_shown

log = structlog.get_logger(__name__)

FACTS = {
    **{name: name for name in ("status", "code", "cause", "attempt", "why")},
    "reason": "why",
    "means": "outcome",
}
"""Facts of events that a line has too, and what they are called there."""


def log_event(event: Event) -> None:
    """Log what was just written."""
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
