"""The composition root: settings in, a running app out. The tests build the app here too."""

from __future__ import annotations

import os
import signal
import ssl
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

import structlog
from slack_bolt import App
from slack_bolt.authorization import AuthorizeResult
from slack_sdk import WebClient
from slack_sdk.web import SlackResponse

from bot.clients import SLACK_TIMEOUT, config_of, credentials_of, metastudio_of, tls_context, web_client, webhook
from bot.domain.ledger_port import LedgerTrouble
from bot.domain.notifications import Notification
from bot.domain.ports import Clock, Gate, Ports
from bot.ledger.clock import MOST_OFF
from bot.ledger.database.trouble import LOST_EVENTS, remedy
from bot.ledger.factory import open_ledger
from bot.ledger.store import Store
from bot.logs.events import log_events
from bot.metastudio.credentials.keys import CannotSignIn, CredentialSource
from bot.metastudio.credentials.sdk import AgencyKeys
from bot.metastudio.guard import GuardedJobs
from bot.metastudio.limiter import Limiter
from bot.ops.admission import Admission
from bot.ops.readiness import PROBE_EVERY, Probe
from bot.runtime.clock import SystemClock
from bot.runtime.http_server import CannotListen
from bot.runtime.later import Later
from bot.runtime.pool import KeyedLocks, Pool
from bot.runtime.signals import StopSignals
from bot.runtime.ticker import Ticker, stop_all
from bot.settings.schema import Settings
from bot.slack.identity import who_are_we
from bot.slack.people import SlackPeople
from bot.slack.second_people import SecondPeople
from bot.slack.socket_mode import PING_INTERVAL, SocketTransport
from bot.slack.transport import CannotConnect, Transport
from bot.workers import deliver as outbox
from bot.workers.ledger_watch import LedgerWatch
from bot.workers.recheck import Rechecks
from bot.workers.retry_writes import PendingWrites
from bot.workers.show_deleting import DeletingCards
from bot.workers.tickers import tickers_of
from handlers import register
from handlers.dispatch import Dispatcher
from handlers.messenger import SlackMessenger
from handlers.views.wording import Wording

__all__ = ("CannotStart", "Running", "build", "config_of", "deliver")

if TYPE_CHECKING:
    from bot.ops.health import Ops

log = structlog.get_logger(__name__)

PROCESS_EVERY = 5.0
SOCKET_CONCURRENCY = 32
DRAIN_SECONDS = 60.0
START_ENDS_SECONDS = 2.0
TICKERS_SECONDS = 3.0
LAST_ANSWERS_SECONDS = 2.0


class CannotStart(Exception):
    """The ledger is unreachable, Slack refuses the token, or there are no keys where the settings point.

    The message is for the person who starts the bot.
    """


@dataclass(frozen=True, slots=True)
class Running:
    """The assembled app. ``run`` calls ``start``, waits for a signal, and calls ``stop``."""

    bolt: App
    ports: Ports
    pool: Pool
    ledger: Store
    transport: Transport
    tickers: tuple[Ticker, ...]
    probe: Probe
    ops: Ops | None = None

    def start(self) -> None:
        """Resume the work of a former process, and take new work."""
        for ticker in self.tickers:
            ticker.start()
        try:
            if self.ops is not None:
                self.ops.start()
            self.transport.start()
        except CannotConnect as error:
            self.stop(0)
            raise CannotStart(str(error)) from None
        except CannotListen as error:
            self.stop(0)
            raise CannotStart(f"OPS_HOST and OPS_PORT cannot be listened on: {error}.") from None

    def hand_over(self) -> None:
        """Leave new requests to the other replicas, if some live. Takes new work until this returns."""
        self.pool.announce_stop()
        try:
            if self._leave_ledger():
                self.transport.hand_over()
        except Exception:
            # Whatever the error is, work in flight has to be finished.
            log.exception("hand_over_failed")

    def _leave_ledger(self) -> bool:
        """Deregister from the ledger, then ask whether other replicas live.

        In this order, so that of two replicas that stop together at most one hands over to the other.
        """
        try:
            self.ledger.leave()
            return self.ledger.overview.others_live(self.ledger.instance)
        except LedgerTrouble as trouble:
            log.warning("ledger_trouble", diagnosis=trouble.diagnosis, step="hand_over")
            return False

    def stop(self, seconds: float = DRAIN_SECONDS) -> bool:
        """Take no new work, finish the work in flight, close; True if all of it finished.

        Undelivered messages stay in the ledger's outbox and are sent after the next start.
        """
        if not self.pool.is_stopping:
            self._leave_ledger()
        finished = self.pool.drain(seconds)
        stop_all(self.tickers, TICKERS_SECONDS)
        try:
            self.transport.close()
            self.pool.close(LAST_ANSWERS_SECONDS)
        finally:
            # Closed last, so that health checks succeed until the process ends.
            if self.ops is not None:
                self.ops.close()
            self.ledger.close()
        return finished

    def run(self) -> int:
        """Run until SIGTERM (exit status 0) or SIGINT (130)."""
        try:
            self.start()
            signals = StopSignals()
        except (SystemExit, KeyboardInterrupt):
            # Asked to stop during the start, which may wait for Slack: end within seconds.
            log.info("stopping")
            self.stop(START_ENDS_SECONDS)
            raise
        log.info("ready")
        received = signals.wait()
        log.info("stopping")
        # A second Ctrl-C ends the process at once, as people expect.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        give_up = time.monotonic() + DRAIN_SECONDS
        self.hand_over()
        finished = self.stop(max(give_up - time.monotonic(), 0))
        log.info("stopped", outcome="finished" if finished else "left unfinished work to the next start")
        status = 130 if received == signal.SIGINT else 0
        if not finished:
            # Python would wait for the pool's threads for ever. The next start resumes their work from the ledger.
            os._exit(status)
        return status


def build(settings: Settings, clock: Clock | None = None) -> Running:
    """Build the app. Nothing runs yet, but the ledger is open and Slack has accepted the bot token."""
    clock = clock or SystemClock()
    tls = tls_context(settings)
    try:
        credentials = credentials_of(settings, clock, tls)
    except CannotSignIn as error:
        raise CannotStart(str(error)) from None
    client = web_client(settings, tls)
    try:
        us = who_are_we(client)
    except CannotConnect as error:
        raise CannotStart(str(error)) from None
    ledger = _open(settings)
    ledger.observers.append(log_events)
    ledger.most_off = MOST_OFF
    if ledger.is_new_file:
        # Right at the first start. At any later one the ledger has been lost, and nothing else reports that.
        log.warning("ledger_created")
    admission = Admission()
    admission.on_change = ledger.note_why
    if elsewhere := ledger.overview.open_elsewhere():
        log.warning("open_deletions_of_another_project", count=elsewhere)
    pool, pending_writes, rechecks = Pool(settings.workers), PendingWrites(), Rechecks(clock.monotonic)
    wording = Wording(settings.slack_command, settings.help_contact or None, settings.environment_label or None)
    messenger = SlackMessenger(client, wording, partial(webhook, settings.slack_api_url, client.connections))
    deleting = DeletingCards(Later(clock.monotonic, pool.draw), lambda: pool.is_closed)
    config = config_of(settings)
    jobs = _jobs(settings, credentials, ledger, clock, tls)
    people = SlackPeople(client, us["team_id"], us.get("enterprise_id"), clock, config.rules)
    ports = Ports(
        ledger=ledger,
        jobs=jobs,
        people=people,
        second_people=SecondPeople(people, config.rules, pool.together, is_grid=bool(us.get("enterprise_id"))),
        messenger=messenger,
        clock=clock,
        config=config,
        in_background=pool.in_background,
        serialize=KeyedLocks(),
        deliver=lambda notifications: deliver(notifications, ports),
        pending_writes=pending_writes,
        recheck=rechecks,
        show_deleting=lambda claimed: deleting.schedule(claimed, ports),
        admission=admission,
    )
    bolt = _bolt(settings, us, tls)
    register(bolt, Dispatcher(ports, pool, wording, messenger.link), settings.slack_command)
    # Several processes may be connected to one Slack app only if they share the ledger.
    transport = _transport(settings, bolt, client, admission if ledger.is_exclusive else None)
    watched = Ticker("transport-watch", transport.watch, every=PING_INTERVAL)
    recheck = Ticker("recheck", rechecks.run_once, every=1)
    working = (*tickers_of(ports, pending_writes), watched, recheck, deleting.ticker)
    watch = LedgerWatch()
    for ticker in working:
        ticker.work = watch.over(ticker.name, ticker.work)
    probe = Probe(ledger, admission, clock, lambda: jobs.fingerprint)
    # Once before the start: a process whose clock is off must take no work at all.
    probe.run_once()
    tickers = (*working, Ticker("probe", probe.run_once, every=PROBE_EVERY), *_renewal(credentials))
    running = Running(bolt, ports, pool, ledger, transport, tickers, probe)
    if settings.ops_port is None:
        return running
    return _with_ops(
        running, (settings.ops_host, settings.ops_port), client, jobs, messenger, pending_writes, admission
    )


def deliver(notifications: Iterable[Notification], ports: Ports) -> None:
    """Send the due messages of the threads of these notifications. The worker retries those that fail."""
    outbox.deliver(
        notifications, ports, lambda trouble: log.error("ledger_trouble", diagnosis=trouble.diagnosis, step="deliver")
    )


def _open(settings: Settings) -> Store:
    try:
        return open_ledger(
            settings.database_url,
            settings.target,
            pool_size=settings.database_pool,
            renewed=settings.database_url_now,
        )
    except LedgerTrouble as trouble:
        notes = "".join(f" ({note})" for note in getattr(trouble, "__notes__", ()) if trouble.diagnosis == LOST_EVENTS)
        raise CannotStart(
            f"The ledger cannot be used: {trouble.diagnosis}{notes}. {remedy(trouble.diagnosis)}"
        ) from None


def _jobs(
    settings: Settings, credentials: CredentialSource, ledger: Store, clock: Clock, tls: ssl.SSLContext
) -> GuardedJobs:
    client = metastudio_of(settings, credentials, clock, tls)
    limiter = Limiter(
        deletes_per_second=settings.deletes_per_second, reads_per_second=settings.reads_per_second, clock=clock
    )
    return GuardedJobs(client, ledger, limiter, clock, credentials.fingerprint())


def _bolt(settings: Settings, us: SlackResponse, tls: ssl.SSLContext) -> App:
    token = settings.slack_bot_token.get_secret_value()
    known = AuthorizeResult.from_auth_test_response(auth_test_response=us, bot_token=token)
    return App(
        name="dh-bot",
        # Without a token here Bolt has no reason to call auth.test itself, in the first ack.
        client=WebClient(base_url=settings.slack_api_url, ssl=tls, timeout=SLACK_TIMEOUT),
        authorize=lambda **_: known,
        # In HTTP mode our transport verifies the raw bytes before Bolt sees anything; Socket Mode has no signatures.
        request_verification_enabled=False,
        # The listener's return is the ack, which is right because no listener does any I/O.
        process_before_response=True,
        token_verification_enabled=False,
    )


def _transport(settings: Settings, bolt: App, client: WebClient, admission: Gate | None) -> Transport:
    """``admission`` is closed while another process is connected to the same Slack app; None where replicas may be.

    In HTTP mode Slack sends everything to one address and does not reveal other processes.
    """
    if settings.slack_mode == "http":
        # Late, because Socket Mode does not need waitress.
        from bot.slack.http_mode import HttpTransport  # noqa: PLC0415

        secret = settings.slack_signing_secret.get_secret_value()
        return HttpTransport(bolt, secret, settings.http_host, settings.http_port)
    token = settings.slack_app_token.get_secret_value()
    return SocketTransport(bolt, token, client, SOCKET_CONCURRENCY, admission)


def _with_ops(
    running: Running,
    address: tuple[str, int],
    client: WebClient,
    jobs: GuardedJobs,
    messenger: SlackMessenger,
    pending_writes: PendingWrites,
    admission: Admission,
) -> Running:
    """The app with health and metrics served at this address."""
    # Late, because nothing else needs prometheus_client.
    from bot.ops import instrumentation  # noqa: PLC0415
    from bot.ops.health import Ops, Watched  # noqa: PLC0415
    from bot.ops.metrics import Metrics  # noqa: PLC0415

    try:
        metrics = Metrics(version("dh-bot"))
    except PackageNotFoundError:
        metrics = Metrics("not installed")
    instrumentation.watch_acks(running.bolt, metrics)
    instrumentation.watch_web_api(client, metrics)
    messenger.webhook = instrumentation.watched_webhooks(messenger.webhook, metrics)
    instrumentation.watch_metastudio(jobs, metrics)
    instrumentation.watch_ledger(running.ledger, metrics)
    watched = Watched(
        running.pool, running.transport, running.tickers, pending_writes, running.ports.clock, admission, running.probe
    )
    ops = Ops(watched, metrics, address)
    process = Ticker("process", metrics.process.sample, every=PROCESS_EVERY)
    return replace(running, ops=ops, tickers=(*running.tickers, process))


def _renewal(credentials: CredentialSource) -> Iterable[Ticker]:
    if isinstance(credentials, AgencyKeys):
        yield Ticker("agency-keys", credentials.refresh, every=60)
