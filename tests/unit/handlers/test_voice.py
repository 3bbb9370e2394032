"""The voice of every message in Slack: the verdict first, in plain words, with none of the bot's own."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from docs.generate import messages as page
from handlers.views.blocks import plain
from handlers.views.card import deletion_card
from handlers.views.endings import heading
from tests.support.messages import BARE, PLAUSIBLE

SHOWN_ON_A_PHONE = 40
"""So many characters of a message's text a notification shows."""
OWN_WORDS = re.compile(
    r"\bledger\b|\bsettled\b|\btreated as\b|\boffered\b|\bneither Show\b|\bList\b|\blook-?ups?\b|\blook(s|ed)? at\b"
    r"|\bMetaStudio (throttled|refused|rejected|confirmed|answered|no longer)\b|\bwhoever\b|\bfinding out\b"
)
"""Words that belong to the documents and the audit trail."""


def every_message() -> Iterator[tuple[str, str]]:
    """What it is about, and its text as the page of messages has it."""
    yield from ((reason, text) for reason, text, *_ in page.refusals())
    yield from ((ending, text) for ending, _, text, *_ in page.endings())
    yield from ((about, text) for about, text, *_ in page.later())
    yield from ((about, text) for about, text, *_ in page.restarts())


MESSAGES = list(every_message())


@pytest.mark.parametrize(("about", "text"), MESSAGES, ids=[about for about, _ in MESSAGES])
def test_a_message_begins_with_its_verdict(about: str, text: str) -> None:
    """In bold, before people, times and ids: a notification on a phone shows little more."""
    verdict = re.match(r"\*([^*]+)\*", text)
    assert verdict, text
    assert len(verdict[1]) <= SHOWN_ON_A_PHONE or not re.search(r"[@`]|UTC", verdict[1][:SHOWN_ON_A_PHONE])


@pytest.mark.parametrize("name", PLAUSIBLE)
def test_a_card_begins_with_its_verdict(name: str) -> None:
    """The heading of the card is the beginning of its text."""
    assert plain(deletion_card(PLAUSIBLE[name], BARE).text).startswith(heading(PLAUSIBLE[name]))


@pytest.mark.parametrize(("about", "text"), MESSAGES, ids=[about for about, _ in MESSAGES])
def test_no_message_uses_the_bots_own_words(about: str, text: str) -> None:
    """People who do not know the bot from inside read this at night."""
    assert not OWN_WORDS.search(text)


@pytest.mark.parametrize("name", PLAUSIBLE)
def test_no_card_uses_the_bots_own_words(name: str) -> None:
    """Nor does a card in any of its states."""
    assert not OWN_WORDS.search(deletion_card(PLAUSIBLE[name], BARE, list(PLAUSIBLE.values())).text)
