"""The HTTP session towards MetaStudio: ``requests``, with its loose ends tied.

What is different from a bare ``requests.Session``, each for a reason that has bitten somebody:

- the environment has no say (``trust_env``): ``~/.netrc`` would replace our Authorization header, proxy variables and
  ``REQUESTS_CA_BUNDLE`` would send the request elsewhere or trust others;
- one SSL context for all connections: the adapter of ``requests`` loads the CA file anew for each, some 25 ms of CPU;
- nothing is retried, redirected, or remembered as a cookie below us;
- the read timeout bounds the whole answer, status line to last byte. That of ``requests`` starts anew with each packet,
  so a server that drips one byte at a time would hold a deletion for ever;
- an answer whose headers end in the middle is cut; ``http.client`` takes the end of the stream for the end of the
  headers, and half a "200 OK" would count as a success;
- ``sending_allowed_while`` asks a last time when the connection stands and nothing has been written to it.
"""

from __future__ import annotations

import contextlib
import http.client
import io
import logging
import ssl
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from bot.metastudio.causes import HandshakeHung, TooLateToSend

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

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
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

    def begin(self) -> None:
        super().begin()
        if self._bounded.ended:
            raise http.client.IncompleteRead(b"")


class _Connection(HTTPConnection):
    response_class = _WholeResponse

    def request(self, *args: Any, **kwargs: Any) -> None:
        if self.sock is None:
            self.connect()
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


_POOLS = {"http": _Pool, "https": _TlsPool}


class _Adapter(HTTPAdapter):
    """Hands the one SSL context to every pool, and our connections with it."""

    def __init__(self, ssl_context: ssl.SSLContext, pool_size: int) -> None:
        self._ssl_context = ssl_context
        super().__init__(pool_connections=2, pool_maxsize=pool_size, max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs, ssl_context=self._ssl_context)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        kwargs.update(ssl_context=self._ssl_context, proxy_ssl_context=self._ssl_context)
        manager = super().proxy_manager_for(proxy, **kwargs)
        manager.pool_classes_by_scheme = _POOLS
        return manager

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Do nothing: the context knows whom to trust, and requests would add its own CA file to it, each time."""


class Session(requests.Session):
    """See the top of this file."""

    def __init__(self, ssl_context: ssl.SSLContext, pool_size: int) -> None:
        super().__init__()
        self.trust_env = False
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        adapter = _Adapter(ssl_context, pool_size)
        for scheme in ("https://", "http://"):
            self.mount(scheme, adapter)

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Nowhere. Even with redirects off requests looks where one leads, and reads an unlimited body to do so."""
