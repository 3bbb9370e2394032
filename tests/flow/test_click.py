"""What a click on *Delete permanently* rests on: its own card, people and job as they are now; nobody waits in vain."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.domain.model import Actor, DeletionId, Press
from bot.ops.instrumentation import around
from handlers.buttons import BUTTONS
from sandbox.metastudio.world import Seen
from sandbox.slack.slack import Call, Message
from tests.flow.world import World, world

DELETE, SHOW = "Delete2dModelTrainingJob", "Show2dModelTrainingJob"


def slow_look_ups(w: World, seconds: float) -> Callable[[Call], None]:
    """A hook by which Slack takes so long to say who somebody is."""

    def before(call: Call) -> None:
        if call.method == "users.info":
            w.clock.add(seconds)

    return before


# -- how old may be what it rests on -------------------------------------------------------------------------------


def test_the_job_is_read_again_where_slack_took_long(w: World) -> None:
    """Between the read and Slack's answer the job becomes somebody else's: it is not deleted."""
    job, card = w.offered()
    w.clock.add(6)
    slow = w.slack.faults.add("users.info", "latency")
    is_read = threading.Event()
    around(w.app.ports.jobs, "show", lambda _: is_read.set())
    w.slack.click(w.anna, card, "dh_confirm").wait_ack()
    w.slack.wait_for(lambda: slow.hits, 5)
    assert is_read.wait(5)
    w.cloud.change(job, name="Somebody else")
    w.clock.add(300)
    slow.release()
    w.idle()
    assert w.cloud.deletes_arrived(job) == 0
    assert "Somebody else" in w.thread(card)[0]


def test_people_are_asked_again_where_metastudio_took_long(w: World) -> None:
    """While the job is read the requester becomes a guest: nothing is deleted."""
    job, card = w.offered()

    def before(seen: Seen) -> None:
        w.clock.add(20)
        w.slack.users[w.anna].is_restricted = True

    w.cloud.before_call = before
    w.press(card)
    assert w.cloud.deletes_arrived(job) == 0
    assert "Guests" in w.said_to(w.anna)[-1]


@pytest.mark.parametrize(("slow", "reads", "deletes"), [(1, 2, 1), (2, 3, 1), (3, 3, 0)])
def test_an_answer_counts_from_its_question(w: World, slow: int, reads: int, deletes: int) -> None:
    """A read that took twenty seconds may speak of a job as it was then: all is checked anew, three times at most."""
    job, card = w.offered()
    left = [20] * slow

    def slow_at_first(seen: Seen) -> None:
        if seen.operation == SHOW and left:
            w.clock.add(left.pop())

    w.cloud.before_call = slow_at_first
    w.press(card)
    assert len(w.cloud.requests_to(SHOW)) == 1 + reads
    assert w.cloud.deletes_arrived(job) == deletes
    assert ("press again" in "".join(w.said_to(w.anna))) is (deletes == 0)


@pytest.mark.parametrize(("age", "deletes"), [(0.0, 1), (2.0, 1), (4.1, 0), (5.1, 0)])
def test_a_cached_yes_does_not_become_younger_by_being_used(w: World, age: float, deletes: int) -> None:
    """The five seconds count from the question to Slack, so shortly before they are over Slack is asked again."""
    job, card = w.offered()
    w.clock.add(age)
    w.slack.users[w.anna].is_restricted = True
    w.press(card)
    assert w.cloud.deletes_arrived(job) == deletes


def test_what_cannot_be_had_fresh_together_deletes_nothing(w: World) -> None:
    """Every look-up takes longer than an answer stays fresh: after two further rounds it is told to press again."""
    job, card = w.offered()
    w.clock.add(6)
    asked = len(w.slack.calls_to("users.info"))
    w.slack.before_call = slow_look_ups(w, 7)
    w.press(card)
    w.slack.before_call = None
    assert "press again" in w.said_to(w.anna)[-1]
    assert len(w.slack.calls_to("users.info")) == asked + 3
    assert len(card.buttons) == 2
    w.press(card)
    assert w.cloud.deletes_arrived(job) == 1


@pytest.mark.parametrize("method", ["users.info", "conversations.info"])
def test_nothing_is_asked_again_after_a_failed_look_up(w: World, method: str) -> None:
    """Where Slack hangs each look-up takes its whole timeout: one failure is an answer, and nobody waits for more."""
    card = w.card(w.cloud.add_job(state="TRAIN_FAILED"))
    w.clock.add(6)
    before = len(w.slack.calls_to("users.info")), len(w.slack.calls_to("conversations.info"))

    def hang(call: Call) -> None:
        if call.method == method:
            w.clock.add(10)

    w.slack.before_call = hang
    w.slack.faults.add(method, "error", error="fatal_error", times=None)
    w.press(card)
    after = len(w.slack.calls_to("users.info")), len(w.slack.calls_to("conversations.info"))
    assert "Slack could not say" in w.said_to(w.anna)[-1]
    assert sum(after) - sum(before) == {"users.info": 1, "conversations.info": 2}[method]
    assert len(card.buttons) == 2


# -- who it is about -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("failing", "says"), [("anna", "who <@{anna}> is"), ("ben", "who you are")])
def test_whoever_could_not_be_looked_up_is_named(tmp_path: Path, failing: str, says: str) -> None:
    """Ben presses Anna's card and Slack fails about one of them: he is not told that it was about the other."""
    with world(tmp_path, CONFIRM_BY="any_operator") as w:
        card = w.card(w.cloud.add_job(state="TRAIN_FAILED"))
        w.clock.add(6)
        who = getattr(w, failing)
        w.slack.faults.add("users.info", "error", error="fatal_error", where=lambda args: args.get("user") == who)
        w.press(card, user=w.ben)
        assert f"*Slack could not say* {says.format(anna=w.anna)}" in w.said_to(w.ben)[-1]


@pytest.mark.parametrize(
    ("rule", "in_vain", "says", "may"),
    [("requester", "ben", "Only the person who asked", "anna"), ("second_person", "anna", "second person", "ben")],
)
def test_a_click_that_may_not_confirm_takes_no_place_in_the_limiter(
    tmp_path: Path, rule: str, in_vain: str, says: str, may: str
) -> None:
    """There is one place a minute, and MetaStudio is not read either: whoever may confirm does not wait for others."""
    with world(tmp_path, CONFIRM_BY=rule, DELETES_PER_SECOND="0.016") as w:
        job, card = w.offered()
        for _ in range(3):
            w.press(card, user=getattr(w, in_vain))
            assert says in w.said_to(getattr(w, in_vain))[-1]
        assert len(w.cloud.requests_to(SHOW)) == 1
        w.press(card, user=getattr(w, may))
        assert w.cloud.deletes_arrived(job) == 1


# -- a dead card ---------------------------------------------------------------------------------------------------


def updates(w: World, card: Message) -> int:
    """How often the card was drawn anew since the calls were last forgotten."""
    return len([call for call in w.slack.calls if call.method == "chat.update" and call.args["ts"] == card.ts])


def a_dead_card(w: World) -> Message:
    """Its deletion was cancelled, but on somebody's screen its buttons still stand."""
    card = w.card(w.cloud.add_job(state="TRAIN_FAILED"))
    w.press(card, "dh_cancel")
    w.clock.add(61)
    w.slack.calls.clear()
    return card


def test_sixty_presses_of_a_stranger_on_a_dead_card_draw_it_once(w: World) -> None:
    """Each is answered; the card is drawn anew once a minute, since Slack allows fifty a minute to all together."""
    card = a_dead_card(w)
    for _ in range(60):
        w.press(card, user=w.carl, force=True)
    assert updates(w, card) == 1
    assert len([text for text in w.said_to(w.carl) if "This deletion is over" in text]) == 60
    assert len([call for call in w.slack.calls if call.method == "users.info"]) <= 1
    assert not [call for call in w.slack.calls if call.method == "chat.getPermalink"]
    w.clock.add(61)
    w.press(card, user=w.carl, force=True)
    assert updates(w, card) == 2


@pytest.mark.parametrize("who", ["anna", "ben"])
def test_whoever_may_act_gets_the_card_as_it_stands_at_each_press(w: World, who: str) -> None:
    """Who asked, and another authorized person, also right behind a stranger."""
    card = a_dead_card(w)
    w.press(card, user=w.carl, force=True)
    for _ in range(3):
        w.press(card, user=getattr(w, who), force=True)
    w.press(card, user=w.carl, force=True)
    assert updates(w, card) == 4


# -- which card it stands on ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", sorted(BUTTONS))
def test_the_id_of_another_card_does_nothing_and_leaves_both_cards_alone(w: World, action: str) -> None:
    """A press on card A that carries the id of card B is no press of B, and A is not redrawn as B."""
    jobs = [w.cloud.add_job(state="TRAIN_FAILED", name=name) for name in ("Anchor A", "Anchor B")]
    cards = [w.card(job) for job in jobs]
    versions = [len(card.versions) for card in cards]
    w.press(cards[0], action, value=w.deletion(jobs[1]).id, force=True)
    assert "not its card" in w.said_to(w.anna)[-1]
    assert [len(card.versions) for card in cards] == versions
    for job, card in zip(jobs, cards, strict=True):
        assert w.cloud.deletes_arrived(job) == 0
        w.press(card)
        assert w.cloud.deletes_arrived(job) == 1


def elsewhere(w: World, card_ts: str) -> tuple[str, str | None]:
    return w.slack.add_channel("elsewhere", members=[w.anna]), card_ts


STRAY: dict[str, Callable[[World, str], tuple[str, str | None]]] = {
    "another channel": elsewhere,
    "no message": lambda w, card_ts: (w.ops, None),
    "another message": lambda w, card_ts: (w.ops, "1.000001"),
}


@pytest.mark.parametrize("stray", STRAY)
@pytest.mark.parametrize("action", sorted(BUTTONS))
def test_a_press_that_does_not_stand_on_the_card_does_nothing(w: World, action: str, stray: str) -> None:
    """A deletion is confirmed on its own card and nowhere else, whatever the payload says."""
    job, card = w.offered()
    channel, ts = STRAY[stray](w, card.ts)
    press = Press("p", Actor(w.anna, w.slack.team_id), channel, DeletionId(w.deletion(job).id), ts)
    assert BUTTONS[action](press, w.app.ports).reason == "unknown_deletion"
    assert w.cloud.deletes_arrived(job) == 0
    assert len(card.buttons) == 2


def test_a_button_of_another_version_does_nothing(w: World) -> None:
    """Whoever presses it is told so; the card still waits, and its own button works."""
    job, card = w.offered()
    found = w.deletion(job)
    w.press(card, "dh_confirm_all", force=True, value=found.id)
    assert w.said_to(w.anna)[-1].startswith("*This button does nothing any more:*")
    assert w.cloud.deletes_arrived(job) == 0
    w.press(card)
    assert w.cloud.deletes_arrived(job) == 1
