"""MetaStudio behind the limiter and the breaker: the ``Jobs`` that the use-cases are given.

The breaker is a row of the ledger, so it holds for every replica and across restarts. It matters more than comfort:
more than five rejected signatures in a row lock the key for five minutes, for everybody who uses it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Protocol

import structlog

from bot.domain.events import Event, Kind
from bot.domain.ledger_port import LedgerTrouble, Overview
from bot.domain.model import Cause, JobId, Listed, Operation, Reply, Shown
from bot.domain.ports import Clock
from bot.domain.replies import opens_breaker, proves_credentials
from bot.metastudio.limiter import Limiter

log = structlog.get_logger(__name__)

LONGEST_TRIAL = 60.0
"""Seconds that a read waits, by real time, while others find out whether the credentials are good."""


class Client(Protocol):
    """The bare calls, as ``bot.metastudio.client.MetaStudio`` makes them."""

    def show(self, job: JobId, *, may_repeat: Callable[[], bool]) -> Shown: ...

    def find(
        self, *, job_id: str | None, name: str | None, offset: int, limit: int, may_repeat: Callable[[], bool]
    ) -> Listed: ...

    def prepare_delete(self, job: JobId) -> None: ...

    def delete(self, job: JobId, *, may_send: Callable[[], bool]) -> Reply: ...


class Breaker(Protocol):
    """What is needed of the ledger."""

    @property
    def overview(self) -> Overview: ...

    def breaker_allows(self, fingerprint: str, now: datetime) -> bool: ...

    def breaker_open(self, fingerprint: str, now: datetime, *events: Event) -> None: ...

    def breaker_close(self, fingerprint: str, *events: Event) -> None: ...


class GuardedJobs:
    """Show, find and delete, each past the limiter and the breaker.

    A ledger that cannot be asked stops a call before it is sent: ``LedgerTrouble`` is raised then, and never later. A
    reply that has arrived is returned, whatever becomes of the book-keeping.

    Until a reply says whether the credentials are good, reads leave one at a time: many at once would lock the key
    before the first rejection is back. From then on the breaker sees to it. A DELETE needs no such care, since it
    follows a read that was answered.
    """

    def __init__(
        self,
        client: Client,
        ledger: Breaker,
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

    def show(self, job: JobId) -> Shown:
        """Read one job. The breaker is asked last: it may have opened while this call stood in the queue."""
        with self._in_turn() as is_our_turn:
            stopped = self._busy(Operation.SHOW, is_our_turn=is_our_turn) or self._stopped(Operation.SHOW)
            if stopped is not None:
                return Shown(stopped)
            shown = self.client.show(job, may_repeat=lambda: self.may_repeat(Operation.SHOW))
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

    def prepare_delete(self, job: JobId) -> None:
        """Open the connection of a DELETE that will follow soon. Nothing is sent, so nobody is asked."""
        self.client.prepare_delete(job)

    def delete(self, job: JobId, *, may_send: Callable[[], bool]) -> Reply:
        """Send one DELETE. Its place in the limiter was taken before the claim, by ``acquire``."""
        stopped = self._stopped(Operation.DELETE)
        if stopped is not None:
            return stopped
        reply = self.client.delete(job, may_send=may_send)
        self._learn_from(reply)
        return reply

    def acquire(self, operation: Operation) -> bool:
        """Take a place in the limiter and wait for it, a bounded time; False means busy."""
        return self._limiter.wait(operation)

    def stopped_since(self) -> datetime | None:
        """When the breaker opened for these credentials, if it is open; asking takes no trial."""
        return self._ledger.overview.breaker_opened_at(self.fingerprint)

    @contextmanager
    def _in_turn(self) -> Iterator[bool]:
        """Alone with the credentials until there is a verdict; False where others took too long to find it out."""
        is_held = not self._has_verdict and self._trial.acquire(timeout=self._longest_trial)
        if is_held and self._has_verdict:
            # It came while we waited: from now on nobody needs to be alone.
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
        """Whether a read that already has a reply may be sent again: past the limiter and the breaker, as the first."""
        try:
            return self._limiter.wait(operation) and self._ledger.breaker_allows(self.fingerprint, self._clock.now())
        except LedgerTrouble as trouble:
            log.warning("breaker_not_read", operation=operation.value, diagnosis=trouble.diagnosis)
            return False

    def _stopped(self, operation: Operation) -> Reply | None:
        if self._ledger.breaker_allows(self.fingerprint, self._clock.now()):
            return None
        return Reply(operation, self._clock.now(), cause=Cause.BREAKER_OPEN)

    def _learn_from(self, reply: Reply) -> None:
        """Open or close the breaker. The reply is in hand, so trouble here is a line in the log, no more."""
        try:
            if opens_breaker(reply):
                facts = {"operation": reply.operation.value, "status": reply.status, "code": reply.code}
                if reply.cause is not None:
                    facts["cause"] = reply.cause.value
                event = Event(Kind.BREAKER_OPENED, reply.at, request_id=reply.request_id, facts=facts)
                # Until the breaker is written, nothing but our queue keeps the others from sending.
                self._has_verdict = False
                self._ledger.breaker_open(self.fingerprint, reply.at, event)
                self._has_verdict = True
            elif proves_credentials(reply):
                self._has_verdict = True
                event = Event(Kind.BREAKER_CLOSED, reply.at, request_id=reply.request_id)
                self._ledger.breaker_close(self.fingerprint, event)
        except LedgerTrouble as trouble:
            log.warning(
                "breaker_not_recorded",
                operation=reply.operation.value,
                status=reply.status,
                request_id=reply.request_id,
                diagnosis=trouble.diagnosis,
            )
