"""Answers of HTTP servers on connections that are kept, read more strictly than ``http.client`` reads them.

- The timeout bounds the whole answer, status line to last byte. That of ``http.client`` starts anew with each packet,
  so a server that sends one byte at a time would hold its caller for ever.
- An answer whose headers are truncated counts as cut. ``http.client`` takes the end of the stream for the end of the
  headers, so half a "200 OK" would count as a success.
- Every interim answer (1xx) is skipped. ``http.client`` skips 100 alone and takes a 102 or 103 for the answer; the next
  request would get the real one. 101 is no interim answer: the connection changes its protocol then.
- It is known whether bytes came behind an answer: a connection with such bytes must not be used again.
"""

from __future__ import annotations

import contextlib
import http.client
import io
import ssl
import time
from http.client import parse_headers
from typing import Any

MOST_INTERIM = 100
"""Maximum of interim answers before one answer. The timeout bounds their time, and this bounds the work."""


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


class WholeAnswer(http.client.HTTPResponse):
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


def is_silent(sock: Any) -> bool:
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
