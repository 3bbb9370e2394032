"""HTTP and WebSocket of the page, on loopback only. Host and Origin are checked, so no other site can connect."""

from __future__ import annotations

import secrets
from importlib.resources import files
from typing import TYPE_CHECKING

from sandbox.page.ledger import Ledger
from sandbox.page.troubles import Troubles
from sandbox.page.window import Window
from sandbox.wire.server import Reply, Request, Server
from sandbox.wire.websocket import upgrade

if TYPE_CHECKING:
    import socket
    from typing import Self

    from sandbox.page.scene import Scene

KINDS = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}


class Page(Server):
    """The page of one scene."""

    def __init__(self, scene: Scene, port: int = 0) -> None:
        super().__init__(port)
        self.scene = scene
        self.troubles = Troubles(scene)
        self.ledger = Ledger(scene)
        self.run_id = secrets.token_hex(8)
        folder = files(__package__) / "static"
        self._files = {each.name: each.read_bytes() for each in folder.iterdir() if each.name.split(".")[-1] in KINDS}

    def start(self) -> Self:
        """Start to serve."""
        self.ledger.start()
        return super().start()

    def stop(self) -> None:
        """Stop serving."""
        if self.scene.stopping.is_set():
            self.ledger.stop()
        super().stop()

    def answer(self, request: Request) -> Reply:
        """Return a file of the page, or open a window."""
        if request.headers.get("Host") not in self._hosts():
            return Reply(421, self._how_to_reach().encode())
        if request.path == "/window":
            if request.headers.get("Origin") not in {f"http://{host}" for host in self._hosts()}:
                return Reply(403, b"Another site may not open a window here.")
            if request.headers.get("Upgrade", "").lower() != "websocket":
                return Reply(426, b"A WebSocket is expected here.")
            return Reply(takeover=lambda sock: self._open(sock, request))
        name = request.path.removeprefix("/") or "index.html"
        body = self._files.get(name)
        if request.method not in ("GET", "HEAD") or body is None:
            return Reply(404, b"There is nothing here.", self._headers("text/plain"))
        return Reply(200, body, self._headers(KINDS[name.split(".")[-1]]))

    def _how_to_reach(self) -> str:
        return (
            f"This page answers only to its own address: open http://localhost:{self.port} on this machine. From "
            f"another one, forward the same port first: ssh -L {self.port}:localhost:{self.port} HOST\n"
        )

    def _hosts(self) -> set[str]:
        return {f"127.0.0.1:{self.port}", f"localhost:{self.port}"}

    def _headers(self, kind: str) -> dict[str, str]:
        # Not every browser lets 'self' cover ws:, so the page's own WebSocket is named.
        sockets = " ".join(f"ws://{host}" for host in sorted(self._hosts()))
        return {
            "Content-Type": f"{kind}; charset=utf-8",
            "Content-Security-Policy": f"default-src 'self'; connect-src 'self' {sockets}; base-uri 'none'; "
            "form-action 'none'; frame-ancestors 'none'; object-src 'none'",
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Cache-Control": "no-store",
        }

    def _open(self, sock: socket.socket, request: Request) -> None:
        link = upgrade(sock, request)
        if link is not None:
            self.ledger.watchers += 1
            try:
                Window(self.scene, self.ledger, self.troubles, self.run_id, link).run()
            finally:
                self.ledger.watchers -= 1
