"""What Slack and people are owed: messages about a deletion, and answers to a command or click. Pure.

A message is written in the transaction of the change it is about, so an outcome cannot be recorded and then forgotten.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from bot.domain.model import Actor, Deletion, DeletionId, JobId
from bot.domain.refusals import Refused


class NotificationKind(StrEnum):
    """What a message is about; the views know how each reads."""

    CARD = "card"  # redraw the card to the deletion's present state
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REFUSED = "refused"
    OUTCOME = "outcome"
    UNKNOWN = "unknown"
    SETTLED = "settled"
    CORRECTION = "correction"
    INSPECTED = "looked"  # the look-up after an outcome
    LATE = "late"  # a reply that came after the outcome was settled and changes nothing
    UNDETERMINED = "undetermined"  # 24 hours and still unknown
    CLOSED = "closed"
    REMINDER = "reminder"  # half of the card's time is over, and it still waits
    NOTICE = "notice"  # freeze, lost commits


QUOTES_THE_TRAIL = frozenset(
    {
        NotificationKind.CANCELLED,
        NotificationKind.EXPIRED,
        NotificationKind.REFUSED,
        NotificationKind.OUTCOME,
        NotificationKind.UNKNOWN,
        NotificationKind.SETTLED,
        NotificationKind.CORRECTION,
        NotificationKind.CLOSED,
    }
)
"""Messages of how a deletion stands. Each shows the event that recorded it, for the channel to bear witness."""


@dataclass(frozen=True, slots=True)
class Notification:
    """A message about a deletion that Slack has to take. Rendered from the deletion when it is sent.

    ``thread`` orders messages: within one thread they leave in the order they were written.
    ``to`` is a channel id, or a user id when the message goes as DM because the thread is gone.
    """

    kind: NotificationKind
    deletion: DeletionId
    to: str
    thread_ts: str | None
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def thread(self) -> str:
        """The key that orders messages.

        Redrawing a card says nothing that the thread does not say, so one that fails must not hold up the thread.
        """
        return f"{self.to}/{self.thread_ts or ''}{'/card' if self.kind is NotificationKind.CARD else ''}"


@dataclass(frozen=True, slots=True)
class Due:
    """A ``Notification`` leased by this process: ``number`` is its key in the outbox, ``attempts`` counts failures."""

    number: int
    notification: Notification
    attempts: int
    written_at: datetime


@dataclass(frozen=True, slots=True)
class PendingRequest:
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
    request: str | None = None
    """A digest that tells this request of Slack's from every other one, so that it is served once. It is kept in a
    table of its own for ten minutes and never comes back from there."""

    @property
    def about(self) -> DeletionId | None:
        """The deletion that it is about: an asker's own id is that of the deletion that the command is to become."""
        return self.deletion or (DeletionId(self.id) if self.job else None)


def notifications_about(deletion: Deletion, kind: NotificationKind, **facts: Any) -> tuple[Notification, ...]:
    """A message for the deletion's thread, and its card drawn anew behind it; nothing where there is no card."""
    if deletion.message_ts is None:
        return ()
    return (
        Notification(kind, deletion.id, deletion.channel, deletion.message_ts, facts),
        Notification(NotificationKind.CARD, deletion.id, deletion.channel, deletion.message_ts),
    )


def refusal_facts(no: Refused) -> dict[str, object]:
    """What a message about a refusal needs to remember, in JSON's types."""
    facts: dict[str, object] = {"reason": str(no.reason)}
    if "differs" in no.facts:
        facts["differs"] = [list(row) for row in no.facts["differs"]]
    for name in ("why", "earlier"):
        if name in no.facts:
            facts[name] = no.facts[name]
    reply = no.facts.get("reply")
    if reply is not None:
        facts |= {"status": reply.status, "code": reply.code, "request_id": reply.request_id}
    return facts
