"""A long time, in a short one: nothing grows that should not."""

from __future__ import annotations

import gc
import os
import threading
from pathlib import Path

import psutil
import pytest
from sqlalchemy import text

from sandbox.metastudio import faults as play
from tests.flow.world import World, world

pytestmark = pytest.mark.long

RECONNECTS = 160
RECONNECTS_WITHIN = 90.0
HOURS = 8


def threads() -> int:
    """How many threads there are."""
    return threading.active_count()


def memory() -> float:
    """Resident memory in MiB, after collecting what is garbage."""
    gc.collect()
    return psutil.Process(os.getpid()).memory_info().rss / 2**20


def connections() -> int:
    """Established TCP connections of this process; the sandbox's own ends are among them."""
    return sum(one.status == psutil.CONN_ESTABLISHED for one in psutil.Process().net_connections("tcp"))


def rows(w: World) -> dict[str, int]:
    """How many rows the tables have whose rows nobody needs for ever."""
    assert w.app is not None
    with w.app.ledger._database.reading.connect() as connection:
        return {
            name: connection.execute(text(f"SELECT count(*) FROM {name}")).scalar_one()  # noqa: S608 - our own names
            for name in ("outbox", "answers")
        }


def reconnect(w: World, number: int) -> None:
    """One end of the connection, of each kind in turn, and the new one."""
    [old] = w.slack.sockets.links
    match number % 4:
        case 0:
            w.slack.sockets.drop()
        case 1:
            w.slack.sockets.disconnect("warning")
        case _:
            w.slack.sockets.disconnect("refresh_requested")
    # Where the end of a connection falls into its beginning, the SDK (3.47) notices by four missing pongs, 20 s later.
    w.slack.wait_for(lambda: any(link is not old for link in w.slack.sockets.links), RECONNECTS_WITHIN)
    w.slack.wait_for(lambda: len(w.slack.sockets.links) == 1, RECONNECTS_WITHIN)


# A connection that ends while it begins is closed by the garbage collector: the SDK (3.47) lets go of its socket.
@pytest.mark.filterwarnings("ignore:.*unclosed:ResourceWarning", "ignore:.*:pytest.PytestUnraisableExceptionWarning")
def test_160_real_reconnects_leave_nothing_behind(tmp_path: Path) -> None:
    """After 160 reconnects by all reasons the bot answers, with as many threads, connections and as much memory."""
    with world(tmp_path) as w:
        for number in range(20):
            reconnect(w, number)
        before = threads(), connections(), memory()
        for number in range(RECONNECTS - 20):
            reconnect(w, number)
            if number % 20 == 0:
                w.press(w.card(w.cloud.add_job(state="TRAIN_FAILED")))
        after = threads(), connections(), memory()
        print(f"threads, connections, MiB: {before} -> {after}")
        assert after[0] <= before[0] + 70  # the pools' threads, which are made as they are needed and then stay
        assert after[1] <= before[1] + 4
        assert after[2] <= before[2] + 15
        job = w.cloud.add_job(state="TRAIN_FAILED")
        w.press(w.card(job))
        assert w.cloud.deletes_arrived(job) == 1
    gc.collect()


def test_eight_hours_leave_only_what_is_needed(tmp_path: Path) -> None:
    """Eight hours of deletions, refusals, expiries, doubts and outages: only deletions and the trail remain."""
    with world(tmp_path) as w:
        w.cloud.requests = type(w.cloud.requests)(maxlen=100)
        steps = HOURS * 12
        marks: list[tuple[int, float]] = []
        for step in range(steps):
            five_minutes(w, step)
            w.slack.calls.clear()
            if step in {steps // 4, steps - 1}:
                marks.append((threads(), memory()))
        # What the last five minutes left in doubt is settled by reading; then nothing is left.
        for _ in range(20):
            w.tick(300)
        print(f"threads, MiB: {marks}")
        assert marks[1][0] <= marks[0][0] + 4
        assert marks[1][1] <= marks[0][1] + 25
        assert rows(w) == {"outbox": 0, "answers": 0}
        assert w.app is not None
        assert w.app.ledger.deletions.open_count() == 0
        assert len(w.app.ports.pending_writes) == 0


def five_minutes(w: World, step: int) -> None:
    """What happens in five minutes, in turns."""
    job = w.cloud.add_job(state="TRAIN_FAILED")
    card = w.card(job)
    match step % 6:
        case 0:
            w.press(card)
        case 1:
            w.press(card, "dh_cancel")
        case 2:
            w.ask("no-such-job")
            w.ask(job, w.carl)
        case 3:
            w.cloud.faults.add("Delete2dModelTrainingJob", play.drop(), when="after")
            w.press(card)
        case 4:
            w.slack.faults.add("chat.postMessage", "ratelimited", retry_after=30)
            w.press(card)
        case _:
            w.cloud.faults.add("Delete2dModelTrainingJob", play.error(500, "MSS.00000004"))
            w.press(card)
    for _ in range(5):
        w.tick(60)
