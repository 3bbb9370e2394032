"""Draws a confirmed card as being deleted, if its outcome takes more than a moment.

Best effort, and never on the path of the DELETE: it runs on timers and threads of its own, and what fails is dropped,
because the redraw of the outcome follows. A turn of ``Ledger.cards`` keeps it before that redraw, in all processes.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from functools import partial

from bot.domain.age import age, moment
from bot.domain.ledger_port import LedgerTrouble
from bot.domain.model import Deletion, DeletionId, State
from bot.domain.notifications import Notification, NotificationKind, fleeting_card
from bot.domain.ports import Delivered, Ports, RetryLater, Undeliverable
from bot.logs import about
from bot.runtime.later import Later

AFTER = 0.7
"""Seconds from the claim. Most outcomes are there by then, and Slack allows some fifty updates a minute."""
TURN = timedelta(seconds=20)
"""How long the redraw of the outcome waits for this one, at most. One call to Slack may take ten seconds."""
DRAWN_AGAIN_AFTER = 30.0
"""Seconds. Slack may carry out a call that it did not answer after the redraw that followed."""


class DeletingCards:
    """The cards that are to be drawn as being deleted. ``is_over`` says whether the ledger may be closed by now."""

    def __init__(self, later: Later, is_over: Callable[[], bool]) -> None:
        self._later = later
        self.ticker = later.ticker
        self._is_over = is_over
        self._not_before = 0.0
        """By the monotonic clock. Slack has rate-limited a drawing, and what it takes is left to the outcomes."""

    def schedule(self, claimed: Deletion, ports: Ports) -> Callable[[], None]:
        """Draw the card later, unless the returned function is called before."""
        return self._later(AFTER, partial(self._draw, claimed, ports))

    def _draw(self, claimed: Deletion, ports: Ports) -> None:
        drawing = fleeting_card(claimed)
        if drawing is None or ports.clock.monotonic() < self._not_before:
            return
        # In trouble of the ledger the turn stays, and the outbox drops it when its time is over.
        with about(claimed.id), suppress(LedgerTrouble):
            self._take_turn(drawing, ports)

    def _take_turn(self, drawing: Notification, ports: Ports) -> None:
        began = moment(ports.clock)
        due = ports.ledger.cards.hold(drawing, began.at, seconds=TURN.total_seconds())
        if due is None:
            return
        answer: Delivered | RetryLater | Undeliverable | None = None
        try:
            deletion = ports.ledger.deletions.get(drawing.deletion)
            if deletion is not None and deletion.state is State.DELETING:
                answer = ports.messenger.send(drawing, deletion)
        finally:
            if not self._is_over():
                ports.ledger.cards.release(due)
        if self._is_over():
            return
        if isinstance(answer, RetryLater) and not answer.unanswered:
            self._not_before = ports.clock.monotonic() + answer.after
        elif isinstance(answer, RetryLater) or age(began, ports.clock) >= TURN:
            self._later(DRAWN_AGAIN_AFTER, partial(self._draw_again, drawing.deletion, ports))
        ports.deliver((drawing,))

    def _draw_again(self, deletion_id: DeletionId, ports: Ports) -> None:
        with about(deletion_id), suppress(LedgerTrouble):
            deletion = ports.ledger.deletions.get(deletion_id)
            if deletion is None or deletion.message_ts is None or deletion.state is State.DELETING:
                return
            card = Notification(NotificationKind.CARD, deletion.id, deletion.channel, deletion.message_ts)
            ports.ledger.outbox.enqueue(card)
            ports.deliver((card,))
