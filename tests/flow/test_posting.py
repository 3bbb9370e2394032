"""Posting the card while Slack is slow, throttles, or does not answer: one card that is true, or a reason why not."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.slack import connections
from sandbox.slack.slack import Message
from tests.flow.world import World, world

POST = "chat.postMessage"


def shown_deadline(card: Message) -> int:
    """The "until" of a card, in seconds since 1970."""
    return int(card.text.partition(", until <!date^")[2].partition("^")[0])


def while_waiting(w: World, act: object) -> None:
    """Do that once, in the bot's first pause."""
    sleep = w.clock.sleep

    def pause(seconds: float) -> None:
        w.clock.sleep = sleep
        sleep(seconds)
        act()

    w.clock.sleep = pause


def test_fifty_cards_at_once_are_all_posted_though_slack_takes_one_a_second(w: World) -> None:
    """Slack's law of one message a second and channel: every card comes, and nobody's tries wake everybody's."""
    w.slack.rate_limit = True
    jobs = [w.cloud.add_job(state="TRAIN_FAILED") for _ in range(50)]
    for asked in [w.slack.command(w.anna, w.ops, job) for job in jobs]:
        asked.wait_ack()
    w.idle()
    cards = w.slack.messages(w.ops)
    assert sorted(w.deletion(job).message_ts for job in jobs) == sorted(card.ts for card in cards)
    assert w.said_to(w.anna) == []
    # The first try of each, and at most two when it is its turn.
    assert len(w.slack.calls_to(POST)) <= 3 * len(jobs)


def test_a_card_that_slack_throttles_for_longer_than_three_minutes_is_given_up(w: World) -> None:
    """The requester hears why, nothing is left open, and the job can be asked for again."""
    throttled = w.slack.faults.add(POST, "ratelimited", retry_after=20, times=None)
    job = w.cloud.add_job(state="TRAIN_FAILED")
    w.ask(job)
    assert "could not be posted" in w.said_to(w.anna)[-1]
    assert "ratelimited" in w.said_to(w.anna)[-1]
    assert throttled.hits == 9  # at once, and every 20 seconds for as long as the third minute is not over
    w.slack.faults.clear()
    w.card(job)


@pytest.mark.parametrize("retry_after", [30, 1])
def test_the_time_to_confirm_does_not_run_before_the_card_stands(tmp_path: Path, retry_after: int) -> None:
    """Slack asks for as much patience as a card lives: it is posted with all of its time, and not as expired."""
    with world(tmp_path, CONFIRM_WITHIN_SECONDS="30") as w:
        w.slack.faults.add(POST, "ratelimited", retry_after=retry_after)
        while_waiting(w, lambda: w.tick(1))
        job, card = w.offered()
        assert len(card.buttons) == 2
        assert shown_deadline(card) >= int(w.clock.timestamp()) + 28
        w.clock.add(25)
        w.press(card)
        assert w.cloud.deletes_arrived(job) == 1


def test_the_deadline_counts_from_when_the_card_stood(w: World) -> None:
    """A post that takes nine seconds takes nothing of the ten minutes; the card never shows more than is given."""
    job = w.cloud.add_job(state="TRAIN_FAILED")
    slow = w.slack.faults.add(POST, "latency")
    w.slack.command(w.anna, w.ops, job).wait_ack()
    w.slack.wait_for(lambda: slow.hits, 5)
    w.clock.add(9)
    slow.release()
    w.idle()
    (card,) = w.slack.messages(w.ops)
    deadline = w.deletion(job).deadline_at.timestamp()
    assert deadline - float(card.ts) >= 599.9
    assert shown_deadline(card) <= deadline


def test_both_copies_of_a_card_show_no_more_time_than_there_is(w: World) -> None:
    """The first post had no answer: whichever copy somebody looks at, its "until" holds."""
    w.slack.faults.add(POST, "drop", when="after")
    job = w.cloud.add_job(state="TRAIN_FAILED")
    w.ask(job)
    first, second = w.slack.messages(w.ops)
    deadline = w.deletion(job).deadline_at.timestamp()
    assert shown_deadline(first) <= shown_deadline(second) <= deadline


def test_no_second_card_after_the_first_was_used(w: World) -> None:
    """The first post had no answer, and its card was confirmed meanwhile: a fresh one would offer what is over."""
    job = w.cloud.add_job(state="TRAIN_FAILED")
    w.slack.faults.add(POST, "drop", when="after")

    def confirm() -> None:
        (card,) = w.slack.messages(w.ops)
        w.slack.click(w.anna, card, "dh_confirm").wait_ack()
        w.slack.wait_for(lambda: w.thread(card), 5)

    while_waiting(w, confirm)
    w.ask(job)
    (card,) = w.slack.messages(w.ops)
    assert card.buttons == []
    assert w.cloud.deletes_arrived(job) == 1
    assert w.said_to(w.anna) == []


def test_a_card_closed_by_a_click_before_its_post_was_answered_says_why(w: World) -> None:
    """The job changed under the card: that is what the requester hears, and not that the bot restarted."""
    job = w.cloud.add_job(state="TRAIN_FAILED")
    hangs = w.slack.faults.add(POST, "latency", when="after")
    w.slack.command(w.anna, w.ops, job).wait_ack()
    (card,) = w.slack.wait_for(lambda: w.slack.messages(w.ops), 5)
    w.cloud.change(job, name="Other")
    w.slack.click(w.anna, card, "dh_confirm").wait_ack()
    w.slack.wait_for(lambda: w.said_to(w.anna), 5)
    hangs.release()
    w.idle()
    (said,) = w.said_to(w.anna)
    assert "no longer the one on the card" in said
    assert "no longer the one on the card" in w.thread(card)[0]
    assert card.buttons == []


def test_a_card_that_slack_took_too_late_is_closed_and_the_requester_hears_that(w: World) -> None:
    """After minutes without an answer the row is closed as nobody's; the late card keeps no buttons."""
    job = w.cloud.add_job(state="TRAIN_FAILED")
    hangs = w.slack.faults.add(POST, "latency")
    w.slack.command(w.anna, w.ops, job).wait_ack()
    w.slack.wait_for(lambda: hangs.hits, 5)
    w.tick(241)
    hangs.release()
    w.idle()
    (card,) = w.slack.messages(w.ops)
    assert card.buttons == []
    assert "Slack took too long" in w.said_to(w.anna)[-1]
    assert "restarted" not in w.said_to(w.anna)[-1]


def test_a_card_that_a_click_made_known_is_not_closed_when_posting_ends(w: World) -> None:
    """Its copy could not be posted, but the card stands and somebody has pressed it: it goes on waiting."""
    job = w.cloud.add_job(state="TRAIN_FAILED")
    w.slack.faults.add(POST, "drop", when="after")

    def press_and_refuse() -> None:
        (card,) = w.slack.messages(w.ops)
        w.slack.click(w.ben, card, "dh_confirm").wait_ack()
        w.slack.wait_for(lambda: w.said_to(w.ben), 5)

    while_waiting(w, press_and_refuse)
    w.ask(job)
    (card,) = w.slack.messages(w.ops)
    assert w.said_to(w.anna) == []
    w.press(card)
    assert w.cloud.deletes_arrived(job) == 1


def test_deletions_one_after_the_other_open_no_connections_to_slack(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their calls go over those that stand; two more at most, for the look-ups of person and place at the same time."""
    monkeypatch.setattr(connections, "LONGEST_IDLE", 3600.0)  # Whatever the load of this machine.
    opened: list[object] = []
    w.slack.front.on_connect = opened.append
    before = len(w.slack.calls)
    for _ in range(5):
        w.press(w.card(w.cloud.add_job(state="TRAIN_FAILED")))
    assert len(w.slack.calls) - before >= 15
    assert len(opened) <= 2
