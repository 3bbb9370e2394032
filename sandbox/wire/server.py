"""A small threaded HTTP/1.1 server with faults on the wire.

Subclass `Server` and write `answer(request) -> Reply`, which runs in the thread of the connection.

    class Hello(Server):
        def answer(self, request: Request) -> Reply:
            return Reply.json({"path": request.path})

    with Hello() as hello:          # or hello.start() ... hello.stop()
        hello.url                   # "http://127.0.0.1:41234" (https:// with tls=an ssl.SSLContext)

Keep-alive is on, TCP_NODELAY is set, threads are daemons, and the server listens on loopback only. `stop()` ends every
open connection; `start()` after `stop()` takes the same port again, so that a test can play an outage.

A `Reply` says how it travels: `delay` (seconds) and `gate` (a threading.Event) hold it back, and `wire` is one of
WHOLE, CUT (headers and half of the body, then the end), RESET (TCP RST instead of an answer) and DROP (the connection
ends without an answer). Silence is `Reply(wire=DROP, gate=Event())`. `on_connect(sock)` runs on the raw socket before
TLS; to block there plays a hung handshake, to raise refuses.
"""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import struct
import threading
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from http.client import responses
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qsl, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable
    from email.message import Message

WHOLE, CUT, RESET, DROP = "whole", "cut", "reset", "drop"
LOOPBACK = "127.0.0.1"
LARGEST_BODY = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request as it arrived; `headers` is case-insensitive, `target` is the raw path with its query."""

    method: str
    target: str
    headers: Message
    body: bytes
    at: float
    peer: tuple[str, int]

    @property
    def path(self) -> str:
        """Path without the query, still percent-encoded."""
        return urlsplit(self.target).path

    @property
    def query(self) -> list[tuple[str, str]]:
        """Decoded query parameters, in order, blanks kept."""
        return parse_qsl(urlsplit(self.target).query, keep_blank_values=True)


@dataclass(slots=True)
class Reply:
    """One HTTP answer, and how it travels."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    wire: str = WHOLE
    delay: float = 0.0
    gate: threading.Event | None = None
    ahead: bytes = b""
    """Bytes in front of the answer, such as interim answers."""
    behind: bytes = b""
    """Bytes behind it, such as the same answer once more. The connection is kept."""
    takeover: Callable[[socket.socket], None] | None = None
    """Instead of an answer: gets the raw socket, e.g. for a WebSocket. The socket is closed when this returns."""

    @classmethod
    def json(cls, value: object, status: int = 200, headers: dict[str, str] | None = None) -> Reply:
        """Build an answer with a JSON body."""
        body = json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
        return cls(status, body, {"Content-Type": "application/json; charset=utf-8", **(headers or {})})


class Server(ABC):
    """Serves HTTP/1.1 on a loopback port, one daemon thread per connection."""

    def __init__(self, port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self.port = port
        self.tls = tls
        self.on_connect: Callable[[socket.socket], None] | None = None
        self.errors: list[BaseException] = []
        """Exceptions that `answer` raised: bugs of the double, so tests should find this empty."""
        self.stopping = threading.Event()
        self._gates: set[threading.Event] = set()
        self._listener: _Listener | None = None

    @abstractmethod
    def answer(self, request: Request) -> Reply:
        """Answer one request."""

    @property
    def url(self) -> str:
        """Base address without a trailing slash."""
        return f"{'https' if self.tls else 'http'}://{LOOPBACK}:{self.port}"

    def start(self) -> Self:
        """Take the port and start to serve; returns self."""
        if self._listener is None:
            self.stopping.clear()
            self._listener = _Listener(self)
            self.port = self._listener.server_address[1]
            serve = threading.Thread(
                target=self._listener.serve_forever,
                args=(0.05,),
                name=f"{type(self).__name__}:{self.port}",
                daemon=True,
            )
            serve.start()
        return self

    def stop(self) -> None:
        """Release the port and end every open connection."""
        listener, self._listener = self._listener, None
        if listener is not None:
            self.stopping.set()
            for gate in list(self._gates):
                gate.set()
            listener.shutdown()
            listener.server_close()
            listener.end_connections()

    def __enter__(self) -> Self:
        """Start."""
        return self.start()

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.stop()

    def hold(self, gate: threading.Event, seconds: float | None = None) -> None:
        """Wait until the gate opens, the seconds have passed or the server stops."""
        self._gates.add(gate)
        try:
            if not self.stopping.is_set():
                gate.wait(seconds)
        finally:
            self._gates.discard(gate)


class _Listener(ThreadingHTTPServer):
    """The accepting half. It knows its open sockets, so that they can be ended."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 1024
    allow_reuse_address = True

    def __init__(self, owner: Server) -> None:
        self.owner = owner
        self._open: set[socket.socket] = set()
        super().__init__((LOOPBACK, owner.port), _Handler)

    def server_bind(self) -> None:
        """Bind without the reverse DNS look-up of http.server."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = LOOPBACK, self.server_address[1]

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Do the TLS handshake in the connection's own thread, so that one slow client delays nobody else."""
        sock: socket.socket = request
        self._open.add(sock)
        try:
            if self.owner.on_connect is not None:
                self.owner.on_connect(sock)
            if self.owner.tls is not None:
                # Registered before the handshake: the client may finish it before this thread goes on.
                plain = sock
                sock = self.owner.tls.wrap_socket(plain, server_side=True, do_handshake_on_connect=False)
                self._open.add(sock)
                self._open.discard(plain)
                sock.do_handshake()
            _Handler(sock, client_address, self)
        finally:
            self._open.discard(sock)
            if sock is not request:
                sock.close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print nothing: a client may go away on purpose, and the errors of `answer` are recorded."""

    def end_connections(self) -> None:
        """End the open connections; their threads notice and end."""
        for sock in list(self._open):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    """One connection: read a request, ask the owner, write the reply in one piece."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Listener

    def _serve(self) -> None:
        owner = self.server.owner
        body = self._read_body()
        if body is None:
            self._write(Reply(400, b"unreadable body"))
            self.close_connection = True
            return
        request = Request(self.command, self.path, self.headers, body, time.time(), self.client_address)
        try:
            reply = owner.answer(request)
        except Exception as error:  # noqa: BLE001 - a bug of a double must fail the test, not hang it
            owner.errors.append(error)
            reply = Reply(500, f"the double failed: {error!r}".encode())
        if reply.delay:
            owner.stopping.wait(reply.delay)
        if reply.gate is not None:
            owner.hold(reply.gate)
        self._write(reply)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815 - http.server's names

    def _read_body(self) -> bytes | None:
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            return self._read_chunks()
        length = self.headers.get("Content-Length", "0")
        if not length.isdigit() or int(length) > LARGEST_BODY:
            return None
        return self.rfile.read(int(length)) if length != "0" else b""

    def _read_chunks(self) -> bytes | None:
        body = b""
        while len(body) <= LARGEST_BODY:
            size = int(self.rfile.readline(64).split(b";")[0].strip() or b"0", 16)
            body += self.rfile.read(size)
            self.rfile.readline(64)
            if size == 0:
                return body
        return None

    def _write(self, reply: Reply) -> None:
        if reply.takeover is not None:
            self.close_connection = True
            self.rfile.close()
            reply.takeover(self.connection)
            return
        if reply.wire in (RESET, DROP):
            self.close_connection = True
            if reply.wire == RESET:
                reset(self.connection, self.rfile)
            return
        bodiless = reply.status in (204, 304) or self.command == "HEAD"
        head = [f"HTTP/1.1 {reply.status} {responses.get(reply.status, 'Status')}"]
        head += [f"{name}: {value}" for name, value in reply.headers.items()]
        if reply.status not in (204, 304) and "Content-Length" not in reply.headers:
            head.append(f"Content-Length: {len(reply.body)}")
        if reply.headers.get("Connection", "").lower() == "close":
            self.close_connection = True
        body = b"" if bodiless else reply.body
        if reply.wire == CUT:
            self.close_connection = True
            body = body[: len(body) // 2]
        head_bytes = "\r\n".join([*head, "", ""]).encode("latin-1")
        self.connection.sendall(reply.ahead + head_bytes + body + reply.behind)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's signature
        """Print nothing."""


def reset(sock: socket.socket, *files: Any) -> None:
    """End a TCP connection with RST: set linger to zero and close every file on the socket first (they keep it open).

    A thread that reads the socket keeps it open too: call this from that thread.
    """
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    for file in files:
        with contextlib.suppress(OSError):
            file.close()
    sock.close()
