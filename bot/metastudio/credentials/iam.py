"""Signing in to Huawei Cloud: IAM's ``POST /v3/auth/tokens``, a user name and a password for a token of one project.

By Huawei's page of it (iam_30_0001): the token comes in the header ``X-Subject-Token`` and lives 24 hours; a new one
does not end the old one; an account of the kind HUAWEI ID cannot sign in like this, an IAM user can. Errors have
Keystone's form, and ``X-IAM-Trace-Id`` is what support asks for.
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
"""Without the catalog of services, which nobody here reads and which makes the token longer."""

CONNECT_TIMEOUT, READ_TIMEOUT = 5.0, 10.0
"""Seconds, at most: whoever waits for a token waits for MetaStudio as well."""

_TOKEN = re.compile(r"[!-~]{1,32000}")
"""What fits into one header; the gateway refuses headers of more than 32 KB."""


@dataclass(frozen=True, slots=True)
class User:
    """An IAM user, where to sign in, and the project that the token is to be for."""

    endpoint: str
    domain: str
    name: str
    password: str = field(repr=False)
    project_id: str

    def fingerprint(self) -> str:
        """A name for this user and password that the breaker can remember.

        It stands in the ledger, and a password can be guessed where a secret key cannot. So it holds only sixteen bits
        of the password, and slow ones: enough to notice a changed one, and no help in finding out the right one.
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
        """IAM's words without the password, as it is and as JSON spells it."""
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
    """Tokens for this user, fetched over the same proxy and with the same trust as everything for MetaStudio."""
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
    """Ask for a token, once; raises ``NoCredentials`` with a cause that says whose fault it is."""
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
    """Read IAM's answer.

    Any 4xx counts as a refusal but for 408 and 429: which ones there are is not documented in full, and none that says
    that the request is wrong becomes right by being repeated, while wrong passwords may lock the user.
    """
    body = wire.parsed(answer.body)
    request_id, _ = wire.first_two(wire.request_ids_in(answer.headers, body))
    if answer.status == 201:
        value, expires_at = answer.headers.get("X-Subject-Token"), _expiry(answer, body)
        if _TOKEN.fullmatch(value) is None or expires_at is None or expires_at <= answer.at:
            raise _failed("IAM's answer holds no token that is valid now", request_id=request_id)
        return Token(value, expires_at)
    code, message = wire.error_in(body)
    said = user.scrub(f"IAM answered HTTP {answer.status}" + (f": {message}" if message else ""))
    refused = 400 <= answer.status < 500 and answer.status not in (408, 429)
    raise _failed(said, code=code, request_id=request_id, refused=refused)


def _failed(
    said: str, *, code: str | None = None, request_id: str | None = None, refused: bool = False
) -> NoCredentials:
    cause = Cause.SIGN_IN_REFUSED if refused else Cause.SIGN_IN_FAILED
    return NoCredentials(said, cause, code=code, message=said, request_id=request_id)


def _expiry(answer: wire.HttpResponse, body: object) -> datetime | None:
    """The moment by our clock at which the token expires; IAM's may be another, and its answer says what it shows."""
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
