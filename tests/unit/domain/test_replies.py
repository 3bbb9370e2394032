"""The table of product.md section 3, row by row, and what follows from each meaning."""

from __future__ import annotations

import pytest

from bot.domain.model import NEVER_LEFT, Cause, Operation, Reply, State
from bot.domain.replies import (
    ANSWERED,
    CONSEQUENCES,
    UNSENT,
    Meaning,
    is_clock_skew,
    is_gateway,
    may_repeat_read,
    meaning,
    opens_breaker,
    proves_credentials,
    says_gone,
    says_no_such_job,
)
from tests.support.outcomes import AGAIN, outcome
from tests.support.values import reply

SHOW, DELETE, LIST = Operation.SHOW, Operation.DELETE, Operation.LIST


DELETE_TABLE = [
    # reply to DELETE, its meaning, the deletion's outcome
    (reply(200), Meaning.OK, State.DELETED),
    (reply(204), Meaning.OK, State.DELETED),
    (reply(200, request_id=None), Meaning.UNCLEAR, State.UNKNOWN),
    (reply(204, request_id=None), Meaning.UNCLEAR, State.UNKNOWN),
    (reply(200, body_ok=False), Meaning.UNCLEAR, State.UNKNOWN),  # HTML, or JSON that is no object
    (reply(200, "MSS.00000003"), Meaning.UNCLEAR, State.UNKNOWN),  # success and error at once
    (reply(200, "APIGW.0308"), Meaning.UNCLEAR, State.UNKNOWN),
    (reply(202), Meaning.UNCLEAR, State.UNKNOWN),
    (reply(201), Meaning.UNCLEAR, State.UNKNOWN),
    (reply(206), Meaning.UNCLEAR, State.UNKNOWN),
    (reply(101), Meaning.UNCLEAR, State.UNKNOWN),
    *((reply(status), Meaning.UNCLEAR, State.UNKNOWN) for status in (0, 99, 1000)),  # no HTTP status at all
    *((reply(status), Meaning.UNCLEAR, State.UNKNOWN) for status in (300, 301, 302, 304, 307, 308)),
    (reply(408), Meaning.UNCLEAR, State.UNKNOWN),
    *((reply(status), Meaning.UNCLEAR, State.UNKNOWN) for status in (500, 501, 502, 503, 504, 511, 599, 600, 999)),
    (reply(502, "APIG.0201"), Meaning.UNCLEAR, State.UNKNOWN),
    (reply(500, "MSS.00000004"), Meaning.SERVER_ERROR, State.UNKNOWN),
    (reply(503, "MSS.00000002", request_id=None), Meaning.SERVER_ERROR, State.UNKNOWN),
    (reply(401), Meaning.BAD_CREDENTIALS, State.FAILED),
    (reply(401, "APIGW.0301"), Meaning.BAD_CREDENTIALS, State.FAILED),
    *(
        (reply(400, code), Meaning.BAD_CREDENTIALS, State.FAILED)
        for code in ("MSS.00010008", "MSS.00010009", "APIG.0301", "APIGW.0301", "APIG.0303", "APIGW.0307")
    ),
    (reply(403), Meaning.FORBIDDEN, State.FAILED),
    (reply(403, "APIGW.0302"), Meaning.FORBIDDEN, State.FAILED),
    (reply(403, "MSS.41000012"), Meaning.FORBIDDEN, State.FAILED),
    (reply(429), Meaning.THROTTLED, AGAIN),
    (reply(429, "APIGW.0308"), Meaning.THROTTLED, AGAIN),
    (reply(429, "MSS.41000012"), Meaning.THROTTLED, AGAIN),
    *((reply(status, "APIG.0308"), Meaning.THROTTLED, AGAIN) for status in (400, 404, 409, 499)),
    # The first row that fits counts: a throttling code does not make these statuses a throttling.
    (reply(401, "APIG.0308"), Meaning.BAD_CREDENTIALS, State.FAILED),
    (reply(403, "APIG.0308"), Meaning.FORBIDDEN, State.FAILED),
    *((reply(status, "APIG.0308"), Meaning.UNCLEAR, State.UNKNOWN) for status in (408, 500, 503)),
    # What a second DELETE of the same job is answered with, by the status alone or by the code.
    *((reply(status), Meaning.CONFLICT, State.UNKNOWN) for status in (404, 409, 410, 412)),
    *((reply(status, "MSS.00000003"), Meaning.CONFLICT, State.UNKNOWN) for status in (404, 409, 410, 412)),
    *((reply(status, "MSS.41000003"), Meaning.CONFLICT, State.UNKNOWN) for status in (400, 404, 405, 422, 499)),
    (reply(404, "APIGW.0101"), Meaning.CONFLICT, State.UNKNOWN),
    (reply(404, body_ok=False, request_id=None), Meaning.CONFLICT, State.UNKNOWN),
    (reply(404, "MSS.00010008"), Meaning.CONFLICT, State.UNKNOWN),  # an authentication code counts with 400 alone
    *(
        (reply(400, code), Meaning.CONFLICT, State.UNKNOWN)
        for code in ("MSS.00010003", "MSS.00010004", "MSS.10000003", "MSS.000000004", "MSS.0000000", "MSS.", "MSS.x")
    ),
    *((reply(status), Meaning.REJECTED, State.FAILED) for status in (400, 402, 405, 411, 413, 418, 422, 451, 499)),
    *((reply(400, f"MSS.0000000{n}"), Meaning.REJECTED, State.FAILED) for n in (2, 3, 4)),
    (reply(400, "MSS.00009999"), Meaning.REJECTED, State.FAILED),
    (reply(413, "APIGW.0201"), Meaning.REJECTED, State.FAILED),
    (reply(400, "XAPIG.03011"), Meaning.REJECTED, State.FAILED),  # codes are compared whole
    (reply(400, "XMSS.41000003"), Meaning.REJECTED, State.FAILED),
    (reply(cause=Cause.NO_CREDENTIALS), Meaning.NOT_SIGNED_IN, State.FAILED),
    (reply(cause=Cause.SIGN_IN_FAILED), Meaning.NOT_SIGNED_IN, State.FAILED),
    (reply(cause=Cause.SIGN_IN_REFUSED), Meaning.SIGN_IN_REFUSED, State.FAILED),
    *((reply(cause=cause), Meaning.NEVER_SENT, State.FAILED) for cause in sorted(NEVER_LEFT - UNSENT.keys())),
    *((reply(cause=cause), Meaning.LOST, State.UNKNOWN) for cause in sorted(set(Cause) - NEVER_LEFT)),
    (reply(cause=Cause.CUT, request_id="req-1"), Meaning.LOST, State.UNKNOWN),
]


@pytest.mark.parametrize(("given", "means", "ends"), DELETE_TABLE, ids=lambda value: getattr(value, "value", None))
def test_every_reply_to_delete_has_its_row(given: Reply, means: Meaning, ends: State | str) -> None:
    """A DELETE ends as product.md section 3 says, and as unknown wherever it is silent."""
    assert meaning(given) is means
    assert outcome(given) == ends


def test_nothing_but_a_documented_success_is_one() -> None:
    """Of all statuses only 200 and 204 with a request id and a proper body count as deleted."""
    successes = {s for s in range(100, 1000) if outcome(reply(s)) is State.DELETED}
    assert successes == {200, 204}


def test_only_throttling_is_answered_by_sending_again() -> None:
    """No status but 429 lets a DELETE be sent a second time."""
    assert {s for s in range(100, 1000) if outcome(reply(s)) is AGAIN} == {429}


def test_only_4xx_and_the_unsent_count_as_failed() -> None:
    """No 2xx, 3xx or 5xx may say so, nor a 4xx that a second DELETE of the same job would meet."""
    assert {s // 100 for s in range(100, 1000) if outcome(reply(s)) is State.FAILED} == {4}
    doubtful = {s for s in range(400, 500) if outcome(reply(s)) is State.UNKNOWN}
    assert doubtful == {404, 408, 409, 410, 412}


@pytest.mark.parametrize("status", range(400, 500))
@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (None, "none"),
        ("MSS.00000003", "general"),
        ("MSS.41000011", "of the job"),
        ("MSS.00010003", "of the access"),
        ("MSS.00010008", "authentication"),
        ("APIGW.0303", "authentication"),
        ("APIGW.0308", "throttling"),
        ("APIGW.0101", "gateway"),
    ],
)
def test_every_4xx_with_every_kind_of_code(status: int, code: str | None, kind: str) -> None:
    """The rows of the contract in their order, for every status there is."""
    by_status = {401: Meaning.BAD_CREDENTIALS, 403: Meaning.FORBIDDEN, 408: Meaning.UNCLEAR, 429: Meaning.THROTTLED}
    expected = by_status.get(status)
    if expected is None and status == 400 and kind == "authentication":
        expected = Meaning.BAD_CREDENTIALS
    if expected is None and kind == "throttling":
        expected = Meaning.THROTTLED
    specific = code is not None and code.startswith("MSS.") and kind != "general"
    if expected is None and (status in {404, 409, 410, 412} or specific):
        expected = Meaning.CONFLICT
    assert meaning(reply(status, code)) is (expected or Meaning.REJECTED)


@pytest.mark.parametrize("status", range(100, 1000, 50))
def test_00000004_decides_nothing(status: int) -> None:
    """MSS.00000004 has three meanings in Huawei's pages: it must lead where its class of codes leads."""
    assert meaning(reply(status, "MSS.00000004")) is meaning(reply(status, "MSS.00000099"))


@pytest.mark.parametrize("operation", [SHOW, LIST])
@pytest.mark.parametrize(
    ("given", "means"),
    [
        ((200, True), Meaning.OK),
        ((200, False), Meaning.UNCLEAR),
        ((204, True), Meaning.UNCLEAR),
        ((302, False), Meaning.UNCLEAR),
    ],
)
def test_reads_succeed_with_200_and_the_right_body_only(
    operation: Operation, given: tuple[int, bool], means: Meaning
) -> None:
    """A read without a body is no read; a missing request id does not matter for reads."""
    assert meaning(reply(given[0], operation=operation, body_ok=given[1], request_id=None)) is means


@pytest.mark.parametrize(
    ("given", "repeated"),
    [
        (reply(200, operation=SHOW), False),
        (reply(200, operation=SHOW, body_ok=False), False),
        (reply(302, operation=SHOW), False),
        (reply(399, "APIG.0308", operation=SHOW), False),
        (reply(400, operation=SHOW), False),
        (reply(400, "APIG.0308", operation=SHOW), True),  # throttled, whatever the status
        (reply(401, operation=SHOW), False),
        (reply(403, operation=SHOW), False),
        (reply(404, operation=SHOW), False),
        (reply(408, operation=SHOW), True),
        (reply(429, operation=SHOW), True),
        (reply(500, operation=SHOW), True),
        (reply(500, "MSS.00000004", operation=SHOW), True),
        (reply(502, operation=SHOW), True),
        (reply(cause=Cause.CUT, operation=SHOW), True),
        (reply(cause=Cause.TIMED_OUT, operation=SHOW), True),
        (reply(cause=Cause.HANDSHAKE_HUNG, operation=SHOW), True),
        (reply(cause=Cause.NONSENSE, operation=SHOW), True),
        (reply(cause=Cause.CONNECTION_REFUSED, operation=SHOW), True),
        (reply(cause=Cause.CONNECT_TIMEOUT, operation=SHOW), True),
        (reply(cause=Cause.NO_ADDRESS, operation=SHOW), True),
        (reply(cause=Cause.PROXY_REFUSED, operation=SHOW), True),
        (reply(cause=Cause.BAD_CERTIFICATE, operation=SHOW), False),
        (reply(cause=Cause.NO_CREDENTIALS, operation=SHOW), False),
        (reply(cause=Cause.SIGN_IN_FAILED, operation=SHOW), False),
        (reply(cause=Cause.SIGN_IN_REFUSED, operation=SHOW), False),
        (reply(cause=Cause.BREAKER_OPEN, operation=SHOW), False),
        (reply(cause=Cause.LIMITED, operation=SHOW), False),
        (reply(cause=Cause.TOO_LATE, operation=SHOW), False),
    ],
    ids=lambda value: None if isinstance(value, bool) else f"{value.status or value.cause}-{value.code}",
)
def test_which_reads_are_repeated(given: Reply, repeated: bool) -> None:  # noqa: FBT001 - a table's column
    """A GET is repeated where a moment later may help, and never after rejected credentials."""
    assert may_repeat_read(given) is repeated


@pytest.mark.parametrize(
    ("given", "gone"),
    [
        (reply(404, "MSS.41000003", operation=SHOW), True),
        (reply(404, operation=SHOW), True),
        (reply(400, "MSS.00000003", operation=SHOW), True),
        (reply(410, operation=SHOW), True),
        (reply(499, operation=SHOW), True),
        (reply(399, operation=SHOW), False),
        (reply(500, operation=SHOW), False),
        (reply(401, operation=SHOW), False),
        (reply(403, operation=SHOW), False),
        (reply(408, operation=SHOW), False),
        (reply(429, operation=SHOW), False),
        (reply(404, "APIG.0101", operation=SHOW), False),
        (reply(404, "APIGW.0101", operation=SHOW), False),
        (reply(400, "APIGW.0201", operation=SHOW), False),
        (reply(400, "MSS.00010003", operation=SHOW), False),
        (reply(400, "MSS.00010008", operation=SHOW), False),
        (reply(400, "MSS.00010009", operation=SHOW), False),
        (reply(200, operation=SHOW), False),
        (reply(200, operation=SHOW, body_ok=False), False),
        (reply(302, operation=SHOW), False),
        (reply(500, "MSS.41000003", operation=SHOW), False),
        (reply(cause=Cause.CUT, operation=SHOW), False),
        (reply(404, operation=LIST), False),
        (reply(404, operation=DELETE), False),
    ],
    ids=lambda value: None if isinstance(value, bool) else f"{value.operation}-{value.status}-{value.code}",
)
def test_which_replies_to_show_say_gone(given: Reply, gone: bool) -> None:  # noqa: FBT001 - a table's column
    """Gone is what product.md section 2 says it is: a 4xx that is about the job, not about us or the address."""
    assert says_gone(given) is gone


@pytest.mark.parametrize(
    ("given", "proof"),
    [
        (reply(200), True),
        (reply(200, operation=SHOW), True),
        (reply(500, "MSS.00000004"), True),
        (reply(400, "MSS.00000003"), True),
        (reply(404, "MSS.41000003"), True),
        (reply(403, "APIGW.0302"), True),
        (reply(403), False),  # anything in between may say 403
        (reply(404), False),
        (reply(404, "APIGW.0101"), False),  # looked up before anybody looks at a signature
        (reply(400, "MSS.00010003"), False),
        (reply(401), False),
        (reply(429), False),
        (reply(502), False),
        (reply(200, body_ok=False), False),
        (reply(cause=Cause.CUT), False),
    ],
    ids=lambda value: None if isinstance(value, bool) else f"{value.status}-{value.code}",
)
def test_which_replies_prove_the_credentials(given: Reply, proof: bool) -> None:  # noqa: FBT001 - a table's column
    """The breaker closes only on an answer that nobody gets without a good signature."""
    assert proves_credentials(given) is proof
    assert not (proof and opens_breaker(given))


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (reply(404, "MSS.41000003", operation=SHOW), True),
        (reply(404, "MSS.00000003", operation=SHOW), True),
        (reply(404, operation=SHOW), False),  # a page by whatever stands in between
        (reply(404, "APIG.0101", operation=SHOW), False),
        (reply(404, "404", operation=SHOW), False),
        (reply(404, "MSS.00010003", operation=SHOW), False),
        (reply(400, "MSS.41000003", operation=SHOW), False),
        (reply(410, "MSS.41000003", operation=SHOW), False),
        (reply(404, "MSS.41000003", operation=DELETE), False),
        (reply(404, "MSS.41000003", operation=LIST), False),
    ],
)
def test_who_may_say_alone_that_there_is_no_such_job(given: Reply, says: bool) -> None:  # noqa: FBT001 - a table's column
    """MetaStudio itself, by 404 and one of its codes; everything else needs a second witness or says nothing."""
    assert says_no_such_job(given) is says


@pytest.mark.parametrize(
    ("given", "skewed"),
    [
        (reply(401, "APIGW.0303", clock_skew=901), True),
        (reply(401, "APIG.0301", clock_skew=-7200), True),
        (reply(401, "APIGW.0303", clock_skew=900.5), True),
        (reply(401, "APIGW.0303", clock_skew=900), False),  # fifteen minutes are still allowed
        (reply(401, "APIGW.0303", clock_skew=-900), False),
        (reply(401, "APIGW.0301", clock_skew=899), False),
        (reply(401, "APIGW.0303"), False),
        (reply(400, "APIG.0301", clock_skew=7200), True),
        # Rejected for another reason than the signature, or by who knows whom: the date of that answer proves nothing.
        (reply(401, clock_skew=7200), False),
        (reply(401, "401", clock_skew=7200), False),
        (reply(401, "APIG.0307", clock_skew=7200), False),
        (reply(400, "MSS.00010008", clock_skew=7200), False),
        (reply(403, "APIG.0303", clock_skew=7200), False),
        (reply(200, clock_skew=7200), False),
        (reply(500, "MSS.00000004", clock_skew=7200), False),
    ],
)
def test_a_wrong_clock_is_recognised(given: Reply, skewed: bool) -> None:  # noqa: FBT001 - a table's column
    """Rejected credentials are explained by the clock only where the answer's own date shows it."""
    assert is_clock_skew(given) is skewed


def test_the_breaker_opens_on_rejected_credentials_alone() -> None:
    """Those of the key or token, and those with which a token is asked for."""
    opening = [known for known, then in CONSEQUENCES.items() if then.opens_breaker]
    assert opening == [Meaning.BAD_CREDENTIALS, Meaning.SIGN_IN_REFUSED]


def test_the_tables_are_complete() -> None:
    """Every meaning is reached by some row, and has a consequence."""
    unanswered = {Meaning.LOST, Meaning.NEVER_SENT, *UNSENT.values()}
    assert {row.meaning for row in ANSWERED} | unanswered == set(Meaning) == set(CONSEQUENCES)
    assert UNSENT.keys() <= NEVER_LEFT


def test_gateway_codes_come_with_both_prefixes() -> None:
    """Huawei writes APIG and APIGW; other look-alikes are not the gateway's."""
    assert [is_gateway(reply(404, code)) for code in ("APIG.0101", "APIGW.0101", "APIGX.0101", "MSS.0101", None)] == [
        True, True, False, False, False,
    ]  # fmt: skip
