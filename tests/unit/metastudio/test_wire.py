"""What leaves for MetaStudio, and what of its answers gets in."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.model import Job, JobId, Operation
from bot.domain.replies import Meaning, meaning
from bot.metastudio import drafts, scrubbing, wire
from bot.metastudio.credentials.keys import Credentials, FixedCredentials, NoCredentials
from tests.support.values import TARGET

AT = datetime(2026, 11, 22, 3, 12, 30, tzinfo=UTC)
JOB = JobId("efc5300ecdba4ea48d1ff13a9d907bc0")
JOBS = "/v1/0123456789abcdef0123456789abcdef/digital-human-training-manage/user/jobs"


def answer(status: int, body: object = b"", headers: Mapping[str, str] | None = None) -> wire.HttpResponse:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return wire.HttpResponse(status, lines({"X-Request-Id": "req-00001", **(headers or {})}), raw, AT)


def lines(headers: Mapping[str, str]) -> wire.Headers:
    return wire.Headers(tuple(headers.items()))


def scrub(message: str) -> str:
    return scrubbing.scrub(message, ("SECRETAK", "secretsk"))


# ------------------------------------------------------------------------------------------------------ request out


def test_show_and_delete_name_the_job_in_the_path() -> None:
    """No query, no body; only the method differs."""
    show, delete = drafts.show_draft(TARGET, JOB), drafts.delete_draft(TARGET, JOB)
    assert (show.method, show.path, show.query) == ("GET", f"{JOBS}/{JOB}", ())
    assert (delete.method, delete.path, delete.query) == ("DELETE", f"{JOBS}/{JOB}", ())
    assert show.headers == delete.headers


@pytest.mark.parametrize("bad", ["", "a/b", "../x", "a%2Fb", "-a", "a" * 65, "a\n", "\uff41", "a b", "{job_id}", "a?b"])
def test_what_is_no_job_id_never_becomes_a_path(bad: str) -> None:
    """Huawei's SDK sends `DELETE …/jobs/` for an empty id; here no such request can even be written."""
    with pytest.raises(ValueError, match="not a job id"):
        drafts.delete_draft(TARGET, JobId(bad))
    with pytest.raises(ValueError, match="not a job id"):
        drafts.show_draft(TARGET, JobId(bad))


def test_list_says_every_parameter_it_means() -> None:
    """The page is explicit, newest first, and never beyond what List allows."""
    draft = drafts.find_draft(TARGET, job_id=None, name="张 三", offset=-5, limit=1000)
    assert draft.path == JOBS
    assert dict(draft.query) == {
        "limit": "100", "name": "张 三", "offset": "0", "sort_dir": "desc", "sort_key": "create_time"
    }  # fmt: skip


def test_the_app_user_id_is_sent_if_it_is_set() -> None:
    """X-App-UserId is optional; absent means absent, not empty."""
    assert ("X-App-UserId", "ops") in drafts.show_draft(TARGET, JOB, "ops").headers
    assert "X-App-UserId" not in dict(drafts.show_draft(TARGET, JOB).headers)


# -------------------------------------------------------------------------------------------------------- the replies


@pytest.mark.parametrize(
    ("body", "ok"),
    [
        (b"", True), (b" \r\n\t", True), (b"{}", True), (b" { } ", True), (b"\xef\xbb\xbf{}", True),
        (b'{"request_id": "body-0001"}', True),
        (b'{"request_id": "req-00001"}', True),
        # a request ID that is none
        (b'{"request_id": 5}', False), (b'{"request_id": null}', False), (b'{"request_id": ""}', False),
        (b'{"request_id": "-"}', False), (b'{"request_id": "a b c d e f"}', False), (b'{"request_id": {}}', False),
        # bodies that say no, or something that nobody documented
        (b'{"success": false}', False), (b'{"success": true}', False), (b'{"error": "denied"}', False),
        (b'{"error": null}', False), (b'{"code": "MSS.00000004"}', False), (b'{"code": 0}', False),
        (b'{"error_code": "MSS.00000004"}', False), (b'{"error_msg": "no"}', False), (b'{"a": 1}', False),
        (b'{"request_id": "body-0001", "success": false}', False), (b'{"status": "FAILED"}', False),
        (b'{"result": {}}', False), (b'{"": ""}', False),
        # no object
        (b"[]", False), (b"null", False), (b"true", False), (b"0", False), (b'"x"', False), (b'""', False),
        (b"ok", False), (b"<html></html>", False), (b"{", False), (b"{}{}", False), (b"\xef\xbb\xbf", False),
        (b"\xff\xfe", False), (b"\0", False), (b"\xc2\xa0", False), (b"[" * 100_000, False),
        (b"\x1f\x8b\x08\x00", False),
    ],
)  # fmt: skip
@pytest.mark.parametrize("status", [200, 204])
def test_a_success_of_delete_says_nothing_but_a_request_id(status: int, body: bytes, ok: bool) -> None:  # noqa: FBT001 - a table's column
    """Success only where the answer leaves no doubt: empty, `{}`, or a request ID alone. Anything else is unclear."""
    reply = wire.deleted(answer(status, body), scrub)
    assert reply.body_ok is ok
    assert (meaning(reply) is Meaning.OK) is ok
    assert ok or meaning(reply) is Meaning.UNCLEAR


@pytest.mark.parametrize(
    ("headers", "ok"),
    [({}, True), ({"Content-Length": "0"}, True), ({"Content-Length": "17"}, False), ({"Content-Length": "x"}, False),
     ({"Transfer-Encoding": "chunked"}, False)],
)  # fmt: skip
def test_a_204_that_announces_a_body_is_no_clear_success(headers: dict[str, str], ok: bool) -> None:  # noqa: FBT001 - a table's column
    """By HTTP a 204 has no body, so nobody reads the one it announces; it may say no."""
    assert (meaning(wire.deleted(answer(204, b"", headers), scrub)) is Meaning.OK) is ok


@pytest.mark.parametrize(
    ("encoding", "ok"), [("identity", True), ("Identity", True), ("", True), ("gzip", False), ("br", False)]
)
def test_a_success_that_came_encoded_is_no_clear_one(encoding: str, ok: bool) -> None:  # noqa: FBT001 - a table's column
    """The DELETE asks for a plain answer; one that was compressed on the way was changed by something else."""
    assert (meaning(wire.deleted(answer(200, b"", {"Content-Encoding": encoding}), scrub)) is Meaning.OK) is ok


@pytest.mark.parametrize(
    "said", [{"success": False}, {"success": None}, {"success": "false"}, {"error": "x"}, {"error_msg": "no"},
             {"error": {"a": 1}}, {"error_code": ["x"]}, {"error_code": "not a code"}],
)  # fmt: skip
def test_a_body_that_says_no_is_no_job_and_no_list(said: dict[str, object]) -> None:
    """Also where a job or an empty list stands in it: an empty list is half of what settles *gone*."""
    assert wire.shown(answer(200, said), JOB, scrub).job is None
    assert wire.shown(answer(200, {**FULL, **said}), JOB, scrub).job is None
    listed = wire.listed(answer(200, {"count": 0, "jobs": [], **said}), scrub)
    assert (listed.count, listed.reply.body_ok) == (None, False)


H, B, T = "header-01", "body-0001", "trace-001"

ERRORS = [
    # body, code, message
    ({"error_code": "MSS.00000003", "error_msg": "Invalid parameter"}, "MSS.00000003", "Invalid parameter"),
    ({"error_code": "MSS.00000003"}, "MSS.00000003", None),
    ({"error_msg": "only words"}, None, "only words"),
    ({"error": {"code": 401, "message": "The token expired", "title": "Unauthorized"}}, "401", "The token expired"),
    ({"error": {"error_code": "IAM.0011", "error_msg": "no"}}, "IAM.0011", "no"),
    ({"error": "text"}, None, "text"),
    ({"code": "MSS.00000004"}, None, "MSS.00000004"),
    ({"code": "APIGW.0308", "message": "slow"}, None, "APIGW.0308: slow"),
    ({"code": "APIGW.0301", "msg": "who"}, None, "APIGW.0301: who"),
    ({"code": "MSS.2", "error_msg": "no"}, None, "no"),
    ({"error_code": ["x"], "error_msg": {"a": 1}}, None, None),
    ({"error_code": True, "error_msg": None}, None, None),
    ({"error_code": 17, "error_msg": 3.5}, "17", "3.5"),
    (
        {"error_code": "MSS.1\n<!channel>`*|", "error_msg": "a\r\nb\x00\x1b[31mc\u202ed"},
        None,
        "MSS.1 <!channel>`*|: a b [31mc d",
    ),
    ({"error_code": "a b", "error_msg": "no"}, None, "a b: no"),
    ({"error_code": "X" * 64}, "X" * 64, None),
    ({"error_code": "X y" * 30}, None, "X y" * 30),
    ([1, 2], None, None),
    ("text", None, None),
    (None, None, None),
]


@pytest.mark.parametrize(("body", "code", "message"), ERRORS)
def test_errors_are_read_from_every_form(body: object, code: str | None, message: str | None) -> None:
    """MetaStudio's, the gateway's and IAM's form are read. A code is kept whole or quoted with the message.

    So is one in a form that is not Huawei's, since a code decides what an answer means from 400 on.
    """
    reply = wire.deleted(answer(400, body), scrub)
    assert (reply.code, reply.message) == (code, message)


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [({"code": "MSS.00000004"}, "MSS.00000004", None), ({"code": 5, "message": "no"}, "5", "no"),
     ({"error": "denied"}, None, "denied"), ({"success": False}, None, None), ([], None, None)],
)  # fmt: skip
def test_a_200_that_says_no_shows_its_code(body: object, code: str | None, message: str | None) -> None:
    """It is unclear whatever the code is, so the code does no harm there, and support may need it."""
    reply = wire.deleted(answer(200, body), scrub)
    assert (reply.code, reply.message, meaning(reply)) == (code, message, Meaning.UNCLEAR)


def test_a_page_of_html_is_not_quoted() -> None:
    """What is no JSON gives neither code nor message."""
    reply = wire.deleted(answer(502, b"<html>Bad Gateway</html>"), scrub)
    assert (reply.status, reply.code, reply.message, reply.body_ok) == (502, None, None, False)


@pytest.mark.parametrize(
    ("headers", "body", "expected"),
    [
        # one place after the other; the next one is kept too
        ([("X-Request-Id", H), ("X-IAM-Trace-Id", T)], {"request_id": B}, (H, B, T)),
        ([("x-request-id", H)], None, (H,)),
        ([("X-IAM-Trace-Id", T)], {"request_id": B}, (B, T)),
        ([("X-IAM-Trace-Id", T)], {"request_id": 5}, (T,)),
        ([("X-IAM-Trace-Id", T)], ["request_id"], (T,)),
        ([("X-Request-Id", H)], {"request_id": H}, (H,)),
        ([], None, ()),
        # two lines are two ids, and never one
        ([("X-Request-Id", H), ("x-request-id", B)], None, (H, B)),
        ([("X-Request-Id", H), ("X-Request-Id", H)], None, (H,)),
        ([("X-Request-Id", "-"), ("X-Request-Id", H)], None, (H,)),
        ([("X-Request-Id", "-")], {"request_id": B}, (B,)),
        # whole or none: never shortened, joined or repaired
        ([("X-Request-Id", " " + H + "\t")], None, (H,)),
        *(([("X-Request-Id", value)], {"request_id": B}, (B,)) for value in (
            "", "-", "none", "a" * 7, "a" * 129, f"{H}, {B}", f"{H} x", f"{H};x", f"<{H}>", f'"{H}"', f"{H}\n",
            f"{H}\0", "a<!here>`b` c", "\x1b\t ", "hé-000001", "ｈ-0000001", f"{H}/1", f"{H}:1",
            f"{H}\u200b", f"{H}\xa0",
        )),
        *(([], {"request_id": value}, ()) for value in (H + "\n", " " + H, H + " ", [H], {"a": H}, True, 12345678)),
        ([("X-Request-Id", "a" * 8), ("X-IAM-Trace-Id", "b" * 128)], None, ("a" * 8, "b" * 128)),
        ([("X-Request-Id", "A.z_0-9-x")], None, ("A.z_0-9-x",)),
    ],
)  # fmt: skip
def test_request_ids_are_found_in_three_places_and_never_altered(
    headers: list[tuple[str, str]], body: object, expected: tuple[str, ...]
) -> None:
    """Header, then body, then IAM's trace. One that is not well-formed counts as none; a second one is kept."""
    assert wire.request_ids_in(wire.Headers(tuple(headers)), body) == expected
    reply = wire.deleted(wire.HttpResponse(400, wire.Headers(tuple(headers)), json.dumps(body).encode(), AT), scrub)
    assert (reply.request_id, reply.other_request_id) == wire.first_two(expected)


@given(st.lists(st.tuples(st.sampled_from(["X-Request-Id", "x-request-id", "X-IAM-Trace-Id", "Other"]), st.text())
                | st.tuples(st.just("X-Request-Id"), st.from_regex(r"[A-Za-z0-9._-]{6,10}"))),
       st.none() | st.text() | st.from_regex(r"[A-Za-z0-9._-]{6,10}"))  # fmt: skip
def test_no_request_id_is_made_up(headers: list[tuple[str, str]], in_body: str | None) -> None:
    """Whatever arrives, each id that is told stood somewhere as a whole, and has the form of one."""
    found = wire.request_ids_in(wire.Headers(tuple(headers)), {"request_id": in_body})
    given_values = {value.strip(" \t") for name, value in headers if name != "Other"} | {in_body}
    assert set(found) <= given_values
    assert all(re.fullmatch(r"[A-Za-z0-9._-]{8,128}", value) for value in found)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("3", 3.0), (" 3 ", 3.0), ("0", 0.0), ("999999", 3600.0), ("-3", None), ("soon", None), ("٣", None), ("1e9", None),
     ("", None), ("Sun, 22 Nov 2026 03:12:40 GMT", 10.0), ("Sun, 22 Nov 2026 03:12:00 GMT", 0.0)],
)  # fmt: skip
def test_retry_after_has_two_forms(value: str, seconds: float | None) -> None:
    """Seconds or a date; anything else is as if it were not there."""
    assert wire.deleted(answer(429, b"", {"Retry-After": value}), scrub).retry_after == seconds


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("Sun, 22 Nov 2026 03:32:30 GMT", 1200.0), ("Sun, 22 Nov 2026 03:12:30 -0000", 0.0), ("yesterday", None),
     ("", None), ("Sun, 99 Nov 2026 03:12:30 GMT", None), ("Sun, 22 Nov 99999 03:12:30 GMT", None)],
)  # fmt: skip
def test_the_date_of_the_answer_shows_our_clock(value: str, seconds: float | None) -> None:
    """Server minus ours; a date that cannot be read proves nothing."""
    assert wire.deleted(answer(401, b"", {"Date": value}), scrub).clock_skew == seconds


# ----------------------------------------------------------------------------------------------------------- the jobs

FULL: dict[str, Any] = {
    "job_id": JOB, "state": "JOB_SUCCESS", "name": "Anchor Li", "asset_id": "a1", "create_time": "2026-11-01T00:00:00Z",
    "last_update_time": "2026-11-02T00:00:00Z", "model_version": "V3.2", "model_resolution": "4K",
    "supported_service": ["VIDEO_2D", "CHAT_2D"], "voice_train_job_id": "v1",
}  # fmt: skip
PERSONAL = {
    "contact": "13800138000", "app_user_id": "customer", "cover_download_url": "https://x/?s=1",
    "action_mark_file_upload_url": "https://x/?s=2", "id_card_image1_download_url": "https://x/?s=3",
    "comment_logs": [{"comment_message": "call me", "attachment_download_url": ["https://x/?s=4"]}],
    "operation_logs": [{"log_description": "blurred"}], "error_details": {"deep": ["13800138000"]},
}  # fmt: skip


def test_a_job_is_what_the_allow_list_says() -> None:
    """Every field of Job is filled from the answer, and nothing personal comes along."""
    shown = wire.shown(answer(200, {**FULL, **PERSONAL}), JOB, scrub)
    assert shown.job == Job(**{**FULL, "supported_service": ("VIDEO_2D", "CHAT_2D")})
    assert shown.reply.body_ok
    for secret in ("13800138000", "customer", "https://", "call me", "blurred"):
        assert secret not in repr(shown)


@pytest.mark.parametrize("field", [f.name for f in fields(Job) if f.name != "job_id"])
@pytest.mark.parametrize("value", [None, True, [], {}, {"a": 1}, [None, 1, {}], float("nan"), "missing"])
def test_wrong_types_do_not_break_a_job(field: str, value: object) -> None:
    """Huawei's types vary; a field of the wrong one is empty, the job remains."""
    body = {**FULL, field: value}
    if value == "missing":
        del body[field]
    shown = wire.shown(answer(200, body), JOB, scrub)
    assert shown.job is not None
    assert isinstance(getattr(shown.job, field), tuple if field == "supported_service" else str)


@pytest.mark.parametrize("job_id", [None, "", "other", JOB.upper(), f"{JOB}\n", 7, [JOB], "x" * 65])
def test_a_job_with_another_id_is_no_answer(job_id: object) -> None:
    """Show must speak of the job that was asked for, letter by letter."""
    shown = wire.shown(answer(200, {**FULL, "job_id": job_id}), JOB, scrub)
    assert (shown.job, shown.reply.body_ok) == (None, False)


def test_numbers_and_lengths_are_tamed() -> None:
    """Numbers are spelled out, endless strings end, and what no database or encoder takes is replaced."""
    name = "x\\ud800\\u0000\\u202e" + "y" * 5000
    body = json.dumps({**FULL, "model_version": 3.2}).replace('"Anchor Li"', f'"{name}"').encode()
    job = wire.shown(answer(200, body), JOB, scrub).job
    assert job is not None
    assert job.model_version == "3.2"
    assert job.name.startswith("x?\u202eyyy")
    assert len(job.name) <= 256
    job.name.encode()


@pytest.mark.parametrize(
    ("field", "longest"), [("name", 256), ("asset_id", 80), ("state", 80), ("last_update_time", 40)]
)
def test_what_a_job_is_compared_by_differs_wherever_it_differs(field: str, longest: int) -> None:
    """A text that fits is kept as it is; of a longer one a digest of all of it stands at the end."""

    def kept(text: str) -> str:
        job = wire.shown(answer(200, {**FULL, field: text}), JOB, scrub).job
        assert job is not None
        value: str = getattr(job, field)
        return value

    fits = "x" * longest
    assert kept(fits) == fits
    long = [kept(fits + end) for end in ("A", "B", "A" * 5000, "A")]
    assert [len(text) for text in long] == [longest] * 4
    assert len(set(long)) == 3
    assert long[0] == long[3]
    assert all(text.startswith("x" * (longest - 20)) and "…" in text for text in long)


def test_only_a_200_shows_a_job() -> None:
    """A job in the body of an error or of a 206 is not read."""
    for status in (201, 202, 206, 404, 500):
        assert wire.shown(answer(status, FULL), JOB, scrub).job is None


@pytest.mark.parametrize(
    ("body", "ok", "count", "ids"),
    [
        ({"count": 1, "jobs": [FULL]}, True, 1, [JOB]),
        ({"count": 0, "jobs": []}, True, 0, []),
        ({"count": 0}, True, 0, []),
        ({"count": 0, "jobs": None}, True, 0, []),
        ({"count": 7, "jobs": [{}, None, "x", {"job_id": 1}, FULL]}, True, 7, [JOB]),
        ({"count": "1", "jobs": [FULL]}, False, None, []),
        ({"count": True, "jobs": [FULL]}, False, None, []),
        ({"count": False}, False, None, []),
        ({"count": -1, "jobs": []}, False, None, []),
        ({"count": 1.0, "jobs": [FULL]}, False, None, []),
        ({"count": 1}, False, None, []),
        ({"count": 1, "jobs": None}, False, None, []),
        ({"jobs": [FULL]}, False, None, []),
        ({"count": 0, "jobs": {}}, False, None, []),
        ([FULL], False, None, []),
    ],
)
def test_a_list_is_a_count_and_jobs(body: object, ok: bool, count: int | None, ids: list[str]) -> None:  # noqa: FBT001 - a table's column
    """Only a list that is one may say that a job is gone."""
    listed = wire.listed(answer(200, body), scrub)
    assert (listed.reply.body_ok, listed.count, [job.job_id for job in listed.jobs]) == (ok, count, ids)
    assert listed.unreadable == (4 if count == 7 else 0)


def test_app_user_ids_are_told_apart_without_being_kept() -> None:
    """Equal for equal ids and for no others; none is the empty mark; the id itself does not show."""
    assert drafts.fingerprint(None) == drafts.fingerprint("") == ""
    assert drafts.fingerprint("zhang-san") == drafts.fingerprint("zhang-san") != drafts.fingerprint("zhang-san2")
    assert "zhang" not in drafts.fingerprint("zhang-san")
    assert len(drafts.fingerprint("zhang-san")) == 16


def test_a_list_with_another_status_lists_nothing() -> None:
    """An error whose body looks like an empty list does not say that a job is gone."""
    listed = wire.listed(answer(404, {"count": 0, "jobs": []}), scrub)
    assert (listed.count, listed.reply.body_ok) == (None, False)


@given(st.integers(100, 999), st.binary() | st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(
        st.sampled_from([*FULL, "error_code", "error_msg", "request_id", "error", "code", "count", "jobs"]), inner),
), st.text(), st.text(), st.text())  # fmt: skip
def test_no_answer_breaks_the_reading(status: int, body: object, date: str, after: str, request_id: str) -> None:
    """Whatever arrives, all three readers return, and what they return can be stored and shown."""
    headers = {"Date": date, "Retry-After": after, "X-Request-Id": request_id}
    given_answer = answer(status, body, headers)
    for reply in (
        wire.deleted(given_answer, scrub),
        wire.shown(given_answer, JOB, scrub).reply,
        wire.listed(given_answer, scrub).reply,
    ):
        for text in (reply.code, reply.request_id, reply.other_request_id):
            assert text is None or (text.isascii() and text.isprintable() and 0 < len(text) <= 128)
        assert len(reply.message or "") <= 500
        (reply.message or "").encode()


# ---------------------------------------------------------------------------------------------------------- scrubbing

SCRUBBED = [
    # what the gateway says, what must not be left of it
    ("Get secretKey failed,ak:HPUAABCDEFGHIJKLMNOP,err:ak not exist", ["HPUAABCDEFGHIJKLMNOP"]),
    ("Get secretKey failed,ak:abc1,err:ak not exist", ["abc1"]),
    ("verify aksk signature fail, SDK-HMAC-SHA256 Access=abc2, SignedHeaders=host, Signature=00ff11", ["abc2", "00ff"]),
    ("Authorization: SDK-HMAC-SHA256 Access=abc3,SignedHeaders=a", ["abc3"]),
    ('{"X-Auth-Token": "MIIabc4"}', ["MIIabc4"]),
    ("X-Security-Token=abc5; next", ["abc5"]),
    ("token: abc6", ["abc6"]),
    ("access_key_id='abc 7' secret access key = abc8", ["abc 7", "abc8"]),
    ("signature expired, canonical request: GET\n/v1/p/jobs/\n\nhost:metastudio\n", ["/v1/p", "metastudio"]),
    ("canonicalRequest:GET|/v1/p/|x-sdk-date:20261122T000000Z", ["/v1/p", "20261122"]),
    ("expected GET\n/v1/p/\nlimit=1", ["/v1/p", "limit"]),
    ("see https://obs.example.com/x?Signature=abc9&Expires=1 now", ["obs.example.com", "abc9"]),
    ("known SECRETAK and secretsk here", ["SECRETAK", "secretsk"]),
    ("bare ABCDEFGHIJ0123456789 key", ["ABCDEFGHIJ0123456789"]),
    ("sha " + "0f" * 32, ["0f0f0f"]),
    ("blob " + "QUJD" * 10, ["QUJD"]),
    ("long " + "eyJhbGci.x-" * 30, ["eyJhbGcieyJhbGci"]),
    ("password=hunter2 pwd:hunter3", ["hunter2", "hunter3"]),
]


@pytest.mark.parametrize(("message", "gone"), SCRUBBED)
def test_messages_lose_what_they_quote(message: str, gone: list[str]) -> None:
    """Keys, signatures, tokens, canonical requests and links never get past the edge."""
    for secret in gone:
        assert secret in message or "eyJ" in secret
        assert secret not in scrub(message)


@pytest.mark.parametrize(
    "message",
    [
        "Invalid parameter",
        "Incorrect IAM authentication information: verify aksk signature fail",
        "token expires",
        "AK access failed to reach the limit,forbidden",
        "The throttling threshold has been reached: policy user over ratelimit,limit:5,time:1 second",
        "任务不存在",
        "job efc5300ecdba4ea48d1ff13a9d907bc0 cannot be deleted",
    ],
)
def test_messages_keep_what_helps(message: str) -> None:
    """What an engineer needs to read stays as it is."""
    assert scrub(message) == message


def test_messages_are_cut_at_500_characters_and_no_half_secret_stays() -> None:
    """A secret that lies across any of the cuts goes whole."""
    assert len(scrub("word " * 1000)) == 500
    for start in range(0, 9000, 97):
        text = "w " * (start // 2) + "secretsk " + "w " * 3000
        for part in ("secretsk", "secret", "retsk"):
            assert part not in scrub(text)
    assert scrub("canonical request: " + "x" * 7970 + " ak:abcdefghijklmnop") == "canonical request […]"


@given(st.text(max_size=300), st.text(max_size=300), st.text("abcdefXYZ019/+", min_size=4, max_size=40))
def test_a_known_secret_never_survives(before: str, after: str, secret: str) -> None:
    """Whatever stands around it."""
    assert secret not in scrubbing.scrub(before + secret + after, (secret,)).replace("[…]", "")


# -------------------------------------------------------------------------------------------------------- credentials


def test_credentials_show_nothing() -> None:
    """Neither repr nor str nor an error message of a dataclass tells a key; the same goes for a signed request."""
    credentials = Credentials("SECRETAK", "secretsk", "secrettoken")
    signed = credentials.sign(drafts.show_draft(TARGET, JOB), TARGET.endpoint, AT)
    for text in (repr(credentials), str(credentials), repr(FixedCredentials(credentials)), repr(signed)):
        assert "SECRET" not in text.upper()


def test_fingerprints_follow_the_key_and_tell_nothing() -> None:
    """Another key, secret or kind is another fingerprint; a renewed token of the same kind is not."""
    one = Credentials("ak", "sk")
    assert one.fingerprint() == Credentials("ak", "sk").fingerprint()
    others = [Credentials("ak", "sk", "t"), Credentials("ak2", "sk"), Credentials("ak", "sk2")]
    assert len({one.fingerprint(), *(other.fingerprint() for other in others)}) == 4
    assert Credentials("ak", "sk", "t").fingerprint() == Credentials("ak", "sk", "u").fingerprint()
    assert len(one.fingerprint()) == 16


def test_missing_keys_are_no_credentials() -> None:
    """Half a key pair signs nothing."""
    for broken in (Credentials("", "sk"), Credentials("ak", "")):
        with pytest.raises(NoCredentials):
            FixedCredentials(broken).current()


def test_operations_are_named_as_huawei_names_them() -> None:
    """The names go into the escalation block; support searches for them."""
    assert wire.deleted(answer(200), scrub).operation is Operation.DELETE
    assert wire.shown(answer(200), JOB, scrub).reply.operation is Operation.SHOW
    assert wire.listed(answer(200), scrub).reply.operation is Operation.LIST
