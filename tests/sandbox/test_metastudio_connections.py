"""Connections that never stand, break, or lead elsewhere: certainly not sent, or not known, and never mixed up."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import pytest

from bot.metastudio.auth import Credentials, FixedCredentials, NoCredentials
from bot.metastudio.client import MetaStudio
from bot.metastudio.iam import User, token_source
from bot.metastudio.replies import OnDelete, on_delete
from bot.model import Cause, JobId, Reply, Target
from sandbox.metastudio import MetaStudio as Cloud
from sandbox.metastudio_faults import DELETE, TOKEN, drop, http, reset_connection
from tests import certificates

JOB = JobId("job-1")


class SleeplessClock:
    """The real time; back-off takes none."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        """Go on at once."""


def client_of(endpoint: str, cloud: Cloud | None = None, **options: Any) -> MetaStudio:
    keys = Credentials(cloud.ak, cloud.sk) if cloud else Credentials("ak", "sk")
    project = cloud.project_id if cloud else "p"
    options = {"connect_timeout": 0.5, "read_timeout": 0.5, **options}
    target = Target(endpoint, "cn-north-4", project)
    return MetaStudio(target, FixedCredentials(keys), clock=SleeplessClock(), **options)


def delete(client: MetaStudio, job: JobId = JOB) -> Reply:
    return client.delete(job, send_before=datetime.now(UTC) + timedelta(seconds=60))


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    with Cloud() as cloud:
        yield cloud
        assert cloud.errors == []


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
    assert (reply.cause, on_delete(reply)) == (Cause.CONNECTION_REFUSED, OnDelete.FAILED)


def test_a_name_that_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """No DNS: nothing was sent."""

    def unknown(*_: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    reply = delete(client_of("https://metastudio.nowhere.example"))
    assert (reply.cause, on_delete(reply)) == (Cause.NO_ADDRESS, OnDelete.FAILED)


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
    assert (reply.cause, on_delete(reply)) == (Cause.CONNECT_TIMEOUT, OnDelete.FAILED)


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

    client = MetaStudio(Target(cloud.url, "r", cloud.project_id), Empty(), clock=SleeplessClock())
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
    assert (reply.cause, on_delete(reply)) == (Cause.BAD_CERTIFICATE, OnDelete.FAILED)
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
    assert (reply.cause, on_delete(reply)) == (cause, OnDelete.UNKNOWN)
    assert time.monotonic() - started < 2
    assert client.show(job).job is not None


def test_a_server_without_tls_is_not_known(cloud: Cloud) -> None:
    """HTTP where TLS should be: the bytes make no sense."""
    reply = delete(client_of(cloud.url.replace("http:", "https:"), cloud))
    assert on_delete(reply) is OnDelete.UNKNOWN
    assert len(cloud.requests) == 0


def test_a_tls_connection_that_breaks_after_sending_is_not_known(tls_cloud: Cloud, trusting: ssl.SSLContext) -> None:
    """Not every SSLError is a bad certificate."""
    job = JobId(tls_cloud.add_job())
    for fault in (drop(), reset_connection()):
        tls_cloud.faults.add(DELETE, fault)
        reply = delete(client_of(tls_cloud.url, tls_cloud, ssl_context=trusting), job)
        assert (reply.cause, on_delete(reply)) == (Cause.CUT, OnDelete.UNKNOWN)


# --------------------------------------------------------------------------------------------------- kept connections


def test_connections_are_kept_and_a_dropped_one_is_noticed(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """One connection serves many calls; one that the server closed meanwhile is replaced before sending."""
    connections: list[object] = []
    cloud.on_connect = connections.append
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


# ------------------------------------------------------------------------------------------ the environment and proxies


def test_the_environment_has_no_say(
    cloud: Cloud, closed_port: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Neither ~/.netrc, nor proxy variables, nor REQUESTS_CA_BUNDLE change a request."""
    netrc = tmp_path / ".netrc"
    netrc.write_text("default login somebody password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{closed_port}")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "none"))
    monkeypatch.setenv("CURL_CA_BUNDLE", str(tmp_path / "none"))
    job = JobId(cloud.add_job())
    client = client_of(cloud.url, cloud)
    assert client.show(job).job is not None
    assert delete(client, job).status == 200


class Proxy:
    """A proxy of few words: `act` gets the socket and the first line that arrived."""

    def __init__(self, act: Callable[[socket.socket, str], None]) -> None:
        self.lines: list[str] = []
        self._act = act
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                threading.Thread(target=self._handle, args=(sock,), daemon=True).start()

    def _handle(self, sock: socket.socket) -> None:
        with sock, contextlib.suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head:
                head += sock.recv(65536)
            self.lines.append(head.split(b"\r\n")[0].decode())
            self._act(sock, self.lines[-1])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()


def tunnel(port: int) -> Callable[[socket.socket, str], None]:
    """Grant every tunnel, to one port."""

    def act(sock: socket.socket, line: str) -> None:
        assert line.startswith("CONNECT ")
        sock.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        with socket.create_connection(("127.0.0.1", port)) as server:
            back = threading.Thread(target=_pump, args=(server, sock), daemon=True)
            back.start()
            _pump(sock, server)
            back.join(5)

    return act


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


def test_a_proxy_from_the_settings_is_used(tls_cloud: Cloud, trusting: ssl.SSLContext) -> None:
    """The request goes through the tunnel, as it was signed."""
    job = JobId(tls_cloud.add_job())
    with Proxy(tunnel(tls_cloud.port)) as proxy:
        client = client_of(tls_cloud.url, tls_cloud, ssl_context=trusting, proxy=proxy.url)
        assert client.show(job).job is not None
        assert delete(client, job).status == 200
        assert proxy.lines == [f"CONNECT 127.0.0.1:{tls_cloud.port} HTTP/1.0"]
        client.close()


def test_a_proxy_that_refuses_has_sent_nothing(tls_cloud: Cloud, trusting: ssl.SSLContext, closed_port: int) -> None:
    """No tunnel, or no proxy at all: never sent."""
    with Proxy(lambda sock, _: sock.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")) as proxy:
        for url in (proxy.url, f"http://127.0.0.1:{closed_port}"):
            reply = delete(client_of(tls_cloud.url, tls_cloud, ssl_context=trusting, proxy=url))
            assert (reply.cause, on_delete(reply)) == (Cause.PROXY_REFUSED, OnDelete.FAILED)
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
    assert (reply.cause, on_delete(reply)) == (Cause.CUT, OnDelete.UNKNOWN)
    assert list(tls_cloud.deleted) == [job]


def test_a_proxy_that_forwards_plain_http_and_breaks_is_not_known(cloud: Cloud) -> None:
    """The same for an address without TLS, which is allowed on loopback only."""
    with Proxy(lambda _, __: None) as proxy:
        reply = delete(client_of(cloud.url, cloud, proxy=proxy.url))
    assert (reply.cause, on_delete(reply)) == (Cause.CUT, OnDelete.UNKNOWN)
    assert proxy.lines[0].startswith(f"DELETE {cloud.url}/v1/")


def test_a_proxy_that_never_answers_is_not_known(tls_cloud: Cloud, trusting: ssl.SSLContext) -> None:
    """No tunnel in time; as with a hung handshake, nothing is claimed."""
    with Proxy(lambda _, __: time.sleep(1)) as proxy:
        reply = delete(client_of(tls_cloud.url, tls_cloud, ssl_context=trusting, proxy=proxy.url))
    assert on_delete(reply) is OnDelete.UNKNOWN


# --------------------------------------------------------------------------------------------------- IAM, the same way


def iam_of(cloud: Cloud, **options: Any) -> Callable[[], object]:
    """Ask the cloud's IAM for a token."""
    cloud.gate.users["acme", "bot"] = "pass"
    user = User(cloud.url, "acme", "bot", "pass", cloud.project_id)
    options = {"proxy": None, "ssl_context": None, "connect_timeout": 0.5, "read_timeout": 0.5, **options}
    return token_source(user, clock=SleeplessClock(), **options).renewed


def test_iam_is_asked_over_the_same_tls_and_proxy(tls_cloud: Cloud, trusting: ssl.SSLContext) -> None:
    """CA_BUNDLE counts, and the password goes through the tunnel of METASTUDIO_PROXY."""
    with Proxy(tunnel(tls_cloud.port)) as proxy:
        iam_of(tls_cloud, ssl_context=trusting, proxy=proxy.url)()
        assert proxy.lines == [f"CONNECT 127.0.0.1:{tls_cloud.port} HTTP/1.0"]
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


def test_the_environment_has_no_say_towards_iam(
    cloud: Cloud, closed_port: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Neither proxies nor ~/.netrc."""
    netrc = tmp_path / ".netrc"
    netrc.write_text("default login somebody password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{closed_port}")
    iam_of(cloud)()
    assert cloud.sign_ins[0].header("Authorization") is None
