"""Calls to Slack over connections that stay open, for the Web API and for ``response_url``s.

slack_sdk (3.47) opens a connection for each call (TCP, a proxy's tunnel, TLS): it calls ``urllib``, which sends
``Connection: close`` with every request. It takes no HTTP client, so its two clients are subclassed at the one method
that carries out a request; ``tests/sandbox/test_slack_connections.py`` checks that it is still there. ``urllib``'s own
handlers make the request as before, so proxies, ``NO_PROXY``, headers and errors are what they were. Only the
connection below them comes from here, by these rules:

- Nothing is sent twice. Where a connection breaks, a kept one too, the call fails as on a new one, and the caller
  decides: the outbox sends a message again, as twice is better than never. Redirects are not followed: ``urllib`` would
  bring the token along.
- A connection is kept only after a whole answer (``bot.runtime.answers``) with status 200 and nothing behind it.
- It is used again only if it is open and has brought no bytes meanwhile: those could not be the answer.
- It is not used again after ``LONGEST_IDLE``. What remains is the moment in which Slack closes it while we write to it:
  that call fails without an answer, as with any connection that breaks.
- Each call has a connection of its own while it lasts, so there are never more than calls at once.
- There are no cookies and no compression: these handlers of ``urllib`` have neither.
"""

from __future__ import annotations

import io
import threading
import time
import weakref
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from email.message import Message
from functools import partial
from http import HTTPStatus
from http.client import HTTPConnection, HTTPResponse, HTTPSConnection
from ssl import SSLContext
from typing import Any, NamedTuple
from urllib.request import (
    AbstractHTTPHandler,
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    OpenerDirector,
    ProxyHandler,
    Request,
    UnknownHandler,
)

from slack_sdk import WebClient
from slack_sdk.webhook import WebhookClient, WebhookResponse

from bot.runtime.answers import WholeAnswer, is_silent

LONGEST_IDLE = 10.0
"""Seconds. How long Slack keeps an idle connection is not documented, but one that it has closed is noticed. The limit
is for what lies between, which may forget one silently: a call on that would only end by its timeout."""


class _Place(NamedTuple):
    """Where a connection leads to. ``tunnel`` is the host behind a proxy, with the headers for the proxy."""

    scheme: str
    host: str
    tunnel: tuple[str, tuple[tuple[str, str], ...]] | None


class _Answer(io.BytesIO):
    """A whole answer, as ``urllib``'s handlers expect it."""

    def __init__(self, answer: HTTPResponse) -> None:
        super().__init__(answer.read())
        self.code = self.status = answer.status
        self.reason = answer.reason
        self.headers = answer.headers

    def info(self) -> Message:
        return self.headers

    def text(self) -> str:
        return self.getvalue().decode(self.headers.get_content_charset() or "utf-8")


class _Kept(NamedTuple):
    since: float
    place: _Place
    connection: HTTPConnection


class Connections:
    """The open connections that no call is using, for all threads. At most ``most`` of them are kept."""

    def __init__(self, tls: SSLContext, most: int) -> None:
        self._tls = tls
        self._most = most
        self._lock = threading.Lock()
        self._kept: deque[_Kept] = deque()
        """In the order of their last use."""
        weakref.finalize(self, _close_all, self._kept)

    def send(self, request: Request, proxy: str | None, timeout: float) -> _Answer:
        """The answer, if its status is 2xx; raises what ``urllib`` raises."""
        opener = OpenerDirector()
        # Without ``proxy`` the environment's, as in ``urlopen``.
        proxies = ProxyHandler(None if proxy is None else {"http": proxy, "https": proxy})
        for handler in (proxies, UnknownHandler(), _Handler(self), HTTPDefaultErrorHandler(), HTTPErrorProcessor()):
            opener.add_handler(handler)
        answer: _Answer = opener.open(request, timeout=timeout)
        return answer

    def take(self, place: _Place, timeout: float) -> HTTPConnection:
        """A kept connection, or a new one, which connects when its request is sent."""
        while (kept := self._newest(place)) is not None:
            if is_silent(kept.sock):
                kept.sock.settimeout(timeout)
                return kept
            kept.close()
        if place.scheme == "https":
            new: HTTPConnection = HTTPSConnection(place.host, timeout=timeout, context=self._tls)
        else:
            new = HTTPConnection(place.host, timeout=timeout)
        if place.tunnel is not None:
            host, headers = place.tunnel
            new.set_tunnel(host, headers=dict(headers))
        return new

    def keep(self, place: _Place, connection: HTTPConnection) -> None:
        """Let other calls use this connection."""
        with self._lock:
            self._kept.append(_Kept(time.monotonic(), place, connection))
            self._forget()

    def _newest(self, place: _Place) -> HTTPConnection | None:
        with self._lock:
            self._forget()
            found = next((kept for kept in reversed(self._kept) if kept.place == place), None)
            if found is None:
                return None
            self._kept.remove(found)
            return found.connection

    def _forget(self) -> None:
        oldest = time.monotonic() - LONGEST_IDLE
        while self._kept and (self._kept[0].since <= oldest or len(self._kept) > self._most):
            self._kept.popleft().connection.close()


def _close_all(kept: deque[_Kept]) -> None:
    with suppress(IndexError):
        while True:
            kept.popleft().connection.close()


class _Handler(AbstractHTTPHandler):
    """Sends ``urllib``'s requests over these connections."""

    http_request = https_request = AbstractHTTPHandler.do_request_

    def __init__(self, connections: Connections) -> None:
        super().__init__()
        self._connections = connections

    def http_open(self, request: Request) -> Any:
        return self.do_open(partial(_Borrowed, self._connections, "http"), request)  # type: ignore[arg-type]

    def https_open(self, request: Request) -> Any:
        return self.do_open(partial(_Borrowed, self._connections, "https"), request)  # type: ignore[arg-type]


class _Borrowed:
    """What ``urllib`` takes for the connection of one request."""

    sock = None
    """``urllib`` closes it."""

    def __init__(self, connections: Connections, scheme: str, host: str, *, timeout: float) -> None:
        self._connections = connections
        self._place = _Place(scheme, host, None)
        self._timeout = timeout
        self._connection: HTTPConnection | None = None

    def set_debuglevel(self, level: int) -> None:
        """Do nothing: ``http.client`` would print the token."""

    def set_tunnel(self, host: str, headers: Mapping[str, str]) -> None:
        self._place = self._place._replace(tunnel=(host, tuple(headers.items())))

    def request(self, method: str, url: str, body: Any, headers: Mapping[str, str], **more: Any) -> None:
        self._connection = self._connections.take(self._place, self._timeout)
        # ``urllib`` adds "Connection: close".
        headers = {name: value for name, value in headers.items() if name.lower() != "connection"}
        self._connection.request(method, url, body, headers, **more)

    def getresponse(self) -> _Answer:
        """The answer, read to its end. Raises what ``http.client`` raises."""
        connection: Any = self._connection
        connection.sock.settimeout(self._timeout)
        # Not before: a proxy's answer to CONNECT is read by this class, too, and would take from the timeout.
        connection.response_class = WholeAnswer
        answer = connection.getresponse()
        whole = _Answer(answer)
        try:
            whole.text()
        except LookupError:
            # The SDK would let it pass, and no caller expects it.
            raise ValueError("an answer in an unknown charset") from None
        except ValueError:
            pass  # The SDK, too, reads the text, and raises this.
        if answer.status == HTTPStatus.OK and not answer.has_surplus and not answer.will_close:
            self._connections.keep(self._place, connection)
        else:
            connection.close()
        return whole

    def close(self) -> None:
        """Called by ``urllib`` where anything failed."""
        if self._connection is not None:
            self._connection.close()


class PooledWebClient(WebClient):
    """Slack's Web API over ``connections``."""

    def __init__(self, connections: Connections, **options: Any) -> None:
        super().__init__(**options)
        self.connections = connections

    def _perform_urllib_http_request_internal(self, url: str, req: Request) -> dict[str, Any]:  # noqa: ARG002 - the SDK's
        """The SDK's seam: a dict for an answer with 2xx, and ``HTTPError`` for one with another status."""
        answer = self.connections.send(req, self.proxy, self.timeout)
        return {"status": answer.status, "headers": answer.headers, "body": answer.text()}


class PooledWebhookClient(WebhookClient):
    """A ``response_url`` over ``connections``."""

    def __init__(self, connections: Connections, url: str, **options: Any) -> None:
        super().__init__(url, **options)
        self.connections = connections

    def _perform_http_request_internal(self, url: str, req: Request) -> WebhookResponse:
        """The SDK's seam, as above."""
        answer = self.connections.send(req, self.proxy, self.timeout)
        return WebhookResponse(
            url=url,
            status_code=answer.status,
            body=answer.text(),
            headers=dict(answer.headers),
        )
