"""MetaStudio behind the limiter and the breaker: the ``Jobs`` port of the use-cases.

The breaker is a row of the ledger, so it holds for every replica and across restarts. It protects the key: more than
five rejected signatures in a row lock the key for five minutes, for everybody who uses it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Protocol

import structlog

from bot.domain.events import Event, Kind
from bot.domain.ledger_port import Breaker, LedgerTrouble, Overview
from bot.domain.model import Cause, JobId, Listed, Operation, Reply, Shown
from bot.domain.ports import Clock
from bot.domain.replies import opens_breaker, proves_credentials
from bot.metastudio.limiter import Limiter

log = structlog.get_logger(__name__)

LONGEST_TRIAL = 60.0
"""Seconds that a read waits, by real time, while another read tries the credentials."""


class Client(Protocol):
    """The bare calls of ``bot.metastudio.client.MetaStudio``."""

    def show(self, job_id: JobId, *, may_repeat: Callable[[], bool]) -> Shown: ...

    def find(
        self, *, job_id: str | None, name: str | None, offset: int, limit: int, may_repeat: Callable[[], bool]
    ) -> Listed: ...

    def prepare_delete(self, job_id: JobId) -> None: ...

    def delete(self, job_id: JobId, *, may_send: Callable[[], bool]) -> Reply: ...


class BreakerPort(Protocol):
    """The parts of the ledger that are used here."""

    @property
    def breaker(self) -> Breaker: ...

    @property
    def overview(self) -> Overview: ...


class GuardedJobs:
    """Show, find and delete, each behind the limiter and the breaker.

    If the ledger cannot be read, a call is not sent and raises ``LedgerTrouble``. A reply that has arrived is returned,
    even if the breaker cannot be recorded.

    Until a reply shows whether the credentials are valid, reads are sent one at a time: many at once would lock the key
    before the first rejection is back. From then on the breaker protects the key. A DELETE always follows an answered
    read.
    """

    def __init__(
        self,
        client: Client,
        ledger: BreakerPort,
        limiter: Limiter,
        clock: Clock,
        fingerprint: str,
        longest_trial: float = LONGEST_TRIAL,
    ) -> None:
        self.client = client
        self._ledger = ledger
        self._limiter = limiter
        self._clock = clock
        self.fingerprint = fingerprint
        self._longest_trial = longest_trial
        self._trial = threading.Lock()
        self._has_verdict = False

    def show(self, job_id: JobId) -> Shown:
        """Read one job. The breaker is checked last: it may have opened while this call waited."""
        with self._in_turn() as is_our_turn:
            stopped = self._busy(Operation.SHOW, is_our_turn=is_our_turn) or self._stopped(Operation.SHOW)
            if stopped is not None:
                return Shown(stopped)
            shown = self.client.show(job_id, may_repeat=lambda: self.may_repeat(Operation.SHOW))
            self._learn_from(shown.reply)
            return shown

    def find(self, *, job_id: str | None = None, name: str | None = None, offset: int = 0, limit: int = 100) -> Listed:
        """List jobs, one page."""
        with self._in_turn() as is_our_turn:
            stopped = self._busy(Operation.LIST, is_our_turn=is_our_turn) or self._stopped(Operation.LIST)
            if stopped is not None:
                return Listed(stopped)
            listed = self.client.find(
                job_id=job_id,
                name=name,
                offset=offset,
                limit=limit,
                may_repeat=lambda: self.may_repeat(Operation.LIST),
            )
            self._learn_from(listed.reply)
            return listed

    def prepare_delete(self, job_id: JobId) -> None:
        """Open the connection for a DELETE that follows soon. Sends nothing, so limiter and breaker do not apply."""
        self.client.prepare_delete(job_id)

    def delete(self, job_id: JobId, *, may_send: Callable[[], bool]) -> Reply:
        """Send one DELETE. ``acquire`` has taken its place in the limiter, before the claim."""
        stopped = self._stopped(Operation.DELETE)
        if stopped is not None:
            return stopped
        reply = self.client.delete(job_id, may_send=may_send)
        self._learn_from(reply)
        return reply

    def acquire(self, operation: Operation) -> bool:
        """Wait a bounded time for a place in the limiter; False means busy."""
        return self._limiter.wait(operation)

    def stopped_since(self) -> datetime | None:
        """When the breaker opened for these credentials, if it is open. Does not use up the trial call."""
        return self._ledger.overview.breaker_opened_at(self.fingerprint)

    @contextmanager
    def _in_turn(self) -> Iterator[bool]:
        """Hold the lock until there is a verdict on the credentials; False after a timeout."""
        is_held = not self._has_verdict and self._trial.acquire(timeout=self._longest_trial)
        if is_held and self._has_verdict:
            # The verdict came while we waited: from now on reads may be sent at the same time.
            self._trial.release()
            is_held = False
        try:
            yield is_held or self._has_verdict
        finally:
            if is_held:
                self._trial.release()

    def _busy(self, operation: Operation, *, is_our_turn: bool) -> Reply | None:
        if is_our_turn and self._limiter.wait(operation):
            return None
        return Reply(operation, self._clock.now(), cause=Cause.LIMITED)

    def may_repeat(self, operation: Operation) -> bool:
        """Whether a read may be retried: through the limiter and the breaker, as at the first time."""
        try:
            return self._limiter.wait(operation) and self._ledger.breaker.allows(self.fingerprint, self._clock.now())
        except LedgerTrouble as trouble:
            log.warning("breaker_not_read", operation=operation.value, diagnosis=trouble.diagnosis)
            return False

    def _stopped(self, operation: Operation) -> Reply | None:
        if self._ledger.breaker.allows(self.fingerprint, self._clock.now()):
            return None
        return Reply(operation, self._clock.now(), cause=Cause.BREAKER_OPEN)

    def _learn_from(self, reply: Reply) -> None:
        """Open or close the breaker by a reply. The reply counts more, so errors of the ledger are only logged."""
        try:
            if opens_breaker(reply):
                facts = {"operation": reply.operation.value, "status": reply.status, "code": reply.code}
                if reply.cause is not None:
                    facts["cause"] = reply.cause.value
                event = Event(Kind.BREAKER_OPENED, reply.at, request_id=reply.request_id, facts=facts)
                # Until the breaker is written, only the lock of ``_in_turn`` keeps other reads from being sent.
                self._has_verdict = False
                self._ledger.breaker.open(self.fingerprint, reply.at, event)
                self._has_verdict = True
            elif proves_credentials(reply):
                self._has_verdict = True
                event = Event(Kind.BREAKER_CLOSED, reply.at, request_id=reply.request_id)
                self._ledger.breaker.close(self.fingerprint, event)
        except LedgerTrouble as trouble:
            log.warning(
                "breaker_not_recorded",
                operation=reply.operation.value,
                status=reply.status,
                request_id=reply.request_id,
                diagnosis=trouble.diagnosis,
            )
