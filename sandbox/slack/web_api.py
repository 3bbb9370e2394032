"""The HTTP server: requests of the app, from the wire to a method and back, with faults on the way."""

from __future__ import annotations

import json
from email.utils import formatdate
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from sandbox.slack.faults import AFTER, BEFORE, Fault
from sandbox.slack.laws import Refused, need
from sandbox.slack.methods import METHODS, Method
from sandbox.slack.records import Call
from sandbox.wire.server import Reply, Request, Server

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from sandbox.slack.response_urls import Hooks
    from sandbox.slack.sockets import Sockets
    from sandbox.slack.workspace import Workspace

FORM, JSON = "application/x-www-form-urlencoded", "application/json"
STRUCTURES = ("blocks", "metadata", "view", "attachments")
FLAGS = {
    "link_names", "mrkdwn", "reply_broadcast", "unfurl_links", "unfurl_media", "as_user", "include_locale",
    "include_num_members", "include_disabled", "include_users", "include_count", "return_im", "prevent_creation",
}  # fmt: skip
ALWAYS_ALLOWED = {"team_id"}
"""Bolt's per-request client sends team_id with every method, and Slack does not mind (rulebook 4.10)."""


class Front(Server):
    """The HTTP server: /api/<method>, response_urls and the WebSocket handshake."""

    def __init__(self, slack: Workspace, hooks: Hooks, sockets: Sockets, port: int, tls: ssl.SSLContext | None) -> None:
        super().__init__(port, tls)
        self.slack = slack
        self.hooks = hooks
        self.sockets = sockets

    def answer(self, request: Request) -> Reply:
        """Route a request."""
        path = request.path
        if path.startswith("/api/"):
            call, error = read_call(request)
            return self._with_faults(call, lambda: self._api(call, error))
        if path.startswith(("/commands/", "/actions/")) and request.method == "POST":
            call = self.hooks.call(request)
            return self._with_faults(call, lambda: self.hooks.answer(request, call))
        if path == "/link/":
            return self.sockets.handshake(request)
        return Reply(404, b"not found")

    def _with_faults(self, call: Call, effect: Callable[[], Reply]) -> Reply:
        slack = self.slack
        fault = slack.faults.take(call)
        with slack.changed:
            slack.calls.append(call)
            call.fault = fault.kind if fault else None
            slack.changed.notify_all()
        if slack.before_call is not None:
            slack.before_call(call)
        if fault is not None and fault.when == BEFORE:
            if fault.kind != "latency":
                return self._spoil(fault, Reply(200, b"{}"))
            self.hold(fault.gate, fault.seconds)
        with slack.changed:
            reply = effect()
            slack.changed.notify_all()
        if slack.after_call is not None:
            slack.after_call(call)
        if fault is not None and fault.when == AFTER:
            return self._spoil(fault, reply)
        return reply

    def _spoil(self, fault: Fault, reply: Reply) -> Reply:
        self.slack.notify()
        return fault.spoil(reply, self)

    def _api(self, call: Call, error: str | None) -> Reply:
        method = METHODS.get(call.method)
        headers = {"Date": formatdate(self.slack.now(), usegmt=True)}
        try:
            call.response = {"ok": True, **self._run(method, call, error)}
        except Refused as refused:
            call.response = {"ok": False, "error": refused.error, **refused.more}
            if refused.retry_after is not None:
                call.status, headers["Retry-After"] = 429, str(refused.retry_after)
        if self.slack.scopes and method is not None:
            headers |= {"X-OAuth-Scopes": ",".join(sorted(self.slack.scopes))}
        return Reply.json(call.response, call.status, headers)

    def _run(self, method: Method | None, call: Call, error: str | None) -> dict[str, Any]:
        if method is None:
            self.slack.violation(f"{call.method}: unknown to this double")
            raise Refused("unknown_method")
        self._check_token(method, call.token, call.method)
        self._check_arguments(method, call, error)
        return method.run(self.slack, call.args)

    def _check_token(self, method: Method, token: str, name: str) -> None:
        slack = self.slack
        if not token:
            raise Refused("not_authed")
        if token not in (slack.bot_token, slack.app_token):
            raise Refused("invalid_auth")
        if (token == slack.app_token) != method.app_token and name != "auth.test":
            raise Refused("not_allowed_token_type")
        if method.scope:
            need(slack, method.scope)

    def _check_arguments(self, method: Method, call: Call, error: str | None) -> None:
        slack = self.slack
        if error:
            slack.violation(f"{call.method}: {error}")
            raise Refused(error)
        if call.content_type == JSON and not method.json:
            slack.violation(f"{call.method}: takes forms, not JSON")
            raise Refused("invalid_arguments")
        for name in set(call.args) - method.required - method.optional - ALWAYS_ALLOWED:
            slack.violation(f"{call.method}: unknown argument {name}")
        if call.args.get("team_id") not in (None, "", slack.team_id, slack.enterprise_id):
            raise Refused("team_access_not_granted")
        for name in sorted(method.required):
            if call.args.get(name) in (None, ""):
                raise Refused(MISSING.get(name, "invalid_arguments"), _missing(name))


MISSING = {"channel": "channel_not_found", "user": "user_not_found", "ts": "message_not_found"}
"""Slack has no common answer to a missing argument; the method pages list these for a bad value [?]."""


def _missing(name: str) -> dict[str, Any]:
    return {"response_metadata": {"messages": [f"[ERROR] missing required field: {name}"]}}


def read_call(request: Request) -> tuple[Call, str | None]:
    """Read method, token and arguments; the second value is the error in the request's form, or None."""
    kind = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    error: str | None = None
    args: dict[str, Any] = dict(request.query)
    if request.body:
        try:
            if kind == JSON:
                said = json.loads(request.body)
                if isinstance(said, dict):
                    args |= said
                else:
                    error = "json_not_object"
            elif kind == FORM:
                args |= parse_qsl(request.body.decode(), keep_blank_values=True, strict_parsing=True)
            else:
                error = "invalid_post_type" if kind else "missing_post_type"
        except UnicodeDecodeError:
            error = "invalid_charset"
        except ValueError:
            error = "invalid_json" if kind == JSON else "invalid_form_data"
    error = _understand(args) or error
    bearer = request.headers.get("Authorization", "")
    method = request.path.removeprefix("/api/")
    token = args.pop("token", "")
    if bearer.startswith("Bearer "):
        token = bearer.removeprefix("Bearer ").strip()
    elif method == "apps.connections.open" and token:
        token = "in-the-body"  # That method takes its token from the header only; the answer is invalid_auth.
    return Call(method, args, token, request.at, kind), error


def _understand(args: dict[str, Any]) -> str | None:
    """Parse structures and flags that forms carry as text, in place; returns an error code or None."""
    for name in STRUCTURES:
        if isinstance(args.get(name), str) and args[name]:
            try:
                args[name] = json.loads(args[name])
            except ValueError:
                return "invalid_blocks_format" if name == "blocks" else "invalid_arguments"
    for name in FLAGS & args.keys():
        if isinstance(args[name], str):
            args[name] = args[name].lower() in ("1", "true")
    return None
