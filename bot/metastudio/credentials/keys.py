"""Credentials and signatures for MetaStudio, by Huawei's own ``huaweicloudsdkcore``.

There are two ways in, and they exclude each other: an access key signs each request, or a token of IAM comes along. The
signature covers every header, the path and the query: once signed, a request must travel exactly as it is.
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
    """There are no credentials where the settings say they are. The text is for the person who starts the bot."""


class NoCredentials(Exception):
    """There is nothing to sign with at the moment; nothing was sent. No text in it holds a secret.

    ``code``, ``message`` and ``request_id`` are what IAM said, scrubbed, where it was asked.
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
    """What lets a request in at the moment."""

    def sign(self, draft: Draft, endpoint: str, at: datetime) -> Signed:
        """Make the request of one attempt."""
        ...

    def secrets(self) -> tuple[str, ...]:
        """What must never be shown, for scrubbing what the cloud says."""
        ...


@dataclass(frozen=True, slots=True, repr=False)
class Credentials:
    """An access key; with ``security_token`` a temporary one. Its ``repr`` shows nothing, so that no log can."""

    ak: str
    sk: str
    security_token: str | None = None

    def __repr__(self) -> str:
        """Tell only which kind it is."""
        return f"Credentials({'temporary' if self.security_token else 'permanent'}, hidden)"

    def fingerprint(self) -> str:
        """A name for this key pair that the breaker can remember. The secret is 40 random characters: no way back."""
        kind = "temporary" if self.security_token else "permanent"
        return hashlib.sha256(f"dh-bot\0{kind}\0{self.ak}\0{self.sk}".encode()).hexdigest()[:16]

    def secrets(self) -> tuple[str, ...]:
        """What must never be shown, for scrubbing what the cloud says."""
        return tuple(filter(None, (self.ak, self.sk, self.security_token)))

    def sign(self, draft: Draft, endpoint: str, at: datetime) -> Signed:
        """Sign one request for one attempt.

        The SDK takes the time from ``X-Sdk-Date`` if it is there and else warns about ``utcnow``; it signs a
        security token only if it is there before; it changes the request it is given, so each attempt has a new one.
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
        """Tell only until when."""
        return f"Token(hidden, until {self.expires_at:%Y-%m-%dT%H:%M:%SZ})"

    def secrets(self) -> tuple[str, ...]:
        """The token itself."""
        return (self.value,)

    def sign(self, draft: Draft, endpoint: str, at: datetime) -> Signed:  # noqa: ARG002 - a token needs no time
        """Send the token along. ``X-Project-Id`` belongs to the signed way in; a token knows its project."""
        headers = {name: value for name, value in draft.headers if name != "X-Project-Id"}
        headers["X-Auth-Token"] = self.value
        query = f"?{urlencode(draft.query, quote_via=quote)}" if draft.query else ""
        return Signed(draft.method, f"{endpoint}{draft.path}{query}", headers)


class CredentialSource(Protocol):
    """Where credentials come from: the settings, a profile file, an ECS agency, or IAM."""

    def fingerprint(self) -> str:
        """A name for the configured credentials that changes when they do; not at each renewal."""
        ...

    def current(self) -> Access:
        """What is valid now, without asking anybody; raises ``NoCredentials``. A DELETE takes this."""
        ...

    def renewed(self) -> Access:
        """What a read takes: as ``current``, but what is due is renewed first. Raises ``NoCredentials``."""
        ...

    def rejected(self, access: Access) -> bool:
        """Learn that MetaStudio rejected these; true if ``renewed`` gives others now."""
        ...


@dataclass(frozen=True, slots=True)
class FixedCredentials:
    """Access keys that stay what they are, permanent or temporary."""

    credentials: Credentials

    def fingerprint(self) -> str:
        """The key pair's own."""
        return self.credentials.fingerprint()

    def current(self) -> Credentials:
        """The keys, unless one of them is missing."""
        if not (self.credentials.ak and self.credentials.sk):
            raise NoCredentials("no access key is configured")
        return self.credentials

    def renewed(self) -> Credentials:
        """The same."""
        return self.current()

    def rejected(self, access: Access) -> bool:  # noqa: ARG002 - the protocol's
        """Nothing can be exchanged, and each wrong signature counts towards locking the key."""
        return False
