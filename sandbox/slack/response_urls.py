"""response_urls: five uses, thirty minutes, and what a call may do (rulebook 1.5 to 1.7)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from sandbox.slack.invocation import CLICK, Invocation
from sandbox.slack.records import Call
from sandbox.wire.server import Reply, Request

if TYPE_CHECKING:
    from sandbox.slack.workspace import Workspace

MOST_USES, LIFE = 5, 30 * 60
FIELDS = {
    "text", "blocks", "response_type", "replace_original", "delete_original", "thread_ts", "mrkdwn", "unfurl_links",
    "unfurl_media", "metadata",
}  # fmt: skip


class Hooks:
    """All response_urls of the app."""

    def __init__(self, slack: Workspace) -> None:
        self.slack = slack
        self._by_path: dict[str, Invocation] = {}

    def register(self, invocation: Invocation) -> None:
        """Make an invocation's response_url work."""
        # An invocation that is sent again shares the address of the first, and its uses.
        self._by_path.setdefault(invocation.response_url.removeprefix(self.slack.base), invocation)

    def call(self, request: Request) -> Call:
        """Read a POST to a response_url."""
        kind = request.headers.get("Content-Type", "").partition(";")[0]
        try:
            if kind == "application/json":
                args = json.loads(request.body)
            else:
                args = json.loads(parse_qs(request.body.decode())["payload"][0])
        except (ValueError, KeyError):
            args = None
        call = Call("response_url", args if isinstance(args, dict) else {}, "", request.at, kind)
        if not isinstance(args, dict):
            call.response = {"ok": False, "error": "invalid_payload"}
            call.status = 400
        return call

    def answer(self, request: Request, call: Call) -> Reply:
        """Do what the call asks for.

        Success is the text "ok". Failures are JSON: a used up or expired URL gets 404, bad content 200 [?], the status
        that is easier to overlook.
        """
        if call.response is None:
            call.response, call.status = self._use(self._by_path.get(request.path), call.args)
        if call.response["ok"]:
            return Reply(200, b"ok", {"Content-Type": "text/html"})
        return Reply.json(call.response, call.status)

    def _use(self, invocation: Invocation | None, said: dict[str, Any]) -> tuple[dict[str, Any], int]:
        slack = self.slack
        if invocation is None:
            return {"ok": False, "error": "invalid_url"}, 404
        if slack.now() - invocation.born > LIFE:
            return {"ok": False, "error": "expired_url"}, 404
        if invocation.uses >= MOST_USES:
            return {"ok": False, "error": "used_url"}, 404
        invocation.uses += 1
        for name in set(said) - FIELDS:
            slack.violation(f"response_url: unknown field {name}")
        if said.get("delete_original"):
            if invocation.kind == CLICK and invocation.message is not None:
                slack.delete_message(invocation.message)
            return {"ok": True}, 200
        if not said.get("text") and not said.get("blocks"):
            slack.violation("response_url: no_text")
            return {"ok": False, "error": "no_text"}, 200
        problems = slack.check_content("response_url", said)
        if problems:
            return {"ok": False, "error": "invalid_blocks", "response_metadata": {"messages": problems}}, 200
        self._say(invocation, said)
        return {"ok": True}, 200

    def _say(self, invocation: Invocation, said: dict[str, Any]) -> None:
        slack = self.slack
        replace = said.get("replace_original")
        if invocation.kind == CLICK and replace is None:
            slack.violation("response_url: a click's answer without replace_original may overwrite its message (1.5)")
            replace = "thread_ts" in said
        if replace and invocation.kind == CLICK and invocation.message is not None:
            slack.rewrite(invocation.message, said)
            return
        original = next((shown for shown in invocation.answers if shown.ephemeral and not shown.deleted), None)
        if replace and slack.replaces_acks and original is not None and said.get("response_type") != "in_channel":
            # A command has no message, so its first private answer is the original: the text of the ack [?].
            slack.rewrite(original, said)
            invocation.answers.append(original)
            return
        only_for = None if said.get("response_type") == "in_channel" else invocation.user
        invocation.answers.append(slack.put(invocation.channel, said, via="response_url", only_for=only_for))
