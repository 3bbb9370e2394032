"""Credentials and signatures for MetaStudio, by Huawei's own ``huaweicloudsdkcore``.

There are two ways to authenticate, and they exclude each other: an access key signs each request, or each request
carries a token of IAM. A signature covers every header, the path and the query: a signed request must not be changed.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol
from urllib.parse import quote, urlencode

from huaweicloudsdkcore.sdk_request import SdkRequest
from huaweicloudsdkcore.signer.signer import Signer

from bot.domain.model import Cause
from bot.metastudio.drafts import Draft


class CannotSignIn(Exception):
    """There are no credentials where the settings point. The message is for the person who starts the bot."""


class NoCredentials(Exception):
    """There are no valid credentials at the moment, and nothing was sent. No text in it holds a secret.

    ``code``, ``message`` and ``request_id`` are from IAM's answer, scrubbed, if there was one.
    """

    def __init__(
        self,
        why: str,
        cause: Cause = Cause.NO_CREDENTIALS,
        *,
        code: str | None = None,
        message: str | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(why)
        self.cause = cause
        self.code = code
        self.message = message
        self.request_id = request_id


@dataclass(frozen=True, slots=True)
class Signed:
    """A request ready to be sent: ``url`` holds path and query exactly as they were signed."""

    method: str
    url: str
    headers: dict[str, str] = field(repr=False)


class Access(Protocol):
    """The present credentials for a request."""

    def sign(self, draft: Draft, endpoint: str, at: datetime) -> Signed:
        """Make the request of one attempt."""
        ...

    def secrets(self) -> tuple[str, ...]:
        """The secret texts, for scrubbing the cloud's messages."""
        ...


@dataclass(frozen=True, slots=True, repr=False)
class Credentials:
    """An access key; with ``security_token`` a temporary one. Its ``repr`` shows nothing, so that no log can."""

    ak: str
    sk: str
    security_token: str | None = None

    def __repr__(self) -> str:
        """Show only the kind."""
        return f"Credentials({'temporary' if self.security_token else 'permanent'}, hidden)"

    def fingerprint(self) -> str:
        """A name for this key pair that the breaker can remember. The secret is 40 random characters: no way back."""
        kind = "temporary" if self.security_token else "permanent"
        return hashlib.sha256(f"dh-bot\0{kind}\0{self.ak}\0{self.sk}".encode()).hexdigest()[:16]

    def secrets(self) -> tuple[str, ...]:
        """Key, secret and security token."""
        return tuple(filter(None, (self.ak, self.sk, self.security_token)))

    def sign(self, draft: Draft, endpoint: str, at: datetime) -> Signed:
        """Sign one request for one attempt.

        The SDK takes the time from ``X-Sdk-Date`` if present, and otherwise warns about ``utcnow``. It signs a security
        token only if the header is already present. It changes the given request, so each attempt has a new one.
        """
        scheme, _, host = endpoint.partition("://")
        headers = dict(draft.headers)
        if self.security_token:
            headers["X-Security-Token"] = self.security_token
        headers["X-Sdk-Date"] = at.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
        request = SdkRequest(
            method=draft.method,
            schema=scheme,
            host=host,
            resource_path=draft.path,
            query_params=list(draft.query),
            header_params=headers,
        )
        Signer(self).sign(request)
        return Signed(draft.method, f"{endpoint}{request.uri}", request.header_params)


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Token:
    """A token of IAM for the one project. Its ``repr`` shows nothing, so that no log can."""

    value: str
    expires_at: datetime
    """By our clock."""

    def __repr__(self) -> str:
        """Show only the expiry."""
        return f"Token(hidden, until {self.expires_at:%Y-%m-%dT%H:%M:%SZ})"

    def secrets(self) -> tuple[str, ...]:
        """The token itself."""
        return (self.value,)

    def sign(self, draft: Draft, endpoint: str, at: datetime) -> Signed:  # noqa: ARG002 - a token needs no time
        """Add the token. ``X-Project-Id`` is for signed requests only; a token belongs to a project."""
        headers = {name: value for name, value in draft.headers if name != "X-Project-Id"}
        headers["X-Auth-Token"] = self.value
        query = f"?{urlencode(draft.query, quote_via=quote)}" if draft.query else ""
        return Signed(draft.method, f"{endpoint}{draft.path}{query}", headers)


class CredentialSource(Protocol):
    """A source of credentials: the settings, a profile file, an ECS agency, or IAM."""

    def fingerprint(self) -> str:
        """A fingerprint of the configured credentials. It changes with them, and not at a renewal."""
        ...

    def current(self) -> Access:
        """The valid credentials, without a network call; raises ``NoCredentials``. For a DELETE."""
        ...

    def renewed(self) -> Access:
        """The valid credentials, renewed first if that is due; raises ``NoCredentials``. For a read."""
        ...

    def rejected(self, access: Access) -> bool:
        """MetaStudio rejected these credentials; true if ``renewed`` returns others now."""
        ...


@dataclass(frozen=True, slots=True)
class FixedCredentials:
    """Access keys that are never renewed, permanent or temporary."""

    credentials: Credentials

    def fingerprint(self) -> str:
        """The fingerprint of the key pair."""
        return self.credentials.fingerprint()

    def current(self) -> Credentials:
        """The keys, unless one of them is missing."""
        if not (self.credentials.ak and self.credentials.sk):
            raise NoCredentials("no access key is configured")
        return self.credentials

    def renewed(self) -> Credentials:
        """As ``current``."""
        return self.current()

    def rejected(self, access: Access) -> bool:  # noqa: ARG002 - the protocol's
        """False: there are no other keys, and each wrong signature counts towards locking the key."""
        return False
