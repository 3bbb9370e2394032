"""The raw traffic of both sides as rows for the page: caller, request, answer, request ID. Without secrets."""

from __future__ import annotations

import json
import re
from http.client import responses
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from sandbox.slack.invocation import CLICK, COMMAND
from sandbox.wire.server import WHOLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sandbox.metastudio.world import Seen
    from sandbox.page.scene import Scene
    from sandbox.slack.slack import Call, Invocation
    from sandbox.wire.server import Reply

KEPT = 150
"""Rows of each kind that a window gets."""
REDACTED = "[redacted]"
SECRET_FIELDS = re.compile(
    r"(?i)token|authorization|x-security-token|x-auth-token|response_url|trigger_id|contact|app_user_id|.*_url|url"
)
"""Tokens, addresses that work like tokens, and telephone numbers."""
OF_SIGNATURES = re.compile(r"(?<=Access=)[^,\s]+|(?<=Signature=)[^,\s]+")

_T = TypeVar("_T")
Row = dict[str, Any]


def rows(scene: Scene, is_new: Callable[[str, str], bool]) -> list[Row]:
    """The latest requests, in order of time; only those that are new by their id and their answer so far."""
    slack, cloud = scene.slack, scene.cloud
    with slack.changed:
        found = [
            _call(call) | {"id": name} for name, call in _last("c", slack.calls) if is_new(name, _call_answer(call))
        ]
        found += [
            _shown(each) | {"id": name}
            for name, each in _last("i", slack.invocations)
            if is_new(name, _shown_answer(each))
        ]
    with cloud.changed:
        found += [
            _seen(each) | {"id": name}
            for name, each in _last("m", list(cloud.requests))
            if is_new(name, _seen_answer(each))
        ]
    return sorted(found, key=lambda row: float(row["at"]))


def _last(kind: str, things: Sequence[_T]) -> Iterator[tuple[str, _T]]:
    first = max(len(things) - KEPT, 0)
    return ((f"{kind}{first + number}", each) for number, each in enumerate(things[first:]))


def redact(value: Any) -> Any:
    """The same value with every secret field replaced."""
    if isinstance(value, dict):
        return {
            key: REDACTED if SECRET_FIELDS.fullmatch(str(key)) and each else redact(each) for key, each in value.items()
        }
    if isinstance(value, list):
        return [redact(each) for each in value]
    return value


def _json(value: Any) -> str:
    return json.dumps(redact(value), indent=2, ensure_ascii=False)


# The bot calls Slack.


def _call_answer(call: Call) -> str:
    if call.fault:
        return f"{call.fault} on purpose"
    return "ok" if call.ok else str((call.response or {}).get("error", "…"))


def _call(call: Call) -> Row:
    hook = call.method == "response_url"
    lines = ["POST to the response_url" if hook else f"POST /api/{call.method}"]
    lines += [] if hook else [f"Authorization: Bearer {call.token[:5]}{REDACTED}"]
    lines += ["", _json(call.args), ""]
    lines += [f"Spoiled on purpose: {call.fault}" if call.fault else f"HTTP {call.status}"]
    lines += [_json(call.response)] if call.response is not None else ["(no effect)"]
    return {
        "at": call.at,
        "way": "bot → Slack",
        "what": call.method,
        "answer": _call_answer(call),
        "bad": bool(call.fault) or (call.response is not None and not call.ok),
        "raw": "\n".join(lines),
    }


# Slack sends the bot a person's action.


def _shown_answer(invocation: Invocation) -> str:
    return invocation.error or ("acked" if invocation.acked else "…")


def _shown(invocation: Invocation) -> Row:
    payload = invocation.payload
    lines = [f"envelope {invocation.envelope_id}, {invocation.kind}, Socket Mode", "", _json(payload), ""]
    lines += [f"acked after {invocation.ack_seconds:.3f} s" if invocation.ack_seconds is not None else "not acked"]
    lines += [_json(invocation.ack)] if invocation.ack else []
    return {
        "at": invocation.born,
        "way": "Slack → bot",
        "what": _what(invocation.kind, payload),
        "answer": _shown_answer(invocation),
        "bad": bool(invocation.error),
        "raw": "\n".join(lines),
    }


def _what(kind: str, payload: dict[str, Any]) -> str:
    if kind == COMMAND:
        return f"{payload['command']} {payload['text']}"
    return str(payload["actions"][0]["action_id"] if kind == CLICK else payload["event"]["type"])


# The bot calls MetaStudio.


def _seen_answer(seen: Seen) -> str:
    if seen.reply is None:
        return "…"
    answer = f"HTTP {seen.status}" if seen.status is not None else "no answer"
    return f"{answer}, on purpose" if seen.fault else answer


def _seen(seen: Seen) -> Row:
    lines = [f"{seen.method} {seen.target}", *(f"{name}: {_header(name, value)}" for name, value in seen.headers)]
    if seen.reply is not None:
        lines += ["", *_reply(seen.reply, whole=seen.status is not None)]
    if seen.had_effect:
        lines += ["", "What only the sandbox knows: this request deleted the job."]
    return {
        "at": seen.at.timestamp(),
        "way": "bot → MetaStudio",
        "what": f"{seen.method} {_short(seen.target)}",
        "answer": _seen_answer(seen),
        "request_id": seen.request_id,
        "bad": seen.fault or (seen.reply is not None and seen.status not in (200, 404)),
        "raw": "\n".join(lines),
    }


def _short(target: str) -> str:
    """The end of the path, with the long job id cut. The raw request has all of it."""
    path = urlsplit(target).path.partition("digital-human-training-manage")[2]
    head, _, last = path.rpartition("/")
    return f"…{head}/{last[:8]}…" if len(last) > 16 else f"…{path}"


def _header(name: str, value: str) -> str:
    if name.lower() == "authorization":
        return OF_SIGNATURES.sub(REDACTED, value)
    return REDACTED if SECRET_FIELDS.fullmatch(name) else value


def _reply(reply: Reply, *, whole: bool) -> list[str]:
    if not whole or reply.wire != WHOLE:
        return ["(the connection ended without a whole answer)"]
    head = f"HTTP {reply.status} {responses.get(reply.status, '')}".strip()
    return [head, *(f"{name}: {value}" for name, value in reply.headers.items()), "", _body(reply.body)]


def _body(body: bytes) -> str:
    try:
        return _json(json.loads(body)) if body else "(no body)"
    except ValueError:
        return body.decode(errors="replace")
