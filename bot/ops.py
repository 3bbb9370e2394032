"""Whether the bot lives and whether it is ready, and its metrics: ``/healthz``, ``/readyz`` and ``/metrics``.

No request here waits for a disk or a network: what takes time is looked up every few seconds in a thread of its own.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any, Protocol

import structlog

from bot.ledger.tallies import Tally
from bot.metrics import Metrics, Standing, Value
from bot.ports import Clock, LedgerTrouble
from bot.serving import Answer, Server, StartResponse, plain, respond
from bot.transports import Transport
from bot.unwritten import Unwritten
from bot.work import Pool, Ticker

log = structlog.get_logger(__name__)

PROBE_EVERY = 5
PROBE_HOLDS = 20.0
"""Seconds for which a look at the ledger counts. A ledger that hangs lets none end, and so is noticed too."""
STUCK_AFTER = 1800.0
"""Seconds. A round of ten look-ups may take a quarter of an hour when MetaStudio hangs, and whoever asks for the health
kills what is not healthy: a bot that is only waiting must not look like one that is stuck."""
THREADS = 2
LARGEST_BODY = 1024
OK = "ok"


class Ledger(Protocol):
    """What is needed of the ledger."""

    def ping_writable(self) -> None: ...

    def tally(self, fingerprint: str) -> Tally: ...


@dataclass(frozen=True, slots=True)
class Look:
    """One look at the ledger: what is in it, or its diagnosis. ``at`` is a moment of ``time.monotonic``."""

    at: float
    tally: Tally | None
    trouble: str | None = None


class Probe:
    """Tries every few seconds whether the ledger can be written, and counts what is in it.

    The trial writes the one row that every process has in the ledger, so nothing grows.
    """

    def __init__(self, ledger: Ledger, fingerprint: Callable[[], str], now: Callable[[], float]) -> None:
        self._ledger = ledger
        self._fingerprint = fingerprint
        self._now = now
        self._last: Look | None = None

    def run_once(self) -> int:
        """Look. Returns 0, as there is never more to do at once."""
        before = self._last
        try:
            self._ledger.ping_writable()
            self._last = Look(self._now(), self._ledger.tally(self._fingerprint()))
        except LedgerTrouble as trouble:
            self._last = Look(self._now(), None, trouble.diagnosis)
            if before is None or before.trouble != trouble.diagnosis:
                log.error("ledger_trouble", diagnosis=trouble.diagnosis, step="probe")
        return 0

    @property
    def tally(self) -> Tally | None:
        """What was counted, if that was lately."""
        return self._last.tally if self._last is not None and self._is_fresh(self._last) else None

    def verdict(self) -> str:
        """``ok``, or why the ledger cannot be taken for writable."""
        if self._last is None:
            return "not tried yet"
        if not self._is_fresh(self._last):
            return "does not answer"
        return self._last.trouble or OK

    def _is_fresh(self, look: Look) -> bool:
        return self._now() - look.at < PROBE_HOLDS


@dataclass(frozen=True, slots=True)
class Watched:
    """The parts of the running bot that are looked at."""

    pool: Pool
    transport: Transport
    tickers: Sequence[Ticker]
    unwritten: Unwritten
    clock: Clock


class Ops:
    """The answers, and the server that gives them."""

    def __init__(
        self,
        watched: Watched,
        ledger: Ledger,
        fingerprint: Callable[[], str],
        metrics: Metrics,
        address: tuple[str, int],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._watched = watched
        self._metrics = metrics
        self._probe = Probe(ledger, fingerprint, now)
        self._server = Server("ops", self, address, threads=THREADS, largest_body=LARGEST_BODY)
        self.ticker = Ticker("probe", self._probe.run_once, every=PROBE_EVERY)
        metrics.show(Standing(self.standing))

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return self._server.port

    def start(self) -> None:
        """Listen; raises ``CannotListen``."""
        self._server.start()
        log.info("ops_listening", port=self.port)

    def close(self) -> None:
        """Stop answering."""
        self._server.close()

    def __call__(self, environ: Mapping[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """One request."""
        return respond(self._answer(environ), start_response)

    def _answer(self, environ: Mapping[str, Any]) -> Answer:
        if environ.get("REQUEST_METHOD") not in {"GET", "HEAD"}:
            return plain(HTTPStatus.METHOD_NOT_ALLOWED)
        match environ.get("PATH_INFO"):
            case "/healthz":
                return _verdicts(self.health())
            case "/readyz":
                return _verdicts(self.readiness())
            case "/metrics":
                return HTTPStatus.OK, self._metrics.page(), "text/plain; version=0.0.4; charset=utf-8"
        return plain(HTTPStatus.NOT_FOUND)

    def health(self) -> dict[str, str]:
        """Whether a restart would help. While the bot stops nothing is wrong with it: it ends by itself."""
        pool, transport = self._watched.pool, self._watched.transport
        if pool.is_draining:
            return {"workers": OK, "transport": OK}
        stuck = [ticker.name for ticker in self._watched.tickers if ticker.is_stuck(STUCK_AFTER)]
        return {
            "workers": f"stuck: {', '.join(stuck)}" if stuck else OK,
            "transport": OK if transport.is_alive() else "its threads have ended",
        }

    def readiness(self) -> dict[str, str]:
        """Whether commands and clicks arrive here and can be worked on."""
        return {
            "slack": OK if self._watched.transport.is_connected() else "not connected",
            "ledger": self._probe.verdict(),
            "work": "stopping" if self._watched.pool.is_draining else OK,
        }

    def standing(self) -> dict[str, Value]:
        """The values of ``bot.metrics.GAUGES`` that are known now."""
        watched = self._watched
        values: dict[str, Value] = {
            "dh_bot_slack_connected": watched.transport.is_connected(),
            "dh_bot_ledger_writable": self._probe.verdict() == OK,
            "dh_bot_draining": watched.pool.is_draining,
            "dh_bot_work_in_flight": watched.pool.in_flight,
            "dh_bot_workers": watched.pool.permits,
            "dh_bot_unwritten": len(watched.unwritten),
        }
        tally = self._probe.tally
        if tally is not None:
            values |= {
                "dh_bot_open_deletions": {state.value: number for state, number in sorted(tally.open.items())},
                "dh_bot_oldest_unknown_seconds": self._age(tally.oldest_unknown),
                "dh_bot_outbox_messages": tally.untold,
                "dh_bot_oldest_outbox_message_seconds": self._age(tally.oldest_untold),
                "dh_bot_answers_owed": tally.owed,
                "dh_bot_breaker_open": tally.breaker_is_open,
            }
        return values

    def _age(self, since: datetime | None) -> float:
        return 0.0 if since is None else max((self._watched.clock.now() - since).total_seconds(), 0.0)


def _verdicts(checks: Mapping[str, str]) -> Answer:
    is_ok = all(verdict == OK for verdict in checks.values())
    status = HTTPStatus.OK if is_ok else HTTPStatus.SERVICE_UNAVAILABLE
    return status, json.dumps({"ok": is_ok, "checks": checks}).encode("ascii"), "application/json"
