"""The Block Kit and text checks of the sandbox, as tables, and against slack_sdk's own models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from slack_sdk.errors import SlackObjectFormationError
from slack_sdk.models import blocks as sdk

from sandbox.slack import block_kit as checks

if TYPE_CHECKING:
    from collections.abc import Callable

BUTTON: dict[str, Any] = {"type": "button", "action_id": "go", "text": {"type": "plain_text", "text": "Go"}}
CONFIRM = {
    "title": {"type": "plain_text", "text": "t"},
    "text": {"type": "plain_text", "text": "t"},
    "confirm": {"type": "plain_text", "text": "t"},
    "deny": {"type": "plain_text", "text": "t"},
}


def mrkdwn(text: str, **more: Any) -> dict[str, Any]:
    return {"type": "mrkdwn", "text": text, **more}


def plain(text: str) -> sdk.PlainTextObject:
    return sdk.PlainTextObject(text=text, emoji=False)


def actions(*elements: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "actions", "elements": list(elements), **more}


def button(**more: Any) -> sdk.ActionsBlock:
    defaults: dict[str, Any] = {"text": plain("Go"), "action_id": "go"}
    return sdk.ActionsBlock(elements=[sdk.ButtonElement(**{**defaults, **more})])


def confirm(**more: Any) -> sdk.ActionsBlock:
    parts = {"title": plain("t"), "text": plain("t"), "confirm": plain("t"), "deny": plain("t"), **more}
    return button(confirm=sdk.ConfirmObject(**parts))


LENGTHS: dict[str, tuple[int, Callable[[int], sdk.Block]]] = {
    "header text": (checks.HEADER_TEXT, lambda n: sdk.HeaderBlock(text=plain("x" * n))),
    "section text": (checks.SECTION_TEXT, lambda n: sdk.SectionBlock(text="x" * n)),
    "section fields": (checks.FIELDS, lambda n: sdk.SectionBlock(fields=["x"] * n)),
    "context elements": (
        checks.CONTEXT_ELEMENTS,
        lambda n: sdk.ContextBlock(elements=[sdk.MarkdownTextObject(text="x")] * n),
    ),
    "actions elements": (
        checks.ACTIONS_ELEMENTS,
        lambda n: sdk.ActionsBlock(elements=[sdk.ButtonElement(text=plain("x"), action_id=f"a{i}") for i in range(n)]),
    ),
    "markdown text": (checks.MARKDOWN_TEXT, lambda n: sdk.MarkdownBlock(text="x" * n)),
    "button text": (checks.BUTTON_TEXT, lambda n: button(text=plain("x" * n))),
    "button value": (checks.BUTTON_VALUE, lambda n: button(value="x" * n)),
    "button url": (checks.BUTTON_URL, lambda n: button(url="x" * n)),
    "button label": (checks.ACCESSIBILITY_LABEL, lambda n: button(accessibility_label="x" * n)),
    "action_id": (checks.ACTION_ID, lambda n: button(action_id="x" * n)),
    "block_id": (checks.BLOCK_ID, lambda n: sdk.DividerBlock(block_id="x" * n)),
    "confirm title": (checks.CONFIRM_TITLE, lambda n: confirm(title=plain("x" * n))),
    "confirm text": (checks.CONFIRM_TEXT, lambda n: confirm(text=plain("x" * n))),
    "confirm confirm": (checks.CONFIRM_BUTTON, lambda n: confirm(confirm=plain("x" * n))),
    "confirm deny": (checks.CONFIRM_BUTTON, lambda n: confirm(deny=plain("x" * n))),
    "image alt_text": (checks.ALT_TEXT, lambda n: sdk.ImageBlock(image_url="https://x", alt_text="x" * n)),
    "image title": (
        checks.IMAGE_TITLE,
        lambda n: sdk.ImageBlock(image_url="https://x", alt_text="x", title=plain("x" * n)),
    ),
}


@pytest.mark.parametrize("name", LENGTHS)
def test_limits_are_those_of_the_sdk(name: str) -> None:
    """At the limit both slack_sdk's model and the sandbox say yes; one more, and both say no."""
    limit, make = LENGTHS[name]
    block = make(limit).to_dict()
    assert checks.check_blocks([block]) == []
    too_long = make(limit + 1)
    with pytest.raises(SlackObjectFormationError):
        too_long.to_dict()
    over = _unchecked(too_long)
    assert checks.check_blocks([over]) != []


def _unchecked(block: Any) -> Any:
    """Write an SDK object as a dict without the SDK's own validation."""
    if isinstance(block, list):
        return [_unchecked(each) for each in block]
    if isinstance(block, sdk.ConfirmObject):
        parts = {name: getattr(block, f"_{name}") for name in ("title", "text", "confirm", "deny")}
        return {name: _unchecked(part) for name, part in parts.items()}
    if hasattr(block, "get_non_null_attributes"):
        told = {name: getattr(block, name, None) for name in block.attributes}
        return {name: _unchecked(value) for name, value in told.items() if value is not None and value != []}
    return block


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "section without text": ({"type": "section"}, "missing required field: text or fields"),
    "section with empty text": ({"type": "section", "text": mrkdwn("")}, "must be more than 0"),
    "section with a string": ({"type": "section", "text": "hi"}, "unsupported type"),
    "section without fields": ({"type": "section", "fields": []}, "at least 1 item"),
    "a field of 2001": ({"type": "section", "fields": [mrkdwn("x" * 2001)]}, "less than 2001"),
    "header in mrkdwn": ({"type": "header", "text": mrkdwn("x")}, "unsupported type: mrkdwn"),
    "no type": ({"text": mrkdwn("x")}, "unsupported type: None"),
    "unknown block": ({"type": "carousel"}, "unsupported type: carousel"),
    "unknown field": ({"type": "divider", "color": "red"}, "invalid additional property: color"),
    "no elements": (actions(), "at least 1 item"),
    "disabled button": (actions({**BUTTON, "disabled": True}), "invalid additional property: disabled"),
    "button style": (actions({**BUTTON, "style": "warning"}), "valid enum value"),
    "button in mrkdwn": (actions({**BUTTON, "text": mrkdwn("x")}), "unsupported type: mrkdwn"),
    "button value number": (actions({**BUTTON, "value": 7}), "valid string"),
    "same action_id": (actions(BUTTON, BUTTON), "action_id must be unique: go"),
    "confirm without deny": (
        actions({**BUTTON, "confirm": {k: v for k, v in CONFIRM.items() if k != "deny"}}),
        "missing required field: deny",
    ),
    "confirm in mrkdwn": (actions({**BUTTON, "confirm": {**CONFIRM, "text": mrkdwn("x")}}), "unsupported type: mrkdwn"),
    "confirm style": (actions({**BUTTON, "confirm": {**CONFIRM, "style": "red"}}), "valid enum value"),
    "emoji on mrkdwn": ({"type": "section", "text": mrkdwn("x", emoji=True)}, "invalid additional property: emoji"),
    "button in context": ({"type": "context", "elements": [BUTTON]}, "unsupported type: button"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_slack_refuses_is_refused(name: str) -> None:
    """Each of these makes Slack answer invalid_blocks; the complaint names the place."""
    block, complaint = REFUSED[name]
    found = checks.check_blocks([block])
    assert any(complaint in each for each in found), found
    assert all("[json-pointer:/blocks" in each for each in found)


def test_the_message_as_a_whole_is_checked() -> None:
    """Fifty blocks at most, and no block_id twice."""
    divider = {"type": "divider"}
    assert checks.check_blocks([divider] * 50) == []
    assert checks.check_blocks([divider] * 51) != []
    assert checks.check_blocks([{**divider, "block_id": "a"}] * 2) != []
    assert checks.check_blocks({"type": "divider"}) != []
    long = {"type": "markdown", "text": "x" * 7000}
    assert checks.check_blocks([long]) == []
    assert checks.check_blocks([long, long]) != []


def test_a_full_card_passes() -> None:
    """What a careful app sends is not complained about."""
    blocks = [
        {"type": "header", "text": {"type": "plain_text", "text": "Delete?", "emoji": False}},
        {"type": "section", "text": mrkdwn("a &amp; b &lt;c&gt; <@U012AB> <https://x.example|x>", verbatim=True)},
        {"type": "section", "fields": [mrkdwn("*a*"), {"type": "plain_text", "text": "<raw> & fine"}]},
        {"type": "context", "elements": [mrkdwn("<!date^1700000000^{date_short_pretty} {time_secs}|07:40 UTC>")]},
        actions({**BUTTON, "style": "danger", "confirm": {**CONFIRM, "style": "danger"}}, {**BUTTON, "action_id": "b"}),
    ]
    assert checks.check_blocks(blocks) == []
    assert checks.advice_on_blocks(blocks) == []


@pytest.mark.parametrize(
    ("text", "stray"),
    [
        ("plain words", None),
        ("a &amp; b &lt; c &gt;", None),
        ("> a quotation", None),
        ("<@U012AB34> <#C0123|ops> <!subteam^S0123> <!here>", None),
        ("<https://example.com/?a=1&b=2|link> <mailto:a@b.c>", None),
        ("<!date^1700000000^{date}|2023-11-14 UTC>", None),
        ("<!date^1700000000^{date}>", "'<'"),
        ("a & b", "'&'"),
        ("&nbsp;", "'&'"),
        ("a < b", "'<'"),
        ("a > b", "'>'"),
        ("<script>", "'<'"),
        ("<@nobody>", "'<'"),
    ],
)
def test_unescaped_text_is_noticed(text: str, stray: str | None) -> None:
    """In mrkdwn `&`, `<` and `>` stand for themselves only when escaped; a date needs its fallback."""
    advice = checks.advice_on_text(text)
    assert (advice == []) if stray is None else (stray in advice[0])


@pytest.mark.parametrize(
    ("text", "blocks", "pinged"),
    [
        ("hi <@U1A> and <!subteam^S1>", [], {"U1A", "S1"}),
        ("<!channel>", [], {"channel"}),
        ("@channel", [], set()),
        ("<@U1A>", [{"type": "section", "text": mrkdwn("<@U2B>")}], {"U2B"}),
        ("", [{"type": "section", "text": mrkdwn("@everyone")}], {"everyone"}),
        ("", [{"type": "section", "text": mrkdwn("@everyone", verbatim=True)}], set()),
        ("", [{"type": "section", "text": {"type": "plain_text", "text": "<!here> @here"}}], set()),
        ("", [{"type": "section", "text": mrkdwn("&lt;!here&gt;", verbatim=True)}], set()),
    ],
)
def test_who_is_pinged(text: str, blocks: list[dict[str, Any]], pinged: set[str]) -> None:
    """Mentions work in mrkdwn only; bare @everyone works in blocks unless verbatim; blocks outrank the text."""
    assert checks.notifies(text, blocks) == pinged


def test_views_are_checked() -> None:
    """A Home tab takes a hundred blocks, and only the fields that a view has."""
    assert checks.check_view({"type": "home", "blocks": [{"type": "divider"}] * 100}) == []
    assert checks.check_view({"type": "home", "blocks": [{"type": "divider"}] * 101}) != []
    assert checks.check_view({"type": "home"}) != []
    assert checks.check_view({"type": "modal", "blocks": []}) != []
    assert checks.check_view({"type": "home", "blocks": [], "title": "x"}) != []


def test_more_than_one_primary_button_is_advised_against() -> None:
    """Slack: primary at most once within a set."""
    two = [{**BUTTON, "style": "primary", "action_id": name} for name in "ab"]
    assert checks.check_blocks([actions(*two)]) == []
    assert checks.advice_on_blocks([actions(*two)]) != []
