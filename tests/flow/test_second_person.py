"""Calling for a second person, and bringing a card to mind at half of its time: once each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.domain.model import Deletion, State
from bot.domain.ports import Called
from bot.slack import second_people
from bot.workers import remind
from sandbox.metastudio.faults import DELETE, drop
from sandbox.slack.slack import Message
from tests.flow.world import World, world


@pytest.fixture
def second(tmp_path: Path) -> Iterator[World]:
    """A second person is needed: anna and ben are listed, and a group is."""
    made = World(tmp_path, CONFIRM_BY="second_person").start()
    try:
        made.run_bot(AUTHORIZED_USERGROUPS=made.slack.add_group("oncall", [made.carl]))
        yield made
        assert made.slack.violations == []
        assert made.verdict().is_sound
    finally:
        made.stop()


def reminders(w: World, card: Message) -> list[Message]:
    """What reminds of the card in its thread."""
    return [reply for reply in w.slack.thread(card) if "still waits" in reply.text]


def test_a_new_card_calls_whoever_may_be_the_second_person(second: World) -> None:
    """Ben and the group are notified by the post, and nothing that is drawn later mentions them again."""
    (group,) = second.slack.groups
    card = second.card(second.failed_job())
    assert second.slack.notified(card) == {second.anna, second.ben, group}
    second.press(card, user=second.carl)
    assert card.buttons == []
    assert second.slack.notified(card) == {second.anna, second.carl}


MAY_NOT: dict[str, dict[str, object]] = {
    "left": {"deleted": True},
    "guest": {"is_restricted": True},
    "bot": {"is_bot": True},
    "stranger": {"is_stranger": True},
    "hidden": {"hidden": True},
}


def test_who_may_not_confirm_is_not_called(tmp_path: Path) -> None:
    """Neither by the card nor by its reminder, although the settings list them; who may still is."""
    made = World(tmp_path, CONFIRM_BY="second_person").start()
    try:
        others = [made.slack.add_user(name, **flags) for name, flags in MAY_NOT.items()]
        made.run_bot(AUTHORIZED_USERS=",".join([made.anna, made.ben, *others, "U0NOBODY00"]))
        card = made.card(made.failed_job())
        assert made.slack.notified(card) == {made.anna, made.ben}
        assert "U0NOBODY00" not in card.text
        made.slack.users[made.ben].deleted = True
        made.tick(301)
        (reminder,) = reminders(made, card)
        assert "but nobody else on the list may confirm. Ask the person who runs this bot." in reminder.text
        assert made.slack.notified(reminder) == {made.anna}
        assert made.slack.violations == []
    finally:
        made.stop()


def test_where_nobody_may_confirm_the_card_says_so(tmp_path: Path) -> None:
    """In plain words, and it can be cancelled all the same."""
    made = World(tmp_path, CONFIRM_BY="second_person").start()
    try:
        made.slack.users[made.ben].deleted = True
        made.run_bot()
        card = made.card(made.failed_job())
        assert "A second person has to confirm this, but nobody else on the list may confirm." in card.text
        made.press(card, "dh_cancel")
        assert "Cancelled by" in made.thread(card)[-1]
    finally:
        made.stop()


def test_who_cannot_be_looked_up_in_time_is_called(second: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Slack does not answer for Ben: the ack has come long before, the card waits for a moment, and Ben is called."""
    monkeypatch.setattr(second_people, "WITHIN", 0.2)
    (group,) = second.slack.groups
    silent = second.slack.faults.add("users.info", "silence", where=lambda args: args["user"] == second.ben)
    try:
        card = second.card(second.failed_job())
        assert silent.hits == 1
        assert second.slack.notified(card) == {second.anna, second.ben, group}
    finally:
        silent.release()


def test_look_ups_that_hang_hold_up_no_click(second: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A card waits for its look-ups while a click on another one is carried out and its outcome told."""
    to_delete, card = second.offered()
    second.clock.add(61)
    monkeypatch.setattr(second_people, "WITHIN", 30)
    silent = second.slack.faults.add("users.info", "silence", where=lambda args: args["user"] == second.ben)
    try:
        second.slack.command(second.anna, second.ops, second.failed_job()).wait_ack()
        second.slack.wait_for(lambda: silent.hits, 10)
        second.slack.click(second.carl, card, "dh_confirm").wait_ack()
        second.slack.wait_for(lambda: any("*Deleted:*" in said for said in second.thread(card)), 10)
        assert len(second.slack.messages(second.ops)) == 1
    finally:
        silent.release()
    second.idle()
    assert len(second.slack.messages(second.ops)) == 2
    assert second.cloud.deletes_arrived(to_delete) == 1


def test_a_card_that_needs_no_second_person_calls_nobody(w: World) -> None:
    """Whoever asked is named, and nobody else is woken."""
    assert w.slack.notified(w.card(w.failed_job())) == {w.anna}


def test_second_person_states_call_too(tmp_path: Path) -> None:
    """The rule is the card's own: a finished job calls for ben, another one does not."""
    with world(tmp_path, SECOND_PERSON_STATES="JOB_FINISH") as w:
        assert w.slack.notified(w.card(w.cloud.add_job(state="JOB_FINISH"))) == {w.anna, w.ben}
        assert w.slack.notified(w.card(w.failed_job())) == {w.anna}


def test_at_half_time_a_card_is_brought_to_mind_once(second: World) -> None:
    """Not before, then once, also across a restart; whoever may confirm is mentioned."""
    (group,) = second.slack.groups
    card = second.card(second.failed_job())
    second.tick(290)
    assert reminders(second, card) == []
    second.tick(11)
    (reminder,) = reminders(second, card)
    assert second.slack.notified(reminder) == {second.anna, second.ben, group}
    second.tick(60)
    second.stop_bot()
    second.run_bot()
    second.tick(60)
    assert len(reminders(second, card)) == 1
    second.tick(200)
    assert "Nobody confirmed in time" in second.thread(card)[-1]


def test_two_replicas_remind_once(second: World) -> None:
    """The ledger says who does it: another round of the same work finds nothing left to do."""
    card = second.card(second.failed_job())
    second.clock.add(301)
    remind = next(ticker for ticker in second.app.tickers if ticker.name == "remind")
    assert (remind.work(), remind.work()) == (1, 0)
    second.tick()
    assert len(reminders(second, card)) == 1


def test_a_freeze_during_the_look_ups_holds_the_reminder_back(second: World) -> None:
    """The people to call are looked up first, which may take seconds; nobody is asked to press what is forbidden."""
    ports = second.app.ports
    card = second.card(second.failed_job())
    second.clock.add(301)

    def look_up_while_ben_freezes(deletion: Deletion) -> Called:
        second.ask("freeze not now", second.ben)
        return ports.second_people(deletion)

    assert remind.run_once(replace(ports, second_people=look_up_while_ben_freezes)) == 0
    assert reminders(second, card) == []


@pytest.mark.parametrize("seconds", ["100", "120"])
def test_a_short_lived_card_is_not_brought_to_mind(tmp_path: Path, seconds: str) -> None:
    """With a minute or less left nobody who is only now reminded would come in time."""
    with world(tmp_path, CONFIRM_WITHIN_SECONDS=seconds) as w:
        card = w.card(w.failed_job())
        for _ in range(int(seconds) + 1):
            w.tick(1)
        assert reminders(w, card) == []


@pytest.mark.parametrize("action", ["dh_confirm", "dh_cancel"])
def test_a_card_that_was_decided_is_not_brought_to_mind(w: World, action: str) -> None:
    """Half time of a card that no longer waits passes in silence."""
    card = w.card(w.failed_job())
    w.press(card, action)
    w.tick(301)
    assert reminders(w, card) == []


def test_a_reminder_that_slack_takes_too_late_is_not_said(w: World) -> None:
    """Slack throttles it; meanwhile somebody confirms: by then it would be untrue."""
    to_delete, card = w.offered()
    w.slack.faults.add("chat.postMessage", "ratelimited", retry_after=30)
    w.tick(301)
    assert reminders(w, card) == []
    w.press(card)
    w.tick(60)
    assert w.cloud.deletes_arrived(to_delete) == 1
    assert reminders(w, card) == []
    assert any("*Deleted:*" in said for said in w.thread(card))


def test_a_reminder_whose_thread_is_gone_goes_to_the_requester(w: World) -> None:
    """The bot was removed from the channel: whoever asked gets it as direct message."""
    card = w.card(w.failed_job())
    w.slack.kick_bot(w.ops)
    w.tick(301)
    assert reminders(w, card) == []
    assert "*This card still waits* for the person who asked." in w.said_to(w.anna)[-1]


def test_having_reminded_of_a_card_says_nothing_about_its_outcome(w: World) -> None:
    """Reminded, confirmed, and then unknown: it is not offered to be closed by hand before a day has passed."""
    to_delete, card = w.offered()
    w.tick(301)
    assert len(reminders(w, card)) == 1
    w.cloud.faults.add(DELETE, drop())
    w.press(card)
    unknown = w.deletion(to_delete)
    assert (unknown.state, unknown.reminded) == (State.UNKNOWN, False)
    assert [button["action_id"] for button in card.buttons] == ["dh_check_now"]
