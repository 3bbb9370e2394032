"""The local MetaStudio keeps the laws of the real one, and lets tests see and hold everything."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import requests

from bot.domain.job_states import STATES
from bot.domain.model import Operation
from bot.metastudio.credentials.keys import Credentials
from bot.metastudio.drafts import Draft
from sandbox.metastudio.faults import AFTER, ANY, DELETE, LIST, SHOW, TOKEN, http, iam, late
from sandbox.metastudio.gate import Key
from sandbox.metastudio.metastudio import MetaStudio as Cloud
from sandbox.metastudio.world import DELETABLE, Seen
from tests.support.clock import HeldClock


@pytest.fixture
def cloud(clock: HeldClock) -> Iterator[Cloud]:
    with Cloud(now=clock.now) as cloud:
        yield cloud
        assert cloud.errors == []


def call(
    cloud: Cloud,
    method: str,
    job_id: str | None = None,
    query: dict[str, str] | None = None,
    *,
    keys: Credentials | None = None,
    path: str | None = None,
    **headers: str,
) -> requests.Response:
    """One signed request, as anybody with a signer would send it."""
    path = path or f"/v1/{cloud.project_id}/digital-human-training-manage/user/jobs" + (f"/{job_id}" if job_id else "")
    keys = keys or Credentials(cloud.ak, cloud.sk)
    draft = Draft(Operation.SHOW, method, path, tuple((query or {}).items()), (("X-Project-Id", cloud.project_id),))
    signed = keys.sign(draft, cloud.url, cloud.now())
    with requests.Session() as session:
        session.trust_env = False
        return session.request(method, signed.url, headers={**signed.headers, **headers}, timeout=5)


def code(response: requests.Response) -> tuple[int, str]:
    return response.status_code, response.json()["error_code"]


# ---------------------------------------------------------------------------------------------------------------- jobs


def test_a_job_has_every_field_that_show_documents(cloud: Cloud) -> None:
    """Also those that must never be shown: what is missing here cannot be seen leaking."""
    from huaweicloudsdkmetastudio.v1 import Show2dModelTrainingJobResponse  # noqa: PLC0415 - half a second

    shown = call(cloud, "GET", cloud.add_job()).json()
    marks = {name for name in Show2dModelTrainingJobResponse.attribute_map if name.endswith("mark_info")}
    unused = {"x_request_id", "voice_properties", "allocated_resource", "train_video_rotation_state",
              "action_video_rotation_state"}  # fmt: skip
    assert set(Show2dModelTrainingJobResponse.attribute_map) - marks - unused == set(shown)


def test_a_list_has_the_fields_that_list_documents(cloud: Cloud) -> None:
    """Fewer than Show, but the telephone number and a link are among them."""
    from huaweicloudsdkmetastudio.v1 import TrainingJobBasicInfo  # noqa: PLC0415 - half a second

    cloud.add_job()
    (entry,) = call(cloud, "GET").json()["jobs"]
    assert set(entry) == set(TrainingJobBasicInfo.attribute_map)


@pytest.mark.parametrize("state", list(STATES))
def test_only_the_eleven_states_can_be_deleted(cloud: Cloud, state: str) -> None:
    """The server is the judge, and its list is the same as ours."""
    job = cloud.add_job(state=state)
    response = call(cloud, "DELETE", job)
    assert (response.status_code == 200) == (state in DELETABLE) == (job not in cloud.jobs)
    assert response.headers["X-Request-Id"] == cloud.requests[-1].request_id
    if response.status_code == 200:
        assert response.content == b""


def test_what_is_gone_is_gone(cloud: Cloud) -> None:
    """A second DELETE and a Show find nothing, and List does not name it."""
    job = cloud.add_job()
    assert call(cloud, "DELETE", job).status_code == 200
    assert code(call(cloud, "DELETE", job)) == (404, "MSS.41000003")
    assert code(call(cloud, "GET", job)) == (404, "MSS.41000003")
    assert call(cloud, "GET", query={"job_id": job}).json() == {"count": 0, "jobs": []}
    assert (cloud.deletes_arrived(job), list(cloud.deleted)) == (2, [job])


FOUND = [
    ({}, ["a", "b", "c"]),
    ({"sort_dir": "desc"}, ["c", "b", "a"]),
    ({"sort_key": "update_time"}, ["c", "b", "a"]),
    ({"offset": "1", "limit": "1"}, ["b"]),
    ({"offset": "9"}, []),
    ({"job_id": "b"}, ["b"]),
    ({"name": "Li"}, ["a", "b"]),
    ({"state": "TRAIN_FAILED,JOB_REJECT"}, ["b", "c"]),
    ({"tag": "x"}, ["a"]),
    ({"batch_name": "autumn"}, ["a", "b"]),
    ({"model_resolution": "4K"}, ["c"]),
    ({"is_flexus": "true"}, ["b"]),
    ({"is_live_copy": "false"}, ["a", "b", "c"]),
    ({"is_ondemand_resource": "true"}, []),
    ({"train_location": "cn-north-4"}, ["a", "b", "c"]),
    ({"create_since": "2026-01-02T00:00:00Z"}, ["b", "c"]),
    ({"create_until": "2026-01-02T00:00:00Z"}, ["a", "b"]),
    ({"update_since": "2026-02-02T00:00:00Z"}, ["a", "b"]),
    ({"update_until": "2026-02-01T00:00:00Z"}, ["c"]),
    ({"query_project_id": "0123456789abcdef0123456789abcdef"}, ["a", "b", "c"]),
]


@pytest.mark.parametrize(("query", "ids"), FOUND)
def test_list_filters_sorts_and_pages(cloud: Cloud, query: dict[str, str], ids: list[str]) -> None:
    """Every parameter that the documentation names."""
    cloud.add_job(job_id="a", name="Li Na", tags=["x"], create_time="2026-01-01T00:00:00Z",
                  last_update_time="2026-02-03T00:00:00Z")  # fmt: skip
    cloud.add_job(job_id="b", name="Mr Li", state="TRAIN_FAILED", is_flexus=True, create_time="2026-01-02T00:00:00Z",
                  last_update_time="2026-02-02T00:00:00Z")  # fmt: skip
    cloud.add_job(job_id="c", name="Wang", state="JOB_REJECT", batch_name="w", model_resolution="4K",
                  create_time="2026-01-03T00:00:00Z", last_update_time="2026-02-01T00:00:00Z")  # fmt: skip
    body = call(cloud, "GET", query=query).json()
    assert [entry["job_id"] for entry in body["jobs"]] == ids
    if "offset" not in query:
        assert body["count"] == len(ids)


@pytest.mark.parametrize(
    "query",
    [{"limit": "0"}, {"limit": "101"}, {"limit": "x"}, {"offset": "-1"}, {"offset": "2147483648"}, {"sort_key": "name"},
     {"sort_dir": "up"}, {"is_flexus": "yes"}, {"jobid": "a"}],
)  # fmt: skip
def test_list_refuses_what_it_does_not_know(cloud: Cloud, query: dict[str, str]) -> None:
    """A mistake in a parameter is 400 here, so that it cannot hide."""
    cloud.add_job()
    assert code(call(cloud, "GET", query=query)) == (400, "MSS.00000003")


# ---------------------------------------------------------------------------------------------------------- the gate


def test_six_bad_signatures_lock_the_key_for_five_minutes(cloud: Cloud, clock: HeldClock) -> None:
    """More than five in a row; then even a good one is refused, for five minutes, and other keys are not."""
    job = cloud.add_job()
    bad, good = Credentials(cloud.ak, "wrong"), Credentials(cloud.ak, cloud.sk)
    cloud.gate.keys["OTHER"] = Key("OTHER", "other", cloud.project_id)
    for _ in range(5):
        assert code(call(cloud, "GET", job, keys=bad)) == (401, "APIGW.0301")
    assert call(cloud, "GET", job, keys=good).status_code == 200  # a good one starts the count anew
    for _ in range(6):
        call(cloud, "GET", job, keys=bad)
    assert "forbidden" in call(cloud, "GET", job, keys=good).json()["error_msg"]
    assert call(cloud, "GET", job, keys=Credentials("OTHER", "other")).status_code == 200
    clock.add(299)
    assert call(cloud, "GET", job, keys=good).status_code == 401
    clock.add(1)
    assert call(cloud, "GET", job, keys=good).status_code == 200


def test_a_header_that_was_not_signed_is_refused(cloud: Cloud) -> None:
    """Stricter than the real gateway: adding a header after signing is a mistake here."""
    assert code(call(cloud, "GET", cloud.add_job(), **{"X-App-UserId": "late"})) == (401, "APIGW.0301")


@pytest.mark.parametrize("headers", [{"Authorization": ""}, {"Authorization": "Basic eDp5"}, {"X-Project-Id": "f"}])
def test_broken_authorization_is_refused(cloud: Cloud, headers: dict[str, str]) -> None:
    """Nothing comes in without a signature that fits."""
    assert call(cloud, "GET", cloud.add_job(), **headers).status_code == 401


def test_wrong_addresses_are_the_gateways_404(cloud: Cloud) -> None:
    """An unknown path or method is not a missing job, and the id is in the body."""
    for method, path in (("GET", "/rest/v1/x"), ("GET", "/"), ("POST", None), ("DELETE", None)):
        response = call(cloud, method, path=path)
        assert code(response) == (404, "APIGW.0101")
        assert response.json()["request_id"] == cloud.requests[-1].request_id


def test_iam_gives_tokens_for_a_day(cloud: Cloud, clock: HeldClock) -> None:
    """Name and password for a token that opens the same doors for 24 hours."""
    cloud.gate.users["acme", "bot"] = "pass"
    job = cloud.add_job()

    def ask(password: str) -> requests.Response:
        user = {"name": "bot", "password": password, "domain": {"name": "acme"}}
        scope = {"project": {"id": cloud.project_id}}
        body = {"auth": {"identity": {"methods": ["password"], "password": {"user": user}}, "scope": scope}}
        return requests.post(f"{cloud.url}/v3/auth/tokens?nocatalog=1", json=body, timeout=5)

    def show(token: str) -> requests.Response:
        address = f"{cloud.url}/v1/{cloud.project_id}/digital-human-training-manage/user/jobs/{job}"
        return requests.get(address, headers={"X-Auth-Token": token}, timeout=5)

    refused = ask("wrong")
    assert (refused.status_code, refused.json()["error"]["code"]) == (401, 401)
    assert "X-IAM-Trace-Id" in refused.headers
    given = ask("pass")
    token = given.headers["X-Subject-Token"]
    assert (given.status_code, given.json()["token"]["expires_at"]) == (201, "2026-11-23T03:12:00.000000Z")
    assert show(token).status_code == 200
    assert code(show("another")) == (401, "APIGW.0301")
    assert [seen.denied for seen in cloud.sign_ins] == ["The username or password is wrong.", None]
    clock.add(24 * 3600)
    assert code(show(token)) == (401, "APIGW.0307")


@pytest.mark.parametrize(
    ("change", "status"),
    [
        (lambda auth: auth.pop("scope"), 400),
        (lambda auth: auth["scope"].update(project={"name": "cn-north-4"}), 400),
        (lambda auth: auth["scope"]["project"].update(id="another"), 403),
        (lambda auth: auth["identity"].update(methods=["token"]), 403),
        (lambda auth: auth["identity"]["password"]["user"]["domain"].update(name="other"), 401),
    ],
)
def test_iam_is_strict_about_the_form(cloud: Cloud, change: Callable[[dict[str, Any]], object], status: int) -> None:
    """What the form lacks is an error in Keystone's form, and no token."""
    cloud.gate.users["acme", "bot"] = "pass"
    user = {"name": "bot", "password": "pass", "domain": {"name": "acme"}}
    scope = {"project": {"id": cloud.project_id}}
    auth = {"identity": {"methods": ["password"], "password": {"user": user}}, "scope": scope}
    change(auth)
    response = requests.post(f"{cloud.url}/v3/auth/tokens", json={"auth": auth}, timeout=5)
    assert (response.status_code, response.json()["error"]["code"]) == (status, status)
    assert cloud.gate.tokens == {}


@pytest.mark.parametrize("name", ["Authorization", "X-Sdk-Date", "X-Project-Id"])
def test_a_token_and_a_signature_exclude_each_other(cloud: Cloud, clock: HeldClock, name: str) -> None:
    """A request has one way in; what belongs to the other is a mistake of the client."""
    cloud.gate.tokens["token"] = clock.now() + timedelta(hours=1)
    address = f"{cloud.url}/v1/{cloud.project_id}/digital-human-training-manage/user/jobs"
    headers = {"X-Auth-Token": "token"}
    assert requests.get(address, headers=headers, timeout=5).status_code == 200
    assert code(requests.get(address, headers={**headers, name: "x"}, timeout=5)) == (401, "APIGW.0301")


def test_faults_of_iam_have_to_be_meant(cloud: Cloud) -> None:
    """A fault for any operation spares IAM, and one for IAM spares the others."""
    any_call, iam_call = cloud.faults.add(ANY, http(418)), cloud.faults.add(TOKEN, iam(500, "oops"))
    response = requests.post(f"{cloud.url}/v3/auth/tokens", json={}, timeout=5)
    assert (response.status_code, response.headers["X-IAM-Trace-Id"]) == (500, cloud.sign_ins[0].request_id)
    assert call(cloud, "GET", cloud.add_job()).status_code == 418
    assert (any_call.hits, iam_call.hits, len(cloud.requests)) == (1, 1, 1)


def test_limits_are_per_operation_and_second(cloud: Cloud, clock: HeldClock) -> None:
    """What is too much is 429 by the gateway, and a second later it is not."""
    job = cloud.add_job()
    cloud.limits = {SHOW: 2}
    assert [call(cloud, "GET", job).status_code for _ in range(3)] == [200, 200, 429]
    assert call(cloud, "GET").status_code == 200
    clock.add(1)
    assert call(cloud, "GET", job).status_code == 200


# --------------------------------------------------------------------------------------------------- seeing and holding


def test_everything_that_arrives_is_seen(cloud: Cloud) -> None:
    """Who looks later finds the order, the operation, the job, the verdict and the answer."""
    job = cloud.add_job()
    call(cloud, "GET", job)
    call(cloud, "DELETE", job, keys=Credentials(cloud.ak, "wrong"))
    call(cloud, "GET")
    assert [(s.number, s.operation, s.job_id, s.status, s.denied is None) for s in cloud.requests] == [
        (1, SHOW, job, 200, True), (2, DELETE, job, 401, False), (3, LIST, None, 200, True),
    ]  # fmt: skip
    assert [s.operation for s in cloud.requests_to(DELETE)] == [DELETE]
    assert job in cloud.jobs


def test_the_world_stops_at_its_boundaries(cloud: Cloud) -> None:
    """A hook holds a request that has arrived without effect, and one whose effect has happened."""
    job = cloud.add_job()
    reached, go = {"before": threading.Event(), "after": threading.Event()}, threading.Event()

    def stop(where: str, seen: Seen) -> None:
        if seen.operation == DELETE:
            reached[where].set()
            go.wait(5)
            go.clear()

    cloud.before_call = lambda seen: stop("before", seen)
    cloud.after_call = lambda seen: stop("after", seen)
    caller = threading.Thread(target=call, args=(cloud, "DELETE", job))
    caller.start()
    assert reached["before"].wait(5)
    assert (cloud.deletes_arrived(job), job in cloud.jobs) == (1, True)
    go.set()
    assert reached["after"].wait(5)
    assert job not in cloud.jobs
    go.set()
    caller.join(5)
    assert cloud.requests[-1].status == 200


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_late_answer_is_released_by_hand(cloud: Cloud, when: str) -> None:
    """Held before or after its effect; either way the effect and the good answer come in the end."""
    job = cloud.add_job()
    fault = cloud.faults.add(DELETE, late(), when=when)
    answers: list[int] = []
    caller = threading.Thread(target=lambda: answers.append(call(cloud, "DELETE", job).status_code))
    caller.start()
    assert cloud.wait_for(lambda: cloud.deletes_arrived(job) == 1 and (job in cloud.jobs or when == AFTER))
    if when == AFTER:
        assert cloud.wait_for(lambda: job not in cloud.jobs)
    assert answers == []
    fault.release()
    caller.join(5)
    assert (answers, job in cloud.jobs) == ([200], False)


def test_what_was_held_up_is_judged_by_when_it_arrived(cloud: Cloud, clock: HeldClock) -> None:
    """A signature does not expire behind the gate, however far the clock is moved on meanwhile."""
    job = cloud.add_job()
    fault = cloud.faults.add(DELETE, late())
    answers: list[int] = []
    caller = threading.Thread(target=lambda: answers.append(call(cloud, "DELETE", job).status_code))
    caller.start()
    assert cloud.wait_for(lambda: cloud.deletes_arrived(job) == 1)
    clock.add(3600)
    fault.release()
    caller.join(5)
    assert answers == [200]


def test_faults_are_chosen_by_operation_job_and_turn(cloud: Cloud) -> None:
    """The oldest that fits strikes, as often as it may, after as many as it lets through."""
    one, other = cloud.add_job(), cloud.add_job()
    first = cloud.faults.add(SHOW, http(418), job_id=one, skip=1, times=2)
    assert [call(cloud, "GET", job).status_code for job in (other, one, one, one, one)] == [200, 200, 418, 418, 200]
    assert first.hits == 2
    assert cloud.faults.planned == []


def test_a_long_run_may_forget(clock: HeldClock) -> None:
    """With `keep` the record is bounded; the count of DELETEs is not."""
    with Cloud(now=clock.now, keep=2) as cloud:
        job = cloud.add_job(state="TRAINING")
        for _ in range(4):
            call(cloud, "DELETE", job)
        assert ([seen.number for seen in cloud.requests], cloud.deletes_arrived(job)) == ([3, 4], 4)


def test_the_state_of_the_world_is_json(cloud: Cloud) -> None:
    """Jobs are plain data, so that `dh-bot sandbox` can show them."""
    job = cloud.add_job(name="张三")
    assert json.loads(json.dumps(cloud.jobs))[job]["name"] == "张三"
