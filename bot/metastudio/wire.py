"""The wire format of MetaStudio: a request as a value on its way out, bytes as a ``Reply`` on their way in. Pure.

What comes in is hostile until proven otherwise. The job's fields pass an allow-list and nothing else of the body is
kept: ``contact`` is a telephone number, the many ``*_url`` are bearer links, review texts are about people. Codes and
request ids go to logs and to Slack, so they keep only the characters that real ones have.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

from bot.model import JOB_ID_PATTERN, Job, JobId, Listed, Operation, Reply, Shown, Target

JOBS = "/v1/{project_id}/digital-human-training-manage/user/jobs"
"""The path of List; Show and Delete add the job id. The ``/rest`` in the example of Huawei's page is not real."""

USER_AGENT = "dh-bot"
PAGE = 100
"""The largest ``limit`` that List takes."""

LARGEST_BODY = 2 * 1024 * 1024
"""A page of a hundred jobs has some 300 KB; nobody reads more than this."""

Scrub = Callable[[str], str]


# ------------------------------------------------------------------------------------------------------ request out


@dataclass(frozen=True, slots=True)
class Draft:
    """A request before it is signed."""

    operation: Operation
    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: tuple[tuple[str, str], ...]


def show_draft(target: Target, job: JobId, app_user_id: str | None = None) -> Draft:
    """``GET …/user/jobs/{job_id}``."""
    return Draft(Operation.SHOW, "GET", _job_path(target, job), (), _headers(target, app_user_id))


def delete_draft(target: Target, job: JobId, app_user_id: str | None = None) -> Draft:
    """``DELETE …/user/jobs/{job_id}``, without query and body."""
    return Draft(Operation.DELETE, "DELETE", _job_path(target, job), (), _headers(target, app_user_id))


def find_draft(
    target: Target, *, job_id: str | None, name: str | None, offset: int, limit: int, app_user_id: str | None = None
) -> Draft:
    """``GET …/user/jobs``, newest first: paging by offset shifts while jobs go, and new ones are looked for more."""
    query = {
        "job_id": job_id,
        "limit": str(min(max(limit, 1), PAGE)),
        "name": name,
        "offset": str(max(offset, 0)),
        "sort_dir": "desc",
        "sort_key": "create_time",
    }
    pairs = tuple((key, value) for key, value in query.items() if value is not None)
    path = JOBS.format(project_id=target.project_id)
    return Draft(Operation.LIST, "GET", path, pairs, _headers(target, app_user_id))


def _job_path(target: Target, job: JobId) -> str:
    """The path of one job. An id with a slash would be signed differently from what is sent, an empty one is a List."""
    if JOB_ID_PATTERN.fullmatch(job) is None:
        raise ValueError("not a job id")
    return f"{JOBS.format(project_id=target.project_id)}/{job}"


def _headers(target: Target, app_user_id: str | None) -> tuple[tuple[str, str], ...]:
    """The headers to sign, in the order of Huawei's SDK. ``X-Sdk-Date`` and what the credentials need come later."""
    app = (("X-App-UserId", app_user_id),) if app_user_id else ()
    return (
        ("User-Agent", USER_AGENT),
        *app,
        ("Content-Type", "application/json"),
        ("X-Project-Id", target.project_id),
    )


def mark(app_user_id: str | None) -> str:
    """What tells one ``X-App-UserId`` from another in the ledger, since the id itself may be personal; "" for none."""
    return hashlib.sha256(app_user_id.encode()).hexdigest()[:16] if app_user_id else ""


# -------------------------------------------------------------------------------------------------------- answer in


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer as it came in, whole. ``headers`` must not care about case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    at: datetime


def deleted(answer: Answer, scrub: Scrub) -> Reply:
    """Read the answer to Delete: 200 without a body by the documentation."""
    body = parsed(answer.body)
    return _reply(Operation.DELETE, answer, body, scrub, ok=not answer.body.strip() or isinstance(body, dict))


def shown(answer: Answer, asked: JobId, scrub: Scrub) -> Shown:
    """Read the answer to Show. A job with another id than the one asked for is no answer to the question."""
    body = parsed(answer.body)
    job = _job(body) if answer.status == HTTPStatus.OK else None
    if job is not None and job.job_id != asked:
        job = None
    return Shown(_reply(Operation.SHOW, answer, body, scrub, ok=job is not None), job)


def listed(answer: Answer, scrub: Scrub) -> Listed:
    """Read the answer to List. Entries without a usable job id are only counted, and the count is kept as stated."""
    body = parsed(answer.body)
    fields = body if isinstance(body, dict) else {}
    count, entries = fields.get("count"), fields.get("jobs")
    if entries is None and count == 0:
        entries = []
    # In Python True is an int; a count of true is none.
    if answer.status != HTTPStatus.OK or type(count) is not int or count < 0 or not isinstance(entries, list):
        return Listed(_reply(Operation.LIST, answer, body, scrub, ok=False))
    jobs = tuple(job for entry in entries if (job := _job(entry)) is not None)
    return Listed(
        _reply(Operation.LIST, answer, body, scrub, ok=True), count, jobs, unreadable=len(entries) - len(jobs)
    )


def request_id_in(headers: Mapping[str, str], body: object = None) -> str | None:
    """The id that Huawei's support asks for: MetaStudio's header, else the gateway's body, else IAM's header."""
    in_body = body.get("request_id") if isinstance(body, dict) else None
    for value in (headers.get("X-Request-Id"), in_body, headers.get("X-IAM-Trace-Id")):
        if isinstance(value, str) and (known := _token(value, 128)) is not None:
            return known
    return None


def _reply(operation: Operation, answer: Answer, body: object, scrub: Scrub, *, ok: bool) -> Reply:
    code, message = error_in(body)
    return Reply(
        operation,
        answer.at,
        status=answer.status,
        code=code,
        message=scrub(message) if message else None,
        request_id=request_id_in(answer.headers, body),
        body_ok=ok,
        retry_after=_retry_after(answer),
        clock_skew=_clock_skew(answer),
    )


def parsed(body: bytes) -> object:
    """JSON, or None. Too deep a nesting and too long a number are as little JSON as HTML is."""
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
            return _token(_text(code, 256), 64), _text(message, LARGEST_BODY) or None
    return None, None


def _token(value: str, limit: int) -> str | None:
    """A code or id reduced to the characters that such things have; nothing that Slack or a terminal would act on."""
    return re.sub(r"[^A-Za-z0-9._:/+=@-]", "", value[: 4 * limit])[:limit] or None


def _retry_after(answer: Answer) -> float | None:
    """``Retry-After`` in seconds, from either of its two forms; at most an hour."""
    value = answer.headers.get("Retry-After", "").strip()
    if re.fullmatch(r"[0-9]{1,6}", value):
        return min(float(value), 3600.0)
    until = _http_date(value)
    return None if until is None else min(max((until - answer.at).total_seconds(), 0.0), 3600.0)


def _clock_skew(answer: Answer) -> float | None:
    server = _http_date(answer.headers.get("Date", ""))
    return None if server is None else (server - answer.at).total_seconds()


def clock_skew(answer: Answer) -> timedelta:
    """How much the server's clock is ahead of ours, by the ``Date`` of its answer; nothing if there is none."""
    return timedelta(seconds=_clock_skew(answer) or 0)


def _http_date(value: str) -> datetime | None:
    try:
        parsed = parsedate_to_datetime(value)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return parsed if parsed.tzinfo is not None else parsed.replace(tzinfo=UTC)


# ------------------------------------------------------------------------------------------------------- what may in


def _job(entry: object) -> Job | None:
    """The allow-list: these fields of a job and no others. Without a proper id it is not a job."""
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
    """A value as text that a database and a JSON encoder take: numbers spelled out, anything but those and text is "".

    NUL is refused by PostgreSQL, and half of a surrogate pair, which JSON can spell, by every UTF-8 encoder.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    if isinstance(value, float) and not math.isfinite(value):
        return ""
    return str(value)[:limit].replace("\0", "").encode("utf-8", "replace").decode("utf-8")


def _whole(value: Any, limit: int) -> str:
    """Text of which every character counts: a job is compared with its card by it.

    What does not fit ends in a digest of all of it, so that two texts that differ behind the cut stay different.
    """
    text = _text(value, LARGEST_BODY)
    if len(text) <= limit:
        return text
    end = f"… #{hashlib.sha256(text.encode()).hexdigest()[:16]}"
    return text[: limit - len(end)] + end


def _texts(value: Any, most: int, limit: int) -> tuple[str, ...]:
    items = value[:most] if isinstance(value, list) else []
    return tuple(text for item in items if (text := _text(item, limit)))


# -------------------------------------------------------------------------------------------------------- scrubbing

LONGEST_MESSAGE = 500
_LONGEST_RAW_MESSAGE = 8000
_GAP = "[…]"

_SECRETIVE = (
    # A gateway that rejects a signature quotes what it signed: everything behind the announcement goes.
    (re.compile(r"(?is)\b(canonical[ _-]?request|string[ _-]?to[ _-]?sign)\b.*"), rf"\1 {_GAP}"),
    (re.compile(r"(?s)\b(GET|PUT|POST|DELETE|PATCH|HEAD|OPTIONS)\s*[\n|].*"), rf"\1 {_GAP}"),
    # Links are bearer secrets here, and in a message from outside they are bait.
    (re.compile(r"(?i)\b[a-z][a-z0-9+.-]{1,20}://\S+"), _GAP),
    (
        re.compile(
            r"(?ix)\b((?:x-)? (?:ak|sk|access|signature|credential|authorization|password|passwd|pwd"
            r"|access[ _-]?key(?:[ _-]?id)?|secret(?:[ _-]?(?:key|access[ _-]?key))?"
            r"|(?:auth|subject|security)?[ _-]?token))"
            r"[\"']? \s*[:=]\s* (?:\"[^\"]*\"|'[^']*'|(?:bearer|basic|sdk-hmac-sha256)\s+\S+|[^\s,;]+)"
        ),
        rf"\1={_GAP}",
    ),
    # By shape: access keys (20 capitals and digits), secret keys (40), and longer runs: tokens, signatures.
    (re.compile(r"(?<![A-Za-z0-9])[A-Z0-9]{20}(?![A-Za-z0-9])"), _GAP),
    (re.compile(r"(?<![A-Za-z0-9+/=_-])(?:[A-Za-z0-9+/]{40}|[A-Za-z0-9+/=_-]{60,})(?![A-Za-z0-9+/=_-])"), _GAP),
)


def scrub(message: str, secrets: tuple[str, ...] = ()) -> str:
    """A message of the cloud without keys, signatures, tokens, links and control characters, at most 500 characters.

    The known secrets go first, whole, before anything is cut; what is cut off for length takes its last word along,
    so that half a secret cannot survive at the edge.
    """
    text = message
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, _GAP)
    if len(text) > _LONGEST_RAW_MESSAGE:
        text = text[: text.rfind(" ", 0, _LONGEST_RAW_MESSAGE) + 1]
    for pattern, instead in _SECRETIVE:
        text = pattern.sub(instead, text)
    text = " ".join("".join(" " if not c.isprintable() else c for c in text).split())
    return text if len(text) <= LONGEST_MESSAGE else text[: LONGEST_MESSAGE - 1] + "…"
