"""Sends one request to MetaStudio or IAM and reads the whole answer; never raises for errors of the network."""

from __future__ import annotations

import contextlib
import http.client
import ssl
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import requests

from bot.domain.model import Cause
from bot.domain.ports import Clock
from bot.metastudio import wire
from bot.metastudio.causes import cause_of
from bot.metastudio.session import Session, sending_allowed_while


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """No answer, or not all of it. Request ids are from its headers, if those had arrived."""

    cause: Cause
    request_ids: tuple[str, ...] = ()


class Exchange:
    """A session with its timeouts in seconds and its proxy. Thread-safe."""

    def __init__(
        self,
        *,
        clock: Clock,
        proxy: str | None,
        ssl_context: ssl.SSLContext | None,
        connect_timeout: float,
        read_timeout: float,
        pool_size: int,
    ) -> None:
        self._clock = clock
        self._proxies = {"http": proxy, "https": proxy} if proxy else {}
        self._timeout = (connect_timeout, read_timeout)
        ssl_context = ssl_context or ssl.create_default_context()
        self._session = Session(ssl_context, pool_size)
        self._once = Session(ssl_context, pool_size, once=True)

    def close(self) -> None:
        """Close the idle connections."""
        self._session.close()
        self._once.close()

    def connect_ahead(self, url: str) -> None:
        """Open the connection for the next request with ``once``. If that fails, the request opens its own."""
        with contextlib.suppress(Exception):  # Nothing was sent, and the request itself will report the error.
            self._once.connect_ahead(url, self._proxies, self._timeout[0])

    def __call__(
        self, request: requests.Request, may_send: Callable[[], bool] | None = None, *, once: bool = False
    ) -> wire.HttpResponse | NoAnswer:
        """Send the request once. ``may_send`` is called before connecting, and again when the connection is open.

        With ``once`` the request has a connection of its own. If a connection proves unusable before the request is
        written, a single new one replaces it.
        """
        session = self._once if once else self._session
        answer = self._send(session, request, may_send)
        if isinstance(answer, NoAnswer) and answer.cause is Cause.UNUSABLE_CONNECTION:
            return self._send(session, request, may_send)
        return answer

    def _send(
        self, session: Session, request: requests.Request, may_send: Callable[[], bool] | None
    ) -> wire.HttpResponse | NoAnswer:
        if may_send is not None and not may_send():
            return NoAnswer(Cause.TOO_LATE)
        try:
            with sending_allowed_while(may_send):
                response = session.send(
                    session.prepare_request(request),
                    stream=True,
                    timeout=self._timeout,
                    allow_redirects=False,
                    proxies=self._proxies,
                )
        except Exception as error:  # noqa: BLE001 - after any error the request may have been sent, and the caller must know
            return NoAnswer(cause_of(error))
        try:
            body = _body(response)
        except Exception as error:  # noqa: BLE001 - as above: hostile bytes end in many classes, not all of requests
            response.close()
            return NoAnswer(cause_of(error), wire.request_ids_in(_headers(response)))
        return wire.HttpResponse(response.status_code, _headers(response), body, self._clock.now())


def _headers(response: requests.Response) -> wire.Headers:
    """The header lines one by one; the headers of requests join lines of the same name."""
    return wire.Headers(tuple(response.raw.headers.items()))


def _body(response: requests.Response) -> bytes:
    """The whole body, decompressed. Raises unless the body is complete and not too large."""
    if response.raw.headers.get("Transfer-Encoding", "chunked").lower() != "chunked":
        # http.client supports no other. It would end the body at a Content-Length that does not apply, or anywhere.
        raise http.client.HTTPException("an unknown transfer encoding")
    parts: list[bytes] = []
    size = 0
    while part := response.raw.read(65536, decode_content=False):
        parts.append(part)
        size += len(part)
        if size > wire.LARGEST_BODY:
            raise ConnectionAbortedError("the answer is too large")
    return _decompressed(b"".join(parts), wire.content_encoding(_headers(response)))


def _decompressed(body: bytes, encoding: str) -> bytes:
    """Decompress the body: a proxy may compress it although the request asks for ``identity``.

    urllib3 would not notice a stream that ends too early or has bytes after its end: "no" would become "".
    """
    if not body or not encoding:
        return body
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise http.client.HTTPException("an unknown content encoding")
    stream = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)  # gzip or zlib, by its first bytes
    text = stream.decompress(body, wire.LARGEST_BODY + 1)
    if len(text) > wire.LARGEST_BODY:
        raise ConnectionAbortedError("the answer is too large")
    if not stream.eof:
        raise http.client.IncompleteRead(b"")
    if stream.unused_data:
        raise http.client.HTTPException("bytes behind the compressed body")
    return text
