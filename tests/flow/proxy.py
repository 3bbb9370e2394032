"""A proxy between the bot and the local Slack."""

from __future__ import annotations

import urllib.request

from sandbox.wire.server import Reply, Request, Server


class Proxy(Server):
    """A proxy that passes plain requests on and refuses every tunnel, with its status."""

    status = 403

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[str] = []
        """The addresses that were asked for."""

    def answer(self, request: Request) -> Reply:
        """Pass it on, if it is no tunnel."""
        self.heard.append(request.target)
        if request.method == "CONNECT":
            return Reply(self.status)
        names = ("Content-Type", "Authorization")
        headers = {name: request.headers[name] for name in names if name in request.headers}
        sent = urllib.request.Request(request.target, request.body or None, headers, method=request.method)
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(sent, timeout=5) as answer:
            return Reply(answer.status, answer.read(), dict(answer.headers))
