"""Proxies of few words, made of sockets."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from typing import Self
from urllib.parse import urlsplit

Act = Callable[[socket.socket, bytes], None]


class Proxy:
    """``act`` gets the socket and the head of the first request that arrived on it.

    ``lines`` has the first line of each, less HTTP's version: Python says HTTP/1.1 to proxies since 3.12, and said
    HTTP/1.0 before.
    """

    def __init__(self, act: Act) -> None:
        self.lines: list[str] = []
        self.accepted = 0
        self._act = act
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def tunnels(self) -> int:
        """How many tunnels were asked for."""
        return sum(line.startswith("CONNECT ") for line in self.lines)

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                self.accepted += 1
                threading.Thread(target=self._handle, args=(sock,), daemon=True).start()

    def _handle(self, sock: socket.socket) -> None:
        with sock, contextlib.suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head:
                head += sock.recv(65536)
            self.lines.append(head.split(b"\r\n")[0].decode().rpartition(" ")[0])
            self._act(sock, head)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()


def refuse(sock: socket.socket, _: bytes) -> None:
    """Ask for a password."""
    sock.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")


def tunnel(port: int) -> Act:
    """Grant every tunnel, to one port."""

    def act(sock: socket.socket, head: bytes) -> None:
        assert head.startswith(b"CONNECT ")
        sock.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        with socket.create_connection(("127.0.0.1", port)) as server:
            _pump_both(sock, server)

    return act


def forward(sock: socket.socket, head: bytes) -> None:
    """Pass plain HTTP on: the first request of a connection, addressed as a server wants it."""
    method, address, rest = head.split(b" ", 2)
    url = urlsplit(address.decode())
    with socket.create_connection((url.hostname or "", url.port or 80), timeout=10) as server:
        server.sendall(b" ".join((method, f"{url.path}?{url.query}".rstrip("?").encode(), rest)))
        _pump_both(sock, server)


def _pump_both(one: socket.socket, other: socket.socket) -> None:
    back = threading.Thread(target=_pump, args=(other, one), daemon=True)
    back.start()
    _pump(one, other)
    back.join(5)


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
