"""Slack's Socket Mode client. Unlike slack_sdk (3.47), it replaces or leaves a connection without losing an envelope.

The SDK closes a connection that may still hold envelopes, in favour of one that Slack has not greeted yet. Here the
connection in use serves until Slack has greeted the new one. Then Slack is asked to end the old one, and the old one is
read until Slack has ended it. So each new connection has a reader of its own. An ack goes over the connection in use,
by whichever connection its envelope came, as in the SDK.
"""

from __future__ import annotations

import json
import logging
import math
import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any
from urllib.parse import urlsplit
from urllib.request import proxy_bypass

from slack_bolt import App
from slack_bolt.adapter.socket_mode.builtin import SocketModeHandler
from slack_sdk.proxy_env_variable_loader import load_http_proxy_from_env
from slack_sdk.socket_mode.builtin.client import SocketModeClient
from slack_sdk.socket_mode.builtin.connection import Connection, ConnectionState
from slack_sdk.socket_mode.builtin.frame_header import FrameHeader
from slack_sdk.socket_mode.builtin.internals import _build_data_frame_for_sending

from bot.slack.ending_socket import EndingSocket, has_arrived, read

log = logging.getLogger(__name__)

GREETED_WITHIN = 5.0
"""Seconds for Slack to greet a new connection. The one in use serves meanwhile."""
ENDS_WITHIN = 5.0
"""Seconds for Slack to end a connection at our request. The connection is read meanwhile."""
REPLACED_WITHIN = 5.0
"""Seconds to wait for another thread that is replacing the connection."""
ACKED_WITHIN = 2.0
"""Seconds for received envelopes to be acknowledged. Acks wait for no I/O, so this is long."""


def proxy_for(address: str) -> str | None:
    """The proxy for this address, as slack_sdk reads it from the environment, unless NO_PROXY exempts the host.

    urllib does the same for the Web API.
    """
    found = load_http_proxy_from_env(log)
    return None if found is None or proxy_bypass(urlsplit(address).netloc) else found


def ask_to_end(connection: Connection) -> None:
    """Ask Slack to end this connection in order. Its reader sees the end."""
    with connection.sock_send_lock, suppress(OSError):
        if connection.sock is not None:
            connection.sock.send(_build_data_frame_for_sending("", FrameHeader.OPCODE_CLOSE))


def parsed(text: str) -> Mapping[str, Any]:
    """Slack's message as a mapping; empty if it cannot be parsed."""
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


RECEIVE_BYTES = 64 * 1024
"""The SDK (3.47) calls itself once more for each read that ends within a frame. With its own 1024 bytes a crowd of 200
presses, each of five thousand bytes, met Python's limit; then the SDK lost its place in the stream, and the presses."""


class Reader(threading.Thread):
    """Reads one connection until it has ended, and calls ``on_message`` with each message."""

    def __init__(self, connection: Connection, on_message: Callable[[Connection, str], None]) -> None:
        super().__init__(name="socket-reader", daemon=True)
        self.connection = connection
        self.state = ConnectionState()  # type: ignore[no-untyped-call]
        self._is_greeted = False
        self._is_decided = threading.Event()
        """Set when Slack has greeted the connection, or the connection has ended."""
        self._on_message = on_message
        connection.on_message_listener = self._take

    def run(self) -> None:
        """Read until the end."""
        try:
            read(self.connection, self.state)
        finally:
            self._is_decided.set()

    def _take(self, message: str) -> None:
        self._on_message(self.connection, message)
        if not self._is_greeted and parsed(message).get("type") == "hello":
            self._is_greeted = True
            self._is_decided.set()

    def is_greeted(self) -> bool:
        """Whether Slack's hello came in time."""
        self._is_decided.wait(GREETED_WITHIN)
        return self._is_greeted


class SocketClient(SocketModeClient):
    """The client. It counts the unacknowledged envelopes."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        self._unacked = 0
        self._is_leaving = False
        self.closed = False
        self._reader: Reader | None = None
        """Reads the connection in use. The first connection has none: the SDK's own thread reads it."""
        self._ended: Connection | None = None
        """The connection of which ``_run_current_session`` last noticed the end."""
        self._reconnected_at = -math.inf
        self._changed = threading.Condition()
        """Held for every change of the fields above and of the connection in use."""
        self._replacing = threading.Lock()
        self.on_ungreeted_listeners: list[Callable[[], None]] = []
        """Called when a new connection has been ended because Slack did not greet it."""
        # The SDK starts threads here that use the fields above.
        super().__init__(*args, **settings | {"receive_buffer_size": RECEIVE_BYTES})

    def enqueue_message(self, message: str) -> None:
        """Take a message that has arrived."""
        found = parsed(message)
        if found.get("type") == "disconnect":
            # The SDK would replace the connection in use, even for a message from another one, and stop working
            # meanwhile. ``_on_text`` does it instead.
            return
        if "envelope_id" in found:
            self._count(1)
        super().enqueue_message(message)

    def run_message_listeners(self, message: dict[str, Any], raw_message: str) -> None:
        """Work on a message; an envelope is acknowledged when this returns."""
        try:
            super().run_message_listeners(message, raw_message)
        finally:
            if "envelope_id" in message:
                self._count(-1)

    def send_message(self, message: str) -> None:
        """Send an ack. Where the connection in use has ended, the ack waits for the next one."""
        with self._changed:
            self._changed.wait_for(lambda: self.is_connected() or self.is_over, ACKED_WITHIN)
        super().send_message(message)

    def _count(self, change: int) -> None:
        with self._changed:
            self._unacked += change
            self._changed.notify_all()

    @property
    def is_quiet(self) -> bool:
        """Whether every received envelope is acknowledged."""
        return self._unacked == 0

    @property
    def is_over(self) -> bool:
        """Whether this client does not connect again."""
        return self._is_leaving or self.closed

    def new_address(self) -> str:
        """Ask Slack for the address of one connection. Raises slack_sdk's errors; does not wait at a rate limit."""
        address = str(self.web_client.apps_connections_open(app_token=self.app_token)["url"])
        self.proxy = proxy_for(address)
        return address

    def issue_new_wss_url(self) -> str:
        """As the SDK does, and set the proxy for that address. Waits at a rate limit."""
        address = super().issue_new_wss_url()
        self.proxy = proxy_for(address)
        return address

    def connect_to_new_endpoint(self, force: bool = False) -> None:  # noqa: FBT001, FBT002 - the SDK's signature
        """Called by the SDK when the connection in use has ended."""
        if force or not self.is_connected():
            self._replace(self.current_session, self.issue_new_wss_url)

    def renew(self) -> bool:
        """Replace the connection in use. False if Slack greets no new one; then the old one stays in use."""
        return self._replace(self.current_session, self.new_address)

    def _replace(self, old: Connection | None, address: Callable[[], str]) -> bool:
        """Open a new connection, and end the old one once Slack has greeted the new one.

        Both are read meanwhile. Does nothing if the old one is no longer in use.
        """
        if not self._replacing.acquire(timeout=REPLACED_WITHIN):
            return False
        try:
            if self.current_session is not old or self.is_over:
                return False
            new = self._open(address())
            if new is None:
                return False
            with self._changed:
                reading = self.current_session_state
                is_used = self.current_session is old and not self.is_over
                if is_used:
                    self.current_session, self.current_session_state = new.connection, new.state
                    self._reader = new
                    self._changed.notify_all()
        finally:
            self._replacing.release()
        if not is_used:
            _end(new.connection, new.state)
        elif old is not None:
            _end(old, reading)
        return is_used

    def _open(self, address: str) -> Reader | None:
        """Open a connection and read it; None if Slack does not greet it."""
        if self.is_over:
            return None
        connection = Connection(
            url=address,
            logger=self.logger,
            ping_interval=self.ping_interval,
            receive_buffer_size=self.receive_buffer_size,
            proxy=self.proxy,
            proxy_headers=self.proxy_headers,
            on_error_listener=self._on_error,
            on_close_listener=self._on_close,
            ssl_context=self.web_client.ssl,
        )
        connection.connect()
        # The SDK swallows a handshake that failed (rulebook 6.9).
        if not connection.is_active():
            return None
        reader = Reader(connection, self._on_text)
        reader.start()
        if reader.is_greeted():
            return reader
        _end(connection, reader.state)
        for listener in self.on_ungreeted_listeners:
            listener()
        return None

    def _on_text(self, connection: Connection, message: str) -> None:
        if parsed(message).get("type") == "disconnect":
            # In a thread of its own: this thread goes on reading the envelopes that the connection may still hold.
            args = (connection,)
            threading.Thread(target=self._replace_ending, args=args, name="socket-replace", daemon=True).start()
        self._on_message(message)

    def _replace_ending(self, connection: Connection) -> None:
        """Replace a connection that Slack is about to end. If that fails, the SDK tries again after the end."""
        try:
            self._replace(connection, self.issue_new_wss_url)
        except Exception as error:  # noqa: BLE001 - as in the SDK's own thread for this
            self.logger.error("Failed to reconnect to the server (error: %s)", type(error).__name__)

    def _run_current_session(self) -> None:
        """Called by the SDK's thread in a loop: read the connection in use, unless another thread reads it."""
        with self._changed:
            session, state, reader = self.current_session, self.current_session_state, self._reader
        if reader is not None and reader.is_alive():
            reader.join()
        elif session is not None and session.is_active():
            state.terminated = False
            session.on_message_listener = partial(self._on_text, session)
            read(session, state)
        elif reader is None:
            return
        if session is not None and session is not self._ended and not session.is_active():
            is_used = session is self.current_session
            self._ended = session
            # At once, but no more often than the SDK, which reconnects at each of its pings. If every connection ended
            # as soon as it was greeted, Slack would otherwise be asked for new ones without a pause.
            now = time.monotonic()
            if is_used and self.auto_reconnect_enabled and now - self._reconnected_at >= self.ping_interval:
                self._reconnected_at = now
                self._reconnect()

    def _reconnect(self) -> None:
        try:
            self.connect_to_new_endpoint()
        except Exception as error:  # noqa: BLE001 - as in _replace_ending
            self.logger.error("Failed to reconnect to the server (error: %s)", type(error).__name__)

    def _on_close(self, code: int, reason: str | None = None) -> None:
        """Called when Slack ends a connection. The SDK closes the connection when this returns."""
        if self._is_leaving:
            # The last acks go over this connection: there is no other.
            self._wait_for_acks()
        super()._on_close(code, reason)

    def _wait_for_acks(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._unacked == 0, ACKED_WITHIN)

    def leave(self) -> None:
        """Receive nothing more, once the received envelopes are acknowledged. Does not connect again."""
        with self._changed:
            session, reading = self.current_session, self.current_session_state
            give_up = time.monotonic() + ACKED_WITHIN
            self._wait_for_acks()
            # What has arrived is taken first: Slack may not read an ack that comes behind our request to end.
            while has_arrived(session) and time.monotonic() < give_up:
                self._changed.wait(0.01)
                self._wait_for_acks()
            # Under the lock, so that no envelope is taken after the last ack.
            self._is_leaving = True
            if session is not None:
                ask_to_end(session)
        if session is not None:
            _end(session, reading, is_asked=True)
        self._wait_for_acks()

    def close(self) -> None:
        """End all connections. Does not connect again."""
        with self._changed:
            self.closed = True
        super().close()


def _end(connection: Connection, reading: ConnectionState, *, is_asked: bool = False) -> None:
    """Wait until Slack has ended a connection that another thread reads; after a timeout, end it ourselves."""
    if not is_asked:
        ask_to_end(connection)
    give_up = time.monotonic() + ENDS_WITHIN
    while connection.is_active() and time.monotonic() < give_up:
        time.sleep(0.01)
    reading.terminated = True
    if (sock := connection.sock) is not None:
        # The reader blocks on the socket for up to three seconds; the shutdown wakes it.
        with suppress(OSError):
            socket.socket.shutdown(sock.sock if isinstance(sock, EndingSocket) else sock, socket.SHUT_RDWR)
        connection.close()


class Handler(SocketModeHandler):
    """Bolt's adapter for a given client."""

    client: SocketClient

    def __init__(self, app: App, client: SocketClient) -> None:
        self.app = app
        self.app_token = client.app_token
        self.client = client
        client.socket_mode_request_listeners.append(self.handle)  # type: ignore[arg-type]
