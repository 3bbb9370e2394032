"""What the bot says holds when it becomes visible, is complete, and claims no more than is known."""

from __future__ import annotations

import threading
from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from bot.domain.ledger_port import LedgerTrouble
from sandbox.metastudio import faults as play
from sandbox.slack.slack import Message
from tests.flow.test_second_deletion import treated_as_not_deleted
from tests.flow.world import World, world
from tests.support.claims import Claim

DELETE, SHOW, LIST = "Delete2dModelTrainingJob", "Show2dModelTrainingJob", "List2dModelTrainingJob"


def undetermined(w: World) -> tuple[str, Message]:
    """A job whose DELETE lost its answer, and its card after a day on which MetaStudio could not be read."""
    job, card = w.offered()
    w.cloud.faults.add(DELETE, play.drop(), when="before")
    w.press(card)
    for operation in (SHOW, LIST):
        w.cloud.faults.add(operation, play.error(503, "MSS.00000004"), times=None)
    for _ in range(26):
        w.tick(3600)
    return job, card


def test_the_settled_outcome_brings_request_id_and_error_code(w: World) -> None:
    """Where the message about the unknown outcome is overtaken before Slack takes it, the ID is told all the same."""
    _, card = w.offered()
    w.cloud.faults.add(DELETE, play.error(500, "MSS.00000004"), when="after")
    w.slack.faults.add("chat.postMessage", "ratelimited", retry_after=60)
    w.press(card)
    w.tick(20)
    w.tick(61)
    [said] = w.thread(card)
    assert Claim.FOUND_GONE.stands_in(said)
    assert w.cloud.requests_to(DELETE)[0].request_id in said
    assert "MSS.00000004" in said


def test_a_look_that_was_made_already_is_not_announced(w: World) -> None:
    """Slack takes "treated as not deleted" an hour late, after the last look: nothing is promised any more."""
    _, card = w.offered()
    w.cloud.faults.add(DELETE, play.error(500, "MSS.00000004"), when="before")
    w.press(card)
    w.slack.faults.add("chat.postMessage", "error", error="fatal_error", times=None)
    for _ in range(6):
        w.tick(20)
    w.tick(3700)
    w.slack.faults.clear()
    w.tick(700)
    assert Claim.TREATED_AS_NOT_DELETED.stands_in(w.thread(card)[-1])
    assert "once more" not in w.thread(card)[-1]


def test_what_only_seems_so_is_said_as_such(w: World) -> None:
    """Before the last look a press hears "treated as not deleted", never that the job was not deleted."""
    job, card = treated_as_not_deleted(w)
    assert "once more" in w.thread(card)[-1]
    assert Claim.TREATED_AS_NOT_DELETED.stands_in(card.text)
    w.cloud.remove(job)  # The late effect of that DELETE, which nobody has seen yet.
    w.press(card, force=True)
    w.press(card, "dh_check_now", w.ben, force=True)
    for user in (w.anna, w.ben):
        assert Claim.TREATED_AS_NOT_DELETED.stands_in(w.said_to(user)[-1])
        assert not Claim.NOT_DELETED_BY_IT.stands_in(w.said_to(user)[-1])


def test_who_may_close_by_hand_is_said_and_a_failure_so_closed_can_be_escalated(w: World) -> None:
    """Not "whoever has looked", but whoever may delete jobs; "still there" brings what a Huawei ticket needs."""
    _, card = undetermined(w)
    assert "A person who may delete jobs with this bot and has looked" in w.thread(card)[-1]
    w.press(card, "dh_close_present", w.carl)
    assert "You don't have access" in w.said_to(w.carl)[-1]
    w.press(card, "dh_close_present")
    assert "Checked by hand" in w.thread(card)[-1]
    assert "For a Huawei Cloud ticket" in w.thread(card)[-1]
    w.press(card, force=True)
    assert "by the word of a person" in w.said_to(w.anna)[-1]


@pytest.mark.parametrize("operation", [SHOW, DELETE])
def test_a_wrong_date_explains_a_rejected_signature_and_nothing_else(w: World, operation: str) -> None:
    """The clock is named where the signature was refused, at the DELETE too; a 500 with that Date is just a 500."""
    job = w.cloud.add_job(state="TRAIN_FAILED")
    for status, code, is_named in ((500, "MSS.00000004", False), (401, "APIGW.0303", True)):
        card = w.card(job) if operation == DELETE else None
        date = {"Date": format_datetime(w.clock.now() - timedelta(hours=2)), "X-Request-Id": "request-01"}
        reply = play.http(status, {"error_code": code, "error_msg": "no"}, date)
        fault = w.cloud.faults.add(operation, reply, times=None)
        if card is None:
            w.ask(job)
        else:
            w.press(card)
        told = w.thread(card)[0] if card else w.said_to(w.anna)[-1]
        assert code in told
        assert ("The bot's clock is 120 minutes ahead of Huawei's" in told) is is_named
        w.cloud.faults.remove(fault)
        for _ in range(4):
            w.tick(20)


def test_a_second_asker_is_not_promised_a_card_that_never_comes(w: World) -> None:
    """While the first card is being posted nobody knows whether Slack takes it: what to do otherwise is said."""
    w.slack.faults.add("chat.postMessage", "error", error="restricted_action")
    job = w.cloud.add_job(state="TRAIN_FAILED")
    posting, go_on = threading.Event(), threading.Event()

    def hold(call: object) -> None:
        if call.method == "chat.postMessage":
            posting.set()
            go_on.wait(5)

    w.slack.before_call = hold
    w.slack.command(w.anna, w.ops, job).wait_ack()
    assert posting.wait(5)
    w.slack.command(w.ben, w.ops, job).wait_ack()
    w.slack.wait_for(lambda: w.said_to(w.ben), 5)
    go_on.set()
    w.idle()
    assert w.slack.messages(w.ops) == []
    assert "If its card does not appear within a minute, run `/delete-dh-job` again." in w.said_to(w.ben)[-1]


def test_a_long_reason_stands_whole_in_what_screen_readers_read(w: World) -> None:
    """500 characters, a quarter of which Slack wants escaped: the text of the card is as complete as its blocks."""
    reason = "A&B " * 124 + "END!"
    assert len(reason) == 500
    card = w.card(w.cloud.add_job(state="TRAIN_FAILED", name="n" * 256), reason=reason)
    assert reason.replace("&", "&amp;") in card.text


def test_an_attempt_that_ended_today_stands_on_the_next_card(w: World) -> None:
    """Asked 26 hours ago and closed by hand just now: whoever confirms the next deletion sees it."""
    job, card = undetermined(w)
    w.cloud.faults.clear()
    w.press(card, "dh_close_present")
    assert "Earlier requests for this job" in w.card(job).text


def test_a_ledger_that_fails_between_claim_and_send_leaves_no_doubt(w: World) -> None:
    """The breaker could not be asked, so nothing was sent: that is what is told, not that nobody knows."""
    job, card = w.offered()
    ledger = w.app.ledger

    def fail(_: str) -> None:
        raise OSError("made up")

    def break_it(name: str) -> None:
        if name == "change:claim":
            ledger.before_commit = fail

    usual = ledger.breaker.allows

    def allows(fingerprint: str, now: object) -> bool:
        if ledger.before_commit is fail:
            raise LedgerTrouble("disk full")
        return usual(fingerprint, now)

    ledger.breaker.allows = allows
    ledger.after_commit = break_it
    w.press(card)
    ledger.after_commit = ledger.before_commit = lambda _: None
    w.tick(120)
    assert Claim.NEVER_LEFT.stands_in(w.thread(card)[0])
    assert Claim.NEVER_LEFT.stands_in(w.thread(card)[-1])
    assert w.cloud.deletes_arrived(job) == 0


def test_the_audit_channel_gets_no_names(tmp_path: Path) -> None:
    """The thread is gone, so what it would have said goes elsewhere: to the people whole, to the log without names."""
    with world(tmp_path) as w:
        audit = w.slack.add_channel("audit")
        w.stop_bot()
        w.run_bot(AUDIT_CHANNEL=audit)
        job = w.cloud.add_job(state="TRAIN_FAILED", name="Anchor Li")
        card = w.card(job)
        w.cloud.change(job, name="Second Li", asset_id="feedfeedfeedfeedfeedfeedfeedfeed")
        w.slack.faults.add("chat.postMessage", "error", error="is_archived", where=lambda args: "thread_ts" in args)
        w.press(card)
        w.tick(3)
        logged = "\n".join(message.text for message in w.slack.messages(audit))
        assert "name: another one now" in logged
        assert "feedfeedfeedfeedfeedfeedfeedfeed" in logged
        assert "Li`" not in logged
        assert any("Second Li" in said for said in w.said_to(w.anna))
