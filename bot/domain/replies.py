"""What a reply of MetaStudio means, as two tables: reply -> ``Meaning``, and ``Meaning`` -> what follows. Pure.

A reply that does not clearly mean "done" or "refused" leaves the outcome UNKNOWN, because a DELETE cannot be undone.
A refusal does not prove that nothing happened, because proxies and gateways repeat a DELETE by themselves. If a second
DELETE of the same job would get this refusal, the outcome is unknown too (CONFLICT). After any other refusal the job is
read. Only a throttled DELETE is sent again.

Where Huawei's documentation contradicts itself the status decides and the code is only shown. ``MSS.00000004``, for
example, is "Internal Error" on the page of this operation and "authentication failed" elsewhere, so no code branches on
it.

Sources: MetaStudio's pages of the three operations (200, 400 and 500; error_code and error_msg; X-Request-Id), its
error-code page, and the error-code table of the API gateway in front of it, whose codes are written both ``APIG.0301``
and ``APIGW.0301``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container
from dataclasses import dataclass
from enum import StrEnum

from bot.domain.model import NEVER_LEFT, Cause, Operation, Reply


class Meaning(StrEnum):
    """Every kind of reply there is."""

    NEVER_SENT = "never sent"
    NOT_SIGNED_IN = "never sent, for want of valid credentials"
    SIGN_IN_REFUSED = "never sent, because IAM refused the user name and password"
    LOST = "sent, and no whole answer came back"
    THROTTLED = "too many calls"
    BAD_CREDENTIALS = "the credentials were rejected"
    FORBIDDEN = "the credentials lack a permission"
    OK = "done"
    SERVER_ERROR = "MetaStudio itself failed"
    UNCLEAR = "an answer that says neither yes nor no"
    CONFLICT = "the request was refused, as a second DELETE of the same job is"
    REJECTED = "the request was refused"


# ---------------------------------------------------------------------------------------------- what the codes say

_GATEWAY = re.compile(r"APIGW?\.\d{4}")
_THROTTLING = re.compile(r"APIGW?\.0308")  # "The throttling threshold has been reached"; the status is not documented
_AUTHENTICATION = re.compile(
    r"APIGW?\.030[137]"  # 0301 signature, key or token wrong; 0303 also a date 15 minutes off; 0307 renew the token
    r"|MSS\.0001000[89]"  # invalid token; the project of the URL is not the one of the credentials (both come as 400)
)
_SIGNATURE = re.compile(r"APIGW?\.030[13]")  # the codes for a date that is off; the others are about tokens
_METASTUDIO = re.compile(r"MSS\..*")
_SPECIFIC = re.compile(r"MSS\.(?!0000\d{4}\Z).*")  # any code of MetaStudio but the general ones, MSS.0000xxxx
_SERVICE_ACCESS = re.compile(r"MSS\.0001\d{4}")  # 00010003 no such API, 00010004 wrong method, 00010008 and 9: above

MOST_CLOCK_SKEW = 15 * 60
"""Seconds that ``X-Sdk-Date`` may be off before the gateway refuses the signature (its FAQ on APIGW.0303)."""


def _has(code: re.Pattern[str], reply: Reply) -> bool:
    return reply.code is not None and code.fullmatch(reply.code) is not None


def _is_done(reply: Reply) -> bool:
    """Success as documented: 200, and for Delete also 204, from the service-wide status page.

    A success with an error code contradicts itself. A success of Delete needs a request id, which MetaStudio sends with
    every answer, because a captive portal or a proxy in between answers 200 to anything.
    """
    if not reply.body_ok or reply.code is not None:
        return False
    if reply.operation is Operation.DELETE:
        return reply.status in (200, 204) and reply.request_id is not None
    return reply.status == 200


# ------------------------------------------------------------------------------------------------- reply -> meaning


@dataclass(frozen=True, slots=True)
class Row:
    """One row. It fits a reply with one of these statuses, with such a code (None: any), if ``also`` holds."""

    reply: str
    statuses: Container[int]
    code: re.Pattern[str] | None
    meaning: Meaning
    also: Callable[[Reply], bool] | None = None

    def fits(self, reply: Reply) -> bool:
        return (
            reply.status in self.statuses
            and (self.code is None or _has(self.code, reply))
            and (self.also is None or self.also(reply))
        )


_4XX, _5XX, _ANY = range(400, 500), range(500, 600), range(1000)

ANSWERED = (
    # the reply                             its status            code             what it means
    Row("success as it is documented",      {200, 204},           None,            Meaning.OK, also=_is_done),
    Row("408: some of it may have arrived", {408},                None,            Meaning.UNCLEAR),
    Row("5xx by MetaStudio itself",         _5XX,                 _METASTUDIO,     Meaning.SERVER_ERROR),
    Row("401",                              {401},                None,            Meaning.BAD_CREDENTIALS),
    Row("400, an authentication code",      {400},                _AUTHENTICATION, Meaning.BAD_CREDENTIALS),
    Row("403",                              {403},                None,            Meaning.FORBIDDEN),
    Row("429",                              {429},                None,            Meaning.THROTTLED),
    Row("any other 4xx, …0308",             _4XX,                 _THROTTLING,     Meaning.THROTTLED),
    Row("404, 409, 410, 412",               {404, 409, 410, 412}, None,            Meaning.CONFLICT),
    Row("any other 4xx, not MSS.0000xxxx",  _4XX,                 _SPECIFIC,       Meaning.CONFLICT),
    Row("any other 4xx",                    _4XX,                 None,            Meaning.REJECTED),
    Row("any other 2xx, every 3xx and 5xx", _ANY,                 None,            Meaning.UNCLEAR),
)  # fmt: skip
"""Replies that have a status. The first row that fits wins; the last one fits everything.

So a 5xx with …0308 is unclear and its DELETE is not sent again. ``MSS.0001xxxx`` (no such API, wrong method) does not
count as a general code: reading costs half a minute, and taking the answer for a refusal might be wrong.
"""


UNSENT = {
    Cause.NO_CREDENTIALS: Meaning.NOT_SIGNED_IN,
    Cause.SIGN_IN_FAILED: Meaning.NOT_SIGNED_IN,
    Cause.SIGN_IN_REFUSED: Meaning.SIGN_IN_REFUSED,
}
"""Causes that mean more than that nothing was sent."""


def meaning(reply: Reply) -> Meaning:
    """Look the reply up. Without a status it has a cause, and ``NEVER_LEFT`` says which were certainly not sent."""
    if reply.status is None:
        return UNSENT.get(reply.cause, Meaning.NEVER_SENT) if reply.cause in NEVER_LEFT else Meaning.LOST
    return next((row.meaning for row in ANSWERED if row.fits(reply)), Meaning.UNCLEAR)


# --------------------------------------------------------------------------------------- meaning -> what follows


@dataclass(frozen=True, slots=True)
class Consequence:
    """The consequences for calls. Those for the deletion are in ``outcomes.BY_MEANING``."""

    read_again: bool
    """Whether a GET may be retried (at most twice). A DELETE is retried only by its use-case, when throttled."""
    opens_breaker: bool = False


CONSEQUENCES = {
    #                                    a GET is repeated
    Meaning.OK:              Consequence(read_again=False),
    Meaning.UNCLEAR:         Consequence(read_again=True),
    Meaning.SERVER_ERROR:    Consequence(read_again=True),
    Meaning.LOST:            Consequence(read_again=True),
    Meaning.BAD_CREDENTIALS: Consequence(read_again=False, opens_breaker=True),
    Meaning.FORBIDDEN:       Consequence(read_again=False),
    Meaning.THROTTLED:       Consequence(read_again=True),
    Meaning.CONFLICT:        Consequence(read_again=False),
    Meaning.REJECTED:        Consequence(read_again=False),
    Meaning.NEVER_SENT:      Consequence(read_again=True),
    Meaning.NOT_SIGNED_IN:   Consequence(read_again=False),
    Meaning.SIGN_IN_REFUSED: Consequence(read_again=False, opens_breaker=True),
}  # fmt: skip

_POINTLESS = frozenset({Cause.BAD_CERTIFICATE, Cause.LIMITED, Cause.TOO_LATE, Cause.BREAKER_OPEN})
"""Causes that an immediate retry would meet again."""


def opens_breaker(reply: Reply) -> bool:
    """Whether calls must stop: more than five bad signatures in a row lock the key for five minutes.

    One wrong password stops them too, because it is not documented after how many IAM locks the user out.
    """
    return CONSEQUENCES[meaning(reply)].opens_breaker


def may_repeat_read(reply: Reply) -> bool:
    """Whether to retry a GET with this reply. A 2xx or 3xx that is not the job will not improve."""
    if reply.status is not None and reply.status < 400:
        return False
    return CONSEQUENCES[meaning(reply)].read_again and reply.cause not in _POINTLESS


# ----------------------------------------------------------------------------------------- questions about a reply


def is_gateway(reply: Reply) -> bool:
    """Whether the gateway answered and not MetaStudio: ``APIG.0101``, a 404, is a wrong URL, not a missing job."""
    return _has(_GATEWAY, reply)


def says_gone(reply: Reply) -> bool:
    """Whether this reply to Show means *no such job*: half of what settles an unknown outcome; List must agree.

    It is any 4xx except those about the caller (401, 403, 408, 429), the URL (gateway) or the access (MSS.0001xxxx),
    because no documented code means only that. MSS.41000003, "task does not exist", is of a neighbouring family.
    """
    if reply.operation is not Operation.SHOW or reply.status is None or not 400 <= reply.status <= 499:
        return False
    return reply.status not in (401, 403, 408, 429) and not is_gateway(reply) and not _has(_SERVICE_ACCESS, reply)


def says_no_such_job(reply: Reply) -> bool:
    """Whether MetaStudio itself answered 404 to Show. This one reply is enough to answer a user *no such job*.

    A 404 without one of its codes may be a page by a proxy.
    """
    return says_gone(reply) and reply.status == 404 and _has(_METASTUDIO, reply)


def is_clock_skew(reply: Reply) -> bool:
    """Whether our clock explains a rejection of the signature, by the ``Date`` of the same answer."""
    if meaning(reply) is not Meaning.BAD_CREDENTIALS or not _has(_SIGNATURE, reply) or reply.clock_skew is None:
        return False
    return abs(reply.clock_skew) > MOST_CLOCK_SKEW


def proves_credentials(reply: Reply) -> bool:
    """Whether this reply shows that the credentials were accepted, which closes the breaker.

    Throttling, or a page by a proxy, comes before the signature is checked.
    """
    match meaning(reply):
        case Meaning.OK | Meaning.SERVER_ERROR:
            return True
        case Meaning.FORBIDDEN:
            return reply.code is not None
        case Meaning.REJECTED | Meaning.CONFLICT:
            return _has(_METASTUDIO, reply) and not _has(_SERVICE_ACCESS, reply)
        case _:
            return False
