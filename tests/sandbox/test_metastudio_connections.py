"""Connections that never stand, break, or lead elsewhere: certainly not sent, or not known, and never mixed up."""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.domain.model import Cause, JobId, Reply, State, Target
from bot.metastudio import session
from bot.metastudio.client import MetaStudio
from bot.metastudio.credentials.iam import User, token_source
from bot.metastudio.credentials.keys import Credentials, FixedCredentials, NoCredentials
from sandbox.metastudio.faults import (
    DELETE,
    SHOW,
    TOKEN,
    drop,
    error,
    http,
    interim,
    interim_then,
    request_id_lines,
    reset_connection,
    twice,
)
from sandbox.metastudio.metastudio import MetaStudio as Cloud
from tests.support import certificates
from tests.support.clock import RunningClock
from tests.support.outcomes import outcome
from tests.support.proxies import Proxy, forward, refuse, tunnel

JOB = JobId("job-1")


def client_of(endpoint: str, cloud: Cloud | None = None, **options: Any) -> MetaStudio:
    keys = Credentials(cloud.ak, cloud.sk) if cloud else Credentials("ak", "sk")
    project = cloud.project_id if cloud else "p"
    options = {"connect_timeout": 0.5, "read_timeout": 0.5, **options}
    target = Target(endpoint, "cn-north-4", project)
    return MetaStudio(target, FixedCredentials(keys), clock=RunningClock(), **options)


def delete(client: MetaStudio, job_id: JobId = JOB) -> Reply:
    return client.delete(job_id, may_send=lambda: True)


@pytest.fixture
def connections(cloud: Cloud) -> list[object]:
    """The connections that arrived."""
    arrived: list[object] = []
    cloud.on_connect = arrived.append
    return arrived


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port that nobody listens on: bound, so that nobody else gets it."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that signs itself, with its key, in one file."""
    return certificates.certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def tls_cloud(certificate: Path) -> Iterator[Cloud]:
    with Cloud(tls=certificates.server_context(certificate)) as cloud:
        yield cloud


@pytest.fixture
def trusting(certificate: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(certificate))


# -------------------------------------------------------------------------------------------------------- never sent


def test_a_refused_connection_was_never_used(closed_port: int) -> None:
    """Nobody listens: safe to ask again."""
    reply = delete(client_of(f"http://127.0.0.1:{closed_port}"))
    assert (reply.cause, outcome(reply)) == (Cause.CONNECTION_REFUSED, State.FAILED)


def test_a_name_that_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """No DNS: nothing was sent."""

    def unknown(*_: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    reply = delete(client_of("https://metastudio.nowhere.example"))
    assert (reply.cause, outcome(reply)) == (Cause.NO_ADDRESS, State.FAILED)


def test_a_name_that_cannot_be_one() -> None:
    """A label of seventy characters is no name."""
    assert delete(client_of("https://" + "x" * 70 + ".example")).cause is Cause.NO_ADDRESS


def test_a_host_that_does_not_answer_the_knock() -> None:
    """A full backlog drops the SYN: no connection in time, nothing sent."""
    with socket.socket() as deaf, contextlib.ExitStack() as stack:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        for _ in range(4):
            knock = stack.enter_context(socket.socket())
            knock.setblocking(False)  # noqa: FBT003 - the socket's own signature
            knock.connect_ex(deaf.getsockname())
        reply = delete(client_of(f"http://127.0.0.1:{deaf.getsockname()[1]}"))
    assert (reply.cause, outcome(reply)) == (Cause.CONNECT_TIMEOUT, State.FAILED)


def test_no_credentials_means_nothing_to_send(cloud: Cloud) -> None:
    """A source that has none at the moment is a cause, not an exception."""

    class Empty:
        def fingerprint(self) -> str:
            return "0" * 16

        def current(self) -> Credentials:
            raise NoCredentials("none")

        renewed = current

        def rejected(self, access: object) -> bool:
            raise AssertionError

    client = MetaStudio(Target(cloud.url, "r", cloud.project_id), Empty(), clock=RunningClock())
    assert delete(client).cause is Cause.NO_CREDENTIALS
    assert client.show(JOB).reply.cause is Cause.NO_CREDENTIALS
    assert len(cloud.requests) == 0


# --------------------------------------------------------------------------------------------------------------- TLS


def test_tls_works_over_one_shared_context(tls_cloud: Cloud, trusting: ssl.SSLContext) -> None:
    """The context that was given is the one that is used, and nobody adds to whom it trusts."""
    trusted = trusting.cert_store_stats()
    job = JobId(tls_cloud.add_job())
    client = client_of(tls_cloud.url, tls_cloud, ssl_context=trusting)
    assert client.show(job).job is not None
    assert delete(client, job).status == 200
    assert trusting.cert_store_stats() == trusted
    assert trusting.verify_mode is ssl.CERT_REQUIRED
    assert trusting.check_hostname


def test_an_unknown_certificate_is_refused_before_anything_is_sent(tls_cloud: Cloud) -> None:
    """Never sent, whatever certificates come with requests."""
    reply = delete(client_of(tls_cloud.url, tls_cloud, ssl_context=ssl.create_default_context()))
    assert (reply.cause, outcome(reply)) == (Cause.BAD_CERTIFICATE, State.FAILED)
    assert len(tls_cloud.requests) == 0


def test_a_certificate_for_somebody_else_is_refused(tls_cloud: Cloud, trusting: ssl.SSLContext) -> None:
    """Known, but for another name."""
    reply = delete(client_of(tls_cloud.url.replace("127.0.0.1", "localhost"), tls_cloud, ssl_context=trusting))
    assert reply.cause is Cause.BAD_CERTIFICATE


@pytest.mark.parametrize(("how", "cause"), [("hang", Cause.HANDSHAKE_HUNG), ("reset", Cause.CUT)])
def test_a_handshake_that_does_not_finish_is_not_known(
    tls_cloud: Cloud, trusting: ssl.SSLContext, how: str, cause: Cause
) -> None:
    """product.md counts it as unknown; requests calls the hung one a ReadTimeout."""
    job = JobId(tls_cloud.add_job())
    tls_cloud.faults.connect(how)
    client = client_of(tls_cloud.url, tls_cloud, ssl_context=trusting)
    started = time.monotonic()
    reply = delete(client, job)
    assert (reply.cause, outcome(reply)) == (cause, State.UNKNOWN)
    assert time.monotonic() - started < 2
    assert client.show(job).job is not None


def test_a_server_without_tls_is_not_known(cloud: Cloud) -> None:
    """HTTP where TLS should be: the bytes make no sense."""
    reply = delete(client_of(cloud.url.replace("http:", "https:"), cloud))
    assert outcome(reply) is State.UNKNOWN
    assert len(cloud.requests) == 0


def test_a_tls_connection_that_breaks_after_sending_is_not_known(tls_cloud: Cloud, trusting: ssl.SSLContext) -> None:
    """Not every SSLError is a bad certificate."""
    job = JobId(tls_cloud.add_job())
    for fault in (drop(), reset_connection()):
        tls_cloud.faults.add(DELETE, fault)
        reply = delete(client_of(tls_cloud.url, tls_cloud, ssl_context=trusting), job)
        assert (reply.cause, outcome(reply)) == (Cause.CUT, State.UNKNOWN)


# --------------------------------------------------------------------------------------------------- kept connections


def test_connections_are_kept_and_a_dropped_one_is_noticed(
    cloud: Cloud, connections: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One connection serves many calls; one that the server closed meanwhile is replaced before sending."""
    job = JobId(cloud.add_job())
    client = client_of(cloud.url, cloud)
    for _ in range(5):
        assert client.show(job).job is not None
    assert len(connections) == 1
    cloud.stop()
    cloud.start()
    assert delete(client, job).status == 200
    assert cloud.deletes_arrived(job) == 1
    assert len(connections) == 2


def test_cookies_are_not_kept(cloud: Cloud) -> None:
    """Huawei's firewall sets cookies; one that came along later would be a header that nobody signed."""
    job = JobId(cloud.add_job())
    client = client_of(cloud.url, cloud)
    cloud.faults.add("*", lambda seen, due: _with(due, {"Set-Cookie": "HWWAFSESID=1; path=/"}))
    client.show(job)
    client.show(job)
    assert cloud.requests[-1].header("Cookie") is None


def _with(reply: Any, headers: dict[str, str]) -> Any:
    reply.headers.update(headers)
    return reply


# ------------------------------------------------------------------------------------------------ whose answer is it?

INTERIM = [
    (100,), (102,), (103,), (104,), (199,), (100, 100), (102, 102, 102), (100, 103, 102), (103,) * 50,
]  # fmt: skip
HINTS = "Link: </style.css>; rel=preload\r\nX-Request-Id: of-an-interim-answer\r\nContent-Length: 5"


@pytest.mark.parametrize("headers", ["", HINTS], ids=["bare", "with headers"])
@pytest.mark.parametrize("statuses", INTERIM, ids=str)
def test_interim_answers_are_read_past(cloud: Cloud, statuses: tuple[int, ...], headers: str) -> None:
    """Each 1xx, several, with headers: the answer is the one behind them, for GET and DELETE, and so is the next one's.

    `http.client` skips 100 alone: a 103 was the answer, and the next request on that connection got the real one.
    """
    client = client_of(cloud.url, cloud)
    cloud.faults.add("*", interim(*statuses, headers=headers), times=None, when="after")
    jobs = [JobId(cloud.add_job()) for _ in range(3)]
    for job in jobs:
        shown = client.show(job)
        assert shown.job is not None
        assert (shown.reply.status, shown.reply.request_id) == (200, cloud.requests[-1].request_id)
    for job in jobs:
        reply = delete(client, job)
        assert (reply.status, reply.request_id) == (200, cloud.requests[-1].request_id)
        assert outcome(reply) is State.DELETED
    assert list(cloud.deleted) == jobs


@pytest.mark.parametrize("final", [200, 204, 400, 403, 429, 500, 503])
def test_what_stands_behind_an_interim_answer_counts(cloud: Cloud, final: int) -> None:
    """Whatever the real answer is."""
    cloud.faults.add(DELETE, interim_then(http(final), 102, 103))
    assert delete(client_of(cloud.url, cloud), JobId(cloud.add_job())).status == final


def test_switching_protocols_is_no_interim_answer(cloud: Cloud, connections: list[object]) -> None:
    """Behind a 101 comes something that is not HTTP: unclear, and that connection is used no more."""
    job = JobId(cloud.add_job())
    client = client_of(cloud.url, cloud)
    cloud.faults.add("*", http(101, b"", {"Upgrade": "websocket", "Connection": "Upgrade"}), times=2)
    assert client.show(job).reply.status == 101
    reply = delete(client, job)
    assert (reply.status, outcome(reply)) == (101, State.UNKNOWN)
    assert client.show(job).job is not None
    assert len(connections) == 3


SHIFTS = {
    # what the answer to A's DELETE, or to the read before B's, brings along
    "102": lambda: interim(102),
    "103 with headers": lambda: interim(103, headers=HINTS),
    "answered twice": twice,
    "answered twice, once refused": lambda: twice(403),
}


@pytest.mark.parametrize("operation", [DELETE, SHOW])
@pytest.mark.parametrize("shift", SHIFTS)
def test_no_answer_of_another_request_is_taken_for_the_one_to_a_delete(
    cloud: Cloud, shift: str, operation: str
) -> None:
    """B's DELETE is refused: that is its own answer with its own request ID, whatever came for A or for a read."""
    client = client_of(cloud.url, cloud)
    a, b = JobId(cloud.add_job()), JobId(cloud.add_job())
    cloud.faults.add(operation, SHIFTS[shift](), times=None, when="after", job_id=a if operation == DELETE else b)
    assert client.show(a).job is not None
    assert delete(client, a).status == 200
    assert client.show(b).job is not None
    cloud.faults.add(DELETE, error(403, "MSS.41000012"), job_id=b)
    reply = delete(client, b)
    assert (reply.status, reply.code, reply.request_id) == (403, "MSS.41000012", cloud.requests[-1].request_id)
    assert outcome(reply) is State.FAILED
    assert list(cloud.deleted) == [a]


@pytest.mark.parametrize("kind", ["plain", "TLS"])
def test_what_stands_behind_an_answer_is_nobodys(
    cloud: Cloud, tls_cloud: Cloud, trusting: ssl.SSLContext, kind: str
) -> None:
    """A kept connection with something unread on it is closed, and the next read gets its own answer."""
    world = tls_cloud if kind == "TLS" else cloud
    connections: list[object] = []
    world.on_connect = connections.append
    client = client_of(world.url, world, ssl_context=trusting)
    jobs = [JobId(world.add_job()) for _ in range(4)]
    world.faults.add(SHOW, twice(404), times=2)
    for job in jobs:
        shown = client.show(job)
        assert shown.job is not None
        assert shown.reply.request_id == world.requests[-1].request_id
    assert len(connections) == 3


# ------------------------------------------------------------------------------------------ a DELETE's own connection


def test_each_delete_has_a_connection_of_its_own(cloud: Cloud, connections: list[object]) -> None:
    """Opened for it, used once, closed; what is read keeps its own."""
    client = client_of(cloud.url, cloud)
    for number in range(1, 4):
        job = JobId(cloud.add_job())
        assert client.show(job).job is not None
        assert delete(client, job).status == 200
        assert len(connections) == 1 + number


@pytest.mark.parametrize("way", ["plain", "TLS", "tunnel", "plain proxy"])
def test_a_connection_that_was_opened_ahead_is_the_one_that_is_used(
    cloud: Cloud, tls_cloud: Cloud, trusting: ssl.SSLContext, way: str
) -> None:
    """The DELETE does not wait for a handshake; over TLS 1.3 too, where tickets arrive unasked; and only once."""
    world = tls_cloud if way in ("TLS", "tunnel") else cloud
    connections: list[object] = []
    world.on_connect = connections.append
    with Proxy(tunnel(tls_cloud.port) if way == "tunnel" else forward) as proxy:
        through = {"proxy": proxy.url} if way in ("tunnel", "plain proxy") else {}
        client = client_of(world.url, world, ssl_context=trusting, **through)
        first, second = JobId(world.add_job()), JobId(world.add_job())
        client.prepare_delete(first)
        assert len(world.requests) == 0
        assert delete(client, first).status == 200
        assert len(connections) == 1
        assert delete(client, second).status == 200
        assert list(world.deleted) == [first, second]
        assert proxy.accepted == (2 if through else 0)
        assert len(connections) == 2
        client.close()


def test_a_connection_that_was_closed_before_it_was_used_is_replaced(cloud: Cloud) -> None:
    """Nothing had been sent on it, so the DELETE leaves on another one, once."""
    job = JobId(cloud.add_job())
    client = client_of(cloud.url, cloud)
    client.prepare_delete(job)
    cloud.stop()
    cloud.start()
    assert delete(client, job).status == 200
    assert cloud.deletes_arrived(job) == 1


def test_a_connection_that_waited_too_long_is_replaced(
    cloud: Cloud, connections: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What stands in between forgets idle connections silently; a DELETE on such a one would end as unknown."""
    client = client_of(cloud.url, cloud)
    client.prepare_delete(JOB)
    monkeypatch.setattr(session, "KEPT_AHEAD", 0.0)
    assert delete(client, JobId(cloud.add_job())).status == 200
    assert len(connections) == 2


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before it asks whether a connection is silent, the bot gives what the server has sent the time to arrive."""
    is_silent = session.is_silent

    def asked_later(sock: Any) -> bool:
        select.select([sock], [], [], 0.3)
        return is_silent(sock)

    monkeypatch.setattr(session, "is_silent", asked_later)


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("ahead", [True, False], ids=["opened ahead", "opened for it"])
def test_what_arrives_before_the_request_is_no_answer_to_it(cloud: Cloud, ahead: bool) -> None:  # noqa: FBT001 - a table's column
    """That connection is given up before anything was sent on it, and the DELETE leaves on another one."""
    job = JobId(cloud.add_job())
    cloud.faults.connect("early")
    client = client_of(cloud.url, cloud)
    if ahead:
        client.prepare_delete(job)
    reply = delete(client, job)
    assert (reply.status, reply.request_id) == (200, cloud.requests[-1].request_id)
    assert cloud.deletes_arrived(job) == 1


@pytest.mark.usefixtures("patient")
def test_where_every_connection_brings_something_first_nothing_is_sent(cloud: Cloud) -> None:
    """Never sent, and said so: not "MetaStudio confirmed it" with the request ID of whatever came."""
    cloud.faults.connect("early", times=9)
    job = JobId(cloud.add_job())
    reply = delete(client_of(cloud.url, cloud), job)
    assert (reply.status, reply.cause, reply.request_id) == (None, Cause.UNUSABLE_CONNECTION, None)
    assert outcome(reply) is State.FAILED
    assert cloud.deletes_arrived(job) == 0


def test_the_clock_is_asked_last_on_a_connection_that_was_opened_ahead(cloud: Cloud) -> None:
    """It stands, but the time is over: nothing leaves."""
    job = JobId(cloud.add_job())
    client = client_of(cloud.url, cloud)
    client.prepare_delete(job)
    reply = client.delete(job, may_send=lambda: False)
    client.close()
    assert reply.cause is Cause.TOO_LATE
    assert cloud.deletes_arrived(job) == 0


def test_opening_ahead_may_fail_and_the_delete_says_why(
    tls_cloud: Cloud, trusting: ssl.SSLContext, closed_port: int
) -> None:
    """Nobody listens, no trust, a hung handshake, a proxy that refuses: nothing is raised, the DELETE has the cause."""
    refusing = Proxy(refuse)
    for options, url, cause in (
        ({}, f"http://127.0.0.1:{closed_port}", Cause.CONNECTION_REFUSED),
        ({"ssl_context": ssl.create_default_context()}, tls_cloud.url, Cause.BAD_CERTIFICATE),
        ({"ssl_context": trusting, "proxy": refusing.url}, tls_cloud.url, Cause.PROXY_REFUSED),
    ):
        client = client_of(url, tls_cloud, **options)
        client.prepare_delete(JOB)
        assert delete(client).cause is cause
    tls_cloud.faults.connect("hang")
    job = JobId(tls_cloud.add_job())
    client = client_of(tls_cloud.url, tls_cloud, ssl_context=trusting)
    client.prepare_delete(job)
    assert delete(client, job).status == 200


@pytest.mark.parametrize(
    ("lines", "expected"),
    [(("{}", "of-the-gateway-01"), ("{}", "of-the-gateway-01")), (("-", "{}"), ("{}", None)),
     (("{}", "{}"), ("{}", None)), (("two words", "{}"), ("{}", None)), (("{}, of-the-gateway-01",), (None, None)),
     (("sh\xf6rt-one-01",), (None, None)), (("one\x0btwo-three",), (None, None)), (("short",), (None, None)),
     ((), (None, None))],
)  # fmt: skip
def test_two_request_id_lines_are_two_request_ids(
    cloud: Cloud, lines: tuple[str, ...], expected: tuple[str | None, str | None]
) -> None:
    """Requests joins them to one id that does not exist. A malformed one counts as none."""
    cloud.faults.add("*", request_id_lines(*lines), times=2)
    client = client_of(cloud.url, cloud)
    job = JobId(cloud.add_job())
    for call in (lambda: client.show(job).reply, lambda: delete(client, job)):
        reply = call()
        own = cloud.requests[-1].request_id
        assert (reply.request_id, reply.other_request_id) == tuple(each and each.format(own) for each in expected)


# ------------------------------------------------------------------------------------------ the environment and proxies


@pytest.fixture
def misleading(closed_port: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An environment that names proxies, certificates and a ~/.netrc."""
    netrc = tmp_path / ".netrc"
    netrc.write_text("default login somebody password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{closed_port}")
        monkeypatch.setenv(name.lower(), f"http://127.0.0.1:{closed_port}")
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))


@pytest.mark.usefixtures("misleading")
def test_the_environment_has_no_say(cloud: Cloud) -> None:
    """Neither ~/.netrc, nor proxy variables, nor REQUESTS_CA_BUNDLE change a request, or one to IAM."""
    job = JobId(cloud.add_job())
    client = client_of(cloud.url, cloud)
    assert client.show(job).job is not None
    assert delete(client, job).status == 200
    iam_of(cloud)()
    assert cloud.sign_ins[0].header("Authorization") is None


def test_a_proxy_from_the_settings_is_used(tls_cloud: Cloud, trusting: ssl.SSLContext) -> None:
    """The request goes through the tunnel, as it was signed."""
    job = JobId(tls_cloud.add_job())
    with Proxy(tunnel(tls_cloud.port)) as proxy:
        client = client_of(tls_cloud.url, tls_cloud, ssl_context=trusting, proxy=proxy.url)
        assert client.show(job).job is not None
        assert delete(client, job).status == 200
        # One for what is read, one for the DELETE alone.
        assert proxy.lines == [f"CONNECT 127.0.0.1:{tls_cloud.port}"] * 2
        client.close()


def test_a_proxy_that_refuses_has_sent_nothing(tls_cloud: Cloud, trusting: ssl.SSLContext, closed_port: int) -> None:
    """No tunnel, or no proxy at all: never sent."""
    with Proxy(refuse) as proxy:
        for url in (proxy.url, f"http://127.0.0.1:{closed_port}"):
            reply = delete(client_of(tls_cloud.url, tls_cloud, ssl_context=trusting, proxy=url))
            assert (reply.cause, outcome(reply)) == (Cause.PROXY_REFUSED, State.FAILED)
    assert len(tls_cloud.requests) == 0


def test_a_bad_certificate_behind_a_proxy(tls_cloud: Cloud) -> None:
    """Named as what it is; nothing was sent."""
    with Proxy(tunnel(tls_cloud.port)) as proxy:
        assert delete(client_of(tls_cloud.url, tls_cloud, proxy=proxy.url)).cause is Cause.BAD_CERTIFICATE


@pytest.mark.parametrize("fault", [drop, reset_connection])
def test_a_connection_through_a_proxy_that_breaks_after_sending_is_not_known(
    tls_cloud: Cloud, trusting: ssl.SSLContext, fault: Callable[[], Any]
) -> None:
    """urllib3 reports this as "Unable to connect to proxy": taken at its word, a deletion would be told as failed."""
    job = JobId(tls_cloud.add_job())
    tls_cloud.faults.add(DELETE, fault(), when="after")
    with Proxy(tunnel(tls_cloud.port)) as proxy:
        client = client_of(tls_cloud.url, tls_cloud, ssl_context=trusting, proxy=proxy.url)
        reply = delete(client, job)
        client.close()
    assert (reply.cause, outcome(reply)) == (Cause.CUT, State.UNKNOWN)
    assert list(tls_cloud.deleted) == [job]


def test_a_proxy_that_forwards_plain_http_and_breaks_is_not_known(cloud: Cloud) -> None:
    """The same for an address without TLS, which is allowed on loopback only."""
    with Proxy(lambda _, __: None) as proxy:
        reply = delete(client_of(cloud.url, cloud, proxy=proxy.url))
    assert (reply.cause, outcome(reply)) == (Cause.CUT, State.UNKNOWN)
    assert proxy.lines[0].startswith(f"DELETE {cloud.url}/v1/")


def test_a_proxy_that_never_answers_is_not_known(tls_cloud: Cloud, trusting: ssl.SSLContext) -> None:
    """No tunnel in time; as with a hung handshake, nothing is claimed."""
    with Proxy(lambda _, __: time.sleep(1)) as proxy:
        reply = delete(client_of(tls_cloud.url, tls_cloud, ssl_context=trusting, proxy=proxy.url))
    assert outcome(reply) is State.UNKNOWN


# --------------------------------------------------------------------------------------------------- IAM, the same way


def iam_of(cloud: Cloud, **options: Any) -> Callable[[], object]:
    """Ask the cloud's IAM for a token."""
    cloud.gate.users["acme", "bot"] = "pass"
    user = User(cloud.url, "acme", "bot", "pass", cloud.project_id)
    options = {"proxy": None, "ssl_context": None, "connect_timeout": 0.5, "read_timeout": 0.5, **options}
    return token_source(user, clock=RunningClock(), **options).renewed


def test_iam_is_asked_over_the_same_tls_and_proxy(tls_cloud: Cloud, trusting: ssl.SSLContext) -> None:
    """CA_BUNDLE counts, and the password goes through the tunnel of METASTUDIO_PROXY."""
    with Proxy(tunnel(tls_cloud.port)) as proxy:
        iam_of(tls_cloud, ssl_context=trusting, proxy=proxy.url)()
        assert proxy.lines == [f"CONNECT 127.0.0.1:{tls_cloud.port}"]
    iam_of(tls_cloud, ssl_context=trusting)()
    assert len(tls_cloud.sign_ins) == 2


def test_nobody_but_iam_gets_the_password(tls_cloud: Cloud, trusting: ssl.SSLContext, closed_port: int) -> None:
    """A certificate that cannot be verified, or a proxy that is not there: nothing is sent, and the cause is told."""
    for options, cause in (
        ({}, Cause.BAD_CERTIFICATE),
        ({"ssl_context": trusting, "proxy": f"http://127.0.0.1:{closed_port}"}, Cause.PROXY_REFUSED),
    ):
        with pytest.raises(NoCredentials) as caught:
            iam_of(tls_cloud, **options)()
        assert caught.value.cause is Cause.SIGN_IN_FAILED
        assert caught.value.message == f"IAM: {cause.value}"
    assert len(tls_cloud.sign_ins) == 0


def test_iam_is_not_followed_elsewhere(cloud: Cloud) -> None:
    """A redirect would carry the password along."""
    cloud.faults.add(TOKEN, http(307, b"", {"Location": f"{cloud.url}/v3/auth/tokens"}), times=None)
    with pytest.raises(NoCredentials):
        iam_of(cloud)()
    assert len(cloud.sign_ins) == 1
