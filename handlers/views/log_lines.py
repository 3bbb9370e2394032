"""One line per event for AUDIT_CHANNEL. Pure. No reasons and no names of jobs. People are ids, not mentions."""

from __future__ import annotations

from collections.abc import Sequence

from bot.audit.witness import short
from bot.domain.events import Event, Kind, Recorded
from handlers.views.blocks import code, cut, when

WORDS: dict[Kind, str] = {
    Kind.REFUSED: "refused",
    Kind.PROPOSED: "asked; a card was offered",
    Kind.NOT_OFFERED: "closed as refused",
    Kind.CANCELLED: "cancelled",
    Kind.EXPIRED: "expired",
    Kind.CLAIMED: "confirmed; the DELETE was cleared for sending",
    Kind.OUTCOME: "outcome",
    Kind.UNKNOWN: "outcome unknown; being found out",
    Kind.SETTLED: "found out by reading",
    Kind.CORRECTED: "corrected",
    Kind.CLOSED_BY_HAND: "closed by hand",
    Kind.BREAKER_OPENED: "the bot's credentials were rejected; calls to MetaStudio are stopped",
    Kind.BREAKER_CLOSED: "MetaStudio accepts the credentials again",
    Kind.FROZEN: "deletions are frozen",
    Kind.UNFROZEN: "deletions are allowed again",
    Kind.LOST_COMMITS: "the bot's database lost commits",
    Kind.PRUNED: "pruned: old events or personal data were removed by the person who runs the bot",
}

LINE_LIMIT = 415
"""Characters. All lines of one message fit into one section, so no event that counts as delivered is cut."""

LEAST_ROOM = 20
SEPARATOR = " · "

SHOWN_FACTS = (
    "reason",
    "why",
    "means",
    "found",
    "status",
    "code",
    "cause",
    "attempt",
    "word",
    "late",
    "stood",
    "up_to",
    "redacted",
)


def log_lines(events: Sequence[Recorded], skipped: int) -> list[str]:
    """The lines of one message."""
    first = [f"{skipped} earlier events are not shown here; the audit trail has them all."] if skipped else []
    return [*first, *(log_line(recorded) for recorded in events)]


def head_line(number: int, digest: str, typing_errors: int) -> str:
    """The number and hash of the newest event, posted once a day, and how many typing errors the day had."""
    head = short(number, digest)
    line = (
        f"The audit trail's newest event is {code(head)}. Later on, "
        f"{code(f'dh-bot audit verify --against {head}')} shows whether the trail up to it is still the same."
    )
    if not typing_errors:
        return line
    commands = "1 command" if typing_errors == 1 else f"{typing_errors:,} commands"
    return f"{line}\nTyping errors of the last 24 hours: {commands}. Nothing was done for them."


def log_line(recorded: Recorded) -> str:
    """One event in one line."""
    event = recorded.event
    what = f"{recorded.number}. {when(event.at)} {WORDS.get(event.kind, event.kind.value)}"
    details = [f"{name} {code(str(event.facts[name]))}" for name in SHOWN_FACTS if event.facts.get(name) is not None]
    ids = _ids(event)
    # The details are cut first, since people search for the ids. The audit trail has everything.
    room = max(LINE_LIMIT - len(SEPARATOR.join((what, "", *ids))), LEAST_ROOM)
    return cut(SEPARATOR.join(part for part in (what, cut(SEPARATOR.join(details), room), *ids) if part), LINE_LIMIT)


def _ids(event: Event) -> list[str]:
    ids = [
        f"job {code(event.job)}" if event.job else "",
        f"request ID {code(event.request_id)}" if event.request_id else "",
        f"by {code(event.actor.user)}" if event.actor else "",
        f"in <#{event.channel}>" if event.channel else "",
        f"deletion {code(event.deletion)}" if event.deletion else "",
    ]
    return [one for one in ids if one]
