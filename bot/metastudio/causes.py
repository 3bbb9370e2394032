"""Why a call has no reply: an exception of ``requests`` or below, translated into a ``Cause``. Pure.

The class that ``requests`` raises does not distinguish "never sent" from "unknown", so its chain of causes decides:

- a refused connection and a reset after sending are both ``ConnectionError``; a hung TLS handshake is ``ReadTimeout``;
- ``ProxyError`` is raised for a proxy that cannot be reached, but also when a connection through a proxy breaks *after*
  the request was sent (http.client closes it, and urllib3 2.8 then takes it for one that never reached the proxy);
- a proxy that refuses the tunnel is a bare ``OSError`` inside "Connection aborted";
- a broken TLS record after sending and a bad certificate are both ``SSLError``.

Every request that is not certain to have stayed here counts as sent.
"""

from __future__ import annotations

import http.client
import ssl
import zlib
from collections.abc import Iterator

from urllib3 import exceptions as urllib3

from bot.domain.model import Cause


class TooLateToSend(OSError):
    """The time allowed for sending passed before the first byte left."""


class UnusableConnection(OSError):
    """The connection was closed, or something arrived on it, before the request was written."""


class HandshakeHung(TimeoutError):
    """The TCP connection stood, and the TLS handshake did not finish in the time for connecting."""


_NEVER_LEFT: tuple[tuple[type[BaseException], Cause], ...] = (
    (TooLateToSend, Cause.TOO_LATE),
    (UnusableConnection, Cause.UNUSABLE_CONNECTION),
    (urllib3.NameResolutionError, Cause.NO_ADDRESS),
    (urllib3.LocationParseError, Cause.NO_ADDRESS),
    (urllib3.NewConnectionError, Cause.CONNECTION_REFUSED),
    (urllib3.ConnectTimeoutError, Cause.CONNECT_TIMEOUT),
    (ssl.SSLCertVerificationError, Cause.BAD_CERTIFICATE),
)
"""Raised only before the request is written. The first row that matches any error of the chain wins."""

_THROUGH_PROXY = frozenset({Cause.NO_ADDRESS, Cause.CONNECTION_REFUSED, Cause.CONNECT_TIMEOUT})

_LOST: tuple[tuple[type[BaseException], Cause], ...] = (
    (HandshakeHung, Cause.HANDSHAKE_HUNG),
    (TimeoutError, Cause.TIMED_OUT),
    (urllib3.ReadTimeoutError, Cause.TIMED_OUT),
    (ConnectionError, Cause.CUT),  # before BadStatusLine: http.client's RemoteDisconnected is both
    (http.client.IncompleteRead, Cause.CUT),
    (ssl.SSLEOFError, Cause.CUT),
    (ssl.SSLZeroReturnError, Cause.CUT),
    (http.client.HTTPException, Cause.NONSENSE),
    (zlib.error, Cause.NONSENSE),
    (urllib3.InvalidHeader, Cause.NONSENSE),
    (ssl.SSLError, Cause.NONSENSE),
)


def cause_of(error: BaseException) -> Cause:
    """Why there is no reply. An unknown error is CUT: the request may have arrived."""
    chain = tuple(_links(error))
    by_proxy = any(isinstance(link, urllib3.ProxyError) for link in chain)
    for kind, cause in _NEVER_LEFT:
        if any(isinstance(link, kind) for link in chain):
            return Cause.PROXY_REFUSED if by_proxy and cause in _THROUGH_PROXY else cause
    if any(_is_refused_tunnel(link) for link in chain):
        return Cause.PROXY_REFUSED
    for kind, cause in _LOST:
        if any(isinstance(link, kind) for link in chain):
            return cause
    return Cause.CUT


def _is_refused_tunnel(link: BaseException) -> bool:
    """Whether a CONNECT got no 200: http.client raises an OSError without a number; the kernel's have one."""
    return type(link) is OSError and link.errno is None and str(link).startswith("Tunnel connection failed")


def _links(error: BaseException | None) -> Iterator[BaseException]:
    """The error and the errors that it wraps: its reason, its arguments, its declared cause.

    Without ``__context__``, which may be an unrelated error that was being handled.
    """
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        link = waiting.pop()
        if not isinstance(link, BaseException) or id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        waiting += [link.__cause__, getattr(link, "reason", None), getattr(link, "original_error", None), *link.args]
