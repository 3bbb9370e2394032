"""Look-ups: people, conversations, user groups (rulebook section 5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.slack.laws import READ_SCOPE, Args, Refused, need, open_dm, visible_channel

if TYPE_CHECKING:
    from sandbox.slack.records import User
    from sandbox.slack.workspace import Workspace


def users_info(slack: Workspace, args: Args) -> Args:
    """users.info (fields: rulebook 5.4)."""
    user = slack.users.get(args["user"])
    if user is None:
        raise Refused("user_not_found")
    if user.hidden:
        raise Refused("user_not_visible")
    return {"user": describe_user(slack, user)}


def describe_user(slack: Workspace, user: User) -> Args:
    """Write a user as users.info does. Absent flags stay absent, as for deactivated people."""
    entry: Args = {
        "id": user.id,
        "team_id": user.team,
        "name": user.name,
        "deleted": user.deleted,
        "real_name": user.name.title(),
        "profile": {"real_name": user.name.title(), "display_name": user.name, "team": user.team},
        "is_bot": user.is_bot,
        "is_app_user": False,
        "updated": int(slack.now()),
    }
    if not user.deleted:
        entry |= {
            "is_admin": False,
            "is_owner": False,
            "is_restricted": user.is_restricted or user.is_ultra_restricted,
            "is_ultra_restricted": user.is_ultra_restricted,
        }
    if user.team != slack.team_id or user.is_stranger:
        entry["is_stranger"] = user.is_stranger
    if user.enterprise_user:
        entry["enterprise_user"] = user.enterprise_user
    return entry


def conversations_info(slack: Workspace, args: Args) -> Args:
    """conversations.info."""
    channel = visible_channel(slack, args["channel"])
    need(slack, READ_SCOPE[channel.kind])
    entry: Args = {
        "id": channel.id,
        "created": 1700000000,
        "is_archived": channel.archived,
        "is_channel": channel.kind in ("public", "private"),
        "is_group": channel.kind == "private",
        "is_im": channel.kind == "im",
        "is_mpim": channel.kind == "mpim",
        "is_private": channel.kind != "public",
        "is_shared": channel.ext_shared or channel.org_shared,
        "is_ext_shared": channel.ext_shared,
        "is_org_shared": channel.org_shared,
        "is_pending_ext_shared": False,
        "context_team_id": slack.team_id,
    }
    if channel.kind == "im":
        entry["user"] = next(user for user in channel.members if user != slack.bot_user_id)
        entry["is_open"] = True
    else:
        entry |= {
            "name": channel.name,
            "name_normalized": channel.name,
            "is_member": slack.bot_user_id in channel.members,
        }
    if args.get("include_num_members"):
        entry["num_members"] = len(channel.members)
    return {"channel": entry}


def conversations_members(slack: Workspace, args: Args) -> Args:
    """conversations.members, in pages, external members included (rulebook 5.6)."""
    channel = visible_channel(slack, args["channel"])
    need(slack, READ_SCOPE[channel.kind])
    start = int(args.get("cursor") or 0)
    end = start + int(args.get("limit") or 100)
    following = str(end) if end < len(channel.members) else ""
    return {"members": channel.members[start:end], "response_metadata": {"next_cursor": following}}


def conversations_open(slack: Workspace, args: Args) -> Args:
    """conversations.open, with one person."""
    need(slack, "im:write")
    users = [user for user in str(args.get("users") or "").split(",") if user]
    if len(users) != 1:
        slack.violation("conversations.open: this double opens DMs with one person only")
        raise Refused("users_list_not_supplied")
    if users[0] not in slack.users:
        raise Refused("user_not_found")
    return {"channel": {"id": open_dm(slack, users[0]).id}}


def usergroups_users_list(slack: Workspace, args: Args) -> Args:
    """usergroups.users.list (rulebook 5.1, 5.3)."""
    if not slack.paid_plan:
        raise Refused("plan_upgrade_required")
    group = slack.groups.get(args["usergroup"])
    if group is None or (group.disabled and not args.get("include_disabled")):
        raise Refused("no_such_subteam")
    return {"users": list(group.users)}


def usergroups_list(slack: Workspace, args: Args) -> Args:
    """usergroups.list."""
    if not slack.paid_plan:
        raise Refused("plan_upgrade_required")
    groups = []
    for group in slack.groups.values():
        if group.disabled and not args.get("include_disabled"):
            continue
        entry: Args = {
            "id": group.id,
            "team_id": slack.team_id,
            "is_usergroup": True,
            "name": group.handle,
            "handle": group.handle,
            "date_delete": 1 if group.disabled else 0,
        }
        if args.get("include_users"):
            entry["users"] = list(group.users)
        if args.get("include_count"):
            entry["user_count"] = len(group.users)
        groups.append(entry)
    return {"usergroups": groups}
