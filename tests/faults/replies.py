"""Every reply, hang, cut and nonsense that MetaStudio or the way there may give, and what each has to lead to.

This is product.md section 3 and the rulebook's sections 3 and 9 as one table, written from those pages and not from
the code. What a DELETE so answered is; what a Show so answered is; whether that Show is half of a *gone*; whether a
GET is repeated; what the person has to be told with it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sandbox.metastudio.faults import (
    Spoil,
    compressed,
    cut,
    drip,
    drip_body,
    drop,
    error,
    gateway,
    half_headers,
    html,
    http,
    huge,
    iam,
    interim,
    interim_then,
    late,
    nonsense,
    raw,
    request_id_lines,
    reset_connection,
    silence,
    throttled,
    twice,
    without_request_id,
)

# What a DELETE so answered is.
DELETED, FAILED, UNKNOWN, THROTTLED, REJECTS_KEY = "deleted", "failed", "unknown", "throttled", "rejects the key"
# What a Show so answered is.
READ, NO, MISSING = "the job, all the same", "no job", "no such job"

PATIENCE = 0.2
"""READ_TIMEOUT in the world of the rows that keep one waiting."""


@dataclass(frozen=True)
class Row:
    """One reply. `code` and `has_id` say what has to be told with it."""

    play: Callable[[], Spoil]
    delete: str
    show: str = NO
    code: str | None = None
    has_id: bool = True
    half_gone: bool = False
    repeated: bool = False
    waits: bool = False
    says: str = ""

    @property
    def world(self) -> str:
        """The rows that keep one waiting are played to a bot that waits for a short time only."""
        return "impatient" if self.waits else "patient"

    @property
    def opens(self) -> bool:
        return self.delete == REJECTS_KEY


ONE_OF_EACH = frozenset(
    {
        *(
            "200",
            "200 without request id",
            "200 HTML",
            "200, no success",
            "102, then it",
            "two request ids",
            "202",
            "302",
            "400 MSS.00000003",
            "404 MSS.41000003",
            "404 HTML",
            "409 empty",
            "412",
            "413 HTML",
            "422",
            "451",
            "499 nginx",
        ),
        *("400 MSS.00010003", "404 APIGW.0101", "401 APIG.0301", "400 MSS.00010009", "401 by IAM", "403 APIGW.0302"),
        *("429 with Retry-After", "400 APIGW.0308", "408", "500 MSS.00000004", "502 HTML", "503 empty"),
        *("504 APIG.0201", "reset", "cut body", "half headers", "not HTTP", "silence", "cut gzip"),
    }
)
"""One row of each kind, where all would take too long for `make test`."""

HEAD = b"HTTP/1.1 200 OK\r\nX-Request-Id: r\r\n"
INTERIM = "Link: </style.css>; rel=preload\r\nX-Request-Id: of-an-interim-answer"
DENIAL = {"error_code": "PAP5.0011", "error_msg": "not allowed", "encoded_authorization_message": "ENCODED-DENIAL"}
DENIED = http(200, {"success": False, "error_code": "MSS.00000004"})
ELSEWHERE = {"Location": "http://127.0.0.1:1/"}


def _ok(play: Callable[[], Spoil], **more: bool | str | None) -> Row:
    return Row(play, DELETED, **more)


def _unclear(play: Callable[[], Spoil], **more: bool | str | None) -> Row:
    return Row(play, UNKNOWN, **more)


def _no(play: Callable[[], Spoil], code: str | None = None, **more: bool | str | None) -> Row:
    """A refusal that is no word about a job: by the gateway, or about the access."""
    return Row(play, FAILED, code=code, **more)


def _as_second(play: Callable[[], Spoil], code: str | None = None, **more: bool | str | None) -> Row:
    """A refusal that a second DELETE of the same job would meet, so that nobody knows what this one did."""
    return Row(play, UNKNOWN, code=code, **{"half_gone": True, **more})


def _4xx(play: Callable[[], Spoil], code: str | None = None, **more: bool | str | None) -> Row:
    """A refusal by MetaStudio itself: on Show it may mean "no such job", if List agrees."""
    return Row(play, FAILED, code=code, half_gone=True, **more)


def _key(play: Callable[[], Spoil], code: str | None, **more: bool | str | None) -> Row:
    return Row(play, REJECTS_KEY, code=code, **more)


def _slow_down(play: Callable[[], Spoil], code: str | None, **more: bool | str | None) -> Row:
    return Row(play, THROTTLED, code=code, repeated=True, **more)


def _5xx(play: Callable[[], Spoil], code: str | None = None, **more: bool | str | None) -> Row:
    return Row(play, UNKNOWN, code=code, repeated=True, **more)


def _lost(play: Callable[[], Spoil], **more: bool | str | None) -> Row:
    return Row(play, UNKNOWN, repeated=True, **{"has_id": False, **more})


ROWS: dict[str, Row] = {
    # --- success, and what only looks like it
    "200":                       _ok(lambda: http(200)),
    "200 {}":                    _ok(lambda: http(200, {})),
    "200, a request id":         _ok(lambda: http(200, {"request_id": "of-the-body-01"})),
    "204":                       _ok(lambda: http(204)),
    "102, then it":              _ok(lambda: interim(102), show=READ),
    "103 with headers":          _ok(lambda: interim(103, headers=INTERIM), show=READ),
    "many 1xx":                  _ok(lambda: interim(100, 102, 103, 199, 100), show=READ),
    "twice":                     _ok(lambda: twice(500), show=READ),
    "two request ids":           _ok(lambda: request_id_lines("{}", "of-the-gateway-01"), show=READ),
    "- and a request id":        _ok(lambda: request_id_lines("-", "{}"), show=READ),
    "200, types all wrong":      _unclear(lambda: http(200, {"job_id": 5, "state": [], "name": {}, "asset_id": True})),
    "200, another job":          _unclear(lambda: http(200, {"job_id": "another", "state": "TRAIN_FAILED"})),
    "200, no success":           _unclear(lambda: http(200, {"success": False})),
    "200, success":              _unclear(lambda: http(200, {"success": True})),
    "200, error":                _unclear(lambda: http(200, {"error": "denied"})),
    "200, code":                 _unclear(lambda: http(200, {"code": "MSS.00000004"}), code="MSS.00000004"),
    "204 with a length":         _unclear(lambda: http(204, b"", {"Content-Length": "17"})),
    "malformed request id":      _unclear(lambda: request_id_lines("not an id"), show=READ, has_id=False),
    "joined request ids":        _unclear(lambda: request_id_lines("{}, of-the-gateway-01"), show=READ, has_id=False),
    "200, gzip":                 _unclear(lambda: http(200, b"", {"Content-Encoding": "gzip"})),
    "200, compressed":           _unclear(compressed, show=READ),
    "101":                       _unclear(lambda: http(101)),
    "200 without request id":    _unclear(without_request_id, show=READ, has_id=False),
    "204 without request id":    _unclear(lambda: http(204, request_id=False), has_id=False),
    "200 HTML":                  _unclear(html, has_id=False),
    "200 HTML with request id":  _unclear(lambda: http(200, b"<html>", {"Content-Type": "text/html"})),
    "200 []":                    _unclear(lambda: http(200, [])),
    "200 null":                  _unclear(lambda: http(200, b"null")),
    "200 with an error code":    _unclear(lambda: error(200, "MSS.00000003"), code="MSS.00000003"),
    "201":                       _unclear(lambda: http(201)),
    "202":                       _unclear(lambda: http(202)),
    "206":                       _unclear(lambda: http(206)),
    # --- elsewhere
    "302":                       _unclear(lambda: http(302, b"x", ELSEWHERE)),
    "304":                       _unclear(lambda: http(304)),
    "307":                       _unclear(lambda: http(307, b"", {"Location": "/v1/"})),
    "302 to nonsense":           _unclear(lambda: http(302, b"", {"Location": "http://[\xff"})),
    # --- refused by MetaStudio
    "400 MSS.00000002":          _4xx(lambda: error(400, "MSS.00000002", "Invalid body"), "MSS.00000002"),
    "400 MSS.00000003":          _4xx(lambda: error(400, "MSS.00000003", "Invalid parameter"), "MSS.00000003"),
    "400 MSS.00000004":          _4xx(lambda: error(400, "MSS.00000004"), "MSS.00000004"),
    "400 MSS.41000011":          _as_second(lambda: error(400, "MSS.41000011", "cannot be deleted"), "MSS.41000011"),
    "400 MSS.10000003":          _as_second(lambda: error(400, "MSS.10000003"), "MSS.10000003"),
    "400 APIGW.0201":            _no(lambda: gateway(400, "APIGW.0201"), "APIGW.0201"),
    "103, then 400":             _4xx(lambda: interim_then(error(400, "MSS.00000003"), 103), "MSS.00000003"),
    "400 empty":                 _4xx(lambda: http(400)),
    "400 list":                  _4xx(lambda: http(400, [1, 2])),
    "404 MSS.41000003":          _as_second(lambda: error(404, "MSS.41000003", "no task"), "MSS.41000003",
                                            show=MISSING),
    "404 MSS.00000003":          _as_second(lambda: error(404, "MSS.00000003"), "MSS.00000003", show=MISSING),
    "404 empty":                 _as_second(lambda: http(404)),
    "404 HTML":                  _as_second(lambda: html(404), has_id=False),
    "402":                       _4xx(lambda: http(402)),
    "405":                       _4xx(lambda: http(405)),
    "405 MSS.41000003":          _as_second(lambda: error(405, "MSS.41000003"), "MSS.41000003"),
    "409":                       _as_second(lambda: error(409, "MSS.00000003"), "MSS.00000003"),
    "409 empty":                 _as_second(lambda: http(409)),
    "410":                       _as_second(lambda: http(410)),
    "412":                       _as_second(lambda: http(412)),
    "413 HTML":                  _4xx(lambda: html(413), has_id=False),
    "422":                       _4xx(lambda: error(422, "MSS.00000003"), "MSS.00000003"),
    "422 MSS.41000011":          _as_second(lambda: error(422, "MSS.41000011"), "MSS.41000011"),
    "451":                       _4xx(lambda: http(451)),
    "494 nginx":                 _4xx(lambda: html(494), has_id=False),
    "499 nginx":                 _4xx(lambda: html(499), has_id=False),
    "400 MSS.00010003":          _as_second(lambda: error(400, "MSS.00010003", "api not found"), "MSS.00010003",
                                            half_gone=False),
    "400 MSS.00010004":          _as_second(lambda: error(400, "MSS.00010004"), "MSS.00010004", half_gone=False),
    # --- refused by the gateway
    "404 APIGW.0101":            _as_second(lambda: gateway(404, "APIGW.0101", "not published"), "APIGW.0101",
                                            half_gone=False),
    "404 APIG.0101":             _as_second(lambda: gateway(404, "APIG.0101", "not published"), "APIG.0101",
                                            half_gone=False),
    "413 APIGW.0201":            _no(lambda: gateway(413, "APIGW.0201"), "APIGW.0201"),
    "494 APIG.0201":             _no(lambda: gateway(494, "APIG.0201"), "APIG.0201"),
    # --- the key is rejected: the breaker opens
    "400 MSS.00010008":          _key(lambda: error(400, "MSS.00010008", "Invalid token"), "MSS.00010008"),
    "400 MSS.00010009":          _key(lambda: error(400, "MSS.00010009"), "MSS.00010009"),
    "400 APIG.0301":             _key(lambda: gateway(400, "APIG.0301"), "APIG.0301"),
    "401 APIG.0301":             _key(lambda: gateway(401, "APIG.0301", "verify aksk signature fail"), "APIG.0301"),
    "401 APIGW.0301 ak":         _key(lambda: gateway(401, "APIGW.0301", "Get secretKey failed,ak:SANDBOXACCESSKEY0001,"
                                                      "err:ak not exist"), "APIGW.0301"),
    "401 APIGW.0303":            _key(lambda: gateway(401, "APIGW.0303", "canonical request:DELETE|SIGNED-PART"),
                                      "APIGW.0303"),
    "401 APIG.0307":             _key(lambda: gateway(401, "APIG.0307", "The token must be updated"), "APIG.0307"),
    "401 by IAM":                _key(lambda: iam(401, "requires authentication"), "401"),
    "401 empty":                 _key(lambda: http(401), None),
    # --- the key may not
    "403 APIGW.0302":            _no(lambda: gateway(403, "APIGW.0302", "no right"), "APIGW.0302", says="permission"),
    "403 with a denial":         _no(lambda: http(403, DENIAL), "PAP5.0011", says="permission"),
    "403 MSS.41000012":          _no(lambda: error(403, "MSS.41000012"), "MSS.41000012", says="permission"),
    "403 empty":                 _no(lambda: http(403), says="permission"),
    # --- too fast
    "429 APIGW.0308":            _slow_down(throttled, "APIGW.0308"),
    "429 with Retry-After":      _slow_down(lambda: throttled("3"), "APIGW.0308"),
    "429 empty":                 _slow_down(lambda: http(429), None),
    "400 APIGW.0308":            _slow_down(lambda: throttled(status=400), "APIGW.0308"),
    "404 APIGW.0308":            _slow_down(lambda: throttled(status=404), "APIGW.0308"),
    # --- broken inside
    "408":                       _5xx(lambda: http(408)),
    "500 MSS.00000004":          _5xx(lambda: error(500, "MSS.00000004", "Internal Error"), "MSS.00000004"),
    "500 MSS without id":        _5xx(lambda: error(500, "MSS.42000007", request_id=False), "MSS.42000007",
                                      has_id=False),
    "500 APIGW.0308":            _5xx(lambda: throttled(status=500), "APIGW.0308"),
    "500 empty":                 _5xx(lambda: http(500)),
    "500 by IAM":                _5xx(lambda: iam(500, "internal"), "500"),
    "502 HTML":                  _5xx(lambda: html(502), has_id=False),
    "502 APIGW.0201":            _5xx(lambda: gateway(502, "APIGW.0201", "Backend unavailable"), "APIGW.0201"),
    "102, then 503":             _5xx(lambda: interim_then(http(503), 102, 102)),
    "503 empty":                 _5xx(lambda: http(503)),
    "503 with Retry-After":      _5xx(lambda: http(503, b"", {"Retry-After": "2"})),
    "504 APIG.0201":             _5xx(lambda: gateway(504, "APIG.0201", "Backend timeout"), "APIG.0201"),
    "599":                       _5xx(lambda: http(599)),
    # --- no whole answer
    "reset":                     _lost(reset_connection),
    "dropped":                   _lost(drop),
    "cut body":                  _lost(cut, has_id=True),
    "too much":                  _lost(huge, has_id=True),
    "103, then nothing":         _lost(lambda: raw(b"HTTP/1.1 103 Early Hints\r\n" + INTERIM.encode() + b"\r\n\r\n")),
    "half headers":              _lost(half_headers),
    "half a status line":        _lost(lambda: raw(b"HTTP/1.1 200")),
    "status line alone":         _lost(lambda: raw(b"HTTP/1.1 200 OK\r\n")),
    "headers without end":       _lost(lambda: raw(HEAD)),
    "cut chunk":                 _lost(lambda: raw(HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nab")),
    "no chunk":                  _lost(lambda: raw(HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n")),
    "cut gzip":                  _lost(lambda: compressed(DENIED, keep=10), has_id=True),
    # --- no HTTP
    "gzip of nothing, and more": _lost(lambda: compressed(http(200), behind=b'{"success":false}'), has_id=True),
    "another encoding":          _lost(lambda: http(200, b"x", {"Content-Encoding": "br"}), has_id=True),
    "another framing":           _lost(lambda: http(200, b"", {"Transfer-Encoding": "gzip, chunked"}), has_id=True),
    "no gzip":                   _lost(lambda: http(200, b"no gzip", {"Content-Encoding": "gzip"}), has_id=True),
    "not HTTP":                  _lost(nonsense),
    "1000 times 103":            _lost(lambda: raw(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 1000)),
    "HTTP/2":                    _lost(lambda: raw(b"\x00\x00\x12\x04\x00\x00\x00\x00\x00\r\n\r\n")),
    "endless header":            _lost(lambda: raw(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000 + b"\r\n\r\n")),
    "1000 headers":              _lost(lambda: raw(b"HTTP/1.1 200 OK\r\n" + b"X: x\r\n" * 1000 + b"\r\n")),
    # --- no answer in time
    "silence":                   _lost(silence, waits=True),
    "too late":                  _lost(lambda: late(1.5 * PATIENCE), waits=True),
    "100 Continue for ever":     _lost(lambda: raw(*[b"HTTP/1.1 100 Continue\r\n\r\n"] * 20, pause=PATIENCE / 8),
                                       waits=True),
    "102 Processing for ever":   _lost(lambda: raw(*[b"HTTP/1.1 102 Processing\r\n\r\n"] * 20, pause=PATIENCE / 8),
                                       waits=True),
    "slow packets":              _lost(lambda: raw(HEAD, b"Content-Length: 0\r\n", b"\r\n", pause=0.8 * PATIENCE),
                                       waits=True),
    "dripping":                  _lost(lambda: drip(PATIENCE / 20), waits=True),
    "dripping body":             _lost(lambda: drip_body(PATIENCE / 20), waits=True, has_id=True),
}  # fmt: skip
