"""Sends recorded messages to Slack until Slack takes them. A duplicate post is preferred to a lost one.

Within one thread messages leave in the order in which they were written. When a place is gone, the people concerned
get the message as DM. Nothing here is on the path of an ack.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, NamedTuple

import structlog

from bot.domain.age import Moment, age, moment
from bot.domain.events import Event, Kind, event_about
from bot.domain.ledger_port import LedgerTrouble
from bot.domain.model import Deletion, DeletionId
from bot.domain.notifications import Due, Notification, NotificationKind, Sent
from bot.domain.ports import Delivered, Ports, RetryLater, Undeliverable
from bot.logs import about

log = structlog.get_logger(__name__)

LEASE_SECONDS = 60.0
LEASE = timedelta(seconds=LEASE_SECONDS)
FRESH = timedelta(seconds=1)
"""Maximum age of the read by which a message is sent."""
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 600.0
ABOUT_ONE_MOMENT = frozenset(
    {
        *(
            NotificationKind.REMINDER,
            NotificationKind.OUTCOME,
            NotificationKind.UNKNOWN,
            NotificationKind.SETTLED,
            NotificationKind.UNDETERMINED,
        ),
        NotificationKind.INSPECTED,
    }
)
"""Messages about the state at the time of writing. Once the state has moved on they would be untrue and are dropped: a
later message of the same thread says how the deletion stands."""


def deliver(notifications: Iterable[Notification], ports: Ports, on_trouble: Callable[[LedgerTrouble], None]) -> None:
    """Send the waiting messages of these threads, in order, until one has to wait. Never raises ``LedgerTrouble``."""
    # In their order, each once.
    waiting: Collection[str] = dict.fromkeys(notification.thread for notification in notifications)
    try:
        while waiting:
            leased_at = moment(ports.clock)
            due = ports.ledger.outbox.lease(leased_at.at, threads=waiting, seconds=LEASE_SECONDS)
            waiting = send(due, leased_at, ports)
    except LedgerTrouble as trouble:
        # The messages stand in the ledger, so nothing is lost: the worker sends them when the ledger is back.
        on_trouble(trouble)


class Reads:
    """Deletions as they were read after the lease, and within the last second.

    An earlier read would not do: a message that was written meanwhile would be judged, and a card drawn, by the row of
    before. A change that comes after the lease finds the card's row leased, and so writes another one.
    """

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._found: dict[DeletionId, tuple[Deletion | None, Moment]] = {}

    def deletion(self, id_: DeletionId) -> Deletion | None:
        """The deletion; raises ``LedgerTrouble``."""
        if id_ in self._found:
            found, read_at = self._found[id_]
            if age(read_at, self._ports.clock) < FRESH:
                return found
        read_at = moment(self._ports.clock)
        found = self._ports.ledger.deletions.get(id_)
        self._found[id_] = found, read_at
        return found


def send(due: Sequence[Due], leased_at: Moment, ports: Ports) -> Collection[str]:
    """Send leased messages, each of another thread. Returns those threads in which others wait that may be sent now.

    What Slack took is recorded together, also where a later message of these fails. A crash before that repeats these
    messages; none is lost.
    """
    sent: list[Sent] = []
    waiting: set[str] = set()
    reads = Reads(ports)

    def record() -> None:
        if sent:
            done, sent[:] = tuple(sent), []
            waiting.update(ports.ledger.outbox.mark_delivered(*done))

    try:
        for one in due:
            with about(one.notification.deletion):
                done = _send(one, leased_at, reads, ports)
                match done:
                    case Sent():
                        sent.append(done)
                    case Elsewhere():
                        record()
                        waiting.update(ports.ledger.outbox.mark_delivered(done.sent, then=done.then))
                        deliver(done.then, ports, _leave_to_the_worker)
                    case RetryLater():
                        ports.ledger.outbox.reschedule(one, ports.clock.now() + timedelta(seconds=pause(one, done)))
    finally:
        record()
    return waiting


class Elsewhere(NamedTuple):
    """A message whose place is gone, and the messages that replace it in other places."""

    sent: Sent
    then: tuple[Notification, ...]


def _send(due: Due, leased_at: Moment, reads: Reads, ports: Ports) -> Sent | Elsewhere | RetryLater | None:
    """Send one message; None if its lease is over."""
    notification = due.notification
    deletion = reads.deletion(notification.deletion) if notification.deletion else None
    # A fleeting redraw that waits is a turn of ``Ledger.cards`` whose process is gone or gave it up.
    if notification.is_fleeting or (
        notification.deletion and (deletion is None or is_overtaken(notification, deletion))
    ):
        return Sent(due)
    if age(leased_at, ports.clock) >= LEASE:
        # Another replica may be sending it and its successors by now; this one would come after them.
        return None
    answer = _say(notification, deletion, ports)
    if isinstance(answer, RetryLater):
        return answer
    if isinstance(answer, Undeliverable):
        event = _event(Kind.NOT_DELIVERED, due, deletion, ports, why=answer.why)
        return Elsewhere(Sent(due, event), tuple(_elsewhere(notification, deletion, ports.config.audit_channel)))
    # The thread says everything that a redrawn card says, so a redraw is no event of its own.
    is_card = notification.kind is NotificationKind.CARD
    return Sent(due, None if is_card else _event(Kind.DELIVERED, due, deletion, ports, ts=answer.ts))


def _say(notification: Notification, deletion: Deletion | None, ports: Ports) -> Delivered | RetryLater | Undeliverable:
    try:
        return ports.messenger.send(notification, deletion) if deletion else ports.messenger.announce(notification)
    except Exception:
        # A newer version may have written a message that this one cannot render. It must not hold up other threads.
        log.exception("telling_failed")
        return RetryLater(LONGEST_PAUSE, "bug")


def is_overtaken(notification: Notification, deletion: Deletion) -> bool:
    """Whether the state that the message is about has passed."""
    return notification.kind in ABOUT_ONE_MOMENT and notification.facts.get("state") not in {None, deletion.state.value}


def pause(due: Due, answer: RetryLater) -> float:
    """Seconds until the next try: Slack's own wish, or twice as long each time up to ten minutes."""
    return max(answer.after, min(FIRST_PAUSE * 2.0 ** min(due.attempts, 10), LONGEST_PAUSE))


def _elsewhere(
    notification: Notification, deletion: Deletion | None, audit_channel: str | None
) -> Iterable[Notification]:
    """The same message as DM for the requester and the confirmer, and for the audit channel.

    A card needs none, nor does a message that has no thread: an announcement, or one that was sent elsewhere already.
    """
    if deletion is None or notification.kind is NotificationKind.CARD or notification.thread_ts is None:
        return
    people = (actor.user for actor in (deletion.requester, deletion.confirmer) if actor)
    for person in dict.fromkeys(people):
        yield replace(notification, to=person, thread_ts=None)
    if audit_channel:
        yield replace(notification, to=audit_channel, thread_ts=None, facts=_nameless(notification.facts))


def _nameless(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The same facts without the name, for the audit channel: that it differs, but not from what to what."""
    if "differs" not in facts:
        return dict(facts)
    differs = [[name, None, None] if name == "name" else [name, then, now] for name, then, now in facts["differs"]]
    return {**facts, "differs": differs}


def _event(kind: Kind, due: Due, deletion: Deletion | None, ports: Ports, **facts: Any) -> Event:
    notification, now = due.notification, ports.clock.now()
    facts = {"what": notification.kind.value, "to": notification.to, "attempt": due.attempts + 1, **facts}
    if deletion is None:
        return Event(kind, now, channel=notification.to, facts=facts)
    return event_about(kind, deletion, now, **facts)


def run_once(ports: Ports, limit: int = 20) -> int:
    """Send what is due anywhere; returns how many messages were taken up. Another replica's leases are left alone."""
    leased_at = moment(ports.clock)
    leased = ports.ledger.outbox.lease(leased_at.at, seconds=LEASE_SECONDS, limit=limit)
    for due in leased:
        # Each alone: a message that hangs must not keep those before it unrecorded.
        if send([due], leased_at, ports):
            deliver((due.notification,), ports, _raise)
    return len(leased)


def _raise(trouble: LedgerTrouble) -> None:
    raise trouble


def _leave_to_the_worker(_: LedgerTrouble) -> None:
    """The messages stand in the ledger; the worker sends them when it is back."""
