"""Rules that several Web API methods share: who may post where, what a message may contain, rate limits."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sandbox.slack.records import Channel, Message
    from sandbox.slack.workspace import Workspace


class Refused(Exception):
    """`ok: false` with an error code; `retry_after` makes it an HTTP 429."""

    def __init__(self, error: str, more: dict[str, Any] | None = None, retry_after: int | None = None) -> None:
        super().__init__(error)
        self.error = error
        self.more = more or {}
        self.retry_after = retry_after


Args = dict[str, Any]

READ_SCOPE = {"public": "channels:read", "private": "groups:read", "im": "im:read", "mpim": "mpim:read"}


def need(slack: Workspace, scope: str) -> None:
    """Refuse unless the app has the scope."""
    if scope not in slack.scopes:
        raise Refused("missing_scope", {"needed": scope, "provided": ",".join(sorted(slack.scopes))})


def visible_channel(slack: Workspace, channel_id: str) -> Channel:
    """Find a conversation that the bot may know of. It may not know of private ones without it (rulebook 1.15)."""
    channel = slack.channels.get(channel_id)
    if channel is None or (channel.kind != "public" and slack.bot_user_id not in channel.members):
        if channel is None and channel_id.startswith("#"):
            slack.violation("channel by name: use the id")
        raise Refused("channel_not_found")
    return channel


def postable_channel(slack: Workspace, channel_id: str, *, loose: bool) -> Channel:
    """Find a conversation that the bot may post in.

    chat.postMessage is `loose`: a user id opens the DM with that person (rulebook 4.9), and with chat:write.public the
    bot need not be in a public channel (4.8).
    """
    channel = open_dm(slack, channel_id) if loose and channel_id in slack.users else visible_channel(slack, channel_id)
    if channel.archived:
        raise Refused("is_archived")
    if slack.bot_user_id not in channel.members and not (loose and "chat:write.public" in slack.scopes):
        raise Refused("not_in_channel")
    if channel.kind == "im" and not slack.messages_tab:
        raise Refused("messages_tab_disabled")
    if channel.restricted:
        raise Refused(channel.restricted)
    return channel


def open_dm(slack: Workspace, user_id: str) -> Channel:
    """Open the bot's DM with a person."""
    user = slack.users[user_id]
    if user.deleted or user.is_stranger:
        raise Refused("channel_not_found")
    if user.is_bot:
        raise Refused("cannot_dm_bot")
    return slack.channels[slack.im_with_bot(user_id)]


def check_message(slack: Workspace, method: str, args: Args, longest: int) -> None:
    """Check the arguments that chat.postMessage, chat.update and chat.postEphemeral share."""
    if args.get("text") is not None and not isinstance(args["text"], str):
        raise Refused("invalid_arguments")
    if not args.get("text") and not args.get("blocks") and not args.get("attachments"):
        raise Refused("no_text")
    if len(args.get("text") or "") > longest:
        if method == "chat.update":
            raise Refused("msg_too_long")
        slack.violation(f"{method}: text of {len(args['text'])} characters is cut at {longest}")
        args["text"] = args["text"][:longest]
    if args.get("username") or args.get("icon_url") or args.get("icon_emoji"):
        need(slack, "chat:write.customize")
    metadata = args.get("metadata")
    if metadata and not (isinstance(metadata, dict) and metadata.keys() == {"event_type", "event_payload"}):
        raise Refused("invalid_metadata_format")
    problems = slack.check_content(method, args)
    if problems:
        raise Refused("invalid_blocks", {"errors": problems, "response_metadata": {"messages": problems}})


def parent_of(channel: Channel, thread_ts: str) -> Message:
    """Find the parent of a thread. Slack's answer to the ts of a reply, or of nothing, is partly documented [?]."""
    parent = channel.by_ts.get(thread_ts)
    if parent is None or parent.deleted or parent.thread_ts is not None:
        raise Refused("cannot_reply_to_message")
    return parent


def obey_rate(slack: Workspace, channel: Channel) -> None:
    """Allow one message per second and channel, with a small burst (rulebook 4.5)."""
    if not slack.rate_limit:
        return
    now = slack.now()
    level, last = slack.rate_levels.get(channel.id, (float(slack.rate_burst), now))
    level = min(float(slack.rate_burst), level + now - last)
    if level < 1:
        slack.rate_levels[channel.id] = (level, now)
        raise Refused("ratelimited", retry_after=max(1, math.ceil(1 - level)))
    slack.rate_levels[channel.id] = (level - 1, now)
