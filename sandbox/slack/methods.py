"""The table of Web API methods that this double knows, and the few methods without a module of their own.

Each method runs with `Slack.changed` held. It returns the fields of its answer or raises `Refused`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandbox.slack import block_kit as checks
from sandbox.slack.chat import get_permalink, post_ephemeral, post_message, update
from sandbox.slack.laws import Args, Refused
from sandbox.slack.reads import (
    conversations_info,
    conversations_members,
    conversations_open,
    usergroups_list,
    usergroups_users_list,
    users_info,
)
from sandbox.slack.records import new_id

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.slack.workspace import Workspace


@dataclass(frozen=True)
class Method:
    """One method: its function, its arguments, the scope it always needs, and how it is called."""

    run: Callable[[Workspace, Args], Args]
    required: frozenset[str] = frozenset()
    optional: frozenset[str] = frozenset()
    scope: str | None = None
    json: bool = False
    app_token: bool = False


def views_publish(slack: Workspace, args: Args) -> Args:
    """views.publish: the Home tab of one person."""
    if not slack.scopes:
        raise Refused("missing_scope", {"needed": "any", "provided": ""})
    if not slack.home_tab:
        raise Refused("not_enabled")
    user = slack.users.get(args["user_id"])
    if user is None or user.is_bot:
        raise Refused("user_not_found")
    old = slack.homes.get(user.id)
    if args.get("hash") and (old is None or args["hash"] != old["hash"]):
        raise Refused("hash_conflict")
    problems = checks.check_view(args["view"]) if slack.strict else []
    if problems:
        slack.violation(f"views.publish: {problems}")
        raise Refused("invalid_arguments", {"response_metadata": {"messages": problems}})
    slack.advise("views.publish", "", args["view"]["blocks"])
    view = {
        **args["view"],
        "id": old["id"] if old else new_id("V"),
        "team_id": slack.team_id,
        "app_id": slack.app_id,
        "bot_id": slack.bot_id,
        "hash": f"{slack.next_ts()}.{new_id('h')}",
        "blocks": slack.with_block_ids(args["view"]["blocks"]),
    }
    slack.publish_home(user.id, view)
    return {"view": view}


def auth_test(slack: Workspace, _args: Args) -> Args:
    """auth.test."""
    found: Args = {
        "url": f"https://{slack.team_domain}.slack.com/",
        "team": slack.teams[slack.team_id].name,
        "user": "dh-job-bot",
        "team_id": slack.team_id,
        "user_id": slack.bot_user_id,
        "bot_id": slack.bot_id,
        "is_enterprise_install": False,
    }
    if slack.enterprise_id:
        found["enterprise_id"] = slack.enterprise_id
    return found


def connections_open(slack: Workspace, _args: Args) -> Args:
    """apps.connections.open: a WebSocket address good for one connection (rulebook 6.1)."""
    if not slack.socket_mode:
        raise Refused("forbidden_team")
    return {"url": slack.ticket_url()}


_LOOKS = {"text", "blocks", "attachments", "link_names", "parse", "as_user", "markdown_text"}
_NAMES = {"username", "icon_emoji", "icon_url", "mrkdwn", "unfurl_links", "unfurl_media"}

METHODS = {
    "apps.connections.open": Method(connections_open, json=True, app_token=True),
    "auth.test": Method(auth_test, json=True),
    "chat.getPermalink": Method(get_permalink, frozenset({"channel", "message_ts"})),
    "chat.postEphemeral": Method(
        post_ephemeral,
        frozenset({"channel", "user"}),
        frozenset(_LOOKS | _NAMES | {"thread_ts"}),
        "chat:write",
        json=True,
    ),
    "chat.postMessage": Method(
        post_message,
        frozenset({"channel"}),
        frozenset(_LOOKS | _NAMES | {"thread_ts", "reply_broadcast", "metadata"}),
        "chat:write",
        json=True,
    ),
    "chat.update": Method(
        update,
        frozenset({"channel", "ts"}),
        frozenset(_LOOKS | {"metadata", "reply_broadcast", "file_ids"}),
        "chat:write",
        json=True,
    ),
    "conversations.info": Method(
        conversations_info, frozenset({"channel"}), frozenset({"include_locale", "include_num_members"})
    ),
    "conversations.members": Method(conversations_members, frozenset({"channel"}), frozenset({"cursor", "limit"})),
    "conversations.open": Method(
        conversations_open, optional=frozenset({"channel", "users", "return_im", "prevent_creation"}), json=True
    ),
    "usergroups.list": Method(
        usergroups_list,
        optional=frozenset({"include_count", "include_disabled", "include_users"}),
        scope="usergroups:read",
    ),
    "usergroups.users.list": Method(
        usergroups_users_list, frozenset({"usergroup"}), frozenset({"include_disabled"}), "usergroups:read"
    ),
    "users.info": Method(users_info, frozenset({"user"}), frozenset({"include_locale"}), "users:read"),
    "views.publish": Method(views_publish, frozenset({"user_id", "view"}), frozenset({"hash"}), json=True),
}
"""Every method that this double knows. Any other gets `unknown_method` and is a violation."""
