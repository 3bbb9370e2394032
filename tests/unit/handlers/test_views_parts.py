"""Escaping, times, and limits: the few functions that every message goes through."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from handlers.views.blocks import (
    Button,
    Buttons,
    Fields,
    Heading,
    Message,
    Note,
    Para,
    Quote,
    Typed,
    code,
    cut,
    escape,
    escape_lines,
    mention,
    message,
    plain,
    shorten,
    time_of_day,
    utc,
    visible,
    when,
)
from sandbox.slack import block_kit as checks
from tests.support.messages import ENTITY, HOSTILE, OURS, is_tame
from tests.support.values import ANNA, AT

PIECES = st.sampled_from([*"&<>`*;|^\n\u202ex", "<!channel>", "<@U1>", "<https://e|y>", "&amp;", "&lt;"])
OUTSIDE = st.one_of(st.text(max_size=200), st.lists(PIECES, max_size=60).map("".join))


@pytest.mark.parametrize(
    ("raw", "escaped"),
    [
        ("", ""),
        ("plain *bold* `code` :x: @everyone", "plain *bold* `code` :x: @everyone"),
        ("&", "&amp;"),
        ("<", "&lt;"),
        (">", "&gt;"),
        ("<!channel>", "&lt;!channel&gt;"),
        ("&lt;", "&amp;lt;"),  # the ampersand first, and once
        ("a\nb", "a&lt;U+000A&gt;b"),
        ("\u202ex", "&lt;U+202E&gt;x"),
        ("\u2066\u200b\ufeff\x00\x7f", "&lt;U+2066&gt;&lt;U+200B&gt;&lt;U+FEFF&gt;&lt;U+0000&gt;&lt;U+007F&gt;"),
        ("\U000e0041", "&lt;U+E0041&gt;"),
        ("\ud800", "&lt;U+D800&gt;"),
        ("\u2028\u2029", "&lt;U+2028&gt;&lt;U+2029&gt;"),
        ("Äöß 数字人 é", "Äöß 数字人 é"),
    ],
)
def test_escaping(raw: str, escaped: str) -> None:
    """Three characters and the invisible; nothing else is touched."""
    assert escape(raw) == escaped


@given(OUTSIDE)
def test_escaping_loses_nothing_and_lets_nothing_through(raw: str) -> None:
    """Whatever comes in: no bracket, no stray ampersand, and the reader sees what was there."""
    escaped = escape(raw)
    assert "<" not in escaped
    assert ">" not in escaped
    assert "&" not in ENTITY.sub("", escaped)
    assert html.unescape(escaped) == visible(raw)


@given(OUTSIDE)
def test_what_is_visible_can_be_told_apart(raw: str) -> None:
    """Every character of the result is one that a reader can see, and what was visible stays as it is."""
    shown = visible(raw)
    assert shown.isprintable() or any(char.isspace() for char in shown)
    assert not re.search("[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\x00-\x1f\x7f]", shown)
    assert visible(shown) == shown


@given(OUTSIDE)
def test_inline_code_cannot_be_left(raw: str) -> None:
    """However many backticks are typed, the code has one at each end; of nothing a dash is left."""
    shown = code(raw)
    if raw:
        assert shown[0] == shown[-1] == "`"
        assert "`" not in shown[1:-1]
        assert "\n" not in shown
        assert is_tame(shown)
    else:
        assert shown == "–"


def test_backticks_become_quotes() -> None:
    """They cannot be escaped inside code."""
    assert code("a`b``c") == "`a'b''c`"


def test_a_mention_is_the_user_id() -> None:
    """By id, never by name."""
    assert mention(ANNA) == "<@UANNA>"


@pytest.mark.parametrize(
    ("raw", "escaped"),
    [("a\nb", "a\nb"), ("a`<\n&\u202e", "a'&lt;\n&amp;&lt;U+202E&gt;"), ("a\r\nb", "a&lt;U+000D&gt;\nb"), ("", "")],
)
def test_escaping_several_lines_keeps_their_breaks(raw: str, escaped: str) -> None:
    """Only the line feed is ours; no line can end the block of code that it stands in."""
    assert escape_lines(raw) == escaped


# -- times ---------------------------------------------------------------------------------------------------------

CHINA = timezone(timedelta(hours=8))


@pytest.mark.parametrize(
    ("moment", "whole", "clock"),
    [
        (AT, "2026-11-22 03:12:00 UTC", "03:12 UTC"),
        (AT.astimezone(CHINA), "2026-11-22 03:12:00 UTC", "03:12 UTC"),
        (datetime(2026, 1, 1, 0, 30, tzinfo=CHINA), "2025-12-31 16:30:00 UTC", "16:30 UTC"),
        (datetime(2026, 11, 22, 3, 12, 59, 999999, tzinfo=UTC), "2026-11-22 03:12:59 UTC", "03:12 UTC"),
    ],
)
def test_times_in_words_are_utc(moment: datetime, whole: str, clock: str) -> None:
    """What says UTC is UTC, in whatever zone the moment was written."""
    assert utc(moment) == whole
    assert time_of_day(moment) == f"<!date^{int(moment.timestamp())}^{{time}}|{clock}>"
    assert when(moment) == f"<!date^{int(moment.timestamp())}^{{date_short_pretty}} {{time_secs}}|{whole}>"


def test_a_time_can_be_shown_shorter_but_keeps_its_fallback() -> None:
    """Slack replaces the form; whoever reads the raw text gets date, time and zone."""
    assert when(AT, "{time}") == "<!date^1795317120^{time}|2026-11-22 03:12:00 UTC>"


@given(st.integers(0, 200_000_000_000), st.sampled_from([UTC, CHINA]))
def test_every_time_is_a_form_that_slack_takes(seconds: int, zone: tzinfo) -> None:
    """Seconds, a form, and a fallback that names UTC."""
    moment = datetime.fromtimestamp(seconds, zone)
    assert OURS.fullmatch(when(moment))
    assert plain(f"x {when(moment)} y") == f"x {utc(moment)} y"


# -- limits --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "limit", "short"),
    [
        ("abc", 3, "abc"),
        ("abcd", 3, "a…"),
        ("a" * 9, 5, "aaa…"),
        ("ab&amp;cdefg", 7, "ab…"),
        ("ab&amp;cdefg", 9, "ab&amp;…"),
        ("ab&amp;cdefg", 8, "ab…"),
        ("hi <@UANNA> and so on", 9, "hi …"),
        ("hi <@UANNA> and so on", 13, "hi <@UANNA>…"),
        ("a `code` b c d e f", 6, "a `c…`"),
        ("a `code` b c d e f", 10, "a `code`…"),
        ("a `&lt;&lt;&lt;` b c d", 12, "a `&lt;…`"),
    ],
)
def test_cutting(text: str, limit: int, short: str) -> None:
    """It ends before an entity or a mention that would be cut in two, and closes what it opened."""
    assert cut(text, limit) == short
    assert len(short) <= limit


WRITTEN = st.one_of(OUTSIDE.map(escape_lines), OUTSIDE.map(code), st.just(when(AT)), st.just("<@UANNA>"))


@given(st.lists(WRITTEN), st.data())
def test_a_cut_ends_inside_nothing(parts: list[str], data: st.DataObject) -> None:
    """Wherever it falls: within the limit, every entity, mention and date whole, every code span closed."""
    text = " ".join(parts)
    limit = data.draw(st.integers(2, 400))
    short = cut(text, limit)
    assert len(short) <= limit
    assert is_tame(short)
    assert short.count("`") % 2 == 0
    assert short == text if len(text) <= limit else short.rstrip("`").endswith("…")
    assert text.startswith(short.rstrip("`").removesuffix("…"))


@given(OUTSIDE, st.integers(1, 300))
@example("<" + "a" * 400, 300)
@example("&" + "a" * 400, 300)
def test_plain_text_is_shortened_at_the_end_only(text: str, limit: int) -> None:
    """In plain text no character has a meaning: a lone bracket at the beginning costs nothing."""
    short = shorten(text, limit)
    assert short == (text if len(text) <= limit else text[: limit - 1] + "…")
    assert len(short) <= limit


# -- parts ---------------------------------------------------------------------------------------------------------

GO = Button("go", "Go", "1")
EXTREMES = [
    Heading("x" * 1000),
    Heading("<&" * 500),
    Para("x" * 10_000),
    Para(code("<" * 5_000)),
    Typed("Name", "x" * 10_000),
    Typed("Name", "\u202e" * 10_000),
    Typed("Name", HOSTILE * 50),
    Fields([("Label", code("&" * 5_000))] * 23),
    Note("x" * 10_000),
    Quote("Ticket", "x" * 10_000),
    Quote("Ticket", "```\n<!channel>" * 2_000),
    Buttons([GO]),
]


@pytest.mark.parametrize("part", EXTREMES, ids=lambda part: type(part).__name__)
def test_no_part_can_break_a_limit(part: Heading) -> None:
    """Each is cut to what Slack takes, in its blocks and in the text."""
    built = message([part])
    assert checks.check_blocks(built.blocks) == []
    assert checks.advice_on_blocks(built.blocks) == []
    assert len(built.text) <= 4000
    assert is_tame(built.text)


def test_what_was_typed_is_shown_as_typed() -> None:
    """Plain text in the block, escaped in the text; what is invisible is spelled out in both."""
    part = Typed("Reason", "<!here> & \u202e*b*")
    assert part.blocks() == [
        {
            "type": "section",
            "text": {"type": "plain_text", "text": "Reason: <!here> & <U+202E>*b*", "emoji": False},
        }
    ]
    assert part.lines() == ["Reason: &lt;!here&gt; &amp; &lt;U+202E&gt;*b*"]


def test_fields_come_in_tens() -> None:
    """A section takes ten; the eleventh begins another."""
    blocks = Fields([(f"L{number}", f"v{number}") for number in range(21)]).blocks()
    assert [len(block["fields"]) for block in blocks] == [10, 10, 1]
    assert blocks[1]["fields"][0] == {"type": "mrkdwn", "text": "*L10*\nv10", "verbatim": True}


def test_a_quote_cannot_be_left() -> None:
    """Three backticks in what is quoted do not end the quotation."""
    (block,) = Quote("T", "a```b\n<!channel>").blocks()
    assert block["text"]["text"] == "*T*\n```a'''b\n&lt;!channel&gt;```"


def test_a_button_that_asks_again() -> None:
    """Danger colours the confirmation too; label and title are plain text."""
    asks = Button("go", "Go", "v", style="danger", ask=("Sure?", "t" * 400, "Yes", "No"), accessibility_label="s" * 90)
    element = asks.element()
    assert element["style"] == element["confirm"]["style"] == "danger"
    assert len(element["confirm"]["text"]["text"]) == 300
    assert len(element["accessibility_label"]) == 75
    assert [element["confirm"][name]["text"] for name in ("title", "confirm", "deny")] == ["Sure?", "Yes", "No"]


def test_a_plain_button_has_nothing_it_does_not_need() -> None:
    """No empty style, label or confirmation, which Slack would refuse."""
    assert GO.element() == {
        "type": "button",
        "action_id": "go",
        "text": {"type": "plain_text", "text": "Go", "emoji": False},
        "value": "1",
    }
    assert "style" not in Button("go", "Go", "1", ask=("a", "b", "c", "d")).element()["confirm"]


def test_the_buttons_are_named_in_the_text() -> None:
    """Whoever has the text read to them knows what can be pressed."""
    assert Buttons([GO, Button("no", "Stay", "1")]).lines() == ['Buttons: "Go" or "Stay".']


def test_a_message_is_built_from_its_parts_twice() -> None:
    """The same parts make blocks and text, in the same order; absent parts leave no trace."""
    built = message([Para("one"), None, Note("two\nlines"), None])
    assert built.text == "one\ntwo\nlines"
    assert [block["type"] for block in built.blocks] == ["section", "context"]
    assert built.as_arguments() == {"text": built.text, "blocks": built.blocks}
    assert Message("x").blocks == []


@given(st.lists(st.integers(1, 3000), min_size=1, max_size=40))
def test_a_long_text_loses_the_ends_of_its_longest_lines_and_no_line(lengths: list[int]) -> None:
    """Every part is still there; the short ones are whole; the room is used."""
    built = message([Para("x" * length) for length in lengths])
    lines = built.text.split("\n")
    assert len(built.text) <= 4000
    assert len(lines) == len(lengths)
    whole = sum(lengths) + len(lengths) - 1
    if whole <= 4000 - 1:
        assert [len(line) for line in lines] == lengths
    else:
        fair = 4000 // len(lengths) - 1
        assert all(len(line) >= min(length, fair - 1) for line, length in zip(lines, lengths, strict=True))
        assert len(built.text) > 4000 - 2 * len(lengths) - len(lengths)
