"""HTTP mode: Slack's requests over waitress, verified on their raw bytes before anything is parsed.

A verified body is parsed here and goes to Bolt as a dict, as in Socket Mode. So nothing unsigned reaches Bolt, and
Bolt's own form parser is never used: it (1.30) drops a body that contains the letters "payload" anywhere.

Slack's signatures do not stop a replay within five minutes. The ledger does: for ten minutes and for all replicas it
remembers each command and click that was served (``PendingRequests.note``); the second is answered "already handled".
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

import structlog
from slack_bolt import App
from slack_bolt.request import BoltRequest
from slack_bolt.response import BoltResponse
from slack_sdk.signature import SignatureVerifier

from bot.runtime.http_server import CannotListen, Response, Server, StartResponse, plain, respond
from bot.slack.transport import CannotConnect

log = structlog.get_logger(__name__)

PATH = "/slack/events"
HEALTH_PATH = "/healthz"
LARGEST_BODY = 1024 * 1024
THREADS = 8
"""Acks wait for no I/O, so a few threads are enough."""
GRACE_SECONDS = 7.0
"""Time for a balancer that probes readiness every five seconds to notice that this replica is about to stop."""
FORM = "application/x-www-form-urlencoded"
JSON = "application/json"

PLAIN = "text/plain; charset=utf-8"


class SlackEndpoint:
    """The WSGI application. All request URLs of the Slack app name its one address."""

    def __init__(self, app: App, signing_secret: str) -> None:
        self._app = app
        self._verifier = SignatureVerifier(signing_secret)

    def __call__(self, environ: Mapping[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        return respond(self._answer(environ), start_response)

    def _answer(self, environ: Mapping[str, Any]) -> Response:
        if environ.get("PATH_INFO") == HEALTH_PATH and environ.get("REQUEST_METHOD") in {"GET", "HEAD"}:
            # For load balancers. The address is public, so the answer says only that the process lives.
            return HTTPStatus.OK, b"", PLAIN
        if environ.get("PATH_INFO") != PATH:
            return plain(HTTPStatus.NOT_FOUND)
        if environ.get("REQUEST_METHOD") != "POST":
            return plain(HTTPStatus.METHOD_NOT_ALLOWED)
        raw: bytes = environ["wsgi.input"].read(LARGEST_BODY + 1)
        content_type = str(environ.get("CONTENT_TYPE", "")).partition(";")[0].strip().lower()
        if is_ssl_check(raw, content_type):
            return HTTPStatus.OK, b"", PLAIN
        if not self._is_signed(raw, environ):
            log.warning("request_refused", why="signature", bytes=len(raw))
            return plain(HTTPStatus.UNAUTHORIZED)
        try:
            body = parse(raw, content_type)
        except ValueError:
            return plain(HTTPStatus.BAD_REQUEST)
        return _as_answer(self._app.dispatch(BoltRequest(body=body, mode="socket_mode", headers=_retry(environ))))

    def _is_signed(self, raw: bytes, environ: Mapping[str, Any]) -> bool:
        timestamp = str(environ.get("HTTP_X_SLACK_REQUEST_TIMESTAMP", ""))
        signature = str(environ.get("HTTP_X_SLACK_SIGNATURE", ""))
        # The SDK raises for any other form (rulebook 7.4). It refuses timestamps more than five minutes off.
        if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) < 16 and signature.isascii()):
            return False
        try:
            return self._verifier.is_valid(raw, timestamp, signature)
        except UnicodeDecodeError:
            return False  # The SDK decodes the body first. Slack sends UTF-8.


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
        raise ValueError("not an object")  # noqa: TRY004 - one error for every body that is not Slack's
    return found


def _retry(environ: Mapping[str, Any]) -> dict[str, str | Sequence[str]]:
    names = ("x-slack-retry-num", "x-slack-retry-reason")
    keys = {name: f"HTTP_{name.upper().replace('-', '_')}" for name in names}
    return {name: str(environ[key]) for name, key in keys.items() if key in environ}


def _as_answer(response: BoltResponse) -> Response:
    content_type = response.headers.get("content-type", [PLAIN])[0]
    return HTTPStatus(response.status), (response.body or "").encode("utf-8"), content_type


class HttpTransport:
    """The bot's HTTP server for Slack."""

    def __init__(self, app: App, signing_secret: str, host: str, port: int) -> None:
        endpoint = SlackEndpoint(app, signing_secret)
        self._host = host
        self._server = Server("http", endpoint, (host, port), threads=THREADS, largest_body=LARGEST_BODY)

    @property
    def port(self) -> int:
        """The listening port; for port 0 the system chose it."""
        return self._server.port

    def start(self) -> None:
        """Listen; raises ``CannotConnect``."""
        try:
            self._server.start()
        except CannotListen as error:
            raise CannotConnect(f"HTTP_HOST and HTTP_PORT cannot be listened on: {error}.") from None
        log.info("http_listening", host=self._host, port=self.port)

    def is_connected(self) -> bool:
        """Whether Slack's requests are being served."""
        return self._server.is_serving

    def is_alive(self) -> bool:
        """As ``is_connected``: a server that has stopped does not come back."""
        return self._server.is_serving

    def watch(self) -> int:
        """Do nothing: a server has no peer that could fall silent."""
        return 0

    def hand_over(self) -> bool:
        """Serve until the balancer has noticed, then accept no more connections.

        A balancer that only notices refused connections changes over then.
        """
        time.sleep(GRACE_SECONDS)
        self._server.stop_listening()
        log.info("http_left")
        return True

    def close(self) -> None:
        """Stop serving."""
        self._server.close()
