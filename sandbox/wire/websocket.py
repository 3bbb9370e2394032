"""A WebSocket on a socket that the HTTP server hands over, with the sans-IO half of `websockets`.

So it can also fall silent, or end with a TCP reset. No well-behaved server library offers that.
"""

from __future__ import annotations

import contextlib
import json
import select
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from typing import Any

from websockets.frames import Opcode
from websockets.http11 import Request as Handshake
from websockets.protocol import OPEN
from websockets.server import ServerProtocol

from sandbox.wire.server import Request


def upgrade(sock: socket.socket, request: Request) -> Link | None:
    """Answer the WebSocket handshake; None if the request is none."""
    lines = [f"GET {request.target} HTTP/1.1", *(f"{name}: {value}" for name, value in request.headers.items())]
    protocol = ServerProtocol(max_size=1 << 20)
    protocol.receive_data("\r\n".join([*lines, "", ""]).encode("latin-1"))
    for event in protocol.events_received():
        if isinstance(event, Handshake):
            protocol.send_response(protocol.accept(event))
    for piece in protocol.data_to_send():
        sock.sendall(piece)
    return Link(sock, protocol) if protocol.state is OPEN else None


class Link:
    """One connection."""

    def __init__(self, sock: socket.socket, protocol: ServerProtocol) -> None:
        self.sock = sock
        self.protocol = protocol
        self.silent = False
        self.deaf = False
        self.alive = True
        self.delivered: list[str] = []
        """The ids of the envelopes that were sent over this link."""
        self.pings = 0
        self.pongs = 0
        self.dropping = False
        self.ended = threading.Event()
        self._using = threading.RLock()
        """Held for every read and write, so that a frame is either not read yet or has had its effect."""
        self._is_read = False

    def send(self, message: dict[str, Any]) -> bool:
        """Send one JSON message; False if the link is gone. A silent or deaf link drops it.

        Frames of the other side that have arrived are read first, for at most a second: on a busy machine the reading
        thread may be late. Slack would not send over a link whose close frame it has received.
        """
        give_up = time.monotonic() + 1
        while True:
            with self._using:
                if self.protocol.state is not OPEN:
                    return False
                if self.deaf:
                    return True
                if not (self._is_read and self._is_readable()) or time.monotonic() > give_up:
                    self.protocol.send_text(json.dumps(message).encode())
                    return self._flush()
            time.sleep(0.001)

    def _is_readable(self, seconds: float | None = 0) -> bool:
        if isinstance(self.sock, ssl.SSLSocket) and self.sock.pending():
            return True
        poll = select.poll()
        poll.register(self.sock, select.POLLIN)
        return bool(poll.poll(None if seconds is None else 1000 * seconds))

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """Wait for bytes of the other side, and keep everybody else from the link within the context."""
        self._is_read = True
        self._is_readable(None)
        with self._using:
            yield

    def ping(self) -> None:
        """Ping the other side."""
        with self._using:
            if self.protocol.state is OPEN:
                self.protocol.send_ping(b"slack")
                self._flush()

    @property
    def is_open(self) -> bool:
        """Whether neither side has closed it."""
        return self.alive and self.protocol.state is OPEN

    def close(self) -> None:
        """Close in order, with a close frame."""
        with self._using:
            if self.protocol.state is OPEN:
                self.protocol.send_close(1000, "")
                self._flush()

    def drop(self) -> None:
        """End with a TCP reset. The reading thread must do that: a socket that is being read does not really close."""
        self.dropping = True
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RD)
        self.ended.wait(1)

    def feed(self, data: bytes) -> list[str]:
        """Take bytes from the other side and return the text messages in them. Answers pings."""
        with self._using:
            if data:
                self.protocol.receive_data(data)
            else:
                self.protocol.receive_eof()
            texts = []
            for event in self.protocol.events_received():
                if isinstance(event, Handshake):
                    continue
                self.pings += event.opcode is Opcode.PING
                self.pongs += event.opcode is Opcode.PONG
                if event.opcode is Opcode.TEXT:
                    texts.append(bytes(event.data).decode())
            self._flush()
            return texts

    def _flush(self) -> bool:
        pieces = self.protocol.data_to_send()
        if self.silent:
            return True
        try:
            for piece in pieces:
                if piece:
                    self.sock.sendall(piece)
        except OSError:
            self.alive = False
            return False
        return True
