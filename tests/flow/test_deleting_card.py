"""A confirmed card whose outcome takes more than a moment says so: drawn as *Deleting*, then as its outcome."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot import clients
from bot.domain.model import State
from bot.domain.notifications import fleeting_card
from bot.runtime.ticker import Ticker
from handlers.views.card import deletion_card
from handlers.views.wording import Wording
from sandbox.metastudio import faults as play
from sandbox.slack.faults import Fault
from sandbox.slack.slack import Message
from tests.flow.world import World, world

DELETE, UPDATE = "Delete2dModelTrainingJob", "chat.update"
PATIENCE = 60.0
"""Seconds for what takes less than one on a machine that does nothing else."""


@pytest.fixture
def w(tmp_path: Path) -> Iterator[World]:
    """The world with a MetaStudio that is waited for, and a bot whose timers run."""
    with world(tmp_path, READ_TIMEOUT="60") as made:
        timers(made).start()
        yield made
        assert made.slack.violations == []
        assert made.verdict().is_sound


def timers(w: World) -> Ticker:
    """The thread of the bot that waits for the moment to draw."""
    return next(ticker for ticker in w.app.tickers if ticker.name == "later")


def first_line(w: World, job: str, state: State | None = None) -> str:
    """How the card of this job begins in that state, or in its present one."""
    deletion = w.deletion(job)
    assert deletion is not None
    return deletion_card(replace(deletion, state=state or deletion.state), Wording()).text.splitlines()[0]


def drawings(card: Message) -> list[str]:
    """How each redraw of the card begins, in the order in which Slack carried them out."""
    return [text.splitlines()[0] for text, _ in card.contents[1:]]


def as_deleting(w: World, job: str) -> str:
    return first_line(w, job, State.DELETING)


def offered(w: World) -> tuple[str, Message, play.Held]:
    """A card, and MetaStudio's answer to its DELETE, which will be held back."""
    job = w.cloud.add_job(state="TRAIN_FAILED")
    card = w.card(job)
    w.cloud.faults.add(DELETE, held := play.late(), job_id=job)
    return job, card, held


def confirmed(w: World) -> tuple[str, Message, play.Held]:
    """A press on a card while MetaStudio holds its answer to the DELETE back."""
    job, card, held = offered(w)
    w.slack.click(w.anna, card, "dh_confirm").wait_ack()
    return job, card, held


def ends(w: World, job: str, card: Message, held: play.Held) -> str:
    """MetaStudio answers, and the card shows it; returns how the card begins then."""
    held.gate.set()
    w.slack.wait_for(lambda: w.thread(card), PATIENCE)
    w.idle()
    return first_line(w, job)


def test_a_slow_deletion_is_shown_and_then_its_outcome(w: World) -> None:
    """No buttons and *Deleting* while MetaStudio takes its time; the outcome is the last that is drawn."""
    job, card, held = confirmed(w)
    w.slack.wait_for(lambda: drawings(card), PATIENCE)
    assert drawings(card) == [as_deleting(w, job)]
    assert card.buttons == []
    assert w.thread(card) == []
    assert drawings(card)[0] != ends(w, job, card, held)
    assert drawings(card) == [as_deleting(w, job), first_line(w, job)]
    assert w.cloud.deletes_arrived(job) == 1
    assert w.app.ledger.outbox.count() == 0


def test_a_throttled_deletion_is_shown_once(w: World) -> None:
    """The DELETE that is sent again belongs to the same press: one drawing, then the outcome."""
    job = w.cloud.add_job(state="TRAIN_FAILED")
    card = w.card(job)
    w.cloud.faults.add(DELETE, play.throttled(), job_id=job)
    w.cloud.faults.add(DELETE, held := play.late(), job_id=job)
    w.slack.click(w.anna, card, "dh_confirm").wait_ack()
    w.slack.wait_for(lambda: drawings(card), PATIENCE)
    end = ends(w, job, card, held)
    assert drawings(card) == [as_deleting(w, job), end]
    assert w.cloud.deletes_arrived(job) == 2


def test_a_lost_reply_is_shown_behind_it(w: World) -> None:
    """MetaStudio never answers: *Deleting* first, and then that the outcome is unknown, with its buttons."""
    job = w.cloud.add_job(state="TRAIN_FAILED")
    card = w.card(job)
    w.cloud.faults.add(DELETE, hangs := play.silence(), job_id=job)
    w.slack.click(w.anna, card, "dh_confirm").wait_ack()
    w.slack.wait_for(lambda: drawings(card), PATIENCE)
    end = ends(w, job, card, hangs)
    assert drawings(card) == [as_deleting(w, job), end]
    assert w.deletion(job).state is State.UNKNOWN
    assert card.buttons


# tests/real/test_two_hundred.py has both with 200 presses.
@pytest.mark.parametrize("presses", [40])
def test_many_at_once_each_keep_their_order(tmp_path: Path, presses: int) -> None:
    """All are confirmed while MetaStudio hangs: each card says *Deleting* once, and then its outcome."""
    with world(tmp_path, READ_TIMEOUT="300", WORKERS="256") as w:
        timers(w).start()
        jobs = [w.cloud.add_job(state="TRAIN_FAILED") for _ in range(presses)]
        cards = [w.card(job) for job in jobs]
        w.cloud.faults.add(DELETE, held := play.late(), times=None)
        for click in [w.slack.click(w.anna, card, "dh_confirm") for card in cards]:
            click.wait_ack()
        w.slack.wait_for(lambda: all(drawings(card) for card in cards), PATIENCE)
        held.gate.set()
        w.slack.wait_for(lambda: all(w.thread(card) for card in cards), PATIENCE)
        w.idle()
        for job, card in zip(jobs, cards, strict=True):
            assert drawings(card) == [as_deleting(w, job), first_line(w, job)]


@pytest.mark.parametrize("presses", [20])
def test_no_card_is_drawn_twice_where_metastudio_answers_at_once(tmp_path: Path, presses: int) -> None:
    """No time passes between claim and outcome: one update for each of the presses, however many there are."""
    made = World(tmp_path, WORKERS="256")
    made.clock.monotonic = lambda: 5000.0
    made.start()
    try:
        made.run_bot()
        timers(made).start()
        jobs = [made.cloud.add_job(state="TRAIN_FAILED") for _ in range(presses)]
        cards = [made.card(job) for job in jobs]
        for click in [made.slack.click(made.anna, card, "dh_confirm") for card in cards]:
            click.wait_ack()
        made.idle()
        assert len(made.slack.calls_to(UPDATE)) == presses
        for job, card in zip(jobs, cards, strict=True):
            assert drawings(card) == [first_line(made, job)]
    finally:
        made.stop()


def test_an_outcome_in_time_calls_the_drawing_off(w: World) -> None:
    """A moment later the card has its outcome already: nothing is drawn, and the ledger is not asked."""
    job = w.cloud.add_job(state="TRAIN_FAILED")
    card = w.card(job)
    timers(w).ask_to_stop()
    w.press(card)
    asked: list[str] = []
    w.app.ledger.after_commit = asked.append
    w.clock.add(1)
    assert timers(w).work() == 0
    assert asked == []
    assert drawings(card) == [first_line(w, job)]


# -- Slack's faults ------------------------------------------------------------------------------------------------


def test_a_drawing_that_slack_rate_limits_is_dropped(w: World) -> None:
    """It is not tried again, nor is any other for as long as Slack asks for; outcomes are drawn all the same."""
    limited = w.slack.faults.add(UPDATE, "ratelimited", retry_after=600)
    first, second = offered(w), offered(w)
    w.slack.click(w.anna, first[1], "dh_confirm").wait_ack()
    w.slack.wait_for(lambda: limited.hits, PATIENCE)
    assert w.app.pool.wait_idle(PATIENCE, in_flight=1)
    w.slack.click(w.anna, second[1], "dh_confirm").wait_ack()
    w.slack.wait_for(lambda: w.cloud.deletes_arrived(second[0]), PATIENCE)
    w.clock.add(2)
    timers(w).work()
    for _, _, held in (first, second):
        held.gate.set()
    w.idle()
    for job, card, _ in (first, second):
        assert drawings(card) == [first_line(w, job)]
    assert len(w.slack.calls_to(UPDATE)) == 3


def test_a_drawing_whose_answer_is_lost_is_followed_by_its_outcome_twice(w: World) -> None:
    """Slack may carry out what it did not answer at any time, so the outcome is drawn once more half a minute later."""
    w.slack.faults.add(UPDATE, "drop", when="after")
    job, card, held = confirmed(w)
    w.slack.wait_for(lambda: drawings(card), PATIENCE)
    end = ends(w, job, card, held)
    assert drawings(card) == [as_deleting(w, job), end]
    w.clock.add(31)
    timers(w).wake()
    w.slack.wait_for(lambda: len(drawings(card)) == 3, PATIENCE)
    assert drawings(card) == [as_deleting(w, job), end, end]


def outlasted(w: World) -> tuple[Fault, str, Message]:
    """A drawing that hangs at Slack while the outcome is in the thread already; its job and its card."""
    hangs = w.slack.faults.add(UPDATE, "latency")
    job, card, held = confirmed(w)
    w.slack.wait_for(lambda: hangs.hits, PATIENCE)
    held.gate.set()
    w.slack.wait_for(lambda: w.thread(card), PATIENCE)
    return hangs, job, card


def test_the_outcome_is_posted_while_a_drawing_hangs_and_drawn_behind_it(w: World) -> None:
    """DELETE, record and thread wait for no drawing; the card's outcome comes after the drawing under way."""
    hangs, job, card = outlasted(w)
    assert w.deletion(job).state is State.DELETED
    assert drawings(card) == []
    hangs.release()
    w.slack.wait_for(lambda: len(drawings(card)) == 2, PATIENCE)
    assert drawings(card) == [as_deleting(w, job), first_line(w, job)]


def test_a_drawing_that_slack_carries_out_too_late_does_not_stay(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bot has given the call up and drawn the outcome; Slack then draws *Deleting* over it, but not for long."""
    w.stop_bot()
    monkeypatch.setattr(clients, "SLACK_TIMEOUT", 4)
    w.run_bot()
    timers(w).start()
    hangs = w.slack.faults.add(UPDATE, "latency")
    job, card, held = confirmed(w)
    w.slack.wait_for(lambda: hangs.hits, PATIENCE)
    held.gate.set()
    w.slack.wait_for(lambda: drawings(card), PATIENCE)
    end = first_line(w, job)
    assert drawings(card) == [end]
    hangs.release()
    w.slack.wait_for(lambda: len(drawings(card)) == 2, PATIENCE)
    assert drawings(card) == [end, as_deleting(w, job)]
    w.clock.add(31)
    timers(w).wake()
    w.slack.wait_for(lambda: len(drawings(card)) == 3, PATIENCE)
    assert drawings(card)[-1] == end


# -- the end of a process ------------------------------------------------------------------------------------------


def test_a_drawing_of_a_process_that_died_is_owed_to_nobody(w: World) -> None:
    """Its turn holds the outcome's redraw up for seconds; then the outbox drops it, and draws the outcome."""
    timers(w).ask_to_stop()
    job, card, held = confirmed(w)
    w.slack.wait_for(lambda: w.cloud.deletes_arrived(job), PATIENCE)
    turn = fleeting_card(w.deletion(job))
    assert w.app.ledger.cards.hold(turn, w.clock.now(), seconds=20) is not None
    end = ends(w, job, card, held)
    w.tick()
    assert drawings(card) == []
    w.tick(21)
    assert drawings(card) == [end]
    assert w.app.ledger.outbox.count() == 0


def test_a_drawing_that_hangs_does_not_hold_up_the_end(w: World) -> None:
    """The bot stops within seconds, and the next one draws the outcome when the turn is over."""
    hangs, job, card = outlasted(w)
    assert w.app.stop(5)
    hangs.release()
    w.slack.wait_for(lambda: drawings(card), PATIENCE)
    w.run_bot()
    w.tick(21)
    assert drawings(card) == [as_deleting(w, job), first_line(w, job)]
