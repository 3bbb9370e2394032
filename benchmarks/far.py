"""A long line to servers nearby: a relay, in a process of its own, behind which they seem to be 100 ms away.

    python -m benchmarks.far PORT …       one relay for each server, until the standard input ends

It prints the ports of its relays as a list in JSON. Each byte arrives half a round trip after it was sent, in either
direction. On loopback a connection is open at once, so the client's first bytes wait for the round trip that opening it
would take: a call on a new connection costs two round trips, and three over TLS.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import selectors
import subprocess
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from sandbox.wire.server import LOOPBACK

ROUND_TRIP = 0.1
ONE_WAY = ROUND_TRIP / 2
WITHIN = 5.0


async def carry(source: asyncio.StreamReader, target: asyncio.StreamWriter, not_before: float) -> None:
    """Pass on what comes, half a round trip after it came. Nothing leaves the client before ``not_before``."""
    on_the_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

    async def arrive() -> None:
        data = b"-"
        while data:
            due, data = await on_the_way.get()
            await asyncio.sleep(due - now())
            if data:
                target.write(data)
            elif target.can_write_eof():
                target.write_eof()

    now = asyncio.get_running_loop().time
    arriving = asyncio.create_task(arrive())
    data = b"-"
    while data:
        try:
            data = await source.read(65536)
        except OSError:
            data = b""
        on_the_way.put_nowait((max(now(), not_before) + ONE_WAY, data))
    with contextlib.suppress(OSError):
        await arriving


async def relay(port: int, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
    """One connection to the server on this port."""
    opened = asyncio.get_running_loop().time() + ROUND_TRIP
    # The end of the relay is no error, nor is a server that has gone.
    with contextlib.suppress(OSError, asyncio.CancelledError), contextlib.closing(to_client):
        server, to_server = await asyncio.open_connection(LOOPBACK, port)
        with contextlib.closing(to_server):
            await asyncio.gather(carry(client, to_server, opened), carry(server, to_client, opened))


async def serve(ports: Sequence[int]) -> None:
    """Relay to these ports until the standard input ends."""
    servers = [await asyncio.start_server(partial(relay, port), LOOPBACK, 0) for port in ports]
    print(json.dumps([server.sockets[0].getsockname()[1] for server in servers]), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


class Line:
    """The relay's process. ``ports`` has the far end's ports in the order of the near ones."""

    def __init__(self, ports: Sequence[int]) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - our own words
            [sys.executable, "-m", "benchmarks.far", *map(str, ports)],
            cwd=Path(__file__).parents[1],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout is not None
        self.ports: list[int] = json.loads(self._process.stdout.readline())

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(WITHIN)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()


def main() -> None:
    """Serve, on an event loop that waits to the microsecond: epoll rounds each wait up to a millisecond."""
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(selectors.SelectSelector())) as runner:
        runner.run(serve([int(port) for port in sys.argv[1:]]))


if __name__ == "__main__":
    main()
