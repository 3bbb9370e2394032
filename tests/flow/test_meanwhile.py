"""What changes while a message is on its way to Slack: later messages are judged and drawn by what holds then."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.domain.ledger_port import LedgerTrouble
from bot.domain.model import Deletion
from bot.domain.notifications import Notification, NotificationKind
from bot.domain.ports import Delivered, RetryLater, Undeliverable
from bot.workers import remind
from sandbox.metastudio import faults as play
from tests.flow.world import World, world

DELETE = "Delete2dModelTrainingJob"
Answer = Delivered | RetryLater | Undeliverable
WITHIN = 15
"""Seconds for what takes a moment."""


class Slow:
    """Slack takes the first such message, and its answer comes when the test says so."""

    def __init__(self, w: World, kind: NotificationKind, monkeypatch: pytest.MonkeyPatch) -> None:
        self.taken, self.answer = threading.Event(), threading.Event()
        send: Callable[[Notification, Deletion], Answer] = w.app.ports.messenger.send

        def slow(notification: Notification, deletion: Deletion) -> Answer:
            answer = send(notification, deletion)
            if notification.kind is kind and not self.taken.is_set():
                self.taken.set()
                assert self.answer.wait(WITHIN)
            return answer

        monkeypatch.setattr(w.app.ports.messenger, "send", slow)


@pytest.mark.parametrize(
    ("action", "says"),
    [("dh_confirm", "*Deleted:*"), ("dh_cancel", "Cancelled by <@{anna}>")],
    ids=["outcome", "cancel"],
)
def test_while_a_reminder_is_posted(w: World, action: str, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The press finds the thread taken, so whoever posts the reminder posts what came of the press, too."""
    _, card = w.offered()
    w.clock.add(301)
    slow = Slow(w, NotificationKind.REMINDER, monkeypatch)
    reminding = threading.Thread(target=remind.run_once, args=(w.app.ports,))
    reminding.start()
    assert slow.taken.wait(WITHIN)
    w.press(card, action)
    slow.answer.set()
    reminding.join(WITHIN)
    first, second = w.thread(card)
    assert first.startswith("*This card still waits*")
    assert says.format(anna=w.anna) in second
    assert w.app.ledger.outbox.count() == 0


def test_while_the_card_is_drawn_as_being_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second press draws it so; the outcome that is written meanwhile is drawn behind that."""
    with world(tmp_path, READ_TIMEOUT="30") as w:
        job, card = w.offered()
        w.cloud.faults.add(DELETE, held := play.late(), job_id=job)
        recorded = threading.Event()
        w.app.ledger.after_commit = lambda name: recorded.set() if name.startswith("change:reply") else None
        slow = Slow(w, NotificationKind.CARD, monkeypatch)
        w.slack.click(w.anna, card, "dh_confirm").wait_ack()
        w.slack.click(w.anna, card, "dh_confirm").wait_ack()
        assert slow.taken.wait(WITHIN)
        held.gate.set()
        assert recorded.wait(WITHIN)
        slow.answer.set()
        w.idle()
        assert card.text.startswith("Deleted: ")
        assert card.buttons == []
        assert w.thread(card)[0].startswith("*Deleted:*")


def test_trouble_behind_a_message_does_not_repeat_it(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Slack took the outcome and throttles the card, and the ledger cannot note that: the outcome is noted as sent."""
    _, card = w.offered()
    send: Callable[[Notification, Deletion], Answer] = w.app.ports.messenger.send
    write = w.app.ledger.write
    troubled: list[str] = []

    def throttled(notification: Notification, deletion: Deletion) -> Answer:
        if notification.kind is NotificationKind.CARD and not troubled:
            return RetryLater(1.0, "ratelimited")
        return send(notification, deletion)

    def write_or_fail(name: str, work: Callable[..., object]) -> object:
        if name == "reschedule" and not troubled:
            troubled.append(name)
            raise LedgerTrouble("busy")
        return write(name, work)

    monkeypatch.setattr(w.app.ports.messenger, "send", throttled)
    monkeypatch.setattr(w.app.ledger, "write", write_or_fail)
    w.press(card)
    assert troubled
    w.tick(61)
    assert sum(text.startswith("*Deleted:*") for text in w.thread(card)) == 1
    assert card.text.startswith("Deleted: ")
