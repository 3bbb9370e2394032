"""One request out and its whole answer in, towards MetaStudio or IAM; never raises for what the network does."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass

import requests

from bot.metastudio import wire
from bot.metastudio.causes import cause_of
from bot.metastudio.session import Session, sending_allowed_while
from bot.model import Cause
from bot.ports import Clock


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """Nothing came back, or not all of it; the headers may have brought a request id before it broke."""

    cause: Cause
    request_id: str | None = None


class Exchange:
    """One session with its timeouts in seconds and its proxy. One instance serves all threads."""

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
        self._session = Session(ssl_context or ssl.create_default_context(), pool_size)

    def close(self) -> None:
        """Close the idle connections."""
        self._session.close()

    def __call__(self, request: requests.Request, may_send: Callable[[], bool] | None = None) -> wire.Answer | NoAnswer:
        """Send it, once. ``may_send`` is asked before connecting, and a last time when the connection stands."""
        if may_send is not None and not may_send():
            return NoAnswer(Cause.TOO_LATE)
        try:
            with sending_allowed_while(may_send):
                response = self._session.send(
                    self._session.prepare_request(request),
                    stream=True,
                    timeout=self._timeout,
                    allow_redirects=False,
                    proxies=self._proxies,
                )
        except Exception as error:  # noqa: BLE001 - whatever went wrong, it may have been sent, and the caller must learn
            return NoAnswer(cause_of(error))
        try:
            body = _body(response)
        except Exception as error:  # noqa: BLE001 - as above: hostile bytes end in many classes, not all of requests
            response.close()
            return NoAnswer(cause_of(error), wire.request_id_in(response.headers))
        return wire.Answer(response.status_code, response.headers, body, self._clock.now())


def _body(response: requests.Response) -> bytes:
    """All of the body, decompressed; one that is too large is cut off, by us."""
    parts: list[bytes] = []
    size = 0
    while part := response.raw.read(65536, decode_content=True):
        parts.append(part)
        size += len(part)
        if size > wire.LARGEST_BODY:
            raise ConnectionAbortedError("the answer is too large")
    return b"".join(parts)
