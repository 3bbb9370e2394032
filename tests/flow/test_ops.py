"""Health, readiness and metrics: true at every moment, quick whatever hangs, and nothing secret in them."""

from __future__ import annotations

import contextlib
import json
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

from bot import app as composition
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
    assert w.app is not None
    assert w.app.ops is not None
    w.app.ops.ticker.work()


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
    assert w.app is not None

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


def test_a_ledger_that_hangs_makes_it_unready_and_holds_up_no_answer(
    w: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A probe that never ends is noticed by its age, while every address answers at once."""
    assert w.app is not None
    assert w.app.ops is not None
    gate = threading.Event()
    w.app.ledger.before_commit = lambda name: gate.wait(30) and None
    hanging = threading.Thread(target=w.app.ops.ticker.work, daemon=True)
    hanging.start()
    try:
        monkeypatch.setattr(w.app.ops._probe, "_now", lambda: time.monotonic() + 20)
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
    assert w.app is not None
    assert w.app.ops is not None
    before = w.app.ledger.head()
    for _ in range(5):
        probe(w)
        get(w, "/readyz")
        get(w, "/metrics")
    with sqlite3.connect(w.folder / "ledger.db") as database:
        assert database.execute("select count(*) from owners").fetchone() == (1,)
    assert w.app.ledger.head() == before


def test_a_worker_that_is_stuck_or_gone_makes_it_unhealthy(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A restart helps then, so /healthz names the worker."""
    assert w.app is not None
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
        assert w.app is not None
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
    """No address, no trial writes, and prometheus_client is not even loaded."""
    with world(tmp_path) as w:
        assert w.app is not None
        assert w.app.ops is None
        assert "dispatch" not in vars(w.app.bolt)
        assert "change" not in vars(w.app.ledger)
