"""Signing in to Huawei Cloud: IAM's ``POST /v3/auth/tokens``, a user name and a password for a token of one project.

By Huawei's page (iam_30_0001): the token comes in the header ``X-Subject-Token`` and is valid for 24 hours; a new one
does not end the old one; a HUAWEI ID account cannot sign in like this, an IAM user can. Errors have Keystone's form.
Huawei's support asks for ``X-IAM-Trace-Id``.
"""

from __future__ import annotations

import hashlib
import json
import re
import ssl
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial

import requests

from bot.domain.model import Cause
from bot.domain.ports import Clock
from bot.metastudio import drafts, scrubbing, wire
from bot.metastudio.credentials.keys import NoCredentials, Token
from bot.metastudio.credentials.tokens import TokenSource
from bot.metastudio.exchange import Exchange, NoAnswer

TOKENS = "/v3/auth/tokens?nocatalog=1"
"""Without the catalog of services: the bot does not read it, and it makes the token longer."""

CONNECT_TIMEOUT, READ_TIMEOUT = 5.0, 10.0
"""Seconds, at most: a read that waits for a token waits for MetaStudio as well."""

_TOKEN = re.compile(r"[!-~]{1,32000}")
"""A token that fits into one header; the gateway refuses headers of more than 32 KB."""


@dataclass(frozen=True, slots=True)
class User:
    """An IAM user, IAM's endpoint, and the project of the token."""

    endpoint: str
    domain: str
    name: str
    password: str = field(repr=False)
    project_id: str

    def fingerprint(self) -> str:
        """A fingerprint of user and password for the breaker.

        The ledger stores the fingerprint, and a password can be guessed where a secret key cannot. So it has only
        sixteen bits of a slow hash of the password: enough to notice a change, too few to confirm a guess.
        """
        who = hashlib.sha256(f"dh-bot\0token\0{self.endpoint}\0{self.domain}\0{self.name}".encode())
        proof = hashlib.scrypt(self.password.encode(), salt=who.digest(), n=2**14, r=8, p=1, dklen=2)
        return who.hexdigest()[:12] + proof.hex()

    def body(self) -> bytes:
        """The body of the request; it holds the password."""
        identity = {"name": self.name, "password": self.password, "domain": {"name": self.domain}}
        auth = {
            "identity": {"methods": ["password"], "password": {"user": identity}},
            "scope": {"project": {"id": self.project_id}},
        }
        return json.dumps({"auth": auth}).encode()

    def scrub(self, message: str) -> str:
        """IAM's message without the password, plain or escaped in JSON."""
        return scrubbing.scrub(message, (self.password, json.dumps(self.password)[1:-1]))


def token_source(
    user: User,
    *,
    clock: Clock,
    proxy: str | None,
    ssl_context: ssl.SSLContext | None,
    connect_timeout: float,
    read_timeout: float,
) -> TokenSource:
    """The source of tokens for this user, with the proxy and the certificates of MetaStudio's calls."""
    exchange = Exchange(
        clock=clock,
        proxy=proxy,
        ssl_context=ssl_context,
        connect_timeout=min(connect_timeout, CONNECT_TIMEOUT),
        read_timeout=min(read_timeout, READ_TIMEOUT),
        pool_size=1,
    )
    return TokenSource(partial(sign_in, user, exchange), user.fingerprint(), clock)


def sign_in(user: User, exchange: Exchange) -> Token:
    """Request a token, once; raises ``NoCredentials``, whose cause says whether IAM refused or failed."""
    request = requests.Request(
        "POST",
        f"{user.endpoint.rstrip('/')}{TOKENS}",
        headers={"User-Agent": drafts.USER_AGENT, "Content-Type": "application/json;charset=utf8"},
        data=user.body(),
    )
    answer = exchange(request)
    if isinstance(answer, NoAnswer):
        raise _failed(f"IAM: {answer.cause.value}", request_id=wire.first_two(answer.request_ids)[0])
    return token_in(answer, user)


def token_in(answer: wire.HttpResponse, user: User) -> Token:
    """Parse IAM's answer.

    Any 4xx counts as a refusal, except 408 and 429. Huawei does not document all of them. A retry does not mend a
    wrong request, and wrong passwords may lock the user.
    """
    body = wire.parsed(answer.body)
    request_id, _ = wire.first_two(wire.request_ids_in(answer.headers, body))
    if answer.status == 201:
        value, expires_at = answer.headers.get("X-Subject-Token"), _expiry(answer, body)
        if _TOKEN.fullmatch(value) is None or expires_at is None or expires_at <= answer.at:
            raise _failed("IAM's answer holds no token that is valid now", request_id=request_id)
        return Token(value, expires_at)
    code, message = wire.error_in(body)
    text = user.scrub(f"IAM answered HTTP {answer.status}" + (f": {message}" if message else ""))
    refused = 400 <= answer.status < 500 and answer.status not in (408, 429)
    raise _failed(text, code=code, request_id=request_id, refused=refused)


def _failed(
    text: str, *, code: str | None = None, request_id: str | None = None, refused: bool = False
) -> NoCredentials:
    cause = Cause.SIGN_IN_REFUSED if refused else Cause.SIGN_IN_FAILED
    return NoCredentials(text, cause, code=code, message=text, request_id=request_id)


def _expiry(answer: wire.HttpResponse, body: object) -> datetime | None:
    """When the token expires, by our clock: IAM's time minus its clock skew, by the ``Date`` of its answer."""
    token = body.get("token") if isinstance(body, dict) else None
    text = token.get("expires_at") if isinstance(token, dict) else None
    if not isinstance(text, str):
        return None
    try:
        expires_at = datetime.fromisoformat(text)
    except ValueError:
        return None
    if expires_at.tzinfo is None:
        expires_at = expires_at.replace(tzinfo=UTC)
    return expires_at - wire.clock_skew(answer)
