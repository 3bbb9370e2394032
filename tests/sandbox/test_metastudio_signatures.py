"""Signatures: Huawei's signer and the sandbox's own implementation agree, and nothing changes after signing."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.domain.model import JobId, Operation, Target
from bot.metastudio import drafts
from bot.metastudio.client import MetaStudio
from bot.metastudio.credentials.keys import Credentials, FixedCredentials
from sandbox.metastudio.gate import canonical_request, signature_of
from sandbox.metastudio.metastudio import MetaStudio as Cloud
from tests.support.clock import RunningClock

AT = datetime(2026, 11, 22, 3, 12, 30, tzinfo=UTC)
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=40)
ASCII = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40)


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with Cloud(security_token="tok/en+=", keep=10) as cloud:
        yield cloud
        assert cloud.errors == []


@pytest.fixture(scope="module")
def client(cloud: Cloud) -> MetaStudio:
    return MetaStudio(
        Target(cloud.url, "cn-north-4", cloud.project_id),
        FixedCredentials(Credentials(cloud.ak, cloud.sk, cloud.security_token)),
        clock=RunningClock(may_sleep=False),
        app_user_id="ops@example.com",
    )


@given(
    method=st.sampled_from(["GET", "DELETE"]),
    segments=st.lists(st.text("abcXYZ019-_~.", min_size=1, max_size=20), min_size=1, max_size=4),
    query=st.lists(st.tuples(ASCII, TEXT), max_size=4, unique_by=lambda pair: pair[0]),
    headers=st.dictionaries(st.sampled_from(["X-App-UserId", "X-Project-Id", "X-Other", "User-Agent"]), ASCII),
    ak=ASCII, sk=ASCII, token=st.none() | ASCII,
)  # fmt: skip
def test_two_implementations_make_the_same_signature(
    method: str,
    segments: list[str],
    query: list[tuple[str, str]],
    headers: dict[str, str],
    ak: str,
    sk: str,
    token: str | None,
) -> None:
    """Whatever is signed by Huawei's signer verifies by the description of the algorithm."""
    draft = drafts.Draft(Operation.SHOW, method, "/" + "/".join(segments), tuple(query), tuple(headers.items()))
    signed = Credentials(ak, sk, token).sign(draft, "https://metastudio.example.com:8443", AT)
    lower = {name.lower(): value for name, value in signed.headers.items()}
    authorization = lower.pop("authorization")
    names = sorted(lower)
    target = signed.url.removeprefix("https://metastudio.example.com:8443")
    expected = signature_of(canonical_request(method, target, lower, names, b""), "20261122T031230Z", sk)
    assert authorization == f"SDK-HMAC-SHA256 Access={ak}, SignedHeaders={';'.join(names)}, Signature={expected}"
    assert lower["host"] == "metastudio.example.com:8443"
    assert lower.get("x-security-token") == (token.strip() if token else None)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=60)
@given(name=TEXT, job_id=TEXT)
def test_what_was_signed_is_what_arrives(cloud: Cloud, client: MetaStudio, name: str, job_id: str) -> None:
    """Between the signer and the wire stand requests and urllib3; no search text is changed by them."""
    listed = client.find(name=name, job_id=job_id)
    assert (listed.reply.status, listed.count) == (200, 0), listed.reply.message
    assert cloud.requests[-1].denied is None


def test_every_attempt_is_signed_anew(cloud: Cloud, client: MetaStudio) -> None:
    """Signing a request twice would sign the old signature along; two calls are two requests."""
    job = JobId(cloud.add_job())
    client.show(job)
    client.show(job)
    one, other = list(cloud.requests)[-2:]
    assert one.denied is other.denied is None
    assert [name for name, _ in one.headers].count("Authorization") == 1
    assert one.header("Authorization") == other.header("Authorization") or one.at != other.at


def test_one_client_serves_many_threads(cloud: Cloud, client: MetaStudio) -> None:
    """Sixteen threads sign and send through one instance, and every signature is right."""
    job = JobId(cloud.add_job())
    good: list[bool] = []

    def work() -> None:
        good.extend(client.show(job).reply.status == 200 for _ in range(20))

    threads = [threading.Thread(target=work) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert good == [True] * 320


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"sk": "wrong"}, "APIGW.0301"),
        ({"ak": "UNKNOWN"}, "APIGW.0301"),
        ({"security_token": None}, "APIGW.0301"),
        ({"security_token": "another"}, "APIGW.0301"),
    ],
)
def test_wrong_credentials_are_refused(change: dict[str, str | None], code: str) -> None:
    """The sandbox is strict; the client reports 401 and the gateway's code, and no key stands in the message."""
    with Cloud(security_token="tok") as cloud:
        keys = {"ak": cloud.ak, "sk": cloud.sk, "security_token": cloud.security_token, **change}
        client = MetaStudio(
            Target(cloud.url, "cn-north-4", cloud.project_id),
            FixedCredentials(Credentials(**keys)),  # type: ignore[arg-type]
            clock=RunningClock(may_sleep=False),
        )
        reply = client.show(JobId(cloud.add_job())).reply
        assert (reply.status, reply.code, reply.request_id) == (401, code, cloud.requests[-1].request_id)
        assert not any(key in (reply.message or "") for key in keys.values() if key)
        assert len(cloud.requests) == 1


def test_a_clock_that_is_off_is_refused_and_shows_in_the_reply() -> None:
    """Sixteen minutes are too much; the canonical request that the gateway quotes does not come through."""
    with Cloud(now=lambda: datetime.now(UTC) + timedelta(minutes=16)) as cloud:
        client = MetaStudio(
            Target(cloud.url, "cn-north-4", cloud.project_id),
            FixedCredentials(Credentials(cloud.ak, cloud.sk)),
            clock=RunningClock(may_sleep=False),
        )
        reply = client.show(JobId("job")).reply
        assert (reply.status, reply.code) == (401, "APIGW.0303")
        assert reply.clock_skew == pytest.approx(960, abs=5)
        assert cloud.project_id not in (reply.message or "")


def test_the_project_has_to_be_the_right_one() -> None:
    """Another project is 400 with MSS.00010009, which counts as rejected credentials."""
    with Cloud() as cloud:
        client = MetaStudio(
            Target(cloud.url, "cn-north-4", "f" * 32),
            FixedCredentials(Credentials(cloud.ak, cloud.sk)),
            clock=RunningClock(may_sleep=False),
        )
        reply = client.show(JobId("job")).reply
        assert (reply.status, reply.code) == (400, "MSS.00010009")
