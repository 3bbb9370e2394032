"""The gate: while something is wrong with the process itself, it takes no new work, says why, and finishes the old."""

from __future__ import annotations

import json
import shutil
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bot.app import CannotStart, Running
from bot.cli import main
from bot.domain.ledger_port import DueWork
from bot.domain.model import State
from bot.domain.refusals import Reason
from sandbox.metastudio import faults as play
from sandbox.metastudio.world import Seen
from tests.flow.modes import on_sqlite
from tests.flow.world import World, free_port, world
from tests.support import postgres
from tests.support.clock import RunningClock


def readiness(w: World) -> str:
    """What /readyz says about new work."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{w.extra['OPS_PORT']}/readyz", timeout=5) as answer:
            return str(json.loads(answer.read())["checks"]["work"])
    except urllib.error.HTTPError as error:
        with error:
            return str(json.loads(error.read())["checks"]["work"])


def probe(w: World) -> None:
    """Let the bot look at its ledger, as it does every few seconds."""
    w.app.probe.run_once()


# A SQLite file that is removed or replaced under the running bot.


def removed(ledger: Path) -> None:
    ledger.unlink()


def all_removed(ledger: Path) -> None:
    for path in ledger.parent.glob("ledger.db*"):
        path.unlink()


def replaced_by_a_copy(ledger: Path) -> None:
    shutil.copy(ledger, ledger.with_name("copy"))
    ledger.with_name("copy").rename(ledger)


def replaced_by_nothing(ledger: Path) -> None:
    ledger.unlink()
    ledger.touch()


def folder_moved(ledger: Path) -> None:
    ledger.parent.rename(ledger.parent.with_name("elsewhere"))


def folder_replaced(ledger: Path) -> None:
    folder_moved(ledger)
    shutil.copytree(ledger.parent.with_name("elsewhere"), ledger.parent)


def lock_removed(ledger: Path) -> None:
    ledger.with_name("ledger.db.lock").unlink()


ATTACKS: dict[str, Callable[[Path], None]] = {
    attack.__name__: attack
    for attack in (
        removed,
        all_removed,
        replaced_by_a_copy,
        replaced_by_nothing,
        folder_moved,
        folder_replaced,
        lock_removed,
    )
}


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[World]:
    """A world whose SQLite ledger has a folder of its own."""
    folder = tmp_path / "data"
    folder.mkdir()
    with world(tmp_path, DATABASE_URL=f"sqlite:///{folder}/ledger.db", OPS_PORT=str(free_port())) as made:
        yield made
        assert made.slack.violations == []


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_file_that_was_removed_or_replaced_ends_all_new_work(
    kept: World, attack: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not ready, every command and click refused in words, nothing deleted; the log says it once."""
    w = kept
    job, other = w.cloud.add_job(state="TRAIN_FAILED"), w.cloud.add_job(state="TRAIN_FAILED")
    card = w.card(job)
    assert readiness(w) == "ok"
    ATTACKS[attack](w.folder / "data" / "ledger.db")
    for _ in range(3):
        probe(w)
    assert readiness(w) == "ledger_replaced"
    for text in (other, "help", "whoami", "open", "freeze now", f"{other} --dry-run", "no id at all"):
        asked = w.ask(text)
        assert "database was replaced" in str(asked.ack)
        assert "This command deleted nothing." in str(asked.ack)
    for action in ("dh_confirm", "dh_cancel"):
        w.press(card, action)
        assert "database was replaced" in w.said_to(w.anna)[-1]
    assert len(w.cloud.requests_to("Delete2dModelTrainingJob")) == 0
    assert len(w.slack.messages(w.ops)) == 1
    assert capsys.readouterr().err.count('"event": "no_new_work"') == 1


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_claim_does_not_wait_for_the_next_look(kept: World, attack: str) -> None:
    """The file goes while the press is being checked, so the claim itself has to notice."""
    w = kept
    _, card = w.offered()

    def strike(seen: Seen) -> None:
        if seen.operation.startswith("Show"):
            ATTACKS[attack](w.folder / "data" / "ledger.db")
            w.cloud.after_call = None

    w.cloud.after_call = strike
    w.press(card)
    assert len(w.cloud.requests_to("Delete2dModelTrainingJob")) == 0
    assert "deleted nothing" in w.said_to(w.anna)[-1]


@pytest.mark.parametrize("attack", ATTACKS)
def test_what_is_in_flight_is_recorded_and_told(kept: World, attack: str) -> None:
    """The DELETE has been sent when the file goes: its outcome reaches the thread all the same."""
    w = kept
    job, card = w.offered()
    held = play.late()
    sent = w.cloud.faults.add("Delete2dModelTrainingJob", held)
    w.slack.click(w.anna, card, "dh_confirm").wait_ack()
    w.cloud.wait_for(lambda: sent.hits, 10)
    ATTACKS[attack](w.folder / "data" / "ledger.db")
    probe(w)
    held.gate.set()
    w.idle()
    w.tick(1)
    assert w.cloud.deletes_arrived(job) == 1
    assert "*Deleted:*" in w.thread(card)[0]


RESTARTED = {name: attack for name, attack in ATTACKS.items() if attack in {removed, all_removed, replaced_by_nothing}}


@pytest.mark.parametrize("attack", RESTARTED)
def test_after_that_the_bot_does_not_start_as_if_nothing_had_been(
    kept: World, attack: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The start is refused with the remedy, as doctor and `db status` are; after it, the bot starts and works."""
    w = kept
    card = w.card(w.cloud.add_job(state="TRAIN_FAILED"))
    ledger = w.folder / "data" / "ledger.db"
    ATTACKS[attack](ledger)
    w.stop_bot()
    for name, value in w.environ().items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(w.folder)
    with pytest.raises(CannotStart, match=r"lost events \(event .* is noted next to it.*db expire-open"):
        w.run_bot()
    assert (main.main(["db", "upgrade"]), main.main(["run"])) == (3, 3)
    assert main.main(["db", "status"]) in {1, 3}
    assert main.main(["doctor"]) == 1
    told = "".join(capsys.readouterr())
    assert told.count("db expire-open") >= 4
    assert main.main(["db", "expire-open"]) == 0
    assert "The ledger had lost events" in capsys.readouterr().out
    assert main.main(["db", "status"]) == 0
    assert main.main(["doctor"]) == 0
    w.run_bot()
    w.press(card)
    assert "does not know this deletion" in w.said_to(w.anna)[-1]
    job = w.cloud.add_job(state="TRAIN_FAILED")
    w.press(w.card(job))
    assert w.cloud.deletes_arrived(job) == 1


def test_a_start_that_makes_a_new_ledger_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """At the first start, and never where the ledger was there before."""
    with world(tmp_path, DATABASE_URL=f"sqlite:///{tmp_path}/new.db") as w:
        assert '"event": "ledger_created", "level": "warning"' in capsys.readouterr().err
        w.stop_bot()
        w.run_bot()
        assert "ledger_created" not in capsys.readouterr().err


def test_the_home_says_why_too(kept: World) -> None:
    """It is drawn, with the reason in place of what this bot may have no true word about."""
    w = kept
    w.card(w.cloud.add_job(state="TRAIN_FAILED"))
    removed(w.folder / "data" / "ledger.db")
    probe(w)
    w.slack.home_opened(w.anna).wait_ack()
    w.idle()
    assert "database was replaced" in json.dumps(w.slack.homes[w.anna])
    assert "Waiting for you" not in json.dumps(w.slack.homes[w.anna])


def test_a_throttled_delete_is_not_sent_again(kept: World) -> None:
    """The next attempt takes a claim of its own; the thread says what came of the first one."""
    w = kept
    job, card = w.offered()
    w.cloud.faults.add("Delete2dModelTrainingJob", play.throttled())

    def strike(seen: Seen) -> None:
        if seen.operation.startswith("Delete"):
            removed(w.folder / "data" / "ledger.db")
            probe(w)

    w.cloud.after_call = strike
    w.press(card)
    w.cloud.after_call = None
    assert w.cloud.deletes_arrived(job) == 1
    (sent,) = w.cloud.requests_to("Delete2dModelTrainingJob")
    assert sent.request_id in w.thread(card)[0]
    assert "not sent again, since the bot takes no new work for now." in w.thread(card)[0]
    assert w.deletion(job).state is State.FAILED


# A PostgreSQL replica whose clock is off.


class OffClock(RunningClock):
    """The machine's clock, wrong by what it is stepped; who waits by it does wait, a little."""

    def sleep(self, seconds: float) -> None:
        threading.Event().wait(min(seconds, 0.1))


@pytest.fixture
def shared(tmp_path: Path) -> Iterator[World]:
    """A PostgreSQL ledger, used by a replica with a good clock."""
    w = World(tmp_path, real_database_clock=True, SLACK_MODE="socket", DATABASE_URL=postgres.migrated()).start()
    try:
        w.run_bot()
        yield w
    finally:
        w.stop()


def replica(w: World, seconds: float) -> Running:
    """Another replica, whose clock is off; Slack sends it nothing yet."""
    w.extra["OPS_PORT"] = str(free_port())
    clock = OffClock()
    clock.step(seconds)
    made = w.build(clock)
    assert made.ops is not None
    made.ops.start()
    return made


def work(bot: Running) -> None:
    """Each of its workers does what it takes for due."""
    for _ in range(3):
        for ticker in bot.tickers:
            ticker.work()


@pytest.mark.parametrize("seconds", [3600, -3600, 6, -6])
def test_a_replica_whose_clock_is_off_takes_no_work(
    shared: World, seconds: float, capsys: pytest.CaptureFixture[str]
) -> None:
    """It expires no card of the others, leases nothing, is not ready, and refuses commands and clicks."""
    w = shared
    job, unknown = w.cloud.add_job(state="TRAIN_FAILED"), w.cloud.add_job(state="TRAIN_FAILED")
    w.cloud.faults.add("Delete2dModelTrainingJob", play.http(503))
    lost = w.card(unknown)
    w.press(lost)
    w.cloud.faults.clear()
    card = w.card(job)
    reads, before = len(w.cloud.requests), [w.deletion(job), w.deletion(unknown)]
    bot = replica(w, seconds)
    try:
        assert readiness(w) == "clock_off"
        work(bot)
        # Neither expired nor read, nor is any due time pulled to where it lies by the wrong clock.
        assert [one and one.state for one in before] == [State.AWAITING, State.UNKNOWN]
        assert [w.deletion(job), w.deletion(unknown)] == before
        assert len(w.cloud.requests) == reads
        bot.transport.start()
        first, second = w.slack.sockets.wait_connected(2)
        w.slack.sockets.pick = lambda live: second
        way = "ahead of" if seconds > 0 else "behind"
        asked = w.slack.command(w.anna, w.ops, job)
        asked.wait_ack()
        assert f"{abs(seconds):.0f} seconds {way} its database's" in str(asked.ack)
        w.slack.click(w.anna, card, "dh_confirm").wait_ack()
        w.slack.wait_for(lambda: any(f"seconds {way}" in text for text in w.said_to(w.anna)), 10)
        assert w.cloud.deletes_arrived(job) == 0
        w.slack.sockets.pick = lambda live: first
        w.press(card)
        assert w.cloud.deletes_arrived(job) == 1
    finally:
        bot.stop(5)
    assert capsys.readouterr().err.count('"event": "no_new_work"') == 1


@pytest.mark.parametrize("seconds", [4, -4, 0])
def test_a_clock_that_is_nearly_right_is_good_enough(shared: World, seconds: float) -> None:
    """It works like the others: among other things it expires what nobody confirmed."""
    w = shared
    w.extra["CONFIRM_WITHIN_SECONDS"] = "30"
    bot = replica(w, seconds)
    try:
        assert readiness(w) == "ok"
        job = w.cloud.add_job(state="TRAIN_FAILED")
        w.card(job)
        postgres.execute(w.extra["DATABASE_URL"], "UPDATE deletions SET deadline_at = '2020-01-01T00:00:00.000000Z'")
        work(bot)
        assert w.deletion(job).state is State.EXPIRED
    finally:
        bot.stop(5)


def test_a_clock_that_is_set_right_lets_the_replica_work(shared: World, capsys: pytest.CaptureFixture[str]) -> None:
    """The next look finds it, and the log says so."""
    w = shared
    bot = replica(w, 3600)
    try:
        clock = bot.ports.clock
        assert isinstance(clock, OffClock)
        clock.step(-3600)
        bot.probe.run_once()
        assert readiness(w) == "ok"
        clock.step(-3600)
        # The clock steps between two looks: what is leased is compared each time.
        assert list(bot.ledger.deletions.lease(DueWork.EXPIRE, clock.now(), seconds=60)) == []
        bot.probe.run_once()
        assert readiness(w) == "clock_off"
    finally:
        bot.stop(5)
    log = capsys.readouterr().err
    assert (log.count('"event": "no_new_work"'), log.count('"event": "new_work_again"')) == (2, 1)


def test_a_slow_database_does_not_make_a_clock_wrong(shared: World) -> None:
    """How long the answer took is no difference of clocks; where it leaves that open, what was known holds."""
    w = shared
    clock = OffClock()
    w.app.probe._clock = clock
    ledger = w.app.ledger

    def slow(name: str) -> None:
        clock.step(20)

    ledger.after_commit = slow
    w.app.probe.run_once()
    assert w.app.ports.admission.refusal() is None
    ledger.after_commit = lambda name: None
    w.app.probe.run_once()
    no = w.app.ports.admission.refusal()
    assert no is not None
    assert no.reason == Reason.CLOCK_OFF
    ledger.after_commit = slow
    clock = w.app.probe._clock = OffClock()
    clock.step(-10)
    w.app.probe.run_once()
    assert w.app.ports.admission.refusal() is not None


@on_sqlite
def test_sqlite_has_no_clock_but_this_machine_s(tmp_path: Path) -> None:
    """So nothing is compared."""
    with world(tmp_path, OPS_PORT=str(free_port())) as w:
        w.tick(7200)
        assert readiness(w) == "ok"
