"""A strict local MetaStudio for `dh-bot sandbox`, the tests and the benchmarks.

It plays Show, Delete and List of 2D model training jobs behind Huawei's API gateway, and IAM's one call that issues
tokens, on loopback. It checks signatures with an implementation of its own, deletes only in the eleven states, and
records every request that arrives. The rules are those of the MetaStudio rulebook (metastudio-api.md).

    with MetaStudio() as cloud:
        job = cloud.add_job(state="TRAIN_FAILED", name="Anchor Li")
        ...                                                     # cloud.url, cloud.project_id, cloud.ak, cloud.sk
        cloud.wait_for(lambda: cloud.deletes_arrived(job) == 1)

**MetaStudio(...)**  `MetaStudio(*, project_id, ak, sk, security_token=None, port=0, tls=None, now=…, keep=None)`;
`now` is the clock of dates, locks and tokens, `keep` bounds `requests` (for long runs). `start()`, `stop()`,
context manager.

**World**  `add_job(*, state="JOB_SUCCESS", name=…, job_id=None, **fields) -> job_id`, `set_state(job, state)`,
`change(job, **fields)`, `remove(job)`, `jobs` (id -> every field that Show gives).

**Access**  `gate.keys` (add a `Key` for another one), `gate.users[(domain, user)] = password` for tokens,
`gate.tokens` (token -> when it expires); six bad signatures in a row lock a key for five minutes.

**Switches**  `limits` (operation -> calls per second; more are answered by 429), `ignored_filters` (names of List's
filters that have no effect), `prefix` ("APIGW" or "APIG"), `before_call(seen)` and `after_call(seen)` (hooks, called
without a lock held: the world stops at that boundary; the first one before, the second one after the effect),
`clock_off` (offset of the clock that judges signatures and writes `Date`; times of requests stay right), `elapsed`
(seconds of a clock that nobody may set: it measures how long a job stays forgotten).

**Reading**  `requests` and `requests_to(operation)` (`Seen`, in order of arrival), `sign_ins` (the requests to IAM,
which are not in `requests`), `deletes_arrived(job)`, `deleted` (ids in order of their deletion),
`wait_for(predicate, timeout=5)`.

**Faults**  `faults.add(operation, spoil, times=1, when="before"|"after", job_id=None, skip=0)`, `faults.connect(how)`,
`faults.clear()`; the spoils are the functions of sandbox/metastudio/faults.py.
"""

from __future__ import annotations

import re
import secrets
import threading
from collections import Counter, deque
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from http.client import responses
from typing import TYPE_CHECKING, Any, TypeVar

from sandbox.metastudio.fault_list import Fault, Faults
from sandbox.metastudio.faults import BEFORE, DELETE, LIST, SHOW, TOKEN, Held, repeated_on_the_way
from sandbox.metastudio.gate import Denied, Gate, Key
from sandbox.metastudio.world import DELETABLE, BadQuery, Seen, find, make_job, new_job_id
from sandbox.wire.server import Reply, Request, Server

if TYPE_CHECKING:
    import ssl

_PATH = re.compile(r"/v1/([^/]+)/digital-human-training-manage/user/jobs(?:/([^/]+))?")
_OPERATIONS = {("GET", True): SHOW, ("DELETE", True): DELETE, ("GET", False): LIST}

NO_SUCH_JOB = "MSS.41000003"
NOT_DELETABLE = "MSS.41000011"
"""Made up: the documentation has the text ("not found, or in a state that cannot be deleted"), but no number."""

_T = TypeVar("_T")


def _utc_now() -> datetime:
    return datetime.now(timezone.utc)  # noqa: UP017


class MetaStudio(Server):
    """See the top of this file."""

    def __init__(
        self,
        *,
        project_id: str = "0123456789abcdef0123456789abcdef",
        ak: str = "SANDBOXACCESSKEY0001",
        sk: str = "sandboxSecretKeyOfFortyCharactersInAll01",
        security_token: str | None = None,
        port: int = 0,
        tls: ssl.SSLContext | None = None,
        now: Callable[[], datetime] = _utc_now,
        keep: int | None = None,
    ) -> None:
        super().__init__(port, tls)
        self.project_id, self.ak, self.sk, self.security_token = project_id, ak, sk, security_token
        self.now = now
        self.clock_off = timedelta(0)
        self.elapsed: Callable[[], float] = lambda: self.now().timestamp()
        self.gate = Gate(project_id, {ak: Key(ak, sk, project_id, security_token)})
        self.jobs: dict[str, dict[str, Any]] = {}
        self.faults = Faults()
        self.on_connect = lambda sock: self.faults.meet_connection(sock, self.hold)
        self.limits: dict[str, int] = {}
        self.ignored_filters: set[str] = set()
        self.prefix = "APIGW"
        self.before_call: Callable[[Seen], object] | None = None
        self.after_call: Callable[[Seen], object] | None = None
        self.requests: deque[Seen] = deque(maxlen=keep)
        self.sign_ins: deque[Seen] = deque(maxlen=keep)
        self.deleted: deque[str] = deque(maxlen=keep)
        self.changed = threading.Condition()
        self._deletes: Counter[str] = Counter()
        self._forgotten: dict[tuple[str, str], float] = {}
        self._recent: dict[str, deque[datetime]] = {}
        self._count = 0

    # ------------------------------------------------------------------------------------------------------- the world

    def add_job(self, *, state: str = "JOB_SUCCESS", job_id: str | None = None, **fields: Any) -> str:
        """Add a job; `fields` overrides Show's fields, None leaves a field out."""
        job_id = job_id or new_job_id()
        with self.changed:
            self.jobs[job_id] = make_job(job_id, self.project_id, self.now(), state=state, **fields)
            self.changed.notify_all()
        return job_id

    def set_state(self, job_id: str, state: str) -> None:
        """Change a job's state."""
        self.change(job_id, state=state)

    def change(self, job_id: str, **fields: Any) -> None:
        """Change any fields of a job."""
        with self.changed:
            self.jobs[job_id].update(fields)
            self.changed.notify_all()

    def remove(self, job_id: str) -> None:
        """Delete the job as another person would, in the console."""
        with self.changed:
            del self.jobs[job_id]
            self.changed.notify_all()

    def forget(self, job_id: str, seconds: float, *operations: str) -> None:
        """For so many seconds these operations, or all three, do not find a job that exists."""
        with self.changed:
            until = self.elapsed() + seconds
            self._forgotten |= {(operation, job_id): until for operation in operations or (SHOW, LIST, DELETE)}

    def known(self, operation: str) -> dict[str, dict[str, Any]]:
        """The jobs that this operation finds at the moment."""
        now = self.elapsed()
        hidden = {job for (by, job), until in self._forgotten.items() if by == operation and now < until}
        return {job_id: job for job_id, job in self.jobs.items() if job_id not in hidden} if hidden else self.jobs

    # -------------------------------------------------------------------------------------------------- what was there

    def requests_to(self, operation: str) -> list[Seen]:
        """The requests of one operation, in order of arrival."""
        with self.changed:
            return [seen for seen in self.requests if seen.operation == operation]

    def deletes_arrived(self, job_id: str) -> int:
        """How many DELETE requests for this job were read, with any result."""
        return self._deletes[job_id]

    def wait_for(self, predicate: Callable[[], _T], timeout: float = 5.0) -> _T:
        """Wait until the predicate is true; every change calls it again."""
        with self.changed:
            return self.changed.wait_for(predicate, timeout)

    # ------------------------------------------------------------------------------------------------------- answering

    def answer(self, request: Request) -> Reply:
        """Answer one request: gate, fault before, effect, fault after."""
        if request.path == "/v3/auth/tokens":
            return self._sign_in(request)
        seen, project_id = self._arrive(request)
        fault = self.faults.take(seen)
        if self.before_call is not None:
            self.before_call(seen)
        held = fault.spoil if fault is not None and isinstance(fault.spoil, Held) else None
        if fault is not None and held is not None and fault.when == BEFORE:
            self.hold(held.gate, held.seconds)
        denied = self._check(seen, request, project_id)
        with self.changed:
            may_act = fault is None or fault.when != BEFORE or (held is not None and held.then_answer)
            reply = denied or self._act(seen, request, effect=may_act)
            if fault is not None and fault.spoil is repeated_on_the_way:
                reply = denied or self._act(seen, request, effect=may_act)
            self.changed.notify_all()
        if self.after_call is not None:
            self.after_call(seen)
        reply.headers.setdefault("X-Request-Id", seen.request_id)
        return self._answered(seen, fault, reply)

    def _answered(self, seen: Seen, fault: Fault | None, reply: Reply) -> Reply:
        """Apply the fault to the answer that is due, and note the answer."""
        reply.headers["Date"] = format_datetime(self.now() + self.clock_off, usegmt=True)
        if fault is not None:
            seen.fault = True
            date = reply.headers["Date"]
            if isinstance(fault.spoil, Held) and fault.when != BEFORE:
                self.hold(fault.spoil.gate, fault.spoil.seconds)
            reply = fault.spoil(seen, reply)
            reply.headers.setdefault("Date", date)
        with self.changed:
            seen.reply = reply
            seen.status = reply.status if reply.takeover is None and reply.wire == "whole" else None
            self.changed.notify_all()
        return reply

    def _arrive(self, request: Request) -> tuple[Seen, str]:
        path = _PATH.fullmatch(request.path)
        operation = _OPERATIONS.get((request.method, path[2] is not None), "") if path else ""
        job_id = path[2] if path else None
        seen = Seen(
            0, operation, request.method, request.target, request.headers.items(), self.now(), secrets.token_hex(16),
            job_id,
        )  # fmt: skip
        with self.changed:
            self._count += 1
            seen.number = self._count
            self.requests.append(seen)
            if operation == DELETE and job_id is not None:
                self._deletes[job_id] += 1
            self.changed.notify_all()
        return seen, path[1] if path else ""

    def _check(self, seen: Seen, request: Request, project_id: str) -> Reply | None:
        """Check the request at the gate; None lets the request through."""
        try:
            with self.changed:
                self._route(seen.operation)
                # By the time of arrival: a test may move the clock on while a fault holds the request up.
                self.gate.check(request, project_id, seen.at + self.clock_off)
                self._throttle(seen.operation)
        except Denied as denied:
            seen.denied = denied.message
            if not denied.gateway:
                return Reply.json({"error_code": denied.code, "error_msg": denied.message}, denied.status)
            body = {"error_msg": denied.message, "error_code": f"{self.prefix}.{denied.code}"}
            return Reply.json({**body, "request_id": seen.request_id}, denied.status)
        return None

    def _route(self, operation: str) -> None:
        if not operation:
            raise Denied(404, "0101", "The API does not exist or has not been published in the environment")

    def _throttle(self, operation: str) -> None:
        limit = self.limits.get(operation)
        if limit is None:
            return
        recent, now = self._recent.setdefault(operation, deque()), self.now()
        while recent and (now - recent[0]).total_seconds() >= 1:
            recent.popleft()
        if len(recent) >= limit:
            raise Denied(429, "0308", "The throttling threshold has been reached: policy user over ratelimit,"
                                      f"limit:{limit},time:1 second")  # fmt: skip
        recent.append(now)

    def _act(self, seen: Seen, request: Request, *, effect: bool) -> Reply:
        """Do the operation; without `effect`, only find the answer that is due."""
        if seen.operation == LIST:
            try:
                count, page = find(list(self.known(LIST).values()), dict(request.query), self.ignored_filters)
            except BadQuery as bad:
                return Reply.json({"error_code": "MSS.00000003", "error_msg": f"Invalid parameter: {bad}"}, 400)
            return Reply.json({"count": count, "jobs": page})
        job_id = seen.job_id or ""
        job = self.known(seen.operation).get(job_id)
        if job is None:
            return Reply.json({"error_code": NO_SUCH_JOB, "error_msg": "The task does not exist."}, 404)
        if seen.operation == SHOW:
            return Reply.json(job)
        if job["state"] not in DELETABLE:
            return Reply.json({"error_code": NOT_DELETABLE, "error_msg": "The task cannot be deleted now."}, 400)
        if effect:
            del self.jobs[job_id]
            self.deleted.append(job_id)
            seen.had_effect = True
        return Reply(200)

    def _sign_in(self, request: Request) -> Reply:
        """IAM: issue a token for a name and a password."""
        seen = Seen(
            len(self.sign_ins) + 1, TOKEN, request.method, request.target, request.headers.items(), self.now(),
            secrets.token_hex(16),
        )  # fmt: skip
        with self.changed:
            self.sign_ins.append(seen)
            self.changed.notify_all()
        fault = self.faults.take(seen)
        held = fault.spoil if fault is not None and isinstance(fault.spoil, Held) else None
        if fault is not None and held is not None and fault.when == BEFORE:
            self.hold(held.gate, held.seconds)
        may_act = fault is None or fault.when != BEFORE or (held is not None and held.then_answer)
        reply = self._token(seen, request, effect=may_act)
        reply.headers["X-IAM-Trace-Id"] = seen.request_id
        return self._answered(seen, fault, reply)

    def _token(self, seen: Seen, request: Request, *, effect: bool) -> Reply:
        try:
            with self.changed:
                token, body = self.gate.issue_token(request, self.now() + self.clock_off)
        except Denied as denied:
            seen.denied = denied.message
            title = responses[denied.status]
            return Reply.json(
                {"error": {"code": denied.status, "message": denied.message, "title": title}}, denied.status
            )
        seen.had_effect = effect
        if not effect:
            del self.gate.tokens[token]
        return Reply.json(body, 201, {"X-Subject-Token": token})
