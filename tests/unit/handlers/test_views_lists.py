"""Private lists and the App Home at their extremes: Slack takes them, nothing pings, nothing private is told."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.events import Kind
from bot.domain.job_states import STATES
from bot.domain.model import Actor, Deletion, DeletionId, Freeze, Job, JobId, State
from bot.domain.notifications import Notification, NotificationKind
from bot.domain.refusals import Reason, Refused
from handlers.actions import ABOUT_A_JOB
from handlers.subcommands.find import MOST_SHOWN
from handlers.subcommands.history import PAGE
from handlers.views.blocks import Message, when
from handlers.views.card import deletion_card, rehearsed_card
from handlers.views.endings import BY_STATE
from handlers.views.freezing import FROZEN, UNFROZEN, freeze_line, freeze_message
from handlers.views.home import HomeData, home_blocks, stranger_blocks, trouble_blocks
from handlers.views.lists import Found, Links, entry, found_message, history_message, open_message
from handlers.views.thread import thread_message
from sandbox.slack import block_kit as checks
from tests.support.messages import (
    AWAITING,
    BARE,
    EMOJI,
    HOSTILE,
    HOSTILE_JOB,
    JOB,
    LONGEST_CHARS,
    LONGEST_WORDING,
    PLAUSIBLE,
    WORDING,
    buttons,
    check_that_text_suffices,
    is_tame,
    later,
    poisoned,
    stretched,
    texts,
)
from tests.support.paths import ROOT
from tests.support.values import ANNA, AT, BEN, CARL

HANDLERS = ROOT / "handlers"
LINK = "https://ours.slack.com/archives/C1/p12"
PEOPLE = {"UANNA", "UBEN", "UCARL"}
FREEZE = Freeze("0123456789abcdef", BEN, AT, "C1", HOSTILE)


def is_sound(message: Message, *, shortened: bool = False) -> None:
    """What Slack refuses is not there, nothing pings but people of ours, and the text says all that the blocks say."""
    blocks_are_sound(message.blocks)
    assert checks.check_blocks(message.blocks) == []
    assert 0 < len(message.text) <= checks.UPDATE_TEXT
    assert checks.advice_on_text(message.text) == []
    assert is_tame(message.text)
    assert checks.notifies(message.text, []) <= PEOPLE
    if not shortened:
        check_that_text_suffices(message)


def blocks_are_sound(blocks: list[dict[str, Any]]) -> None:
    assert checks.advice_on_blocks(blocks) == []
    assert all(is_tame(text) for text in texts(blocks, "mrkdwn"))
    assert checks.notifies("", blocks) <= PEOPLE


def test_a_screen_reader_says_what_is_seen() -> None:
    """The name of every button of every view begins with its label, so whoever speaks to the screen can press it."""
    offers = Found("Li", (replace(JOB, state="TRAIN_FAILED"),))
    pages = [history_message([AWAITING], {}, job_id=job, is_first=True, has_older=True) for job in (None, JOB.job_id)]
    cards = [deletion_card(deletion, WORDING) for deletion in PLAUSIBLE.values()]
    views = [*cards, *pages, found_message(offers, WORDING, can_offer=True)]
    blocks = [block for view in views for block in view.blocks]
    found = [element for block in blocks for element in (*block.get("elements", ()), block.get("accessory"))]
    seen = [element for element in found if element and element["type"] == "button"]
    for button in seen:
        assert button.get("accessibility_label", button["text"]["text"]).startswith(button["text"]["text"])
    code = "".join(path.read_text(encoding="utf-8") for path in HANDLERS.rglob("*.py"))
    assert {button["action_id"] for button in seen} == set(re.findall(r'"(dh_\w+)"', code)), "every button is tried"


def is_sound_home(blocks: list[dict[str, Any]]) -> None:
    assert checks.check_view({"type": "home", "blocks": blocks}) == []
    blocks_are_sound(blocks)


def many(deletion: Deletion, count: int) -> list[Deletion]:
    """So many of its kind, each with an id of its own."""
    return [replace(deletion, id=DeletionId(f"{number:016x}")) for number in range(count)]


def linked(deletions: list[Deletion]) -> Links:
    return {one.id: LINK for one in deletions}


def look(found: list[Deletion], **more: Any) -> HomeData:
    fields = {"waiting": found, "unknown": found, "mine": found, "team": found}
    fields |= {"freeze": None, "stopped_since": None, "cannot_write": None}
    return HomeData(target=AWAITING.target, now=later(60), **(fields | more))


@pytest.mark.parametrize("name", PLAUSIBLE)
def test_an_entry_in_every_state(name: str) -> None:
    """In each list and on the page, with its link or without; never its reason, never the job's name."""
    deletion = PLAUSIBLE[name]
    for links in ({deletion.id: LINK}, {deletion.id: None}, {}):
        pages = [
            history_message([deletion], links, job_id=job, is_first=first, has_older=older)
            for job in (None, deletion.job.job_id)
            for first in (True, False)
            for older in (True, False)
        ]
        pages.append(open_message([deletion], links, 1, later(60)))
        for page in pages:
            is_sound(page)
            assert not EMOJI.search(page.text)
            assert deletion.job.job_id in page.text
            assert "Anchor" not in page.text
            assert "consent" not in page.text
        is_sound_home(home_blocks(look([deletion]), links, WORDING))


def test_empty_lists() -> None:
    """Nothing asked, nothing open, nothing found."""
    is_sound(history_message([], {}, job_id=None, is_first=True, has_older=False))
    is_sound(history_message([], {}, job_id=JOB.job_id, is_first=False, has_older=False))
    is_sound(open_message([], {}, 0, AT))
    is_sound(found_message(Found("x", (), searched=0), WORDING, can_offer=True))
    is_sound_home(home_blocks(look([]), {}, BARE))


@pytest.mark.parametrize("char", LONGEST_CHARS, ids=ascii)
def test_the_longest_lists(char: str) -> None:
    """Everything at its longest, every list at its fullest: within Slack's limits, and every job is still named."""
    for one in (PLAUSIBLE["rejected"], PLAUSIBLE["unknown, 5xx"]):
        full = many(stretched(one, char), PAGE)
        links = linked(full)
        pages = [history_message(full, links, job_id=None, is_first=True, has_older=True)]
        pages.append(open_message(full, links, 1000, later(60)))
        for page in pages:
            is_sound(page, shortened=True)
            assert page.text.count("j" * 64) == PAGE
        assert pages[0].blocks[-1]["type"] == "actions"
        troubled = look(
            many(stretched(one, char), 200),
            freeze=replace(FREEZE, reason=char * 500),
            stopped_since=AT,
            cannot_write="disk full",
        )
        is_sound_home(home_blocks(troubled, links, LONGEST_WORDING))


@pytest.mark.parametrize("char", LONGEST_CHARS, ids=ascii)
def test_the_longest_search(char: str) -> None:
    """As many hits as are shown, with names that have to be spelled out: each has its id and its button."""
    job = replace(stretched(AWAITING, char).job, state="JOB_FINISH")
    hits = tuple(replace(job, job_id=JobId(f"{number:064}")) for number in range(MOST_SHOWN))
    page = found_message(Found(char * 100, hits, 990, is_more=True, searched=1000), LONGEST_WORDING, can_offer=True)
    is_sound(page, shortened=True)
    assert all(f"{number:064}" in page.text for number in range(MOST_SHOWN))
    offers = [block["accessory"] for block in page.blocks if "accessory" in block]
    assert [offer["value"] for offer in offers] == [f"{ABOUT_A_JOB}{number:064}" for number in range(MOST_SHOWN)]
    assert "990 more are not shown" in page.text


def test_every_state_of_a_hit() -> None:
    """Its meaning, and whether it may be deleted; a button only where it may."""
    for state in (*STATES, "NEXT_YEARS", ""):
        job = Job(JobId("j"), state, name="Anchor Li")
        page = found_message(Found("Anchor", (job,)), WORDING, can_offer=True)
        is_sound(page)
        assert not EMOJI.search(page.text)
        deletable = state in STATES and STATES[state].deletable
        assert ("\nCan be deleted: " in page.text) is deletable
        assert ("\nCan't be deleted now: " in page.text) is not deletable
        assert any("accessory" in block for block in page.blocks) is deletable


@given(st.text(max_size=300))
def test_any_text_from_outside_is_tame_in_a_list(text: str) -> None:
    """Names, codes and what was searched for, whatever they are."""
    deletion = poisoned(PLAUSIBLE["rejected"], text)
    shown = history_message([deletion], {deletion.id: LINK}, job_id=None, is_first=True, has_older=True)
    is_sound(shown, shortened=True)
    hit = replace(HOSTILE_JOB, name=text)
    is_sound(found_message(Found(text[:100], (hit,), 1), WORDING, can_offer=True), shortened=True)
    is_sound_home(home_blocks(look([deletion], freeze=replace(FREEZE, reason=text)), {}, WORDING))


def test_until_when_a_card_waits() -> None:
    """A moment, which stays true while the list stands; that it is over where the worker has not come to it yet."""
    links: Links = {}
    assert f"Waits for a decision until {when(later(600))}" in entry(AWAITING, links, later(60))
    assert "its time is over" in entry(AWAITING, links, later(600))
    assert "until" not in entry(PLAUSIBLE["unknown, lost"], links, later(60))


def test_every_state_has_its_words() -> None:
    """Short, and true of that state; a person's word and a restored ledger are named as such."""
    assert set(BY_STATE) == set(State) - {State.NEW}
    assert entry(PLAUSIBLE["deleted by a word"], {}).startswith("Gone, by a person's word · ")
    assert "Still there after several checks, so it counts as not deleted · " in entry(PLAUSIBLE["still present"], {})
    assert "Still there, by a person's word · " in entry(PLAUSIBLE["failed by a word"], {})
    restored = entry(PLAUSIBLE["closed after a restore"], {})
    assert "restored" in restored
    assert "nothing deleted" not in restored


def test_who_asked_and_who_confirmed_are_named_once() -> None:
    """Both, where they are two."""
    two = entry(PLAUSIBLE["deleted"], {})
    assert "asked by <@UANNA>, confirmed by <@UBEN>" in two
    assert "confirmed" not in entry(replace(PLAUSIBLE["deleted"], confirmer=ANNA), {})


# -- the dry run --


@pytest.mark.parametrize("char", LONGEST_CHARS, ids=ascii)
def test_a_rehearsed_card_is_a_card_without_buttons(char: str) -> None:
    """At its longest, too; it says first that it is none."""
    long = stretched(AWAITING, char)
    page = rehearsed_card(long, LONGEST_WORDING, many(stretched(PLAUSIBLE["rejected"], char), 9))
    is_sound(page, shortened=True)
    assert page.text.startswith("*Dry run.*")
    assert buttons(page) == []
    assert f"Deletion `{long.id}`" not in page.text


# -- a freeze --


@pytest.mark.parametrize("about", [FROZEN, UNFROZEN])
@pytest.mark.parametrize("reason", ["wrong jobs went", HOSTILE, "\u202e" * 500, "&" * 500], ids=ascii)
def test_what_is_said_about_a_freeze(about: str, reason: str) -> None:
    """In its channel and in the threads: who and when; the reason as typed, doing nothing."""
    facts = {"about": about, "user": "UANNA", "at": AT.timestamp(), "reason": reason}
    announced = freeze_message(facts)
    in_thread = thread_message(
        Notification(NotificationKind.NOTICE, AWAITING.id, "C1", "1.2", facts), AWAITING, WORDING
    )
    for said in (announced, in_thread):
        is_sound(said, shortened=reason != "wrong jobs went")
        assert checks.notifies(said.text, said.blocks) == {"UANNA"}
        assert "2026-11-22 03:12:00 UTC" in said.text
    assert in_thread.text.endswith(f"Deletion `{AWAITING.id}`")


def test_the_words_are_those_of_the_trail() -> None:
    """What the use-case writes into the message is what the view looks for."""
    assert (Kind.FROZEN.value, Kind.UNFROZEN.value) == (FROZEN, UNFROZEN)


def test_a_freeze_in_one_line_fits_beside_other_words() -> None:
    """A reason of 500 invisible characters is cut, not the sentence around it."""
    line = freeze_line(replace(FREEZE, reason="\U000e0041" * 500))
    assert is_tame(line)
    assert len(line) < 1500
    assert line.endswith("`.")


# -- the page of those who may not --


@pytest.mark.parametrize("reason", Reason)
def test_a_stranger_is_told_how_to_get_the_right(reason: Reason) -> None:
    """Whatever the reason is, and whatever reason there will be."""
    for wording in (WORDING, BARE, LONGEST_WORDING):
        for may_freeze in (True, False):
            is_sound_home(stranger_blocks(Refused(reason), wording, may_freeze=may_freeze))
    is_sound_home(trouble_blocks("disk full", LONGEST_WORDING))


def test_a_page_names_no_more_than_five_of_each() -> None:
    """And says how many more there are."""
    found = many(replace(PLAUSIBLE["deleted"], requester=Actor("UCARL", "T1"), state=State.DELETED, confirmer=CARL), 7)
    shown = look(found)
    assert len(shown.shown()) == 20
    page = home_blocks(shown, {}, WORDING)
    assert [text for text in texts(page, "mrkdwn") if text == "and 2 more"] == ["and 2 more"] * 4
