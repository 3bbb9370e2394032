"""Messages that the bot still has to post: about a deletion, or as the answer to a command or click. Pure.

A message is written in the transaction of its change, so no outcome is recorded without being posted later.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from bot.domain.events import Event
from bot.domain.model import Actor, Deletion, DeletionId, JobId
from bot.domain.refusals import Refused


class NotificationKind(StrEnum):
    """What a message is about; the views render each."""

    CARD = "card"  # redraw the card in the deletion's present state
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REFUSED = "refused"
    OUTCOME = "outcome"
    UNKNOWN = "unknown"
    SETTLED = "settled"
    CORRECTION = "correction"
    INSPECTED = "looked"  # the read after an outcome
    LATE = "late"  # a reply after the outcome was settled, which changes nothing
    UNDETERMINED = "undetermined"  # still unknown after 24 hours
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
"""Messages about the state of a deletion. Each quotes the event that recorded it, as evidence in the channel."""


@dataclass(frozen=True, slots=True)
class Notification:
    """A message about a deletion. It is rendered from the deletion when it is sent.

    ``thread`` orders messages: within one thread they are sent in the order in which they were written.
    ``to`` is a channel id, or a user id when the message is sent as DM because the thread is gone.
    """

    kind: NotificationKind
    deletion: DeletionId
    to: str
    thread_ts: str | None
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def thread(self) -> str:
        """The key that orders messages. Redraws of a card have their own key, so a failing one blocks no thread."""
        return f"{self.to}/{self.thread_ts or ''}{'/card' if self.kind is NotificationKind.CARD else ''}"

    @property
    def is_fleeting(self) -> bool:
        """Whether only the process that wrote it sends it. Any other process that finds it drops it."""
        return self.kind is NotificationKind.CARD and self.facts.get("fleeting") is True


def fleeting_card(deletion: Deletion) -> Notification | None:
    """A redraw of the card that may be lost, since another one follows; None if there is no card."""
    if deletion.message_ts is None:
        return None
    facts = {"fleeting": True}
    return Notification(NotificationKind.CARD, deletion.id, deletion.channel, deletion.message_ts, facts)


@dataclass(frozen=True, slots=True)
class Due:
    """A ``Notification`` leased by this process: ``number`` is its key in the outbox, ``attempts`` counts failures."""

    number: int
    notification: Notification
    attempts: int
    written_at: datetime


class Sent(NamedTuple):
    """A leased message that needs no further try, and the event that says so; a redraw of a card has none."""

    due: Due
    event: Event | None = None


@dataclass(frozen=True, slots=True)
class PendingRequest:
    """A request whose user is owed an answer. Never holds a ``response_url``: that is a secret, kept in memory only.

    ``text`` is the answer, once it is known but Slack has not taken it.
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
    """A digest of Slack's request, so that a repeated one is served once. It is stored in a table of its own for ten
    minutes and never read back into this field."""

    @property
    def about(self) -> DeletionId | None:
        """The deletion that it is about. A command's own id is the id of the deletion that it is to become."""
        return self.deletion or (DeletionId(self.id) if self.job else None)


@dataclass(frozen=True, slots=True)
class ResponseUrl:
    """Slack's address for answers to one request. It is a secret, so it is kept in memory only and never shown."""

    url: str = field(repr=False)
    replaces_ack: bool = False
    """Whether the answer takes the place of the ack's text. Only a command's ack has one: for a click the original is
    the message with the button."""

    def for_a_new_message(self) -> ResponseUrl:
        """The same address for an answer that leaves what was shown before alone."""
        return replace(self, replaces_ack=False)


def notifications_about(deletion: Deletion, kind: NotificationKind, **facts: Any) -> tuple[Notification, ...]:
    """A message for the deletion's thread, followed by a redraw of its card; nothing if there is no card."""
    if deletion.message_ts is None:
        return ()
    return (
        Notification(kind, deletion.id, deletion.channel, deletion.message_ts, facts),
        Notification(NotificationKind.CARD, deletion.id, deletion.channel, deletion.message_ts),
    )


def refusal_facts(no: Refused) -> dict[str, object]:
    """The facts that a message about a refusal needs, in JSON's types."""
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
