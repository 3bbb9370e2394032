"""Every answer and every lack of one, played by the sandbox and read by the real client: product.md section 3."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterator

import pytest

from bot.domain.model import Cause, JobId, State, Target
from bot.domain.replies import Meaning, meaning, says_gone
from bot.metastudio.client import MetaStudio
from bot.metastudio.credentials.keys import Credentials, FixedCredentials
from sandbox.metastudio.faults import (
    AFTER,
    ANY,
    BEFORE,
    DELETE,
    LIST,
    SHOW,
    Spoil,
    compressed,
    cut,
    drip,
    drip_body,
    drop,
    error,
    gateway,
    half_headers,
    html,
    http,
    huge,
    iam,
    late,
    nonsense,
    raw,
    reset_connection,
    silence,
    throttled,
    without_request_id,
)
from sandbox.metastudio.metastudio import MetaStudio as Cloud
from tests.support.clock import RunningClock
from tests.support.outcomes import outcome

UNUSED = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Everything here is plain HTTP; making a real context for each test would take longer than the tests."""

PATIENCE = 0.5
"""Seconds that the client waits for an answer here."""


class SleeplessClock(RunningClock):
    """The real time, but back-off only adds up, and moves the clock."""

    def __init__(self) -> None:
        super().__init__()
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        super().sleep(seconds)


@pytest.fixture
def clock() -> SleeplessClock:
    return SleeplessClock()


@pytest.fixture
def client(cloud: Cloud, clock: SleeplessClock) -> Iterator[MetaStudio]:
    client = MetaStudio(
        Target(cloud.url, "cn-north-4", cloud.project_id),
        FixedCredentials(Credentials(cloud.ak, cloud.sk)),
        clock=clock,
        ssl_context=UNUSED,
        connect_timeout=PATIENCE,
        read_timeout=PATIENCE,
    )
    yield client
    client.close()


HEAD = b"HTTP/1.1 200 OK\r\nX-Request-Id: r\r\n"

ANSWERS: dict[str, tuple[Callable[[], Spoil], int | Cause, Meaning]] = {
    # what the sandbox plays, the status or cause that the client reports, what it means for a DELETE
    "200": (lambda: http(200), 200, Meaning.OK),
    "200 {}": (lambda: http(200, {}), 200, Meaning.OK),
    "204": (lambda: http(204), 204, Meaning.OK),
    "200, gzip": (lambda: http(200, b"", {"Content-Encoding": "gzip"}), 200, Meaning.UNCLEAR),
    "200, compressed": (lambda: compressed(http(200, {})), 200, Meaning.UNCLEAR),
    "403, compressed": (lambda: compressed(error(403, "MSS.41000012")), 403, Meaning.FORBIDDEN),
    "200 without id": (without_request_id, 200, Meaning.UNCLEAR),
    "204 without id": (lambda: http(204, request_id=False), 204, Meaning.UNCLEAR),
    "200 html": (html, 200, Meaning.UNCLEAR),
    "200 []": (lambda: http(200, []), 200, Meaning.UNCLEAR),
    "200 with error code": (lambda: error(200, "MSS.00000003"), 200, Meaning.UNCLEAR),
    "201": (lambda: http(201), 201, Meaning.UNCLEAR),
    "202": (lambda: http(202), 202, Meaning.UNCLEAR),
    "206": (lambda: http(206), 206, Meaning.UNCLEAR),
    "302": (lambda: http(302, b"x", {"Location": "http://127.0.0.1:1/"}), 302, Meaning.UNCLEAR),
    "304": (lambda: http(304), 304, Meaning.UNCLEAR),
    "307": (lambda: http(307, b"", {"Location": "/v1/"}), 307, Meaning.UNCLEAR),
    "302 to nonsense": (lambda: http(302, b"", {"Location": "http://[\xff"}), 302, Meaning.UNCLEAR),
    "400": (lambda: error(400, "MSS.00000003", "Invalid parameter"), 400, Meaning.REJECTED),
    "400 bad token": (lambda: error(400, "MSS.00010008"), 400, Meaning.BAD_CREDENTIALS),
    "400 other project": (lambda: error(400, "MSS.00010009"), 400, Meaning.BAD_CREDENTIALS),
    "401": (lambda: gateway(401, "APIG.0301", "verify aksk signature fail"), 401, Meaning.BAD_CREDENTIALS),
    "401 by IAM": (lambda: iam(401, "The request you have made requires authentication."), 401,
                   Meaning.BAD_CREDENTIALS),
    "401 empty": (lambda: http(401), 401, Meaning.BAD_CREDENTIALS),
    "403": (lambda: gateway(403, "APIGW.0302"), 403, Meaning.FORBIDDEN),
    "404": (lambda: error(404, "MSS.41000003"), 404, Meaning.CONFLICT),
    "404 by gateway": (lambda: gateway(404, "APIGW.0101"), 404, Meaning.CONFLICT),
    "408": (lambda: http(408), 408, Meaning.UNCLEAR),
    "409": (lambda: error(409, "MSS.00000003"), 409, Meaning.CONFLICT),
    "429": (throttled, 429, Meaning.THROTTLED),
    "429 without code": (lambda: http(429), 429, Meaning.THROTTLED),
    "0308 as 400": (lambda: throttled(status=400), 400, Meaning.THROTTLED),
    "500": (lambda: error(500, "MSS.00000004", "Internal Error"), 500, Meaning.SERVER_ERROR),
    "500 without code": (lambda: http(500), 500, Meaning.UNCLEAR),
    "502 html": (lambda: html(502), 502, Meaning.UNCLEAR),
    "503 empty": (lambda: http(503), 503, Meaning.UNCLEAR),
    "504 by gateway": (lambda: gateway(504, "APIG.0201"), 504, Meaning.UNCLEAR),
    "reset": (reset_connection, Cause.CUT, Meaning.LOST),
    "dropped": (drop, Cause.CUT, Meaning.LOST),
    "cut body": (cut, Cause.CUT, Meaning.LOST),
    "half headers": (half_headers, Cause.CUT, Meaning.LOST),
    "half a status line": (lambda: raw(b"HTTP/1.1 200"), Cause.CUT, Meaning.LOST),
    "status line alone": (lambda: raw(b"HTTP/1.1 200 OK\r\n"), Cause.CUT, Meaning.LOST),
    "headers without end": (lambda: raw(HEAD), Cause.CUT, Meaning.LOST),
    "cut chunk": (lambda: raw(HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nab"), Cause.CUT, Meaning.LOST),
    "no chunk": (lambda: raw(HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"), Cause.CUT, Meaning.LOST),
    "too much": (huge, Cause.CUT, Meaning.LOST),
    "cut gzip": (lambda: compressed(http(200, {"success": False}), keep=10), Cause.CUT, Meaning.LOST),
    "gzip and more": (lambda: compressed(http(200), behind=b"{}"), Cause.NONSENSE, Meaning.LOST),
    "compressed bomb": (lambda: compressed(http(200, b" " * 3_000_000)), Cause.CUT, Meaning.LOST),
    "no gzip": (lambda: http(200, b"no gzip", {"Content-Encoding": "gzip"}), Cause.NONSENSE, Meaning.LOST),
    "not HTTP": (nonsense, Cause.NONSENSE, Meaning.LOST),
    "HTTP/2": (lambda: raw(b"\x00\x00\x12\x04\x00\x00\x00\x00\x00\r\n\r\n"), Cause.NONSENSE, Meaning.LOST),
    "endless header": (lambda: raw(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000 + b"\r\n\r\n"), Cause.NONSENSE,
                       Meaning.LOST),
    "1000 headers": (lambda: raw(b"HTTP/1.1 200 OK\r\n" + b"X: x\r\n" * 1000 + b"\r\n"), Cause.NONSENSE, Meaning.LOST),
    "silence": (silence, Cause.TIMED_OUT, Meaning.LOST),
    "silence after 100": (lambda: raw(*[b"HTTP/1.1 100 Continue\r\n\r\n"] * 20, pause=0.05), Cause.TIMED_OUT,
                          Meaning.LOST),
    "slow packets": (lambda: raw(HEAD, b"Content-Length: 0\r\n", b"\r\n", pause=0.8 * PATIENCE), Cause.TIMED_OUT,
                     Meaning.LOST),
    "too late": (lambda: late(1.5 * PATIENCE), Cause.TIMED_OUT, Meaning.LOST),
    "dripping": (lambda: drip(PATIENCE / 20), Cause.TIMED_OUT, Meaning.LOST),
    "dripping body": (lambda: drip_body(PATIENCE / 20), Cause.TIMED_OUT, Meaning.LOST),
}  # fmt: skip


@pytest.mark.parametrize("when", [BEFORE, AFTER])
@pytest.mark.parametrize("name", list(ANSWERS))
def test_every_answer_to_delete(cloud: Cloud, client: MetaStudio, name: str, when: str) -> None:
    """Whatever comes back, the client reports it in bounded time, sends one DELETE, and the table knows it.

    That the effect took place or not shows in none of them: that is why reading has to settle the unknown ones.
    """
    play, expected, means = ANSWERS[name]
    job = JobId(cloud.add_job())
    cloud.faults.add(DELETE, play(), when=when, times=None)
    started = time.monotonic()
    reply = client.delete(job, may_send=lambda: True)
    assert time.monotonic() - started < 5 * PATIENCE
    assert (reply.cause if isinstance(expected, Cause) else reply.status) == expected
    assert meaning(reply) is means
    assert cloud.deletes_arrived(job) == 1
    if name != "too late":
        assert (job in cloud.jobs) == (when == BEFORE)
    cloud.faults.clear()


@pytest.mark.parametrize("name", ["cut body", "too much", "dripping body"])
def test_a_request_id_that_came_before_the_break_is_kept(cloud: Cloud, client: MetaStudio, name: str) -> None:
    """Support can look it up, though the answer as a whole is lost."""
    cloud.faults.add(DELETE, ANSWERS[name][0]())
    reply = client.delete(JobId(cloud.add_job()), may_send=lambda: True)
    assert (reply.status, reply.request_id) == (None, cloud.requests[-1].request_id)


def test_the_client_recovers_after_every_answer(cloud: Cloud, client: MetaStudio) -> None:
    """No broken connection is used again: the next call finds a good one."""
    job = JobId(cloud.add_job())
    for play, _, _ in ANSWERS.values():
        fault = cloud.faults.add(DELETE, play())
        client.delete(job, may_send=lambda: True)
        fault.release()
        assert client.show(job).reply.status in (200, 404)


def test_a_deletion_that_works(cloud: Cloud, client: MetaStudio) -> None:
    """200 with a request id and no body, and the job is gone: Show and List agree."""
    job = JobId(cloud.add_job(state="TRAIN_FAILED"))
    reply = client.delete(job, may_send=lambda: True)
    assert (reply.status, reply.request_id, reply.body_ok) == (200, cloud.requests[-1].request_id, True)
    assert outcome(reply) is State.DELETED
    shown, listed = client.show(job), client.find(job_id=job)
    assert says_gone(shown.reply)
    assert (listed.reply.status, listed.count, listed.jobs) == (200, 0, ())


def test_what_may_not_be_sent_any_more_is_not_sent(cloud: Cloud, client: MetaStudio) -> None:
    """What is too late never arrives, nor does it take a connection."""
    job = JobId(cloud.add_job())
    assert client.delete(job, may_send=lambda: False).cause is Cause.TOO_LATE
    assert len(cloud.requests) == 0


@pytest.mark.parametrize("warm", [False, True], ids=["new connection", "kept connection"])
def test_it_is_asked_again_when_the_connection_stands(cloud: Cloud, warm: bool) -> None:  # noqa: FBT001
    """Connecting may take as long as sending is allowed; checks that grew too old meanwhile are not sent on."""
    answers = [True, False]
    client = MetaStudio(
        Target(cloud.url, "cn-north-4", cloud.project_id),
        FixedCredentials(Credentials(cloud.ak, cloud.sk)),
        clock=SleeplessClock(),
        ssl_context=UNUSED,
    )
    job = JobId(cloud.add_job())
    if warm:
        client.show(job)
    before = len(cloud.requests)
    assert client.delete(job, may_send=lambda: answers.pop(0)).cause is Cause.TOO_LATE
    assert answers == []
    assert len(cloud.requests) == before
    client.close()


# ------------------------------------------------------------------------------------------------------------- reads

REPEATED = [name for name, (_, _, means) in ANSWERS.items()
            if means in (Meaning.LOST, Meaning.THROTTLED, Meaning.SERVER_ERROR)] + [
            "408", "500 without code", "502 html", "503 empty", "504 by gateway"]  # fmt: skip


@pytest.mark.parametrize("name", [name for name in ANSWERS if name not in REPEATED])
def test_answers_after_which_a_read_is_not_repeated(cloud: Cloud, client: MetaStudio, name: str) -> None:
    """An answer that will not change is taken as it is."""
    job = JobId(cloud.add_job())
    cloud.faults.add(SHOW, ANSWERS[name][0](), times=None)
    client.show(job)
    assert len(cloud.requests) == 1


@pytest.mark.parametrize("name", REPEATED)
def test_answers_after_which_a_read_is_repeated(cloud: Cloud, client: MetaStudio, name: str) -> None:
    """At most twice: three GETs in all; if the third works, nobody sees that the others did not."""
    job = JobId(cloud.add_job())
    fault = cloud.faults.add(SHOW, ANSWERS[name][0](), times=None)
    expected = ANSWERS[name][1]
    reply = client.show(job).reply
    assert (reply.cause if isinstance(expected, Cause) else reply.status) == expected
    assert len(cloud.requests) == 3
    cloud.faults.remove(fault)

    fault = cloud.faults.add(SHOW, ANSWERS[name][0](), times=2)
    assert client.show(job).job is not None
    assert len(cloud.requests) == 6
    fault.release()


def test_lists_are_repeated_too(cloud: Cloud, client: MetaStudio) -> None:
    """Find keeps the same rule."""
    cloud.faults.add(LIST, error(500, "MSS.00000004"), times=2)
    assert client.find().count == 0
    assert len(cloud.requests) == 3


def test_throttled_reads_wait_as_huawei_advises(cloud: Cloud, client: MetaStudio, clock: SleeplessClock) -> None:
    """Two to five seconds; Retry-After is obeyed within that, and an absurd one is not."""
    for retry_after, pauses in ((None, [2.0, 4.0]), ("3", [3.0, 4.0]), ("900", [5.0, 5.0]), ("nonsense", [2.0, 4.0])):
        clock.slept.clear()
        cloud.faults.add(SHOW, throttled(retry_after), times=2)
        assert client.show(JobId(cloud.add_job())).reply.status == 200
        assert clock.slept == pauses


def test_reads_are_not_repeated_for_ever(cloud: Cloud, client: MetaStudio, clock: SleeplessClock) -> None:
    """Twenty seconds after its start a read is not tried again: somebody waits, and so does the drain."""
    job = JobId(cloud.add_job())
    cloud.faults.add(SHOW, http(503), times=None)
    cloud.before_call = lambda _: clock.add(11.0)
    assert client.show(job).reply.status == 503
    assert len(cloud.requests) == 2


def test_the_limiter_may_end_the_repeating(cloud: Cloud, client: MetaStudio) -> None:
    """Who may not repeat returns what it has."""
    cloud.faults.add(SHOW, http(503), times=None)
    assert client.show(JobId(cloud.add_job()), may_repeat=lambda: False).reply.status == 503
    assert len(cloud.requests) == 1


# --------------------------------------------------------------------------------------------------- what gets through


def test_nothing_personal_gets_through(cloud: Cloud, client: MetaStudio) -> None:
    """Telephone number, user id, links, review texts: the sandbox has them all, the replies none."""
    job = JobId(cloud.add_job(name="Anchor Li"))
    held = repr((client.show(job), client.find(), client.delete(job, may_send=lambda: True)))
    assert "Anchor Li" in held
    for secret in ("13800138000", "13900139000", "customer-4711", "obs.example.com", "blurred", "photo", "LINKKEY"):
        assert secret not in held


def test_keys_in_messages_do_not_get_through(cloud: Cloud, client: MetaStudio) -> None:
    """A gateway that quotes the key, whatever form it gives it, is not repeated to anybody."""
    for text in (f"ak:{cloud.ak}", f"who is {cloud.ak}?", f"<{cloud.sk}>", f"canonical request: /{cloud.project_id}"):
        cloud.faults.add(ANY, gateway(400, "APIG.0201", text))
        message = client.show(JobId("job")).reply.message or ""
        assert not any(secret in message for secret in (cloud.ak, cloud.sk, cloud.project_id))


def test_foreign_jobs_are_no_answer(cloud: Cloud, client: MetaStudio) -> None:
    """Show with another job's body is unclear; List that ignores its filter shows foreign ids."""
    job, other = JobId(cloud.add_job()), JobId(cloud.add_job())
    cloud.faults.add(SHOW, http(200, cloud.jobs[other]))
    shown = client.show(job)
    assert (shown.job, meaning(shown.reply)) == (None, Meaning.UNCLEAR)
    cloud.ignored_filters = {"job_id"}
    assert {found.job_id for found in client.find(job_id=job).jobs} == {job, other}
