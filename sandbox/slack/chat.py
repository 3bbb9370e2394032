"""chat.*: posting, ephemeral posting, updating, linking (rulebook 4.1 to 4.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.slack import block_kit as checks
from sandbox.slack.laws import Args, Refused, check_message, obey_rate, parent_of, postable_channel, visible_channel

if TYPE_CHECKING:
    from sandbox.slack.records import Message
    from sandbox.slack.workspace import Workspace


def post_message(slack: Workspace, args: Args) -> Args:
    """chat.postMessage."""
    channel = postable_channel(slack, args["channel"], loose=True)
    check_message(slack, "chat.postMessage", args, checks.POST_TEXT)
    if args.get("thread_ts"):
        parent_of(channel, args["thread_ts"])
    obey_rate(slack, channel)
    message = slack.put(channel.id, args, via="chat.postMessage")
    return {"channel": channel.id, "ts": message.ts, "message": slack.as_slack_shows(message)}


def post_ephemeral(slack: Workspace, args: Args) -> Args:
    """chat.postEphemeral: only to somebody in the channel (rulebook 4.1)."""
    channel = postable_channel(slack, args["channel"], loose=False)
    check_message(slack, "chat.postEphemeral", args, checks.POST_TEXT)
    if args["user"] not in channel.members or slack.users[args["user"]].deleted:
        raise Refused("user_not_in_channel")
    if args.get("thread_ts") and not parent_of(channel, args["thread_ts"]).replies:
        slack.violation("chat.postEphemeral: in a thread without replies it is shown to nobody (rulebook 4.1)")
        return {"message_ts": slack.next_ts()}
    message = slack.put(channel.id, args, via="chat.postEphemeral", only_for=args["user"])
    return {"message_ts": message.ts}


def update(slack: Workspace, args: Args) -> Args:
    """chat.update: the bot's own, not ephemeral, with text of at most 4000 characters (rulebook 4.2)."""
    channel = visible_channel(slack, args["channel"])
    if channel.archived:
        raise Refused("is_inactive")
    message = channel.by_ts.get(args["ts"])
    if message is None or message.deleted:
        raise Refused("message_not_found")
    if message.author != slack.bot_user_id:
        raise Refused("cant_update_message")
    if slack.edit_window is not None and slack.now() - message.at > slack.edit_window:
        raise Refused("edit_window_closed")
    check_message(slack, "chat.update", args, checks.UPDATE_TEXT)
    had = any(block["type"] == "rich_text" for block in message.blocks)
    if had and not any(block["type"] == "rich_text" for block in args.get("blocks") or []):
        raise Refused("block_mismatch")
    warn_of_reused_block_ids(slack, message, args.get("blocks") or [])
    slack.rewrite(message, args)
    return {
        "channel": channel.id,
        "ts": message.ts,
        "text": message.text,
        "message": slack.as_slack_shows(message),
    }


def warn_of_reused_block_ids(slack: Workspace, message: Message, blocks: list[Args]) -> None:
    """Note blocks that change under an id that the message had before (rulebook 3.2)."""
    before = {block["block_id"]: block for block in message.blocks}
    for block in blocks if slack.strict else ():
        if block.get("block_id") in before and before[block["block_id"]] != block:
            slack.violation(f"chat.update: block_id {block['block_id']} is used again for another block (rulebook 3.2)")


def get_permalink(slack: Workspace, args: Args) -> Args:
    """chat.getPermalink."""
    channel = visible_channel(slack, args["channel"])
    message = channel.by_ts.get(args["message_ts"])
    if message is None or message.deleted:
        raise Refused("message_not_found")
    tail = f"?thread_ts={message.thread_ts}&cid={channel.id}" if message.thread_ts else ""
    address = f"https://{slack.team_domain}.slack.com/archives/{channel.id}/p{message.ts.replace('.', '')}{tail}"
    return {"channel": channel.id, "permalink": address}
