"""The long line of the benchmark: a server behind it is 100 ms away, for connections and for bytes."""

from __future__ import annotations

import http.client
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from benchmarks.far import ROUND_TRIP, Line
from sandbox.wire.server import LOOPBACK, Reply, Request, Server
from tests.support.certificates import certificate, server_context, trusting


class Echo(Server):
    """Answers with what it got."""

    def answer(self, request: Request) -> Reply:
        return Reply(200, request.body)


@pytest.fixture
def echo() -> Iterator[Echo]:
    with Echo() as server:
        yield server


@pytest.fixture
def far(echo: Echo) -> Iterator[int]:
    """The port behind which the server is far away."""
    line = Line([echo.port])
    yield line.ports[0]
    line.close()


def seconds_of_a_call(connection: http.client.HTTPConnection, body: bytes = b"hello") -> float:
    began = time.perf_counter()
    connection.request("POST", "/", body)
    assert connection.getresponse().read() == body
    return time.perf_counter() - began


def test_a_call_far_away(far: int) -> None:
    """On a new connection it takes two round trips, on an open one a single one."""
    with closing(http.client.HTTPConnection(LOOPBACK, far)) as connection:
        assert seconds_of_a_call(connection) >= 2 * ROUND_TRIP
        assert ROUND_TRIP <= min(seconds_of_a_call(connection) for _ in range(3)) < 2 * ROUND_TRIP


def test_a_call_over_tls(tmp_path: Path) -> None:
    """The handshake takes one round trip more."""
    pem = certificate(tmp_path)
    with Echo(tls=server_context(pem)) as echo:
        line = Line([echo.port])
        with closing(http.client.HTTPSConnection(LOOPBACK, line.ports[0], context=trusting(pem))) as connection:
            assert seconds_of_a_call(connection) >= 3 * ROUND_TRIP
            assert ROUND_TRIP <= min(seconds_of_a_call(connection) for _ in range(3)) < 2 * ROUND_TRIP
        line.close()


def test_nothing_is_lost_or_out_of_order(far: int) -> None:
    """Much that is sent at once, before the connection would be open on a real line, arrives as it was sent."""
    with closing(http.client.HTTPConnection(LOOPBACK, far)) as connection:
        seconds_of_a_call(connection, bytes(range(256)) * 4096)


def test_the_end_arrives_too(echo: Echo, far: int) -> None:
    """Where the server ends a connection the client learns of it, half a round trip later."""
    with closing(socket.create_connection((LOOPBACK, far))) as client:
        client.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert client.recv(65536)
        echo.stop()
        began = time.perf_counter()
        assert client.recv(65536) == b""
        assert time.perf_counter() - began >= 0.8 * ROUND_TRIP / 2
