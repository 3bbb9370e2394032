"""Faults on purpose: the failures of Slack's Web API."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sandbox.wire.fault_list import FaultList
from sandbox.wire.server import CUT, DROP, RESET, Reply, Server

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.slack.records import Call

KINDS = ("ratelimited", "http", "error", "says", "silence", "reset", "cut", "drop", "latency")
BEFORE, AFTER = "before", "after"


@dataclass(slots=True, eq=False)
class Fault:
    """One planned fault; `hits` counts how often it struck, `release()` ends a silence or a latency."""

    method: str
    kind: str
    times: int | None
    when: str
    where: Callable[[dict[str, Any]], bool] | None
    skip: int
    error: str
    status: int
    seconds: float | None
    retry_after: int
    body: object
    hits: int = 0
    gate: threading.Event = field(default_factory=threading.Event)

    def release(self) -> None:
        """Let everything that this fault holds up go on."""
        self.gate.set()

    def matches(self, call: Call) -> bool:
        """Whether this fault is meant for this call."""
        return self.method in ("*", call.method) and (self.where is None or self.where(call.args))

    def spoil(self, reply: Reply, server: Server) -> Reply:
        """Turn the good answer into what the caller meets; runs in the connection's thread, so it may wait."""
        match self.kind:
            case "ratelimited":
                return Reply.json({"ok": False, "error": "ratelimited"}, 429, {"Retry-After": str(self.retry_after)})
            case "http":
                return Reply(self.status, b"<html>upstream error</html>", {"Content-Type": "text/html"})
            case "error":
                return Reply.json({"ok": False, "error": self.error})
            case "says":
                return Reply.json(self.body)
            case "reset":
                return Reply(wire=RESET)
            case "drop":
                return Reply(wire=DROP)
            case "cut":
                reply.wire = CUT
                return reply
            case "silence":
                server.hold(self.gate, self.seconds)
                return Reply(wire=DROP)
            case _:
                server.hold(self.gate, self.seconds)
                return reply


class Faults(FaultList[Fault]):
    """The planned faults of Slack's Web API."""

    def add(  # noqa: PLR0913 - what can go wrong has many sides; all but two are named
        self,
        method: str,
        kind: str,
        *,
        times: int | None = 1,
        when: str = BEFORE,
        where: Callable[[dict[str, Any]], bool] | None = None,
        skip: int = 0,
        error: str = "internal_error",
        status: int = 500,
        seconds: float | None = None,
        retry_after: int = 1,
        body: object = None,
    ) -> Fault:
        """Plan a fault.

        `method` is a Web API method, "response_url" or "*". `when` is "before" (the effect does not happen) or
        "after" (it happens, and the answer is spoiled). `where(args)` narrows it, e.g. to one channel. The
        first `skip` matching calls pass; `times=None` means until removed. `error` belongs to kind "error",
        `status` to "http", `retry_after` to "ratelimited", `body` (sent as JSON with status 200) to "says", `seconds`
        to "silence" and "latency" (None: until released). A latency before the effect delays the effect too.
        """
        if kind not in KINDS or when not in (BEFORE, AFTER):
            message = f"kind is one of {KINDS}, when is before or after"
            raise ValueError(message)
        return self.plan(Fault(method, kind, times, when, where, skip, error, status, seconds, retry_after, body))
