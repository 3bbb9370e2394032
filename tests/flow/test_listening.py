"""Where the bot listens, one value for both kinds of addresses; and how it stops listening without a loss."""

from __future__ import annotations

import http.client
import socket
import threading
import time
from collections.abc import Iterator
from http import HTTPStatus

import pytest
from waitress import wasyncore

from bot.runtime import http_server
from bot.runtime.http_server import Server, plain, respond

REQUEST = b"GET / HTTP/1.1\r\nHost: bot\r\n\r\n"


@pytest.fixture
def server() -> Iterator[Server]:
    """One that answers 200, on IPv4."""
    threads = set(threading.enumerate())
    made = Server(
        "test", lambda _, start: respond(plain(HTTPStatus.OK), start), ("127.0.0.1", 0), threads=2, largest_body=1
    )
    made.start()
    yield made
    made.close()
    # Those of an earlier test may end meanwhile.
    assert set(threading.enumerate()) <= threads


def connect(server: Server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=10)


def leave(server: Server) -> threading.Thread:
    """It stops listening, and waits for those that are connected."""
    leaving = threading.Thread(target=server.stop_listening)
    leaving.start()
    return leaving


def wait_until_it_refuses(address: tuple[str, int]) -> None:
    give_up = time.monotonic() + 10
    while time.monotonic() < give_up:
        try:
            socket.create_connection(address, timeout=10).close()
        except ConnectionRefusedError:
            return
        except ConnectionResetError:
            continue
    raise AssertionError("it goes on listening")


def _status(host: str, port: int) -> int:
    connection = http.client.HTTPConnection(host, port, timeout=5)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.mark.parametrize("has_ipv6", [True, False])
def test_two_colons_mean_every_address(monkeypatch: pytest.MonkeyPatch, has_ipv6: bool) -> None:  # noqa: FBT001 - a row
    """`::` is reached by IPv4 and by IPv6, and by IPv4 where the machine has no IPv6."""
    if not has_ipv6:
        monkeypatch.setattr(socket, "has_dualstack_ipv6", lambda: False)
    server = Server("test", lambda _, start: respond(plain(HTTPStatus.OK), start), ("::", 0), threads=1, largest_body=1)
    server.start()
    try:
        assert _status("127.0.0.1", server.port) == HTTPStatus.OK
        if has_ipv6:
            assert _status("::1", server.port) == HTTPStatus.OK
    finally:
        server.close()


def test_who_connected_before_it_stopped_listening_is_answered(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever was not accepted yet too, and whoever sends only afterwards."""
    monkeypatch.setattr(http_server, "SILENT_SECONDS", 30)
    goes_on = threading.Event()
    turn = wasyncore.loop
    monkeypatch.setattr(wasyncore, "loop", lambda **how: goes_on.wait(10) and turn(**how))
    accepted = connect(server)
    # The turn under way ends with this one; those that connect now wait for the next.
    accepted.sendall(REQUEST)
    address = ("127.0.0.1", server.port)
    early = [connect(server) for _ in range(5)]
    leaving = leave(server)
    goes_on.set()
    wait_until_it_refuses(address)
    for each in early:
        each.sendall(REQUEST)
    assert [each.recv(12) for each in (accepted, *early)] == [b"HTTP/1.1 200"] * 6
    leaving.join(10)
    assert not leaving.is_alive()
    for each in (accepted, *early):
        each.close()


def test_a_connection_that_was_served_and_rests_ends_at_once(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody knows whether anything would come on it."""
    served = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    served.request("GET", "/")
    assert served.getresponse().read() == b"OK"
    monkeypatch.setattr(http_server, "SILENT_SECONDS", 30)
    server.stop_listening()
    assert served.sock.recv(1) == b""
    served.close()


def test_a_connection_on_which_nothing_comes_holds_up_no_end(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither does one on which a request has begun and does not end."""
    monkeypatch.setattr(http_server, "SILENT_SECONDS", 0.2)
    with connect(server) as silent, connect(server) as slow:
        slow.sendall(REQUEST[:10])
        leaving = leave(server)
        leaving.join(5)
        assert not leaving.is_alive()
        assert silent.recv(1000) == b""
