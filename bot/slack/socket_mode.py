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
from bot.slack.errors import CUT_OFF, cause_of, error_code, is_passing, remedy
from bot.slack.socket_client import Handler, SocketClient
from bot.slack.transport import CannotConnect

log = structlog.get_logger(__name__)

PING_INTERVAL = 5
"""Seconds. A peer that is silently dead is noticed after four of these; with Bolt's default after more than 40 s."""

HEARD_WITHIN = 3 * PING_INTERVAL
"""Seconds. Slack answers every ping at once, so a peer that misses three of them is gone."""

RENEWED_AFTER = (900, 1200)
"""Seconds after which a connection is replaced, by a random choice: replicas share Slack's rate limit for new ones.

A connection over which Slack no longer delivers anything looks like a quiet one, since its pings are answered.
"""
MISSED_AFTER = 300
"""Seconds after which a connection that Slack does not count is replaced. Slack's count may lag until then."""
RENEWED_AGAIN = 60
"""Seconds until the next try after a renewal that failed."""

CONNECT_TRIES = 5
CLOSE_SECONDS = 5.0


class SocketTransport:
    """The bot's one WebSocket to Slack; slack_sdk's built-in client reconnects it by itself.

    ``admission`` is closed while another process is connected to the same Slack app; None where replicas may be.
    """

    def __init__(
        self, app: App, app_token: str, client: WebClient, concurrency: int, admission: Gate | None = None
    ) -> None:
        # The client's message workers make the acks, so a command waits only for the ones before it.
        socket_client = SocketClient(
            app_token, app.logger, client, ping_interval=PING_INTERVAL, concurrency=concurrency, proxy=client.proxy
        )
        self._handler = Handler(app, socket_client)
        self._monotonic = monotonic_clock()
        self._census = Census(socket_client, admission, self._monotonic)
        self._has_to_be_alone = admission is not None
        self._message_at: float | None = None
        self._assumed_pong: float | None = None
        self._session_id: str | None = None
        self._session_since = 0.0
        self._renewed_after = 0.0
        socket_client.on_message_listeners.append(self._note_message)

    def start(self) -> None:
        """Connect; raises ``CannotConnect`` after some tries."""
        pause, trouble = 1.0, ""
        for attempt in range(1, CONNECT_TRIES + 1):
            try:
                self._handler.connect()  # type: ignore[no-untyped-call]
            except SlackApiError as error:
                if not is_passing(error):
                    raise CannotConnect(_why(error)) from None
                why = error_code(error.response)
                trouble = f"Slack answers with an error ({why}). Try again later."
                log.warning("slack_unreachable", attempt=attempt, error=why)
            except CUT_OFF as error:
                why = cause_of(error)
                trouble = f"Slack cannot be reached ({why}). {remedy(error)}"
                log.warning("slack_unreachable", attempt=attempt, error=why)
            else:
                trouble = ""
            # connect() swallows a failed handshake (rulebook 6.9).
            if self._handler.client.is_connected():
                log.info("socket_connected")
                return
            time.sleep(pause)
            pause *= 2
        raise CannotConnect(
            trouble
            or "The WebSocket to Slack cannot be opened, although Slack's Web API answers. `dh-bot doctor` says what "
            "refuses it."
        )

    def is_connected(self) -> bool:
        """Whether a session is open on which a message or a pong of Slack came lately.

        The SDK's own ``is_connected`` (3.47) only means that there is a socket, also when the peer is gone.
        """
        session = self._handler.client.current_session
        if session is None or not session.is_active():
            return False
        pong = session.last_ping_pong_time
        if self._message_at is not None and self._monotonic() - self._message_at < HEARD_WITHIN:
            return True
        # The SDK notes pongs by the wall clock. A pong in the future does not count: the clock was set back, and a new
        # pong comes within five seconds.
        return pong is not None and pong != self._assumed_pong and 0 <= time.time() - pong < HEARD_WITHIN

    def is_alive(self) -> bool:
        """Whether the SDK's threads live. All of them are needed to receive and to reconnect."""
        client = self._handler.client
        runners = [client.current_session_runner, client.message_processor]
        if client.current_app_monitor_started:
            runners.append(client.current_app_monitor)
        return all(runner.is_alive() for runner in runners)

    def watch(self) -> int:
        """Make the SDK notice a peer that was silent from the start; count and renew connections where that is due.

        The SDK (3.47) measures the silence from the last pong, so it would wait without end for a first one.
        """
        session = self._handler.client.current_session
        now = time.time()
        # A pong in the future is from before the clock was set back: the SDK would wait until that time is past.
        if session is not None and (session.last_ping_pong_time is None or session.last_ping_pong_time > now):
            self._assumed_pong = session.last_ping_pong_time = now
        if self.is_connected():
            count = self._census.take_if_due() if self._has_to_be_alone else None
            # Two are ours: the connection in use, and the one that was opened for the count.
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
                # The bot stops, or the SDK has replaced the connection meanwhile.
                return
            log.warning("socket_not_renewed", error="not_greeted")
        self._renewed_after = age + RENEWED_AGAIN

    def _note_message(self, message: str) -> None:
        # Called before the message goes to a worker, so that a hello is counted before any work that follows it.
        self._message_at = self._monotonic()
        self._census.connected(message)

    def hand_over(self) -> bool:
        """Disconnect if Slack counts other connections too: Slack then hands new requests to those.

        A bot on SQLite has no replica to hand over to; other processes that are connected know nothing of its cards.
        """
        if self._has_to_be_alone or not self.is_connected() or not self._census.has_others():
            return False
        self._handler.client.leave()
        log.info("socket_left")
        return True

    def close(self) -> None:
        """Close the socket within seconds. Unsent acks are lost, so everything else stops first.

        By itself the SDK's close (3.47) waits up to three seconds for its reader and another for its message worker. It
        waits for ever if the reader starts its next round at that moment, since that resets ``terminated``. So a ping
        makes Slack's pong wake the reader, an empty message wakes the worker, and ``terminated`` is set repeatedly.
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
            # The reader and close() both closed the socket, and the slower one found None. Close the rest now.
            self._handler.close()  # type: ignore[no-untyped-call]


def _why(error: SlackApiError) -> str:
    code = error_code(error.response)
    return (
        f"Slack refuses the app-level token ({code}). Check that SLACK_APP_TOKEN is this app's token with the scope "
        "connections:write and that Socket Mode is switched on."
    )
