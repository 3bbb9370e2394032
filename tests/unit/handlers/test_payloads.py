"""From what Slack sends to our values: who did something, and what was pressed."""

from __future__ import annotations

import copy
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.model import Actor, DeletionId
from bot.domain.notifications import ResponseUrl
from handlers.actions import small_print
from handlers.payloads import Click, click, click_actor, command_actor, request_digest
from handlers.views.card import deletion_card
from tests.support.messages import AWAITING, JOB, PLAUSIBLE, WORDING

# -- who, and what was pressed -------------------------------------------------------------------------------------


def test_the_actor_of_a_command() -> None:
    """Both ids as Slack sent them; names do not matter."""
    body = {"user_id": "U1", "team_id": "T1", "user_name": "anna", "enterprise_id": "E1"}
    assert command_actor(body) == Actor("U1", "T1")


@pytest.mark.parametrize("missing", ["user_id", "team_id"])
def test_a_command_without_an_id_is_no_command(missing: str) -> None:
    """Nobody is guessed: what Slack always sends is asked for by name."""
    body = {"user_id": "U1", "team_id": "T1"}
    del body[missing]
    with pytest.raises(KeyError, match=missing):
        command_actor(body)


@pytest.mark.parametrize(
    ("user", "actor"),
    [
        ({"id": "U1", "team_id": "T9", "username": "x"}, Actor("U1", "T9")),
        ({"id": "U1", "team_id": None}, Actor("U1", "")),
        ({"id": "U1"}, Actor("U1", "")),
    ],
)
def test_the_actor_of_a_click_has_the_clickers_own_team(user: dict[str, Any], actor: Actor) -> None:
    """``team`` is the app's workspace even when somebody of another company presses: it is not looked at."""
    assert click_actor({"user": user, "team": {"id": "T1"}, "team_id": "T1"}) == actor


ID = "0123456789abcdef"
PAYLOAD: dict[str, Any] = {
    "type": "block_actions",
    "user": {"id": "UFAR", "username": "x", "team_id": "TFAR"},
    "team": {"id": "T1"},
    "api_app_id": "A1",
    "container": {
        "type": "message",
        "message_ts": "1.2",
        "channel_id": "C1",
        "is_ephemeral": False,
        "thread_ts": "1.1",
    },
    "channel": {"id": "C1", "name": "ops"},
    "message": {"ts": "9.9", "text": "…"},
    "actions": [{"action_id": "dh_confirm", "block_id": "b", "value": ID, "action_ts": "3.3"}],
    "state": {"values": {}},
    "trigger_id": "t",
    "response_url": "https://hooks.example/r",
}
WHOLE = Click(Actor("UFAR", "TFAR"), "C1", "1.2", "1.1", ID, ResponseUrl("https://hooks.example/r"))


def changed(**fields: Any) -> dict[str, Any]:
    body = {**copy.deepcopy(PAYLOAD), **fields}
    return {name: value for name, value in body.items() if value is not ...}


OTHER = DeletionId("fedcba9876543210")


def card_of(deletion: str) -> dict[str, Any]:
    """Its card as Slack sends it along: with ids for the blocks."""
    blocks = deletion_card(replace(AWAITING, id=DeletionId(deletion)), WORDING).blocks
    return {"ts": "1.2", "blocks": [{**block, "block_id": str(at)} for at, block in enumerate(blocks)]}


@pytest.mark.parametrize(
    ("message", "is_copy"),
    [
        *((card_of(ID) | {"blocks": deletion_card(each, WORDING).blocks}, True) for each in PLAUSIBLE.values()),
        (card_of(OTHER), False),
        ({"blocks": [{"type": "context", "elements": [{"text": ID}, {"text": {"text": small_print(ID)}}]}]}, False),
        ({"ts": "1.2", "text": small_print(ID)}, False),
        ({"blocks": None}, False),
        ({"blocks": [None, {"elements": None}, {"elements": [None, ID]}, ID]}, False),
        (ID, False),
        (None, False),
        (..., False),
    ],
)
def test_a_message_is_a_card_of_the_deletion_by_its_small_print(message: Any, *, is_copy: bool) -> None:
    """In each of its states, with buttons or without. Where Slack sends no message along nothing is proved."""
    assert click(changed(message=message)).is_copy is is_copy


def test_a_reason_that_looks_like_small_print_makes_no_card() -> None:
    """What people type stands in other blocks."""
    typed = replace(AWAITING, id=OTHER, reason=small_print(ID), job=replace(JOB, name=small_print(ID)))
    assert not click(changed(message={"blocks": deletion_card(typed, WORDING).blocks})).is_copy


@pytest.mark.parametrize("value", [None, 7, "fedcba987654321", ""])
def test_a_value_of_no_known_form_makes_no_card(value: Any) -> None:
    """Also where the message would fit it."""
    body = changed(message=card_of(str(value)), actions=[{"value": value}])
    assert (click(body).deletion, click(body).is_copy) == (None, False)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (changed(), {}),
        (changed(channel=...), {}),
        (changed(channel=None), {}),
        (changed(message=...), {}),
        (changed(message={"ts": "7.7"}), {}),  # the container decides, not the message
        (changed(state=..., trigger_id=..., team=None), {}),
        (changed(response_url=...), {"response_url": None}),
        (changed(actions=...), {"deletion": None}),
        (changed(actions=None), {"deletion": None}),
        (changed(actions=[]), {"deletion": None}),
        (changed(actions=[{"action_id": "dh_confirm"}]), {"deletion": None}),
        (changed(actions=[{"value": None}]), {"deletion": None}),
        (changed(container=...), {"message_ts": None, "thread_ts": None}),
        (changed(container=None), {"message_ts": None, "thread_ts": None}),
        (changed(container={}), {"message_ts": None, "thread_ts": None}),
        (changed(container={"channel_id": "C2"}), {"channel": "C2", "message_ts": None, "thread_ts": None}),
        (changed(container={"message_ts": "4.4"}), {"message_ts": "4.4", "thread_ts": None}),
        (changed(container=..., channel=...), {"channel": "", "message_ts": None, "thread_ts": None}),
        (changed(container={}, channel={}), {"channel": "", "message_ts": None, "thread_ts": None}),
        (
            changed(
                container={"type": "message", "message_ts": "5.5", "channel_id": "C1", "is_ephemeral": True},
                message=...,
            ),
            {"message_ts": "5.5", "thread_ts": None},
        ),
    ],
)
def test_what_a_click_says_with_parts_missing(body: dict[str, Any], expected: dict[str, Any]) -> None:
    """Slack marks most of the payload as optional: what is missing is empty, and nothing raises."""
    fields = {name: getattr(WHOLE, name) for name in Click.__slots__}  # type: ignore[attr-defined]
    assert click(body) == Click(**{**fields, **expected})


@pytest.mark.parametrize(
    "value",
    [
        *("", "0" * 15, "0" * 17, "0123456789ABCDEF", f"{ID}\n", f" {ID}", "g" * 16, "\uff10" * 16, "../" + ID),
        *("x" * 2000, 7, True, ["a"], {"a": 1}),
    ],
    ids=repr,
)
def test_a_value_of_another_form_is_no_deletion(value: Any) -> None:
    """A stale, forged or foreign value is not looked up at all."""
    assert click(changed(actions=[{"value": value}])).deletion is None


@given(st.text(max_size=40))
def test_a_deletion_id_is_sixteen_hexadecimal_digits(value: str) -> None:
    """Whatever another app's button carries, only that form passes."""
    found = click(changed(actions=[{"value": value}])).deletion
    assert found == (value if len(value) == 16 and set(value) <= set("0123456789abcdef") else None)


OPTIONAL = ["container", "channel", "message", "actions", "state", "response_url", "team", "trigger_id", "enterprise"]


@given(st.dictionaries(st.sampled_from(OPTIONAL), st.sampled_from(["gone", "null"])))
def test_any_mixture_of_missing_parts_still_says_who_pressed(changes: dict[str, str]) -> None:
    """As long as Slack names the person, they can be answered."""
    body = changed(**{name: ... if how == "gone" else None for name, how in changes.items()})
    assert click(body).actor == Actor("UFAR", "TFAR")


@pytest.mark.parametrize("body", [changed(user=...), changed(user={"team_id": "T1"})])
def test_a_click_by_nobody_raises(body: dict[str, Any]) -> None:
    """Without a person there is nobody to answer; the listener's wrapper turns this into an ack."""
    with pytest.raises(KeyError):
        click(body)


# -- telling requests apart ------------------------------------------------------------------------------------------

SECRETS = {"trigger_id": "13345224609.738474920.8088930838d88f008e0", "response_url": "https://hooks.slack.com/x/y"}


@pytest.mark.parametrize("names", [["trigger_id", "response_url"], ["trigger_id"], ["response_url"]])
def test_a_request_is_known_by_a_digest(names: list[str]) -> None:
    """The same of the same payload, another one of another, and nothing of the secret in it."""
    body = {name: SECRETS[name] for name in names}
    digest = request_digest(body)
    assert digest == request_digest({**body, "text": "else"})
    assert digest != request_digest({**body, names[0]: "other"})
    assert re.fullmatch("[0-9a-f]{64}", str(digest))


@pytest.mark.parametrize(
    "body", [{}, {"trigger_id": None}, {"trigger_id": ""}, {"trigger_id": 7}, {"trigger_id": ["t"]}]
)
def test_what_cannot_be_told_apart_has_no_digest(body: dict[str, Any]) -> None:
    """Slack documents no such command or click; an event of the Home tab is one, and has no effect."""
    assert request_digest(body) is None
