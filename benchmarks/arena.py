"""One bot as its own process. Its Slack and its MetaStudio run in the measuring process."""

from __future__ import annotations

import random
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import certifi
import psutil

from benchmarks.far import Line
from benchmarks.flows import Flows, name_of
from sandbox.bot_process import settings_for, shut_in
from sandbox.metastudio.metastudio import MetaStudio
from sandbox.slack.slack import Slack
from sandbox.slack.web_api import Front
from sandbox.wire.server import LOOPBACK
from tests.flow.world import free_port, is_listening
from tests.support.certificates import certificate, server_context

CHANNELS = 40
"""More channels than flows in flight: Slack takes one message per second and channel, so no flow shares a channel."""
READY_WITHIN = 30.0
END_WITHIN = 20.0
REST_FOR = 1.1
"""Seconds of silence. dh-bot checks once a second whether a look-up of an ended job is due."""
REST_WITHIN = 60.0

UNLIMITED = {"DELETES_PER_SECOND": "0", "READS_PER_SECOND": "0", "MAX_OPEN": "10000", "SETTLE_AFTER_SECONDS": "1"}
"""dh-bot without its limiter, and with the second look-up of an ended job one second after the first instead of half a
minute: the costs are the same, and the run need not wait. All other settings keep their defaults."""


AS_INSTALLED = (
    "import runpy, sys; sys.modules['rich'] = None; sys.argv = sys.argv[1:]; "
    "runpy.run_module(sys.argv[0], run_name='__main__', alter_sys=True)"
)
"""Starts a module as ``python -m`` does, but without rich: structlog loads rich if it is installed. Only the
developers' tools install rich, so an installed bot runs without it."""


@dataclass(frozen=True)
class Way:
    """How a bot is started, reached and configured."""

    program: str
    """Its module, and the words behind it."""
    tls: bool = False
    far: bool = False
    """Slack and MetaStudio are 100 ms away."""
    http: bool = False
    postgresql: bool = False
    limiter: bool = False

    @property
    def is_ours(self) -> bool:
        """Whether it is dh-bot."""
        return self.program in {OURS, PROFILED}

    @property
    def is_timed(self) -> bool:
        """Whether it is measured one deletion at a time. floor-12 is there for throughput and CPU."""
        return self.program != FLOOR_12

    @property
    def is_loaded(self) -> bool:
        """Whether it is measured with many deletions in flight, as far as there is a goal for that."""
        return self.program != FLOOR_5 and not (self.far or self.http or (self.tls and self.postgresql))

    def __str__(self) -> str:
        name = "dh-bot" if self.is_ours else self.program.rpartition(".")[2].replace(" ", "-")
        away = ", 100 ms away" if self.far else ""
        reached = f"{'HTTP' if self.http else 'socket'}{', TLS' if self.tls else ''}{away}"
        kept = f", {'PostgreSQL' if self.postgresql else 'SQLite'}" if self.is_ours else ""
        return f"{name} ({reached}{kept}{', limiter at its defaults' if self.limiter else ''})"


OURS, PROFILED = "bot.cli.main run", "benchmarks.bots.profiled run"
FLOOR_5, FLOOR_12 = "benchmarks.bots.floor 5", "benchmarks.bots.floor 12"
TUTORIAL = "benchmarks.bots.tutorial"
SLACK, METASTUDIO = "Slack", "MetaStudio"


class Arena:
    """A bot, its Slack and its MetaStudio."""

    def __init__(self, way: Way, folder: Path, database_url: str | None = None) -> None:
        self.way = way
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        pem = certificate(folder) if way.tls else None
        tls = server_context(pem) if pem else None
        self.slack = Slack(strict=False, tls=tls)
        self.cloud = MetaStudio(tls=tls, keep=10_000)
        self.slack.start()
        self.cloud.start()
        # slack_sdk speaks TLS on port 443 only: the WebSocket stays plain when the Web API has TLS.
        self._plain = Front(self.slack, self.slack.hooks, self.slack.sockets, 0, None).start()
        self.slack.sockets.base = self._plain.url
        self.opened: Counter[str] = Counter()
        """How many connections were opened to Slack and to MetaStudio. The WebSocket is not among them."""
        self._lock = threading.Lock()
        self.slack.front.on_connect = self._counted(SLACK, None)
        self.cloud.on_connect = self._counted(METASTUDIO, self.cloud.on_connect)
        person = self.slack.add_user("anna")
        channels = [self.slack.add_channel(f"ops-{number}", members=[person]) for number in range(CHANNELS)]
        self.settings = settings_for(self.slack, self.cloud, folder) | {"AUTHORIZED_USERS": person}
        self._line: Line | None = None
        if way.far:
            self._go_far()
        if database_url:
            self.settings["DATABASE_URL"] = database_url
        if not way.limiter:
            self.settings |= UNLIMITED
        if pem:
            # First the usual authorities: loading them is the cost of TLS for a bot that does so at each call.
            # dh-bot and the floor read the first setting, requests and OpenSSL the others.
            bundle = folder / "authorities.pem"
            bundle.write_text(Path(certifi.where()).read_text(encoding="utf-8") + pem.read_text(), encoding="utf-8")
            self.settings |= dict.fromkeys(("CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"), str(bundle))
        if way.http:
            port = free_port()
            self.slack.deliver_http_to = f"http://127.0.0.1:{port}/slack/events"
            self.settings |= {
                "SLACK_MODE": "http",
                "HTTP_PORT": str(port),
                "HTTP_HOST": "127.0.0.1",
                "SLACK_SIGNING_SECRET": self.slack.signing_secret,
            }
        self.flows = Flows(self.slack, self.cloud, person, channels)
        self._process: subprocess.Popen[bytes] | None = None

    def _counted(self, whom: str, then: Callable[[socket.socket], None] | None) -> Callable[[socket.socket], None]:
        """Count each connection to one of the two; ``then`` is what else is to happen."""

        def met(sock: socket.socket) -> None:
            with self._lock:
                self.opened[whom] += 1
            if then is not None:
                then(sock)

        return met

    def _go_far(self) -> None:
        """Put the long line between the bot and everything that it reaches."""
        self._line = Line([self.slack.front.port, self.cloud.port, self._plain.port])
        to_slack, to_cloud, to_sockets = self._line.ports
        scheme = "https" if self.way.tls else "http"
        self.settings["SLACK_API_URL"] = f"{scheme}://{LOOPBACK}:{to_slack}/api/"
        self.settings["METASTUDIO_ENDPOINT"] = f"{scheme}://{LOOPBACK}:{to_cloud}"
        self.slack.sockets.base = f"http://{LOOPBACK}:{to_sockets}"

    @property
    def process(self) -> psutil.Process:
        """The bot's process."""
        assert self._process is not None, "the bot runs only between start and stop"
        return psutil.Process(self._process.pid)

    def start(self) -> float:
        """Start the bot. Returns the seconds until Slack could reach it."""
        with (self.folder / "log").open("ab") as log:
            began = time.perf_counter()
            self._process = subprocess.Popen(  # noqa: S603 - our own words
                [sys.executable, "-c", AS_INSTALLED, *self.way.program.split()],
                cwd=self.folder,
                env=shut_in(self.folder, self.settings),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
            )
        while not self._is_reachable():
            if self._process.poll() is not None or time.perf_counter() - began > READY_WITHIN:
                raise RuntimeError(f"{self.way} did not start:\n{(self.folder / 'log').read_text()[-2000:]}")
            time.sleep(0.002)
        return time.perf_counter() - began

    def _is_reachable(self) -> bool:
        if self.way.http:
            return is_listening(int(self.settings["HTTP_PORT"]))
        return bool(self.slack.sockets.links)

    def stop(self) -> None:
        """End the bot with SIGTERM, and with SIGKILL if that takes too long. Afterwards Slack knows that it is gone."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(END_WITHIN)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None
            self.slack.wait_for(lambda: not self.slack.sockets.links, END_WITHIN)

    def close(self) -> None:
        """End everything."""
        self.stop()
        self.slack.stop()
        self._plain.stop()
        self.cloud.stop()
        if self._line is not None:
            self._line.close()

    def answers_take(self, shortest: float, longest: float) -> None:
        """MetaStudio waits a random time before each answer: the same random times for each bot."""
        dice = random.Random(0)  # noqa: S311 - chance, not secrecy # nosec B311
        self.cloud.before_call = lambda _: time.sleep(dice.uniform(shortest, longest)) if longest else None

    def rest(self) -> None:
        """Wait until the work after the outcomes is over: dh-bot's look-ups some seconds later, and then silence."""
        give_up = time.monotonic() + REST_WITHIN
        before = None
        while time.monotonic() < give_up:
            now = (len(self.slack.calls), self._asked_of_the_cloud)
            if now == before and self._has_looked:
                return
            before = now
            time.sleep(REST_FOR)

    @property
    def _has_looked(self) -> bool:
        """Whether dh-bot has looked up the job twice after each of its outcomes. The other bots never do."""
        return not self.way.is_ours or self.flows.overview >= 2 * self.flows.outcomes

    @property
    def _asked_of_the_cloud(self) -> int:
        return self.cloud.requests[-1].number if self.cloud.requests else 0

    def cpu(self) -> float:
        """Seconds of CPU that the bot has had."""
        times = self.process.cpu_times()
        return float(times.user + times.system)

    def memory(self) -> float:
        """MiB that are resident in memory."""
        return float(self.process.memory_info().rss) / 2**20

    def deletes(self) -> dict[str, int]:
        """How many DELETEs arrived for each job that was asked about."""
        return {job: self.cloud.deletes_arrived(job) for job in self.flows.jobs}

    def calls_before(self, began: float, outcome_at: float) -> tuple[list[str], list[str]]:
        """Calls up to the outcome, and the look-ups of people and channels in the background, by name."""
        names = [(seen.at.timestamp(), name_of(seen)) for seen in self.cloud.requests]
        names += [(call.at, call.method) for call in self.slack.calls]
        between = [name for at, name in sorted(names) if began <= at <= outcome_at]
        in_background = [name for name in between if name.endswith((".info", ".list"))]
        return [name for name in between if name not in in_background], in_background
