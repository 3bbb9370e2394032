"""Socket Mode: start, reconnect, readiness, close."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import structlog
from slack_bolt import App
from slack_bolt.adapter.socket_mode.builtin import SocketModeHandler
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from bot.slack_errors import CUT_OFF, error_code, is_passing
from bot.transports import CannotConnect

log = structlog.get_logger(__name__)

PING_INTERVAL = 5
"""Seconds. A silently dead peer is noticed after four of these; Bolt's default would take more than 40 s."""

HEARD_WITHIN = 3 * PING_INTERVAL
"""Seconds. Slack answers every ping at once, so whoever says nothing for three of them is not there."""

CONNECT_TRIES = 5
CLOSE_SECONDS = 5.0


class SocketTransport:
    """The bot's one WebSocket to Slack; slack_sdk's built-in client reconnects it by itself."""

    def __init__(
        self, app: App, app_token: str, client: WebClient, concurrency: int, *, is_alone: bool = False
    ) -> None:
        # Acks are made by the client's message workers, so a command never waits for more than the ones before it.
        self._handler = SocketModeHandler(
            app, app_token, web_client=client, ping_interval=PING_INTERVAL, concurrency=concurrency
        )
        self._was_greeted = False
        if is_alone:
            self._handler.client.message_listeners.append(self._notice_others)
        self._message_at = 0.0
        self._assumed_pong: float | None = None
        self._handler.client.on_message_listeners.append(self._note_message)

    def start(self) -> None:
        """Connect; raises ``CannotConnect`` after some tries."""
        pause = 1.0
        for attempt in range(1, CONNECT_TRIES + 1):
            try:
                self._handler.connect()  # type: ignore[no-untyped-call]
            except SlackApiError as error:
                if not is_passing(error):
                    raise CannotConnect(_why(error)) from None
                log.warning("slack_unreachable", attempt=attempt, error=error_code(error.response))
            except CUT_OFF as error:
                log.warning("slack_unreachable", attempt=attempt, error=type(error).__name__)
            # connect() swallows a failed handshake, so only this tells (rulebook 6.9).
            if self._handler.client.is_connected():
                log.info("socket_connected")
                return
            time.sleep(pause)
            pause *= 2
        raise CannotConnect(
            "Slack could not be reached to open a Socket Mode connection. Check the network and the proxy."
        )

    def is_connected(self) -> bool:
        """Whether a session is open and Slack was heard on it lately: its hello, any message, or a pong.

        The SDK's own word (3.47) only means that there is a socket, also when nobody is at its other end.
        """
        session = self._handler.client.current_session
        if session is None or not session.is_active():
            return False
        pong = session.last_ping_pong_time
        pong_at = 0.0 if pong is None or pong == self._assumed_pong else pong
        return time.time() - max(pong_at, self._message_at) < HEARD_WITHIN

    def is_alive(self) -> bool:
        """Whether the SDK's threads live; without one of them nothing is received or no connection is made anew."""
        client = self._handler.client
        runners = [client.current_session_runner, client.message_processor]
        if client.current_app_monitor_started:
            runners.append(client.current_app_monitor)
        return all(runner.is_alive() for runner in runners)

    def watch(self) -> int:
        """Make the SDK notice a peer that was silent from the start.

        It counts the silence from the last pong (3.47), so a peer that never sent one would be waited for without end.
        """
        session = self._handler.client.current_session
        if session is not None and session.last_ping_pong_time is None:
            self._assumed_pong = session.last_ping_pong_time = time.time()
        return 0

    def _notice_others(self, _client: object, message: Mapping[str, Any], _raw: object = None) -> None:
        """Name another process that is connected to this Slack app although the ledger is ours alone.

        It takes part of the commands and clicks, and knows nothing of our cards. Slack counts the connections when it
        greets a new one (rulebook 6.3, 6.5); a later one of ours may be greeted before Slack has forgotten the former.
        """
        if message.get("type") != "hello":
            return
        ours = 2 if self._was_greeted else 1
        self._was_greeted = True
        count = message.get("num_connections")
        if isinstance(count, int) and count > ours:
            log.error(
                "slack_app_shared",
                count=count,
                notice="Another process is connected to this Slack app, and SQLite serves one: end it, give it a Slack "
                "app of its own, or use PostgreSQL.",
            )

    def _note_message(self, _message: str) -> None:
        self._message_at = time.time()

    def close(self) -> None:
        """Close the socket, within seconds. Acks that were not sent by then are lost, so everything else stops first.

        Left alone, the SDK's close (3.47) waits up to three seconds for its reader, another for its message worker, and
        for ever when the reader starts its next round at that moment and so takes back the word that it is to end. So
        Slack's pong ends the reader's wait, an empty message the worker's, and the word is repeated.
        """
        client = self._handler.client
        client.current_session_state.terminated = True
        if client.current_session is not None:
            with suppress(OSError):
                client.current_session.ping("closing")
        closer = threading.Thread(target=self._close, name="socket-close", daemon=True)
        closer.start()
        give_up = time.monotonic() + CLOSE_SECONDS
        while closer.is_alive() and time.monotonic() < give_up:
            client.current_session_state.terminated = True
            client.message_queue.put(None)
            closer.join(0.1)

    def _close(self) -> None:
        try:
            self._handler.close()  # type: ignore[no-untyped-call]
        except AttributeError:
            # The reader and close() both closed the socket, and the slower one found None. What is left is closed now.
            self._handler.close()  # type: ignore[no-untyped-call]


def _why(error: SlackApiError) -> str:
    code = error_code(error.response)
    return (
        f"Slack refuses the app-level token ({code}). Check that SLACK_APP_TOKEN is this app's token with the scope "
        "connections:write and that Socket Mode is switched on."
    )
