"""The parts that messages are built from, and the only module that escapes. Pure.

A message is a list of parts. Its blocks and its top-level ``text`` are both made from that list, so the text alone is
complete: screen readers read only the text (rulebook 3.5).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from bot.domain.model import Actor, Attempt, Reply

Block = dict[str, Any]
SECTION_LIMIT = 3000
FIELD_LIMIT = 2000
FIELDS_PER_SECTION = 10
HEADER_LIMIT = 150
TEXT_LIMIT = 4000
"""chat.update refuses a longer text with msg_too_long; chat.postMessage accepts more."""

# Categories that can reorder or hide the text around them. They are shown by their code points instead.
_INVISIBLE = {"Cc", "Cf", "Zl", "Zp", "Cs", "Co", "Cn"}


def visible(raw: str) -> str:
    """Text from outside, with each invisible or reordering character shown as ``<U+202E>``."""
    return "".join(f"<U+{ord(char):04X}>" if unicodedata.category(char) in _INVISIBLE else char for char in raw)


def escape(raw: str) -> str:
    """Escape exactly ``&``, ``<`` and ``>`` (rulebook 3.6). Nothing else keeps ``<!channel>`` from pinging."""
    return visible(raw).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def code(raw: str) -> str:
    """Inline code, where no other formatting applies. Backticks cannot be escaped in code, so they become quotes."""
    return f"`{escape(raw).replace('`', chr(39))}`" if raw else "–"


def request_ids(of: Attempt | Reply) -> str:
    """The request ID of a reply, and the second one if the reply had two; empty without any."""
    also = f", also {code(of.other_request_id)}" if of.other_request_id else ""
    return f"{code(of.request_id)}{also}" if of.request_id else ""


def mention(actor: Actor) -> str:
    """Mention a person; Slack notifies them. Takes ids from Slack or the ledger, never typed text."""
    return f"<@{actor.user}>"


DATE_AND_TIME = "{date_short_pretty} {time_secs}"
DATE_AND_MINUTE = "{date_short_pretty} {time}"


def when(moment: datetime, form: str = DATE_AND_TIME) -> str:
    """A time in the reader's own zone; the raw text has it in UTC (rulebook 3.12)."""
    return f"<!date^{int(moment.timestamp())}^{form}|{utc(moment)}>"


def utc(moment: datetime) -> str:
    """A date and time in UTC."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def time_of_day(moment: datetime) -> str:
    """The time of day in the reader's own zone, for sentences; the raw text has ``03:12 UTC``."""
    return f"<!date^{int(moment.timestamp())}^{{time}}|{moment.astimezone(UTC):%H:%M UTC}>"


_DATE = re.compile(r"<!date\^\d+\^[^|>]*\|([^>]*)>")


def cut(text: str, limit: int) -> str:
    """At most ``limit`` characters of mrkdwn, never ending inside an entity, a ``<…>`` or inline code."""
    if len(text) <= limit:
        return text
    short = text[: limit - 2]
    for opening, closing in (("&", ";"), ("<", ">")):
        at = short.rfind(opening)
        if at > short.rfind(closing):
            short = short[:at]
    return short + ("…`" if short.count("`") % 2 else "…")


def shorten(text: str, limit: int) -> str:
    """At most ``limit`` characters of plain text, which has no markup to protect."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


@dataclass(frozen=True, slots=True)
class Heading:
    """The first line of a message: plain text, no formatting, no mentions."""

    text: str

    def blocks(self) -> list[Block]:
        return [{"type": "header", "text": _plain(shorten(self.text, HEADER_LIMIT))}]

    def lines(self) -> list[str]:
        return [escape(self.text)]


@dataclass(frozen=True, slots=True)
class Para:
    """A paragraph in mrkdwn. The caller has passed all text from outside through ``escape`` or ``code``."""

    text: str

    def blocks(self) -> list[Block]:
        return [{"type": "section", "text": _mrkdwn(cut(self.text, SECTION_LIMIT))}]

    def lines(self) -> list[str]:
        return [self.text]


@dataclass(frozen=True, slots=True)
class Typed:
    """Text that a person typed, shown as typed: plain text is the documented way to turn formatting off."""

    label: str
    raw: str

    def blocks(self) -> list[Block]:
        return [{"type": "section", "text": _plain(shorten(f"{self.label}: {visible(self.raw)}", SECTION_LIMIT))}]

    def lines(self) -> list[str]:
        return [f"{self.label}: {escape(self.raw)}"]


@dataclass(frozen=True, slots=True)
class TypedNote:
    """Text that a person typed, as small print."""

    label: str
    raw: str

    def blocks(self) -> list[Block]:
        (section,) = Typed(self.label, self.raw).blocks()
        return [{"type": "context", "elements": [section["text"]]}]

    def lines(self) -> list[str]:
        return Typed(self.label, self.raw).lines()


@dataclass(frozen=True, slots=True)
class Fields:
    """Labelled values, two columns on a wide screen. Values are mrkdwn made by ``code``, ``when`` or ``mention``."""

    rows: Sequence[tuple[str, str]]

    def blocks(self) -> list[Block]:
        cells = [_mrkdwn(cut(f"*{label}*\n{value}", FIELD_LIMIT)) for label, value in self.rows]
        return [
            {"type": "section", "fields": cells[start : start + FIELDS_PER_SECTION]}
            for start in range(0, len(cells), FIELDS_PER_SECTION)
        ]

    def lines(self) -> list[str]:
        return [f"{label}: {value}" for label, value in self.rows]


@dataclass(frozen=True, slots=True)
class Note:
    """Small print."""

    text: str

    def blocks(self) -> list[Block]:
        return [{"type": "context", "elements": [_mrkdwn(cut(self.text, SECTION_LIMIT))]}]

    def lines(self) -> list[str]:
        return [self.text]


@dataclass(frozen=True, slots=True)
class SmallPrint:
    """Several pieces of small print in one block, which is lower than a block for each. Slack allows ten in one."""

    pieces: Sequence[Note | TypedNote]

    def blocks(self) -> list[Block]:
        elements = [element for piece in self.pieces for block in piece.blocks() for element in block["elements"]]
        return [{"type": "context", "elements": elements}]

    def lines(self) -> list[str]:
        return [line for piece in self.pieces for line in piece.lines()]


@dataclass(frozen=True, slots=True)
class Quote:
    """Text to be copied as it stands, for example into a service ticket."""

    label: str
    raw: str

    def blocks(self) -> list[Block]:
        body = cut(escape_lines(self.raw), SECTION_LIMIT - len(self.label) - 20)
        return [{"type": "section", "text": _mrkdwn(f"*{self.label}*\n```{body}```")}]

    def lines(self) -> list[str]:
        return [f"{self.label}:", escape_lines(self.raw)]


@dataclass(frozen=True, slots=True)
class Button:
    """One button. ``value`` is an id; the facts are in the ledger. With ``ask``, Slack asks again before it sends."""

    action_id: str
    label: str
    value: str
    style: str | None = None
    ask: tuple[str, str, str, str] | None = None
    """Title, text, confirm label, deny label."""
    accessibility_label: str = ""
    """What a screen reader says instead of the label, at most 75 characters. The text begins with the label, because
    people who press buttons by voice say the label (WCAG 2.5.3)."""

    def element(self) -> Block:
        block: Block = {
            "type": "button",
            "action_id": self.action_id,
            "text": _plain(self.label),
            "value": self.value,
        }
        if self.style:
            block["style"] = self.style
        if self.accessibility_label:
            block["accessibility_label"] = shorten(self.accessibility_label, 75)
        if self.ask:
            title, text, yes, no = self.ask
            block["confirm"] = {
                "title": _plain(title),
                "text": _plain(shorten(text, 300)),
                "confirm": _plain(yes),
                "deny": _plain(no),
            }
            if self.style == "danger":
                block["confirm"]["style"] = "danger"
        return block


@dataclass(frozen=True, slots=True)
class Buttons:
    """A row of buttons with different action ids: Slack refuses a message with two equal ones (rulebook 3.1)."""

    buttons: Sequence[Button]

    def blocks(self) -> list[Block]:
        return [{"type": "actions", "elements": [button.element() for button in self.buttons]}]

    def lines(self) -> list[str]:
        labels = " or ".join(f'"{button.label}"' for button in self.buttons)
        return [f"Buttons: {labels}."]


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a list, in mrkdwn, with its button."""

    text: str
    button: Button | None = None

    def blocks(self) -> list[Block]:
        accessory = {"accessory": self.button.element()} if self.button else {}
        return [{"type": "section", "text": _mrkdwn(cut(self.text, SECTION_LIMIT)), **accessory}]

    def lines(self) -> list[str]:
        return [self.text, *([f'Button: "{self.button.label}".'] if self.button else [])]


Part = Heading | Para | Typed | TypedNote | Fields | Note | SmallPrint | Quote | Buttons | Entry


@dataclass(frozen=True, slots=True)
class Message:
    """The content of a message: ``text``, complete by itself, and the same as blocks."""

    text: str
    blocks: list[Block] = field(default_factory=list)

    def as_arguments(self) -> dict[str, Any]:
        """The arguments of chat.postMessage and chat.update that carry content."""
        return {"text": self.text, "blocks": self.blocks}


def message(parts: Iterable[Part | None]) -> Message:
    """Build both forms from the same parts, leaving out each None."""
    present = [part for part in parts if part is not None]
    lines = [line for part in present for text in part.lines() for line in text.split("\n")]
    return Message(_fitted(lines, TEXT_LIMIT), blocks_of(present))


def blocks_of(parts: Iterable[Part | None]) -> list[Block]:
    """The blocks alone, for a page without a top-level text."""
    return [block for part in parts if part is not None for block in part.blocks()]


def _fitted(lines: Sequence[str], limit: int) -> str:
    """The lines as one text of at most ``limit`` characters. Only the longest lines are cut, so no line is missing."""
    left = limit - len(lines)
    for done, length in enumerate(sorted(map(len, lines))):
        longest = max(left // (len(lines) - done), 2)
        if length > longest:
            return cut("\n".join(cut(line, longest) for line in lines), limit)
        left -= length
    return "\n".join(lines)


def escape_lines(raw: str) -> str:
    """``escape`` for text of several lines; keeps the line breaks."""
    return "\n".join(escape(line).replace("`", "'") for line in raw.split("\n"))


def plain(text: str) -> str:
    """Top-level text as a notification shows it: each date as its fallback."""
    return _DATE.sub(r"\1", text)


def _plain(text: str) -> Block:
    return {"type": "plain_text", "text": text, "emoji": False}


def _mrkdwn(text: str) -> Block:
    # verbatim stops auto-linking of bare names, for example @everyone. It does not escape (rulebook 3.7).
    return {"type": "mrkdwn", "text": text, "verbatim": True}
