"""One action of a person on its way to the app, and its answers."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Any

from sandbox.slack.records import Message, NotAcked

if TYPE_CHECKING:
    from sandbox.slack.workspace import Workspace

COMMAND, CLICK, EVENT = "slash_commands", "interactive", "events_api"


class Invocation:
    """One action of a person on its way to the app, and its answers."""

    def __init__(self, slack: Workspace, kind: str, user: str, channel: str, payload: dict[str, Any]) -> None:
        self.slack = slack
        self.kind = kind
        self.user = user
        self.channel = channel
        self.payload = payload
        self.envelope_id = secrets.token_hex(16)
        self.response_url: str = payload.get("response_url", "")
        self.trigger_id: str = payload.get("trigger_id", "")
        self.message: Message | None = None
        self.attempt = 0
        self.http: tuple[bytes, dict[str, str]] | None = None
        """The body and headers of its HTTP delivery, once it was posted."""
        self.sent = time.monotonic()
        self.acked = False
        self.ack: dict[str, Any] = {}
        self.ack_seconds: float | None = None
        self.answers: list[Message] = []
        """The messages that the ack and the response_url showed, in order. A replaced one is in it again."""
        self.uses = 0
        self.born = slack.now()
        self._error: str | None = None

    @property
    def error(self) -> str | None:
        """The error that Slack shows to the person: dispatch_failed, operation_timeout, or None."""
        late = not self.acked and time.monotonic() > self.sent + self.slack.ack_within
        return self._error or ("operation_timeout" if late else None)

    @error.setter
    def error(self, value: str) -> None:
        self._error = value

    def wait_ack(self, timeout: float = 3.0) -> dict[str, Any]:
        """Wait for the ack and return its payload ({} if empty); raises NotAcked with Slack's error."""
        with self.slack.changed:
            until = min(time.monotonic() + timeout, self.sent + self.slack.ack_within)
            self.slack.changed.wait_for(lambda: self.acked or self._error, until - time.monotonic())
            if self._error or not self.acked:
                raise NotAcked(self.error or f"no ack within {timeout} s")
            return self.ack

    def wait_answer(self, timeout: float = 5.0, n: int = 1) -> Message:
        """Wait for the n-th message that its ack or its response_url showed."""
        self.slack.wait_for(lambda: len(self.answers) >= n, timeout)
        return self.answers[n - 1]
