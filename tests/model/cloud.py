"""A simulated MetaStudio, as ``bot.metastudio.guard`` sees one: its jobs, what became of each, and what it says.

Its laws: a DELETE that is too late is not sent; every DELETE that was sent may have had its effect, whatever its
answer: something in between may have repeated it. Where there was none or no clear one the effect may come later too.
Show and List may fail, lag behind, or one of them may say "gone" of a job that is there. Both of them do so once for
each job, for three seconds: if they did for longer no reader could be right.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from bot.domain.model import Cause, Job, JobId, Listed, Operation, Reply, Shown

if TYPE_CHECKING:
    from tests.model.world import World

CONSOLE = "console"


@dataclass(frozen=True)
class Plan:
    """What one DELETE meets. ``effect`` None: none; else after how many seconds the job is gone."""

    status: int | None = None
    code: str | None = None
    cause: Cause | None = None
    effect: float | None = None
    throttled: bool = False
    sent: bool = True
    request_id: bool = True
    body_ok: bool = True


MSS = "MSS.41000001"
PLANS: dict[str, Plan] = {
    "ok": Plan(200, effect=0),
    "ok 204": Plan(204, effect=0),
    "ok, gone after 20 s": Plan(200, effect=20),
    "ok, gone after 15 min": Plan(200, effect=900),
    "lost": Plan(cause=Cause.TIMED_OUT),
    "lost, done": Plan(cause=Cause.TIMED_OUT, effect=0),
    "cut, done": Plan(cause=Cause.CUT, effect=0),
    "lost, done after 60 s": Plan(cause=Cause.TIMED_OUT, effect=60),
    "lost, done after 15 min": Plan(cause=Cause.TIMED_OUT, effect=900),
    "lost, done after 40 min": Plan(cause=Cause.TIMED_OUT, effect=2400),
    "handshake hung": Plan(cause=Cause.HANDSHAKE_HUNG),
    "500": Plan(500, MSS),
    "500, done": Plan(500, MSS, effect=0),
    "500, done after 40 s": Plan(500, MSS, effect=40),
    "500, done after 15 min": Plan(500, MSS, effect=900),
    "502": Plan(502, request_id=False, body_ok=False),
    "502, done": Plan(502, request_id=False, body_ok=False, effect=0),
    "200 without request ID": Plan(200, request_id=False),
    "200 without request ID, done": Plan(200, request_id=False, effect=0),
    "200 with HTML": Plan(200, body_ok=False),
    "202, done after 20 s": Plan(202, effect=20),
    "302": Plan(302, request_id=False),
    "408": Plan(408),
    "429": Plan(429, throttled=True),
    "429, done": Plan(429, effect=0, throttled=True),
    "0308": Plan(400, "APIG.0308", throttled=True),
    "400": Plan(400, "MSS.00000003"),
    "400, done": Plan(400, "MSS.00000003", effect=0),
    "403": Plan(403, "MSS.00000005"),
    "403, done": Plan(403, "MSS.00000005", effect=0),
    "401": Plan(401, "APIG.0301"),
    "401, done": Plan(401, "APIG.0301", effect=0),
    "400 bad token": Plan(400, "MSS.00010008"),
    "404": Plan(404, "MSS.41000003"),
    "404, done": Plan(404, "MSS.41000003", effect=0),
    "404, done after 40 s": Plan(404, "MSS.41000003", effect=40),
    "400 of the job, done": Plan(400, "MSS.41000011", effect=0),
    "409": Plan(409, request_id=False, body_ok=False),
    "410, done": Plan(410, effect=0),
    "451, done": Plan(451, body_ok=False, effect=0),
    "connection refused": Plan(cause=Cause.CONNECTION_REFUSED, sent=False),
    "no address": Plan(cause=Cause.NO_ADDRESS, sent=False),
}

READS: dict[str, Plan] = {
    "timeout": Plan(cause=Cause.TIMED_OUT),
    "refused": Plan(cause=Cause.CONNECTION_REFUSED),
    "500": Plan(500, MSS),
    "502": Plan(502, body_ok=False),
    "401": Plan(401, "APIG.0301"),
    "403": Plan(403, "MSS.00000005"),
    "429": Plan(429),
    "nonsense": Plan(200, body_ok=False),
    "404 of the gateway": Plan(404, "APIG.0101"),
}
"""Failures of Show and List alike; "404, though it is there", "forgets", "stale" and "filter ignored" are below."""


@dataclass
class Arrival:
    """One DELETE that left the bot."""

    deletion: str
    job: str
    at: datetime
    plan: Plan
    accepted: bool


class Cloud:
    """MetaStudio's world and its three operations."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.jobs: dict[str, Job] = {}
        self.arrivals: list[Arrival] = []
        self.reads: list[tuple[str, datetime, bool]] = []
        """Job, time and whether it was seen there, for every Show and List."""
        self._ends: dict[str, list[tuple[datetime, str]]] = {}
        self._stale_until: dict[str, datetime] = {}
        self._forgotten_until: dict[str, datetime] = {}
        self._requests = 0
        self.add("job-busy", "TRAINING")

    def add(self, job: str, state: str) -> str:
        """A customer makes a job."""
        self.jobs[job] = Job(
            JobId(job), state, name=f"Twin {job}", asset_id=f"asset-{job}", last_update_time="2026-11-01T00:00:00Z"
        )
        return job

    # -- what is true --

    def end_of(self, job: str) -> tuple[datetime, str] | None:
        """When the job went, or will go, and by whom."""
        return min(self._ends[job]) if job in self._ends else None

    def is_there(self, job: str) -> bool:
        end = self.end_of(job)
        return job in self.jobs and (end is None or self.world.clock.now() < end[0])

    def is_gone_by(self, deletion: str, *, ever: bool = False) -> bool:
        """Whether that deletion removed its job by now; with ``ever``, or is going to."""
        end = self.end_of(self.world.job_of.get(deletion, ""))
        return end is not None and end[1] == deletion and (ever or end[0] <= self.world.clock.now())

    def sent(self, deletion: str) -> list[Arrival]:
        return [arrival for arrival in self.arrivals if arrival.deletion == deletion]

    def may_have_worked(self, deletion: str) -> bool:
        """Whether a DELETE of it left: nobody can be sure that it had no effect."""
        return bool(self.sent(deletion))

    def was_accepted(self, deletion: str) -> bool:
        return any(arrival.accepted for arrival in self.sent(deletion))

    # -- what others do --

    def delete_in_console(self, job: str) -> None:
        self._ends.setdefault(job, []).append((self.world.clock.now(), CONSOLE))

    def change_in_console(self, job: str, state: str) -> None:
        self.jobs[job] = replace(self.jobs[job], state=state)

    # -- what the bot asks --

    def show(self, job_id: JobId, *, may_repeat: Callable[[], bool]) -> Shown:
        self.world.reach("show:before")
        fault = self.world.take_fault("show")
        if fault == "forgets":
            self._forgotten_until.setdefault(job_id, self.world.clock.now() + timedelta(seconds=3))
        if fault in READS:
            shown = Shown(self._reply(Operation.SHOW, READS[fault]))
        elif self._is_shown(job_id) and fault != "404, though it is there":
            shown = Shown(self._reply(Operation.SHOW, Plan(200)), self.jobs[job_id])
        else:
            shown = Shown(self._reply(Operation.SHOW, Plan(404, "MSS.41000003")))
        self.reads.append((job_id, self.world.clock.now(), shown.job is not None))
        self.world.saw("show", job_id, shown.job)
        self.world.reach("show:after")
        return shown

    def find(
        self, *, job_id: str | None, name: str | None, offset: int, limit: int, may_repeat: Callable[[], bool]
    ) -> Listed:
        self.world.reach("list:before")
        fault = self.world.take_fault("list")
        if fault in READS:
            return Listed(self._reply(Operation.LIST, READS[fault]))
        if fault == "stale" and job_id in self.jobs:
            self._stale_until.setdefault(job_id, self.world.clock.now() + timedelta(seconds=120))
        listed = [job for job in self.jobs.values() if self._is_listed(job.job_id)]
        if job_id is not None and fault != "filter ignored":
            listed = [job for job in listed if job.job_id == job_id]
        page = tuple(listed[offset : offset + limit])
        if job_id is not None and any(job.job_id == job_id for job in page):
            self.reads.append((job_id, self.world.clock.now(), True))
        self.world.reach("list:after")
        return Listed(self._reply(Operation.LIST, Plan(200)), len(listed), page)

    def prepare_delete(self, job_id: JobId) -> None:
        """Nothing to open here."""

    def delete(self, job_id: JobId, *, may_send: Callable[[], bool]) -> Reply:
        self.world.reach("delete:before")
        name = self.world.take_fault("delete") or "ok"
        plan = PLANS[name]
        if not plan.sent:
            return self._reply(Operation.DELETE, plan)
        if not may_send():
            return self._reply(Operation.DELETE, Plan(cause=Cause.TOO_LATE))
        if not self.is_there(job_id) and plan.effect is not None:
            plan = replace(plan, effect=None) if plan.cause or plan.status not in {200, 204} else PLANS["404"]
        accepted = plan.status in {200, 204} and plan.request_id and plan.body_ok
        arrival = Arrival(self.world.deletion_being_sent(job_id), job_id, self.world.clock.now(), plan, accepted)
        self.arrivals.append(arrival)
        self.world.count(f"DELETE: {name}")
        self.world.judge_sending(arrival)
        if plan.effect is not None:
            self._ends.setdefault(job_id, []).append(
                (self.world.clock.now() + timedelta(seconds=plan.effect), arrival.deletion)
            )
        reply = self._reply(Operation.DELETE, plan)
        self.world.reach("delete:after")
        # A pause delays the reading of the answer, not the answer.
        return replace(reply, at=self.world.clock.now())

    def _is_shown(self, job: str) -> bool:
        return self.is_there(job) and not self._is(job, self._forgotten_until)

    def _is_listed(self, job: str) -> bool:
        return self._is_shown(job) or self._is(job, self._stale_until)

    def _is(self, job: str, until: dict[str, datetime]) -> bool:
        return job in until and self.world.clock.now() < until[job]

    def _reply(self, operation: Operation, plan: Plan) -> Reply:
        if plan.cause in {Cause.TIMED_OUT, Cause.HANDSHAKE_HUNG}:
            self.world.clock.add(30)
        self._requests += 1
        return Reply(
            operation,
            self.world.clock.now(),
            status=plan.status,
            cause=plan.cause,
            code=plan.code,
            request_id=f"request-{self._requests}" if plan.request_id and plan.status is not None else None,
            body_ok=plan.body_ok,
        )
