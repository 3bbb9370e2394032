"""The composition root: settings in, a running app out. Things are put together only here, also for the tests."""

from __future__ import annotations

import os
import signal
import ssl
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

import structlog
from slack_bolt import App
from slack_bolt.authorization import AuthorizeResult
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.web import SlackResponse

from bot import answers, expire, outbox, reconcile, remind
from bot.clients import SLACK_TIMEOUT, credentials_of, metastudio_of, tls_context, web_client, webhook
from bot.daily_head import DailyHead
from bot.guard import GuardedJobs
from bot.ledger.store import Store, open_ledger
from bot.ledger.trouble import remedy
from bot.logs_events import log_event
from bot.metastudio.auth import CannotSignIn, CredentialSource
from bot.metastudio.limiter import Limiter
from bot.metastudio.sdk_sources import AgencyKeys
from bot.metastudio.wire import mark
from bot.people import SlackPeople
from bot.policy import Rules
from bot.ports import Clock, LedgerTrouble, Ports, Terms
from bot.running_log import RunningLog
from bot.settings import Settings
from bot.slack_errors import CUT_OFF, error_code, is_passing
from bot.trail import Tell
from bot.transports import CannotConnect, CannotListen, Transport
from bot.transports.socket import PING_INTERVAL, SocketTransport
from bot.unwritten import Unwritten
from bot.work import Pool, Queues, SystemClock, Ticker, stop_all
from handlers import register
from handlers.desk import Desk
from handlers.telling import SlackTeller
from handlers.views.wording import Wording

if TYPE_CHECKING:
    from bot.ops import Ops

log = structlog.get_logger(__name__)

START_PAUSES = (0.0, 1.0, 3.0)
"""Seconds before each try to reach Slack at the start."""
DRAIN_SECONDS = 60.0
TICKERS_SECONDS = 3.0
LAST_ANSWERS_SECONDS = 2.0
PROCESS_EVERY = 5.0
SOCKET_CONCURRENCY = 32
READERS = 4
"""So many deletions are read at the same time at most; the limiter bounds what they send."""


class CannotStart(Exception):
    """The ledger is unreachable, Slack refuses the token, or there are no keys where the settings say.

    The message is for the person who starts the bot.
    """


@dataclass(frozen=True, slots=True)
class Running:
    """The app, put together. ``start`` and ``stop`` are what ``run`` does around waiting for a signal."""

    bolt: App
    ports: Ports
    pool: Pool
    ledger: Store
    transport: Transport
    tickers: tuple[Ticker, ...]
    ops: Ops | None = None

    def start(self) -> None:
        """Take up what a former process left behind, then work."""
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

    def stop(self, seconds: float = DRAIN_SECONDS) -> bool:
        """Take no new work, finish what is in flight, close; True when all of it finished.

        What Slack has not taken by then stands in the ledger and is told after the next start.
        """
        finished = self.pool.drain(seconds)
        stop_all(self.tickers, TICKERS_SECONDS)
        try:
            self.transport.close()
            self.pool.close(LAST_ANSWERS_SECONDS)
        finally:
            # Last, so that whoever watches sees it alive until it is gone.
            if self.ops is not None:
                self.ops.close()
            self.ledger.close()
        return finished

    def run(self) -> int:
        """Run until SIGTERM (exit status 0) or SIGINT (130)."""
        asked_to_stop = threading.Event()
        received: list[int] = []

        def on_signal(number: int, _frame: object) -> None:
            received.append(number)
            asked_to_stop.set()

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, on_signal)
        self.start()
        log.info("ready")
        asked_to_stop.wait()
        log.info("stopping")
        # A second Ctrl-C ends at once, as people expect.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        finished = self.stop()
        log.info("stopped", outcome="finished" if finished else "left unfinished work to the next start")
        status = 130 if received[0] == signal.SIGINT else 0
        if not finished:
            # Python would wait for the pool's threads without end; what they do is in the ledger and is taken up there.
            os._exit(status)
        return status


def build(settings: Settings, clock: Clock | None = None) -> Running:
    """Put everything together. Nothing runs yet, but the ledger is open and Slack has accepted the bot token."""
    clock = clock or SystemClock()
    tls = tls_context(settings)
    try:
        credentials = credentials_of(settings, clock, tls)
    except CannotSignIn as error:
        raise CannotStart(str(error)) from None
    client = web_client(settings, tls)
    us = _who_are_we(client)
    ledger = _open(settings)
    ledger.on_event = log_event
    if elsewhere := ledger.looks.open_elsewhere():
        log.warning("open_deletions_of_another_project", count=elsewhere)
    pool = Pool(settings.workers)
    wording = Wording(
        settings.slack_command,
        settings.help_contact or None,
        settings.environment_label or None,
        (*sorted(settings.authorized_usergroups), *sorted(settings.authorized_users)),
    )
    teller = SlackTeller(client, wording, partial(webhook, settings.slack_api_url, tls))
    unwritten = Unwritten()
    terms = terms_of(settings)
    jobs = _jobs(settings, credentials, ledger, clock, tls)
    ports = Ports(
        ledger=ledger,
        jobs=jobs,
        people=SlackPeople(client, us["team_id"], us.get("enterprise_id"), clock, terms.rules),
        teller=teller,
        clock=clock,
        terms=terms,
        beside=pool.beside,
        one_at_a_time=Queues(),
        deliver=lambda tells: deliver(tells, ports),
        unwritten=unwritten,
    )
    bolt = _bolt(settings, us, tls)
    register(bolt, Desk(ports, pool, wording, teller.link), settings.slack_command)
    transport = _transport(settings, bolt, client, is_alone=ledger.is_alone)
    tickers = (*_tickers(settings, ports, unwritten, transport), *_renewal(credentials))
    running = Running(bolt, ports, pool, ledger, transport, tickers)
    if settings.ops_port is None:
        return running
    return _with_ops(running, (settings.ops_host, settings.ops_port), client, jobs, teller, unwritten)


def deliver(tells: Iterable[Tell], ports: Ports) -> None:
    """Send what waits for the threads of these messages; the worker sends what cannot be sent now."""
    outbox.deliver(
        tells, ports, lambda trouble: log.error("ledger_trouble", diagnosis=trouble.diagnosis, step="deliver")
    )


def terms_of(settings: Settings) -> Terms:
    """The settings that the use-cases work by."""
    return Terms(
        target=settings.target,
        rules=Rules(
            users=settings.authorized_users,
            groups=settings.authorized_usergroups,
            channels=settings.authorized_channels,
            confirm_by=settings.confirm_by,
            second_person_states=settings.second_person_states,
            reason_required=settings.reason_required,
            confirm_within=timedelta(seconds=settings.confirm_within_seconds),
            freeze_by=settings.freeze_by,
        ),
        connect_timeout=timedelta(seconds=settings.connect_timeout),
        read_timeout=timedelta(seconds=settings.read_timeout),
        settle_after=timedelta(seconds=settings.settle_after_seconds),
        max_open=settings.max_open,
        audit_channel=settings.audit_channel or None,
        seen_as=mark(settings.metastudio_app_user_id),
    )


def _who_are_we(client: WebClient) -> SlackResponse:
    why = ""
    for pause in START_PAUSES:
        time.sleep(pause)
        try:
            return client.auth_test()
        except SlackApiError as error:
            why = error_code(error.response)
            if not is_passing(error):
                break
        except CUT_OFF as error:
            why = type(error).__name__
            log.warning("slack_unreachable", error=why)
    else:
        raise CannotStart(f"Slack cannot be reached ({why}). Check the network and the proxy.")
    raise CannotStart(
        f"Slack refuses the bot token ({why}). Check that SLACK_BOT_TOKEN is the Bot User OAuth Token of this app, "
        "that the app is installed, and, if the workspace restricts addresses, that this machine's is allowed."
    )


def _open(settings: Settings) -> Store:
    try:
        return open_ledger(settings.database_url, settings.target)
    except LedgerTrouble as trouble:
        raise CannotStart(f"The ledger cannot be used: {trouble.diagnosis}. {remedy(trouble.diagnosis)}") from None


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
        # The listener's return is the ack: right only because no listener does any I/O.
        process_before_response=True,
        token_verification_enabled=False,
    )


def _transport(settings: Settings, bolt: App, client: WebClient, *, is_alone: bool) -> Transport:
    if settings.slack_mode == "http":
        # Late, because in Socket Mode nobody needs waitress.
        from bot.transports.http import HttpTransport  # noqa: PLC0415

        secret = settings.slack_signing_secret.get_secret_value()
        return HttpTransport(bolt, secret, settings.http_host, settings.http_port)
    token = settings.slack_app_token.get_secret_value()
    return SocketTransport(bolt, token, client, SOCKET_CONCURRENCY, is_alone=is_alone)


def _tickers(settings: Settings, ports: Ports, unwritten: Unwritten, transport: Transport) -> Iterable[Ticker]:
    yield Ticker("expire", partial(expire.run_once, ports), every=1)
    yield Ticker("remind", partial(remind.run_once, ports), every=5)
    # One thread for both: a reply that is known but unwritten goes before what would call its deletion unknown.
    yield Ticker("takeover", lambda: unwritten.run_once() + (0 if unwritten else reconcile.take_over(ports)), every=1)
    # Threads of their own, since a read may hang for a minute; the leases give each deletion to one of them.
    for number in range(READERS):
        yield Ticker(f"reader-{number + 1}", partial(reconcile.read_next, ports), every=1)
    yield Ticker("outbox", partial(outbox.run_once, ports), every=0.5)
    yield Ticker("answers", partial(answers.run_once, ports), every=2)
    yield Ticker("transport-watch", transport.watch, every=PING_INTERVAL)
    if settings.audit_channel:
        yield Ticker("running-log", RunningLog(ports, settings.audit_channel).run_once, every=2)
        yield Ticker("daily-head", DailyHead(ports, settings.audit_channel).run_once, every=60)


def _with_ops(
    running: Running,
    address: tuple[str, int],
    client: WebClient,
    jobs: GuardedJobs,
    teller: SlackTeller,
    unwritten: Unwritten,
) -> Running:
    """The same, with its health and metrics shown at this address."""
    # Late, because nobody else needs prometheus_client.
    from bot import metrics_edges as edges  # noqa: PLC0415
    from bot.metrics import Metrics  # noqa: PLC0415
    from bot.ops import Ops, Watched  # noqa: PLC0415

    try:
        metrics = Metrics(version("dh-bot"))
    except PackageNotFoundError:
        metrics = Metrics("not installed")
    edges.watch_acks(running.bolt, metrics)
    edges.watch_web_api(client, metrics)
    teller.webhook = edges.watched_webhooks(teller.webhook, metrics)
    edges.watch_metastudio(jobs, metrics)
    edges.watch_ledger(running.ledger, metrics)
    watched = Watched(running.pool, running.transport, running.tickers, unwritten, running.ports.clock)
    ops = Ops(watched, running.ledger, lambda: jobs.fingerprint, metrics, address)
    process = Ticker("process", metrics.process.look, every=PROCESS_EVERY)
    return replace(running, ops=ops, tickers=(*running.tickers, ops.ticker, process))


def _renewal(credentials: CredentialSource) -> Iterable[Ticker]:
    if isinstance(credentials, AgencyKeys):
        yield Ticker("agency-keys", credentials.refresh, every=60)
