"""Faults on purpose: every answer that MetaStudio and the network may give, and every way to give none.

`faults.add(DELETE, error(500, "MSS.00000004"), when=AFTER)`: the job is deleted, and the answer is 500.
`faults.add(SHOW, silence(), times=None, job_id=job)`: no answer for that job, ever.
`faults.connect("hang")`: the TLS handshake hangs.
"""

from __future__ import annotations

import gzip
import json
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from sandbox.wire.server import CUT, DROP, RESET, Reply

if TYPE_CHECKING:
    from sandbox.metastudio.world import Seen

SHOW, DELETE, LIST = "Show2dModelTrainingJob", "Delete2dModelTrainingJob", "List2dModelTrainingJob"
TOKEN = "KeystoneCreateUserTokenByPassword"
"""IAM's call, under the name that Huawei's IAM SDK gives it."""
ANY = "*"
"""MetaStudio's three operations. A fault of IAM must name TOKEN."""
BEFORE, AFTER = "before", "after"

Spoil = Callable[["Seen", Reply], Reply]
"""Makes the answer that the caller meets from the request and the answer that was due."""


# ------------------------------------------------------------------------------------------------- answers, all whole


def http(
    status: int, body: bytes | str | Any = b"", headers: dict[str, str] | None = None, *, request_id: bool = True
) -> Spoil:
    """Any status with any body: bytes and text unchanged, everything else as JSON."""
    if isinstance(body, str):
        body = body.encode()
    elif not isinstance(body, bytes):
        body = json.dumps(body).encode()

    def spoil(seen: Seen, _: Reply) -> Reply:
        return Reply(status, body, {**({"X-Request-Id": seen.request_id} if request_id else {}), **(headers or {})})

    return spoil


def error(status: int, code: str, message: str = "", *, request_id: bool = True) -> Spoil:
    """An error of MetaStudio: error_code and error_msg in the body, the request ID in the header."""
    return http(status, {"error_code": code, "error_msg": message}, request_id=request_id)


def gateway(status: int, code: str, message: str = "", headers: dict[str, str] | None = None) -> Spoil:
    """An error of the API gateway: the request ID is in the body only."""

    def spoil(seen: Seen, _: Reply) -> Reply:
        body = {"error_msg": message, "error_code": code, "request_id": seen.request_id}
        return Reply.json(body, status, headers)

    return spoil


def throttled(retry_after: str | None = None, status: int = 429) -> Spoil:
    """The gateway's rate limit per tenant and API."""
    text = "The throttling threshold has been reached: policy user over ratelimit,limit:5,time:1 second"
    return gateway(status, "APIGW.0308", text, {"Retry-After": retry_after} if retry_after is not None else None)


def iam(status: int, message: str, title: str = "Unauthorized") -> Spoil:
    """An error of IAM in Keystone's form, with its own trace header."""

    def spoil(seen: Seen, _: Reply) -> Reply:
        body = {"error": {"code": status, "message": message, "title": title}}
        return Reply.json(body, status, {"X-IAM-Trace-Id": seen.request_id})

    return spoil


def html(status: int = 200) -> Spoil:
    """A page by a proxy."""
    return http(status, b"<html><body>Bad Gateway</body></html>", {"Content-Type": "text/html"}, request_id=False)


def without_request_id() -> Spoil:
    """The answer that was due, without its request ID: support cannot find the request."""
    return lambda _, due: replace(due, headers={k: v for k, v in due.headers.items() if k != "X-Request-Id"})


def repeated_on_the_way(_: Seen, due: Reply) -> Reply:
    """A proxy sent the request a second time, and only the second answer comes back.

    A proxy or gateway does so if it lost the first answer. Play it with when="after".
    """
    return due


def compressed(spoil: Spoil | None = None, *, keep: int | None = None, behind: bytes = b"") -> Spoil:
    """The answer that was due, or this one, compressed by a proxy without being asked; cut after `keep` bytes.

    ``behind`` follows the compressed bytes. Content-Length matches the rest, so nothing else shows the cut.
    """

    def play(seen: Seen, due: Reply) -> Reply:
        whole = due if spoil is None else spoil(seen, due)
        body = gzip.compress(whole.body)[:keep] + behind
        return replace(whole, body=body, headers={**whole.headers, "Content-Encoding": "gzip"})

    return play


def interim(*statuses: int, headers: str = "") -> Spoil:
    """The answer that was due, behind interim answers (1xx) with these header lines."""
    return lambda _, due: replace(due, ahead=_interim(statuses, headers))


def interim_then(spoil: Spoil, *statuses: int) -> Spoil:
    """Interim answers, then this answer."""
    return lambda seen, due: replace(spoil(seen, due), ahead=_interim(statuses, ""))


def _interim(statuses: tuple[int, ...], headers: str) -> bytes:
    lines = "".join(f"{line}\r\n" for line in headers.splitlines())
    return "".join(f"HTTP/1.1 {status} Interim\r\n{lines}\r\n" for status in statuses).encode()


def twice(status: int = 200, request_id: str = "twice-answered-id") -> Spoil:
    """The answer that was due, and right after it a second answer to no request."""
    more = f"HTTP/1.1 {status} Again\r\nX-Request-Id: {request_id}\r\nContent-Length: 0\r\n\r\n".encode()
    return lambda _, due: replace(due, behind=more)


def request_id_lines(*values: str) -> Spoil:
    """The answer that was due, with these lines of ``X-Request-Id`` in place of its own; ``{}`` stands for its own."""

    def spoil(seen: Seen, due: Reply) -> Reply:
        kept = {name: value for name, value in due.headers.items() if name.lower() != "x-request-id"}
        names = ("X-Request-Id", "x-request-id", "X-REQUEST-ID", "X-request-id")
        lines = {name: value.format(seen.request_id) for name, value in zip(names, values, strict=False)}
        return replace(due, headers={**lines, **kept})

    return spoil


def huge(size: int = 3 * 1024 * 1024) -> Spoil:
    """The answer that was due, with `size` more bytes behind it."""
    return lambda _, due: replace(due, body=due.body.ljust(size))


# ------------------------------------------------------------------------------------- answers that do not quite arrive


def reset_connection() -> Spoil:
    """RST instead of an answer."""
    return lambda _s, _d: Reply(wire=RESET)


def drop() -> Spoil:
    """The connection ends without an answer."""
    return lambda _s, _d: Reply(wire=DROP)


def cut() -> Spoil:
    """Headers and half of the body. An empty body is announced as ten bytes, so that the cut shows."""

    def spoil(_: Seen, due: Reply) -> Reply:
        body = due.body or b" " * 10
        return replace(due, body=body, headers={**due.headers, "Content-Length": str(len(body))}, wire=CUT)

    return spoil


def half_headers() -> Spoil:
    """The status line and the headers up to the request ID, then the end."""
    return lambda seen, due: raw(f"HTTP/1.1 {due.status} OK\r\nX-Request-Id: {seen.request_id}".encode())(seen, due)


def nonsense() -> Spoil:
    """Bytes that are not HTTP."""
    return raw(b"220 mail.example.com ESMTP\r\n\r\n")


def raw(*pieces: bytes, pause: float = 0.0) -> Spoil:
    """Exactly these bytes, with a pause after each piece, then the end."""

    def play(sock: socket.socket) -> None:
        stopped = threading.Event()
        for piece in pieces:
            sock.sendall(piece)
            if pause:
                stopped.wait(pause)

    return lambda _s, _d: Reply(takeover=play)


def drip(pause: float = 0.1) -> Spoil:
    """The answer that was due, one byte at a time: no single read waits long."""

    def spoil(seen: Seen, due: Reply) -> Reply:
        head = "".join(f"{name}: {value}\r\n" for name, value in due.headers.items())
        head = f"HTTP/1.1 {due.status} OK\r\n{head}Content-Length: {len(due.body)}\r\n\r\n"
        whole = head.encode("latin-1") + due.body
        return raw(*(whole[i : i + 1] for i in range(len(whole))), pause=pause)(seen, due)

    return spoil


def drip_body(pause: float = 0.1) -> Spoil:
    """Headers at once, then a body of spaces, one byte at a time."""

    def spoil(seen: Seen, due: Reply) -> Reply:
        head = f"HTTP/1.1 {due.status} OK\r\nX-Request-Id: {seen.request_id}\r\nContent-Length: 1000\r\n\r\n".encode()
        return raw(head, *[b" "] * 1000, pause=pause)(seen, due)

    return spoil


@dataclass(slots=True)
class Held:
    """Holds an answer up until the fault is released, the seconds have passed or the server stops."""

    seconds: float | None
    then_answer: bool
    gate: threading.Event = field(default_factory=threading.Event)

    def __call__(self, _: Seen, due: Reply) -> Reply:
        return due if self.then_answer else Reply(wire=DROP)


def silence() -> Held:
    """No answer. The connection ends when the fault is released or the server stops."""
    return Held(None, then_answer=False)


def late(seconds: float | None = None) -> Held:
    """The answer that was due, after the seconds or when the fault is released.

    With when="before" the effect is late too, and does happen.
    """
    return Held(seconds, then_answer=True)


# ------------------------------------------------------------------------------------------------------------- the list
