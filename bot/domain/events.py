"""The closed vocabulary of the audit trail. Pure.

An ``Event`` is written in the transaction of the change that it records.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from bot.domain.model import Actor, Deletion, DeletionId, JobId
from bot.domain.refusals import TYPING_ERRORS


class Kind(StrEnum):
    """Every kind of event there is. The comment names the step or the moment it belongs to."""

    COMMAND = "command"  # somebody typed the command; no change of state
    CLICK = "click"  # somebody pressed a button; no change of state
    REFUSED = "refused"  # a command or click was answered with no; state unchanged unless facts.state says so
    PROPOSED = "proposed"  # NEW -> AWAITING
    NOT_OFFERED = "not_offered"  # NEW or AWAITING -> REFUSED
    CARD_POSTED = "card_posted"  # the card's ts is known; AWAITING stays
    CANCELLED = "cancelled"  # AWAITING -> CANCELLED
    EXPIRED = "expired"  # AWAITING -> EXPIRED
    CLAIMED = "claimed"  # AWAITING -> DELETING, or DELETING -> DELETING for the next attempt
    REPLIED = "replied"  # a reply to DELETE that does not itself end the deletion (throttled, late)
    OUTCOME = "outcome"  # -> DELETED or FAILED, by a reply
    UNKNOWN = "unknown"  # DELETING -> UNKNOWN
    READ = "read"  # one settling read or look-up after the outcome
    SETTLED = "settled"  # UNKNOWN -> DELETED or FAILED, by reading
    CORRECTED = "corrected"  # an outcome recorded earlier turned out to be wrong
    CLOSED_BY_HAND = "closed_by_hand"  # UNKNOWN -> DELETED or FAILED, a person's word
    DELIVERED = "told"  # Slack took a message; the word is that of version 0.1.0
    NOT_DELIVERED = "not_told"  # the channel or message is gone; the message went elsewhere or nowhere
    RESTARTED = "restarted"  # a pending request was answered after a crash
    BREAKER_OPENED = "breaker_opened"
    BREAKER_CLOSED = "breaker_closed"
    FROZEN = "frozen"
    UNFROZEN = "unfrozen"
    LOST_COMMITS = "lost_commits"  # the ledger lost a claim or an outcome; its sender records here what it knows
    PRUNED = "pruned"  # events up to a checkpoint may be deleted from now on; written before the first is


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the audit trail before it has a number and a hash.

    ``facts`` holds short strings, numbers, booleans, None, and flat lists or dicts of them. It holds no names, reasons,
    secrets or free text from outside.
    """

    kind: Kind
    at: datetime
    actor: Actor | None = None
    channel: str | None = None
    deletion: DeletionId | None = None
    job: JobId | None = None
    request_id: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Recorded:
    """An event of the trail. Numbers start at 1 and have no gaps; ``text`` is exactly the text that was hashed."""

    number: int
    event: Event
    text: str
    previous_hash: str
    hash: str


def event_about(
    kind: Kind,
    deletion: Deletion,
    at: datetime,
    actor: Actor | None = None,
    *,
    request_id: str | None = None,
    **facts: Any,
) -> Event:
    """An event of this deletion, with its channel and job filled in."""
    return Event(
        kind,
        at,
        actor,
        channel=deletion.channel,
        deletion=deletion.id,
        job=deletion.job.job_id,
        request_id=request_id,
        facts=facts,
    )


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
        Kind.LOST_COMMITS,
        Kind.PRUNED,
    }
)


def is_shown(event: Event) -> bool:
    """Whether people are shown it. A person's NOT_OFFERED is left out, because their REFUSED event is shown."""
    return event.kind in SHOWN or (event.kind is Kind.NOT_OFFERED and event.actor is None)


def is_typing_error(event: Event) -> bool:
    """Whether it refuses a command that broke a rule of its grammar. The running log counts these once a day."""
    return event.kind is Kind.REFUSED and event.facts.get("reason") in TYPING_ERRORS
