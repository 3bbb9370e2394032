"""Whether this process is alone on its Slack app, by the number of connections in each hello of Slack.

Slack hands each command and click to any one connection of the app (rulebook 6.3). Another process with a ledger of its
own takes part of them, knows nothing of our cards, and may delete the same job. Slack counts only when it greets a new
connection (6.5). So a second connection is opened for a moment, about once a minute, by a call that Slack allows at
least once a minute (6.1). One of several replicas counts once, when it is about to stop.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import structlog
from slack_sdk.errors import SlackApiError
from slack_sdk.socket_mode.builtin.connection import Connection, ConnectionState

from bot.domain.ports import Gate
from bot.domain.refusals import Reason
from bot.slack.ending_socket import read
from bot.slack.errors import CUT_OFF, error_code
from bot.slack.socket_client import SocketClient, ask_to_end, parsed

log = structlog.get_logger(__name__)

EVERY = 55.0
"""Seconds between two counts while we are known to be alone."""
AGAIN = 20.0
"""Seconds until the next count while others are connected, or after a count that was not clear."""
LINGERS = 30.0
"""Seconds for which Slack may still count a connection of ours that has ended."""
WITHIN = 10.0
"""Seconds for the second connection to be greeted and ended."""
MOST_LINKS = 10
"""Connections that Slack allows one app."""


def is_exclusive(count: int, ours: int, lingering: int) -> bool | None:
    """Whether all connections that Slack counts are ours; None where Slack may still count one that we have ended."""
    if count <= ours:
        return True
    return None if count <= ours + lingering else False


class Census:
    """Counts the connections. The gate, if there is one, is closed while some are not ours."""

    def __init__(self, client: SocketClient, admission: Gate | None, now: Callable[[], float]) -> None:
        self._client = client
        self._admission = admission
        self._now = now
        self._ended: list[float] = []
        """Until when Slack may count each of our connections that has ended."""
        self._has_second = False
        self._was_greeted = False
        self._due = math.inf
        self._lock = threading.Lock()
        client.on_ungreeted_listeners.append(self._note_ended)

    def _note_ended(self) -> None:
        with self._lock:
            self._ended.append(self._now() + LINGERS)

    def connected(self, message: str) -> None:
        """Take a message of the connection in use. After its hello the connection before it ends, if not yet ended."""
        count = _count_in(parsed(message))
        if count is None:
            return
        with self._lock:
            if self._was_greeted:
                self._ended.append(self._now() + LINGERS)
            self._was_greeted = True
            self._judge(count, ours=1, lingering=int(self._has_second))

    def take_if_due(self) -> int | None:
        """Count if a count is due; the number includes the second connection.

        Called every few seconds while the connection in use works.
        """
        if self._now() < self._due:
            return None
        self._due = self._now() + AGAIN
        return self._take()

    def has_others(self) -> bool:
        """Whether other processes are connected now. False where Slack does not say."""
        with self._lock:
            lingering = self._lingering()
        count = self._take()
        return count is not None and is_exclusive(count, 2, lingering) is False

    def _take(self) -> int | None:
        try:
            address = self._client.new_address()
        except SlackApiError as error:
            log.warning("connections_not_counted", error=error_code(error.response))
            with suppress(ValueError):
                self._due += float(error.response.headers.get("Retry-After", 0))
        except CUT_OFF as error:
            log.warning("connections_not_counted", error=type(error).__name__)
        else:
            return self._be_greeted(address)
        return None

    def _lingering(self) -> int:
        """How many of our ended connections Slack may still count, without the second one."""
        self._ended = [until for until in self._ended if until > self._now()]
        return len(self._ended)

    def _judge(self, count: int, *, ours: int, lingering: int = 0) -> None:
        verdict = is_exclusive(count, ours, lingering + self._lingering())
        self._due = self._now() + (EVERY if verdict else AGAIN)
        if self._admission is None:
            return
        if verdict is True:
            self._admission.open(Reason.NOT_ALONE)
        elif verdict is False:
            self._admission.close(Reason.NOT_ALONE, count=count)

    def _be_greeted(self, address: str) -> int | None:
        """Open the second connection for its hello, then end it in order, reading until Slack has ended it too.

        Slack may hand it a command or click before that. The connection in use acknowledges it, as the SDK does with
        the envelopes of a connection that it has replaced.
        """
        state = ConnectionState()  # type: ignore[no-untyped-call]
        counts: list[int] = []

        def on_message(text: str) -> None:
            message = parsed(text)
            if "envelope_id" in message:
                self._client.enqueue_message(text)
                return
            with self._lock:
                if (count := _count_in(message)) is not None:
                    counts.append(count)
                    self._judge(count, ours=2)
            ask_to_end(second)

        second = Connection(
            url=address,
            logger=self._client.logger,
            proxy=self._client.proxy,
            proxy_headers=self._client.proxy_headers,
            on_message_listener=on_message,
            ssl_context=self._client.web_client.ssl,
        )
        give_up = threading.Timer(WITHIN, setattr, (state, "terminated", True))
        give_up.daemon = True
        with self._lock:
            self._has_second = True
        try:
            second.connect()
            # The SDK swallows a handshake that failed (rulebook 6.9).
            if second.is_active():
                give_up.start()
                read(second, state)
                give_up.cancel()
        finally:
            second.close()
            with self._lock:
                self._has_second = False
                self._ended.append(self._now() + LINGERS)
        return counts[0] if counts else None


def _count_in(message: Mapping[str, Any]) -> int | None:
    """How many connections Slack counts, if this message has the number."""
    if message.get("type") == "disconnect" and message.get("reason") == "too_many_websockets":
        return MOST_LINKS + 1
    count = message.get("num_connections") if message.get("type") == "hello" else None
    return count if isinstance(count, int) else None
