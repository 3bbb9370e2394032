"""The clock is set, the process or its machine stands still: nothing is deleted on what may be over, and nothing stays.

Slack and MetaStudio have the bot's wall clock here, so that no signature is refused for a wrong time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from bot.domain.model import Cause, State
from sandbox.metastudio import faults as play
from sandbox.metastudio.world import Seen
from tests.flow.world import World, world
from tests.support.claims import Claim

DELETE, SHOW = "Delete2dModelTrainingJob", "Show2dModelTrainingJob"
HOUR = 3600.0

Trouble = Callable[[World], None]
TROUBLES: dict[str, Trouble] = {
    "the clock is set back an hour": lambda w: w.clock.step(-HOUR),
    "the clock is set back six seconds": lambda w: w.clock.step(-6),
    "the clock is set forward": lambda w: w.clock.step(HOUR / 2),
    "the process stands still": lambda w: w.clock.add(6),
    "the machine is suspended": lambda w: w.clock.add(HOUR / 2),
    "it stands still while the clock is set back": lambda w: (w.clock.add(HOUR), w.clock.step(-HOUR))[0],
}
troubles = pytest.mark.parametrize("trouble", list(TROUBLES))


def becomes_a_guest(w: World) -> None:
    w.slack.users[w.anna].is_restricted = True


def becomes_external(w: World) -> None:
    w.slack.channels[w.ops].ext_shared = True


CHANGES = {"guest": becomes_a_guest, "Slack Connect": becomes_external}


@pytest.mark.parametrize("trouble", [name for name in TROUBLES if "forward" not in name and "suspended" not in name])
@pytest.mark.parametrize("change", list(CHANGES))
def test_no_answer_from_before_counts_at_the_click(w: World, trouble: str, change: str) -> None:
    """Somebody became a guest, or the channel Slack Connect, while the clock was set: the click is refused."""
    job, card = w.offered()
    TROUBLES[trouble](w)
    CHANGES[change](w)
    w.press(card)
    assert w.cloud.deletes_arrived(job) == 0
    assert w.said_to(w.anna)


@contextmanager
def once_at(w: World, boundary: str, trouble: Trouble) -> Iterator[None]:
    """The trouble comes when the process passes there for the first time."""
    ledger, left = w.app.ledger, [trouble]

    def strike() -> None:
        if left:
            left.pop()(w)

    def at_commit(name: str) -> None:
        if name == "change:claim":
            strike()

    def at_read(seen: Seen) -> None:
        if seen.operation == SHOW:
            strike()

    if boundary == "before the claim's COMMIT":
        ledger.before_commit = at_commit
    elif boundary == "after the claim's COMMIT":
        ledger.after_commit = at_commit
    else:
        w.cloud.before_call = at_read
    yield
    ledger.before_commit = ledger.after_commit = lambda _: None
    w.cloud.before_call = None
    assert not left


@troubles
@pytest.mark.parametrize("boundary", ["before the claim's COMMIT", "after the claim's COMMIT"])
def test_between_the_checks_and_the_delete_it_ends_as_never_sent(w: World, boundary: str, trouble: str) -> None:
    """Claimed on checks that nobody can call young any more: nothing leaves, and that is what the thread says."""
    job, card = w.offered()
    with once_at(w, boundary, TROUBLES[trouble]):
        w.press(card)
    assert w.cloud.deletes_arrived(job) == 0
    deletion = w.deletion(job)
    assert (deletion.state, deletion.attempts[-1].cause) == (State.FAILED, Cause.TOO_LATE)
    assert Claim.NOT_DELETED_BY_IT.stands_in(w.thread(card)[0])
    assert w.verdict().is_sound


@troubles
def test_while_the_job_is_read_everything_is_checked_anew(tmp_path: Path, trouble: str) -> None:
    """The trouble comes between the question and the answer: the press is not lost, and rests on new checks."""
    with world(tmp_path, CONFIRM_WITHIN_SECONDS="3600") as w:
        job, card = w.offered()
        with once_at(w, "at the read", TROUBLES[trouble]):
            w.press(card)
        assert len(w.cloud.requests_to(SHOW)) == 3
        assert w.cloud.deletes_arrived(job) == 1


def test_each_attempt_is_signed_at_its_own_time(tmp_path: Path) -> None:
    """With access keys: a signature that is as old as a long back-off would be refused."""
    with world(tmp_path, METASTUDIO_AUTH="aksk") as w:
        card = w.card(w.cloud.add_job(state="TRAIN_FAILED"))
        w.cloud.faults.add(DELETE, play.throttled("2"))
        w.press(card)
        dates = [seen.header("X-Sdk-Date") or "" for seen in w.cloud.requests_to(DELETE)]
        first, second = (datetime.strptime(f"{date}+0000", "%Y%m%dT%H%M%SZ%z") for date in dates)
        assert second - first >= timedelta(seconds=2)
        assert Claim.DELETED.stands_in(w.thread(card)[0])


@pytest.mark.parametrize("change", list(CHANGES))
def test_a_throttled_delete_is_sent_again_on_new_checks(w: World, change: str) -> None:
    """During the back-off somebody becomes a guest, or the channel Slack Connect: the DELETE is not sent again.

    The requester is told which of the two it was.
    """
    job, card = w.offered()
    w.cloud.faults.add(DELETE, play.throttled("2"))
    sleep = w.clock.sleep

    def change_meanwhile(seconds: float) -> None:
        sleep(seconds + 3)
        CHANGES[change](w)

    w.clock.sleep = change_meanwhile  # type: ignore[method-assign]
    w.press(card)
    assert w.cloud.deletes_arrived(job) == 1
    assert w.deletion(job).state is State.FAILED
    since = {"guest": f"<@{w.anna}> may no longer confirm", "Slack Connect": "the card's channel may no longer be used"}
    assert f"It was not sent again, since {since[change]}." in w.thread(card)[0]


# -- nothing stands still --------------------------------------------------------------------------------------------


def test_a_card_expires_in_time_after_the_clock_was_set_back(w: World) -> None:
    """Its deadline lies an hour too far off then: it is pulled back, the card says so, and expires in ten minutes."""
    job, card = w.offered()
    before = w.deletion(job)
    w.clock.step(-HOUR)
    w.tick()
    after = w.deletion(job)
    assert before.deadline_at is not None
    assert after.deadline_at is not None
    assert after.deadline_at <= w.clock.now() + timedelta(seconds=600)
    assert str(int(after.deadline_at.timestamp())) in str(card.blocks)
    w.tick(601)
    assert "Nobody confirmed in time" in w.thread(card)[-1]


def test_so_it_does_where_the_bot_was_down_meanwhile(w: World) -> None:
    """A clock that was set while nobody watched is noticed by what it left in the ledger."""
    _, card = w.offered()
    w.stop_bot()
    w.clock.step(-24 * HOUR)
    w.run_bot()
    w.tick()
    w.tick(601)
    assert "Nobody confirmed in time" in w.thread(card)[-1]


@pytest.mark.parametrize("step", [HOUR, 24 * HOUR])
def test_a_card_that_the_clock_cut_short_says_so(w: World, step: float) -> None:
    """Set forward past the deadline: nothing can be confirmed any more, and nobody is said to have let it pass."""
    job, card = w.offered()
    w.tick(60)
    w.clock.step(step)
    w.press(card)
    assert w.cloud.deletes_arrived(job) == 0
    w.tick()
    assert "was set forward" in w.thread(card)[-1]
    assert not any("Nobody confirmed" in text for text in w.thread(card))
    later = w.card(w.cloud.add_job(state="TRAIN_FAILED"))
    w.tick(601)
    assert "Nobody confirmed in time" in w.thread(later)[-1]


@pytest.mark.parametrize("step", [-HOUR, HOUR])
@pytest.mark.parametrize("effect", [True, False])
def test_an_unknown_outcome_is_found_out(w: World, step: float, *, effect: bool) -> None:
    """They count anew: no read is put off for an hour, and none agrees over an hour that never was."""
    _, card = w.offered()
    w.cloud.faults.add(DELETE, play.drop(), when="after" if effect else "before")
    w.press(card)
    for _ in range(0 if effect else 5):
        w.tick(70)
    assert not Claim.STILL_THERE.stands_in_any(w.thread(card))
    w.clock.step(step)
    w.tick()
    assert not Claim.STILL_THERE.stands_in_any(w.thread(card))
    for _ in range(40):
        w.tick(70)
    ends = Claim.DELETED if effect else Claim.TREATED_AS_NOT_DELETED
    assert ends.stands_in_any(w.thread(card))
    assert not any("in 70 min" in text or "in 1 h" in text for text in w.thread(card))


def test_what_slack_did_not_take_is_said_again(w: World) -> None:
    """The next try of a message lies at most ten minutes off, whatever the clock was when it was put off."""
    _, card = w.offered()
    w.slack.faults.add("chat.postMessage", "ratelimited", retry_after=5)
    w.press(card)
    assert w.thread(card) == []
    w.clock.step(-24 * HOUR)
    w.tick()
    w.tick(601)
    assert Claim.DELETED.stands_in(w.thread(card)[0])


@pytest.mark.parametrize("step", [-HOUR, HOUR])
def test_the_breaker_rests_for_five_minutes_of_real_time(w: World, step: float) -> None:
    """Set back it does not stop calls for an hour; set forward it lets none out before its time."""
    w.cloud.faults.add(SHOW, play.gateway(401, "APIG.0301"))
    w.ask(w.cloud.add_job(state="TRAIN_FAILED"))
    w.clock.step(step)
    w.tick()
    reads = len(w.cloud.requests_to(SHOW))
    w.clock.add(290 if step > 0 else 0)
    w.ask(w.cloud.add_job(state="TRAIN_FAILED"))
    assert len(w.cloud.requests_to(SHOW)) == reads
    w.tick(301)
    w.card(w.cloud.add_job(state="TRAIN_FAILED"))


@pytest.mark.parametrize("step", [-HOUR, HOUR])
def test_a_delete_under_way_is_not_called_lost(tmp_path: Path, step: float) -> None:
    """Its sender waits for MetaStudio's answer while the clock is set: nobody takes the row over before its time."""
    with world(tmp_path, READ_TIMEOUT="30") as w:
        _, card = w.offered()
        w.tick()
        held = play.late()
        sent = w.cloud.faults.add(DELETE, held)
        w.slack.click(w.anna, card, "dh_confirm").wait_ack()
        w.cloud.wait_for(lambda: sent.hits, 5)
        w.clock.step(step)
        w.tick()
        held.gate.set()
        w.idle()
        assert Claim.DELETED.stands_in(w.thread(card)[0])
