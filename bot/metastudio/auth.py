"""Credentials and signatures for MetaStudio, by Huawei's own ``huaweicloudsdkcore``.

The signature covers every header, the path and the query: once signed, a request must travel exactly as it is.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from huaweicloudsdkcore.sdk_request import SdkRequest
from huaweicloudsdkcore.signer.signer import Signer

from bot.metastudio.wire import Draft


class NoCredentials(Exception):
    """There is nothing to sign with at the moment; nothing was sent. The text holds no secret."""


@dataclass(frozen=True, slots=True)
class Signed:
    """A request ready to be sent: ``url`` holds path and query exactly as they were signed."""

    method: str
    url: str
    headers: dict[str, str] = field(repr=False)


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


class CredentialSource(Protocol):
    """Where credentials come from: fixed ones now; a profile file, an ECS agency or an IAM token may follow."""

    def fingerprint(self) -> str:
        """A name for the configured credentials that changes when they do; not at each renewal."""
        ...

    def current(self) -> Credentials:
        """Credentials that are valid now; raises ``NoCredentials``."""
        ...


@dataclass(frozen=True, slots=True)
class FixedCredentials:
    """Access keys from the settings, permanent or temporary."""

    credentials: Credentials

    def fingerprint(self) -> str:
        """The key pair's own."""
        return self.credentials.fingerprint()

    def current(self) -> Credentials:
        """The keys, unless one of them is missing."""
        if not (self.credentials.ak and self.credentials.sk):
            raise NoCredentials("no access key is configured")
        return self.credentials
