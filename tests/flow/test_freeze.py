"""Freeze and unfreeze: who may, what stops, who is told, and that a restart is no way around it."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.domain.events import Kind
from bot.domain.model import State
from sandbox.metastudio import faults as play
from tests.flow.world import World, world
from tests.support.claims import Claim

WHY = "the wrong jobs went *tonight* <!channel>"


def test_a_freeze_stops_all_deletions_until_it_is_lifted(w: World) -> None:
    """A card keeps waiting, its click is answered with who, when and why, nothing is sent; afterwards it works."""
    job, card = w.offered()
    w.ask(f"freeze {WHY}", w.ben)
    assert "*All deletions are frozen* from now on" in w.said_to(w.ben)[-1]
    reads = len(w.cloud.requests)
    w.press(card)
    told = w.said_to(w.anna)[-1]
    assert f"<@{w.ben}> stopped all deletions" in told
    assert "`the wrong jobs went *tonight* &lt;!channel&gt;`" in told
    assert Claim.REQUEST_DELETED_NOTHING.stands_in(told)
    assert (len(w.cloud.requests), w.cloud.deletes_arrived(job)) == (reads, 0)
    assert w.deletion(job).state is State.AWAITING
    assert len(card.buttons) == 2
    w.ask("unfreeze")
    assert "allowed again" in w.said_to(w.anna)[-1]
    w.press(card)
    assert w.cloud.deletes_arrived(job) == 1


def test_nothing_new_is_offered_while_frozen(w: World) -> None:
    """The command is refused in words with who, when and why; MetaStudio is not asked on account of a stranger."""
    w.ask(f"freeze {WHY}", w.ben)
    posted = len(w.slack.messages(w.ops))
    w.ask(w.failed_job())
    assert f"<@{w.ben}> stopped all deletions" in w.said_to(w.anna)[-1]
    assert len(w.slack.messages(w.ops)) == posted
    w.ask(w.failed_job(), w.carl)
    assert "You don't have access" in w.said_to(w.carl)[-1]


def test_everybody_concerned_is_told(tmp_path: Path) -> None:
    """The channel where it was asked, the audit channel, and the thread of each card that waits; nobody is pinged."""
    with world(tmp_path) as w:
        w.stop_bot()
        log = w.slack.add_channel("log", members=[w.anna])
        w.run_bot(AUDIT_CHANNEL=log)
        elsewhere = w.slack.add_channel("elsewhere", members=[w.anna, w.ben])
        w.tick()
        card = w.card(w.failed_job())
        w.ask(w.failed_job(), channel=elsewhere)
        (other,) = w.slack.messages(elsewhere)
        w.ask(f"freeze {WHY}", w.ben)
        w.tick(1)
        announced = w.slack.messages(w.ops)[-1]
        assert "All deletions are frozen" in announced.text
        assert "the wrong jobs went *tonight* &lt;!channel&gt;" in announced.text
        assert w.slack.notified(announced) == {w.ben}
        for thread in (w.thread(card), w.thread(other)):
            assert "All deletions are frozen" in thread[-1]
            assert "This card cannot be confirmed" in thread[-1]
        assert any("deletions are frozen" in message.text for message in w.slack.messages(log))
        w.ask("unfreeze")
        w.tick(1)
        assert "no longer frozen" in w.slack.messages(w.ops)[-1].text
        assert "This card can be confirmed again" in w.thread(card)[-1]
        assert any("allowed again" in message.text for message in w.slack.messages(log))


def test_it_is_recorded_without_its_reason(w: World) -> None:
    """Who and where stand in the trail; what somebody typed does not."""
    w.ask(f"freeze {WHY}", w.ben)
    w.ask("unfreeze")
    w.tick(1)
    kinds = {one.event.kind: one.event for one in w.trail()}
    assert kinds[Kind.FROZEN].actor.user == w.ben
    assert kinds[Kind.UNFROZEN].actor.user == w.anna
    assert all("wrong jobs" not in one.text for one in w.trail())


def test_it_survives_a_restart(w: World) -> None:
    """The next process refuses the click too."""
    job, card = w.offered()
    w.ask(f"freeze {WHY}", w.ben)
    w.stop_bot()
    w.run_bot()
    w.press(card)
    assert "stopped all deletions" in w.said_to(w.anna)[-1]
    assert w.cloud.deletes_arrived(job) == 0


def test_an_announcement_that_slack_did_not_take_is_told_later(w: World) -> None:
    """It goes through the outbox, like everything that must not be lost."""
    w.slack.faults.add("chat.postMessage", "http", status=503)
    w.ask(f"freeze {WHY}", w.ben)
    assert w.slack.messages(w.ops) == []
    w.tick(5)
    assert "All deletions are frozen" in w.slack.messages(w.ops)[-1].text


def freeze_beside(w: World) -> None:
    """Ben freezes while something else is in flight."""
    w.slack.command(w.ben, w.ops, f"freeze {WHY}").wait_ack()
    assert w.slack.wait_for(w.app.ledger.freezes.current)


def test_a_freeze_that_comes_between_the_checks_and_the_claim_wins(w: World) -> None:
    """The look for a freeze is part of the claim: one that comes while the job is read for the last time stops it."""
    job, card = w.offered()
    held = play.late()
    reading = w.cloud.faults.add(play.SHOW, held)
    pressed = w.slack.click(w.anna, card, "dh_confirm")
    pressed.wait_ack()
    w.cloud.wait_for(lambda: reading.hits)
    freeze_beside(w)
    held.gate.set()
    w.idle()
    assert "stopped all deletions" in w.said_to(w.anna)[-1]
    assert w.cloud.deletes_arrived(job) == 0
    assert len(card.buttons) == 2


def test_a_throttled_delete_is_not_sent_again_while_frozen(w: World) -> None:
    """The next attempt is a claim, too; the thread tells the throttled reply as the outcome, and the freeze."""
    job, card = w.offered()
    w.cloud.faults.add(play.DELETE, play.throttled())
    w.cloud.after_call = lambda seen: freeze_beside(w) if seen.operation == play.DELETE else None
    w.press(card)
    w.tick(1)
    assert w.cloud.deletes_arrived(job) == 1
    assert job in w.cloud.jobs
    assert w.deletion(job).state is State.FAILED
    (outcome,) = (said for said in w.thread(card) if "throttled" in said)
    assert "It was not sent again, since deletions were frozen meanwhile." in outcome
    assert "in a minute" not in outcome


def test_what_goes_on_while_frozen(w: World) -> None:
    """A card can be cancelled, and one whose time is over expires."""
    first, second = w.card(w.failed_job()), w.card(w.failed_job())
    w.ask(f"freeze {WHY}", w.ben)
    w.press(first, "dh_cancel")
    assert any("Cancelled by" in said for said in w.thread(first))
    w.tick(601)
    assert any("Nobody confirmed in time" in said for said in w.thread(second))


@pytest.mark.parametrize(
    ("freeze_by", "operator_may", "colleague_may"),
    [("", True, False), ("colleague", False, True)],
    ids=["empty", "set"],
)
def test_who_may_freeze(tmp_path: Path, freeze_by: str, *, operator_may: bool, colleague_may: bool) -> None:
    """FREEZE_BY names them; empty means whoever may delete. The same people may unfreeze."""
    with world(tmp_path) as w:
        w.stop_bot()
        w.run_bot(FREEZE_BY=w.carl if freeze_by else "")
        for user, may in ((w.anna, operator_may), (w.carl, colleague_may)):
            w.ask(f"freeze {WHY}", user)
            assert (w.app.ledger.freezes.current() is not None) is may
            assert may or "You don't have access" in w.said_to(user)[-1]
            w.ask("unfreeze", user)
            assert w.app.ledger.freezes.current() is None


def test_a_freeze_is_asked_for_where_the_team_sees_it(w: World) -> None:
    """Not in a direct message: the announcement would reach nobody."""
    w.ask(f"freeze {WHY}", channel=w.slack.add_im(w.anna, w.ben))
    assert "direct message" in w.said_to(w.anna)[-1]
    assert w.app.ledger.freezes.current() is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (f"freeze {'x' * 501}", "*Nothing was frozen.* The reason is too long: more than 500"),
        ("freeze --now", "*Nothing was frozen.* No such option;"),
        ("freeze --dry-run", "*Nothing was frozen.* Not like that: `--dry-run` goes with a job id"),
        ("freez Huawei incident", "*Nothing was frozen.* Neither a job id nor a command."),
        ("unfreze", "*Nothing was unfrozen.* "),
        ("stop", "*Nothing was frozen.* "),
        ("unfreeze", "not frozen"),
        ("unfreeze now please", "(there were 10 characters)"),
    ],
)
def test_what_cannot_be_done_is_said(w: World, text: str, says: str) -> None:
    """First of all that nothing was frozen, or unfrozen; MetaStudio is not asked, and no channel hears of a job."""
    w.ask(text)
    assert not w.cloud.requests
    assert [one.event.job for one in w.trail()] in ([None], [None, None])
    assert says in w.said_to(w.anna)[-1]
    assert w.slack.messages(w.ops) == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("freeze", None),
        ("freeze\u00a0", None),
        ("FREEZE:", None),
        ("`freeze`", None),
        ("freeze\u00a0Huawei incident", "Huawei incident"),
        ("freeze\nHuawei incident", "Huawei incident"),
        ("freeze: Huawei incident", "Huawei incident"),
        ("freeze：华为故障", "华为故障"),
        ("freeze R&amp;D wants &lt;this&gt;", "R&amp;D wants &lt;this&gt;"),
    ],
)
def test_a_freeze_freezes_at_once(w: World, text: str, reason: str | None) -> None:
    """However it is typed, with or without a reason; what is shown to the others reads well without one."""
    job, card = w.offered()
    w.ask(text, w.ben)
    standing = w.app.ledger.freezes.current()
    assert standing is not None
    w.press(card)
    assert w.cloud.deletes_arrived(job) == 0
    w.tick(1)
    shown = f"Reason: {reason}" if reason else None
    for said in (w.slack.messages(w.ops)[-1].text, w.thread(card)[-1]):
        assert "All deletions are frozen" in said
        assert shown in said if shown else "Reason" not in said
    told = w.said_to(w.anna)[-1]
    assert f"Reason: `{reason}`." in told if reason else "Reason" not in told
    w.ask("unfreeze\u00a0")
    assert "Deletions are allowed again" in w.said_to(w.anna)[-1]
    assert w.app.ledger.freezes.current() is None


@pytest.mark.parametrize("text", ["freeze", "unfreeze"])
def test_who_may_not_freeze_learns_that_nothing_was_frozen(w: World, text: str) -> None:
    """The refusal begins with it."""
    w.ask(text, w.carl)
    assert w.said_to(w.carl)[-1].startswith(f"*Nothing was {text.replace('freeze', 'frozen')}.* You don't have access")


def test_a_second_freeze_is_told_of_the_first(w: World) -> None:
    """One stands, with its own reason, and is announced once; whose reason is dropped is told so."""
    w.ask(f"freeze {WHY}", w.ben)
    w.ask("freeze something else")
    told = w.said_to(w.anna)[-1]
    assert f"frozen already:* <@{w.ben}> stopped all deletions" in told
    assert "the wrong jobs went" in told
    assert "the reason that you gave is not recorded" in told
    w.ask("freeze")
    assert "the reason that you gave" not in w.said_to(w.anna)[-1]
    w.tick(1)
    assert len(w.slack.messages(w.ops)) == 1


def test_nobody_is_reminded_of_a_card_that_may_not_be_confirmed(w: World) -> None:
    """While deletions are frozen the thread does not ask to press; once they are allowed again it does."""
    card = w.card(w.failed_job())
    w.ask(f"freeze {WHY}", w.ben)
    w.tick(310)
    assert not any("still waits" in said for said in w.thread(card))
    w.ask("unfreeze")
    w.tick(10)
    assert "*This card still waits* for the person who asked." in w.thread(card)[-1]
