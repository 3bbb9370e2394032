"""Socket Mode: start, reconnect, readiness, renewal, close."""

from __future__ import annotations

import secrets
import threading
import time
from contextlib import suppress

import structlog
from slack_bolt import App
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from bot.domain.ports import Gate
from bot.runtime.clock import monotonic_clock
from bot.slack.census import Census
from bot.slack.errors import CUT_OFF, error_code, is_passing
from bot.slack.socket_client import Handler, SocketClient
from bot.slack.transport import CannotConnect

log = structlog.get_logger(__name__)

PING_INTERVAL = 5
"""Seconds. A silently dead peer is noticed after four of these; Bolt's default would take more than 40 s."""

HEARD_WITHIN = 3 * PING_INTERVAL
"""Seconds. Slack answers every ping at once, so whoever says nothing for three of them is not there."""

RENEWED_AFTER = (900, 1200)
"""Seconds after which a connection is replaced, any number between these: replicas share Slack's limit for new ones.

A connection over which Slack delivers nothing any more looks like a quiet one: its pings are answered.
"""
MISSED_AFTER = 300
"""Seconds after which one is replaced that Slack does not count. Not sooner, in case Slack's count lags behind."""
RENEWED_AGAIN = 60
"""Seconds until the next try, where there was no new one."""

CONNECT_TRIES = 5
CLOSE_SECONDS = 5.0


class SocketTransport:
    """The bot's one WebSocket to Slack; slack_sdk's built-in client reconnects it by itself.

    ``admission`` is closed while another process is connected to the same Slack app; None where that is right.
    """

    def __init__(
        self, app: App, app_token: str, client: WebClient, concurrency: int, admission: Gate | None = None
    ) -> None:
        # Acks are made by the client's message workers, so a command never waits for more than the ones before it.
        made = SocketClient(
            app_token, app.logger, client, ping_interval=PING_INTERVAL, concurrency=concurrency, proxy=client.proxy
        )
        self._handler = Handler(app, made)
        self._monotonic = monotonic_clock()
        self._census = Census(made, admission, self._monotonic)
        self._has_to_be_alone = admission is not None
        self._message_at: float | None = None
        self._assumed_pong: float | None = None
        self._session_id: str | None = None
        self._session_since = 0.0
        self._renewed_after = 0.0
        made.on_message_listeners.append(self._note_message)

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
            "Slack could not be reached to open a Socket Mode connection. Check the network and the proxy; "
            "`dh-bot doctor` says what refuses the WebSocket."
        )

    def is_connected(self) -> bool:
        """Whether a session is open and Slack was heard on it lately: its hello, any message, or a pong.

        The SDK's own word (3.47) only means that there is a socket, also when nobody is at its other end.
        """
        session = self._handler.client.current_session
        if session is None or not session.is_active():
            return False
        pong = session.last_ping_pong_time
        if self._message_at is not None and self._monotonic() - self._message_at < HEARD_WITHIN:
            return True
        # The SDK notes pongs by the wall clock. One in the future says nothing: the clock was set back, and the next
        # pong, at most five seconds later, tells.
        return pong is not None and pong != self._assumed_pong and 0 <= time.time() - pong < HEARD_WITHIN

    def is_alive(self) -> bool:
        """Whether the SDK's threads live; without one of them nothing is received or no connection is made anew."""
        client = self._handler.client
        runners = [client.current_session_runner, client.message_processor]
        if client.current_app_monitor_started:
            runners.append(client.current_app_monitor)
        return all(runner.is_alive() for runner in runners)

    def watch(self) -> int:
        """Make the SDK notice a peer that was silent from the start; count and renew connections where that is due.

        The SDK counts the silence from the last pong (3.47). So it would wait without end for a peer that sent none.
        """
        session = self._handler.client.current_session
        now = time.time()
        # A pong in the future is one from before the clock was set back: the SDK would wait until it is past.
        if session is not None and (session.last_ping_pong_time is None or session.last_ping_pong_time > now):
            self._assumed_pong = session.last_ping_pong_time = now
        if self.is_connected():
            count = self._census.take_if_due() if self._has_to_be_alone else None
            # Two are ours, the one in use and the one that was opened for the count.
            self._renew_if_due(is_missed=count is not None and count < 2)
        return 0

    def _renew_if_due(self, *, is_missed: bool) -> None:
        client, now = self._handler.client, self._monotonic()
        if client.session_id() != self._session_id:
            self._session_id, self._session_since = client.session_id(), now
            self._renewed_after = float(secrets.choice(range(*RENEWED_AFTER)))
        age = now - self._session_since
        if age < (MISSED_AFTER if is_missed else self._renewed_after) or not client.is_quiet:
            return
        if is_missed:
            log.warning("socket_not_counted", seconds=round(age))
        try:
            is_renewed = client.renew()
        except SlackApiError as error:
            log.warning("socket_not_renewed", error=error_code(error.response))
        except CUT_OFF as error:
            log.warning("socket_not_renewed", error=type(error).__name__)
        else:
            if is_renewed:
                log.info("socket_renewed", seconds=round(age))
                return
            if client.is_over or client.session_id() != self._session_id:
                # The bot stops, or the SDK has replaced it meanwhile.
                return
            log.warning("socket_not_renewed", error="not_greeted")
        self._renewed_after = age + RENEWED_AGAIN

    def _note_message(self, message: str) -> None:
        # Before what follows it is given to a worker: nothing is done in the time between hello and its count.
        self._message_at = self._monotonic()
        self._census.connected(message)

    def hand_over(self) -> bool:
        """Leave first, where Slack too counts other connections: it hands what comes to any of them.

        A SQLite bot has nobody to hand over to; others that are connected know nothing of its cards.
        """
        if self._has_to_be_alone or not self.is_connected() or not self._census.has_others():
            return False
        self._handler.client.leave()
        log.info("socket_left")
        return True

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
