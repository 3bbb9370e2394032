"""Reads a Socket Mode connection to its end, also where Slack ends it without a close frame."""

from __future__ import annotations

import errno
import select
from typing import Any

from slack_sdk.socket_mode.builtin.connection import Connection, ConnectionState


class EndingSocket:
    """A socket that raises ``ConnectionResetError`` once its peer has ended the connection.

    slack_sdk (3.47) takes an empty read for "no message yet" and reads again at once, until Slack has answered none of
    its pings for 20 s or five of them could not be sent. The SDK's reader ends the connection at any error.
    """

    def __init__(self, sock: Any, state: ConnectionState) -> None:
        self.sock = sock
        self._state = state
        self._is_at_end = False

    def recv(self, size: int) -> bytes:
        """Read. The first empty read is passed on, so that the SDK hands over the messages before it."""
        if self._is_at_end and not self._state.terminated:
            raise ConnectionResetError(errno.ECONNRESET, "Slack has ended the connection without a word")
        received: bytes = self.sock.recv(size)
        self._is_at_end = not received
        return received

    def __getattr__(self, name: str) -> Any:
        return getattr(self.sock, name)


def has_arrived(connection: Connection | None) -> bool:
    """Whether the connection holds bytes that its reader has not taken yet."""
    sock: Any = None if connection is None else connection.sock
    if sock is None:
        return False
    arrivals = select.poll()
    try:
        arrivals.register(sock.fileno(), select.POLLIN)
        return bool(arrivals.poll(0)) or getattr(sock, "pending", int)() > 0
    except (OSError, ValueError):
        return False  # It has ended.


def read(connection: Connection, state: ConnectionState) -> None:
    """Read a connection until it has ended, or until ``state`` says that it is to end."""
    with connection.sock_receive_lock:
        if connection.sock is not None and not isinstance(connection.sock, EndingSocket):
            connection.sock = EndingSocket(connection.sock, state)  # type: ignore[assignment]
    connection.run_until_completion(state)
