"""What the bot logs while nothing is wrong: nothing that people would learn to ignore."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sandbox.bot_process import SOURCE
from sandbox.slack.slack import Invocation
from tests.flow import modes
from tests.flow.process import Process
from tests.flow.world import World, world
from tests.support import markers

PARALLEL = 100


def test_a_start_and_an_end_warn_of_nothing(tmp_path: Path) -> None:
    """With the token in the environment, where Bolt finds it and says that it does not use it."""
    w = World(tmp_path, **modes.usual(tmp_path)).start()
    try:
        Process(w).stop()
        warned = [json.loads(line) for line in w.processes[0].log if json.loads(line)["level"] not in {"debug", "info"}]
        # What somebody should know about the settings; and at the first start the ledger is made.
        assert {line["event"] for line in warned} <= {"settings_notice", "ledger_created"}
    finally:
        w.stop()


def test_a_crowd_over_http_warns_of_nothing(tmp_path: Path) -> None:
    """A hundred commands at once are all acknowledged, by eight threads, and no line speaks of a queue."""
    with world(tmp_path, SLACK_MODE="http") as w:
        begin = threading.Barrier(PARALLEL)

        def ask(_number: int) -> Invocation:
            begin.wait()
            return w.slack.command(w.anna, w.ops, "help")

        with ThreadPoolExecutor(PARALLEL) as people:
            for one in people.map(ask, range(PARALLEL)):
                one.wait_ack()
        assert [line for line in markers.LOG.lines if "waitress" in line] == []


def refusals() -> Counter[str]:
    """How often the log speaks of a scope that is missing, for each method of Slack."""
    lines = [json.loads(line) for line in markers.LOG.lines]
    return Counter(
        str(line.get("method") or line["group"])
        for line in lines
        if "missing_scope" in {line.get("code"), line.get("why")} and line["level"] in {"warning", "error"}
    )


@pytest.mark.parametrize(
    ("scope", "methods"),
    [("users:read", {"users.info"}), ("channels:read", {"conversations.info"}), ("chat:write", {"chat_postMessage"})],
)
def test_a_missing_scope_is_logged_once(tmp_path: Path, scope: str, methods: set[str]) -> None:
    """Not at every call; again only when it was there in between."""
    with world(tmp_path) as w:

        def ask() -> None:
            # What was asked about people and places is cached for a minute.
            w.clock.add(61)
            w.ask(w.cloud.add_job(state="TRAIN_FAILED"))

        for times in (1, 2):
            w.slack.scopes.discard(scope)
            for _ in range(3):
                ask()
            assert {method: count for method, count in refusals().items() if method in methods} == dict.fromkeys(
                methods, times
            )
            w.slack.scopes.add(scope)
            ask()
        assert w.slack.messages(w.ops)


def test_a_missing_scope_for_groups_is_logged_once(tmp_path: Path) -> None:
    """For all groups together, although each look into one is refused."""
    w = World(tmp_path).start()
    try:
        groups = [w.slack.add_group(name, [w.carl]) for name in ("oncall", "owners")]
        w.run_bot(AUTHORIZED_USERGROUPS=",".join(groups))
        w.slack.scopes.discard("usergroups:read")
        for _ in range(3):
            w.clock.add(61)
            w.ask("open", w.carl)
        assert sum(refusals().values()) == 1
    finally:
        w.stop()


def test_windows_is_told_what_to_use(tmp_path: Path) -> None:
    """Without fcntl, as there, a command ends with a sentence and no traceback; `--help` lists the commands."""
    without = "import sys; sys.modules['fcntl'] = None; from bot.cli.main import main; sys.exit(main(sys.argv[1:]))"

    def typed(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603 - Python and the words below
            [sys.executable, "-c", without, *words],
            cwd=tmp_path,
            env={"PYTHONPATH": str(SOURCE), "HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )

    for words in (["run"], ["doctor"], ["db", "status"], ["audit", "verify"]):
        done = typed(*words)
        assert (done.returncode, done.stdout) == (3, "")
        assert done.stderr == "The bot runs on Linux, macOS or WSL, not on Windows itself.\n"
    assert typed("--help").returncode == 0
