"""The password in a proxy's address: whatever a library says of the address, no process of ours prints it."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import quote

from sandbox.bot_process import shut_in
from tests.flow.modes import usual
from tests.flow.world import World
from tests.support.proxies import Proxy, forward, refuse

PASSWORD = "hun@ter22:w/ord#?pAsS"
PIECES = ("ter22", "pAsS", "hun%40ter22", "w%2Ford")
WRITTEN = (PASSWORD, PASSWORD.replace("/", ""), quote(PASSWORD, safe=""))


def refuse_tunnels(sock: socket.socket, head: bytes) -> None:
    """Hand plain HTTP on and refuse every tunnel, which is where slack_sdk quotes the whole address of the proxy."""
    (refuse if head.startswith(b"CONNECT ") else forward)(sock, head)


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
        with Proxy(refuse_tunnels) as proxy:
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
