"""Slack's side, asked with the bot's own tokens. No envelope is taken from a running bot: the socket is not opened."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from bot.doctor import Finding, Findings, clock, fine, not_checked, wrong
from bot.model import PlaceKind
from bot.people import as_place
from bot.settings import Settings
from bot.slack_errors import CUT_OFF, error_code

SCOPES = ("commands", "chat:write", "users:read", "channels:read", "groups:read")
"""What the bot always needs of manifest.yml; a test keeps the two in step."""
WITH_GROUPS = "usergroups:read"
"""Needed only where AUTHORIZED_USERGROUPS is set."""

TOKEN, SCOPE, CLOCK, SOCKET = "bot token", "scopes", "Slack's clock", "Socket Mode"


def check(settings: Settings, client: WebClient, now: Callable[[], datetime]) -> Findings:
    """Everything but the app-level token stands on the bot token."""
    us = _ask(client.auth_test)
    if isinstance(us, str):
        yield wrong(
            TOKEN,
            f"Slack refuses it, or cannot be reached ({us}). Check that SLACK_BOT_TOKEN is the Bot User OAuth Token of "
            "this app, that the app is installed, and the network and proxy.",
        )
        rest = (SCOPE, CLOCK, *(name for name, _ in _places(settings)), *map(_group, settings.authorized_usergroups))
        yield from (not_checked(name, "The bot token does not work.") for name in rest)
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
    yield _mode(settings, client)


def _ask(method: Callable[..., Any], **arguments: str) -> Any:
    """The response, or why there is none."""
    try:
        return method(**arguments)
    except SlackApiError as error:
        return error_code(error.response)
    except CUT_OFF as error:
        return type(error).__name__


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
    if isinstance(answer, str):
        return wrong(name, f"Slack does not show it to the bot ({answer}). Check the id, and invite the bot there.")
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
    if isinstance(answer, str):
        return wrong(_group(group), f"Its members cannot be read ({answer}). Check the id and the scope {WITH_GROUPS}.")
    members = answer.data.get("users")
    if not isinstance(members, list) or not members:
        return wrong(_group(group), "Nobody is in it, or it is disabled.")
    return fine(_group(group), f"It has {len(members)} members.")


def _mode(settings: Settings, client: WebClient) -> Finding:
    if settings.slack_mode == "http":
        return not_checked("HTTP mode", "Only a request of Slack's shows that it arrives: type the command with help.")
    opened = _ask(client.apps_connections_open, app_token=settings.slack_app_token.get_secret_value())
    if isinstance(opened, str):
        return wrong(
            SOCKET,
            f"Slack gives no connection ({opened}). Check that SLACK_APP_TOKEN is this app's token with the scope "
            "connections:write, and that Socket Mode is switched on.",
        )
    return fine(SOCKET, "Slack accepts the app-level token and offers a connection.")
