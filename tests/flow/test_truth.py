"""What the bot says is true also when things happen at the same time, late, or in the wrong place."""

from __future__ import annotations

import threading
from collections.abc import Callable
from copy import copy
from dataclasses import replace
from pathlib import Path

import pytest

from bot.domain.ledger_port import DueWork
from bot.domain.model import Actor, Deletion, JobId, Reply
from bot.domain.notifications import Notification, NotificationKind, PendingRequest
from bot.workers import take_over
from sandbox.metastudio import faults as play
from sandbox.metastudio.world import Seen
from tests.flow.world import World, world
from tests.support.claims import Claim, claims_of

DELETE, SHOW, LIST = "Delete2dModelTrainingJob", "Show2dModelTrainingJob", "List2dModelTrainingJob"


def in_doubt(w: World, *, effect: bool) -> tuple[str, object]:
    """A job whose DELETE lost its answer, and its card."""
    job, card = w.offered()
    w.cloud.faults.add(DELETE, play.drop(), when="after" if effect else "before")
    w.press(card)
    return job, card


def test_an_unknown_outcome_is_not_read_in_another_project(w: World) -> None:
    """Pointed at another project, the bot does not take that project's "no such job" for this one's."""
    job, card = in_doubt(w, effect=False)
    w.stop_bot()
    w.run_bot(METASTUDIO_PROJECT_ID="f" * 32)
    w.cloud.requests.clear()
    for _ in range(20):
        w.tick(300)
    assert not Claim.DELETED.stands_in_any(w.thread(card)[1:])
    assert not w.cloud.requests
    w.stop_bot()
    w.run_bot(METASTUDIO_PROJECT_ID=w.cloud.project_id)
    for _ in range(12):
        w.tick(600)
    assert Claim.TREATED_AS_NOT_DELETED.stands_in(w.thread(card)[-1])
    assert job in w.cloud.jobs


def test_an_unknown_outcome_is_not_read_with_another_app_user_id(w: World) -> None:
    """Another X-App-UserId may not be shown the job [?]: under it no read and no click takes the job to be gone."""
    job, card = in_doubt(w, effect=False)
    other, waiting = w.offered()
    w.stop_bot()
    w.run_bot(METASTUDIO_APP_USER_ID="somebody-else")
    hidden = {each: w.cloud.jobs.pop(each) for each in (job, other)}
    w.press(waiting)
    assert len(waiting.buttons) == 2
    for _ in range(5):
        w.tick(100)
    assert len(w.thread(card)) == 1
    w.cloud.jobs |= hidden
    for _ in range(8):
        w.tick(100)
    assert Claim.TREATED_AS_NOT_DELETED.stands_in(w.thread(card)[-1])


def test_an_entry_of_a_list_that_cannot_be_read_may_be_the_job(w: World) -> None:
    """List says count 0, but has an entry without a job id: that is no second witness."""
    job, card = in_doubt(w, effect=False)
    w.cloud.faults.add(SHOW, play.error(404, "MSS.41000003"), times=None)
    w.cloud.faults.add(LIST, play.http(200, {"count": 0, "jobs": [{"id": job, "name": "x"}]}), times=None)
    w.tick(30)
    assert len(w.thread(card)) == 1
    w.cloud.faults.clear()


def test_the_checks_are_made_after_the_wait_for_the_limiter(tmp_path: Path) -> None:
    """Rights and the job are looked at behind the queue, not before it: what changed while waiting counts."""
    with world(tmp_path, DELETES_PER_SECOND="0.05") as w:
        w.press(w.card(w.cloud.add_job(state="TRAIN_FAILED")))
        job, card = w.offered()
        sleep = w.clock.sleep

        def change_while_waiting(seconds: float) -> None:
            sleep(seconds)
            w.cloud.set_state(job, "TRAINING")

        w.clock.sleep = change_while_waiting
        w.press(card)
        assert w.cloud.deletes_arrived(job) == 0
        assert "TRAINING" in w.said_to(w.anna)[-1]


@pytest.mark.parametrize("effect", [True, False])
def test_no_refusal_says_that_nothing_was_deleted_while_that_is_in_doubt(w: World, *, effect: bool) -> None:
    """A stranger, a second asker and another click hear how the deletion stands, or only what their own doing did."""
    job, card = in_doubt(w, effect=effect)
    w.press(card, "dh_check_now", w.carl)
    w.ask(job, w.ben)
    w.press(card, "dh_confirm", w.anna, force=True)
    w.press(card, "dh_cancel", w.ben, force=True)
    for user in (w.anna, w.ben, w.carl):
        assert w.said_to(user)
        assert not Claim.NOTHING_DELETED.stands_in_any(w.said_to(user))
    assert "under way" in w.said_to(w.ben)[0]


def test_whoever_is_refused_while_another_click_wins_hears_who_confirmed(tmp_path: Path) -> None:
    """Ben may not confirm; while Slack is slow about him, Anna does: he is told that, not that the card still waits."""
    with world(tmp_path) as w:
        _, card = w.offered()
        w.clock.add(6)
        slow = w.slack.faults.add("users.info", "latency", where=lambda args: args.get("user") == w.ben)
        bens = w.slack.click(w.ben, card, "dh_confirm")
        bens.wait_ack()
        w.slack.wait_for(lambda: slow.hits, 5)
        w.slack.click(w.anna, card, "dh_confirm").wait_ack()
        w.slack.wait_for(lambda: w.thread(card), 5)
        slow.release()
        w.idle()
        assert f"confirmed by <@{w.anna}>" in w.said_to(w.ben)[-1]


def test_a_reply_that_waits_for_the_ledger_goes_before_the_takeover(w: World) -> None:
    """The ledger fails between the DELETE and its record, for longer than the claim: the outcome is MetaStudio's."""
    _, card = w.offered()
    ledger = w.app.ledger

    def fail(_: str) -> None:
        raise OSError("made up")

    def begin(seen: Seen) -> None:
        if seen.operation == DELETE:
            ledger.before_commit = fail

    w.cloud.after_call = begin
    w.press(card)
    w.cloud.after_call = None
    w.clock.add(120)
    ledger.before_commit = lambda _: None
    w.tick()
    assert w.cloud.requests_to(DELETE)[0].request_id in w.thread(card)[0]
    assert "lost track" not in "".join(w.thread(card))


def test_a_read_that_hangs_holds_up_nothing_else(tmp_path: Path) -> None:
    """MetaStudio hangs while two lost outcomes are read: both at once, and a lost sender is taken over meanwhile."""
    with world(tmp_path, READ_TIMEOUT="10") as w:
        for _ in range(2):
            in_doubt(w, effect=False)
        _, card = w.offered()
        sending, reading = play.late(), play.late()
        w.cloud.faults.add(DELETE, sending)
        w.slack.click(w.anna, card, "dh_confirm").wait_ack()
        w.cloud.wait_for(lambda: len(w.cloud.requests_to(DELETE)) == 3, 5)
        w.clock.add(60)
        reads = w.cloud.faults.add(SHOW, reading, times=None)
        threads = [threading.Thread(target=one.work) for one in w.app.tickers if "reader" in one.name]
        for thread in threads:
            thread.start()
        try:
            w.cloud.wait_for(lambda: reads.hits == 2, 5)
            [takeover] = [one for one in w.app.tickers if one.name == "takeover"]
            assert takeover.work() == 1
            assert "lost track" in w.thread(card)[0]
        finally:
            reading.gate.set()
            sending.gate.set()
            for thread in threads:
                thread.join()
            w.idle()


def test_a_next_attempt_is_not_taken_over_with_the_one_before(w: World) -> None:
    """Taken up as lost while its sender waited out a 429: once that one has claimed its next DELETE it is not lost."""
    _, card = w.offered()
    w.cloud.faults.add(DELETE, play.throttled("1"))
    ports, ledger = w.app.ports, w.app.ledger
    sleep, taken_up = w.clock.sleep, []

    def sleep_too_long(seconds: float) -> None:
        sleep(seconds + 120)
        taken_up.extend(ledger.deletions.lease(DueWork.TAKEOVER, w.clock.now(), seconds=180))

    class TakenUp:
        """The deletions, for a replica that has leased the row already and comes to it only now."""

        def lease(self, *_: object, **__: object) -> list[Deletion]:
            return taken_up

        def __getattr__(self, name: str) -> object:
            return getattr(ledger.deletions, name)

    def taken_over(seen: Seen) -> None:
        if seen.operation == DELETE and taken_up:
            theirs = copy(ledger)
            theirs.deletions = TakenUp()
            assert take_over.take_over(replace(ports, ledger=theirs)) == 1

    w.clock.sleep = sleep_too_long
    w.cloud.before_call = taken_over
    w.press(card)
    assert len(taken_up) == 1
    assert Claim.DELETED.stands_in(w.thread(card)[0])


def test_a_reply_that_comes_after_the_takeover_is_told(tmp_path: Path) -> None:
    """The sender is overtaken while MetaStudio takes its time: unknown, then settled, then the late request ID."""
    # The connection waits by the real clock, and all of this has to fit into its patience.
    with world(tmp_path, READ_TIMEOUT="30") as w:
        job, card = w.offered()
        held = play.late()
        sent = w.cloud.faults.add(DELETE, held, when="after")
        w.slack.click(w.anna, card, "dh_confirm").wait_ack()
        w.cloud.wait_for(lambda: sent.hits, 5)
        w.clock.add(60)
        w.tick()
        w.tick(31)
        assert Claim.FOUND_GONE.stands_in_any(w.thread(card))
        held.gate.set()
        w.idle()
        assert w.cloud.requests_to(DELETE)[0].request_id in w.thread(card)[-1]
        assert "arrived late" in w.thread(card)[-1]
        assert Claim.CONFIRMED.stands_in(w.thread(card)[-1])
        assert w.cloud.deletes_arrived(job) == 1
        w.tick(6)
        w.tick(31)
        assert Claim.VERIFIED_GONE.stands_in(w.thread(card)[-1])


def test_a_sender_that_sent_nothing_is_no_late_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Taken over between claim and sending, and the job removed by somebody else: the correction names the reason."""
    with world(tmp_path) as w:
        job, card = w.offered()
        jobs = w.app.ports.jobs
        entered, gate, delete = threading.Event(), threading.Event(), jobs.delete

        def held(job_id: JobId, *, may_send: Callable[[], bool]) -> Reply:
            entered.set()
            gate.wait(30)
            return delete(job_id, may_send=may_send)

        monkeypatch.setattr(jobs, "delete", held)
        w.slack.click(w.anna, card, "dh_confirm").wait_ack()
        assert entered.wait(10)
        w.tick(60)
        w.cloud.remove(job)
        w.tick(100)
        w.tick(31)
        assert Claim.FOUND_GONE.stands_in_any(w.thread(card))
        gate.set()
        w.idle()
        assert w.cloud.deletes_arrived(job) == 0
        correction = w.thread(card)[-1]
        assert claims_of(correction) >= {Claim.CORRECTED, Claim.NOT_DELETED_BY_IT}
        assert Claim.NEVER_LEFT.stands_in(correction)
        assert "answer" not in correction.partition("\n")[0]


def test_a_throttled_delete_keeps_its_claim_while_it_waits(w: World) -> None:
    """Between a 429 and the next attempt nobody takes the row over, however long the limiter takes."""
    job, card = w.offered()
    w.cloud.faults.add(DELETE, play.throttled("10"), times=2)
    sleep = w.clock.sleep

    def tick_while_waiting(seconds: float) -> None:
        sleep(seconds + 30)
        w.tick()

    w.clock.sleep = tick_while_waiting
    w.press(card)
    assert Claim.DELETED.stands_in(w.thread(card)[0])
    assert w.cloud.deletes_arrived(job) == 3


@pytest.mark.parametrize(
    ("meanwhile", "since"),
    [
        (
            lambda w, job: w.cloud.set_state(job, "TRAINING"),
            "the job is no longer the one on the card (state: on the card `TRAIN_FAILED`, now `TRAINING`",
        ),
        (lambda w, job: w.cloud.remove(job), "Huawei no longer shows the job."),
        (
            lambda w, job: w.cloud.faults.add(SHOW, play.error(500, "MSS.00000004"), times=3),
            "the job could not be read",
        ),
        (lambda w, job: w.slack.faults.add("users.info", "ratelimited", retry_after=1), "Slack did not answer."),
    ],
    ids=["in training", "gone", "not read", "not looked up"],
)
def test_why_a_throttled_delete_is_not_sent_again_is_told(
    w: World, meanwhile: Callable[[World, str], object], since: str
) -> None:
    """What the checks before the next DELETE found is the reason in the thread; nothing is said of each time."""
    job, card = w.offered()
    w.cloud.faults.add(DELETE, play.throttled("6"))
    w.cloud.after_call = lambda seen: meanwhile(w, job) if seen.operation == DELETE else None
    w.press(card)
    w.cloud.after_call = None
    (sent,) = w.cloud.requests_to(DELETE)
    outcome = w.thread(card)[0]
    assert f"Huawei throttled the DELETE. It was not sent again, since {since}" in outcome
    assert "each time" not in outcome
    assert f"Request ID: `{sent.request_id}`" in outcome
    assert ("ask again in a minute" in outcome) is ("could not be" in since or "did not answer" in since)


def test_busy_is_said_again_where_slack_did_not_take_it(tmp_path: Path) -> None:
    """A click that meets no permit, and whose answer Slack refuses at first, is answered later."""
    with world(tmp_path, WORKERS="4") as w:
        card = w.card(w.cloud.add_job(state="TRAIN_FAILED"))
        held = play.late()
        reads = w.cloud.faults.add(SHOW, held, times=None)
        for _ in range(4):
            w.slack.command(w.anna, w.ops, w.cloud.add_job(state="TRAIN_FAILED")).wait_ack()
        w.cloud.wait_for(lambda: reads.hits == 4, 5)
        w.slack.faults.add("response_url", "http", status=404, times=None)
        w.slack.faults.add("chat.postEphemeral", "ratelimited", retry_after=1)
        w.slack.click(w.anna, card, "dh_confirm").wait_ack()
        held.gate.set()
        w.idle()
        w.slack.faults.clear()
        w.tick(61)
        assert any("busy" in text for text in w.said_to(w.anna))


def test_while_it_stops_every_click_is_answered(w: World) -> None:
    """Draining takes no new work, and says so to whoever presses."""
    card = w.card(w.cloud.add_job(state="TRAIN_FAILED"))
    assert w.app.pool.drain(5)
    w.press(card)
    assert "restarting" in w.said_to(w.anna)[-1]
    assert w.slack.command(w.anna, w.ops, "job").wait_ack()["text"].startswith("*The bot is restarting.*")


def test_the_running_log_shows_every_line(tmp_path: Path) -> None:
    """AUDIT_CHANNEL gets one line per refusal, request, decision and outcome, in order and without gaps."""
    with world(tmp_path) as w:
        w.stop_bot()
        audit = w.slack.add_channel("audit")
        w.run_bot(AUDIT_CHANNEL=audit)
        w.tick()
        for _ in range(25):
            w.ask("no-such-job", w.carl)
        job = w.cloud.add_job(state="TRAIN_FAILED")
        w.press(w.card(job))
        w.tick(6)
        lines = [line for message in w.slack.messages(audit) for line in message.text.splitlines()]
        lines = [line for line in lines if "newest event is" not in line]
        numbers = [int(line.partition(".")[0]) for line in lines]
        assert numbers == sorted(set(numbers))
        for text, count in (("refused", 25), ("a card was offered", 1), ("cleared for sending", 1), ("outcome", 1)):
            assert sum(text in line for line in lines) == count
        assert w.cloud.requests_to(DELETE)[0].request_id in lines[-1]


def test_a_strangers_clicks_do_not_hold_up_a_thread(w: World) -> None:
    """However often somebody presses a button that does nothing any more, the card is drawn once."""
    card = w.card(w.cloud.add_job(state="TRAIN_FAILED"))
    w.press(card, "dh_cancel")
    w.slack.faults.add("chat.update", "ratelimited", retry_after=30)
    for _ in range(20):
        w.press(card, user=w.carl, force=True)
    assert w.app.ledger.outbox.count() <= 2


@pytest.mark.parametrize("which", [0, 1])
def test_a_click_on_either_card_works_when_the_first_post_had_no_answer(w: World, which: int) -> None:
    """Slack took the first post but its answer was lost: a second card of the same deletion, one DELETE by either."""
    w.slack.faults.add("chat.postMessage", "drop", when="after")
    job = w.cloud.add_job(state="TRAIN_FAILED")
    w.ask(job)
    cards = w.slack.messages(w.ops)
    assert len(cards) == 2
    w.press(cards[which])
    assert w.cloud.deletes_arrived(job) == 1
    w.press(cards[1 - which], force=True)
    assert w.cloud.deletes_arrived(job) == 1
    assert "is over" in w.said_to(w.anna)[-1]
    assert [card.buttons for card in cards] == [[], []]


def test_a_click_before_slack_answered_makes_that_card_count(w: World) -> None:
    """The post hangs, somebody presses the card that is already there: one DELETE, and no second card is needed."""
    job = w.cloud.add_job(state="TRAIN_FAILED")
    hangs = w.slack.faults.add("chat.postMessage", "latency", when="after")
    w.slack.command(w.anna, w.ops, job).wait_ack()
    [card] = w.slack.wait_for(lambda: w.slack.messages(w.ops), 5)
    done = threading.Event()
    w.slack.click(w.anna, card, "dh_confirm").wait_ack()
    w.slack.wait_for(lambda: w.thread(card) or done.is_set(), 5)
    hangs.release()
    w.idle()
    assert Claim.DELETED.stands_in(w.thread(card)[0])
    assert w.cloud.deletes_arrived(job) == 1
    assert card.buttons == []
    assert w.said_to(w.anna) == []


def test_a_message_without_words_holds_up_no_other(w: World) -> None:
    """What a newer version has left in the ledger may have no words here; every other thread gets its outcome."""
    stays, goes = (w.cloud.add_job(state="TRAIN_FAILED") for _ in range(2))
    first, second = w.card(stays), w.card(goes)
    odd = w.deletion(stays)
    w.app.ledger.outbox.enqueue(
        Notification(NotificationKind.REFUSED, odd.id, odd.channel, odd.message_ts, {"reason": "of_a_newer_version"})
    )
    w.slack.faults.add("chat.postMessage", "ratelimited", retry_after=5)
    w.press(second)
    assert w.thread(second) == []
    w.tick(60)
    assert Claim.DELETED.stands_in(w.thread(second)[0])
    assert w.thread(first) == []
    assert w.app.ledger.outbox.count() == 1


def test_an_answer_without_words_holds_up_no_other(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """People who wait after a restart are answered one by one; one answer that cannot be made is tried again later."""
    for number, person in enumerate((w.anna, w.ben)):
        actor = Actor(person, w.slack.team_id)
        w.app.ledger.requests.note(PendingRequest(f"w{number}", "command", actor, w.ops, w.clock.now()))
    w.stop_bot()
    w.run_bot()
    messenger, real = w.app.ports.messenger, w.app.ports.messenger.answer_after_restart

    def without_words(waiting: PendingRequest, deletion: Deletion | None) -> object:
        return real(waiting, deletion) if waiting.actor.user == w.ben else real(None, deletion)  # type: ignore[arg-type]

    monkeypatch.setattr(messenger, "answer_after_restart", without_words)
    w.tick(1)
    assert "restarted" in w.said_to(w.ben)[-1]
    assert w.said_to(w.anna) == []
    monkeypatch.undo()
    w.tick(70)
    assert "restarted" in w.said_to(w.anna)[-1]


def test_another_name_of_the_region_is_no_other_project(w: World) -> None:
    """Deletions belong to an endpoint and a project; a corrected METASTUDIO_REGION leaves their cards in use."""
    waits, lost = (w.cloud.add_job(state="TRAIN_FAILED") for _ in range(2))
    cards = w.card(waits), w.card(lost)
    w.cloud.faults.add(DELETE, play.drop(), when="after")
    w.press(cards[1])
    w.stop_bot()
    w.run_bot(METASTUDIO_REGION="cn-east-3")
    w.press(cards[1], "dh_check_now")
    w.clock.add(31)
    w.press(cards[1], "dh_check_now")
    assert Claim.FOUND_GONE.stands_in(w.thread(cards[1])[-1])
    w.press(cards[0])
    assert w.cloud.deletes_arrived(waits) == 1
