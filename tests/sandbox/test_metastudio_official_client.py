"""Huawei's own client against the local MetaStudio, and our requests against Huawei's, header by header."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.domain.model import JobId, Target
from bot.metastudio.client import MetaStudio
from bot.metastudio.credentials.keys import Credentials, FixedCredentials
from sandbox.metastudio.faults import AFTER, DELETE, SHOW, error, throttled
from sandbox.metastudio.metastudio import MetaStudio as Cloud
from sandbox.metastudio.world import Seen
from tests.support.clock import RunningClock

TOKEN = "temporary/token+with=signs"


@pytest.fixture(params=[None, TOKEN], ids=["permanent key", "temporary key"])
def cloud(request: pytest.FixtureRequest) -> Iterator[Cloud]:
    with Cloud(security_token=request.param) as cloud:
        yield cloud
        assert cloud.errors == []


def official(cloud: Cloud) -> Any:
    """Build the official client, as the sample on Huawei's page does, for another endpoint."""
    from huaweicloudsdkcore.auth.credentials import BasicCredentials  # noqa: PLC0415 - half a second that few need
    from huaweicloudsdkcore.http.http_config import HttpConfig  # noqa: PLC0415 - as above
    from huaweicloudsdkmetastudio.v1 import MetaStudioClient  # noqa: PLC0415 - as above

    credentials = BasicCredentials(cloud.ak, cloud.sk, cloud.project_id)
    if cloud.security_token:
        credentials = credentials.with_security_token(cloud.security_token)
    config = HttpConfig.get_default_config()
    config.user_agent = "test"
    builder = MetaStudioClient.new_builder().with_http_config(config).with_credentials(credentials)
    return builder.with_endpoints([cloud.url]).build()


def ours(cloud: Cloud, app_user_id: str | None = None) -> MetaStudio:
    credentials = FixedCredentials(Credentials(cloud.ak, cloud.sk, cloud.security_token))
    target = Target(cloud.url, "cn-north-4", cloud.project_id)
    return MetaStudio(target, credentials, clock=RunningClock(may_sleep=False), app_user_id=app_user_id)


def asked(kind: str, **fields: Any) -> Any:
    from huaweicloudsdkmetastudio import v1  # noqa: PLC0415 - as above

    return getattr(v1, f"{kind}2dModelTrainingJobRequest")(**fields)


def test_the_official_client_shows_lists_and_deletes(cloud: Cloud) -> None:
    """What Huawei's client sends and reads is what the sandbox takes and gives."""
    client = official(cloud)
    job = cloud.add_job(name="Anchor Li", state="TRAIN_FAILED")

    shown = client.show2d_model_training_job(asked("Show", job_id=job))
    assert (shown.job_id, shown.state, shown.name) == (job, "TRAIN_FAILED", "Anchor Li")
    assert shown.x_request_id == cloud.requests[-1].request_id
    assert shown.sub_training_job_info[0].create_time == 1600000000000
    assert [str(service) for service in shown.supported_service] == ["VIDEO_2D", "LIVE_2D"]

    listed = client.list2d_model_training_job(asked("List", name="Anchor", limit=5, is_flexus=False))
    assert (listed.count, [entry.job_id for entry in listed.jobs]) == (1, [job])

    deleted = client.delete2d_model_training_job(asked("Delete", job_id=job))
    assert (deleted.status_code, deleted.x_request_id) == (200, cloud.requests[-1].request_id)
    assert list(cloud.deleted) == [job]
    assert [seen.denied for seen in cloud.requests] == [None] * 3


def test_the_official_client_reads_the_errors(cloud: Cloud) -> None:
    """Codes and request ids come out where Huawei's client looks for them."""
    from huaweicloudsdkcore.exceptions.exceptions import ClientRequestException, ServerResponseException  # noqa: PLC0415

    client = official(cloud)
    with pytest.raises(ClientRequestException) as missing:
        client.delete2d_model_training_job(asked("Delete", job_id="nothing"))
    assert (missing.value.status_code, missing.value.error_code) == (404, "MSS.41000003")
    assert missing.value.request_id == cloud.requests[-1].request_id

    job = cloud.add_job(state="TRAINING")
    with pytest.raises(ClientRequestException) as in_training:
        client.delete2d_model_training_job(asked("Delete", job_id=job))
    assert in_training.value.status_code == 400

    cloud.set_state(job, "JOB_REJECT")
    cloud.faults.add(DELETE, error(500, "MSS.00000004", "Internal Error"), when=AFTER)
    with pytest.raises(ServerResponseException) as failed:
        client.delete2d_model_training_job(asked("Delete", job_id=job))
    assert (failed.value.error_code, failed.value.error_msg) == ("MSS.00000004", "Internal Error")
    assert list(cloud.deleted) == [job]


def test_why_the_bot_does_not_use_the_official_client(cloud: Cloud) -> None:
    """It loses the gateway's code and request id of a 429; should that change, architecture.md may be reconsidered."""
    from huaweicloudsdkcore.exceptions.exceptions import ClientRequestException  # noqa: PLC0415 - as above

    cloud.faults.add(SHOW, throttled())
    with pytest.raises(ClientRequestException) as limited:
        official(cloud).show2d_model_training_job(asked("Show", job_id="any"))
    assert (limited.value.error_code, limited.value.request_id) == ("429", "")


@pytest.mark.parametrize("app_user_id", [None, "ops@example.com"])
def test_our_requests_are_huaweis_on_the_wire(cloud: Cloud, app_user_id: str | None) -> None:
    """Method, target, headers and their order are the same, but for the values of User-Agent and Accept-Encoding.

    The bot asks for no compression (``identity``). That header is not signed by either.

    X-Sdk-Date may differ by the seconds in between, and the signature because of the two; the rest of Authorization
    (algorithm, key, signed headers) is the same, and the sandbox finds both signatures right.
    """
    job = cloud.add_job(name="张 三,x/y")
    client, bot = official(cloud), ours(cloud, app_user_id)
    who = {"x_app_user_id": app_user_id} if app_user_id else {}
    page = {"limit": 100, "offset": 0, "sort_key": "create_time", "sort_dir": "desc", "name": "张 三,x/y"}

    client.show2d_model_training_job(asked("Show", job_id=job, **who))
    client.list2d_model_training_job(asked("List", job_id=job, **page, **who))
    client.delete2d_model_training_job(asked("Delete", job_id=job, **who))
    cloud.add_job(name="张 三,x/y", job_id=job)
    assert bot.show(JobId(job)).job is not None
    assert bot.find(job_id=job, name="张 三,x/y").count == 1
    assert bot.delete(JobId(job), may_send=lambda: True).status == 200

    assert [seen.denied for seen in cloud.requests] == [None] * 6
    theirs, mine = list(cloud.requests)[:3], list(cloud.requests)[3:]
    for one, other in zip(theirs, mine, strict=True):
        assert (other.method, other.target) == (one.method, one.target)
        assert comparable(other) == comparable(one)
        assert (other.header("X-Security-Token") is None) == (cloud.security_token is None)
        assert other.header("X-App-UserId") == app_user_id


def comparable(seen: Seen) -> list[tuple[str, str]]:
    """The headers in their order, with the values that differ reduced to their form."""
    forms = {
        "User-Agent": lambda _: "(differs)",
        "Accept-Encoding": lambda _: "(differs)",
        "X-Sdk-Date": lambda value: re.sub(r"\d", "0", value),
        "Authorization": lambda value: re.sub(r"Signature=[0-9a-f]{64}$", "Signature=(64 digits)", value),
    }
    return [(name, forms.get(name, str)(value)) for name, value in seen.headers]


def test_signing_writes_no_file(cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Huawei's full client keeps an id in the home directory; the part that the bot uses does not."""
    monkeypatch.setenv("HOME", str(tmp_path))
    ours(cloud).show(JobId(cloud.add_job()))
    assert list(tmp_path.iterdir()) == []
