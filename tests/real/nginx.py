"""Debian's nginx with deploy/nginx/dh-bot.conf."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.flow.world import free_port, is_listening
from tests.real.parts import need, run
from tests.support.certificates import certificate
from tests.support.paths import ROOT

CONF = ROOT / "deploy" / "nginx" / "dh-bot.conf"


@contextmanager
def nginx(folder: Path, bot_port: int) -> Iterator[tuple[int, Path]]:
    """The example with this test's ports and certificate; its port and the certificate's file."""
    program, port = need("nginx", "nginx-light"), free_port()
    trusted = certificate(folder)
    here = CONF.read_text(encoding="utf-8")
    for written, meant in (
        ("127.0.0.1:3000", f"127.0.0.1:{bot_port}"),
        ("listen 443 ", f"listen 127.0.0.1:{port} "),
        ("server_name bot.example.com", "server_name 127.0.0.1"),
        ("/etc/nginx/dh-bot/cert.pem", str(folder / "cert.pem")),
        ("/etc/nginx/dh-bot/key.pem", str(folder / "key.pem")),
    ):
        assert written in here
        here = here.replace(written, meant)
    kept = "".join(
        f"{kind}_temp_path {folder}/{kind}; " for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    whole = folder / "nginx.conf"
    whole.write_text(
        f"daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log;\nevents {{}}\n"
        f"http {{ access_log off; {kept}\n{here}\n}}\n",
        encoding="utf-8",
    )
    run(program, "-t", "-c", whole)
    server = subprocess.Popen([program, "-c", str(whole)])
    try:
        give_up = time.monotonic() + 20
        while not is_listening(port):
            assert server.poll() is None
            assert time.monotonic() < give_up
            time.sleep(0.05)
        yield port, trusted
    finally:
        server.terminate()
        server.wait(20)
