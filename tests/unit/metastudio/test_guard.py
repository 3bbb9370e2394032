"""The limiter and the breaker around MetaStudio: what is sent, what is not, and what is learned from the reply."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from bot.domain.events import Event, Kind
from bot.domain.ledger_port import LedgerTrouble
from bot.domain.model import Cause, Job, JobId, Listed, Operation, Reply, Shown
from bot.domain.ports import Jobs
from bot.metastudio.guard import GuardedJobs
from bot.metastudio.limiter import Limiter
from tests.support.clock import HeldClock

AT = datetime(2026, 11, 22, 3, 12, tzinfo=UTC)
JOB = JobId("job-1")
FINGERPRINT = "0123456789abcdef"


class Ledger:
    """The breaker as the ledger keeps it, without the five minutes."""

    def __init__(self) -> None:
        self.allowed = True
        self.trouble_on: set[str] = set()
        self.opened: list[Event] = []
        self.closed: list[Event] = []
        self.asked = 0

    @property
    def breaker(self) -> Ledger:
        return self

    def _trouble(self, method: str) -> None:
        if method in self.trouble_on:
            raise LedgerTrouble("disk full")

    def allows(self, fingerprint: str, now: datetime) -> bool:
        assert fingerprint == FINGERPRINT
        self.asked += 1
        self._trouble("allows")
        return self.allowed

    def open(self, fingerprint: str, now: datetime, *events: Event) -> None:
        self._trouble("open")
        self.opened += events

    def close(self, fingerprint: str, *events: Event) -> None:
        self._trouble("close")
        self.closed += events


class Client:
    """Answers what it is told to and counts; a read asks for one repetition if ``repeats``."""

    def __init__(self, **reply: object) -> None:
        self.reply = {"status": 200, "request_id": "req-1", **reply}
        self.sent: list[Operation] = []
        self.repeats = False

    def _answer(self, operation: Operation, may_repeat: Callable[[], bool] | None = None) -> Reply:
        self.sent.append(operation)
        if self.repeats and may_repeat is not None and may_repeat():
            self.sent.append(operation)
        return Reply(operation, AT, **self.reply)  # type: ignore[arg-type]

    def show(self, job_id: JobId, *, may_repeat: Callable[[], bool]) -> Shown:
        return Shown(self._answer(Operation.SHOW, may_repeat), Job(job_id, "JOB_SUCCESS"))

    def find(
        self, *, job_id: str | None, name: str | None, offset: int, limit: int, may_repeat: Callable[[], bool]
    ) -> Listed:
        return Listed(self._answer(Operation.LIST, may_repeat), 0)

    def prepare_delete(self, job_id: JobId) -> None:
        """Nothing to open here."""

    def delete(self, job_id: JobId, *, may_send: Callable[[], bool]) -> Reply:
        return self._answer(Operation.DELETE)


def guarded(
    client: Client, ledger: Ledger, *, reads: float = 0, deletes: float = 0, longest_trial: float = 60
) -> GuardedJobs:
    clock = HeldClock(AT, may_sleep=False)
    limiter = Limiter(deletes_per_second=deletes, reads_per_second=reads, clock=clock)
    return GuardedJobs(client, ledger, limiter, clock, FINGERPRINT, longest_trial)


CALLS: dict[Operation, Callable[[Jobs], Reply]] = {
    Operation.SHOW: lambda jobs: jobs.show(JOB).reply,
    Operation.LIST: lambda jobs: jobs.find(job_id=JOB).reply,
    Operation.DELETE: lambda jobs: jobs.delete(JOB, may_send=lambda: True),
}
every_call = pytest.mark.parametrize("operation", list(CALLS))
every_read = pytest.mark.parametrize("operation", [Operation.SHOW, Operation.LIST])


@every_call
def test_an_open_breaker_lets_nothing_signed_out(operation: Operation) -> None:
    """Reads too, settling ones included: each rejected signature brings the lock of the key nearer."""
    client, ledger = Client(), Ledger()
    ledger.allowed = False
    reply = CALLS[operation](guarded(client, ledger))
    assert (reply.cause, reply.operation, client.sent) == (Cause.BREAKER_OPEN, operation, [])


@every_call
def test_rejected_credentials_open_the_breaker_with_an_event(operation: Operation) -> None:
    """The reply goes on to its caller, the event says which call it was, and no secret is in it."""
    client, ledger = Client(status=401, code="APIGW.0301", message="verify aksk signature fail"), Ledger()
    reply = CALLS[operation](guarded(client, ledger))
    assert reply.status == 401
    (event,) = ledger.opened
    assert (event.kind, event.at, event.request_id) == (Kind.BREAKER_OPENED, AT, "req-1")
    assert event.facts == {"operation": operation.value, "status": 401, "code": "APIGW.0301"}
    assert ledger.closed == []


@every_read
def test_a_refused_sign_in_opens_the_breaker(operation: Operation) -> None:
    """Nothing reached MetaStudio, and yet the next wrong password could be the one that locks the user."""
    client, ledger = Client(status=None, cause=Cause.SIGN_IN_REFUSED, code="401", request_id="trace-1"), Ledger()
    CALLS[operation](guarded(client, ledger))
    (event,) = ledger.opened
    assert event.request_id == "trace-1"
    assert event.facts == {
        "operation": operation.value,
        "status": None,
        "code": "401",
        "cause": "IAM refused the sign-in",
    }


class Slow(Client):
    """Holds every call until it is let go, and counts how many are under way at most."""

    def __init__(self, **reply: object) -> None:
        super().__init__(**reply)
        self.gate = threading.Event()
        self.under_way = threading.Semaphore(0)

    def _answer(self, operation: Operation, may_repeat: Callable[[], bool] | None = None) -> Reply:
        self.under_way.release()
        assert self.gate.wait(10)
        return super()._answer(operation, may_repeat)


def test_reads_leave_one_at_a_time_until_there_is_a_verdict_on_the_credentials() -> None:
    """The first answer that proves them good lets all go on together."""
    client = Slow()
    jobs = guarded(client, Ledger(), longest_trial=10)
    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(jobs.show, JOB)
        assert client.under_way.acquire(timeout=10)
        others = [pool.submit(jobs.show, JOB), pool.submit(jobs.find), pool.submit(jobs.show, JOB)]
        assert not client.under_way.acquire(timeout=0.1)
        client.gate.set()
        assert first.result().reply.status == 200
        assert [other.result().reply.status for other in others] == [200] * 3

        client.gate.clear()
        together = [pool.submit(jobs.show, JOB) for _ in range(4)]
        taken = [client.under_way.acquire(timeout=10) for _ in range(3 + 4)]
        client.gate.set()
        assert all(taken)
        assert len(together) == 4


@every_read
def test_whoever_waits_in_vain_for_the_verdict_is_told_busy(operation: Operation) -> None:
    """Nobody waits for ever behind a call that hangs, and nothing is sent on a guess."""
    client, ledger = Slow(), Ledger()
    jobs = guarded(client, ledger, longest_trial=0)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(jobs.show, JOB)
        assert client.under_way.acquire(timeout=10)
        assert CALLS[operation](jobs).cause is Cause.LIMITED
        client.gate.set()
        assert first.result().reply.status == 200
    assert client.sent == [Operation.SHOW]


@every_read
@pytest.mark.parametrize("status", [200, 401])
def test_after_a_verdict_nobody_waits_for_a_turn(operation: Operation, status: int) -> None:
    """Good credentials need none, and bad ones are the breaker's business. What says nothing changes nothing."""
    client = Client(status=502)
    jobs = guarded(client, Ledger(), longest_trial=0)
    jobs.show(JOB)
    with jobs._trial:
        assert CALLS[operation](jobs).cause is Cause.LIMITED
        assert jobs.delete(JOB, may_send=lambda: True).status == 502
    for client.reply in ({"status": status}, {"status": 502}):
        jobs.show(JOB)
    with jobs._trial:
        assert CALLS[operation](jobs).status == 502


@every_read
def test_a_rejection_that_could_not_be_written_keeps_the_turns(operation: Operation) -> None:
    """Without the breaker the queue is all that protects the key, also where it was good before."""
    client, ledger = Client(), Ledger()
    jobs = guarded(client, ledger, longest_trial=0)
    jobs.show(JOB)
    client.reply, ledger.trouble_on = {"status": 401}, {"open"}
    jobs.show(JOB)
    with jobs._trial:
        assert CALLS[operation](jobs).cause is Cause.LIMITED


@every_call
def test_an_accepted_call_closes_the_breaker(operation: Operation) -> None:
    """The ledger knows whether there is anything to close."""
    client, ledger = Client(), Ledger()
    assert CALLS[operation](guarded(client, ledger)).status == 200
    assert [event.kind for event in ledger.closed] == [Kind.BREAKER_CLOSED]


@pytest.mark.parametrize(
    "reply",
    [
        {"status": 429},
        {"status": 502},
        {"status": None, "cause": Cause.CUT},
        {"status": None, "cause": Cause.SIGN_IN_FAILED},
    ],
)
def test_what_proves_nothing_changes_nothing(reply: dict[str, object]) -> None:
    """A reply from which nobody can tell whether the signature was looked at leaves the breaker as it is."""
    ledger = Ledger()
    guarded(Client(**reply), ledger).show(JOB)
    assert (ledger.opened, ledger.closed) == ([], [])


@every_call
def test_a_ledger_that_cannot_be_asked_stops_the_call(operation: Operation) -> None:
    """Without the breaker nothing is sent, and the caller hears of the ledger."""
    client, ledger = Client(), Ledger()
    ledger.trouble_on = {"allows"}
    with pytest.raises(LedgerTrouble):
        CALLS[operation](guarded(client, ledger))
    assert client.sent == []


@every_call
@pytest.mark.parametrize("status", [200, 401])
def test_ledger_trouble_afterwards_never_hides_a_reply(operation: Operation, status: int) -> None:
    """A DELETE that was answered was answered, whatever the ledger says about the breaker."""
    client, ledger = Client(status=status), Ledger()
    ledger.trouble_on = {"open", "close"}
    assert CALLS[operation](guarded(client, ledger)).status == status


@every_read
def test_a_read_without_a_place_is_not_sent(operation: Operation) -> None:
    """When the queue is too long the reply says so, and the breaker's one trial is not wasted on it."""
    client, ledger = Client(), Ledger()
    jobs = guarded(client, ledger, reads=1 / 3600)
    assert CALLS[operation](jobs).status == 200
    reply = CALLS[operation](jobs)
    assert (reply.cause, reply.operation, len(client.sent), ledger.asked) == (Cause.LIMITED, operation, 1, 1)


def test_a_delete_takes_its_place_before_the_claim() -> None:
    """wait_turn takes it; delete itself takes none, since its five seconds are running by then."""
    client, ledger = Client(), Ledger()
    jobs = guarded(client, ledger, deletes=1 / 3600)
    assert jobs.acquire(Operation.DELETE)
    assert not jobs.acquire(Operation.DELETE)
    assert jobs.delete(JOB, may_send=lambda: True).status == 200


@every_read
def test_each_repetition_takes_a_place_and_asks_the_breaker(operation: Operation) -> None:
    """A repeated GET is a signed call like any other."""
    client, ledger = Client(status=503), Ledger()
    client.repeats = True
    CALLS[operation](guarded(client, ledger))
    assert (len(client.sent), ledger.asked) == (2, 2)

    client.sent.clear()
    CALLS[operation](guarded(client, ledger, reads=1 / 3600))
    assert len(client.sent) == 1


@every_read
def test_ledger_trouble_at_a_repetition_ends_the_repeating(operation: Operation) -> None:
    """There is a reply already; it is returned."""

    class Forgetful(Ledger):
        def allows(self, fingerprint: str, now: datetime) -> bool:
            if self.asked:
                raise LedgerTrouble("gone")
            return super().allows(fingerprint, now)

    client = Client(status=503)
    client.repeats = True
    assert CALLS[operation](guarded(client, Forgetful())).status == 503
    assert len(client.sent) == 1
