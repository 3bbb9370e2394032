"""The whole table of who may do what where, cell by cell: this is the specification, and docs/who-may.md shows it."""

from __future__ import annotations

import itertools

import pytest

from bot.domain.model import ConfirmBy
from bot.domain.policy import Action
from bot.domain.refusals import Reason, Refused
from docs.generate import who_may
from docs.generate.who_may import CONFIRMS, OTHERS, PEOPLE, PLACES, answer

IN_AN_ALLOWED_CHANNEL = """
                  | command | find | cancel      | check | close | freeze       | confirm own      | confirm another's
                  |         |      | own another |       | hand  | none  by     | req  any  second | req  any  second
listed            | yes     | yes  | yes yes     | yes   | yes   | yes   nofrz  | yes  yes  2nd    | own  yes  yes
second operator   | yes     | yes  | yes yes     | yes   | yes   | yes   nofrz  | yes  yes  2nd    | own  yes  yes
group member      | yes     | yes  | yes yes     | yes   | yes   | yes   nofrz  | yes  yes  2nd    | own  yes  yes
Grid id           | yes     | yes  | yes yes     | yes   | yes   | yes   nofrz  | yes  yes  2nd    | own  yes  yes
colleague         | list    | list | yes list    | list  | list  | list  nofrz  | lost lost lost   | list list list
in FREEZE_BY only | list    | list | yes list    | list  | list  | list  yes    | lost lost lost   | list list list
guest             | gst     | gst  | yes gst     | gst   | gst   | gst   gst    | lost lost lost   | gst  gst  gst
bot               | bot     | bot  | yes bot     | bot   | bot   | bot   bot    | lost lost lost   | bot  bot  bot
deactivated       | off     | off  | yes off     | off   | off   | off   off    | lost lost lost   | off  off  off
foreign workspace | out     | out  | yes out     | out   | out   | out   out    | lost lost lost   | out  out  out
"""
"""One answer per column of OTHERS, then of CONFIRMS. The card that is another's was asked for by somebody who may."""

WORDS: dict[str, Reason | None] = {
    "yes": None,
    "list": Reason.NOT_LISTED,
    "gst": Reason.IS_GUEST,
    "bot": Reason.IS_BOT,
    "off": Reason.DEACTIVATED,
    "out": Reason.FOREIGN,
    "nofrz": Reason.MAY_NOT_FREEZE,
    "own": Reason.NOT_THE_REQUESTER,
    "2nd": Reason.SECOND_PERSON_NEEDED,
    "lost": Reason.REQUESTER_LOST_RIGHT,
}

EVERYWHERE_ELSE: dict[str, Reason] = {
    "other channel": Reason.IN_OTHER_CHANNEL,
    "direct message": Reason.IN_DIRECT_MESSAGE,
    "group message": Reason.IN_GROUP_MESSAGE,
    "Slack Connect channel": Reason.IN_EXTERNAL_CHANNEL,
    "channel without the bot": Reason.BOT_NOT_IN_CHANNEL,
    "archived channel": Reason.CHANNEL_ARCHIVED,
    "place that Slack does not tell": Reason.CONVERSATION_UNKNOWN,
}
"""The same no for everybody and everything, but for taking back one's own card."""

COLUMNS = (*OTHERS, *CONFIRMS)


def rows() -> dict[str, list[str]]:
    """The table above, without its head: who, and one word per column."""
    lines = IN_AN_ALLOWED_CHANNEL.strip("\n").splitlines()[2:]
    cells = {who.strip(): " ".join(rest).split() for who, *rest in (line.split("|") for line in lines)}
    assert all(len(words) == len(COLUMNS) for words in cells.values())
    return cells


def reason(no: Refused | None) -> str | None:
    return None if no is None else no.reason


def test_the_table_is_about_everybody_and_everything() -> None:
    """No person, deed, rule or place is left out."""
    assert set(rows()) == set(PEOPLE)
    assert {column.deed for column in COLUMNS} == set(Action)
    confirms = {(column.is_own, column.rule) for column in CONFIRMS}
    assert confirms == set(itertools.product([True, False], ConfirmBy))
    assert {"allowed channel", *EVERYWHERE_ELSE} == set(PLACES)


@pytest.mark.parametrize("who", PEOPLE)
def test_in_an_allowed_channel(who: str) -> None:
    """Every cell of a person's row."""
    said = [reason(answer(who, column, "allowed channel")) for column in COLUMNS]
    assert said == [WORDS[word] for word in rows()[who]]


@pytest.mark.parametrize("where", EVERYWHERE_ELSE)
@pytest.mark.parametrize("who", PEOPLE)
def test_everywhere_else(who: str, where: str) -> None:
    """The place refuses, whoever asks for whatever; only taking back one's own card goes on working."""
    for column in COLUMNS:
        takes_back = column.deed is Action.CANCEL and column.is_own
        assert reason(answer(who, column, where)) == (None if takes_back else EVERYWHERE_ELSE[where])


def test_the_page_in_the_docs_is_this_table() -> None:
    """docs/who-may.md is what `make docs` writes."""
    assert who_may.PAGE.read_text(encoding="utf-8") == who_may.page(), "run `make docs`"
