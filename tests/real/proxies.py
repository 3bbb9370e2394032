"""Two proxies of Debian: tinyproxy with a password as the only way out, and mitmdump, which reads TLS."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.flow.world import free_port, is_listening
from tests.real.parts import need, need_root, run

USER, PASSWORD = "bot", "madeUpForTheProxy7"
"""tinyproxy takes letters and digits only; passwords with other signs are tested where logs are scrubbed."""
HOST, GUEST = "10.213.7.1", "10.213.7.2"
"""The two ends of the one cable between this machine and the bot's; nobody else has a route to them."""


class Shut:
    """A network namespace with one cable to this machine, a proxy at its other end, and no other way out."""

    def __init__(self, folder: Path) -> None:
        self.name = f"dhbot{os.getpid()}"
        self._folder = folder
        self.port = free_port()
        self.log = folder / "tinyproxy.log"

    @property
    def proxy(self) -> str:
        return f"http://{USER}:{PASSWORD}@{HOST}:{self.port}"

    @contextmanager
    def up(self) -> Iterator[Shut]:
        need_root()
        ip, program = need("ip", "iproute2"), need("tinyproxy", "tinyproxy")
        cable = (f"{self.name}h", f"{self.name}g")
        run(ip, "netns", "add", self.name)
        server = None
        try:
            run(ip, "link", "add", cable[0], "type", "veth", "peer", "name", cable[1], "netns", self.name)
            run(ip, "address", "add", f"{HOST}/30", "dev", cable[0])
            run(ip, "link", "set", cable[0], "up")
            run(ip, "-n", self.name, "address", "add", f"{GUEST}/30", "dev", cable[1])
            run(ip, "-n", self.name, "link", "set", cable[1], "up")
            run(ip, "-n", self.name, "link", "set", "lo", "up")
            written = self._folder / "tinyproxy.conf"
            written.write_text(
                f"Port {self.port}\nListen {HOST}\nTimeout 600\nAllow {GUEST}\nBasicAuth {USER} {PASSWORD}\n"
                f'LogFile "{self.log}"\nLogLevel Info\nDisableViaHeader Yes\n',
                encoding="utf-8",
            )
            server = subprocess.Popen([program, "-d", "-c", str(written)], stdout=subprocess.DEVNULL)
            give_up = time.monotonic() + 20
            while not self.log.exists() or "Accepting connections" not in self.log.read_text(encoding="utf-8"):
                assert server.poll() is None
                assert time.monotonic() < give_up
                time.sleep(0.05)
            yield self
        finally:
            if server is not None:
                server.terminate()
                server.wait(20)
            subprocess.run([ip, "link", "delete", cable[0]], check=False, capture_output=True)
            run(ip, "netns", "delete", self.name)

    @property
    def enter(self) -> tuple[str, ...]:
        """What stands in front of a command that is to run in there."""
        return ("ip", "netns", "exec", self.name)


@contextmanager
def mitmdump(folder: Path, upstream: Path) -> Iterator[tuple[int, Path]]:
    """A proxy that opens every TLS connection and closes it anew; its port, and its authority's certificate."""
    program, port = need("mitmdump", "mitmproxy"), free_port()
    with (folder / "log").open("w", encoding="utf-8") as log:
        proxy = subprocess.Popen(
            [program, "--mode", "regular", "--listen-host", "127.0.0.1", "--listen-port", str(port),
             "--set", f"confdir={folder}", "--set", f"ssl_verify_upstream_trusted_ca={upstream}"],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
    try:
        give_up = time.monotonic() + 60
        while not is_listening(port):
            assert proxy.poll() is None, (folder / "log").read_text(encoding="utf-8")
            assert time.monotonic() < give_up
            time.sleep(0.05)
        yield port, folder / "mitmproxy-ca-cert.pem"
    finally:
        proxy.terminate()
        proxy.wait(20)
