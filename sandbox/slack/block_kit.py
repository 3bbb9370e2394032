"""Block Kit and text, checked as Slack checks them. Pure: values in, complaints out.

`check_blocks` and `check_view` return what Slack would add to `invalid_blocks`, in Slack's own words:
"[ERROR] must be less than 76 characters [json-pointer:/blocks/0/elements/0/text/text]". `advice_on_blocks` and
`advice_on_text` return what Slack accepts but advises against. Limits: rulebook section 3, each compared with
slack_sdk.models in tests/sandbox/test_slack_checks.py.

Block and element types that this file does not know are refused, although Slack has more: a double must not accept
what it cannot check. Add them to the tables.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

MESSAGE_BLOCKS, VIEW_BLOCKS = 50, 100
TEXT_OBJECT, SECTION_TEXT, FIELD_TEXT, FIELDS = 3000, 3000, 2000, 10
HEADER_TEXT, CONTEXT_ELEMENTS, ACTIONS_ELEMENTS, MARKDOWN_TEXT = 150, 10, 25, 12_000
BUTTON_TEXT, BUTTON_VALUE, BUTTON_URL, ACCESSIBILITY_LABEL = 75, 2000, 3000, 75
CONFIRM_TITLE, CONFIRM_TEXT, CONFIRM_BUTTON = 100, 300, 30
ACTION_ID, BLOCK_ID, ALT_TEXT, IMAGE_URL, IMAGE_TITLE = 255, 255, 2000, 3000, 2000
OPTION_TEXT, OPTION_VALUE, OVERFLOW_OPTIONS, SELECT_OPTIONS, PLACEHOLDER = 75, 150, 5, 100, 150
POST_TEXT, UPDATE_TEXT = 40_000, 4000
STYLES = ("primary", "danger")
PLAIN, MRKDWN = "plain_text", "mrkdwn"

Check = Callable[["Complaints", str, Any], None]


class Complaints(list[str]):
    """A list of complaints in Slack's words."""

    def say(self, what: str, path: str) -> None:
        """Add one complaint."""
        self.append(f"[ERROR] {what} [json-pointer:{path}]")


def string(longest: int, shortest: int = 1) -> Check:
    """Check for a string within bounds."""

    def check(out: Complaints, path: str, value: object) -> None:
        if not isinstance(value, str):
            out.say("must be a valid string", path)
        elif len(value) < shortest:
            out.say(f"must be more than {shortest - 1} characters", path)
        elif len(value) > longest:
            out.say(f"must be less than {longest + 1} characters", path)

    return check


def boolean(out: Complaints, path: str, value: object) -> None:
    """Check for true or false."""
    if not isinstance(value, bool):
        out.say("must be a valid boolean", path)


def one_of(*allowed: str) -> Check:
    """Check for one of the words."""

    def check(out: Complaints, path: str, value: object) -> None:
        if value not in allowed:
            out.say(f"must be a valid enum value; allowed values: {', '.join(allowed)}", path)

    return check


def text(longest: int, *kinds: str) -> Check:
    """Check for a text object of one of the kinds (plain_text by default), no longer than `longest`."""
    rules = {
        kind: record({"type": anything, "text": string(longest)}, {"emoji" if kind == PLAIN else "verbatim": boolean})
        for kind in kinds or (PLAIN,)
    }
    return by_type(rules)


def listing(item: Check, longest: int) -> Check:
    """Check for a list of 1 to `longest` items."""

    def check(out: Complaints, path: str, value: object) -> None:
        if not isinstance(value, list) or not value:
            out.say("must be a list with at least 1 item", path)
            return
        if len(value) > longest:
            out.say(f"no more than {longest} items allowed", path)
        for index, entry in enumerate(value):
            item(out, f"{path}/{index}", entry)

    return check


def record(required: dict[str, Check], optional: dict[str, Check]) -> Check:
    """Check for an object with these fields and no others (Slack refuses `disabled` on a button: 2.10)."""

    def check(out: Complaints, path: str, value: object) -> None:
        if not isinstance(value, dict):
            out.say("must be a valid object", path)
            return
        for name in required:
            if value.get(name) is None:
                out.say(f"missing required field: {name}", path)
        for name, entry in value.items():
            rule = required.get(name) or optional.get(name)
            if rule is None:
                out.say(f"invalid additional property: {name}", path)
            elif entry is not None or name not in required:
                rule(out, f"{path}/{name}", entry)

    return check


def by_type(table: dict[str, Check]) -> Check:
    """Check by the value's `type`."""

    def check(out: Complaints, path: str, value: object) -> None:
        kind = value.get("type") if isinstance(value, dict) else None
        rule = table.get(str(kind))
        if rule is None:
            out.say(f"unsupported type: {kind}", f"{path}/type")
        else:
            rule(out, path, value)

    return check


def anything(out: Complaints, path: str, value: object) -> None:
    """Check nothing."""


CONFIRM = record(
    {
        "title": text(CONFIRM_TITLE),
        "text": text(CONFIRM_TEXT),
        "confirm": text(CONFIRM_BUTTON),
        "deny": text(CONFIRM_BUTTON),
    },
    {"style": one_of(*STYLES)},
)
"""All four are required and plain_text (rulebook 3.3)."""

_COMMON = {"action_id": string(ACTION_ID), "confirm": CONFIRM}
_OPTION = record(
    {"text": text(OPTION_TEXT), "value": string(OPTION_VALUE)},
    {"description": text(OPTION_TEXT), "url": string(BUTTON_URL)},
)
_BUTTON = record(
    {"type": anything, "text": text(BUTTON_TEXT)},
    {
        **_COMMON,
        "url": string(BUTTON_URL),
        "value": string(BUTTON_VALUE, 0),
        "style": one_of(*STYLES),
        "accessibility_label": string(ACCESSIBILITY_LABEL),
    },
)
_INTERACTIVE = {
    "button": _BUTTON,
    "overflow": record({"type": anything, "options": listing(_OPTION, OVERFLOW_OPTIONS)}, _COMMON),
    "static_select": record(
        {"type": anything, "options": listing(_OPTION, SELECT_OPTIONS)},
        {**_COMMON, "placeholder": text(PLACEHOLDER), "initial_option": _OPTION, "focus_on_load": boolean},
    ),
}
_IMAGE = record({"type": anything, "alt_text": string(ALT_TEXT), "image_url": string(IMAGE_URL)}, {})
_CONTEXT_ELEMENT = by_type({"image": _IMAGE, PLAIN: text(TEXT_OBJECT, PLAIN), MRKDWN: text(TEXT_OBJECT, MRKDWN)})
_RICH_PART = by_type(
    {
        name: record({"type": anything, "elements": listing(anything, 1000)}, dict.fromkeys(extra, anything))
        for name, extra in {
            "rich_text_section": (),
            "rich_text_list": ("style", "indent", "offset", "border"),
            "rich_text_preformatted": ("border", "language"),
            "rich_text_quote": ("border",),
        }.items()
    }
)


def _block(required: dict[str, Check], optional: dict[str, Check] | None = None) -> Check:
    return record({"type": anything, **required}, {"block_id": string(BLOCK_ID), **(optional or {})})


BLOCKS = {
    "actions": _block({"elements": listing(by_type(_INTERACTIVE), ACTIONS_ELEMENTS)}),
    "context": _block({"elements": listing(_CONTEXT_ELEMENT, CONTEXT_ELEMENTS)}),
    "divider": _block({}),
    "header": _block({"text": text(HEADER_TEXT)}),
    "image": _block({"alt_text": string(ALT_TEXT), "image_url": string(IMAGE_URL)}, {"title": text(IMAGE_TITLE)}),
    "markdown": _block({"text": string(MARKDOWN_TEXT)}),
    "rich_text": _block({"elements": listing(_RICH_PART, 1000)}),
    "section": _block(
        {},
        {
            "text": text(SECTION_TEXT, PLAIN, MRKDWN),
            "fields": listing(text(FIELD_TEXT, PLAIN, MRKDWN), FIELDS),
            "accessory": by_type({**_INTERACTIVE, "image": _IMAGE}),
            "expand": boolean,
        },
    ),
}
_ANY_BLOCK = by_type(BLOCKS)
_VIEW = record(
    {"type": one_of("home"), "blocks": anything},
    {"private_metadata": string(3000, 0), "callback_id": string(255, 0), "external_id": string(255)},
)


def check_blocks(blocks: object, most: int = MESSAGE_BLOCKS, path: str = "/blocks") -> list[str]:
    """List everything for which Slack would answer `invalid_blocks`."""
    out = Complaints()
    if not isinstance(blocks, list):
        out.say("must be a list of blocks", path)
        return out
    if len(blocks) > most:
        out.say(f"no more than {most} items allowed", path)
    for index, block in enumerate(blocks):
        _ANY_BLOCK(out, f"{path}/{index}", block)
    if not out:
        _check_across(out, blocks, path)
    return out


def _check_across(out: Complaints, blocks: list[dict[str, Any]], path: str) -> None:
    """Check what no single field shows: duplicate ids, a section without text, too much markdown."""
    for name, count in Counter(block["block_id"] for block in blocks if "block_id" in block).items():
        if count > 1:
            out.say(f"block_id must be unique: {name}", path)
    if sum(len(block["text"]) for block in blocks if block["type"] == "markdown") > MARKDOWN_TEXT:
        out.say(f"markdown blocks must be less than {MARKDOWN_TEXT + 1} characters together", path)
    for index, block in enumerate(blocks):
        if block["type"] == "section" and not block.get("text") and not block.get("fields"):
            out.say("missing required field: text or fields", f"{path}/{index}")
        if block["type"] == "actions":
            ids = [element["action_id"] for element in block["elements"] if element.get("action_id")]
            for name, count in Counter(ids).items():
                if count > 1:
                    out.say(f"action_id must be unique: {name}", f"{path}/{index}/elements")


def check_view(view: object) -> list[str]:
    """List what is wrong with a Home tab view."""
    out = Complaints()
    _VIEW(out, "/view", view)
    if not out and isinstance(view, dict):
        out.extend(check_blocks(view["blocks"], VIEW_BLOCKS, "/view/blocks"))
    return out


_TOKEN = re.compile(
    r"<(?:@[UW][A-Z0-9]+|#[CGD][A-Z0-9]+|!subteam\^S[A-Z0-9]+|!here|!channel|!everyone"
    r"|!date\^\d+\^[^<>|]+(?=\|[^<>]+>)|(?:https?|mailto|slack|tel):[^<>|\s]+)(?:\|[^<>]*)?>"
)
_STRAY = re.compile(r"&(?!(?:amp|lt|gt);)|<|(?<!^)>", re.MULTILINE)
_AUTOMATIC = re.compile(r"(?<![\w<!])@(?:here|channel|everyone)\b")


def advice_on_text(value: str, path: str = "/text") -> list[str]:
    """List what in a mrkdwn text was not escaped (rulebook 3.6); a `>` that opens a line is a quotation."""
    if "&" not in value and "<" not in value and ">" not in value:
        return []
    stray = _STRAY.search(_TOKEN.sub("", value))
    return [f"{path}: unescaped {stray.group()!r} in mrkdwn"] if stray else []


def advice_on_blocks(blocks: list[dict[str, Any]]) -> list[str]:
    """List what Slack accepts in these (valid) blocks but advises against."""
    out: list[str] = []
    for index, block in enumerate(blocks):
        path = f"/blocks/{index}"
        for kind, value, verbatim in texts(block):
            if kind == MRKDWN:
                out += advice_on_text(value, path)
                if not verbatim and _AUTOMATIC.search(value):
                    out.append(f"{path}: @here, @channel or @everyone would notify; escape and set verbatim (3.7)")
        if block["type"] == "actions" and sum(e.get("style") == "primary" for e in block["elements"]) > 1:
            out.append(f"{path}: more than one primary button in a set (3.4)")
    return out


def texts(value: object) -> Iterator[tuple[str, str, bool]]:
    """Find every text object within: its kind, its text, whether it is verbatim."""
    if isinstance(value, dict):
        if value.get("type") in (PLAIN, MRKDWN) and isinstance(value.get("text"), str):
            yield value["type"], value["text"], bool(value.get("verbatim"))
            return
        value = list(value.values())
    if isinstance(value, list):
        for entry in value:
            if isinstance(entry, (dict, list)):
                yield from texts(entry)


def notifies(message_text: str, blocks: list[dict[str, Any]]) -> set[str]:
    """Return whom a message pings: user ids, group ids, "channel", "here", "everyone"."""
    found: set[str] = set()
    bodies = [message_text] if not blocks else []
    for kind, value, verbatim in texts(blocks):
        if kind == MRKDWN:
            bodies.append(value)
            if not verbatim:
                found |= {hit[1:] for hit in _AUTOMATIC.findall(value)}
    for body in bodies:
        found |= set(re.findall(r"<@([UW][A-Z0-9]+)", body))
        found |= set(re.findall(r"<!subteam\^(S[A-Z0-9]+)", body))
        found |= set(re.findall(r"<!(here|channel|everyone)\b", body))
    return found
