"""`dh-bot sandbox` as a process: how soon it is there, where it connects to, and what it leaves behind: nothing."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.sandbox.page_window import open_window
from tests.support.paths import ROOT

pytestmark = pytest.mark.long


RECORDER = """
import os, sys
_log = os.open({log!r}, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
def _hook(event, args):
    if event == "socket.connect":
        os.write(_log, f"{{os.getpid()}} connect {{args[1]!r}}\\n".encode())
    elif event == "socket.getaddrinfo":
        os.write(_log, f"{{os.getpid()}} lookup {{args[0]!r}}\\n".encode())
sys.addaudithook(_hook)
"""
"""Python's own record of every connection and every look-up of a name, in each process that loads it."""


class Running:
    """A sandbox; `url` is what it printed."""

    def __init__(self, folder: Path, *args: str, code: str = "from bot.cli.main import main", **environ: str) -> None:
        self.temporary = folder / "tmp"
        self.temporary.mkdir()
        self.began = time.monotonic()
        self.popen = subprocess.Popen(  # noqa: S603 - this repository's own command line
            [sys.executable, "-c", f"import sys; {code}; sys.exit(main(sys.argv[1:]))", "sandbox", "--no-open", *args],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(self.temporary), **environ},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.popen.stdout is not None
        line = self.popen.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:(\d+)", line)
        assert found, line
        self.url, self.port = found[0], int(found[1])

    def family(self) -> list[psutil.Process]:
        """The process and all it has started."""
        return [me := psutil.Process(self.popen.pid), *me.children(recursive=True)]

    def end(self, number: int) -> int:
        """Send a signal; the exit status."""
        self.popen.send_signal(number)
        self.popen.communicate(timeout=60)
        return self.popen.returncode


@contextmanager
def running(folder: Path, *args: str, **how: str) -> Iterator[Running]:
    """A sandbox that is ended whatever happens."""
    started = Running(folder, *args, **how)
    try:
        yield started
    finally:
        for process in started.family() if started.popen.poll() is None else ():
            process.kill()
        started.popen.communicate()


def test_the_first_page_is_there_within_five_seconds(tmp_path: Path) -> None:
    """Counted from the start of the process; the bot is ready soon after."""
    with running(tmp_path, "--port", "0") as sandbox:
        with urllib.request.urlopen(f"{sandbox.url}/", timeout=5) as response:
            assert b"dh-bot sandbox" in response.read()
        assert time.monotonic() - sandbox.began < 5
        assert sandbox.end(signal.SIGINT) == 130


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 0), (signal.SIGHUP, 0)])
def test_nothing_is_left_behind(tmp_path: Path, number: int, status: int) -> None:
    """In the middle of a deletion, with a window open: no process and no file outlives it."""
    with running(tmp_path, "--port", "0") as sandbox, open_window(sandbox.url) as window:
        window.ask("trouble", key="slow", on=True)
        window.press(window.card(window.job()), "dh_confirm")
        family = sandbox.family()
        assert len(family) > 1
        assert list(sandbox.temporary.iterdir())
        assert sandbox.end(number) == status
        _, alive = psutil.wait_procs(family, timeout=10)
        assert alive == []
        assert list(sandbox.temporary.iterdir()) == []


def test_a_busy_port_is_said_and_another_taken(tmp_path: Path) -> None:
    """Whoever has a port keeps it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        busy = listener.getsockname()[1]
        with running(tmp_path, "--port", str(busy)) as sandbox:
            assert sandbox.port != busy
            sandbox.popen.send_signal(signal.SIGTERM)
            _, errors = sandbox.popen.communicate(timeout=60)
            assert f"Port {busy} cannot be used" in errors


def test_poison_reaches_nobody(tmp_path: Path) -> None:
    """A poisoned shell, `.env` and credentials file: not one connection, and not one look-up, beyond this machine."""
    work, log = tmp_path / "work", tmp_path / "connections"
    hook, home = tmp_path / "hook", tmp_path / "home"
    for folder in (work, hook, home / ".huaweicloud"):
        folder.mkdir(parents=True)
    (hook / "sitecustomize.py").write_text(RECORDER.format(log=str(log)), encoding="utf-8")
    poison = {
        "SLACK_BOT_TOKEN": "xoxb-real",
        "SLACK_API_URL": "https://slack.example/api/",
        "METASTUDIO_ENDPOINT": "https://metastudio.example",
        "METASTUDIO_PROXY": "http://proxy.example:3128",
        "HUAWEICLOUD_SDK_AK": "REALKEY",
        "HUAWEICLOUD_SDK_SK": "real-secret",
        "CLOUD_SDK_AK": "REALKEY",
        "IAM_ENDPOINT": "https://iam.example",
        "DATABASE_URL": "postgresql+psycopg://db.example/real",
        "HTTP_PROXY": "http://proxy.example:3128",
        "HTTPS_PROXY": "http://proxy.example:3128",
        "ALL_PROXY": "http://proxy.example:3128",
    }
    (work / ".env").write_text("".join(f"{name}={value}\n" for name, value in poison.items()), encoding="utf-8")
    credentials = "[basic]\nak = REALKEY\nsk = real-secret\niam_endpoint = https://iam.example\n"
    (home / ".huaweicloud" / "credentials").write_text(credentials, encoding="utf-8")
    (home / ".netrc").write_text("default login real password real\n", encoding="utf-8")
    code = (
        f"import sandbox.bot_process as b; b.SOURCE = {str(hook)!r} + ':' + str(b.SOURCE); "
        "from bot.cli.main import main"
    )
    path = f"{hook}{os.pathsep}{ROOT}"
    with running(work, "--port", "0", code=code, HOME=str(home), PYTHONPATH=path, **poison) as sandbox:
        with open_window(sandbox.url) as window:
            window.press(window.card(window.job()), "dh_confirm")
            window.said("Double-checked")
            window.ask("verify")
        pids = {process.pid for process in sandbox.family()}
        assert sandbox.end(signal.SIGINT) == 130
    lines = [line.split(" ", 2) for line in log.read_text(encoding="utf-8").splitlines()]
    connecting = {int(pid) for pid, _, _ in lines}
    assert len(pids & connecting) >= 1, "the recorder has to see the bot"
    assert all(re.match(r"\('127\.0\.0\.1', \d+\)|'127\.0\.0\.1'|b?'/", where) for _, _, where in lines), lines
