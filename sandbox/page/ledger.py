"""The bot's audit trail as it grows, read by the bot's own command line: `dh-bot audit list` and `verify`."""

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
"""Seconds between two checks whether the ledger's file has changed. The command runs only if it has."""
USAGE, INTERRUPTED = 2, 130


class Ledger:
    """`events` grows while a window watches; `missing` says why there are no events, or no more."""

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
        """Start the thread that watches, if it is not running yet."""
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
                # A write while the command runs changes the stamp again. A failure is retried.
                self._stamp = stamp if self._read() else None

    def _stamp_now(self) -> object:
        """Time of change and size of the ledger's file and its WAL; None without a ledger."""
        found = []
        for name in ("ledger.db", "ledger.db-wal"):
            try:
                stat = (self.scene.folder / name).stat()
            except FileNotFoundError:
                continue
            found.append((name, stat.st_mtime_ns, stat.st_size))
        return found

    def _read(self) -> bool:
        """Fetch the new events; False if that failed."""
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
        """Run one of the bot's commands in the bot's confined environment; returns status, output and errors."""
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
        """End the running commands. No new ones start, since the scene is stopping."""
        with self._lock:
            commands = list(self._commands)
        for command in commands:
            command.kill()
            command.wait()


def _is_not_built(status: int, errors: str) -> bool:
    return status == USAGE and "No such command" in errors
