"""Access keys from the sources of Huawei's SDK: its credentials file, or the agency of the machine (ECS).

The SDK's own readers are used, with care. Their errors quote lines of the file and answers of the service, so those
errors are not passed on. They set key and secret one after the other, so their objects do not sign. Importing them
writes a random id into ``~/.huaweicloud/application_id``, which this bot sends nowhere; they are imported late, so that
this happens only where they are used.
"""

from __future__ import annotations

import hashlib
import time
from datetime import UTC, datetime
from typing import Any

import structlog
from requests.utils import get_environ_proxies, select_proxy

from bot.domain.ports import Clock
from bot.metastudio.credentials.keys import Access, CannotSignIn, Credentials, NoCredentials

log = structlog.get_logger(__name__)

METADATA_SERVICE = "http://169.254.169.254"
"""Huawei Cloud's metadata service, which issues the agency's keys; a link-local address."""

RENEW_BEFORE = 40 * 60.0
"""Seconds; the SDK's own threshold for temporary keys."""

_FILE = "the credentials file of Huawei's SDK (HUAWEICLOUD_SDK_CREDENTIALS_FILE, else ~/.huaweicloud/credentials)"


def profile_keys() -> Credentials:
    """The keys of the section ``[basic]`` of the SDK's credentials file; raises ``CannotSignIn``."""
    from huaweicloudsdkcore.auth.provider import ProfileCredentialProvider  # noqa: PLC0415 - see the top of this file

    try:
        found = ProfileCredentialProvider.get_basic().get_credentials()
        ak, sk, token = found.ak, found.sk, found.security_token
    except Exception as error:  # noqa: BLE001 - of the SDK, configparser and the system; some quote the secret
        raise CannotSignIn(
            f"METASTUDIO_AUTH=profile finds no keys in {_FILE}: {type(error).__name__}. "
            "The file must be readable and have a section [basic] with ak and sk."
        ) from None
    if not (ak and sk):
        raise CannotSignIn(
            f"METASTUDIO_AUTH=profile finds no keys in {_FILE}, but idp_id and id_token_file, which the bot does not "
            "support. Put ak and sk into its section [basic]."
        )
    return Credentials(ak, sk, token or None)


class AgencyKeys:
    """The temporary keys of this machine's agency. A ticker calls ``refresh``.

    After the start only ``refresh`` uses the network, so neither a click nor a DELETE ever waits for new keys.
    """

    def __init__(self, clock: Clock) -> None:
        """Fetch the keys; raises ``CannotSignIn`` if that fails."""
        from huaweicloudsdkcore.auth.internal import MetadataAccessor  # noqa: PLC0415 - see the top of this file

        self._clock = clock
        self._metadata = MetadataAccessor()
        self._held: tuple[Credentials, float] | None = None
        """The keys, and when they expire by the monotonic clock."""
        # The SDK uses the proxies of the environment, and a proxy would see the keys.
        if select_proxy(METADATA_SERVICE, get_environ_proxies(METADATA_SERVICE)):
            raise CannotSignIn(
                "METASTUDIO_AUTH=agency would ask this machine's metadata service through the proxy in HTTP_PROXY or "
                "ALL_PROXY. Add 169.254.169.254 to NO_PROXY."
            )
        try:
            self._fetch()
        except Exception as error:  # noqa: BLE001 - of the SDK, requests and the parser; some quote the answer
            raise CannotSignIn(
                f"METASTUDIO_AUTH=agency gets no keys from this machine's metadata service: {_why(error)}. It must be "
                "a machine of Huawei Cloud (ECS) that has been given an agency with MetaStudio permissions."
            ) from None

    def fingerprint(self) -> str:
        """One fingerprint for all agencies: the keys change often, and the agency's name cannot be read."""
        return hashlib.sha256(b"dh-bot\0agency").hexdigest()[:16]

    def current(self) -> Credentials:
        """The newest keys, while they are valid."""
        held = self._held
        if held is None or held[1] <= self._clock.monotonic():
            raise NoCredentials("the agency's keys have expired and could not be renewed")
        return held[0]

    def renewed(self) -> Credentials:
        """As ``current``: only ``refresh`` renews."""
        return self.current()

    def rejected(self, access: Access) -> bool:  # noqa: ARG002 - the protocol's
        """False: there are no other keys yet, and each wrong signature counts towards locking the key."""
        return False

    def refresh(self) -> int:
        """Fetch new keys if the present ones expire within forty minutes. To be called once a minute."""
        held = self._held
        if held is None or held[1] - self._clock.monotonic() < RENEW_BEFORE:
            try:
                self._fetch()
            except Exception as error:  # noqa: BLE001 - as above
                log.warning("agency_keys_not_renewed", error=_why(error))
        return 0

    def _fetch(self) -> None:
        """Fetch keys from the metadata service, with the SDK's two timeouts of three seconds."""
        given = self._metadata.get_credential()
        if not (given.access and given.secret and given.security_token):
            raise NoCredentials("the metadata service answered without keys")
        lives = _utc(given.expire_at) - self._clock.now()
        dies_at = self._clock.monotonic() + lives.total_seconds()
        self._held = Credentials(given.access, given.secret, given.security_token), dies_at


def _utc(stamp: float) -> datetime:
    """The expiry by the service. The SDK parses its UTC text as local time, and this undoes that.

    Comparing the SDK's stamp with the present, as the SDK does, is an hour off around a change of the clocks.
    """
    return datetime(*time.localtime(stamp)[:6], tzinfo=UTC)


def _why(error: Any) -> str:
    """The HTTP status of a failure, or else its class; never its text."""
    status = getattr(error, "status_code", None)
    return f"HTTP {status}" if isinstance(status, int) else type(error).__name__
