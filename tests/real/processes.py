"""Bots as processes between the local Slack and MetaStudio, several on one PostgreSQL where a test wants it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from sandbox.bot_process import SOURCE, BotProcess, shut_in
from tests.flow.world import free_port
from tests.real.outside import Outside


class Bots(Outside):
    """Slack, MetaStudio, and as many bots as a test starts."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.made: list[BotProcess] = []

    def start(self, **settings: str) -> BotProcess:
        """Start one more; it may still be starting when this returns."""
        quick = {"CONNECT_TIMEOUT": "2", "READ_TIMEOUT": "5", "OPS_PORT": str(free_port()), "WORKERS": "32"}
        # Where another connection of the app may take the click, each needs a ledger that all share.
        bot = BotProcess(self.folder, {**self.settings(), **quick, **settings}, self._notify)
        self.made.append(bot)
        return bot

    def ready(self, *bots: BotProcess, seconds: float = 60) -> None:
        """Wait until each says that it is."""
        for bot in bots:
            is_ready = self.slack.wait_for(lambda bot=bot: self.says(bot, '"ready"') or bot.has_ended, seconds)
            assert is_ready, bot.log[-20:]
            assert not bot.has_ended, bot.log[-20:]

    def doctor(self, **settings: str) -> subprocess.CompletedProcess[str]:
        """`dh-bot doctor` with the same settings."""
        return subprocess.run(
            [sys.executable, "-m", "bot", "doctor"],
            env=shut_in(self.folder, {**self.settings(), **settings}),
            cwd=self.folder, capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip

    @staticmethod
    def says(bot: BotProcess, text: str) -> bool:
        """Whether that stands in its log."""
        return any(text in line for line in bot.log)

    def _notify(self) -> None:
        with self.slack.changed:
            self.slack.changed.notify_all()

    def end(self) -> None:
        """Kill what still runs."""
        for bot in self.made:
            if not bot.has_ended:
                bot.kill()


class Program:
    """`dh-bot` with these settings, also with proxies among them, and behind `enter`, such as `ip netns exec`.

    What all of its processes write goes into one file.
    """

    def __init__(self, folder: Path, settings: Mapping[str, str], enter: Sequence[str] = ()) -> None:
        self._folder = folder
        self._settings = settings
        self._enter = enter
        self._log = folder / "log"

    def starts(self, *words: str) -> subprocess.Popen[str]:
        """Such as ``doctor``."""
        environ = {"PATH": os.environ["PATH"], "HOME": str(self._folder), "PYTHONPATH": str(SOURCE), **self._settings}
        with self._log.open("a", encoding="utf-8") as log:
            return subprocess.Popen(
                [*self._enter, sys.executable, "-m", "bot", *words],
                cwd=self._folder, env=environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log, text=True,
            )  # fmt: skip

    def said(self) -> str:
        """All that has been written so far."""
        return self._log.read_text(encoding="utf-8")

    @contextmanager
    def runs(self, seconds: float = 60) -> Iterator[None]:
        """The bot, which says that it is ready, and ends with 0 when it is asked to."""
        before = len(self.said()) if self._log.exists() else 0
        bot = self.starts("run")
        try:
            give_up = time.monotonic() + seconds
            while '"ready"' not in self.said()[before:]:
                assert bot.poll() is None, self.said()
                assert time.monotonic() < give_up, self.said()
                time.sleep(0.05)
            yield
        finally:
            bot.terminate()
            status = bot.wait(70)
        assert status == 0, self.said()
