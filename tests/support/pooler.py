"""A pooler between the ledger and PostgreSQL, as PgBouncer is one: few connections to the server, lent to many clients.

In transaction mode each transaction gets the server connection that has been idle longest, so what a client sets for
its session, or prepares there, is gone with the transaction. Start-up ``options`` are refused, as PgBouncer refuses
them. It speaks no TLS and asks for no password.
"""

from __future__ import annotations

import contextlib
import queue
import socket
import struct
import threading
from pathlib import Path

from sqlalchemy import make_url

STARTUP, NO_TLS = 196608, {80877103, 80877104}
WAITS_FOR_ANSWER = b"QS"
"""A simple query, and the Sync that ends an extended one: after these the server answers until it is ready."""


class Pooler:
    """Listens on this machine; ``url`` leads through it to the database behind another one."""

    def __init__(self, url: str, *, session: bool, size: int = 3) -> None:
        self._target = make_url(url)
        self._session = session
        self._idle: queue.Queue[socket.socket] = queue.Queue()
        self._greeting = b""
        self._open: list[socket.socket] = []
        for _ in range(size):
            self._idle.put(self._connect())
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open.append(self._listener)
        port = self._listener.getsockname()[1]
        through = self._target.difference_update_query(["host"]).set(host="127.0.0.1", port=port)
        self.url = through.render_as_string(hide_password=False)
        threading.Thread(target=self._listen, daemon=True).start()

    def close(self) -> None:
        """End every connection."""
        for each in self._open:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _connect(self) -> socket.socket:
        """One connection to the server; what it says about itself is what each client is told."""
        server = socket.socket(socket.AF_UNIX)
        self._open.append(server)
        folder = self._target.query["host"]
        assert isinstance(folder, str)
        server.connect(str(Path(folder) / ".s.PGSQL.5432"))
        words = ("user", str(self._target.username), "database", str(self._target.database), "")
        body = struct.pack("!I", STARTUP) + b"\0".join(word.encode() for word in words) + b"\0"
        server.sendall(struct.pack("!I", len(body) + 4) + body)
        kind, greeting = b"", b""
        while kind != b"Z":
            kind, message = _read(server)
            assert kind != b"E", message
            greeting += message
        self._greeting = greeting
        return server

    def _listen(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._open.append(client)
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        server: socket.socket | None = None
        with contextlib.suppress(OSError):
            if not self._welcome(client):
                client.close()
                return
            while True:
                kind, message = _read(client)
                if kind in {b"X", b""}:
                    break
                server = server or self._idle.get(timeout=20)
                server.sendall(message)
                if kind in WAITS_FOR_ANSWER and _relay(server, client) == b"I" and not self._session:
                    self._idle.put(server)
                    server = None
        if server is not None:
            self._idle.put(server)

    def _welcome(self, client: socket.socket) -> bool:
        while True:
            (length,) = struct.unpack("!I", _exactly(client, 4))
            body = _exactly(client, length - 4)
            (code,) = struct.unpack("!I", body[:4])
            if code not in NO_TLS:
                break
            client.sendall(b"N")
        if b"options" in body[4:].split(b"\0")[::2]:
            said = b"SFATAL\0C08P01\0Munsupported startup parameter: options\0\0"
            client.sendall(b"E" + struct.pack("!I", len(said) + 4) + said)
            return False
        client.sendall(self._greeting)
        return True


def _relay(server: socket.socket, client: socket.socket) -> bytes:
    """The answer of the server, up to the word that it is ready; whether a transaction is open then."""
    answer = b""
    while True:
        kind, message = _read(server)
        answer += message
        if kind in {b"Z", b""}:
            # In one piece: many small ones would each wait for the one before to be acknowledged.
            client.sendall(answer)
            return message[-1:]


def _read(connection: socket.socket) -> tuple[bytes, bytes]:
    """One message: its kind, and all of it. No kind means that the other side has ended."""
    head = _exactly(connection, 5)
    if len(head) < 5:
        return b"", b""
    (length,) = struct.unpack("!I", head[1:])
    return head[:1], head + _exactly(connection, length - 4)


def _exactly(connection: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size and (more := connection.recv(size - len(found))):
        found += more
    return found
