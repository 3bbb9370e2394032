"""A browser window without a browser: what the sandbox's page tells over its WebSocket, gathered as the page does."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

PATIENCE = 60.0


class Window:
    """Acts and reads. `heard` keeps every text as it came."""

    def __init__(self, link: ClientConnection) -> None:
        self.heard: list[str] = []
        self.hello: dict[str, Any] = {}
        self.known: dict[str, Any] = {}
        self.messages: dict[str, dict[str, Any]] = {}
        self.rows: dict[str, dict[str, Any]] = {}
        self.answers: dict[int, dict[str, Any]] = {}
        self._asked = 0
        self._socket = link

    def send(self, text: str) -> None:
        self._socket.send(text)

    def ask(self, what: str, **more: object) -> dict[str, Any]:
        """Let something be done, and wait for the answer."""
        self._asked += 1
        asked = self._asked
        self.send(json.dumps({"do": what, "id": asked, **more}))
        self.until(lambda: asked in self.answers)
        return self.answers.pop(asked)

    def until(self, found: Callable[[], Any], seconds: float = PATIENCE) -> Any:
        """Take in what is told until this is true; what it gave."""
        deadline = time.monotonic() + seconds
        while not (result := found()):
            self._take(self._socket.recv(timeout=max(deadline - time.monotonic(), 0.01)))
        return result

    def _take(self, text: str | bytes) -> None:
        assert isinstance(text, str)
        self.heard.append(text)
        news = json.loads(text)
        if "done" in news:
            self.answers[news["done"]] = news
        elif "run" in news:
            self.hello = news
        elif "forget" in news:
            self.messages.clear()
        else:
            self.messages |= {each["ts"]: each for each in news.pop("messages", ())}
            self.rows |= {each["id"]: each for each in news.pop("rows", ())}
            self.known |= news

    # What one does.

    def ready(self) -> Window:
        """Wait for the bot."""
        self.until(lambda: self.hello and self.known.get("bot", {}).get("state") == "running")
        return self

    @property
    def channel(self) -> str:
        return str(self.hello["main_channel"])

    def job(self) -> str:
        """A job that may be deleted."""
        return str(next(job["id"] for job in self.known["jobs"] if job["deletable"] and "gone" not in job))

    def card(self, job: str) -> dict[str, Any]:
        """Ask for a deletion; its card."""
        assert "error" not in self.ask("command", channel=self.channel, text=job)
        return self.until(
            lambda: next((m for m in self.messages.values() if job in m["text"] and not m["private"]), None)
        )

    def press(self, card: dict[str, Any], action: str) -> dict[str, Any]:
        """Press a button of a message."""
        return self.ask("click", channel=card["channel"], ts=card["ts"], action=action)

    def said(self, text: str) -> dict[str, Any]:
        """Wait for a message with this text."""
        return self.until(lambda: next((m for m in self.messages.values() if text in m["text"]), None))


@contextmanager
def open_window(url: str) -> Iterator[Window]:
    """A window of the page at this address, once the bot runs."""
    address = url.replace("http", "ws", 1) + "/window"
    with connect(address, origin=Origin(url), max_size=None, open_timeout=PATIENCE) as link:
        yield Window(link).ready()
