"""Slack's side, asked with the bot's own tokens. No envelope is taken from a running bot: the socket is not opened."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from bot.doctor import Finding, Findings, clock, fine, not_checked, wrong
from bot.model import Cause, PlaceKind
from bot.people import as_place
from bot.settings import Settings
from bot.slack_errors import CUT_OFF, error_code, is_passing

SCOPES = ("commands", "chat:write", "users:read", "channels:read", "groups:read")
"""What the bot always needs of manifest.yml; a test keeps the two in step."""
WITH_GROUPS = "usergroups:read"
"""Needed only where AUTHORIZED_USERGROUPS is set."""

REACH, TOKEN, SCOPE, CLOCK, SOCKET = "Slack", "bot token", "scopes", "Slack's clock", "Socket Mode"
HTTP = "HTTP mode"
UNSETTLED = (REACH, TOKEN, SCOPE, CLOCK, "channels", "user groups", f"{SOCKET} or {HTTP}")
"""What there is to check while it is not known which channels, which groups and which way."""

CAUSES = (
    (ConnectionRefusedError, Cause.CONNECTION_REFUSED),
    (socket.gaierror, Cause.NO_ADDRESS),
    (ssl.SSLCertVerificationError, Cause.BAD_CERTIFICATE),
    (TimeoutError, Cause.TIMED_OUT),
)
"""The bot's words for what urllib raises; anything else is told by the name of its class."""


@dataclass(frozen=True, slots=True)
class _No:
    """No response, and why.

    ``trouble`` is empty where Slack answered and refused, which tells of what was asked. Otherwise it continues a
    sentence about Slack: the way there is broken, or Slack itself is unwell.
    """

    why: str
    trouble: str = ""


def check(settings: Settings, client: WebClient, now: Callable[[], datetime]) -> Findings:
    """Everything but the app-level token stands on the bot token, and that on an answer of Slack."""
    us = _ask(client.auth_test)
    if isinstance(us, _No) and us.trouble:
        yield wrong(REACH, f"It {us.trouble}")
        yield from (not_checked(name, f"Not before this is right: {REACH}.") for name in (TOKEN, *_on_token(settings)))
        yield (
            _http_mode()
            if settings.slack_mode == "http"
            else not_checked(SOCKET, f"Not before this is right: {REACH}.")
        )
        return
    yield fine(REACH, "It answers.")
    if isinstance(us, _No):
        yield wrong(
            TOKEN,
            f"Slack refuses it ({us.why}). Check that SLACK_BOT_TOKEN is the Bot User OAuth Token of this app, that "
            "the app is installed, and, if the workspace restricts addresses, that this machine's is allowed.",
        )
        yield from (not_checked(name, "The bot token does not work.") for name in _on_token(settings))
    elif not us.data.get("bot_id"):
        yield wrong(TOKEN, "It is a person's token. SLACK_BOT_TOKEN must be the Bot User OAuth Token, xoxb-…")
    else:
        yield fine(TOKEN, "Slack accepts it as a bot's.")
        yield _scopes(us.headers, needs_groups=bool(settings.authorized_usergroups))
        yield clock(CLOCK, _skew(us.headers, now()), "Slack")
        for name, channel in _places(settings):
            yield _channel(client, name, channel)
        for group in sorted(settings.authorized_usergroups):
            yield _members(client, group)
    yield _http_mode() if settings.slack_mode == "http" else _socket_mode(settings, client)


def _on_token(settings: Settings) -> Iterable[str]:
    """What only a bot token that works can show."""
    groups = map(_group, sorted(settings.authorized_usergroups))
    return (SCOPE, CLOCK, *(name for name, _ in _places(settings)), *groups)


def _ask(method: Callable[..., Any], **arguments: str) -> Any:
    """The response, or ``_No``."""
    try:
        return method(**arguments)
    except SlackApiError as error:
        code = error_code(error.response)
        return _No(code, f"answers with an error ({code}). Try again later." if is_passing(error) else "")
    except CUT_OFF as error:
        why = _cause(error)
        return _No(why, f"cannot be reached ({why}). Check the network and HTTPS_PROXY.")


def _cause(error: Exception) -> str:
    """What lies behind urllib's error; its text may quote an address."""
    reason = getattr(error, "reason", None)
    found = reason if isinstance(reason, Exception) else error
    return next((cause.value for kind, cause in CAUSES if isinstance(found, kind)), type(found).__name__)


def _header(headers: Mapping[str, Any], wanted: str) -> str:
    found = next((value for name, value in headers.items() if name.lower() == wanted), "")
    return str(found[0] if isinstance(found, list) and found else found)


def _scopes(headers: Mapping[str, Any], *, needs_groups: bool) -> Finding:
    granted = {scope.strip() for scope in _header(headers, "x-oauth-scopes").split(",")} - {""}
    if not granted:
        return not_checked(SCOPE, "Slack did not say which scopes the token has.")
    missing = [scope for scope in (*SCOPES, *((WITH_GROUPS,) if needs_groups else ())) if scope not in granted]
    if missing:
        return wrong(
            SCOPE,
            f"Missing: {', '.join(missing)}. Add them on the app's page OAuth & Permissions, or paste manifest.yml "
            "anew, then install the app again.",
        )
    return fine(SCOPE, "The token has all that the bot needs.")


def _skew(headers: Mapping[str, Any], now: datetime) -> float | None:
    try:
        return (parsedate_to_datetime(_header(headers, "date")) - now).total_seconds()
    except (TypeError, ValueError):
        return None


def _places(settings: Settings) -> Iterable[tuple[str, str]]:
    """The channels that are named in the settings, with the name of their check."""
    for channel in sorted(settings.authorized_channels):
        yield f"channel {channel}", channel
    if settings.audit_channel and settings.audit_channel not in settings.authorized_channels:
        yield f"channel {settings.audit_channel}", settings.audit_channel


def _channel(client: WebClient, name: str, channel: str) -> Finding:
    answer = _ask(client.conversations_info, channel=channel)
    if isinstance(answer, _No):
        refused = f"does not show it to the bot ({answer.why}). Check the id, and invite the bot there."
        return wrong(name, f"Slack {answer.trouble or refused}")
    found = answer.data.get("channel")
    place = as_place(channel, found if isinstance(found, Mapping) else {})
    if place.is_archived:
        return wrong(name, "It is archived. Take it out of the settings, or unarchive it.")
    if place.kind is not PlaceKind.CHANNEL:
        return wrong(name, "It is shared with another company, or no channel. Take it out of the settings.")
    if not place.is_member:
        return wrong(name, "The bot is not in it. Invite it there: /invite @ and the bot's name.")
    return fine(name, "The bot is in it.")


def _group(group: str) -> str:
    return f"user group {group}"


def _members(client: WebClient, group: str) -> Finding:
    answer = _ask(client.usergroups_users_list, usergroup=group)
    if isinstance(answer, _No):
        refused = f"does not tell its members ({answer.why}). Check the id and the scope {WITH_GROUPS}."
        return wrong(_group(group), f"Slack {answer.trouble or refused}")
    members = answer.data.get("users")
    if not isinstance(members, list) or not members:
        return wrong(_group(group), "Nobody is in it, or it is disabled.")
    return fine(_group(group), f"It has {len(members)} members.")


def _http_mode() -> Finding:
    return not_checked(HTTP, "Only a request of Slack's shows that it arrives: type the command with help.")


def _socket_mode(settings: Settings, client: WebClient) -> Finding:
    opened = _ask(client.apps_connections_open, app_token=settings.slack_app_token.get_secret_value())
    if isinstance(opened, _No):
        refused = (
            f"gives no connection ({opened.why}). Check that SLACK_APP_TOKEN is this app's token with the scope "
            "connections:write, and that Socket Mode is switched on."
        )
        return wrong(SOCKET, f"Slack {opened.trouble or refused}")
    return fine(SOCKET, "Slack accepts the app-level token and offers a connection.")
