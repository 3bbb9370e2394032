"""The HTTP session towards MetaStudio, a stricter ``requests.Session``.

The differences, each with its reason:

- the environment is ignored (``trust_env``): ``~/.netrc`` would replace our Authorization header, and proxy variables
  and ``REQUESTS_CA_BUNDLE`` would redirect the request or change which certificates are trusted;
- one SSL context for all connections: the adapter of ``requests`` loads the CA file for each, some 25 ms of CPU;
- no compression (``Accept-Encoding: identity``, which is not signed): answers are small, and a truncated compressed
  answer looks like an empty one;
- no retries, redirects or cookies below us;
- the read timeout bounds the whole answer, status line to last byte. That of ``requests`` starts anew with each packet,
  so a server that sends one byte at a time would hold a deletion for ever;
- an answer whose headers are truncated counts as cut. ``http.client`` takes the end of the stream for the end of the
  headers, so half a "200 OK" would count as a success;
- every interim answer (1xx) is skipped. ``http.client`` skips 100 alone and takes a 102 or 103 for the answer; the next
  request would get the real one. 101 is no interim answer: the connection changes its protocol then;
- a connection with unread bytes carries no request: bytes that came before a request cannot be its answer;
- a session with ``once`` uses each connection for one request (a DELETE), so no other request's answer can come on it.
  ``connect_ahead`` opens one in advance, so that the request does not wait for a handshake;
- ``sending_allowed_while`` makes a last check when the connection is open and nothing has been written to it.
"""

from __future__ import annotations

import contextlib
import http.client
import io
import logging
import ssl
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from http.client import parse_headers
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.util.proxy import connection_requires_http_tunnel

from bot.metastudio.causes import HandshakeHung, TooLateToSend, UnusableConnection

MOST_INTERIM = 100
"""Maximum of interim answers before one answer. The timeout bounds their time, and this bounds the work."""

KEPT_AHEAD = 10.0
"""Seconds after which a connection that was opened in advance is stale: a firewall may have dropped it silently, and a
request written to it would end as unknown."""

# At WARNING urllib3 quotes addresses and unparsable parts of an answer. Neither may get into our log.
logging.getLogger("urllib3").setLevel(logging.ERROR)

_may_send: ContextVar[Callable[[], bool] | None] = ContextVar("may_send", default=None)


@contextlib.contextmanager
def sending_allowed_while(may_send: Callable[[], bool] | None) -> Iterator[None]:
    """Within this block a request is sent only if ``may_send`` returns true when its connection is open.

    The DNS look-up and connecting take time, so a check of the clock before them would prove little.
    """
    token = _may_send.set(may_send)
    try:
        yield
    finally:
        _may_send.reset(token)


class _Bounded(io.RawIOBase):
    """Reads from a socket until a deadline, which is set when the reading begins."""

    def __init__(self, raw: io.RawIOBase, sock: Any) -> None:
        super().__init__()
        self._raw, self._sock = raw, sock
        seconds = sock.gettimeout()
        self._until = None if seconds is None else time.monotonic() + seconds
        self.ended = False
        self._stopped = False

    def stop(self) -> None:
        """Read no more from the socket."""
        self._stopped = True

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self._stopped:
            return None
        if self._until is not None:
            left = self._until - time.monotonic()
            if left <= 0:
                raise TimeoutError("the answer did not end in time")
            self._sock.settimeout(left)
        count: int | None = self._raw.readinto(buffer)
        self.ended = self.ended or count == 0
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _WholeResponse(http.client.HTTPResponse):
    """An answer that has to be complete within the timeout."""

    def __init__(self, sock: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self._bounded = _Bounded(self.fp.detach(), sock)
        self.fp = io.BufferedReader(self._bounded)
        self.has_surplus = False

    def begin(self) -> None:
        super().begin()
        if self._bounded.ended:
            raise http.client.IncompleteRead(b"")
        if self.status == http.HTTPStatus.SWITCHING_PROTOCOLS:
            self.will_close = True

    def _read_status(self) -> tuple[str, int, str]:
        for _ in range(MOST_INTERIM + 1):
            version, status, reason = super()._read_status()  # type: ignore[misc]
            if not 100 <= status <= 199 or status == http.HTTPStatus.SWITCHING_PROTOCOLS:
                return version, status, reason
            parse_headers(self.fp)
        raise http.client.HTTPException("too many interim answers")

    def _close_conn(self) -> None:
        """Called when the answer is complete or given up: note whether bytes after its end were read with it."""
        self._bounded.stop()
        self.has_surplus = bool(self.fp.peek(1))
        super()._close_conn()  # type: ignore[misc]


def _is_silent(sock: Any) -> bool:
    """Whether the connection is open without unread bytes. Reads a byte, if there is one.

    Polling the socket is not enough: in TLS 1.3 a session ticket arrives after the handshake without a request, and the
    kernel does not see bytes that are already decrypted.
    """
    seconds = sock.gettimeout()
    try:
        sock.settimeout(0)
        sock.recv(1)
    except (BlockingIOError, ssl.SSLWantReadError):
        return True
    except OSError:
        return False
    finally:
        with contextlib.suppress(OSError):
            sock.settimeout(seconds)
    return False


class _Connection(HTTPConnection):
    _answer: _WholeResponse | None = None

    def response_class(self, *args: Any, **kwargs: Any) -> _WholeResponse:  # type: ignore[override]
        """Called by ``http.client`` for each answer."""
        self._answer = _WholeResponse(*args, **kwargs)
        return self._answer

    def close(self) -> None:
        """Close. urllib3 reconnects a closed connection."""
        self._answer = None
        super().close()

    @property
    def is_connected(self) -> bool:
        """Whether urllib3 may reuse the connection."""
        is_clean = self._answer is None or not self._answer.has_surplus
        return is_clean and self.sock is not None and _is_silent(self.sock)

    def request(self, *args: Any, **kwargs: Any) -> None:
        if self.sock is None:
            self.connect()
        if not self.is_connected:
            raise UnusableConnection("the connection was closed, or brought bytes, before the request was written")
        may_send = _may_send.get()
        if may_send is not None and not may_send():
            raise TooLateToSend("the time allowed for sending has passed")
        super().request(*args, **kwargs)


class _TlsConnection(_Connection, HTTPSConnection):
    def connect(self) -> None:
        try:
            HTTPSConnection.connect(self)
        except TimeoutError as error:  # urllib3's ConnectTimeoutError, without a TCP connection, is none
            raise HandshakeHung from error


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class _OnePerRequest(HTTPConnectionPool):
    """A pool that keeps only unused connections."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._ahead: deque[tuple[float, Any]] = deque()
        weakref.finalize(self, _close_all, self._ahead)  # As in urllib3: nothing calls ``close`` of a pool.

    def connect_ahead(self, scheme: str, connect_timeout: float) -> None:
        """Open one connection for the next request to an address of this ``scheme``; raises if that fails."""
        self._forget(older_than=KEPT_AHEAD)
        conn: Any = self._new_conn()
        conn.timeout = connect_timeout
        try:
            if self.proxy is not None and connection_requires_http_tunnel(self.proxy, self.proxy_config, scheme):
                self._prepare_proxy(conn)
            else:
                conn.connect()
        except BaseException:
            conn.close()
            raise
        self._ahead.append((time.monotonic(), conn))

    def _get_conn(self, timeout: float | None = None) -> Any:
        self._forget(older_than=KEPT_AHEAD)
        with contextlib.suppress(IndexError):
            while True:
                _, conn = self._ahead.pop()
                if conn.is_connected:
                    return conn
                conn.close()
        return super()._get_conn(timeout)

    def _put_conn(self, conn: Any) -> None:
        if conn is not None:
            conn.close()

    def _forget(self, older_than: float) -> None:
        with contextlib.suppress(IndexError):
            while time.monotonic() - self._ahead[0][0] >= older_than:
                self._ahead.popleft()[1].close()


def _close_all(connections: deque[tuple[float, Any]]) -> None:
    for _, conn in connections:
        conn.close()


class _OncePool(_OnePerRequest, _Pool):
    pass


class _OnceTlsPool(_OnePerRequest, _TlsPool):
    pass


_POOLS = {"http": _Pool, "https": _TlsPool}
_ONCE_POOLS = {"http": _OncePool, "https": _OnceTlsPool}


class _Adapter(HTTPAdapter):
    """Gives every pool the one SSL context and our connection classes."""

    def __init__(self, ssl_context: ssl.SSLContext, pool_size: int, *, once: bool) -> None:
        self._ssl_context = ssl_context
        self._pools = _ONCE_POOLS if once else _POOLS
        super().__init__(pool_connections=2, pool_maxsize=pool_size, max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs, ssl_context=self._ssl_context)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        kwargs.update(ssl_context=self._ssl_context, proxy_ssl_context=self._ssl_context)
        manager = super().proxy_manager_for(proxy, **kwargs)
        manager.pool_classes_by_scheme = self._pools
        return manager

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Do nothing: the context has its certificates, and requests would add its own CA file each time."""


class Session(requests.Session):
    """See the top of this file."""

    def __init__(self, ssl_context: ssl.SSLContext, pool_size: int, *, once: bool = False) -> None:
        super().__init__()
        self.trust_env = False
        self.headers["Accept-Encoding"] = "identity"
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._adapter = _Adapter(ssl_context, pool_size, once=once)
        for scheme in ("https://", "http://"):
            self.mount(scheme, self._adapter)

    def connect_ahead(self, url: str, proxies: dict[str, str], connect_timeout: float) -> None:
        """Open a connection for the next request to this address, in a session with ``once``."""
        request = requests.Request("DELETE", url).prepare()
        pool: Any = self._adapter.get_connection_with_tls_context(request, self.verify, proxies)
        pool.connect_ahead(url.partition(":")[0], connect_timeout)

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Return None. Even with redirects off requests resolves a redirect, and reads an unlimited body for that."""
