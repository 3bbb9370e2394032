"""Socket Mode: tickets, WebSocket links, envelopes and their acks (rulebook section 6)."""

from __future__ import annotations

import contextlib
import json
import secrets
from typing import TYPE_CHECKING, Any

from sandbox.wire.server import Reply, Request, reset
from sandbox.wire.websocket import Link, upgrade

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Sequence

    from sandbox.slack.workspace import Workspace

MOST_LINKS = 10
CONNECTION_TIME = 3600


class Sockets:
    """All links of the app, and the tickets for new ones."""

    def __init__(self, slack: Workspace, acked: Callable[[object, object], None]) -> None:
        self.slack = slack
        self._acked = acked
        self.links: list[Link] = []
        self.refuse = False
        self.base: str | None = None
        """Where links are opened, if not at the Web API's address: the SDK (3.47) speaks TLS there on port 443 only."""
        self.mute = False
        """New links are silent from the start: the handshake succeeds, but neither hello nor pong ever comes."""
        self.pick: Callable[[Sequence[Link]], Link] = secrets.choice
        """Which link gets an envelope: any of them, no pattern guaranteed (rulebook 6.3)."""
        self.lingering = 0
        """How many ended connections Slack still counts: it notices some ends late."""
        self._tickets: set[str] = set()

    def ticket_url(self) -> str:
        """Make a temporary address. Each opens one connection."""
        ticket = secrets.token_hex(16)
        self._tickets.add(ticket)
        base = self.base or self.slack.base
        return f"{base.replace('http', 'ws', 1)}/link/?ticket={ticket}&app_id={self.slack.app_id}"

    def handshake(self, request: Request) -> Reply:
        """Answer the WebSocket handshake; an unknown or used ticket gets 401, `refuse` gets 503."""
        ticket = dict(request.query).get("ticket", "")
        if self.refuse:
            return Reply(503, b"refused")
        with self.slack.changed:
            if ticket not in self._tickets:
                return Reply(401, b"ticket unknown or used")
            self._tickets.discard(ticket)
        return Reply(takeover=lambda sock: self._serve(sock, request))

    def _serve(self, sock: socket.socket, request: Request) -> None:
        """Run one link until it ends, in the connection's thread."""
        link = upgrade(sock, request)
        if link is None:
            return
        link.silent = self.mute
        try:
            if self._welcome(link):
                self._listen(link)
        except OSError:
            pass
        finally:
            link.alive = False
            if link.dropping:
                reset(sock)
            link.ended.set()
            self._forget(link)

    def _listen(self, link: Link) -> None:
        """Read until the app ends the link or it is dropped. A silent link ignores what it receives."""
        while link.alive:
            with link.reading():
                data = link.sock.recv(65536)
                if link.dropping or (link.silent and not data):
                    return
                if link.silent:
                    continue
                before = link.pings + link.pongs
                texts = link.feed(data)
            for text in texts:
                self._heard(text)
            if link.pings + link.pongs > before:
                self.slack.notify()
            if not data or not link.is_open:
                return

    def _forget(self, link: Link) -> None:
        with self.slack.changed:
            if link in self.links:
                self.links.remove(link)
            self.slack.changed.notify_all()

    def _welcome(self, link: Link) -> bool:
        """Send hello (rulebook 6.5), or refuse if there are too many links."""
        with self.slack.changed:
            if len(self.links) >= MOST_LINKS:
                link.send({"type": "disconnect", "reason": "too_many_websockets", "debug_info": {"host": "sandbox"}})
                link.close()
                return False
            hello = {
                "type": "hello",
                "num_connections": len(self.links) + 1 + self.lingering,
                "debug_info": {
                    "host": "sandbox",
                    "build_number": 1,
                    "approximate_connection_time": CONNECTION_TIME,
                },
                "connection_info": {"app_id": self.slack.app_id},
            }
            link.send(hello)
            self.links.append(link)
            self.slack.changed.notify_all()
        return True

    def _heard(self, text: str) -> None:
        """Handle a message of the app: only acks are known."""
        try:
            said = json.loads(text)
            envelope_id = said["envelope_id"]
        except (ValueError, TypeError, KeyError):
            self.slack.violation(f"socket: not an ack: {text[:80]!r}")
            return
        for name in set(said) - {"envelope_id", "payload"}:
            self.slack.violation(f"socket: unknown field in an ack: {name}")
        self._acked(envelope_id, said.get("payload"))

    def deliver(self, envelope: dict[str, Any]) -> bool:
        """Send an envelope over exactly one link; False if there is none."""
        while True:
            with self.slack.changed:
                live = [link for link in self.links if link.alive]
                if not live:
                    return False
                link = self.pick(live)
                link.delivered.append(envelope["envelope_id"])
            if link.send(envelope):
                return True
            link.alive = False

    def wait_connected(self, n: int = 1, timeout: float = 5.0) -> list[Link]:
        """Wait until n links are up."""
        self.slack.wait_for(lambda: len(self.links) >= n, timeout)
        return list(self.links)

    def _chosen(self, link: Link | None) -> list[Link]:
        return list(self.links) if link is None else [link]

    def drop(self, link: Link | None = None) -> None:
        """End a link (or all) with a TCP reset and no close frame."""
        for each in self._chosen(link):
            each.drop()
            self._forget(each)

    def go_silent(self, link: Link | None = None) -> None:
        """Make a link (or all) silently dead: the socket stays open, nothing is ever sent or answered again.

        Slack still counts the link, so envelopes for it are lost.
        """
        for each in self._chosen(link):
            each.silent = True

    def go_deaf(self, link: Link | None = None, *, counted: bool = True) -> None:
        """Deliver nothing over a link (or all) any more, although pings are answered and it can be closed in order.

        Envelopes for it are lost. If `counted` is False, Slack has forgotten the link and sends nothing over it.
        """
        for each in self._chosen(link):
            each.deaf = True
            if not counted:
                self._forget(each)

    def disconnect(self, reason: str = "warning", link: Link | None = None, *, close: bool | None = None) -> None:
        """Send a `disconnect` message: warning, refresh_requested or link_disabled (rulebook 6.5).

        After a warning the link stays for some seconds, after the others it is closed at once; `close` overrides this.
        """
        for each in self._chosen(link):
            each.send({"type": "disconnect", "reason": reason, "debug_info": {"host": "sandbox"}})
            if close if close is not None else reason != "warning":
                self._forget(each)
                each.close()

    def end(self) -> None:
        """Close every link."""
        for each in list(self.links):
            with contextlib.suppress(OSError):
                each.close()
