"""The bot's audit trail as it grows, read through the bot's own command line: `dh-bot audit list` and `verify`."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

from sandbox.bot_process import shut_in

if TYPE_CHECKING:
    from sandbox.page.scene import Scene

LOOK_EVERY = 0.7
"""Seconds between two looks at whether the ledger's file has changed; only then is the command run."""
WITHIN = 60.0
USAGE = 2


class Ledger:
    """`events` grows while anybody watches; `missing` says why there are none."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.watchers = 0
        self.events: list[dict[str, Any]] = []
        self.missing: str | None = None
        self._stamp: object = None

    def start(self) -> None:
        """Begin to watch."""
        threading.Thread(target=self._watch, daemon=True).start()

    def verify(self) -> dict[str, Any]:
        """Run `dh-bot audit verify`."""
        done = self._audit("verify")
        if self._is_unknown(done):
            return {"sound": None, "says": "This version of the bot has no `dh-bot audit verify`."}
        return {"sound": done.returncode == 0, "says": (done.stdout or done.stderr).strip()}

    def _watch(self) -> None:
        while not self.scene.stopping.wait(LOOK_EVERY):
            stamp = self._stamp_now()
            if self.watchers and stamp and stamp != self._stamp and self.missing is None:
                self._stamp = stamp
                self._read()

    def _stamp_now(self) -> object:
        """When and how big the ledger's file and its log last were; nothing while there is no ledger."""
        found = []
        for name in ("ledger.db", "ledger.db-wal"):
            try:
                stat = (self.scene.folder / name).stat()
            except FileNotFoundError:
                continue
            found.append((name, stat.st_mtime_ns, stat.st_size))
        return found

    def _read(self) -> None:
        last = self.events[-1]["number"] if self.events else 0
        done = self._audit("list", "--json", "--after", str(last))
        if self._is_unknown(done):
            self.missing = (
                "This version of the bot has no `dh-bot audit list`, so its audit trail cannot be shown here."
            )
        elif done.returncode == 0:
            self.events += [json.loads(line) for line in done.stdout.splitlines() if line.strip()]
        else:
            self._stamp = None  # The ledger is being made or is locked for a moment: look again.
        self.scene.notify()

    @staticmethod
    def _is_unknown(done: subprocess.CompletedProcess[str]) -> bool:
        return done.returncode == USAGE and "No such command" in done.stderr

    def _audit(self, *words: str) -> subprocess.CompletedProcess[str]:
        settings = {"DATABASE_URL": self.scene.settings()["DATABASE_URL"]}
        return subprocess.run(  # noqa: S603 - our own command line, with words of our own
            [sys.executable, "-m", "bot.cli", "audit", *words],
            cwd=self.scene.folder,
            env=shut_in(self.scene.folder, settings),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=WITHIN,
            check=False,
        )
