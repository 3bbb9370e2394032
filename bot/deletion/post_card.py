"""Posts the card of a new deletion until Slack takes it, and handles a click or a worker that was faster.

The row is written before the first try. A message may stand in Slack although its post was never answered, and a click
on it makes it the card. So the row always holds the deadline that such a click may rely on.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta

from bot.deletion.apply import apply
from bot.deletion.withdraw import withdraw
from bot.domain.change import Change
from bot.domain.events import Kind, event_about
from bot.domain.ledger_port import LedgerTrouble
from bot.domain.model import Deletion, State
from bot.domain.notifications import Notification, NotificationKind
from bot.domain.ports import Delivered, Ports, RetryLater, Undeliverable
from bot.domain.refusals import Reason, Refused

EARLIER = timedelta(hours=24)
WITHOUT_CARD = {"state": State.AWAITING, "message_ts": None}
"""The row as it is until the card is known to stand."""
PAUSES = (1.0, 3.0, 10.0)
"""Seconds before each further try where Slack gave no answer."""
LONGEST_PAUSE = 30.0
"""Seconds. Where Slack asks for a longer pause, there is no card: nobody waits so long."""
WITHIN = 180.0
"""Seconds. No try begins later than that after the first. Slack takes one message a second and channel, so that is how
many cards can be asked for at once. It is well below the time after which others would call the row orphaned."""


def post_card(deletion: Deletion, ports: Ports) -> Deletion | Refused:
    """Post the card. Returns the deletion as it then stands, or why there is no card."""
    earlier = ports.ledger.deletions.earlier(deletion, deletion.asked_at - EARLIER)
    called = ports.second_people(deletion)
    no_later = ports.clock.monotonic() + WITHIN
    pauses = iter(PAUSES)
    shown: Deletion | None = deletion
    with ExitStack() as queue:
        is_queued = False
        while shown is not None:
            answer = ports.messenger.post_card(shown, earlier, called)
            if isinstance(answer, Delivered):
                return _card_stands(deletion, answer.ts or "", ports)
            try_at = _try_at(answer, pauses, ports.clock.monotonic())
            if try_at is None or try_at > no_later:
                return _give_up(deletion, answer.why, ports)
            if not _is_unanswered(answer) and not is_queued:
                # Throttled posts queue up, and only the first in the queue tries. Otherwise all of them would wake
                # together, to be throttled again.
                patience = no_later - ports.clock.monotonic()
                is_queued = queue.enter_context(ports.serialize(deletion.channel, patience))
                if not is_queued:
                    return _give_up(deletion, answer.why, ports)
            ports.clock.sleep(max(try_at - ports.clock.monotonic(), 0))
            shown = _with_new_deadline(deletion, ports)
    # A click on a card whose post was never answered made that card count, or even ended the deletion.
    return _as_found(deletion, ports)


def _is_unanswered(answer: RetryLater | Undeliverable) -> bool:
    return isinstance(answer, RetryLater) and answer.unanswered


def _try_at(answer: RetryLater | Undeliverable, pauses: Iterator[float], now: float) -> float | None:
    """When to try again by the monotonic clock, if at all.

    A refusal for now may come any number of times, each with Slack's own wish.
    """
    if isinstance(answer, Undeliverable) or answer.after > LONGEST_PAUSE:
        return None
    pause = next(pauses, None) if answer.unanswered else 0.0
    return None if pause is None else now + max(answer.after, pause)


def _with_new_deadline(deletion: Deletion, ports: Ports) -> Deletion | None:
    """The deletion for the next try, or None where it does not wait for a card any more.

    The deadline is written before the post, since a click may come before its answer. It counts from here, and once
    the card is known to stand from then: what a card shows is never later than what holds.
    """
    deadline = ports.clock.now() + ports.config.rules.confirm_within
    changed = apply(deletion, Change(None, {"deadline_at": deadline}, where=WITHOUT_CARD), ports)
    return changed and replace(deletion, deadline_at=deadline)


def _give_up(deletion: Deletion, why: str, ports: Ports) -> Deletion | Refused:
    no = Refused(Reason.CARD_NOT_POSTED, {"why": why})
    return no if withdraw(deletion, no, deletion.requester, ports) else _as_found(deletion, ports)


def _card_stands(deletion: Deletion, ts: str, ports: Ports) -> Deletion | Refused:
    now = ports.clock.now()

    change = Change(
        None,
        {"message_ts": ts, "deadline_at": now + ports.config.rules.confirm_within},
        (event_about(Kind.CARD_POSTED, deletion, now, ts=ts),),
        where=WITHOUT_CARD,
        # The card is the answer to the person who asked: the request has the deletion's id.
        answers=deletion.id,
    )

    def write() -> Deletion | None:
        return apply(deletion, change, ports)

    try:
        posted = write()
    except LedgerTrouble:
        # The card stands in Slack, so an answer "nothing was done" would be untrue. The write is repeated later.
        ports.pending_writes(deletion.id, write)
        return replace(deletion, message_ts=ts)
    return posted or _as_found(deletion, ports, ts)


def _as_found(deletion: Deletion, ports: Ports, ts: str | None = None) -> Deletion | Refused:
    """How the deletion stands that is no longer ours to post: a click was faster, or the row was closed as an orphan.

    ``ts`` is a message that Slack took all the same. If the deletion is over it must not keep its buttons.
    """
    found = ports.ledger.deletions.get(deletion.id)
    if found is None:
        return Refused(Reason.BUG)
    has_card = found.message_ts is not None
    if ts is not None and not has_card:
        found = apply(deletion, Change(None, {"message_ts": ts}), ports) or found
    if ts is not None and found.state is not State.AWAITING:
        redraw = Notification(NotificationKind.CARD, deletion.id, deletion.channel, ts)
        ports.ledger.outbox.enqueue(redraw)
        ports.deliver((redraw,))
    # Where there is a card its thread says how it ended; without one nothing has been posted yet.
    return found if has_card else Refused(Reason.CARD_NOT_POSTED, {"why": "Slack took too long"})
