"""The fault matrix, rejected credentials: whoever meets them first, nothing signed leaves for five minutes.

More than five bad signatures in a row lock the key for everybody who uses it. So the breaker holds for commands,
clicks, *Check now* and settling reads, across a restart, until one trial goes through or the key was changed.
`Cell.check` measures the five minutes between any two requests.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from bot.domain.model import State
from sandbox.metastudio.faults import AFTER, DELETE, LIST, SHOW, drop, late
from sandbox.metastudio.gate import Key
from sandbox.slack.slack import Message
from tests.faults.cells import CANCEL, CHECK_NOW, LIVE, Cell, Keeper, some
from tests.faults.replies import ONE_OF_EACH, ROWS, Row
from tests.faults.test_metastudio import buttons, lose, recovers
from tests.support.claims import Claim

KEY_ROWS = [name for name, row in ROWS.items() if row.opens]
STOPPED = "rejected the bot's login"


def at_the_command(cell: Cell, row: Row) -> None:
    cell.spoil(SHOW, row.play(), times=None)
    cell.ask()


def at_the_click(cell: Cell, row: Row) -> None:
    card = cell.card()
    cell.spoil(SHOW, row.play(), times=None)
    cell.press(card, user=cell.w.ben)
    assert buttons(card) == LIVE


def at_the_delete(cell: Cell, row: Row) -> None:
    card = cell.card()
    cell.spoil(DELETE, row.play(), times=None)
    cell.press(card, user=cell.w.ben)


def at_a_settling_show(cell: Cell, row: Row) -> None:
    lose(cell, AFTER)
    cell.spoil(SHOW, row.play(), times=None)
    cell.w.tick(3)


def at_a_settling_list(cell: Cell, row: Row) -> None:
    lose(cell, AFTER)
    cell.spoil(LIST, row.play(), times=None)
    cell.w.tick(3)


def at_check_now(cell: Cell, row: Row) -> None:
    card = lose(cell, AFTER)
    cell.spoil(SHOW, row.play(), times=None)
    cell.press(card, CHECK_NOW)


CALLS = {
    "command": at_the_command,
    "click": at_the_click,
    "DELETE": at_the_delete,
    "settling Show": at_a_settling_show,
    "settling List": at_a_settling_list,
    "Check now": at_check_now,
}


def other_card(cell: Cell) -> Message:
    """A card for another job, in the same channel, that waits for a click."""
    cell.ask(text=cell.add_job())
    return cell.cards()[-1]


def nothing_leaves(cell: Cell, waiting: Message, seconds: int) -> None:
    """For so long nothing is sent, whoever asks and whatever is due; everybody is told why; cards keep waiting."""
    w = cell.w
    before = len(w.cloud.requests)
    cell.ask(w.ben, cell.add_job())
    assert STOPPED in cell.told(w.ben)[-1]
    cell.press(waiting, user=w.ben)
    assert STOPPED in cell.told(w.ben)[-1]
    assert buttons(waiting) == LIVE
    for _ in range(4):
        w.tick(seconds / 4)
    assert len(w.cloud.requests) == before


@pytest.mark.parametrize("name", some(KEY_ROWS, ONE_OF_EACH))
@pytest.mark.parametrize("call", list(CALLS))
def test_rejected_credentials(worlds: Keeper, name: str, call: str) -> None:
    """For five minutes nothing is sent and everybody is told; then one trial; if it fails, five minutes more."""
    row = ROWS[name]
    with worlds.cell("patient") as cell:
        cell.rejects_with_400 = True
        waiting = other_card(cell)
        CALLS[call](cell, row)
        nothing_leaves(cell, waiting, 290)
        cell.w.cloud.faults.clear()
        cell.spoil(SHOW, row.play())
        cell.w.tick(11)
        # The trial may be a settling read that was due, or this command.
        cell.ask(cell.w.ben)
        nothing_leaves(cell, waiting, 290)
        cell.w.cloud.faults.clear()
        cell.w.tick(11)
        cell.press(waiting, CANCEL)
        cell.quiet()
        recovers_if_it_can(cell)


def recovers_if_it_can(cell: Cell) -> None:
    """The job is offered again, unless its deletion was settled as done; and another one is, in any case."""
    deletion = cell.w.find_deletion(cell.job)
    if deletion is not None and deletion.state is State.AWAITING:
        cell.press(cell.cards()[-1], force=True)
        cell.quiet()
    cell.press(other_card(cell), CANCEL)


@pytest.mark.parametrize("call", some(CALLS, {"DELETE", "settling Show"}))
def test_rejected_credentials_and_a_restart(worlds: Keeper, call: str) -> None:
    """A restart forgets nothing: the rest of the five minutes is kept by the next process."""
    row = ROWS["401 APIG.0301"]
    with worlds.cell("patient") as cell:
        waiting = other_card(cell)
        CALLS[call](cell, row)
        cell.w.tick(100)
        cell.w.stop_bot()
        cell.w.run_bot()
        nothing_leaves(cell, waiting, 190)
        cell.w.cloud.faults.clear()
        cell.w.tick(11)
        cell.press(waiting, CANCEL)
        cell.quiet()
        recovers_if_it_can(cell)


@pytest.mark.parametrize("call", some(["command", "DELETE", "settling Show"], {"settling Show"}))
def test_other_credentials_pass_at_once(worlds: Keeper, call: str) -> None:
    """The breaker is about a key: with another one in the settings nobody waits."""
    row = ROWS["401 APIGW.0301 ak"]
    with worlds.cell("patient") as cell:
        w = cell.w
        CALLS[call](cell, row)
        w.cloud.faults.clear()
        old = w.cloud.gate.keys[w.cloud.ak]
        w.cloud.gate.keys["SANDBOXACCESSKEY0002"] = Key("SANDBOXACCESSKEY0002", "another", old.project_id)
        w.stop_bot()
        w.run_bot(HUAWEICLOUD_SDK_AK="SANDBOXACCESSKEY0002", HUAWEICLOUD_SDK_SK="another")
        before = len(w.cloud.requests)
        cell.press(other_card(cell), CANCEL)
        assert len(w.cloud.requests) > before
        cell.quiet()
        w.stop_bot()
        w.run_bot(HUAWEICLOUD_SDK_AK=w.cloud.ak, HUAWEICLOUD_SDK_SK=w.cloud.sk)
        w.tick(301)


def test_one_trial_at_a_time(worlds: Keeper) -> None:
    """After five minutes the first who asks is the trial; who asks before it is over is told to wait."""
    with worlds.cell("patient") as cell:
        w = cell.w
        at_the_command(cell, ROWS["401 APIG.0301"])
        w.cloud.faults.clear()
        w.tick(301)
        before = len(w.cloud.requests)
        held = cell.spoil(SHOW, late())
        trial = w.slack.command(w.anna, cell.channel, cell.job)
        w.cloud.wait_for(lambda: len(w.cloud.requests) > before)
        for _ in range(3):
            second = w.slack.command(w.ben, cell.channel, cell.add_job())
            second.wait_ack()
            assert STOPPED in second.wait_answer(n=2).text
        assert len(w.cloud.requests) == before + 1
        held.release()
        trial.wait_ack()
        w.idle()
        (card,) = cell.cards()
        assert buttons(card) == LIVE
        cell.press(card, CANCEL)
        cell.press(other_card(cell), CANCEL)


SKEWS = {
    "MetaStudio ahead": ("behind", timedelta(minutes=20)),
    "MetaStudio behind": ("ahead of", timedelta(minutes=-20)),
}
"""How the bot's clock then stands, and what MetaStudio's is off by."""


def at_once(_cell: Cell, skew: Callable[[], None]) -> str:
    skew()
    _cell.ask()
    return _cell.told(_cell.w.anna)[-1]


def before_the_click(cell: Cell, skew: Callable[[], None]) -> str:
    card = cell.card()
    skew()
    cell.press(card)
    assert buttons(card) == LIVE
    return cell.told(cell.w.anna)[-1]


def before_the_delete(cell: Cell, skew: Callable[[], None]) -> str:
    card = cell.card()
    cell.at_the_claim(skew)
    cell.press(card)
    return cell.thread(card)[0]


@pytest.mark.parametrize("how", list(SKEWS))
@pytest.mark.parametrize("when", [at_once, before_the_click, before_the_delete])
def test_a_wrong_clock_is_named(worlds: Keeper, how: str, when: Callable[[Cell, Callable[[], None]], str]) -> None:
    """A clock more than 15 minutes off makes the gateway refuse the signature: the person is told that it is that."""
    with worlds.cell("patient") as cell:
        cloud = cell.w.cloud

        def skew() -> None:
            cloud.clock_off = SKEWS[how][1]

        try:
            told = when(cell, skew)
        finally:
            cloud.clock_off = timedelta(0)
        assert "APIGW.0303" in told
        assert f"The bot's clock is 20 minutes {SKEWS[how][0]} Huawei's" in told
        assert cell.deletes() <= 1
        assert cell.job in cloud.jobs
        cell.w.tick(301)
        cell.quiet()
        if cell.w.find_deletion(cell.job) is None or cell.deletion().state is not State.AWAITING:
            recovers(cell, ROWS["200"])
        else:
            cell.press(cell.cards()[-1], CANCEL)


def test_what_happens_to_a_lost_deletion_while_the_key_is_rejected_for_a_day(worlds: Keeper) -> None:
    """A key that was withdrawn: one trial read at a time, never two within five minutes; then the day is over in words.

    With the key back the next daily read tells the truth.
    """
    with worlds.cell("patient") as cell:
        w = cell.w
        card = cell.card()
        cell.spoil(DELETE, drop(), when=AFTER)
        cell.press(card)
        key = w.cloud.gate.keys.pop(w.cloud.ak)
        cell.quiet(until=timedelta(hours=25))
        assert Claim.UNDETERMINED.stands_in_any(cell.thread(card))
        assert cell.deletion().state is State.UNKNOWN
        w.cloud.gate.keys[key.ak] = key
        w.tick(301)
        cell.quiet()
        cell.must_be_over()
