"""The real bot as its own process, confined to this machine: `dh-bot run` with an environment built from nothing."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote, urlsplit

from sandbox.wire.server import LOOPBACK

if TYPE_CHECKING:
    from sandbox.metastudio.metastudio import MetaStudio
    from sandbox.slack.slack import Slack

SOURCE = Path(__file__).parents[1]
PLACES = ("host", "hostaddr", "service")
KEYWORD = re.compile(rf"(?:^|\s)(?:{'|'.join(PLACES)})\s*=")
"""libpq's keywords for the host in a database's address. The sandbox writes no address of that form."""


def settings_for(slack: Slack, cloud: MetaStudio, folder: Path) -> dict[str, str]:
    """The settings that point a bot at the local Slack and the local MetaStudio, and nowhere else."""
    return {
        "SLACK_BOT_TOKEN": slack.bot_token,
        "SLACK_APP_TOKEN": slack.app_token,
        "SLACK_API_URL": slack.url,
        "METASTUDIO_ENDPOINT": cloud.url,
        "METASTUDIO_PROJECT_ID": cloud.project_id,
        "HUAWEICLOUD_SDK_AK": cloud.ak,
        "HUAWEICLOUD_SDK_SK": cloud.sk,
        "DATABASE_URL": f"sqlite:///{folder / 'ledger.db'}",
    }


def shut_in(folder: Path, settings: Mapping[str, str]) -> dict[str, str]:
    """The environment of a bot that can reach only this machine, built from nothing.

    Only `PATH` is inherited: no token, no proxy, no setting of the caller. HOME and the working folder are `folder`'s:
    so the bot finds no `.env` and no credentials file. ValueError names a setting whose address leads elsewhere.
    """
    for name, value in settings.items():
        if _leads_away(value) or name.upper().endswith("_PROXY"):
            raise ValueError(f"{name} leads away from this machine; in the sandbox only {LOOPBACK} is allowed")
    home = folder / "home"
    home.mkdir(exist_ok=True)
    return {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(home), "PYTHONPATH": str(SOURCE), **settings}


def _leads_away(value: str) -> bool:
    """Whether it is an address beyond this machine. A SQLite file is not, nor is a socket in the file system."""
    if KEYWORD.search(value):
        return True
    if "://" not in value:
        return False
    url = urlsplit(value)
    authority = url.netloc.rpartition("@")[2]
    named = [host for name, text in parse_qsl(url.query) if name in PLACES for host in text.split(",")]
    hosts = [*(authority.split(",") if authority else []), *named]
    is_here = all(unquote(host).startswith("/") or host.partition(":")[0] == LOOPBACK for host in hosts)
    return not (is_here and (hosts or url.scheme == "sqlite"))


class BotProcess:
    """`dh-bot run` in `folder`, with these settings and no others. `log` has the bot's log lines so far."""

    def __init__(self, folder: Path, settings: Mapping[str, str], on_line: Callable[[], None] = lambda: None) -> None:
        self.log: list[str] = []
        self._on_line = on_line
        self.popen = subprocess.Popen(
            [sys.executable, "-m", "bot", "run"],
            cwd=folder,
            env=shut_in(folder, settings),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        if self.popen.stderr is not None:
            with self.popen.stderr as lines:
                for line in lines:
                    self.log.append(line.rstrip("\n"))
                    self._on_line()
        # The output ends a moment before the process: `_on_line` must find the process ended.
        self.popen.wait()
        self._on_line()

    @property
    def has_ended(self) -> bool:
        """Whether the process has ended, by itself or not."""
        return self.popen.poll() is not None and not self._reader.is_alive()

    def kill(self) -> int:
        """Send SIGKILL; returns the exit status."""
        self.popen.send_signal(signal.SIGKILL)
        return self.wait()

    def stop(self) -> int:
        """Send SIGTERM; returns the exit status."""
        self.popen.send_signal(signal.SIGTERM)
        return self.wait()

    def wait(self, seconds: float = 70) -> int:
        """Wait for the end; returns the exit status."""
        status = self.popen.wait(seconds)
        self._reader.join(5)
        return status
