"""A simulated Slack, as the ``Messenger`` port: what was posted stands here, made by the real views; and ``People``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bot.domain.age import Moment
from bot.domain.events import Recorded
from bot.domain.model import Actor, Conversation, ConversationKind, Deletion, LookupFailed, Person
from bot.domain.notifications import Notification, NotificationKind, PendingRequest, ResponseUrl
from bot.domain.ports import Called, Delivered, RetryLater, Undeliverable
from handlers.views.blocks import Message
from handlers.views.card import deletion_card
from handlers.views.endings import late_text, restart_text
from handlers.views.freezing import freeze_message
from handlers.views.log_lines import log_lines
from handlers.views.thread import thread_message
from handlers.views.wording import Wording
from tests.support.values import ANNA, BEN, DORA

if TYPE_CHECKING:
    from tests.model.world import Replica, World

WORDING = Wording(help_contact="the platform team")
OPS = "COPS"
DIRECT = "DDIRECT"
AUDIT = "CAUDIT"

Answer = Delivered | RetryLater | Undeliverable

FAULTS: dict[str, tuple[bool, Answer]] = {
    "again in 5 s": (False, RetryLater(5, "ratelimited")),
    "again in 90 s": (False, RetryLater(90, "ratelimited")),
    "silent": (False, RetryLater(1, "TimeoutError", unanswered=True)),
    "silent, but done": (True, RetryLater(1, "TimeoutError", unanswered=True)),
    "gone": (False, Undeliverable("cannot_reply_to_message")),
}
"""Whether the call has its effect, and what is answered."""


@dataclass
class Said:
    """One message as it stands in Slack."""

    ts: str
    where: str
    text: str
    buttons: tuple[str, ...]
    deletion: str
    at: int
    """Its place in the order of all things that happened."""
    thread_ts: str | None = None
    is_card: bool = False
    kind: str = ""
    ever: tuple[str, ...] = ()
    """Every button that ever stood on it: somebody may still see an older version."""
    redrawn_at: list[int] = field(default_factory=list)
    is_late: bool = False
    """Its sender was paused between reading the ledger and posting, so it may speak of a moment that is over."""
    is_redraw_lost: bool = False
    """Slack said once that it can never be redrawn, so it need not show the truth until somebody presses it."""


def buttons_of(message: Message) -> tuple[str, ...]:
    """The action ids of its buttons."""
    return tuple(
        element["action_id"] for block in message.blocks if block["type"] == "actions" for element in block["elements"]
    )


class Slack:
    """The workspace. Every replica speaks to it through its own ``Messenger``."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.messages: list[Said] = []
        self.answers: dict[str, list[str]] = {}
        self.unreachable: set[str] = set()
        """The open answers that Slack said can never be given."""
        self.lost: set[str] = set()
        """The deletions of which a message could not even be given as DM."""
        self.logged: set[int] = set()
        self.is_archived = False
        self._last_ts = 0

    def cards(self) -> list[Said]:
        return [message for message in self.messages if message.is_card]

    def about(self, deletion: str, since: int) -> bool:
        """Whether anything was said or drawn about that deletion since then."""
        return any(
            message.deletion == deletion and (message.at >= since or any(at >= since for at in message.redrawn_at))
            for message in self.messages
        )

    def post(self, message: Message, where: str, deletion: str, **more: Any) -> Said:
        self._last_ts += 1
        said = Said(
            ts=f"{int(self.world.clock.now().timestamp())}.{self._last_ts:06d}",
            where=where,
            text=message.text,
            buttons=buttons_of(message),
            deletion=deletion,
            at=self.world.next_moment(),
            **more,
        )
        said.ever = said.buttons
        self.messages.append(said)
        return said

    def outage(self, kind: str, where: str) -> tuple[bool, Answer]:
        """What the next call of this kind meets."""
        if self.is_archived and where == OPS:
            return False, Undeliverable("is_archived")
        fault = self.world.take_fault(kind)
        return FAULTS[fault] if fault else (True, Delivered())


class SlackMessenger:
    """The ``Messenger`` of one replica."""

    def __init__(self, slack: Slack, replica: Replica) -> None:
        self.slack = slack
        self.world = slack.world
        self.replica = replica

    def post_card(self, deletion: Deletion, earlier: Sequence[Deletion], called: Called) -> Answer:
        card = deletion_card(deletion, WORDING, earlier, called=called)
        self.world.reach("post:before")
        does, answer = self.slack.outage("post", deletion.channel)
        ts = None
        if does:
            ts = self.slack.post(card, deletion.channel, deletion.id, is_card=True).ts
        self.world.reach("post:after")
        return Delivered(ts) if isinstance(answer, Delivered) else answer

    def send(self, notification: Notification, deletion: Deletion) -> Answer:
        card = notification.kind is NotificationKind.CARD
        message = deletion_card(deletion, WORDING) if card else thread_message(notification, deletion, WORDING)
        self.world.judge_telling(notification, deletion, message.text)
        is_late = self.world.reach("tell:before")
        does, answer = self.slack.outage("tell", notification.to)
        if card:
            known = next((one for one in self.slack.messages if one.is_card and one.ts == notification.thread_ts), None)
            if known is None:
                does, answer = False, Undeliverable("message_not_found")
            if known is not None and isinstance(answer, Undeliverable):
                known.is_redraw_lost = True
            if known is not None and does:
                known.text, known.buttons = message.text, buttons_of(message)
                known.ever = tuple(dict.fromkeys((*known.ever, *known.buttons)))
                known.redrawn_at.append(self.world.next_moment())
                known.is_redraw_lost = False
        elif does:
            self.slack.post(
                message,
                notification.to,
                deletion.id,
                thread_ts=notification.thread_ts,
                kind=notification.kind.value,
                is_late=is_late,
            )
        elif isinstance(answer, Undeliverable) and notification.thread_ts is None:
            self.slack.lost.add(deletion.id)
        self.world.reach("tell:after")
        return answer

    def announce(self, notification: Notification) -> Answer:
        freeze_message(notification.facts)
        _, answer = self.slack.outage("tell", notification.to)
        return answer

    def log(self, channel: str, events: Sequence[Recorded], skipped: int) -> Answer:
        log_lines(events, skipped)
        self.world.reach("log:before")
        does, answer = self.slack.outage("log", channel)
        if does:
            self.slack.logged |= {recorded.number for recorded in events}
        self.world.reach("log:after")
        return answer

    def log_head(self, channel: str, number: int, digest: str, typing_errors: int) -> Answer:
        self.world.expect(bool(digest.strip("0")) and number > 0, "an empty trail was shown")
        self.world.reach("log_head:before")
        _, answer = self.slack.outage("log_head", channel)
        self.world.reach("log_head:after")
        return answer

    def answer(
        self,
        waiting: PendingRequest,
        text: str,
        response_url: ResponseUrl | None,
        blocks: Sequence[Mapping[str, Any]] = (),
    ) -> Answer:
        self.world.judge_answer(waiting, text)
        self.world.reach("answer:before")
        does, answer = self.slack.outage("answer", "")
        if does:
            self.slack.answers.setdefault(waiting.id, []).append(text)
        if isinstance(answer, Undeliverable):
            self.slack.unreachable.add(waiting.id)
        self.world.reach("answer:after")
        return answer

    def answer_after_restart(self, waiting: PendingRequest, deletion: Deletion | None) -> Answer:
        return self.answer(waiting, restart_text(waiting, deletion, WORDING, self.link), None)

    def answer_late(self, waiting: PendingRequest) -> Answer:
        return self.answer(waiting, late_text(waiting), None)

    def link(self, deletion: Deletion) -> str | None:
        return f"https://slack.example/{deletion.message_ts}" if deletion.message_ts else None


OPERATORS = (ANNA, BEN, DORA)
"""Listed; Dora loses and regains her right. Carl is a stranger."""


class SlackPeople:
    """The ``People`` port: who somebody is at this moment, or a look-up that failed."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.deactivated: set[Actor] = set()

    def person(self, actor: Actor, *, fresh: bool = False, since: Moment | None = None) -> Person | LookupFailed:
        self.world.reach("person:before")
        found: Person | LookupFailed = Person(
            actor, frozenset({actor.user}), is_own=True, is_deactivated=actor in self.deactivated
        )
        if self.world.take_fault("person"):
            found = LookupFailed("ratelimited")
        self.world.saw("person", actor, found, fresh)
        self.world.reach("person:after")
        return found

    def conversation(
        self, channel: str, *, fresh: bool = False, since: Moment | None = None
    ) -> Conversation | LookupFailed:
        self.world.reach("place:before")
        kind = ConversationKind.DIRECT if channel == DIRECT else ConversationKind.CHANNEL
        found: Conversation | LookupFailed = Conversation(
            channel, kind, is_archived=self.world.slack.is_archived and channel == OPS
        )
        if self.world.take_fault("place"):
            found = LookupFailed("fatal_error")
        self.world.saw("place", channel, found, fresh)
        self.world.reach("place:after")
        return found

    def may_operate(self, actor: Actor) -> bool:
        return actor in OPERATORS and actor not in self.deactivated
