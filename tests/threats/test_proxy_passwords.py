"""The password in a proxy's address: whatever a library says of the address, no process of ours prints it."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Self
from urllib.parse import quote, urlsplit

from sandbox.bot_process import shut_in
from tests.flow.modes import usual
from tests.flow.world import World

PASSWORD = "hun@ter22:w/ord#?pAsS"
PIECES = ("ter22", "pAsS", "hun%40ter22", "w%2Ford")
WRITTEN = (PASSWORD, PASSWORD.replace("/", ""), quote(PASSWORD, safe=""))


class Proxy:
    """Hands plain HTTP on and refuses every tunnel, which is where slack_sdk quotes the whole address of the proxy."""

    def __init__(self) -> None:
        self.tunnels = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                threading.Thread(target=self._handle, args=(sock,), daemon=True).start()

    def _handle(self, sock: socket.socket) -> None:
        with sock, contextlib.suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head:
                head += sock.recv(65536)
            method, address, rest = head.split(b" ", 2)
            if method == b"CONNECT":
                self.tunnels += 1
                sock.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
                return
            url = urlsplit(address.decode())
            with socket.create_connection((url.hostname or "", url.port or 80), timeout=10) as server:
                server.sendall(b" ".join((method, url.path.encode(), rest)))
                threading.Thread(target=_pump, args=(sock, server), daemon=True).start()
                _pump(server, sock)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)


def start(w: World, *words: str, **environ: str) -> subprocess.Popen[str]:
    """A command, with this world's settings and with variables that lead to a proxy on this machine."""
    return subprocess.Popen(  # noqa: S603 - our own words
        [sys.executable, "-m", "bot", *words],
        cwd=w.folder,
        env={**shut_in(w.folder, w.environ()), "LOG_LEVEL": "DEBUG", **environ},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def assert_hidden(printed: str) -> None:
    for text in (PASSWORD, *PIECES, *WRITTEN):
        assert text not in printed, text


def test_a_tunnel_that_is_refused_betrays_nothing(tmp_path: Path) -> None:
    """slack_sdk logs "Failed to connect to the proxy (proxy: …)" with the address; the log has it without password."""
    w = World(tmp_path, **usual(tmp_path)).start()
    try:
        with Proxy() as proxy:
            for written in (PASSWORD.replace("/", "").replace("#?", ""), quote(PASSWORD, safe="")):
                tunnels = proxy.tunnels
                bot = start(w, "run", HTTPS_PROXY=f"http://user:{written}@127.0.0.1:{proxy.port}")
                give_up = time.monotonic() + 90
                while proxy.tunnels < tunnels + 2 and bot.poll() is None and time.monotonic() < give_up:
                    time.sleep(0.05)
                bot.kill()
                printed, _ = bot.communicate(timeout=30)
                assert "Failed to connect to the proxy" in printed
                assert_hidden(printed)
    finally:
        w.stop()


CASES = [
    ("run", "HTTPS_PROXY", "http://user:{}@127.0.0.1:9", PASSWORD),
    ("doctor", "https_proxy", "user:{}@127.0.0.1:9", PASSWORD.replace("/", "")),
    # urllib raises a ValueError that quotes this one, which nobody expects: the traceback is printed without it.
    ("doctor", "HTTP_PROXY", "http:/user:{}@127.0.0.1:9", PASSWORD),
    ("doctor", "METASTUDIO_PROXY", "HTTP://user:{}@[::1]:9/", quote(PASSWORD, safe="")),
    ("run", "METASTUDIO_PROXY", "http:user:{}@127.0.0.1:9", PASSWORD),
]


def test_no_command_prints_it(tmp_path: Path) -> None:
    """However it is written, `run` and `doctor` end with words of their own, or with a traceback that hides it."""
    w = World(tmp_path, **usual(tmp_path)).start()
    try:
        running = []
        for number, (command, name, form, written) in enumerate(CASES):
            ledger = f"sqlite:///{tmp_path}/{number}.db"
            environ = {name: form.format(written), "DATABASE_URL": ledger, "SLACK_API_URL": "http://127.0.0.1:9/"}
            running.append(start(w, command, **environ))
        for bot in running:
            printed, _ = bot.communicate(timeout=120)
            assert bot.returncode != 0
            assert printed
            assert_hidden(printed)
    finally:
        w.stop()
