"""The HTTP session towards MetaStudio, a stricter ``requests.Session``.

The differences, each with its reason:

- the environment is ignored (``trust_env``): ``~/.netrc`` would replace our Authorization header, and proxy variables
  and ``REQUESTS_CA_BUNDLE`` would redirect the request or change which certificates are trusted;
- one SSL context for all connections: the adapter of ``requests`` loads the CA file for each, some 25 ms of CPU;
- no compression (``Accept-Encoding: identity``, which is not signed): answers are small, and a truncated compressed
  answer looks like an empty one;
- no retries, redirects or cookies below us;
- an answer counts when it is whole (``bot.runtime.answers``);
- a connection with unread bytes carries no request: bytes that came before a request cannot be its answer;
- a session with ``once`` uses each connection for one request (a DELETE), so no other request's answer can come on it.
  ``connect_ahead`` opens one in advance, so that the request does not wait for a handshake;
- ``sending_allowed_while`` makes a last check when the connection is open and nothing has been written to it.
"""

from __future__ import annotations

import contextlib
import logging
import ssl
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.util.proxy import connection_requires_http_tunnel

from bot.metastudio.causes import HandshakeHung, TooLateToSend, UnusableConnection
from bot.runtime.answers import WholeAnswer, is_silent

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


class _Connection(HTTPConnection):
    _answer: WholeAnswer | None = None

    def response_class(self, *args: Any, **kwargs: Any) -> WholeAnswer:  # type: ignore[override]
        """Called by ``http.client`` for each answer."""
        self._answer = WholeAnswer(*args, **kwargs)
        return self._answer

    def close(self) -> None:
        """Close. urllib3 reconnects a closed connection."""
        self._answer = None
        super().close()

    @property
    def is_connected(self) -> bool:
        """Whether urllib3 may reuse the connection."""
        is_clean = self._answer is None or not self._answer.has_surplus
        return is_clean and self.sock is not None and is_silent(self.sock)

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
