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

POLL_EVERY = 0.7
"""Seconds between two looks at whether the ledger's file has changed; only then is the command run."""
USAGE, INTERRUPTED = 2, 130


class Ledger:
    """`events` grows while anybody watches; `missing` says why there are none, or none any more."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.watchers = 0
        self.events: list[dict[str, Any]] = []
        self.missing: str | None = None
        self.is_built = True
        self._stamp: object = None
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._commands: set[subprocess.Popen[str]] = set()
        self._lock = threading.Lock()

    def start(self) -> None:
        """Begin to watch, if that has not begun yet."""
        if self._watcher.ident is None:
            self._watcher.start()

    def verify(self) -> dict[str, Any]:
        """Run `dh-bot audit verify`."""
        status, out, errors = self._audit("verify")
        if _is_not_built(status, errors):
            return {"sound": None, "says": "This version of the bot has no `dh-bot audit verify`."}
        return {"sound": status == 0, "says": (out or errors).strip()}

    def _watch(self) -> None:
        while self.is_built and not self.scene.stopping.wait(POLL_EVERY):
            stamp = self._stamp_now()
            if self.watchers and stamp and stamp != self._stamp:
                # What is written while the command runs changes the stamp again; a failure is tried again.
                self._stamp = stamp if self._read() else None

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

    def _read(self) -> bool:
        """Fetch what is new; False if that did not work."""
        last = self.events[-1]["number"] if self.events else 0
        status, out, errors = self._audit("list", "--json", "--after", str(last))
        self.is_built = not _is_not_built(status, errors)
        self.missing = None
        if not self.is_built:
            self.missing = "This version of the bot has no `dh-bot audit list`, so its trail cannot be shown here."
        elif status != 0:
            self.missing = f"`dh-bot audit list` ended with status {status}: {(errors.splitlines() or [''])[-1]}"
        else:
            self.events += [json.loads(line) for line in out.splitlines()]
        self.scene.notify()
        return status == 0

    def _audit(self, *words: str) -> tuple[int, str, str]:
        """Status, output and errors of one of the bot's commands, in the same shut-in environment as the bot."""
        settings = {"DATABASE_URL": self.scene.settings()["DATABASE_URL"]}
        with self._lock:
            if self.scene.stopping.is_set():
                return INTERRUPTED, "", ""
            command = subprocess.Popen(  # noqa: S603 - our own command line, with words of our own
                [sys.executable, "-m", "bot", "audit", *words],
                cwd=self.scene.folder,
                env=shut_in(self.scene.folder, settings),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            self._commands.add(command)
        try:
            out, errors = command.communicate()
        finally:
            self._commands.discard(command)
        return command.returncode, out, errors

    def stop(self) -> None:
        """End what is running; the scene is stopping, so nothing new begins."""
        with self._lock:
            commands = list(self._commands)
        for command in commands:
            command.kill()
            command.wait()


def _is_not_built(status: int, errors: str) -> bool:
    return status == USAGE and "No such command" in errors
