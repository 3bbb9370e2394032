"""The fault matrix, towards MetaStudio: every reply, at every call of a deletion.

Rows are `replies.ROWS`; columns are the first read at the command, the second read at the click, the DELETE (with its
effect and without), the DELETE after it was throttled once, and the reads that settle a lost one. What is asserted in
each cell stands in the test's docstring; besides, `Cell.check` holds everything said against what was true.
"""

from __future__ import annotations

import pytest

from bot.domain.model import State
from sandbox.metastudio.faults import (
    AFTER,
    BEFORE,
    DELETE,
    LIST,
    SHOW,
    drop,
    error,
    http,
    repeated_on_the_way,
    throttled,
)
from tests.faults.cells import BY_HAND, CANCEL, CHECK_NOW, LIVE, REST, Cell, Keeper, some
from tests.faults.replies import DELETED, MISSING, ONE_OF_EACH, READ, ROWS, THROTTLED, UNKNOWN, Row
from tests.support.claims import BY_WHOM, NOT_DELETED, Claim, claims_of

READS = [(name, how) for name, row in ROWS.items() for how in ("always", "once") if how == "always" or row.repeated]
"""A read that is not repeated need not be played twice."""
SOME_ROWS = pytest.mark.parametrize("name", some(ROWS, ONE_OF_EACH))


def buttons(card: object) -> list[str]:
    return [button["action_id"] for button in card.buttons]


def recovers(cell: Cell, row: Row) -> None:
    """When MetaStudio is well again the bot works as before: after five minutes if the key was rejected, else now."""
    cell.w.cloud.faults.clear()
    if row.opens:
        cell.w.tick(REST + 1)
    card = cell.card()
    assert buttons(card) == LIVE
    cell.press(card, CANCEL)


def check_told_with(cell: Cell, row: Row, text: str, operation: str) -> None:
    """Error code and request ID stand where MetaStudio gave any, and what the row asks for besides."""
    if row.code:
        assert row.code in text
    if row.has_id:
        assert cell.requests(operation)[-1] in text
    assert row.says in text


# ------------------------------------------------------------------------------------------------- the reads of a flow


@pytest.mark.parametrize(("name", "how"), READS)
def test_first_read(worlds: Keeper, name: str, how: str) -> None:
    """Show at the command: a card only if the job was read, else one answer with code and request ID; no DELETE.

    A read is made at most three times. Where the answer says that repeating is pointless it is made once.
    """
    row = ROWS[name]
    with worlds.cell(row.world) as cell:
        cell.rejects_with_400 = row.opens
        cell.spoil(SHOW, row.play(), times=1 if how == "once" else None)
        if row.show == READ or (row.repeated and how == "once"):
            card = cell.card()
            assert buttons(card) == LIVE
            assert len(cell.requests(SHOW)) == (1 if row.show == READ else 2)
            cell.press(card, CANCEL)
            return
        cell.ask()
        assert cell.cards() == []
        assert len(cell.requests(SHOW)) == (3 if row.repeated else 1)
        (told,) = cell.told(cell.w.anna)
        assert claims_of(told) & NOT_DELETED
        assert Claim.NOT_SHOWN.stands_in(told) if row.show == MISSING else "could not be checked" in told
        check_told_with(cell, row, told, SHOW)
        assert cell.deletes() == 0
        recovers(cell, row)


@pytest.mark.parametrize(("name", "how"), READS)
def test_second_read(worlds: Keeper, name: str, how: str) -> None:
    """Show at the click: the click is answered, nothing is sent, the card keeps its buttons and works later.

    A 404 alone does not close it either: List still names the job, so it is not gone.
    """
    row = ROWS[name]
    with worlds.cell(row.world) as cell:
        cell.rejects_with_400 = row.opens
        card = cell.card()
        cell.spoil(SHOW, row.play(), times=1 if how == "once" else None)
        cell.press(card, user=cell.w.ben)
        if row.show == READ or (row.repeated and how == "once"):
            assert Claim.DELETED.stands_in(cell.thread(card)[0])
            cell.quiet()
            cell.must_be_over()
            return
        assert cell.deletes() == 0
        (told,) = cell.told(cell.w.ben)
        check_told_with(cell, row, told, SHOW)
        assert buttons(card) == LIVE
        cell.w.cloud.faults.clear()
        if row.opens:
            cell.w.tick(REST + 1)
        cell.press(card, user=cell.w.ben)
        assert Claim.DELETED.stands_in(cell.thread(card)[0])
        cell.quiet()
        cell.must_be_over()


# -------------------------------------------------------------------------------------------------------- the DELETE

EFFECTS = {DELETED: (AFTER,)}
"""Whether the DELETE had its effect: possible with every answer, since something in between may have repeated it."""

DELETES = [
    (name, effect)
    for name, row in ROWS.items()
    for effect in EFFECTS.get(row.delete, (BEFORE, AFTER))
    if (name, effect) != ("too late", BEFORE)  # then the effect is late too; see test_late_effect
]
SENT = {THROTTLED: 3}


@pytest.mark.parametrize(
    ("name", "effect", "earlier"),
    [(*cell, "") for cell in DELETES]
    + some(((*cell, "throttled before") for cell in DELETES), {(*cell, "throttled before") for cell in DELETES[::4]}),
)
def test_delete(worlds: Keeper, name: str, effect: str, earlier: str) -> None:
    """The DELETE itself: the thread says deleted, refused or not known, as the reply has it, and in the end the truth.

    Every answer with its effect and without, whatever it says: a refusal may be the answer to a repeated DELETE.

    It arrives once, or once more for each time that it was throttled, at most three times. Code and request ID of the
    last reply are told in the thread and on the card, people are mentioned, each attempt stands in what a ticket needs.
    """
    row = ROWS[name]
    with worlds.cell(row.world) as cell:
        w = cell.w
        cell.rejects_with_400 = row.opens
        cell.witness.trusts = row.delete == DELETED
        card = cell.card()
        if earlier:
            cell.spoil(DELETE, throttled())
        cell.spoil(DELETE, row.play(), times=None, when=effect)
        # Each further DELETE rests on a read of its own, so none follows a 429 that had its effect all the same.
        sent = SENT if effect == BEFORE else {}
        cell.most_deletes = sent.get(row.delete, 2 if earlier else 1)
        cell.press(card, user=w.ben)
        assert cell.deletes() == cell.most_deletes
        first = cell.thread(card)[0]
        says = {DELETED: Claim.DELETED, UNKNOWN: Claim.UNKNOWN}.get(row.delete, Claim.REFUSED)
        assert says.stands_in(first)
        assert not claims_of(first) & NOT_DELETED
        for person in (w.anna, w.ben):
            assert f"<@{person}>" in first
        check_told_with(cell, row, first, DELETE)
        if row.has_id:
            assert cell.requests(DELETE)[-1] in card.text
        assert buttons(card) == ([CHECK_NOW] if row.delete == UNKNOWN else [])
        w.cloud.faults.clear()
        cell.quiet()
        deletion = cell.must_be_over()
        ticket = [text for text in cell.thread(card) if "For a Huawei Cloud ticket" in text]
        assert bool(ticket) == (row.delete != DELETED)
        for text in ticket:
            assert text.count("Attempt ") == cell.most_deletes
        assert (deletion.state is State.DELETED) == (effect == AFTER)
        if row.opens and effect == BEFORE:
            recovers(cell, row)


# ------------------------------------------------------------------------------------------------ the settling reads

LOST = {"lost": drop, "500": lambda: error(500, "MSS.00000004")}
"""Two ways to lose an outcome: the second is settled sooner."""


def lose(cell: Cell, effect: str, lost: str = "lost") -> object:
    """A deletion whose DELETE arrived and whose outcome is not known."""
    card = cell.card()
    cell.spoil(DELETE, LOST[lost](), when=effect)
    cell.press(card, user=cell.w.ben)
    assert Claim.UNKNOWN.stands_in(cell.thread(card)[0])
    assert buttons(card) == [CHECK_NOW]
    return card


@SOME_ROWS
@pytest.mark.parametrize("truth", [BEFORE, AFTER], ids=["still there", "gone"])
def test_settling_reads_meet_it_twice(worlds: Keeper, name: str, truth: str) -> None:
    """Show answers so to the first reads: they decide nothing, or agree with List; the truth is told in the end."""
    row = ROWS[name]
    with worlds.cell(row.world) as cell:
        cell.rejects_with_400 = row.opens
        card = lose(cell, truth)
        cell.spoil(SHOW, row.play(), times=4 if row.repeated else 2)
        cell.quiet()
        cell.must_be_over()
        assert not Claim.UNDETERMINED.stands_in_any(cell.thread(card))


@SOME_ROWS
def test_settling_lists_meet_it_twice(worlds: Keeper, name: str) -> None:
    """The job is gone and Show says so, but List answers so: without the second witness nothing is told."""
    row = ROWS[name]
    with worlds.cell(row.world) as cell:
        cell.rejects_with_400 = row.opens
        card = lose(cell, AFTER)
        cell.spoil(LIST, row.play(), times=4 if row.repeated else 2)
        cell.w.tick(3)
        assert cell.deletion().state is State.UNKNOWN
        assert len(cell.thread(card)) == 1
        cell.quiet()
        cell.must_be_over()


@pytest.mark.parametrize(
    "name", some([name for name, row in ROWS.items() if not row.waits or name == "silence"], ONE_OF_EACH - {"silence"})
)
@pytest.mark.parametrize("truth", [BEFORE, AFTER], ids=["still there", "gone"])
def test_settling_reads_meet_it_for_a_day(worlds: Keeper, name: str, truth: str) -> None:
    """Show answers so for more than a day: reads that cannot decide end in words that say so, never in an outcome.

    A job that is still there is named by List, which is asked whatever Show answers, unless nothing may be sent at all.
    The card then offers to close by hand; when MetaStudio is well again a daily read tells the truth.
    """
    row = ROWS[name]
    with worlds.cell(row.world) as cell:
        cell.rejects_with_400 = row.opens
        card = lose(cell, truth)
        cell.spoil(SHOW, row.play(), times=None)
        for _ in range(6):
            cell.w.tick(5 * 3600)
        decides = row.half_gone or row.show == READ or (truth == BEFORE and not row.opens)
        undetermined = [text for text in cell.thread(card) if Claim.UNDETERMINED.stands_in(text)]
        assert len(undetermined) == (0 if decides else 1)
        if not decides:
            assert cell.deletion().state is State.UNKNOWN
            assert buttons(card) == [CHECK_NOW, *BY_HAND]
            assert len(cell.thread(card)) == 2
        cell.w.cloud.faults.clear()
        cell.quiet()
        cell.must_be_over()


# --------------------------------------------------------------------------------- repeated on the way, and forgotten


@pytest.mark.parametrize("lies", [None, 3, 20], ids=["", "forgets for 3 s", "forgets for 20 s"])
def test_a_delete_that_something_in_between_repeats(worlds: Keeper, lies: float | None) -> None:
    """The first one worked, the bot sees the 404 of the second: looked into, then deleted, never "not by this"."""
    with worlds.cell("patient") as cell:
        card = cell.card()
        cell.spoil(DELETE, repeated_on_the_way, when=AFTER)
        cell.press(card, user=cell.w.ben)
        first = cell.thread(card)[0]
        assert Claim.UNKNOWN.stands_in(first)
        assert "MSS.41000003" in first
        assert "can be the answer to a second one" in first
        if lies is not None:
            cell.w.cloud.forget(cell.job, lies)
        cell.quiet()
        assert cell.must_be_over().state is State.DELETED
        assert f"Huawei answered 404; {BY_WHOM}" in cell.thread(card)[1]


@pytest.mark.parametrize("lost", LOST)
@pytest.mark.parametrize("seconds", [3, 20])
@pytest.mark.parametrize("at_once", [True, False], ids=["pressed", "waited for"])
def test_a_backend_that_forgets_the_job_settles_nothing(
    worlds: Keeper, lost: str, seconds: float, *, at_once: bool
) -> None:
    """Show and List deny a job that is there, at the first read and whenever somebody presses *Check now* meanwhile."""
    with worlds.cell("patient") as cell:
        card = lose(cell, BEFORE, lost)
        cell.w.cloud.forget(cell.job, seconds)
        for _ in range(4 if at_once else 0):
            cell.w.clock.add(seconds / 5)
            cell.press(card, CHECK_NOW)
        cell.w.tick(2)
        assert cell.deletion().state is State.UNKNOWN
        cell.quiet()
        assert cell.must_be_over().state is State.FAILED


@pytest.mark.parametrize("truth", [BEFORE, AFTER], ids=["still there", "gone"])
def test_an_outcome_found_by_reads_survives_a_glitch_an_hour_later(worlds: Keeper, truth: str) -> None:
    """The read of an hour later meets a backend that forgets for seconds, or a list that lags: nothing is said."""
    with worlds.cell("patient") as cell:
        card = lose(cell, truth)
        for _ in range(12):
            cell.w.tick(60)
        said = cell.thread(card)
        state = cell.deletion().state
        assert state is (State.DELETED if truth == AFTER else State.FAILED)
        cell.w.tick(3600 - 12)
        if truth == BEFORE:
            cell.w.cloud.forget(cell.job, 3700)
            cell.w.tick(12)
            cell.w.cloud.forget(cell.job, 0)
        else:
            stale = {"count": 1, "jobs": [{"job_id": cell.job, "state": "TRAIN_FAILED"}]}
            cell.spoil(LIST, http(200, stale))
            cell.w.tick(12)
        assert cell.deletion().state is state
        cell.quiet()
        cell.must_be_over()
        assert cell.thread(card) == said


def test_a_glitch_at_the_press_closes_the_card_and_says_only_what_was_answered(worlds: Keeper) -> None:
    """Show and List deny the job for a moment: no DELETE, the card closes, nothing untrue; asked again, it goes on."""
    with worlds.cell("patient") as cell:
        card = cell.card()
        cell.w.cloud.forget(cell.job, 3)
        cell.press(card, user=cell.w.ben)
        assert cell.deletes() == 0
        assert buttons(card) == []
        assert Claim.NOT_SHOWN.stands_in(cell.thread(card)[0])
        cell.w.clock.add(4)
        again = cell.card()
        cell.press(again, user=cell.w.ben)
        assert Claim.DELETED.stands_in(cell.thread(again)[0])
        cell.quiet()
        cell.must_be_over()
