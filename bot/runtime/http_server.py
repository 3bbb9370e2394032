"""A waitress server in a thread of its own: HTTP mode and the addresses for health and metrics."""

from __future__ import annotations

import logging
import select
import socket
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import Any

from waitress import wasyncore
from waitress.server import create_server

StartResponse = Callable[[str, list[tuple[str, str]]], Any]
Application = Callable[[Mapping[str, Any], StartResponse], Iterable[bytes]]
Response = tuple[HTTPStatus, bytes, str]
"""Status, body and content type."""

MOST_CONNECTIONS = 1000
"""waitress reads requests without a thread, so slow clients cost a connection each and nothing else."""
SLOWEST_REQUEST = 30
BACKLOG = 1024
CLOSE_SECONDS = 3.0
SILENT_SECONDS = 3.0
"""How long an open connection may wait for its first request once no new connection is accepted."""
TURN_SECONDS = 1.0
"""The loop turns at least that often, also without a request."""
LONGEST_TURN = 10.0

# waitress warns of each request that waits for a thread, although a crowd of a hundred is answered within a second.
logging.getLogger("waitress.queue").setLevel(logging.ERROR)


class Server:
    """A WSGI application behind one address. With port 0 the system chooses the port."""

    def __init__(
        self, name: str, application: Application, address: tuple[str, int], *, threads: int, largest_body: int
    ) -> None:
        self._name = name
        self._application = application
        self._address = address
        self._threads = threads
        self._largest_body = largest_body
        self._server: Any = None
        self._thread: threading.Thread | None = None
        self._ends = threading.Event()
        self._leaves = threading.Event()
        self._has_left = threading.Event()
        self._silent_until = 0.0
        self._turned = 0.0

    @property
    def port(self) -> int:
        """The listening port."""
        return int(self._server.effective_port)

    def start(self) -> None:
        """Listen; raises ``CannotListen``."""
        try:
            listener = _listener(self._address)
        except OSError as error:
            raise CannotListen(error.strerror or type(error).__name__) from None
        self._server = create_server(
            self._application,
            sockets=[listener],
            threads=self._threads,
            connection_limit=MOST_CONNECTIONS,
            channel_timeout=SLOWEST_REQUEST,
            cleanup_interval=5,
            max_request_body_size=self._largest_body,
            max_request_header_size=32 * 1024,
            asyncore_use_poll=True,
            ident=None,
            clear_untrusted_proxy_headers=True,
        )
        self._turned = time.monotonic()
        self._thread = threading.Thread(target=self._serve, name=self._name, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while not self._ends.is_set():
            wasyncore.loop(timeout=TURN_SECONDS, map=self._server._map, count=1, use_poll=True)  # noqa: SLF001 - it has no other way.
            self._turned = time.monotonic()
            if self._leaves.is_set():
                self._take_nothing_new()

    def _take_nothing_new(self) -> None:
        """Close the listening socket and the idle connections.

        A balancer connects before it sends, so a new connection has some seconds for its first request.
        """
        if self._server.accepting:
            self._accept_all()
            wasyncore.dispatcher.close(self._server)
            self._silent_until = time.monotonic() + SILENT_SECONDS
        is_patient = time.monotonic() < self._silent_until
        for channel in list(self._server.active_channels.values()):
            is_silent = channel.last_activity == channel.creation_time
            if not channel.requests and channel.request is None and not (is_silent and is_patient):
                channel.close_when_flushed = True
        if not (self._server.active_channels and is_patient):
            self._has_left.set()

    def _accept_all(self) -> None:
        """Accept the backlog: when a listening socket closes, the system resets connections that are not accepted."""
        waiting = select.poll()
        waiting.register(self._server.socket, select.POLLIN)
        for _ in range(BACKLOG):
            if not waiting.poll(0):
                return
            self._server.handle_accept()

    def stop_listening(self) -> None:
        """Accept no new connection. Waits some seconds until the requests of the open ones are answered."""
        self._leaves.set()
        self._server.pull_trigger()
        self._has_left.wait(SILENT_SECONDS + CLOSE_SECONDS)

    @property
    def is_serving(self) -> bool:
        """Whether the loop runs that accepts connections and reads requests."""
        is_alive = self._thread is not None and self._thread.is_alive() and not self._ends.is_set()
        return is_alive and time.monotonic() - self._turned < LONGEST_TURN

    def close(self) -> None:
        """Stop serving.

        The loop ends first and the workers next. So no thread can write to a closed descriptor, which may belong to
        another file by then.
        """
        server, thread = self._server, self._thread
        if server is None or thread is None:
            return
        self._ends.set()
        server.pull_trigger()
        thread.join(CLOSE_SECONDS)
        server.task_dispatcher.shutdown()
        wasyncore.close_all(server._map)  # noqa: SLF001 - as in _serve.


def _listener(address: tuple[str, int]) -> socket.socket:
    """A listening socket. ``::`` means every address, IPv6 and IPv4, also on a machine that has no IPv6."""
    host, port = address
    every = host == "::"
    if every and not socket.has_dualstack_ipv6():
        return socket.create_server(("0.0.0.0", port), backlog=BACKLOG)  # noqa: S104 - as asked for # nosec B104
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server(address, family=family, backlog=BACKLOG, dualstack_ipv6=every)


def respond(answer: Response, start_response: StartResponse) -> Iterable[bytes]:
    """One response in WSGI's form."""
    status, body, content_type = answer
    headers = [("Content-Type", content_type), ("Content-Length", str(len(body)))]
    start_response(f"{status.value} {status.phrase}", headers)
    return [body]


def plain(status: HTTPStatus) -> Response:
    """A response with the name of its status as the text."""
    return status, status.phrase.encode("ascii"), "text/plain; charset=utf-8"


class CannotListen(Exception):
    """The address cannot be listened on. The message is the system's reason, for the person who starts the bot."""
