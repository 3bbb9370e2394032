"""The closed vocabulary of the audit trail and of what is told, as values. Pure.

An ``Event`` is written in the transaction of the change it records. A ``Tell`` is a message that Slack still has to
take; it is written in the same transaction, so an outcome cannot be recorded and then forgotten.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from bot.model import Actor, Deletion, DeletionId, JobId


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
    CORRECTED = "corrected"  # what was said before turned out to be wrong
    CLOSED_BY_HAND = "closed_by_hand"  # UNKNOWN -> DELETED or FAILED, a person's word
    TOLD = "told"  # Slack took a message
    NOT_TOLD = "not_told"  # the place is gone; the message went elsewhere or nowhere
    RESTARTED = "restarted"  # somebody's open answer was given after a crash
    BREAKER_OPENED = "breaker_opened"
    BREAKER_CLOSED = "breaker_closed"
    FROZEN = "frozen"
    UNFROZEN = "unfrozen"
    PRUNED = "pruned"  # events up to a checkpoint may go from now on; written before they do


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the audit trail before it has a number and a hash.

    ``facts`` holds short strings, numbers, booleans, None, and flat lists or dicts of them: no names, reasons, secrets
    or free text from outside.
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
    """An event as it stands in the trail: numbered from 1 without gaps, ``text`` is exactly what was hashed."""

    number: int
    event: Event
    text: str
    previous_hash: str
    hash: str


class TellKind(StrEnum):
    """What a message is about; the views know how each reads."""

    CARD = "card"  # redraw the card to the deletion's present state
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REFUSED = "refused"
    OUTCOME = "outcome"
    UNKNOWN = "unknown"
    SETTLED = "settled"
    CORRECTION = "correction"
    LOOKED = "looked"  # the look-up after an outcome
    LATE = "late"  # a reply that came after the outcome was settled and changes nothing
    UNDETERMINED = "undetermined"  # 24 hours and still unknown
    CLOSED = "closed"
    REMINDER = "reminder"  # half of the card's time is over, and it still waits
    NOTICE = "notice"  # freeze


QUOTES_THE_TRAIL = frozenset(
    {
        TellKind.CANCELLED,
        TellKind.EXPIRED,
        TellKind.REFUSED,
        TellKind.OUTCOME,
        TellKind.UNKNOWN,
        TellKind.SETTLED,
        TellKind.CORRECTION,
        TellKind.CLOSED,
    }
)
"""Messages of how a deletion stands. Each shows the event that recorded it, for the channel to bear witness."""


@dataclass(frozen=True, slots=True)
class Tell:
    """A message about a deletion that Slack has to take. Rendered from the deletion when it is sent.

    ``thread`` orders messages: within one thread they leave in the order they were written.
    ``to`` is a channel id, or a user id when the message goes as DM because the thread is gone.
    """

    kind: TellKind
    deletion: DeletionId
    to: str
    thread_ts: str | None
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def thread(self) -> str:
        """The key that orders messages.

        Redrawing a card says nothing that the thread does not say, so one that fails must not hold up the thread.
        """
        return f"{self.to}/{self.thread_ts or ''}{'/card' if self.kind is TellKind.CARD else ''}"


@dataclass(frozen=True, slots=True)
class Due:
    """A ``Tell`` under this process's lease: ``number`` is its place in the outbox, ``attempts`` counts failures."""

    number: int
    tell: Tell
    attempts: int
    written_at: datetime


@dataclass(frozen=True, slots=True)
class Waiting:
    """Somebody who is owed an answer. Never holds a ``response_url``: that is a secret and lives in memory only.

    ``text`` is the answer itself once it is known but could not be given yet.
    """

    id: str
    kind: str
    """``command`` or ``click``."""
    actor: Actor
    channel: str
    since: datetime
    thread_ts: str | None = None
    job: JobId | None = None
    deletion: DeletionId | None = None
    text: str | None = None

    @property
    def about(self) -> DeletionId | None:
        """The deletion that it is about: an asker's own id is that of the deletion that the command is to become."""
        return self.deletion or (DeletionId(self.id) if self.job else None)


def event_about(
    kind: Kind,
    deletion: Deletion,
    at: datetime,
    actor: Actor | None = None,
    *,
    request_id: str | None = None,
    **facts: Any,
) -> Event:
    """An event of this deletion, with its place and job filled in."""
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


def tells_about(deletion: Deletion, kind: TellKind, **facts: Any) -> tuple[Tell, ...]:
    """A message for the deletion's thread, and its card drawn anew behind it; nothing where there is no card."""
    if deletion.message_ts is None:
        return ()
    return (
        Tell(kind, deletion.id, deletion.channel, deletion.message_ts, facts),
        Tell(TellKind.CARD, deletion.id, deletion.channel, deletion.message_ts),
    )
