"""HTTP mode: Slack's requests over waitress, verified on their raw bytes before anything is parsed.

What is verified is parsed here and goes to Bolt as a dict, the same way as in Socket Mode. So nothing unsigned reaches
Bolt, and its own form parser is never used, which (1.30) drops a body that contains the letters "payload" anywhere.
Nothing in Slack's scheme stops a replay within five minutes; the ledger does, since a claim can be won only once.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

import structlog
from slack_bolt import App
from slack_bolt.request import BoltRequest
from slack_bolt.response import BoltResponse
from slack_sdk.signature import SignatureVerifier
from waitress import wasyncore
from waitress.server import create_server

from bot.transports import CannotConnect

log = structlog.get_logger(__name__)

PATH = "/slack/events"
LARGEST_BODY = 1024 * 1024
THREADS = 8
"""Acks never wait for anything, so a few threads are enough."""
MOST_CONNECTIONS = 1000
"""waitress reads requests without a thread, so slow clients cost a connection each and nothing else."""
SLOWEST_REQUEST = 30
BACKLOG = 1024
CLOSE_SECONDS = 3.0
FORM = "application/x-www-form-urlencoded"
JSON = "application/json"

StartResponse = Callable[[str, list[tuple[str, str]]], Any]
Answer = tuple[HTTPStatus, bytes, str]
PLAIN = "text/plain; charset=utf-8"


class SlackEndpoint:
    """The WSGI application behind the one address that all of Slack's request URLs name."""

    def __init__(self, app: App, signing_secret: str) -> None:
        self._app = app
        self._verifier = SignatureVerifier(signing_secret)

    def __call__(self, environ: Mapping[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """One request."""
        status, body, content_type = self._answer(environ)
        headers = [("Content-Type", content_type), ("Content-Length", str(len(body)))]
        start_response(f"{status.value} {status.phrase}", headers)
        return [body]

    def _answer(self, environ: Mapping[str, Any]) -> Answer:
        if environ.get("PATH_INFO") != PATH:
            return _plain(HTTPStatus.NOT_FOUND)
        if environ.get("REQUEST_METHOD") != "POST":
            return _plain(HTTPStatus.METHOD_NOT_ALLOWED)
        raw: bytes = environ["wsgi.input"].read(LARGEST_BODY + 1)
        content_type = str(environ.get("CONTENT_TYPE", "")).partition(";")[0].strip().lower()
        if is_ssl_check(raw, content_type):
            return HTTPStatus.OK, b"", PLAIN
        if not self._is_signed(raw, environ):
            log.warning("request_refused", why="signature", bytes=len(raw))
            return _plain(HTTPStatus.UNAUTHORIZED)
        try:
            body = parse(raw, content_type)
        except ValueError:
            return _plain(HTTPStatus.BAD_REQUEST)
        return _as_answer(self._app.dispatch(BoltRequest(body=body, mode="socket_mode", headers=_retry(environ))))

    def _is_signed(self, raw: bytes, environ: Mapping[str, Any]) -> bool:
        timestamp = str(environ.get("HTTP_X_SLACK_REQUEST_TIMESTAMP", ""))
        signature = str(environ.get("HTTP_X_SLACK_SIGNATURE", ""))
        # The SDK raises for anything else (rulebook 7.4); it also refuses what is older or newer than five minutes.
        if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) < 16 and signature.isascii()):
            return False
        try:
            return self._verifier.is_valid(raw, timestamp, signature)
        except UnicodeDecodeError:
            return False  # The SDK decodes the body first, and Slack sends UTF-8.


def is_ssl_check(raw: bytes, content_type: str) -> bool:
    """Slack's certificate check, which is not signed and asks for nothing but a 200 (rulebook 7.6)."""
    return content_type == FORM and len(raw) < 1024 and ("ssl_check", "1") in parse_qsl(raw.decode("latin-1"))


def parse(raw: bytes, content_type: str) -> dict[str, Any]:
    """A command's form, an interaction's form with JSON in its field ``payload``, or an event's JSON.

    Raises ``ValueError`` for anything else.
    """
    if content_type == JSON:
        found = json.loads(raw)
    elif content_type == FORM:
        form = dict(parse_qsl(raw.decode("utf-8"), keep_blank_values=True))
        found = json.loads(form["payload"]) if "payload" in form else form
    else:
        raise ValueError("neither a form nor JSON")
    if not isinstance(found, dict):
        raise ValueError("not an object")  # noqa: TRY004 - one kind of error for whatever is not a request of Slack's
    return found


def _retry(environ: Mapping[str, Any]) -> dict[str, str | Sequence[str]]:
    names = ("x-slack-retry-num", "x-slack-retry-reason")
    keys = {name: f"HTTP_{name.upper().replace('-', '_')}" for name in names}
    return {name: str(environ[key]) for name, key in keys.items() if key in environ}


def _as_answer(response: BoltResponse) -> Answer:
    content_type = response.headers.get("content-type", [PLAIN])[0]
    return HTTPStatus(response.status), (response.body or "").encode("utf-8"), content_type


def _plain(status: HTTPStatus) -> Answer:
    return status, status.phrase.encode("ascii"), PLAIN


class HttpTransport:
    """The bot's HTTP server for Slack."""

    def __init__(self, app: App, signing_secret: str, host: str, port: int) -> None:
        self._endpoint = SlackEndpoint(app, signing_secret)
        self._address = host, port
        self._server: Any = None
        self._ends = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        """The port that is listened on; with port 0 the system chose it."""
        return int(self._server.effective_port)

    def start(self) -> None:
        """Listen; raises ``CannotConnect``."""
        host, port = self._address
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            listener = socket.create_server((host, port), family=family, backlog=BACKLOG)
        except OSError as error:
            raise CannotConnect(f"HTTP_HOST and HTTP_PORT cannot be listened on: {error.strerror}.") from None
        self._server = create_server(
            self._endpoint,
            sockets=[listener],
            threads=THREADS,
            connection_limit=MOST_CONNECTIONS,
            channel_timeout=SLOWEST_REQUEST,
            cleanup_interval=5,
            max_request_body_size=LARGEST_BODY,
            max_request_header_size=32 * 1024,
            asyncore_use_poll=True,
            ident=None,
            clear_untrusted_proxy_headers=True,
        )
        self._thread = threading.Thread(target=self._serve, name="http", daemon=True)
        self._thread.start()
        log.info("http_listening", host=host, port=self.port)

    def _serve(self) -> None:
        while not self._ends.is_set():
            wasyncore.loop(timeout=1, map=self._server._map, count=1, use_poll=True)  # noqa: SLF001 - it has no other way.

    def is_connected(self) -> bool:
        """Whether Slack's requests are being served."""
        return self._thread is not None and self._thread.is_alive()

    def watch(self) -> int:
        """Nothing to watch: a server has no peer that could fall silent."""
        return 0

    def close(self) -> None:
        """Stop serving.

        The loop ends first and the workers next, so that nobody is left who could write to a descriptor that is closed,
        and belongs to something else by then.
        """
        server, thread = self._server, self._thread
        if server is None or thread is None:
            return
        self._ends.set()
        server.pull_trigger()
        thread.join(CLOSE_SECONDS)
        server.task_dispatcher.shutdown()
        wasyncore.close_all(server._map)  # noqa: SLF001 - as in _serve.
