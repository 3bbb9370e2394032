"""A command leaves one private message: its answer takes the place of "Checking …", where Slack allows that."""

from __future__ import annotations

import pytest

from sandbox.slack.slack import Call
from tests.flow.world import World

NOT_DELETABLE = "TRAINING"


def private(w: World, user: str | None = None) -> list[str]:
    """What this person alone sees, the acks too."""
    return [message.text for message in w.slack.ephemerals(user or w.anna)]


def test_the_answer_takes_the_place_of_the_ack(w: World) -> None:
    """A refusal and a subcommand's answer: one message each, in the order of the commands."""
    w.ask(w.cloud.add_job(state=NOT_DELETABLE))
    w.ask("whoami")
    refused, whoami = private(w)
    assert NOT_DELETABLE in refused
    assert "You may" in whoami


def test_a_slack_that_replaces_nothing_shows_both(w: World) -> None:
    """The ack is true by itself, and the answer follows it."""
    w.slack.replaces_acks = False
    job = w.cloud.add_job(state=NOT_DELETABLE)
    w.ask(job)
    first, second = private(w)
    assert first == f"Checking `{job}` …"
    assert NOT_DELETABLE in second


@pytest.mark.parametrize("fault", [{"kind": "http", "status": 404}, {"kind": "drop"}])
def test_an_address_that_fails_is_followed_by_an_ephemeral_message(w: World, fault: dict[str, object]) -> None:
    """As before: nobody is left without an answer."""
    w.slack.faults.add("response_url", **fault)  # type: ignore[arg-type]
    w.ask(w.cloud.add_job(state=NOT_DELETABLE))
    first, second = private(w)
    assert first.startswith("Checking")
    assert NOT_DELETABLE in second
    assert len(w.slack.calls_to("chat.postEphemeral")) == 1


def test_an_ack_stays_where_the_answer_is_a_card(w: World) -> None:
    """The card is for all; nothing else is said to who asked."""
    card = w.card(job := w.cloud.add_job(state="TRAIN_FAILED"))
    assert private(w) == [f"Checking `{job}` …"]
    assert w.slack.calls_to("response_url") == []
    assert len(card.buttons) == 2


def test_a_click_replaces_nothing(w: World) -> None:
    """Its original would be the card, or the list whose button was pressed."""
    card = w.card(w.cloud.add_job(state="TRAIN_FAILED", name="Anchor"))
    before = card.text
    w.press(card, user=w.carl)
    w.ask("find Anchor")
    w.cloud.add_job(state=NOT_DELETABLE, name="Anchor B")
    found = w.slack.ephemerals(w.anna)[-1]
    listed = found.text
    w.press(found, "dh_offer")
    assert card.text == before
    assert found.text == listed
    uses: list[Call] = w.slack.calls_to("response_url")
    assert [use.args["replace_original"] for use in uses] == [False, True, False]


def test_a_second_delivery_does_not_replace_the_first_answer(w: World) -> None:
    """It is answered by a message of its own, so that the first answer stays."""
    asked = w.ask(w.cloud.add_job(state=NOT_DELETABLE))
    w.slack.replay(asked).wait_ack()
    w.idle()
    assert any(NOT_DELETABLE in text for text in private(w))
    assert any("already handled" in text.lower() for text in private(w))
