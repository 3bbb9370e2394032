"""A token of IAM: what IAM's answers mean, when a new one is fetched, by whom, and who is spared the wait."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bot.domain.model import Cause, Target
from bot.metastudio import drafts, wire
from bot.metastudio.credentials.iam import User, token_in
from bot.metastudio.credentials.keys import NoCredentials, Token
from bot.metastudio.credentials.tokens import TokenSource
from tests.support.clock import HeldClock

AT = datetime(2026, 11, 22, 3, 12, tzinfo=UTC)
USER = User("https://iam.example.com", "acme", "dh-bot", 'pass"wörd', "p" * 32)
FAILED, REFUSED = Cause.SIGN_IN_FAILED, Cause.SIGN_IN_REFUSED


# ------------------------------------------------------------------------------------------------------ IAM's answers


def answer(status: int, body: Any = b"", **headers: str) -> wire.HttpResponse:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return wire.HttpResponse(status, wire.Headers(tuple(named.items())), raw, AT)


def created(
    expires_at: object = "2026-11-23T03:12:00.000000Z", token: str = "MIIEtoken", **headers: str
) -> wire.HttpResponse:
    return answer(201, {"token": {"expires_at": expires_at}}, X_Subject_Token=token, **headers)


@pytest.mark.parametrize(
    ("given", "expires_at"),
    [
        (created(), AT + timedelta(days=1)),
        (created("2026-11-23T03:12:00Z"), AT + timedelta(days=1)),
        (created("2026-11-23T03:12:00"), AT + timedelta(days=1)),
        (created("2026-11-23T05:12:00+02:00"), AT + timedelta(days=1)),
        # IAM's clock is two hours ahead of ours, so its token lives as long as it does by IAM's clock.
        (created("2026-11-23T05:12:00Z", Date="Sun, 22 Nov 2026 05:12:00 GMT"), AT + timedelta(days=1)),
        (created(token="x" * 32_000), AT + timedelta(days=1)),
    ],
)
def test_a_token_and_how_long_it_lives(given: wire.HttpResponse, expires_at: datetime) -> None:
    """The token is in the header, its end in the body."""
    token = token_in(given, USER)
    assert token.value == given.headers.get("X-Subject-Token")
    assert token.expires_at == expires_at


def keystone(code: object, message: str) -> dict[str, object]:
    return {"error": {"code": code, "message": message, "title": "Unauthorized"}}


NO_TOKEN = [
    # IAM's answer, whose fault it is, and what is said
    (answer(401, keystone(401, "The username or password is wrong.")), REFUSED, "401", "username or password is wrong"),
    (answer(400, keystone(400, "The request body is invalid.")), REFUSED, "400", "HTTP 400: The request body"),
    (answer(403, keystone(403, "not authorized")), REFUSED, "403", "HTTP 403: not authorized"),
    (answer(404, b"<html>"), REFUSED, None, "HTTP 404"),
    (answer(401, {"error_code": "APIGW.0301", "error_msg": "no"}), REFUSED, "APIGW.0301", "HTTP 401: no"),
    (answer(408), FAILED, None, "HTTP 408"),
    (answer(429, keystone(429, "slow down")), FAILED, "429", "HTTP 429: slow down"),
    (answer(500, keystone(500, "oops")), FAILED, "500", "HTTP 500: oops"),
    (answer(503), FAILED, None, "HTTP 503"),
    (answer(200, b"<html>"), FAILED, None, "HTTP 200"),
    (answer(302), FAILED, None, "HTTP 302"),
    (answer(201), FAILED, None, "holds no token"),
    (answer(201, [1], X_Subject_Token="t"), FAILED, None, "holds no token"),
    (answer(201, {"token": "t"}, X_Subject_Token="t"), FAILED, None, "holds no token"),
    (created(None), FAILED, None, "holds no token"),
    (created("tomorrow"), FAILED, None, "holds no token"),
    (created("2026-11-22T03:12:00Z"), FAILED, None, "holds no token"),  # expired already
    (created(token="a b"), FAILED, None, "holds no token"),  # a header of ours in the making
    (created(token="x\r\nX-Other: y"), FAILED, None, "holds no token"),
    (created(token="tökén"), FAILED, None, "holds no token"),
    (created(token="x" * 40_000), FAILED, None, "holds no token"),
]


@pytest.mark.parametrize(("given", "cause", "code", "says"), NO_TOKEN)
def test_no_token_and_whose_fault_it_is(given: wire.HttpResponse, cause: Cause, code: str | None, says: str) -> None:
    """A 4xx is about us and stops the calls; everything else may be better in a minute."""
    given = replace(given, headers=wire.Headers((*given.headers.lines, ("X-IAM-Trace-Id", "trace-00001"))))
    with pytest.raises(NoCredentials) as caught:
        token_in(given, USER)
    none = caught.value
    assert (none.cause, none.code, none.request_id) == (cause, code, "trace-00001")
    assert says in (none.message or "")


@pytest.mark.parametrize("quote", ['pass"wörd', 'pass\\"w\\u00f6rd'])
def test_iam_may_quote_the_password_and_nobody_reads_it(quote: str) -> None:
    """As it is, or as JSON spells it; and no repr shows it."""
    with pytest.raises(NoCredentials) as caught:
        token_in(answer(401, keystone(401, f"<{quote}> is wrong, X-Auth-Token: abc")), USER)
    for text in (caught.value.message or "", str(caught.value), repr(USER), repr(Token("t0ps3cret", AT))):
        assert quote not in text
        assert "abc" not in text
        assert "t0ps3cret" not in text


def test_the_request_names_user_domain_and_project() -> None:
    """Huawei's form: the method password, and the project as the scope, by its id."""
    assert json.loads(USER.body()) == {
        "auth": {
            "identity": {
                "methods": ["password"],
                "password": {"user": {"name": "dh-bot", "password": 'pass"wörd', "domain": {"name": "acme"}}},
            },
            "scope": {"project": {"id": "p" * 32}},
        }
    }


def test_fingerprints_follow_user_and_password_and_hide_it() -> None:
    """The ledger keeps it: other users differ in the open, passwords only in sixteen bits that are slow to compute."""
    same = User("https://iam.example.com", "acme", "dh-bot", 'pass"wörd', "q" * 32)
    other = User("https://iam.example.com", "acme", "dh-bot", "password", "p" * 32)
    somebody = User("https://iam.example.com", "acme", "another", 'pass"wörd', "p" * 32)
    assert USER.fingerprint() == same.fingerprint()
    assert USER.fingerprint()[:12] == other.fingerprint()[:12]
    assert USER.fingerprint()[12:] != other.fingerprint()[12:]
    assert USER.fingerprint()[:12] != somebody.fingerprint()[:12]
    assert len(USER.fingerprint()) == 16


def test_a_token_goes_without_a_signature() -> None:
    """The two ways in exclude each other; the query is spelled as it would be signed."""
    target = Target("https://metastudio.example.com", "cn-north-4", "p" * 32)
    draft = drafts.find_draft(target, job_id=None, name="张 ~&=", offset=0, limit=10, app_user_id="ops")
    signed = Token("MIIEtoken", AT).sign(draft, target.endpoint, AT)
    assert signed.headers == {
        "User-Agent": "dh-bot",
        "X-App-UserId": "ops",
        "Content-Type": "application/json",
        "X-Auth-Token": "MIIEtoken",
    }
    assert signed.url == (
        f"https://metastudio.example.com/v1/{'p' * 32}/digital-human-training-manage/user/jobs"
        "?limit=10&name=%E5%BC%A0%20~%26%3D&offset=0&sort_dir=desc&sort_key=create_time"
    )
    assert "MIIEtoken" not in repr(signed)


# ----------------------------------------------------------------------------------------------------------- renewing


class Iam:
    """Gives tokens of a day, or raises what it is told to; waits at the gate first."""

    def __init__(self, clock: HeldClock) -> None:
        self.clock = clock
        self.fails: Exception | None = None
        self.asked = 0
        self.arrived = threading.Event()
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self) -> Token:
        self.asked += 1
        self.arrived.set()
        assert self.gate.wait(5)
        if self.fails is not None:
            raise self.fails
        return Token(f"token-{self.asked}", self.clock.now() + timedelta(days=1))


@pytest.fixture
def clock() -> HeldClock:
    return HeldClock(AT, may_sleep=False)


@pytest.fixture
def iam(clock: HeldClock) -> Iam:
    return Iam(clock)


@pytest.fixture
def source(iam: Iam, clock: HeldClock) -> TokenSource:
    return TokenSource(iam, "f" * 16, clock)


def all_wait(source: TokenSource, threads: int) -> bool:
    """Wait until so many threads wait for the sign-in that is under way."""
    for _ in range(500):
        under_way = source._under_way
        if under_way is not None and len(under_way._condition._waiters) == threads:  # type: ignore[attr-defined]
            return True
        threading.Event().wait(0.01)
    return False


def refused() -> NoCredentials:
    return NoCredentials("no", REFUSED, code="401", request_id="trace-1")


def down() -> NoCredentials:
    return NoCredentials("no", FAILED)


def test_nothing_is_asked_before_a_read_needs_it(source: TokenSource, iam: Iam) -> None:
    """A DELETE without a token has none: it never asks."""
    with pytest.raises(NoCredentials) as caught:
        source.current()
    assert (iam.asked, caught.value.cause) == (0, Cause.NO_CREDENTIALS)
    assert source.renewed() is source.current()
    assert source.fingerprint() == "f" * 16


LIFE = [
    # minutes left, what a read gets while IAM works, while IAM is down, and what a DELETE gets
    (60, 1, 1, 1),
    (31, 1, 1, 1),
    (30, 2, 1, 1),
    (2, 2, 1, 1),
    (1, 2, None, 1),
    (0, 2, None, None),
    (-60, 2, None, None),
]


@pytest.mark.parametrize(("left", "works", "fails", "delete"), LIFE)
def test_what_a_token_is_good_for(left: int, works: int, fails: int | None, delete: int | None) -> None:
    """Renewed in good time by reads; used to its end where it cannot be; sent by nobody after that."""

    def got(take: Callable[[TokenSource], Token], *, iam_is_down: bool) -> str | None:
        clock = HeldClock(AT, may_sleep=False)
        iam = Iam(clock)
        source = TokenSource(iam, "f", clock)
        source.renewed()
        clock.add(timedelta(days=1, minutes=-left).total_seconds())
        iam.fails = down() if iam_is_down else None
        try:
            return take(source).value
        except NoCredentials:
            return None

    def named(number: int | None) -> str | None:
        return None if number is None else f"token-{number}"

    assert got(TokenSource.renewed, iam_is_down=False) == named(works)
    assert got(TokenSource.renewed, iam_is_down=True) == named(fails)
    for iam_is_down in (False, True):
        assert got(TokenSource.current, iam_is_down=iam_is_down) == named(delete)


@pytest.mark.parametrize("fails", [None, refused(), down(), RuntimeError("a bug")], ids=repr)
def test_a_crowd_costs_one_sign_in(source: TokenSource, iam: Iam, clock: HeldClock, fails: Exception | None) -> None:
    """Whatever comes of it is everybody's who waited for it, and nobody waits for it for ever."""
    iam.gate.clear()
    iam.fails = fails

    def read() -> object:
        try:
            return source.renewed()
        except (NoCredentials, RuntimeError) as error:
            return error

    with ThreadPoolExecutor(20) as crowd:
        reads = [crowd.submit(read) for _ in range(20)]
        assert iam.arrived.wait(5)
        assert all_wait(source, 19)
        iam.gate.set()
        assert len({id(future.result(5)) for future in reads}) == 1
    assert iam.asked == 1
    iam.fails = None
    clock.add(timedelta(minutes=1).total_seconds())
    source.renewed()
    assert iam.asked == (1 if fails is None else 2)


def test_a_refusal_stands_for_a_minute(source: TokenSource, iam: Iam, clock: HeldClock) -> None:
    """Whoever comes by before the breaker is written down hears the same, and IAM hears nothing."""
    iam.fails = refused()
    for _ in range(3):
        with pytest.raises(NoCredentials) as caught:
            source.renewed()
        assert (caught.value.cause, caught.value.request_id) == (REFUSED, "trace-1")
    assert iam.asked == 1
    clock.add(timedelta(minutes=1).total_seconds())
    iam.fails = None
    assert source.renewed().value == "token-2"
    assert source.renewed().value == "token-2"


def test_without_a_token_trouble_is_tried_again_at_once(source: TokenSource, iam: Iam) -> None:
    """The next click shall work as soon as IAM does."""
    iam.fails = down()
    with pytest.raises(NoCredentials):
        source.renewed()
    iam.fails = None
    assert source.renewed().value == "token-2"


def test_short_tokens_are_asked_for_once_a_minute(iam: Iam, clock: HeldClock) -> None:
    """Whatever life IAM gives them, it is not asked with each read."""

    def short() -> Token:
        return Token(iam().value, clock.now() + timedelta(minutes=15))

    source = TokenSource(short, "f", clock)
    assert [source.renewed().value for _ in range(5)] == ["token-1"] * 5
    clock.add(timedelta(minutes=1).total_seconds())
    assert [source.renewed().value for _ in range(5)] == ["token-2"] * 5


def test_a_refused_renewal_is_told_while_the_old_token_lasts(source: TokenSource, iam: Iam, clock: HeldClock) -> None:
    """The password was changed: that has to reach the breaker. A DELETE under way still has its token."""
    source.renewed()
    clock.add(timedelta(hours=23, minutes=40).total_seconds())
    iam.fails = refused()
    with pytest.raises(NoCredentials) as caught:
        source.renewed()
    assert caught.value.cause is REFUSED
    assert source.current().value == "token-1"


def test_a_late_rejection_does_not_cost_the_new_token(source: TokenSource, iam: Iam) -> None:
    """Thirty reads with one dead token report it one after the other; only the first report counts."""
    old = source.renewed()
    assert source.rejected(old)
    with pytest.raises(NoCredentials):
        source.current()
    new = source.renewed()
    assert source.rejected(old)
    assert source.renewed() is new
    assert iam.asked == 2
