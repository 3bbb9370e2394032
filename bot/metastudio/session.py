"""The HTTP session towards MetaStudio: ``requests``, with its loose ends tied.

What is different from a bare ``requests.Session``, each for a reason that has bitten somebody:

- the environment has no say (``trust_env``): ``~/.netrc`` would replace our Authorization header, proxy variables and
  ``REQUESTS_CA_BUNDLE`` would send the request elsewhere or trust others;
- one SSL context for all connections: the adapter of ``requests`` loads the CA file anew for each, some 25 ms of CPU;
- no compression is asked for (``Accept-Encoding: identity``, which is not signed): an answer is small, and a compressed
  one that was cut looks like an empty one;
- nothing is retried, redirected, or remembered as a cookie below us;
- the read timeout bounds the whole answer, status line to last byte. That of ``requests`` starts anew with each packet,
  so a server that drips one byte at a time would hold a deletion for ever;
- an answer whose headers end in the middle is cut; ``http.client`` takes the end of the stream for the end of the
  headers, and half a "200 OK" would count as a success;
- every interim answer (1xx) is read past: ``http.client`` reads past 100 alone, takes a 102 or 103 for the answer, and
  the next request gets the real one. 101 is no interim answer: the connection speaks something else from then on;
- a connection on which anything waits to be read carries no request: what came before the request is no answer to it;
- a session with ``once`` uses each connection for one request (a DELETE), so no other request's answer can come on it.
  ``connect_ahead`` opens one before it is needed, so that the request does not wait for a handshake;
- ``sending_allowed_while`` asks a last time when the connection stands and nothing has been written to it.
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
"""Interim answers that are read past in one answer; the time bounds them too, but not the work."""

KEPT_AHEAD = 10.0
"""Seconds after which a connection that was opened ahead is not used: a firewall may have forgotten it silently, and a
request written to it would end as unknown."""

# At WARNING urllib3 quotes addresses and whatever it could not parse of an answer; neither may get into our log.
logging.getLogger("urllib3").setLevel(logging.ERROR)

_may_send: ContextVar[Callable[[], bool] | None] = ContextVar("may_send", default=None)


@contextlib.contextmanager
def sending_allowed_while(may_send: Callable[[], bool] | None) -> Iterator[None]:
    """Within this block a request leaves only if ``may_send`` says so when its connection stands.

    Looking up the name and connecting take their time, so a look at the clock before them would prove little.
    """
    token = _may_send.set(may_send)
    try:
        yield
    finally:
        _may_send.reset(token)


class _Bounded(io.RawIOBase):
    """Reads from a socket until a moment that is fixed when the first byte is waited for."""

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
    """An answer that has to arrive in time, and whose headers have to end."""

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
        """Called when the answer is complete or given up: note whether something behind it was read with it."""
        self._bounded.stop()
        self.has_surplus = bool(self.fp.peek(1))
        super()._close_conn()  # type: ignore[misc]


def _is_silent(sock: Any) -> bool:
    """Whether the connection stands and nothing waits to be read on it. Reads a byte, if there is one.

    Asking the kernel would not do: in TLS 1.3 a ticket that no request asked for arrives behind the handshake, and of
    what was decrypted already the kernel knows nothing.
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
        """urllib3 connects a closed one anew."""
        self._answer = None
        super().close()

    @property
    def is_connected(self) -> bool:
        """What urllib3 asks before it uses a connection again."""
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
        except TimeoutError as error:  # no TCP connection is urllib3's ConnectTimeoutError, which is not one of these
            raise HandshakeHung from error


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class _OnePerRequest(HTTPConnectionPool):
    """A pool that keeps nothing but connections that no request has used yet."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._ahead: deque[tuple[float, Any]] = deque()
        weakref.finalize(self, _close_all, self._ahead)  # As urllib3 does it: nobody calls ``close`` of a pool.

    def connect_ahead(self, scheme: str, connect_timeout: float) -> None:
        """Open one connection for the next request to an address of this ``scheme``; raises what connecting raises."""
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
    """Hands the one SSL context to every pool, and our connections with it."""

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
        """Do nothing: the context knows whom to trust, and requests would add its own CA file to it, each time."""


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
        """Nowhere. Even with redirects off requests looks where one leads, and reads an unlimited body to do so."""
