"""Clients of Slack and Huawei, and the use-cases' settings, made from ``Settings`` for ``bot.app`` and the doctor."""

from __future__ import annotations

import ssl
from datetime import timedelta
from urllib.parse import urlsplit

from bot.domain.ports import Clock, Config
from bot.metastudio.client import MetaStudio
from bot.metastudio.credentials import iam
from bot.metastudio.credentials.keys import Credentials, CredentialSource, FixedCredentials
from bot.metastudio.credentials.sdk import AgencyKeys, profile_keys
from bot.metastudio.drafts import fingerprint
from bot.settings.schema import Settings
from bot.slack.connections import Connections, PooledWebClient, PooledWebhookClient

SLACK_TIMEOUT = 10
"""Seconds for one call of the Web API; the SDK's default of 30 would hold a worker too long."""


def tls_context(settings: Settings) -> ssl.SSLContext:
    """One context for every connection: loading the CA bundle anew costs 20 to 30 ms of CPU each time."""
    context = ssl.create_default_context()
    if settings.ca_bundle is not None:
        context.load_verify_locations(cafile=str(settings.ca_bundle))
    return context


def web_client(settings: Settings, tls: ssl.SSLContext) -> PooledWebClient:
    """Slack's Web API with the bot token, over connections of its own."""
    return PooledWebClient(
        Connections(tls, most=settings.workers),
        token=settings.slack_bot_token.get_secret_value(),
        base_url=settings.slack_api_url,
        ssl=tls,
        timeout=SLACK_TIMEOUT,
        # The outbox decides on retries; the SDK's own retry could post a message twice unnoticed.
        retry_handlers=[],
    )


def webhook(api_url: str, connections: Connections, url: str) -> PooledWebhookClient:
    """The client of a response_url. The url comes from a payload, so only Slack's host and the Web API's are allowed.

    Raises ``ValueError`` for any other address.
    """
    there, api = urlsplit(url), urlsplit(api_url)
    if (there.scheme, there.hostname) not in {("https", "hooks.slack.com"), (api.scheme, api.hostname)}:
        raise ValueError("a response_url that is not Slack's")
    return PooledWebhookClient(connections, url, timeout=SLACK_TIMEOUT, retry_handlers=[])


def credentials_of(settings: Settings, clock: Clock, tls: ssl.SSLContext) -> CredentialSource:
    """The source of credentials by METASTUDIO_AUTH; raises ``CannotSignIn``."""
    match settings.metastudio_auth:
        case "aksk":
            return FixedCredentials(Credentials(*settings.access_keys))
        case "profile":
            return FixedCredentials(profile_keys())
        case "agency":
            return AgencyKeys(clock)
        case "token":
            user = iam.User(
                settings.iam_endpoint,
                settings.iam_domain,
                settings.iam_user,
                settings.iam_password.get_secret_value(),
                settings.metastudio_project_id,
            )
            return iam.token_source(
                user,
                clock=clock,
                proxy=settings.metastudio_proxy.get_secret_value() or None,
                ssl_context=tls,
                connect_timeout=settings.connect_timeout,
                read_timeout=settings.read_timeout,
            )


def metastudio_of(settings: Settings, credentials: CredentialSource, clock: Clock, tls: ssl.SSLContext) -> MetaStudio:
    """MetaStudio's bare calls, without limiter and breaker."""
    return MetaStudio(
        settings.target,
        credentials,
        app_user_id=settings.metastudio_app_user_id or None,
        proxy=settings.metastudio_proxy.get_secret_value() or None,
        ssl_context=tls,
        connect_timeout=settings.connect_timeout,
        read_timeout=settings.read_timeout,
        clock=clock,
        pool_size=settings.workers,
    )


def config_of(settings: Settings) -> Config:
    """The settings of the use-cases."""
    return Config(
        target=settings.target,
        rules=settings.rules,
        connect_timeout=timedelta(seconds=settings.connect_timeout),
        read_timeout=timedelta(seconds=settings.read_timeout),
        settle_after=timedelta(seconds=settings.settle_after_seconds),
        max_open=settings.max_open,
        audit_channel=settings.audit_channel or None,
        app_user_fingerprint=fingerprint(settings.metastudio_app_user_id),
    )
