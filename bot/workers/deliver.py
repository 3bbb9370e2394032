"""Sends recorded messages to Slack until Slack takes them. A duplicate post is preferred to a lost one.

Within one thread messages leave in the order in which they were written. When a place is gone, the people concerned
get the message as DM. Nothing here is on the path of an ack.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import structlog

from bot.domain.age import Moment, age, moment
from bot.domain.events import Event, Kind, event_about
from bot.domain.ledger_port import LedgerTrouble
from bot.domain.model import Deletion
from bot.domain.notifications import Due, Notification, NotificationKind
from bot.domain.ports import Delivered, Ports, RetryLater, Undeliverable
from bot.logs import about

log = structlog.get_logger(__name__)

LEASE_SECONDS = 60.0
LEASE = timedelta(seconds=LEASE_SECONDS)
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
    for thread, deletion in {notification.thread: notification.deletion for notification in notifications}.items():
        with about(deletion):
            try:
                _send_thread(thread, ports)
            except LedgerTrouble as trouble:
                # The messages stand in the ledger, so nothing is lost: the worker sends them when the ledger is back.
                on_trouble(trouble)
                return


def _send_thread(thread: str, ports: Ports) -> None:
    while True:
        leased_at = moment(ports.clock)
        due = ports.ledger.outbox.lease(leased_at.at, thread=thread, seconds=LEASE_SECONDS)
        if not due or not send(due[0], leased_at, ports):
            break


def send(due: Due, leased_at: Moment, ports: Ports) -> bool:
    """Send one leased message. False when it has to wait, and all that follow it in its thread."""
    # In a direct message, messages of several deletions follow each other.
    with about(due.notification.deletion):
        return _send(due, leased_at, ports)


def _send(due: Due, leased_at: Moment, ports: Ports) -> bool:
    notification = due.notification
    deletion = ports.ledger.deletions.get(notification.deletion) if notification.deletion else None
    # A fleeting redraw that waits is a turn of ``Ledger.cards`` whose process is gone or gave it up.
    if notification.is_fleeting or (
        notification.deletion and (deletion is None or is_overtaken(notification, deletion))
    ):
        ports.ledger.outbox.mark_delivered(due)
        return True
    if age(leased_at, ports.clock) >= LEASE:
        # Another replica may be sending it and its successors by now; this one would come after them.
        return False
    answer = _say(notification, deletion, ports)
    now = ports.clock.now()
    if isinstance(answer, Delivered):
        # The thread says everything that a redrawn card says, so a redraw is no event of its own.
        said = (
            ()
            if notification.kind is NotificationKind.CARD
            else (_event(Kind.DELIVERED, due, deletion, ports, ts=answer.ts),)
        )
        ports.ledger.outbox.mark_delivered(due, *said)
        return True
    if isinstance(answer, Undeliverable):
        elsewhere = tuple(_elsewhere(notification, deletion, ports.config.audit_channel))
        ports.ledger.outbox.mark_delivered(
            due, _event(Kind.NOT_DELIVERED, due, deletion, ports, why=answer.why), then=elsewhere
        )
        deliver(elsewhere, ports, _leave_to_the_worker)
        return True
    ports.ledger.outbox.reschedule(due, now + timedelta(seconds=pause(due, answer)))
    return False


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
        if send(due, leased_at, ports):
            deliver((due.notification,), ports, _raise)
    return len(leased)


def _raise(trouble: LedgerTrouble) -> None:
    raise trouble


def _leave_to_the_worker(_: LedgerTrouble) -> None:
    """The messages stand in the ledger; the worker sends them when it is back."""
