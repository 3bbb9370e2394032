"""The end of a connection: told once everything before it has been read."""

from __future__ import annotations

import socket
from types import SimpleNamespace
from typing import Any

import pytest
from slack_sdk.socket_mode.builtin.connection import ConnectionState

from bot.slack.ending_socket import EndingSocket, has_arrived


class Socket:
    """Gives these bytes, then nothing."""

    def __init__(self, *pieces: bytes) -> None:
        self._pieces = list(pieces)

    def recv(self, _size: int) -> bytes:
        return self._pieces.pop(0) if self._pieces else b""

    def fileno(self) -> int:
        return 7


def test_the_second_empty_read_is_an_error() -> None:
    """The first one is not: with an error there the SDK would lose the messages of the same round."""
    sock = EndingSocket(Socket(b"a", b"b"), ConnectionState())
    assert [sock.recv(1) for _ in range(3)] == [b"a", b"b", b""]
    with pytest.raises(ConnectionResetError):
        sock.recv(1)


def test_an_end_that_is_asked_for_is_no_error() -> None:
    """The bot ends the connection itself, and nothing has to be said about it."""
    state = ConnectionState()
    sock = EndingSocket(Socket(), state)
    state.terminated = True
    assert (sock.recv(1), sock.recv(1)) == (b"", b"")


def test_everything_else_is_the_sockets_own() -> None:
    assert EndingSocket(Socket(), ConnectionState()).fileno() == 7


def test_whether_something_has_arrived() -> None:
    """Before the bot leaves a connection it takes what has arrived: acks behind the close frame may be lost."""
    near, far = socket.socketpair()
    connection: Any = SimpleNamespace(sock=EndingSocket(near, ConnectionState()))  # type: ignore[no-untyped-call]
    assert not has_arrived(None)
    assert not has_arrived(connection)
    far.sendall(b"an envelope")
    assert has_arrived(connection)
    near.recv(100)
    assert not has_arrived(connection)
    near.close()
    assert not has_arrived(connection)
    far.close()
    connection.sock = None
    assert not has_arrived(connection)
