"""Health, readiness and metrics: true at every moment, quick whatever hangs, and nothing secret in them."""

from __future__ import annotations

import contextlib
import json
import signal
import sqlite3
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from prometheus_client.parser import text_string_to_metric_families

from bot.ops import instrumentation
from bot.slack import socket_mode as socket_transport
from sandbox.metastudio import faults as play
from tests.flow.process import Process
from tests.flow.world import World, free_port, world

PORT = "OPS_PORT"


class Got(NamedTuple):
    status: int
    text: str

    @property
    def checks(self) -> dict[str, str]:
        body: dict[str, Any] = json.loads(self.text)
        assert body["ok"] is (self.status == 200)
        return body["checks"]  # type: ignore[no-any-return]


def get(w: World, path: str, method: str = "GET") -> Got:
    """Ask the bot's ops address."""
    request = urllib.request.Request(f"http://127.0.0.1:{w.extra[PORT]}{path}", method=method)
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return Got(answer.status, answer.read().decode())
    except urllib.error.HTTPError as error:
        with error:
            return Got(error.code, error.read().decode())


def becomes(w: World, path: str, status: int, seconds: float) -> Got:
    """Ask until the status is this; fails after so many seconds."""
    until = time.monotonic() + seconds
    while True:
        with contextlib.suppress(urllib.error.URLError):
            got = get(w, path)
            if got.status == status:
                return got
        assert time.monotonic() < until, f"{path} was not {status} within {seconds} s: {got}"
        time.sleep(0.1)


def probe(w: World) -> None:
    """Let the bot look at its ledger, as it does every few seconds."""
    assert w.app.ops is not None
    w.app.probe.run_once()


def samples(w: World) -> dict[tuple[str, tuple[str, ...]], float]:
    """A scrape: (name, label values in the order of the label names) -> value."""
    text = get(w, "/metrics").text
    return {
        (sample.name, tuple(value for _, value in sorted(sample.labels.items()) if _ != "le")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if not sample.name.endswith("_bucket")
    }


@pytest.fixture(params=["socket", "http"])
def w(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[World]:
    """A world whose bot shows its health, in either mode; its workers run by `tick`."""
    with world(tmp_path, SLACK_MODE=request.param, OPS_PORT=str(free_port())) as made:
        probe(made)
        # The SDK reads Slack's hello a moment after it has connected.
        becomes(made, "/readyz", 200, 5)
        yield made
        assert made.slack.violations == []


# Readiness and health.


def test_it_is_ready_when_slack_reaches_it_and_the_ledger_can_be_written(w: World) -> None:
    """Every check is named; HEAD works as well, and nothing else does."""
    assert get(w, "/readyz").checks == {"slack": "ok", "ledger": "ok", "work": "ok"}
    assert get(w, "/healthz").checks == {"workers": "ok", "transport": "ok"}
    assert get(w, "/readyz", "HEAD") == (200, "")
    assert get(w, "/readyz", "POST").status == 405
    assert get(w, "/").status == 404
    assert get(w, "/slack/events").status == 404


@pytest.mark.parametrize(("code", "diagnosis"), [(8, "read-only"), (13, "disk full"), (5, "locked by another process")])
def test_a_ledger_that_cannot_be_written_makes_it_unready(w: World, code: int, diagnosis: str) -> None:
    """The check says the diagnosis, and the numbers of the ledger are left out; health is not concerned."""

    def fail(name: str) -> None:
        error = sqlite3.OperationalError(f"made up in {name}")
        error.sqlite_errorcode = code
        raise error

    w.app.ledger.before_commit = fail
    probe(w)
    unready = get(w, "/readyz")
    assert (unready.status, unready.checks["ledger"]) == (503, diagnosis)
    assert get(w, "/healthz").status == 200
    assert samples(w)["dh_bot_ledger_writable", ()] == 0
    assert ("dh_bot_outbox_messages", ()) not in samples(w)
    w.app.ledger.before_commit = lambda name: None
    probe(w)
    assert get(w, "/readyz").status == 200
    assert samples(w)["dh_bot_outbox_messages", ()] == 0


def test_a_ledger_that_hangs_makes_it_unready_and_holds_up_no_answer(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A probe that never ends is noticed by its age, while every address answers at once."""
    assert w.app.ops is not None
    gate = threading.Event()
    w.app.ledger.before_commit = lambda name: gate.wait(30) and None
    hanging = threading.Thread(target=w.app.probe.run_once, daemon=True)
    hanging.start()
    try:
        monkeypatch.setattr(w.app.probe, "_now", lambda: time.monotonic() + 20)
        for path, status in (("/readyz", 503), ("/healthz", 200), ("/metrics", 200)):
            began = time.monotonic()
            assert get(w, path).status == status
            assert time.monotonic() - began < 2
        assert get(w, "/readyz").checks["ledger"] == "does not answer"
    finally:
        gate.set()
        hanging.join(10)
        w.app.ledger.before_commit = lambda name: None


def test_a_trial_write_leaves_one_row_however_often_it_is_made(w: World) -> None:
    """The ledger does not grow by being watched."""
    assert w.app.ops is not None
    before = w.app.ledger.trail.head()
    for _ in range(5):
        probe(w)
        get(w, "/readyz")
        get(w, "/metrics")
    assert w.app.ledger.read(lambda c: c.exec_driver_sql("select count(*) from owners").scalar_one()) == 1
    assert w.app.ledger.trail.head() == before


def test_a_worker_that_is_stuck_or_gone_makes_it_unhealthy(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A restart helps then, so /healthz names the worker."""
    stuck = w.app.tickers[0]
    monkeypatch.setattr(stuck, "_round_began", time.monotonic() - 3600)
    monkeypatch.setattr(stuck, "_thread", threading.current_thread())
    assert get(w, "/healthz").checks["workers"] == "stuck: expire"
    monkeypatch.setattr(stuck, "_round_began", time.monotonic())
    assert get(w, "/healthz").status == 200
    gone = threading.Thread(target=lambda: None)
    monkeypatch.setattr(stuck, "_thread", gone)
    assert get(w, "/healthz").status == 503


def test_a_server_whose_loop_stands_still_is_not_ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """HTTP mode is ready only while requests are really being read."""
    with world(tmp_path, SLACK_MODE="http", OPS_PORT=str(free_port())) as w:
        probe(w)
        monkeypatch.setattr(w.app.transport._server, "_ends", threading.Event())
        w.app.transport._server._ends.set()
        w.app.transport._server._server.pull_trigger()
        w.app.transport._server._thread.join(5)
        assert get(w, "/readyz").checks["slack"] == "not connected"
        assert get(w, "/healthz").checks["transport"] != "ok"


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    """The bot does not start, and says which settings to change."""
    with world(tmp_path, OPS_PORT=str(free_port())) as w:
        (tmp_path / "second").mkdir()
        second = Process(w, DATABASE_URL=f"sqlite:///{tmp_path / 'second' / 'ledger.db'}")
        assert second.wait(30) == 3
        assert any("OPS_HOST and OPS_PORT cannot be listened on" in line for line in second.log)


def test_without_a_port_nothing_is_watched(tmp_path: Path) -> None:
    """No address, and no call is wrapped. The trial writes go on, since the gate rests on them."""
    with world(tmp_path) as w:
        assert w.app.ops is None
        assert "dispatch" not in vars(w.app.bolt)
        assert "change" not in vars(w.app.ledger)


# The socket: really connected, not merely believed.


def test_a_socket_that_fell_silent_is_not_ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK still believes in the connection; what counts is when Slack was heard. Times are cut to a tenth here."""
    monkeypatch.setattr(socket_transport, "PING_INTERVAL", 0.5)
    monkeypatch.setattr(socket_transport, "HEARD_WITHIN", 1.5)
    with world(tmp_path, SLACK_MODE="socket", OPS_PORT=str(free_port())) as w:
        probe(w)
        becomes(w, "/readyz", 200, 5)
        (silent,) = w.slack.sockets.wait_connected()
        w.slack.sockets.mute = True
        w.slack.sockets.go_silent()
        assert becomes(w, "/readyz", 503, 4).checks == {"slack": "not connected", "ledger": "ok", "work": "ok"}
        assert samples(w)["dh_bot_slack_connected", ()] == 0
        assert get(w, "/healthz").status == 200
        # The SDK connects anew, to somebody who accepts and then says nothing: that is no connection either.
        w.slack.wait_for(lambda: any(link is not silent for link in w.slack.sockets.links), 15)
        assert get(w, "/readyz").status == 503
        w.slack.sockets.mute = False
        w.slack.sockets.drop()
        becomes(w, "/readyz", 200, 15)


def test_a_quiet_socket_stays_ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody types anything, Slack answers the pings: that is a connection."""
    monkeypatch.setattr(socket_transport, "PING_INTERVAL", 0.5)
    monkeypatch.setattr(socket_transport, "HEARD_WITHIN", 1.5)
    with world(tmp_path, SLACK_MODE="socket", OPS_PORT=str(free_port())) as w:
        probe(w)
        becomes(w, "/readyz", 200, 5)
        link = w.slack.sockets.wait_connected()[0]
        seen = link.pings
        w.slack.wait_for(lambda: link.pings >= seen + 8, 20)
        assert get(w, "/readyz").status == 200


@pytest.fixture
def real(tmp_path: Path) -> Iterator[World]:
    """A world for bots that run as processes, with their own workers and the real times."""
    made = World(tmp_path, OPS_PORT=str(free_port())).start()
    try:
        yield made
        assert made.slack.violations == []
    finally:
        for bot in made.processes:
            if bot.popen.poll() is None:
                bot.kill()
        made.stop()


@pytest.mark.long
def test_a_silently_killed_socket_turns_readiness_within_30_seconds(real: World) -> None:
    """With the times as they are in production; when Slack is back, so is the bot, by itself."""
    bot = Process(real)
    becomes(real, "/readyz", 200, 20)
    real.slack.sockets.mute = True
    began = time.monotonic()
    real.slack.sockets.go_silent()
    assert becomes(real, "/readyz", 503, 30).checks["slack"] == "not connected"
    print(f"not ready {time.monotonic() - began:.1f} s after the silence began")
    assert get(real, "/healthz").status == 200
    real.slack.sockets.mute = False
    becomes(real, "/readyz", 200, 60)
    assert bot.stop() == 0


# While it stops.


def test_while_sigterm_drains_it_is_unready_at_once_and_alive_until_the_end(real: World) -> None:
    """Nobody sends it more, nobody kills it, and the deletion under way is finished and told."""
    job = real.cloud.add_job(state="TRAIN_FAILED")
    bot = Process(real, READ_TIMEOUT="30")
    becomes(real, "/readyz", 200, 20)
    real.slack.command(real.anna, real.ops, job).wait_ack()
    card = real.slack.wait_for(lambda: real.slack.messages(real.ops), 10)[-1]
    held = play.late()
    sent = real.cloud.faults.add("Delete2dModelTrainingJob", held)
    real.slack.click(real.anna, card, "dh_confirm").wait_ack()
    real.cloud.wait_for(lambda: sent.hits, 10)
    bot.popen.send_signal(signal.SIGTERM)
    assert becomes(real, "/readyz", 503, 1).checks["work"] == "stopping"
    assert get(real, "/healthz").status == 200
    assert samples(real)["dh_bot_draining", ()] == 1
    assert samples(real)["dh_bot_work_in_flight", ()] == 1
    held.gate.set()
    assert bot.wait() == 0
    assert "*Deleted:*" in real.thread(card)[0]


# Metrics.


def test_a_scrape_has_the_numbers_of_what_happened(w: World) -> None:
    """One deletion, one refusal and one card that waits: counted once each, by kind, operation, state and reason."""
    gone, waits = w.cloud.add_job(state="TRAIN_FAILED"), w.cloud.add_job(state="TRAIN_FAILED")
    w.press(w.card(gone))
    w.card(waits)
    w.ask(waits, w.carl)
    w.cloud.faults.add("Show2dModelTrainingJob", play.error(500, "MSS.00000004", "x"), times=1)
    w.ask(w.cloud.add_job(state="TRAIN_FAILED"))
    w.tick()
    found = samples(w)
    assert found["dh_bot_deletions_total", ("deleted",)] == 1
    assert found["dh_bot_deletions_total", ("awaiting",)] == 3
    assert found["dh_bot_deletions_total", ("deleting",)] == 1
    assert found["dh_bot_deletions_total", ("unknown",)] == 0
    assert found["dh_bot_refusals_total", ("not_listed",)] == 1
    assert found["dh_bot_events_total", ("command",)] == 4
    assert found["dh_bot_events_total", ("click",)] == 1
    assert found["dh_bot_ack_seconds_count", ("command", "acked")] == 4
    assert found["dh_bot_ack_seconds_count", ("click", "acked")] == 1
    assert found["dh_bot_metastudio_seconds_count", ("delete", "2xx")] == 1
    assert found["dh_bot_metastudio_seconds_count", ("show", "2xx")] >= 4
    assert found["dh_bot_retries_total", ("show",)] == 1
    assert found["dh_bot_slack_seconds_count", ("chat.postMessage", "ok")] >= 4
    assert found["dh_bot_slack_seconds_count", ("response_url", "ok")] == 1
    assert found["dh_bot_open_deletions", ("awaiting",)] == 2
    assert found["dh_bot_open_deletions", ("unknown",)] == 0
    assert found["dh_bot_slack_connected", ()] == 1
    assert found["dh_bot_ledger_writable", ()] == 1
    assert found["dh_bot_workers", ()] == 64
    for name in ("outbox_messages", "answers_owed", "breaker_open", "unwritten", "draining", "work_in_flight"):
        assert found[f"dh_bot_{name}", ()] == 0, name


def test_a_scrape_shows_what_is_wrong(w: World) -> None:
    """An unknown outcome with its age, a message and an answer that Slack has not taken, and the open breaker."""
    job, card = w.offered()
    w.slack.faults.add("chat.postMessage", "ratelimited", retry_after=60, times=None)
    w.slack.faults.add("response_url", "http", status=500, times=None)
    w.slack.faults.add("chat.postEphemeral", "ratelimited", retry_after=60, times=None)
    w.cloud.faults.add("Delete2dModelTrainingJob", play.error(500, "MSS.00000004", "x"), times=1)
    w.press(card)
    w.ask(job, w.carl)
    w.clock.add(100)
    w.cloud.faults.add("Show2dModelTrainingJob", play.error(401, "APIG.0301", "x"), times=None)
    w.ask(w.cloud.add_job(state="TRAIN_FAILED"))
    probe(w)
    found = samples(w)
    assert found["dh_bot_open_deletions", ("unknown",)] == 1
    assert 100 <= found["dh_bot_oldest_unknown_seconds", ()] < 200
    assert found["dh_bot_outbox_messages", ()] >= 1
    assert 100 <= found["dh_bot_oldest_outbox_message_seconds", ()] < 200
    assert found["dh_bot_answers_owed", ()] == 2
    assert found["dh_bot_breaker_open", ()] == 1
    assert found["dh_bot_metastudio_seconds_count", ("delete", "5xx")] == 1
    assert found["dh_bot_metastudio_seconds_count", ("show", "4xx")] == 1
    assert found["dh_bot_slack_seconds_count", ("chat.postMessage", "too fast")] >= 1
    assert found["dh_bot_slack_seconds_count", ("response_url", "no answer")] >= 1


def test_what_is_sent_again_is_counted(w: World) -> None:
    """A throttled DELETE, a message that Slack did not take, and an answer that still nobody took."""
    card = w.card(w.cloud.add_job(state="TRAIN_FAILED"))
    w.cloud.faults.add("Delete2dModelTrainingJob", play.throttled(), times=2)
    w.slack.faults.add("chat.postMessage", "ratelimited", retry_after=5, times=None)
    w.slack.faults.add("chat.postEphemeral", "ratelimited", retry_after=5, times=None)
    w.slack.faults.add("response_url", "http", status=500, times=None)
    w.press(card)
    w.ask("job-9", w.carl)
    w.tick(60)
    found = samples(w)
    assert found["dh_bot_retries_total", ("delete",)] == 2
    assert found["dh_bot_deletions_total", ("deleting",)] == 1
    assert found["dh_bot_deletions_total", ("deleted",)] == 1
    assert found["dh_bot_retries_total", ("message",)] >= 1
    assert found["dh_bot_retries_total", ("answer",)] >= 1


def test_freezing_and_lifting_are_counted(w: World) -> None:
    """The ledger writes these events by a path of its own, and its observers count them like all others."""
    w.ask("freeze", w.anna)
    w.ask("unfreeze", w.anna)
    found = samples(w)
    assert found["dh_bot_events_total", ("frozen",)] == 1
    assert found["dh_bot_events_total", ("unfrozen",)] == 1
    assert found["dh_bot_events_total", ("command",)] == 2


def test_nothing_secret_and_no_id_is_in_a_scrape(w: World) -> None:
    """Labels come from closed sets: no token, no key, no person, channel, job or deletion, whatever happened."""
    job = w.cloud.add_job(state="TRAIN_FAILED", name="A name")
    card = w.card(job, reason="A reason")
    w.press(card, user=w.carl)
    w.press(card)
    w.ask("../../etc/passwd")
    w.cloud.faults.add("Show2dModelTrainingJob", play.gateway(400, "APIGW.0999", f"ak:{w.cloud.ak}"))
    w.ask("job-2")
    w.tick()
    deletion = w.deletion(job)
    told = get(w, "/metrics").text + get(w, "/readyz").text + get(w, "/healthz").text
    for secret in (
        *(w.slack.bot_token, w.slack.app_token, w.slack.signing_secret, w.cloud.ak, w.cloud.sk, w.cloud.project_id),
        *(w.anna, w.ben, w.carl, w.ops, w.slack.team_id, job, deletion.id, "A name", "A reason", "passwd", "APIGW"),
    ):
        assert secret not in told


def test_a_metric_that_cannot_be_counted_spoils_nothing(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reply to a DELETE counts more than its counter: the failure is logged and the flow goes on."""
    job = w.cloud.add_job(state="TRAIN_FAILED")
    monkeypatch.setattr(instrumentation, "_result", lambda reply: 1 / 0)
    monkeypatch.setattr(instrumentation, "_count_events", lambda args, metrics: 1 / 0)
    monkeypatch.setattr(instrumentation, "_slack_result", lambda error: 1 / 0)
    w.press(w.card(job))
    assert w.cloud.deletes_arrived(job) == 1
    assert "*Deleted:*" in w.thread(w.slack.messages(w.ops)[-1])[0]


def test_a_scrape_reads_no_file_and_shows_the_process_as_it_was_seen_last(
    w: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each system call may wait for the interpreter, so CPU, memory and open files are looked up by a worker."""
    assert not [name for name, _ in samples(w) if name.startswith("process_")]
    (worker,) = (ticker for ticker in w.app.tickers if ticker.name == "process")
    worker.work()
    opened: list[str] = []
    with monkeypatch.context() as watched:
        watched.setattr("builtins.open", lambda name, *_, **__: opened.append(str(name)))
        found = samples(w)
    assert opened == []
    assert found["process_resident_memory_bytes", ()] > 10 * 2**20
    assert found["process_open_fds", ()] > 3
    assert found["process_cpu_seconds_total", ()] > 0


def test_a_scrape_while_much_goes_on_is_quick(w: World) -> None:
    """Fifty commands at the same time, and each scrape under them takes well under a second."""
    jobs = [w.cloud.add_job(state="TRAIN_FAILED") for _ in range(50)]
    asked = [w.slack.command(w.anna, w.ops, job) for job in jobs]
    took = []
    while w.app is not None and w.app.pool.in_flight:
        began = time.monotonic()
        assert get(w, "/metrics").status == 200
        took.append(time.monotonic() - began)
    for each in asked:
        each.wait_ack()
    w.idle()
    assert max(took, default=0) < 1
