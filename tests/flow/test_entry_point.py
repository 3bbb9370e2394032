"""The program as it runs in the image: another user, only the data folder to write to, no shell around it."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import urllib.request
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from sandbox.bot_process import SOURCE
from tests.flow.modes import usual
from tests.flow.world import World, free_port

USER = 10001
"""The user of deploy/Dockerfile. Only root can become another one; everybody else is not root already."""
WHO: dict[str, Any] = {"user": USER, "group": USER, "extra_groups": []} if os.geteuid() == 0 else {}
PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"


@cache
def interpreter() -> str | None:
    """This Python, or one of the same version that the user may start: root's own folders are closed to others."""
    for path in (sys.executable, f"/usr/local/bin/{PYTHON}", f"/usr/bin/{PYTHON}"):
        with contextlib.suppress(OSError):
            if subprocess.run([path, "-c", ""], check=False, **WHO).returncode == 0:  # noqa: S603 - our own words
                return path
    return None


class Image:
    """A folder like the image's: the source and a place for data, of which only the second can be written."""

    def __init__(self, root: Path) -> None:
        self.source, self.data = root / "venv", root / "data"
        self.source.mkdir()
        self.data.mkdir(mode=0o700)
        for package in ("bot", "handlers", "sandbox"):
            shutil.copytree(SOURCE / package, self.source / package, ignore=shutil.ignore_patterns("__pycache__"))
        for path in [*self.source.rglob("*"), self.source]:
            path.chmod(0o555 if path.is_dir() else 0o444)
        root.chmod(0o555)
        if os.geteuid() == 0:
            os.chown(self.data, USER, USER)

    def start(self, *words: str, **settings: str) -> subprocess.Popen[str]:
        """The entry point, in the environment of the image: no TMPDIR, no name for the user, no HOME to write to."""
        python = interpreter()
        if python is None:
            pytest.skip(f"no {PYTHON} here that user {USER} may start")
        modules = f"{self.source}:{sysconfig.get_path('purelib')}"
        environ = {"PATH": os.defpath, "HOME": "/nonexistent", "PYTHONPATH": modules, **settings}
        return subprocess.Popen(  # noqa: S603 - our own words
            [python, "-B", "-m", "bot", *words],
            cwd=self.data,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            **WHO,
        )

    def leftovers(self) -> set[str]:
        """Whatever was written."""
        return {path.name for path in self.data.iterdir()}


@pytest.fixture
def image() -> Iterator[Image]:
    """Not below tmp_path, whose folders only their owner may enter."""
    root = Path(tempfile.mkdtemp(prefix="dh-bot-image-"))
    made = Image(root)
    try:
        yield made
    finally:
        for path in [root, *(path for path in root.rglob("*") if path.is_dir())]:
            path.chmod(0o755)
        shutil.rmtree(root)


def test_version_and_help_answer(image: Image) -> None:
    """Nothing has to be writable, and nothing is written."""
    for words in (("--version",), ("--help",)):
        process = image.start(*words)
        told, _ = process.communicate(timeout=60)
        assert process.returncode == 0, told
        assert "dh-bot" in told
    assert image.leftovers() == set()


def test_wrong_settings_are_named(image: Image) -> None:
    """The first start of a container without settings says what is missing, and ends with 2."""
    process = image.start("run")
    told, _ = process.communicate(timeout=60)
    assert process.returncode == 2, told
    assert "SLACK_BOT_TOKEN" in told


def test_it_deletes_a_job_and_stops(image: Image, tmp_path: Path) -> None:
    """With its default ledger in the data folder, secrets from files, ready at OPS_PORT, and SIGTERM straight to it."""
    w = World(tmp_path, **usual(tmp_path)).start()
    port = free_port()
    process = None
    try:
        settings = {**w.environ(), "OPS_PORT": str(port)}
        del settings["DATABASE_URL"]
        for name in ("SLACK_BOT_TOKEN", "SLACK_APP_TOKEN", "HUAWEICLOUD_SDK_AK", "HUAWEICLOUD_SDK_SK"):
            path = image.data / name
            path.write_text(settings.pop(name) + "\n", encoding="utf-8")
            path.chmod(0o444)
            settings[f"{name}_FILE"] = str(path)
        process = image.start("run", **settings)
        w.slack.sockets.wait_connected(timeout=30)
        job = w.cloud.add_job(state="TRAIN_FAILED")
        w.slack.command(w.anna, w.ops, job).wait_ack()
        card = w.slack.wait_for(lambda: w.slack.messages(w.ops), 10)[-1]
        w.slack.click(w.anna, card, "dh_confirm").wait_ack()
        w.slack.wait_for(lambda: w.thread(card), 10)
        assert "*Deleted:*" in w.thread(card)[0]
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5) as answer:
            assert answer.status == 200
        process.send_signal(signal.SIGTERM)
        told, _ = process.communicate(timeout=70)
        assert process.returncode == 0, told
        ledger = {"dh-bot.db", "dh-bot.db.lock", "dh-bot.db-wal", "dh-bot.db-shm"}
        assert {name for name in image.leftovers() if not name.isupper()} <= ledger, "nothing else is written"
        assert image.data.joinpath("dh-bot.db").stat().st_mode & 0o077 == 0
    finally:
        if process is not None and process.poll() is None:
            process.kill()
            process.communicate()
        w.stop()
