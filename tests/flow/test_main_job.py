"""The main job: a command, a card, a click, exactly one DELETE, and the request ID where the team sees it."""

from __future__ import annotations

import pytest

from bot.domain.job_states import DELETABLE, STATES
from sandbox.metastudio import faults as play
from tests.flow.main_job import main_job
from tests.flow.world import World
from tests.support.claims import Claim

SHOW = "Show2dModelTrainingJob"


def test_a_confirmed_deletion_is_sent_once_and_its_request_id_told(w: World) -> None:
    """Card, click, exactly one DELETE, and MetaStudio's request ID in the thread and on the card."""
    main_job(w.slack, w.cloud, w.anna, w.ops, reason="the customer took back their consent")


def test_after_the_outcome_the_bot_looks_whether_the_job_is_gone(w: World) -> None:
    """Twice, half a minute apart: then the thread says "Double-checked" with a time, and so does the card."""
    _, card = w.offered()
    w.press(card)
    w.tick(6)
    assert len(w.thread(card)) == 1
    w.tick(31)
    assert Claim.VERIFIED_GONE.stands_in(w.thread(card)[1])
    assert Claim.VERIFIED_GONE.stands_in(card.text)


@pytest.mark.parametrize(
    ("spoil", "claim", "says"),
    [
        (
            play.error(400, "MSS.00000003", "Invalid parameter"),
            Claim.REFUSED,
            ("MSS.00000003", "Invalid parameter", "400"),
        ),
        (
            play.error(500, "MSS.00000004", "Internal Error"),
            Claim.UNKNOWN,
            ("MSS.00000004", "Internal Error", "500"),
        ),
    ],
)
def test_the_documented_errors_are_told_with_what_became_of_the_job(
    w: World, spoil: play.Spoil, claim: Claim, says: tuple[str, ...]
) -> None:
    """400 MSS.00000003 and 500 MSS.00000004: code, message, request ID and what became of the job, in the thread."""
    job, card = w.offered()
    w.cloud.faults.add("Delete2dModelTrainingJob", spoil)
    w.press(card)
    request_id = w.cloud.requests_to("Delete2dModelTrainingJob")[0].request_id
    first = w.thread(card)[0]
    assert claim.stands_in(first)
    for text in (*says, request_id):
        assert text in first
    for _ in range(4):
        w.tick(20)
    assert Claim.STILL_THERE.stands_in_any(w.thread(card)[1:])
    assert w.cloud.deletes_arrived(job) == 1
    assert job in w.cloud.jobs


@pytest.mark.parametrize("state", sorted(DELETABLE))
def test_each_deletable_state_is_offered(w: World, state: str) -> None:
    """All eleven states get a card with both buttons."""
    card = w.card(w.cloud.add_job(state=state))
    assert [button["action_id"] for button in card.buttons] == ["dh_confirm", "dh_cancel"]
    assert state in card.text


@pytest.mark.parametrize("states", [[*sorted(set(STATES) - DELETABLE), "A_STATE_OF_NEXT_YEAR"]], ids=["43 states"])
def test_every_other_state_is_refused_without_buttons_and_without_a_delete(w: World, states: list[str]) -> None:
    """The other forty-two and an invented one: a text with the state and what to do, no card, no DELETE."""
    assert len(states) == 43
    for state in states:
        job = w.cloud.add_job(state=state)
        w.ask(job)
        told = w.said_to(w.anna)[-1]
        assert state in told
        assert Claim.REQUEST_DELETED_NOTHING.stands_in(told)
        assert w.cloud.deletes_arrived(job) == 0
    assert w.slack.messages(w.ops) == []


def test_a_cancelled_card_deletes_nothing_and_says_who_cancelled(w: World) -> None:
    """Any authorized person may cancel; the card loses its buttons, and a later click says that it is over."""
    job, card = w.offered()
    w.press(card, "dh_cancel", w.ben)
    assert w.thread(card) == [said for said in w.thread(card) if f"Cancelled by <@{w.ben}>" in said] != []
    assert card.buttons == []
    w.press(card, force=True)
    assert "cancelled" in w.said_to(w.anna)[-1]
    assert w.cloud.deletes_arrived(job) == 0


def test_an_expired_card_deletes_nothing(w: World) -> None:
    """After CONFIRM_WITHIN_SECONDS a click is refused, even before the card was redrawn; then the card says so."""
    job, card = w.offered()
    w.clock.add(601)
    w.press(card)
    assert "time to confirm was over" in w.said_to(w.anna)[-1]
    w.tick()
    assert card.buttons == []
    assert "Nobody confirmed in time" in w.thread(card)[0]
    assert w.cloud.deletes_arrived(job) == 0


def test_a_second_asker_gets_a_link_to_the_card(w: World) -> None:
    """One open deletion per job: whoever asks again is sent to the card that stands."""
    job, card = w.offered()
    w.ask(job, w.ben)
    assert len(w.slack.messages(w.ops)) == 1
    told = w.said_to(w.ben)[-1]
    assert "Already asked for" in told
    assert card.ts.replace(".", "") in told


@pytest.mark.parametrize(
    ("change", "shown"),
    [
        ({"name": "Another Li"}, ("Anchor Li", "Another Li")),
        ({"asset_id": "feedfeedfeedfeedfeedfeedfeedfeed"}, ("feedfeedfeedfeedfeedfeedfeedfeed",)),
        ({"state": "JOB_SUCCESS"}, ("TRAIN_FAILED", "JOB_SUCCESS")),
        ({"last_update_time": "2031-01-01T00:00:00Z"}, ("2031-01-01T00:00:00Z",)),
    ],
)
def test_a_job_that_changed_since_the_card_is_not_deleted(
    w: World, change: dict[str, str], shown: tuple[str, ...]
) -> None:
    """The approval holds for what the card showed: if that differs, both are shown and the card is closed."""
    job = w.cloud.add_job(state="TRAIN_FAILED", name="Anchor Li")
    card = w.card(job)
    w.cloud.change(job, **change)
    w.press(card)
    for text in shown:
        assert text in w.said_to(w.anna)[-1]
        assert text in w.thread(card)[0]
    assert card.buttons == []
    assert w.cloud.deletes_arrived(job) == 0


@pytest.mark.parametrize("field", ["name", "asset_id", "last_update_time"])
def test_a_difference_behind_what_the_card_has_room_for_counts(w: World, field: str) -> None:
    """A text that is too long to be shown whole is compared whole."""
    job = w.cloud.add_job(state="TRAIN_FAILED")
    w.cloud.change(job, **{field: "x" * 300 + "A"})
    card = w.card(job)
    w.cloud.change(job, **{field: "x" * 300 + "B"})
    w.press(card)
    assert "no longer the one on the card" in w.said_to(w.anna)[-1]
    assert w.cloud.deletes_arrived(job) == 0


@pytest.mark.parametrize("how", ["404", "400", "filter ignored"])
def test_a_job_that_is_gone_at_the_click_closes_the_card(w: World, how: str) -> None:
    """Gone by Show and List, in whatever way they say so: the card closes, nothing is sent, nothing is claimed."""
    w.cloud.add_job(state="TRAIN_FAILED")
    job, card = w.offered()
    w.cloud.remove(job)
    if how == "400":
        w.cloud.faults.add(SHOW, play.error(400, "MSS.41000003", "task does not exist"), times=None)
    if how == "filter ignored":
        w.cloud.ignored_filters.add("job_id")
    w.press(card)
    assert Claim.NOT_SHOWN.stands_in(w.said_to(w.anna)[-1])
    assert Claim.SENT_NO_DELETE.stands_in(w.thread(card)[0])
    assert card.buttons == []
    assert w.cloud.deletes_arrived(job) == 0


def test_a_page_that_says_404_is_not_taken_for_metastudios_word(w: World) -> None:
    """Something in between answers 404 in HTML while the job is there: it is not said that there is no such job."""
    job = w.cloud.add_job(state="TRAIN_FAILED")
    w.cloud.faults.add(SHOW, play.html(404), times=None)
    w.ask(job)
    assert "could not be checked" in w.said_to(w.anna)[-1]
    assert "no such job" not in w.said_to(w.anna)[-1]
    w.cloud.faults.clear()
    w.ask("efc5300ecdba4ea48d1ff13a9d907bc0")
    assert "no such job" in w.said_to(w.anna)[-1]


def test_a_read_that_fails_at_the_click_leaves_the_card_waiting(w: World) -> None:
    """A second read that fails is answered with its cause; the card keeps its buttons and a later click works."""
    job, card = w.offered()
    w.cloud.faults.add("Show2dModelTrainingJob", play.error(503, "MSS.00000004"), times=3)
    w.press(card)
    assert "could not be checked" in w.said_to(w.anna)[-1]
    assert len(card.buttons) == 2
    w.press(card)
    assert w.cloud.deletes_arrived(job) == 1


def test_a_missing_job_is_refused_with_the_request_id(w: World) -> None:
    """An id that MetaStudio does not know: its error code and request ID are told, and no card is posted."""
    w.ask("no-such-job")
    told = w.said_to(w.anna)[-1]
    request_id = w.cloud.requests_to("Show2dModelTrainingJob")[0].request_id
    assert "MSS.41000003" in told
    assert request_id in told
    assert w.slack.messages(w.ops) == []


def test_an_earlier_attempt_of_the_day_stands_on_the_next_card(w: World) -> None:
    """A re-ask within 24 hours shows what was tried before, with its outcome and request ID."""
    job, first = w.offered()
    w.cloud.faults.add("Delete2dModelTrainingJob", play.error(400, "MSS.00000003"))
    w.press(first)
    w.tick(1)
    second = w.card(job)
    assert "Earlier requests" in second.text
    assert w.cloud.requests_to("Delete2dModelTrainingJob")[0].request_id in second.text
