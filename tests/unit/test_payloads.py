"""From what Slack sends to our values: the destructive argument is never repaired, and no input is ever repeated."""

from __future__ import annotations

import copy
import re
import string
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.model import Actor, DeletionId
from bot.policy import Reason
from handlers.payloads import (
    SUBCOMMANDS,
    Click,
    DeleteCommand,
    Subcommand,
    UsageError,
    broken_rule,
    click,
    click_actor,
    command_actor,
    parse_text,
)
from handlers.views.card import deletion_card, small_print
from tests.unit.messages import AWAITING, JOB, PLAUSIBLE, WORDING

OUTSIDE_ASCII = "it contains a character outside ASCII (perhaps an invisible space or a look-alike letter)"
CONTROL = "it contains a control character, such as a line break"
OTHER_CHARACTER = "it contains a character other than letters, digits, hyphen and underscore"
BAD_START = "it does not begin with a letter or a digit"
TOO_LONG = "it is longer than 64 characters"

WORD = string.ascii_letters + string.digits
NAMES = {"help", "history", "find", "open", "whoami", "freeze", "unfreeze", "--dry-run"}
HOSTILE = st.sampled_from(
    [
        *" \t\n\r\0\v\f-_.:/\\<>&@#!`'\"%*~|",
        "\u00a0",
        "\u200b",
        "\u202e",
        "\u3000",
        "\uff11",
        "\u0131",
        "\u212a",
        "\x85",
    ]
)
TYPED = st.one_of(
    st.text(max_size=80),
    st.lists(st.one_of(HOSTILE, st.sampled_from(sorted(WORD)), st.just("  ")), max_size=80).map("".join),
    st.from_regex(r" {0,3}[A-Za-z0-9][A-Za-z0-9_-]{0,70}( .{0,40})?", fullmatch=True),
)


def is_job_id(word: str) -> bool:
    """The rule of product.md in its own words: 1 to 64 ASCII letters, digits, hyphens, underscores; a good start."""
    return 1 <= len(word) <= 64 and word[0] in WORD and set(word) <= {*WORD, "-", "_"}


@pytest.mark.parametrize(
    ("text", "job_id", "reason"),
    [
        ("job-1", "job-1", None),
        ("  job-1  ", "job-1", None),
        ("efc5300ecdba4ea48d1ff13a9d907bc0", "efc5300ecdba4ea48d1ff13a9d907bc0", None),
        ("A", "A", None),
        ("0_-", "0_-", None),
        ("a" * 64, "a" * 64, None),
        ("job-1 because", "job-1", "because"),
        ("job-1   two  spaces inside  ", "job-1", "two  spaces inside"),
        ("job-1 <!channel> & co", "job-1", "<!channel> & co"),
        ("job-1 line\nbreak", "job-1", "line\nbreak"),
        ("job-1 \u00a0", "job-1", "\u00a0"),
        ("job-1 " + "x" * 500, "job-1", "x" * 500),
        ("job-1 " + "\U0001f600" * 500, "job-1", "\U0001f600" * 500),
        ("job-1 help", "job-1", "help"),
        ("helpme", "helpme", None),
        ("help-1", "help-1", None),
    ],
)
def test_a_job_id_and_a_reason(text: str, job_id: str, reason: str | None) -> None:
    """Ordinary spaces around are trimmed; the reason stays as typed, up to 500 characters."""
    assert parse_text(text) == DeleteCommand(job_id, reason)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "name", "rest"),
    [
        ("", "help", ""),
        ("   ", "help", ""),
        *((name, name, "") for name in sorted(NAMES)),
        *((name.upper(), name, "") for name in sorted(NAMES)),
        ("Help", "help", ""),
        ("  help  ", "help", ""),
        ("history 20  ", "history", "20"),
        ("--dry-run  job-1", "--dry-run", "job-1"),
        ("find a  b", "find", "a  b"),
    ],
)
def test_subcommands(text: str, name: str, rest: str) -> None:
    """Whatever the case of their letters; nothing at all means help."""
    assert parse_text(text) == Subcommand(name, rest)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("job-1", UsageError(Reason.REASON_MISSING, 5)),
        ("  job-1  ", UsageError(Reason.REASON_MISSING, 9)),
        ("job-1 because", DeleteCommand("job-1", "because")),  # type: ignore[arg-type]
        ("job-1 " + "x" * 501, UsageError(Reason.REASON_TOO_LONG, 507)),
        ("../x", UsageError(Reason.BAD_JOB_ID, 4, OTHER_CHARACTER)),
        ("", Subcommand("help", "")),
        ("help", Subcommand("help", "")),
    ],
)
def test_where_a_reason_is_required(text: str, expected: object) -> None:
    """Only a deletion needs one, and what else is wrong is said first."""
    assert parse_text(text, reason_required=True) == expected


def test_these_are_the_subcommands() -> None:
    """Those of product.md section 1."""
    assert SUBCOMMANDS == NAMES


BROKEN = [
    ("../x", OTHER_CHARACTER),
    ("a/b", OTHER_CHARACTER),
    ("a.b", OTHER_CHARACTER),
    ("%2e%2e", OTHER_CHARACTER),
    ("<@U1>", OTHER_CHARACTER),
    ("`job-1`", OTHER_CHARACTER),
    ('"job-1"', OTHER_CHARACTER),
    ("job-1?x=1", OTHER_CHARACTER),
    ("--dry-runs", BAD_START),
    ("--dry", BAD_START),
    ("-a", BAD_START),
    ("_a", BAD_START),
    ("-" * 65, BAD_START),
    ("a" * 65, TOO_LONG),
    ("a" * 5000, TOO_LONG),
    ("job-1\n", CONTROL),
    ("job\n-1", CONTROL),
    ("\njob-1", CONTROL),
    ("job-1\t", CONTROL),
    ("job\x00", CONTROL),
    ("job\x7f", CONTROL),
    ("job\r\n../", CONTROL),
    ("help\n", CONTROL),
    ("\uff4a\uff4f\uff42", OUTSIDE_ASCII),  # full-width letters
    ("\uff11\uff12", OUTSIDE_ASCII),  # full-width digits
    ("job\u00a01", OUTSIDE_ASCII),
    ("\u00a0job-1", OUTSIDE_ASCII),
    ("job-1\u200b", OUTSIDE_ASCII),
    ("job\u2011 1", OUTSIDE_ASCII),
    ("\u212aelp", OUTSIDE_ASCII),
    ("\u0130", OUTSIDE_ASCII),
    ("job\u0661", OUTSIDE_ASCII),  # an Arabic digit
    ("job\n\u00e9", OUTSIDE_ASCII),
    ("\ud800", OUTSIDE_ASCII),
    ("“job-1”", OUTSIDE_ASCII),
]


@pytest.mark.parametrize(("word", "rule"), BROKEN)
def test_the_broken_rule_is_named(word: str, rule: str) -> None:
    """Each bad id is refused with the rule it broke first."""
    assert broken_rule(word.split(" ", maxsplit=1)[0]) == rule
    assert parse_text(word) == UsageError(Reason.BAD_JOB_ID, len(word), rule)


@pytest.mark.parametrize("name", sorted(NAMES))
def test_no_other_letters_fold_into_a_subcommand(name: str) -> None:
    """Only ASCII letters have a case here: a look-alike is not a subcommand."""
    for ours, other in (("k", "\u212a"), ("s", "\u017f"), ("i", "\u0130"), ("e", "\u00e9"), ("n", "\uff4e")):
        if ours in name:
            assert parse_text(name.replace(ours, other)) == UsageError(Reason.BAD_JOB_ID, len(name), OUTSIDE_ASCII)


@pytest.mark.parametrize("reason", ["x" * 501, "x" * 5000, "\U0001f600" * 501])
def test_a_long_reason_is_refused_and_not_cut(reason: str) -> None:
    """501 characters are one too many; of what was typed only the length is kept."""
    text = f"job-1 {reason}"
    assert parse_text(text) == UsageError(Reason.REASON_TOO_LONG, len(text), "")


def test_spaces_around_a_reason_do_not_count() -> None:
    """What is trimmed is not part of the reason."""
    assert parse_text("job-1   " + "x" * 500 + "   ") == DeleteCommand("job-1", "x" * 500)  # type: ignore[arg-type]


WHITESPACE = [chr(point) for point in range(0x11000) if chr(point).isspace() and chr(point) != " "]


@pytest.mark.parametrize("char", [*WHITESPACE, "\u200b", "\ufeff", "\u2060", "\u180e"], ids=ascii)
def test_only_the_ordinary_space_is_trimmed(char: str) -> None:
    """Any other white space before, behind or within an id makes it no id, and makes no two words of it."""
    for text in (f"{char}job-1", f"job-1{char}", f"job{char}1", f"job-1{char}reason", char):
        assert isinstance(parse_text(text), UsageError)


@given(TYPED)
@example("job-1\n")
@example("\u00a0")
@example("--DRY-RUN job-1")
def test_a_command_comes_of_exactly_what_the_rule_says(text: str) -> None:
    """Any text at all: a deletion only where the first word is an id by the rule, letter by letter as typed."""
    words = [word for word in text.split(" ") if word]
    first = words[0] if words else ""
    rest = text.lstrip(" ")[len(first) :].strip(" ")
    parsed = parse_text(text)
    if not first:
        assert parsed == Subcommand("help", "")
    elif first.isascii() and first.lower() in NAMES:
        assert parsed == Subcommand(first.lower(), rest)
    elif not is_job_id(first):
        assert parsed == UsageError(Reason.BAD_JOB_ID, len(text), broken_rule(first))
    elif len(rest) > 500:
        assert parsed == UsageError(Reason.REASON_TOO_LONG, len(text))
    else:
        assert parsed == DeleteCommand(first, rest or None)  # type: ignore[arg-type]
        assert first in text
        assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", first)


@given(TYPED.filter(lambda text: bool(text) and not is_job_id(text)))
def test_the_broken_rule_repeats_nothing_of_the_input(word: str) -> None:
    """Whatever was typed, the answer is one of five sentences of ours."""
    assert broken_rule(word) in {OUTSIDE_ASCII, CONTROL, OTHER_CHARACTER, BAD_START, TOO_LONG}


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
WHOLE = Click(Actor("UFAR", "TFAR"), "C1", "1.2", "1.1", ID, "https://hooks.example/r")  # type: ignore[arg-type]


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
