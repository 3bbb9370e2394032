"""A message as readable text, for a terminal or a failed assertion."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.slack.records import Message

_ANGLE = re.compile(r"<([^<>]+)>")


def plain(message: Message, name: Callable[[str], str] = str) -> str:
    """Render blocks, or the text if there are none; `name` turns user and channel ids into names."""
    if message.deleted:
        return "(deleted)"
    body = "\n".join(filter(None, (block_text(block, name) for block in message.blocks)))
    body = body or unmark(message.text, name)
    audience = f"(only visible to {name(message.only_for)}) " if message.only_for else ""
    return audience + body


def block_text(block: dict[str, Any], name: Callable[[str], str]) -> str:
    """Render one block."""
    match block.get("type"):
        case "header":
            return f"# {block['text']['text']}"
        case "divider":
            return "-" * 40
        case "markdown":
            return str(block["text"])
        case "image":
            return f"[image: {block['alt_text']}]"
        case "section":
            parts = [element_text(part, name) for part in (block.get("text"), *block.get("fields", [])) if part]
            if block.get("accessory"):
                parts.append(element_text(block["accessory"], name))
            return "\n".join(parts)
        case "context" | "actions":
            return "  ".join(element_text(element, name) for element in block["elements"])
        case "rich_text":
            return "".join(rich_text(block, name))
        case other:
            return f"({other})"


def element_text(element: dict[str, Any], name: Callable[[str], str]) -> str:
    """Render a text object or an element."""
    match element.get("type"):
        case "mrkdwn":
            return unmark(element["text"], name)
        case "plain_text":
            return str(element["text"])
        case "button":
            return f"[{element['text']['text']}]"
        case "image":
            return f"[image: {element['alt_text']}]"
        case other:
            options = ", ".join(option["text"]["text"] for option in element.get("options", []))
            return f"[{other}: {options}]"


def rich_text(part: dict[str, Any], name: Callable[[str], str]) -> list[str]:
    """Collect the words of a rich_text block."""
    if "elements" in part:
        return [word for element in part["elements"] for word in rich_text(element, name)]
    words = part.get("text") or part.get("url") or (f"@{name(part['user_id'])}" if part.get("user_id") else "")
    return [str(words)]


def unmark(text: str, name: Callable[[str], str] = str) -> str:
    """Resolve the parts in angle brackets and undo the escaping; dates become their fallback (rulebook 3.12)."""

    def resolve(found: re.Match[str]) -> str:
        target, _, label = found.group(1).partition("|")
        if target.startswith("@"):
            return f"@{name(target[1:])}"
        if target.startswith("#"):
            return f"#{label or name(target[1:])}"
        if target.startswith("!"):
            return label or f"@{target[1:].split('^')[0]}"
        return f"{label} ({target})" if label else target

    return _ANGLE.sub(resolve, text).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
