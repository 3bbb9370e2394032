"""The gateway of the local Huawei Cloud: it checks signatures, tokens and key locks as the API gateway does.

The signature is computed here from its description (HMAC-SHA256 over the canonical request), not by Huawei's SDK: a
double that shares code with its subject proves nothing. The gate is stricter than the real gateway in one thing: every
`X-…` header, Host and Content-Type must be signed, because a header added after signing is a mistake of the client.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

if TYPE_CHECKING:
    from sandbox.wire.server import Request

MOST_SKEW = timedelta(minutes=15)
LOCKED_FOR = timedelta(minutes=5)
FAILURES_ALLOWED = 5
TOKEN_LIFE = timedelta(hours=24)

_AUTHORIZATION = re.compile(r"SDK-HMAC-SHA256 Access=([^,\s]+), SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})")


@dataclass(slots=True)
class Key:
    """An access key, temporary if it has a `security_token`. `failures` counts bad signatures in a row."""

    ak: str
    sk: str
    project_id: str
    security_token: str | None = None
    failures: int = 0
    locked_until: datetime | None = None


@dataclass(eq=False)
class Denied(Exception):
    """The gateway's answer to a request that it rejects. `gateway` codes get their prefix later."""

    status: int
    code: str
    message: str
    gateway: bool = True


@dataclass(slots=True)
class Gate:
    """Authenticates requests. `check` raises `Denied`."""

    project_id: str
    keys: dict[str, Key] = field(default_factory=dict)
    users: dict[tuple[str, str], str] = field(default_factory=dict)
    """(domain, user) -> password, for IAM tokens."""
    tokens: dict[str, datetime] = field(default_factory=dict)
    """Token -> the moment it expires."""

    def check(self, request: Request, project_id: str, now: datetime) -> None:
        """Accept an authenticated request of the right project; raises `Denied` for any other."""
        token = request.headers.get("X-Auth-Token")
        if token is not None:
            # The real gateway's answer to both is not known. A client that sends both is mistaken.
            if any(name in request.headers for name in ("Authorization", "X-Sdk-Date", "X-Project-Id")):
                raise Denied(401, "0301", "Incorrect IAM authentication information: a token and a signature")
            self._check_token(token, now)
        else:
            self._check_signature(request, now)
            if request.headers.get("X-Project-Id") != project_id:
                raise Denied(400, "MSS.00010009", "The tenant in the URL differs from that of the token", gateway=False)
        if project_id != self.project_id:
            raise Denied(400, "MSS.00010009", "The tenant in the URL differs from that of the token", gateway=False)

    def _check_token(self, token: str, now: datetime) -> None:
        expires = self.tokens.get(token)
        if expires is None:
            raise Denied(401, "0301", "Incorrect IAM authentication information: decrypt token fail")
        if now >= expires:
            raise Denied(401, "0307", "The token must be updated")

    def _check_signature(self, request: Request, now: datetime) -> None:
        parts = _AUTHORIZATION.fullmatch(request.headers.get("Authorization", ""))
        if parts is None:
            raise Denied(401, "0301", "Incorrect IAM authentication information: x-auth-token not found")
        ak, names, signature = parts[1], parts[2].split(";"), parts[3]
        key = self.keys.get(ak)
        if key is None:
            raise Denied(401, "0301", f"Incorrect IAM authentication information: Get secretKey failed,ak:{ak},"
                                      "err:ak not exist")  # fmt: skip
        if key.locked_until is not None and now < key.locked_until:
            raise Denied(401, "0301", "Incorrect IAM authentication information: "
                                      "AK access failed to reach the limit,forbidden")  # fmt: skip
        if key.locked_until is not None:
            key.locked_until, key.failures = None, 0
        try:
            self._match(key, names, signature, request, now)
        except Denied:
            key.failures += 1
            if key.failures > FAILURES_ALLOWED:
                key.locked_until = now + LOCKED_FOR
            raise
        key.failures = 0

    def _match(self, key: Key, names: list[str], signature: str, request: Request, now: datetime) -> None:
        headers = {name.lower(): _utf8(value) for name, value in request.headers.items()}
        unsigned = {n for n in headers if n.startswith("x-") or n in ("host", "content-type")} - set(names)
        missing = set(names) - set(headers)
        if unsigned or missing or names != sorted(names) or "x-sdk-date" not in names:
            raise Denied(401, "0301", f"Incorrect IAM authentication information: headers not signed: {unsigned},"
                                      f" signed and not sent: {missing}")  # fmt: skip
        ak, canonical = key.ak, canonical_request(request.method, request.target, headers, names, request.body)
        date = headers["x-sdk-date"]
        try:
            sent_at = datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=timezone.utc)  # noqa: UP017
        except ValueError:
            raise Denied(401, "0303", "Incorrect app authentication information: X-Sdk-Date not well-formed") from None
        if abs(now - sent_at) > MOST_SKEW:
            raise Denied(401, "0303", "Incorrect app authentication information: Signature expired, signature date: "
                                      f"{date}, canonical request: {canonical}")  # fmt: skip
        if not hmac.compare_digest(signature_of(canonical, date, key.sk), signature):
            raise Denied(401, "0301", f"Incorrect IAM authentication information: verify aksk signature fail,ak:{ak}")
        if key.security_token is not None and headers.get("x-security-token") != key.security_token:
            raise Denied(401, "0301", "Incorrect IAM authentication information: security token is wrong or missing")

    def issue_token(self, request: Request, now: datetime) -> tuple[str, dict[str, Any]]:
        """IAM's `POST /v3/auth/tokens`: a token of 24 hours for a name and password. Raises `Denied`."""
        if request.method != "POST" or not request.headers.get("Content-Type", "").startswith("application/json"):
            raise Denied(400, "400", "The request is invalid.", gateway=False)
        try:
            auth = json.loads(request.body)["auth"]
            methods, user = auth["identity"]["methods"], auth["identity"]["password"]["user"]
            domain, name, password = user["domain"]["name"], user["name"], user["password"]
            project_id = auth["scope"]["project"]["id"]
        except (ValueError, KeyError, TypeError):
            raise Denied(400, "400", "The request body is invalid.", gateway=False) from None
        known = self.users.get((domain, name))
        if known is None or not hmac.compare_digest(known.encode(), str(password).encode()):
            raise Denied(401, "401", "The username or password is wrong.", gateway=False)
        if methods != ["password"] or project_id != self.project_id:
            # Made up: IAM's answer about a project that the user may not enter is not known.
            raise Denied(403, "403", "You are not authorized to perform the requested action.", gateway=False)
        token, expires = secrets.token_urlsafe(600), now + TOKEN_LIFE
        self.tokens[token] = expires
        return token, {"token": {"expires_at": expires.strftime("%Y-%m-%dT%H:%M:%S.000000Z"),
                                 "methods": ["password"], "project": {"id": project_id}}}  # fmt: skip


def canonical_request(method: str, target: str, headers: dict[str, str], names: list[str], body: bytes) -> str:
    """Method, path with a slash at its end, query (sorted, then encoded), signed headers, their names, hash of body."""
    url = urlsplit(target)
    path = "/".join(quote(part, safe="~") for part in unquote(url.path).split("/"))
    query = sorted(parse_qsl(url.query, keep_blank_values=True))
    return "\n".join(
        (
            method,
            path if path.endswith("/") else path + "/",
            "&".join(f"{quote(key, safe='~')}={quote(value, safe='~')}" for key, value in query),
            *(f"{name}:{headers[name].strip()}" for name in names),
            "",
            ";".join(names),
            hashlib.sha256(body).hexdigest(),
        )
    )


def signature_of(canonical: str, date: str, sk: str) -> str:
    """One HMAC with the secret key itself: no derived keys, no region."""
    to_sign = f"SDK-HMAC-SHA256\n{date}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    return hmac.new(sk.encode(), to_sign.encode(), hashlib.sha256).hexdigest()


def _utf8(value: str) -> str:
    """Python's http.server reads header bytes as Latin-1; signatures are over UTF-8."""
    return value.encode("latin-1", "replace").decode("utf-8", "replace")
