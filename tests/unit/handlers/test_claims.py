"""The table of claims against the bot's own texts: no row is out of use, and no ending escapes the oracles."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

import pytest

from bot.domain.model import State
from docs.generate import messages as page
from handlers.views.blocks import when
from handlers.views.card import deletion_card
from handlers.views.endings import BY_ENDING, BY_STATE, Words
from handlers.views.lost_commits import CORRECTION, STOOD
from tests.support.claims import Claim, Truth, claims_of, untrue
from tests.support.messages import PLAUSIBLE, WORDING
from tests.support.values import AT

HOW_IT_STANDS: dict[tuple[str | None, State], Words] = {**{(None, state): words for state, words in BY_STATE.items()}}
HOW_IT_STANDS |= BY_ENDING
"""What the card and an answer say of a deletion, by its ending and its state."""


def every_text() -> Iterator[str]:
    """Texts about deletions, at least one for each sentence that the bot has."""
    for rows in (page.refusals, page.endings, page.later, page.headings, page.restarts):
        for row in rows():
            yield from row
    yield from (f"This deletion is over: {words.sentence}." for words in HOW_IT_STANDS.values())
    yield from (deletion_card(deletion, WORDING).text for deletion in PLAUSIBLE.values())


@pytest.mark.parametrize("claim", Claim)
def test_every_way_to_claim_it_is_in_use(claim: Claim) -> None:
    """A sentence that was rewritten leaves no words here that nobody says: such a row would watch nothing."""
    texts = list(every_text())
    unused = [way for way in claim.ways if not any(re.search(way, text, re.MULTILINE) for text in texts)]
    assert unused == []


TRUTHS = [
    Truth(*facts, sent_for_reader=facts[0], states=frozenset({state}))
    for facts in itertools.product((False, True), (0, 1), *[(False, True)] * 4)
    for state in State
]


@pytest.mark.parametrize("claim", Claim)
def test_a_claim_can_be_true_and_untrue(claim: Claim) -> None:
    """A row that holds in every world would never fail, and one that holds in none could never be said."""
    assert {claim.must(truth) for truth in TRUTHS} == {True, False}


CONFIRMED = {Claim.DELETED, Claim.DELETED_BY_IT, Claim.CONFIRMED}
OF_ENDINGS: dict[str, set[Claim]] = {
    "reply_deleted": CONFIRMED,
    **{ending: {Claim.REFUSED} for ending in ("reply_rejected", "bad_credentials", "forbidden")},
    "throttled": {Claim.REFUSED, Claim.THROTTLED},
    "never_sent": {Claim.NOT_DELETED_BY_IT, Claim.NEVER_LEFT, Claim.NOTHING_DELETED},
    **{ending: {Claim.UNKNOWN} for ending in ("lost", "sender_gone")},
    **{ending: {Claim.UNKNOWN, Claim.WAS_SENT} for ending in ("unclear", "server_error", "conflict")},
    "read_gone": {Claim.DELETED, Claim.FOUND_GONE, Claim.BY_NOBODY_KNOWN},
    "read_present": {Claim.STILL_THERE, Claim.TREATED_AS_NOT_DELETED},
    "by_hand": {Claim.CLOSED_AS_GONE},
    "cancelled": {Claim.CANCELLED, Claim.NOTHING_DELETED},
    "expired": {Claim.EXPIRED, Claim.NOTHING_DELETED},
    "restored": set(),
    "lost_commits": set(),
}
"""What the thread claims at each ending. The last two say only why the ledger knows no more."""


def test_each_ending_claims_in_its_thread_what_is_known_then() -> None:
    """No ending says more than the bot knows, and no sentence escapes the oracles because its words are not here."""
    found = {ending.strip("`"): claims_of(text) for ending, _, text, _ in page.endings() if "," not in ending}
    assert found == OF_ENDINGS


HEADINGS: dict[str, set[Claim]] = {
    "awaiting": {Claim.WAITS},
    "deleting": {Claim.UNKNOWN},
    "unknown": {Claim.UNKNOWN, Claim.IN_DOUBT},
    "deleted": {Claim.DELETED, Claim.DELETED_BY_IT},
    "failed": set(),
    "refused": {Claim.NOTHING_DELETED},
    "cancelled": {Claim.CANCELLED, Claim.NOTHING_DELETED},
    "expired": {Claim.EXPIRED, Claim.NOTHING_DELETED},
    "failed, never_sent": {Claim.NOT_DELETED_BY_IT},
    **{f"failed, {why}": {Claim.REFUSED} for why in ("reply_rejected", "bad_credentials", "forbidden", "throttled")},
    "deleted, reply_deleted": {Claim.DELETED, Claim.DELETED_BY_IT},
    "deleted, read_gone": {Claim.DELETED, Claim.FOUND_GONE},
    "failed, read_present": {Claim.TREATED_AS_NOT_DELETED},
    "deleted, by_hand": {Claim.CLOSED_AS_GONE},
    "failed, by_hand": {Claim.CLOSED_AS_PRESENT},
    "expired, restored": set(),
    "refused, job_changed": {Claim.NOTHING_DELETED},
    "refused, job_gone": {Claim.NOT_SHOWN},
    **{f"refused, {why}": {Claim.NOTHING_DELETED} for why in ("requester_lost_right", "restarted", "card_not_posted")},
    **{f"{state}, lost_commits": set() for state in ("refused", "cancelled", "expired", "failed")},
}


def test_each_heading_claims_what_is_known_then() -> None:
    """The same of the card. *Failed* alone is the heading of no ending that is left."""
    assert {about.replace("`", ""): claims_of(text) for about, text, _ in page.headings()} == HEADINGS


def test_what_is_said_later_makes_a_claim() -> None:
    """But for what says that nothing could be found out, that nothing changes, or what the ledger has lost."""
    silent = [about for about, text, _ in page.later() if not claims_of(text)]
    assert silent == ["looked, failed", "late, deleted", "notice, deleted"]


@pytest.mark.parametrize(
    "text",
    [
        "It is not known whether it is deleted",
        "If it is still there, ask again.",
        "the bot could not verify that the job is gone",
        "• 2026-03-02: asked by @anna, cancelled: nothing was deleted.",
        *CORRECTION.values(),
        *STOOD.values(),
    ],
)
def test_a_question_claims_nothing(text: str) -> None:
    """Nor does what a notice takes back, or what a card says of earlier deletions."""
    assert claims_of(text) == set()


def test_what_is_untrue_is_named_with_its_truth() -> None:
    """By the table, and by what an oracle adds; what it leaves out it judges itself."""
    truth = Truth(is_there=True, arrived=1, removed=False, confirmed=True, throttled=False, denied=False)
    text = "*Deleted:* `j`. Huawei confirmed it."
    assert list(untrue(text, truth, {})) == []
    (problem,) = untrue(text, truth, {Claim.DELETED: lambda t: not t.is_there})
    assert problem.startswith("DELETED is not true: ")
    assert list(untrue("Nothing was deleted.", truth, {}, {Claim.NOTHING_DELETED})) == []
    assert len(list(untrue("Nothing was deleted.", truth, {}))) == 1


def test_a_late_answer_is_excused_only_for_how_the_deletion_stood() -> None:
    """It says of when it is. What does not pass, such as whether a DELETE had left, is judged all the same."""
    truth = Truth(
        is_there=False,
        arrived=1,
        removed=True,
        confirmed=True,
        throttled=False,
        denied=True,
        states=frozenset({State.DELETED}),
    )
    late = f"*Late answer* to your click of {when(AT)}, as things stood then: "
    assert len(list(untrue("The card still waits.", truth, {}))) == 1
    assert list(untrue(f"{late}The card still waits.", truth, {})) == []
    assert len(list(untrue(f"{late}Nothing was deleted.", truth, {}))) == 1
