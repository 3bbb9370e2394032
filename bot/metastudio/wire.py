"""The wire format of MetaStudio: parses answers into a ``Reply``. Pure.

Answers are hostile until proven otherwise. A job's fields pass an allow-list, and the rest of the body is dropped:
``contact`` is a telephone number, the many ``*_url`` are bearer links, review texts are about people.

Codes and request ids go to logs, to Slack and into tickets. One with unexpected characters is dropped and not repaired,
since a repaired one would be an id that MetaStudio never issued. A malformed code is quoted with the message instead.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

from bot.domain.model import JOB_ID_PATTERN, Job, JobId, Listed, Operation, Reply, Shown

LARGEST_BODY = 2 * 1024 * 1024
"""Bytes; a page of a hundred jobs has some 300 KB."""

Scrub = Callable[[str], str]

JSON_SPACE = b" \t\r\n"

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,128}")
_CODE = re.compile(r"[A-Za-z0-9._:/+=@-]{1,64}")
"""Without characters that Slack or a terminal would interpret."""


@dataclass(frozen=True, slots=True)
class Headers:
    """The header lines of an answer, in order; names regardless of case."""

    lines: tuple[tuple[str, str], ...]

    def every(self, name: str) -> tuple[str, ...]:
        """The value of each line of this name, without surrounding white space, which HTTP does not count."""
        return tuple(value.strip(" \t") for key, value in self.lines if key.lower() == name.lower())

    def get(self, name: str, default: str = "") -> str:
        """All values of this name, joined as HTTP joins them."""
        return ", ".join(self.every(name)) or default


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A whole HTTP answer."""

    status: int
    headers: Headers
    body: bytes
    at: datetime


def deleted(answer: HttpResponse, scrub: Scrub) -> Reply:
    """Parse the answer to Delete: 200 without a body by the documentation. A body may hold a request id and no more."""
    body = parsed(answer.body)
    says_nothing = not answer.body.strip(JSON_SPACE) and not _announces_more(answer)
    only_an_id = isinstance(body, dict) and all(
        name == "request_id" and _is_request_id(value) for name, value in body.items()
    )
    # The request asks for no encoding. An encoded answer comes from a proxy that ignores this.
    is_plain = not content_encoding(answer.headers)
    return _reply(Operation.DELETE, answer, body, scrub, ok=is_plain and (says_nothing or only_an_id))


def content_encoding(headers: Headers) -> str:
    """How the body is encoded, in lower case; "" where it is not."""
    encoding = headers.get("Content-Encoding").lower()
    return "" if encoding == "identity" else encoding


def _announces_more(answer: HttpResponse) -> bool:
    """Whether a 204, whose body is never read, announces one."""
    if answer.status != HTTPStatus.NO_CONTENT:
        return False
    lengths = answer.headers.every("Content-Length")
    return any(length != "0" for length in lengths) or bool(answer.headers.every("Transfer-Encoding"))


def shown(answer: HttpResponse, asked: JobId, scrub: Scrub) -> Shown:
    """Parse the answer to Show. A job with another id than the requested one does not count."""
    body = parsed(answer.body)
    job = _job(body) if answer.status == HTTPStatus.OK and not _says_no(body) else None
    if job is not None and job.job_id != asked:
        job = None
    return Shown(_reply(Operation.SHOW, answer, body, scrub, ok=job is not None), job)


def listed(answer: HttpResponse, scrub: Scrub) -> Listed:
    """Parse the answer to List. Entries without a valid job id are only counted. ``count`` is MetaStudio's own."""
    body = parsed(answer.body)
    fields = body if isinstance(body, dict) else {}
    count, entries = fields.get("count"), fields.get("jobs")
    if entries is None and count == 0:
        entries = []
    # In Python True is an int, but ``"count": true`` is no count.
    if (
        answer.status != HTTPStatus.OK
        or _says_no(body)
        or type(count) is not int
        or count < 0
        or not isinstance(entries, list)
    ):
        return Listed(_reply(Operation.LIST, answer, body, scrub, ok=False))
    jobs = tuple(job for entry in entries if (job := _job(entry)) is not None)
    return Listed(
        _reply(Operation.LIST, answer, body, scrub, ok=True), count, jobs, unreadable=len(entries) - len(jobs)
    )


def request_ids_in(headers: Headers, body: object = None) -> tuple[str, ...]:
    """The ids that Huawei's support asks for: of MetaStudio's header, of the gateway's body, of IAM's header.

    The well-formed ones in this order, without duplicates. A gateway and the service behind it may both issue one.
    """
    in_body = [body.get("request_id")] if isinstance(body, dict) else []
    found = (
        *headers.every("X-Request-Id"),
        *(value for value in in_body if isinstance(value, str)),
        *headers.every("X-IAM-Trace-Id"),
    )
    return tuple(dict.fromkeys(value for value in found if _is_request_id(value)))


def first_two(ids: Iterable[str]) -> tuple[str | None, str | None]:
    """The request ID of a reply, and the other one that is kept."""
    first, second, *_ = (*ids, None, None)
    return first, second


def _is_request_id(value: object) -> bool:
    return isinstance(value, str) and _REQUEST_ID.fullmatch(value) is not None


def _says_no(body: object) -> bool:
    """Whether a body reports an error, even if it also holds data."""
    if not isinstance(body, dict):
        return False
    wrong = any(body.get(name) not in (None, "") for name in ("error_code", "error_msg", "error"))
    return wrong or body.get("success", True) is not True


def _reply(operation: Operation, answer: HttpResponse, body: object, scrub: Scrub, *, ok: bool) -> Reply:
    code, message = error_in(body)
    if (code, message) == (None, None) and not ok:
        code, message = _undocumented_error_in(body, answer.status)
    first, second = first_two(request_ids_in(answer.headers, body))
    return Reply(
        operation,
        answer.at,
        status=answer.status,
        code=code,
        message=scrub(message) if message else None,
        request_id=first,
        other_request_id=second,
        body_ok=ok,
        retry_after=_retry_after(answer),
        clock_skew=_clock_skew(answer),
    )


def parsed(body: bytes) -> object:
    """The parsed JSON; None if it cannot be parsed, also for too deep a nesting or too long a number."""
    try:
        value: object = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return value


def error_in(body: object) -> tuple[str | None, str | None]:
    """Code and message: MetaStudio's and the gateway's flat form, or IAM's Keystone form with its numeric code."""
    if not isinstance(body, dict):
        return None, None
    inner = body.get("error")
    forms = [(body.get("error_code"), body.get("error_msg"))]
    if isinstance(inner, dict):
        forms += [(inner.get("code"), inner.get("message")), (inner.get("error_code"), inner.get("error_msg"))]
    for code, message in forms:
        if code is not None or message is not None:
            return _code_and_message(code, message)
    return None, None


def _undocumented_error_in(body: object, status: int) -> tuple[str | None, str | None]:
    """Code and message from undocumented forms: ``{"code": …, "message": …}`` and ``{"error": "text"}``.

    For display only. From status 400 on a code decides what an answer means, so there an undocumented form's code is
    quoted with the message and not used.
    """
    if not isinstance(body, dict):
        return None, None
    words = next((body[name] for name in ("message", "msg", "error") if isinstance(body.get(name), str)), None)
    code, message = _code_and_message(body.get("code"), words)
    if code is None or status < HTTPStatus.BAD_REQUEST:
        return code, message
    return None, f"{code}: {message}" if message else code


def _code_and_message(code: object, message: object) -> tuple[str | None, str | None]:
    """Code and message; a malformed code is quoted in front of the message."""
    text, words = _text(code, LARGEST_BODY), _text(message, LARGEST_BODY)
    if _CODE.fullmatch(text):
        return text, words or None
    return None, ": ".join(filter(None, (text, words))) or None


def _retry_after(answer: HttpResponse) -> float | None:
    """``Retry-After`` in seconds, from either of its two forms; at most an hour."""
    value = answer.headers.get("Retry-After")
    if re.fullmatch(r"[0-9]{1,6}", value):
        return min(float(value), 3600.0)
    until = _http_date(value)
    return None if until is None else min(max((until - answer.at).total_seconds(), 0.0), 3600.0)


def _clock_skew(answer: HttpResponse) -> float | None:
    server = _http_date(answer.headers.get("Date"))
    return None if server is None else (server - answer.at).total_seconds()


def clock_skew(answer: HttpResponse) -> timedelta:
    """How much the server's clock is ahead of ours, by the ``Date`` of its answer; zero without one."""
    return timedelta(seconds=_clock_skew(answer) or 0)


def _http_date(value: str) -> datetime | None:
    try:
        parsed = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return parsed if parsed.tzinfo is not None else parsed.replace(tzinfo=UTC)


# The allow-list.


def _job(entry: object) -> Job | None:
    """These fields of a job and no others; None without a valid id."""
    if not isinstance(entry, dict):
        return None
    job_id = entry.get("job_id")
    if not isinstance(job_id, str) or JOB_ID_PATTERN.fullmatch(job_id) is None:
        return None
    return Job(
        job_id=JobId(job_id),
        state=_whole(entry.get("state"), 80),
        name=_whole(entry.get("name"), 256),
        asset_id=_whole(entry.get("asset_id"), 80),
        create_time=_text(entry.get("create_time"), 40),
        last_update_time=_whole(entry.get("last_update_time"), 40),
        model_version=_text(entry.get("model_version"), 40),
        model_resolution=_text(entry.get("model_resolution"), 40),
        supported_service=_texts(entry.get("supported_service"), 16, 40),
        voice_train_job_id=_text(entry.get("voice_train_job_id"), 80),
    )


def _text(value: Any, limit: int) -> str:
    """A text or a number as text that databases and JSON encoders accept; "" for any other type.

    PostgreSQL refuses NUL. UTF-8 encoders refuse half of a surrogate pair, which JSON can contain.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    if isinstance(value, float) and not math.isfinite(value):
        return ""
    return str(value)[:limit].replace("\0", "").encode("utf-8", "replace").decode("utf-8")


def _whole(value: Any, limit: int) -> str:
    """A text that is compared, to find out whether a job has changed since its card.

    A text that is too long is cut and ends in a digest of the whole, so that texts that differ after the cut differ.
    """
    text = _text(value, LARGEST_BODY)
    if len(text) <= limit:
        return text
    end = f"… #{hashlib.sha256(text.encode()).hexdigest()[:16]}"
    return text[: limit - len(end)] + end


def _texts(value: Any, most: int, limit: int) -> tuple[str, ...]:
    items = value[:most] if isinstance(value, list) else []
    return tuple(text for item in items if (text := _text(item, limit)))
