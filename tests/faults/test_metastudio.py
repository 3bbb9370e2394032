"""The fault matrix, towards MetaStudio: every reply, at every call of a deletion.

Rows are `replies.ROWS`; columns are the first read at the command, the second read at the click, the DELETE (with its
effect and without), the DELETE after it was throttled once, and the reads that settle a lost one. What is asserted in
each cell stands in the test's docstring; besides, `Cell.check` holds everything said against what was true.
"""

from __future__ import annotations

import pytest

from bot.model import State
from sandbox.metastudio_faults import AFTER, BEFORE, DELETE, LIST, SHOW, drop, error, throttled
from tests.faults.cells import BY_HAND, CANCEL, CHECK_NOW, LIVE, REST, Cell, Keeper, some
from tests.faults.oracle import DELETED as SAYS_DELETED
from tests.faults.oracle import NOT_DELETED as SAYS_NOT_DELETED
from tests.faults.oracle import UNDETERMINED as SAYS_UNDETERMINED
from tests.faults.oracle import UNKNOWN as SAYS_UNKNOWN
from tests.faults.replies import DELETED, MISSING, ONE_OF_EACH, READ, ROWS, THROTTLED, UNKNOWN, Row

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
        assert SAYS_NOT_DELETED.search(told)
        assert ("has no such job" if row.show == MISSING else "could not be read") in told
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
            assert SAYS_DELETED.search(cell.thread(card)[0])
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
        assert SAYS_DELETED.search(cell.thread(card)[0])
        cell.quiet()
        cell.must_be_over()


# -------------------------------------------------------------------------------------------------------- the DELETE

EFFECTS = {DELETED: (AFTER,), UNKNOWN: (BEFORE, AFTER)}
"""Whether the DELETE had its effect all the same: possible wherever the reply does not say."""

DELETES = [
    (name, effect)
    for name, row in ROWS.items()
    for effect in EFFECTS.get(row.delete, (BEFORE,))
    if (name, effect) != ("too late", BEFORE)  # then the effect is late too; see test_late_effect
]
SENT = {THROTTLED: 3}


@pytest.mark.parametrize(
    ("name", "effect", "earlier"),
    [(*cell, "") for cell in DELETES]
    + some(((*cell, "throttled before") for cell in DELETES), {(*cell, "throttled before") for cell in DELETES[::4]}),
)
def test_delete(worlds: Keeper, name: str, effect: str, earlier: str) -> None:
    """The DELETE itself: the thread says deleted, not deleted or not known, as the reply has it, and in the end truth.

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
        cell.most_deletes = SENT.get(row.delete, 2 if earlier else 1)
        cell.press(card, user=w.ben)
        assert cell.deletes() == cell.most_deletes
        first = cell.thread(card)[0]
        says = {DELETED: SAYS_DELETED, UNKNOWN: SAYS_UNKNOWN}.get(row.delete, SAYS_NOT_DELETED)
        assert says.search(first)
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
        if row.opens:
            recovers(cell, row)


# ------------------------------------------------------------------------------------------------ the settling reads

LOST = {"lost": drop, "500": lambda: error(500, "MSS.00000004")}
"""Two ways to lose an outcome: the second is settled sooner."""


def lose(cell: Cell, effect: str, lost: str = "lost") -> object:
    """A deletion whose DELETE arrived and whose outcome is not known."""
    card = cell.card()
    cell.spoil(DELETE, LOST[lost](), when=effect)
    cell.press(card, user=cell.w.ben)
    assert SAYS_UNKNOWN.search(cell.thread(card)[0])
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
        assert not any(SAYS_UNDETERMINED.search(text) for text in cell.thread(card))


@SOME_ROWS
def test_settling_lists_meet_it_twice(worlds: Keeper, name: str) -> None:
    """The job is gone and Show says so, but List answers so: without the second witness nothing is told."""
    row = ROWS[name]
    with worlds.cell(row.world) as cell:
        cell.rejects_with_400 = row.opens
        card = lose(cell, AFTER)
        cell.spoil(LIST, row.play(), times=4 if row.repeated else 2)
        cell.w.tick(3)
        if row.show != READ:
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

    The card then offers to close by hand; when MetaStudio is well again a daily read tells the truth.
    """
    row = ROWS[name]
    with worlds.cell(row.world) as cell:
        cell.rejects_with_400 = row.opens
        card = lose(cell, truth)
        cell.spoil(SHOW, row.play(), times=None)
        for _ in range(6):
            cell.w.tick(5 * 3600)
        decides = row.half_gone or row.show == READ
        undetermined = [text for text in cell.thread(card) if SAYS_UNDETERMINED.search(text)]
        assert len(undetermined) == (0 if decides else 1)
        if not decides:
            assert cell.deletion().state is State.UNKNOWN
            assert buttons(card) == [CHECK_NOW, *BY_HAND]
            assert len(cell.thread(card)) == 2
        cell.w.cloud.faults.clear()
        cell.quiet()
        cell.must_be_over()
