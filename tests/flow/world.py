"""The whole bot between a strict local Slack and a strict local MetaStudio, with time in the test's hand.

Commands and clicks come in by Socket Mode and go through Bolt; the bot's requests are signed (or bring a token along,
with METASTUDIO_AUTH=token) and go out over HTTP. Only two things differ from `dh-bot run`: the clock, which stands
still but for what the test or a pause adds to it, and the workers, which run when the test calls `tick`. What takes
long at each start of a bot is there already: the CA bundle is loaded, and the ledger migrated.
"""

from __future__ import annotations

import itertools
import os
import secrets
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from bot.app import Running, build
from bot.audit.chain import Verdict
from bot.clients import tls_context
from bot.domain.events import Kind, Recorded
from bot.domain.model import Deletion
from bot.domain.ports import Clock
from bot.ledger.database import dialects
from bot.settings.load import read_settings
from bot.settings.schema import Settings
from bot.slack.http_mode import HttpTransport
from bot.workers.tickers import READERS
from sandbox.bot_process import BotProcess, settings_for
from sandbox.metastudio.metastudio import MetaStudio
from sandbox.slack.slack import Invocation, Message, Slack
from tests.flow import modes
from tests.support import markers
from tests.support.clock import RunningClock
from tests.support.ledger_files import make_ledger

IAM_USER = {"IAM_DOMAIN": "acme", "IAM_USER": "dh-bot", "IAM_PASSWORD": markers.IAM_PASSWORD}


PROBE = "probe"
SPARE_READERS = {f"reader-{number}" for number in range(2, READERS + 1)}
"""All readers do the same. Where they run one after the other until nothing is due, the first does all of it."""
TLS = ssl.create_default_context()


def shared_tls(settings: Settings) -> ssl.SSLContext:
    """One context for all bots, but for those that trust somebody more."""
    return TLS if settings.ca_bundle is None else tls_context(settings)


def is_listening(port: int) -> bool:
    """Whether somebody takes connections there."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def ports_of_this_worker() -> Iterator[int]:
    """Ports below those that the system gives to outgoing connections. Those of two workers of one run differ."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 11
    first = 10_000 + 2000 * worker
    start = secrets.randbelow(2000)
    return (first + (start + number) % 2000 for number in itertools.count())


PORTS = ports_of_this_worker()


def free_port() -> int:
    """A port that nobody listens on, and that no other test of this run takes before it is used."""
    return next(port for port in PORTS if not is_listening(port))


class World:
    """Slack, MetaStudio, people and the bot."""

    def __init__(
        self, folder: Path, *, enterprise: bool = False, real_database_clock: bool = False, **settings: str
    ) -> None:
        self.folder = folder
        self.clock = RunningClock()
        self.cloud = MetaStudio(now=self.clock.now)
        self.cloud.elapsed = self.clock.monotonic
        self.slack = Slack(now=self.clock.timestamp, enterprise=enterprise)
        self.extra = modes.settings() | settings
        self._app: Running | None = None
        self.processes: list[BotProcess] = []
        self.patch = pytest.MonkeyPatch()
        if "postgresql" in self.extra.get("DATABASE_URL", "") and not real_database_clock:
            # All clocks of this world go together; PostgreSQL's is the machine's, which no test can move.
            self.patch.setattr(
                dialects,
                "database_now",
                lambda connection: self.clock.now() if connection.dialect.name == dialects.POSTGRESQL else None,
            )

    def start(self) -> World:
        markers.WORLDS.append(self)
        self.cloud.start()
        self.slack.start()
        self.cloud.gate.users[IAM_USER["IAM_DOMAIN"], IAM_USER["IAM_USER"]] = IAM_USER["IAM_PASSWORD"]
        self.anna = self.slack.add_user("anna")
        self.ben = self.slack.add_user("ben")
        self.carl = self.slack.add_user("carl")
        self.ops = self.slack.add_channel("ops", members=[self.anna, self.ben, self.carl])
        return self

    def stop(self) -> None:
        if self.has_bot:
            self.stop_bot()
        self.slack.stop()
        self.cloud.stop()
        self.patch.undo()
        markers.WORLDS.remove(self)
        markers.look_through(self)

    def environ(self) -> dict[str, str]:
        """The settings of this bot, as the environment would hold them."""
        settings = settings_for(self.slack, self.cloud, self.folder)
        if self.extra.get("METASTUDIO_AUTH", "aksk") != "aksk":
            for name in ("HUAWEICLOUD_SDK_AK", "HUAWEICLOUD_SDK_SK"):
                del settings[name]
        if self.extra.get("METASTUDIO_AUTH") == "token":
            settings |= {"IAM_ENDPOINT": self.cloud.url, **IAM_USER}
        return {
            **settings,
            "AUTHORIZED_USERS": f"{self.anna},{self.ben}",
            "DELETES_PER_SECOND": "0",
            "READS_PER_SECOND": "0",
            "CONNECT_TIMEOUT": "1",
            "READ_TIMEOUT": "1",
            "WORKERS": "64",
            # Slack's requests over HTTP need a port; the system knows a free one.
            **({"HTTP_PORT": str(free_port()), "SLACK_SIGNING_SECRET": self.slack.signing_secret} if self.http else {}),
            **self.extra,
        }

    @property
    def http(self) -> bool:
        """Whether Slack sends requests instead of using the socket."""
        return self.extra.get("SLACK_MODE") == "http"

    def run_bot(self, **settings: str) -> Running:
        """Start the bot (again). Its workers run by `tick` only."""
        self.extra |= settings
        self.app = self.build(self.clock)
        if self.app.ops is not None:
            self.app.ops.start()
        self.app.transport.start()
        if isinstance(self.app.transport, HttpTransport):
            self.deliver_to(self.app.transport.port)
        else:
            self.slack.sockets.wait_connected()
        return self.app

    def build(self, clock: Clock) -> Running:
        """Put the bot together as `dh-bot run` does."""
        settings = read_settings(self.environ(), env_file=None)
        ledger = self.folder / "ledger.db"
        if settings.database_url == f"sqlite:///{ledger}" and not ledger.exists():
            make_ledger(ledger)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("bot.app.tls_context", shared_tls)
            return build(settings, clock)

    def deliver_to(self, port: int) -> None:
        """Slack's request URL is there from now on."""
        self.slack.deliver_http_to = f"http://127.0.0.1:{port}/slack/events"

    @property
    def app(self) -> Running:
        """The bot that runs in this world."""
        assert self._app is not None, "no bot runs"
        return self._app

    @app.setter
    def app(self, app: Running | None) -> None:
        self._app = app

    @property
    def has_bot(self) -> bool:
        return self._app is not None

    def stop_bot(self) -> None:
        self.app.stop(5)
        self.app = None

    def tick(self, seconds: float = 0) -> None:
        """Let so much time pass, then let every worker do what is due, and the probe look at what that left."""
        self.work_after(seconds)
        for ticker in self.app.tickers:
            if ticker.name == PROBE:
                ticker.work()

    def work_after(self, seconds: float) -> None:
        """The same without the probe, which finds nothing in a sound ledger and costs as much as all idle workers."""
        self.clock.add(seconds)
        tickers = [ticker for ticker in self.app.tickers if ticker.name not in {PROBE, *SPARE_READERS}]
        for _ in range(20):
            if not sum(ticker.work() for ticker in tickers):
                return

    # -- what people do --

    def ask(self, text: str, user: str | None = None, channel: str | None = None) -> Invocation:
        """Type the command and wait for the ack."""
        asked = self.slack.command(user or self.anna, channel or self.ops, text)
        asked.wait_ack()
        self.idle()
        return asked

    def card(self, job: str, user: str | None = None, reason: str = "") -> Message:
        """Ask for a deletion and wait for its card."""
        before = len(self.slack.messages(self.ops))
        self.ask(f"{job} {reason}", user)
        cards = self.slack.messages(self.ops)
        assert len(cards) == before + 1, f"no card was posted; anna was told {self.said_to(user or self.anna)}"
        return cards[-1]

    def failed_job(self, **fields: Any) -> str:
        """A job that may be deleted and is of no use to anybody."""
        return self.cloud.add_job(state="TRAIN_FAILED", **fields)

    def offered(self, user: str | None = None, reason: str = "") -> tuple[str, Message]:
        """Such a job, and the card on which its deletion was asked for."""
        job = self.failed_job()
        return job, self.card(job, user, reason)

    def press(self, card: Message, action: str = "dh_confirm", user: str | None = None, **how: object) -> Invocation:
        """Press a button and wait for the ack."""
        pressed = self.slack.click(user or self.anna, card, action, **how)
        pressed.wait_ack()
        self.idle()
        return pressed

    def idle(self) -> None:
        """Wait until nothing is in flight on the bot's pool."""
        assert self.app.pool.wait_idle(15)

    # -- what can be seen --

    def thread(self, card: Message) -> list[str]:
        """What was said in the card's thread, as screen readers read it."""
        return [reply.text for reply in self.slack.thread(card)]

    def said_to(self, user: str) -> list[str]:
        """What only this person was told, by ephemeral messages and DMs, but for a first "Checking …", "Looking …"."""
        told = [message.text for message in (*self.slack.ephemerals(user), *self.slack.dm(user))]
        return [text for text in told if not text.startswith(("Checking ", "Looking "))]

    def find_deletion(self, job: str) -> Deletion | None:
        """The newest deletion of that job, if there is one."""
        found = self.app.ledger.overview.history(job=job, limit=1)
        return found[0] if found else None

    def deletion(self, job: str) -> Deletion:
        """The newest deletion of that job."""
        found = self.find_deletion(job)
        assert found is not None, f"nobody asked for a deletion of {job}"
        return found

    def trail(self) -> list[Recorded]:
        """The audit trail."""
        return list(self.app.ledger.trail.events(limit=100_000))

    def verdict(self) -> Verdict:
        """What verifying the trail says."""
        return self.app.ledger.trail.verify()

    def reasons(self, user: str) -> list[str]:
        """Why this person was refused, each time, by the audit trail."""
        refusals = (one.event for one in self.trail() if one.event.kind == Kind.REFUSED)
        return [event.facts["reason"] for event in refusals if event.actor and event.actor.user == user]


@contextmanager
def world(folder: Path, **settings: str) -> Iterator[World]:
    """A world with a bot running in it."""
    made = World(folder, **settings).start()
    try:
        made.run_bot()
        yield made
    finally:
        made.stop()
