"""Checks of Slack with the bot's own tokens. While a bot runs no WebSocket is opened, so that it loses no envelope."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from bot.doctor import people
from bot.doctor.findings import CheckResult, CheckState, Findings, clock, fine, not_checked, wrong
from bot.domain.model import ConversationKind
from bot.domain.ports import Clock
from bot.settings.schema import Settings
from bot.slack.errors import CUT_OFF, cause_of, error_code, is_passing, remedy
from bot.slack.people import SlackPeople, as_conversation
from bot.slack.trial import Trial, try_to_connect

SCOPES = ("commands", "chat:write", "users:read", "channels:read", "groups:read")
"""The scopes of manifest.yml that the bot always needs; a test compares the two."""
WITH_GROUPS = "usergroups:read"
"""Needed only where AUTHORIZED_USERGROUPS is set."""

REACH, TOKEN, SCOPE, CLOCK, SOCKET = "Slack", "bot token", "scopes", "Slack's clock", "Socket Mode"
WEBSOCKET, HTTP = "WebSocket", "HTTP mode"


@dataclass(frozen=True, slots=True)
class _No:
    """No response, and why.

    ``trouble`` is empty where Slack answered and refused: the fault is in what was asked. Otherwise Slack is
    unreachable or failing, and ``trouble`` continues a sentence about Slack.
    """

    why: str
    trouble: str = ""


def check(settings: Settings, client: WebClient, ours: Clock, *, bot_runs: bool | None) -> Findings:
    """All checks of Slack. All but the app-level token's depend on the bot token, and that on an answer of Slack.

    ``bot_runs``: whether a bot runs on this ledger; None if unknown.
    """
    us = _ask(client.auth_test)
    if isinstance(us, _No) and us.trouble:
        yield wrong(REACH, f"It {us.trouble}")
        yield from (not_checked(name, f"First correct: {REACH}.") for name in (TOKEN, *_on_token(settings)))
        if settings.slack_mode == "http":
            yield _http_mode()
        else:
            yield from (not_checked(name, f"First correct: {REACH}.") for name in (SOCKET, WEBSOCKET))
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
        yield clock(CLOCK, _skew(us.headers, ours.now()), "Slack")
        for name, channel in _conversations(settings):
            yield _channel(client, name, channel)
        yield from _people(settings, client, us.data, ours)
    if settings.slack_mode == "http":
        yield _http_mode()
    else:
        yield from _socket_mode(settings, client, bot_runs=bot_runs)


def _on_token(settings: Settings) -> Iterable[str]:
    """The checks that need a working bot token."""
    groups = map(_group, sorted(settings.authorized_usergroups))
    channels = (name for name, _ in _conversations(settings))
    return (SCOPE, CLOCK, *channels, people.PEOPLE, *groups, people.CONFIRM, people.FREEZE)


def _ask(method: Callable[..., Any], **arguments: str) -> Any:
    """The response, or ``_No``."""
    try:
        return method(**arguments)
    except SlackApiError as error:
        code = error_code(error.response)
        return _No(code, f"answers with an error ({code}). Try again later." if is_passing(error) else "")
    except CUT_OFF as error:
        return _No(cause_of(error), f"cannot be reached ({cause_of(error)}). {remedy(error)}")


def _header(headers: Mapping[str, Any], wanted: str) -> str:
    found = next((value for name, value in headers.items() if name.lower() == wanted), "")
    return str(found[0] if isinstance(found, list) and found else found)


def _scopes(headers: Mapping[str, Any], *, needs_groups: bool) -> CheckResult:
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


def _conversations(settings: Settings) -> Iterable[tuple[str, str]]:
    """Each channel in the settings, with the name of its check."""
    for channel in sorted(settings.authorized_channels):
        yield f"channel {channel}", channel
    if settings.audit_channel and settings.audit_channel not in settings.authorized_channels:
        yield f"channel {settings.audit_channel}", settings.audit_channel


def _channel(client: WebClient, name: str, channel: str) -> CheckResult:
    answer = _ask(client.conversations_info, channel=channel)
    if isinstance(answer, _No):
        refused = f"does not show it to the bot ({answer.why}). Check the id, and invite the bot there."
        return wrong(name, f"Slack {answer.trouble or refused}")
    found = answer.data.get("channel")
    conversation = as_conversation(channel, found if isinstance(found, Mapping) else {})
    if conversation.is_archived:
        return wrong(name, "It is archived. Take it out of the settings, or unarchive it.")
    if conversation.kind is not ConversationKind.CHANNEL:
        return wrong(name, "It is shared with another company, or no channel. Take it out of the settings.")
    if not conversation.is_member:
        return wrong(name, "The bot is not in it. Invite it there: /invite @ and the bot's name.")
    return fine(name, "The bot is in it.")


def _group(group: str) -> str:
    return f"user group {group}"


def _people(settings: Settings, client: WebClient, us: Mapping[str, Any], ours: Clock) -> Findings:
    groups: dict[str, Sequence[str] | None] = {}
    for group in sorted(settings.authorized_usergroups):
        members = _members(client, group)
        if isinstance(members, CheckResult):
            yield members
        groups[group] = None if isinstance(members, CheckResult) else members
    team, enterprise = us["team_id"], us.get("enterprise_id")
    asked = SlackPeople(client, team, enterprise, ours, settings.rules)
    yield from people.judge(settings, people.ask(asked, team, settings, groups, is_grid=enterprise is not None))


def _members(client: WebClient, group: str) -> Sequence[str] | CheckResult:
    """The ids of the group's members, or a finding about the group."""
    answer = _ask(client.usergroups_users_list, usergroup=group)
    if isinstance(answer, _No):
        refused = f"does not show its members ({answer.why}). Check the id and the scope {WITH_GROUPS}."
        return wrong(_group(group), f"Slack {answer.trouble or refused}")
    found = answer.data.get("users")
    members = [user for user in found if isinstance(user, str)] if isinstance(found, list) else []
    return members or wrong(_group(group), "Nobody is in it, or it is disabled.")


def _http_mode() -> CheckResult:
    return not_checked(HTTP, "Only a request of Slack's shows that it arrives: type the command with help.")


def _socket_mode(settings: Settings, client: WebClient, *, bot_runs: bool | None) -> Findings:
    opened = _ask(client.apps_connections_open, app_token=settings.slack_app_token.get_secret_value())
    if isinstance(opened, _No):
        refused = (
            f"gives no connection ({opened.why}). Check that SLACK_APP_TOKEN is this app's token with the scope "
            "connections:write, and that Socket Mode is switched on."
        )
        yield wrong(SOCKET, f"Slack {opened.trouble or refused}")
        yield not_checked(WEBSOCKET, f"First correct: {SOCKET}.")
        return
    yield fine(SOCKET, "Slack accepts the app-level token and offers a connection.")
    if bot_runs is None:
        yield not_checked(WEBSOCKET, "None was opened: the ledger does not say whether a bot runs.")
    elif bot_runs:
        yield not_checked(
            WEBSOCKET,
            "None was opened: a bot runs on this ledger, and Slack would hand some of its clicks to this one.",
        )
    else:
        yield _websocket(try_to_connect(str(opened.data.get("url")), client))


def _websocket(trial: Trial) -> CheckResult:
    if trial.trouble:
        return wrong(WEBSOCKET, trial.trouble)
    if trial.count is not None and trial.count > 1:
        return CheckResult(
            WEBSOCKET,
            CheckState.NOTE,
            f"One was opened, and closed again. Slack counts {trial.count} connections of this app: another "
            "process has one, or had it until a minute ago. Bots on one app have to share a PostgreSQL ledger.",
        )
    return fine(WEBSOCKET, "One was opened, Slack greeted it, and it was closed again.")
