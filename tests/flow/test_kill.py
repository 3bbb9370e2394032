"""kill -9, on the real process: after the restart the thread tells the truth, and no second DELETE was sent."""

from __future__ import annotations

import ctypes
import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bot.domain.model import Target
from bot.ledger.factory import open_ledger
from sandbox.metastudio import faults as play
from sandbox.metastudio.world import Seen
from sandbox.slack.slack import Message
from tests.flow.modes import on_sqlite
from tests.flow.process import Process
from tests.flow.world import World
from tests.support.waiting import until

SHOW = "Show2dModelTrainingJob"


@pytest.fixture
def w(tmp_path: Path) -> Iterator[World]:
    """A world whose bot is a process, with short waits."""
    made = World(tmp_path, SETTLE_AFTER_SECONDS="2", READ_TIMEOUT="2").start()
    try:
        yield made
        assert made.slack.violations == []
        target = Target(made.cloud.url, "cn-north-4", made.cloud.project_id)
        ledger = open_ledger(made.environ()["DATABASE_URL"], target)
        assert ledger.trail.verify().is_sound
        ledger.close()
    finally:
        for bot in made.processes:
            if bot.popen.poll() is None:
                bot.kill()
        made.stop()


def card_of(w: World, job: str) -> Message:
    """Ask, and wait for the card until it is written down: asking again says so."""
    w.slack.command(w.anna, w.ops, job).wait_ack()
    card = w.slack.wait_for(lambda: w.slack.messages(w.ops), 10)[-1]
    while not any("Already asked for" in text for text in w.said_to(w.ben)):
        w.slack.command(w.ben, w.ops, job).wait_answer(10, 2)
    return card


def said(w: World, where: Callable[[], list[str]], text: str) -> str:
    """Wait until that was said there."""
    return w.slack.wait_for(lambda: next((one for one in where() if text in one), None), 40)


def test_killed_after_the_card_the_card_still_works(w: World) -> None:
    """The approval is in the ledger: after a restart the same card is confirmed, with one DELETE."""
    job = w.cloud.add_job(state="TRAIN_FAILED")
    bot = Process(w)
    card = card_of(w, job)
    bot.kill()
    bot = Process(w)
    w.slack.click(w.anna, card, "dh_confirm").wait_ack()
    said(w, lambda: w.thread(card), "*Deleted:*")
    assert w.cloud.deletes_arrived(job) == 1
    assert bot.stop() == 0


@on_sqlite
def test_killed_after_the_click_the_person_is_told_to_press_again(w: World) -> None:
    """Killed while the job is read again: nothing was sent, the clicker is told so, and pressing again works."""
    job = w.cloud.add_job(state="TRAIN_FAILED")
    bot = Process(w)
    card = card_of(w, job)
    read = w.cloud.faults.add("Show2dModelTrainingJob", play.silence())
    w.slack.click(w.anna, card, "dh_confirm").wait_ack()
    w.cloud.wait_for(lambda: read.hits, 10)
    bot.kill()
    w.cloud.faults.clear()
    bot = Process(w)
    said(w, lambda: w.said_to(w.anna), "Press the button again")
    assert w.cloud.deletes_arrived(job) == 0
    w.slack.click(w.anna, card, "dh_confirm").wait_ack()
    said(w, lambda: w.thread(card), "*Deleted:*")
    assert w.cloud.deletes_arrived(job) == 1
    assert bot.stop() == 0


@pytest.mark.parametrize(
    ("when", "ends"), [("after", "found it gone"), ("before", "It was still there at")], ids=["it worked", "it did not"]
)
def test_killed_during_the_delete_the_outcome_is_found_out(w: World, when: str, ends: str) -> None:
    """Killed while MetaStudio has the DELETE: unknown first, then what reading shows, and never a second DELETE."""
    job = w.cloud.add_job(state="TRAIN_FAILED")
    bot = Process(w)
    card = card_of(w, job)
    sent = w.cloud.faults.add("Delete2dModelTrainingJob", play.silence(), when=when)
    w.slack.click(w.anna, card, "dh_confirm").wait_ack()
    w.cloud.wait_for(lambda: sent.hits, 10)
    bot.kill()
    bot = Process(w)
    said(w, lambda: w.thread(card), "Not sure yet")
    settled = said(w, lambda: w.thread(card), ends)
    assert ("*Gone:*" in settled) == (job not in w.cloud.jobs)
    assert w.cloud.deletes_arrived(job) == 1
    assert bot.stop() == 0


def test_sigterm_finishes_what_is_in_flight_and_leaves_with_0(w: World) -> None:
    """A deletion that is under way when SIGTERM comes is finished and told before the process ends."""
    job = w.cloud.add_job(state="TRAIN_FAILED")
    bot = Process(w)
    card = card_of(w, job)
    held = play.late()
    sent = w.cloud.faults.add("Delete2dModelTrainingJob", held)
    w.slack.click(w.anna, card, "dh_confirm").wait_ack()
    w.cloud.wait_for(lambda: sent.hits, 10)
    bot.popen.terminate()
    held.gate.set()
    assert bot.wait() == 0
    assert "*Deleted:*" in w.thread(card)[0]
    assert w.cloud.deletes_arrived(job) == 1


def test_a_signal_that_another_thread_takes_ends_the_process(w: World) -> None:
    """The system may hand SIGTERM to any thread, and Python handles it in the main one."""
    bot = Process(w)
    until(lambda: any('"ready"' in line for line in bot.log))
    other = next(
        int(task.name) for task in Path(f"/proc/{bot.popen.pid}/task").iterdir() if task.name != str(bot.popen.pid)
    )
    assert ctypes.CDLL(None).tgkill(bot.popen.pid, other, signal.SIGTERM) == 0
    assert bot.wait() == 0


def hold(bot: Process, seconds: float) -> None:
    """Stop the process, and let it go on after so long. Its own clocks have to see that, so the time is real.

    On a busy machine some of its threads run on for a moment after the signal; here it is over when all have stopped.
    """
    bot.popen.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, bot.popen.pid, os.WSTOPPED | os.WNOWAIT)
    threading.Timer(seconds, bot.popen.send_signal, [signal.SIGCONT]).start()


@on_sqlite
@pytest.mark.parametrize("becomes_a_guest", [True, False])
def test_a_process_that_was_stopped_during_its_checks_checks_anew(w: World, *, becomes_a_guest: bool) -> None:
    """SIGSTOP while MetaStudio answers, for longer than a check counts: the DELETE rests on checks made afterwards."""
    job = w.cloud.add_job(state="TRAIN_FAILED")
    bot = Process(w)
    card = card_of(w, job)
    reads = len(w.cloud.requests_to(SHOW))
    left = [6.0]

    def stop(seen: Seen) -> None:
        if seen.operation == SHOW and left:
            hold(bot, left.pop())
            w.slack.users[w.anna].is_restricted = becomes_a_guest

    w.cloud.before_call = stop
    w.slack.click(w.anna, card, "dh_confirm").wait_ack()
    if becomes_a_guest:
        said(w, lambda: w.said_to(w.anna), "Guests")
    else:
        said(w, lambda: w.thread(card), "*Deleted:*")
    assert w.cloud.deletes_arrived(job) == (0 if becomes_a_guest else 1)
    assert len(w.cloud.requests_to(SHOW)) >= reads + 2
    assert bot.stop() == 0


@on_sqlite
def test_a_second_process_on_the_same_ledger_refuses_to_start(w: World) -> None:
    """SQLite is held by one process; the second one leaves with 3 and says why."""
    bot = Process(w)
    second = Process(w)
    assert second.wait() == 3
    assert "locked by another process" in second.log[-1]
    assert bot.stop() == 0
