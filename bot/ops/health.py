"""Health, readiness and metrics over HTTP: ``/healthz``, ``/readyz`` and ``/metrics``.

No request here waits for a disk or a network: ``bot.ops.readiness`` does the slow look-ups in its own thread.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any

import structlog

from bot.domain.ports import Clock
from bot.ops.admission import Admission
from bot.ops.metrics import GaugeCollector, Metrics, Value
from bot.ops.readiness import OK, Probe
from bot.runtime.http_server import Response, Server, StartResponse, plain, respond
from bot.runtime.pool import Pool
from bot.runtime.ticker import Ticker
from bot.slack.transport import Transport
from bot.workers.retry_writes import PendingWrites

log = structlog.get_logger(__name__)

STUCK_AFTER = 1800.0
"""Seconds. A round of ten look-ups may take a quarter of an hour while MetaStudio hangs. A failed health check gets the
process killed, so a bot that is only waiting must not look stuck."""
THREADS = 2
LARGEST_BODY = 1024


@dataclass(frozen=True, slots=True)
class Watched:
    """The parts of the running bot that are watched."""

    pool: Pool
    transport: Transport
    tickers: Sequence[Ticker]
    pending_writes: PendingWrites
    clock: Clock
    admission: Admission
    probe: Probe


class Ops:
    """The endpoints and their server."""

    def __init__(self, watched: Watched, metrics: Metrics, address: tuple[str, int]) -> None:
        self._watched = watched
        self._metrics = metrics
        self._server = Server("ops", self, address, threads=THREADS, largest_body=LARGEST_BODY)
        metrics.show(GaugeCollector(self.gauges))

    @property
    def port(self) -> int:
        """The listening port."""
        return self._server.port

    def start(self) -> None:
        """Listen; raises ``CannotListen``."""
        self._server.start()
        log.info("ops_listening", port=self.port)

    def close(self) -> None:
        """Stop serving."""
        self._server.close()

    def __call__(self, environ: Mapping[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        return respond(self._answer(environ), start_response)

    def _answer(self, environ: Mapping[str, Any]) -> Response:
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
        """Whether a restart would help. A bot that is stopping is healthy: it ends by itself."""
        pool, transport = self._watched.pool, self._watched.transport
        if pool.is_stopping:
            return {"workers": OK, "transport": OK}
        stuck = [ticker.name for ticker in self._watched.tickers if ticker.is_stuck(STUCK_AFTER)]
        return {
            "workers": f"stuck: {', '.join(stuck)}" if stuck else OK,
            "transport": OK if transport.is_alive() else "its threads have ended",
        }

    def readiness(self) -> dict[str, str]:
        """Whether commands and clicks arrive here and can be processed."""
        return {
            "slack": OK if self._watched.transport.is_connected() else "not connected",
            "ledger": self._watched.probe.verdict(),
            "work": "stopping"
            if self._watched.pool.is_stopping
            else ", ".join(self._watched.admission.reasons()) or OK,
        }

    def gauges(self) -> dict[str, Value]:
        """The known values of ``bot.ops.metrics.GAUGES``."""
        watched = self._watched
        values: dict[str, Value] = {
            "dh_bot_slack_connected": watched.transport.is_connected(),
            "dh_bot_ledger_writable": watched.probe.verdict() == OK,
            "dh_bot_refuses_work": bool(watched.admission.reasons()),
            "dh_bot_draining": watched.pool.is_stopping,
            "dh_bot_work_in_flight": watched.pool.in_flight,
            "dh_bot_workers": watched.pool.permits,
            "dh_bot_unwritten": len(watched.pending_writes),
        }
        tally = watched.probe.tally
        if tally is not None:
            values |= {
                "dh_bot_open_deletions": {state.value: number for state, number in sorted(tally.open.items())},
                "dh_bot_oldest_unknown_seconds": self._age(tally.oldest_unknown),
                "dh_bot_outbox_messages": tally.undelivered,
                "dh_bot_oldest_outbox_message_seconds": self._age(tally.oldest_undelivered),
                "dh_bot_answers_owed": tally.owed,
                "dh_bot_breaker_open": tally.breaker_is_open,
            }
        return values

    def _age(self, since: datetime | None) -> float:
        return 0.0 if since is None else max((self._watched.clock.now() - since).total_seconds(), 0.0)


def _verdicts(checks: Mapping[str, str]) -> Response:
    is_ok = all(verdict == OK for verdict in checks.values())
    status = HTTPStatus.OK if is_ok else HTTPStatus.SERVICE_UNAVAILABLE
    return status, json.dumps({"ok": is_ok, "checks": checks}).encode("ascii"), "application/json"
