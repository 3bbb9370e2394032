"""SIGTERM before the bot is ready: whatever the start waits for, it ends within seconds and with status 0."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sandbox.bot_process import BotProcess
from tests.flow.modes import on_sqlite, usual
from tests.flow.world import World

WITHIN = 15.0
"""Seconds, by the contract."""


@contextmanager
def _mute_server() -> Iterator[tuple[int, Callable[[], bool]]]:
    """Takes connections and never says a word; its port, and whether somebody came."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(30)
        held: list[socket.socket] = []

        def somebody_came() -> bool:
            held.append(server.accept()[0])
            return True

        try:
            yield server.getsockname()[1], somebody_came
        finally:
            for one in held:
                one.close()


@contextmanager
def _slack_silent_at(w: World, method: str) -> Iterator[tuple[dict[str, str], Callable[[], bool]]]:
    fault = w.slack.faults.add(method, "silence", times=None)
    try:
        yield {}, lambda: w.slack.wait_for(lambda: fault.hits > 0, 30)
    finally:
        w.slack.faults.remove(fault)


@contextmanager
def _database_silent(w: World) -> Iterator[tuple[dict[str, str], Callable[[], bool]]]:
    with _mute_server() as (port, somebody_came):
        yield {"DATABASE_URL": f"postgresql+psycopg://user:made-up@127.0.0.1:{port}/ledger"}, somebody_came


WAITS = {
    "auth.test": lambda w: _slack_silent_at(w, "auth.test"),
    "apps.connections.open": lambda w: _slack_silent_at(w, "apps.connections.open"),
    "the database": _database_silent,
}


@pytest.fixture
def w(tmp_path: Path) -> Iterator[World]:
    """Slack and MetaStudio, and no bot yet."""
    made = World(tmp_path, **usual(tmp_path)).start()
    try:
        yield made
    finally:
        made.stop()


@on_sqlite
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("wait", WAITS)
def test_a_start_that_waits_ends_when_asked(w: World, wait: str, number: signal.Signals) -> None:
    """SIGTERM ends it with 0, Ctrl-C with 130, while Slack or the database does not answer."""
    with WAITS[wait](w) as (settings, is_waiting):
        bot = BotProcess(w.folder, w.environ() | settings)
        w.processes.append(bot)
        assert is_waiting(), bot.log
        began = time.monotonic()
        bot.popen.send_signal(number)
        assert bot.wait(WITHIN) == (0 if number is signal.SIGTERM else 130), bot.log
        assert time.monotonic() - began < WITHIN
    assert not [line for line in bot.log if "Traceback" in line]


HALF_MADE = """
import os, signal, sys
from bot.cli.main import end_start
from bot.logs import catch_uncaught, configure

class Half:
    def __init__(self):
        os.kill(os.getpid(), int(sys.argv[1]))
        self.whole = True

    def __del__(self):
        assert self.whole

configure()
catch_uncaught()
signal.signal(int(sys.argv[1]), end_start)
try:
    Half()
except KeyboardInterrupt:
    sys.exit(130)
"""
"""A signal in the middle of a constructor, as it may come in any library: what is let go of is only half an object."""


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_what_is_half_made_at_the_end_is_nobodys_fault(number: signal.Signals, status: int) -> None:
    """Its own end fails, and nobody reads of an error in the log."""
    done = subprocess.run(  # noqa: S603 - our own words
        [sys.executable, "-c", HALF_MADE, str(int(number))], capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, done.stderr) == (status, "")
