"""The records of the local Slack: people, groups, conversations, messages, calls.

They change only with `Slack.changed` held, by `sandbox.slack.slack` and its helpers.
"""

from __future__ import annotations

import secrets
import string
from dataclasses import dataclass, field
from typing import Any

LETTERS = string.ascii_uppercase + string.digits


def new_id(prefix: str) -> str:
    """Make an id that has the form of Slack's: a letter and ten capitals or digits (rulebook 2.8: opaque).

    The first of the ten is a digit, as in nearly every id of Slack. The bot shows a HELP_CONTACT without any digit as
    text, so an id without a digit would read differently in every twenty-sixth workspace.
    """
    return prefix + secrets.choice(string.digits) + "".join(secrets.choice(LETTERS) for _ in range(9))


@dataclass(slots=True)
class Team:
    """A workspace; `enterprise` is set when it belongs to an Enterprise organisation."""

    id: str
    name: str
    domain: str
    enterprise: str | None = None


@dataclass(slots=True)
class User:
    """A person or bot, with the flags of rulebook 5.4; `enterprise_user` is `{"id": ..., "teams": [...]}` or None."""

    id: str
    name: str
    team: str
    is_bot: bool = False
    deleted: bool = False
    is_restricted: bool = False
    is_ultra_restricted: bool = False
    is_stranger: bool = False
    enterprise_user: dict[str, Any] | None = None
    hidden: bool = False
    """users.info answers user_not_visible."""


@dataclass(slots=True)
class Group:
    """A user group (`S…`)."""

    id: str
    handle: str
    users: list[str]
    disabled: bool = False


@dataclass(slots=True)
class Channel:
    """A conversation. `kind` is one of public, private, im, mpim."""

    id: str
    name: str
    kind: str
    members: list[str]
    team: str
    archived: bool = False
    ext_shared: bool = False
    org_shared: bool = False
    restricted: str | None = None
    """The error code of a post here, e.g. restricted_action_read_only_channel."""
    messages: list[Message] = field(default_factory=list)
    """All messages in order of appearance, ephemeral ones too."""
    by_ts: dict[str, Message] = field(default_factory=dict)
    """The messages that have a usable ts: everything but ephemeral ones."""


@dataclass(slots=True)
class Message:
    """A message as it stands now; `versions` has its earlier contents, oldest first.

    `only_for` is the one person who sees an ephemeral message, or None. The `ts` of an ephemeral message only
    identifies it (rulebook 1.7). `via` is how it came: chat.postMessage, chat.postEphemeral, response_url, ack.
    """

    channel: str
    ts: str
    text: str
    blocks: list[dict[str, Any]]
    author: str
    at: float
    via: str
    thread_ts: str | None = None
    only_for: str | None = None
    metadata: dict[str, Any] | None = None
    deleted: bool = False
    versions: list[tuple[str, list[dict[str, Any]]]] = field(default_factory=list)
    replies: list[Message] = field(default_factory=list)

    @property
    def ephemeral(self) -> bool:
        """Whether only one person sees it."""
        return self.only_for is not None

    @property
    def contents(self) -> list[tuple[str, list[dict[str, Any]]]]:
        """Text and blocks of every version, in the order in which they came to stand; the present one is the last."""
        return [*self.versions, (self.text, self.blocks)]

    @property
    def buttons(self) -> list[dict[str, Any]]:
        """Every button of the current version, each with the `block_id` of its block added."""
        return buttons_of(self.blocks)


def buttons_of(blocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """List every button in blocks, each with the `block_id` of its block added."""
    found = []
    for block in blocks:
        elements = block["elements"] if block.get("type") == "actions" else [block.get("accessory") or {}]
        found += [{**each, "block_id": block.get("block_id")} for each in elements if each.get("type") == "button"]
    return found


@dataclass(slots=True)
class Call:
    """One request to the Web API or to a response_url; `method` is then "response_url".

    `response` is Slack's answer, or the answer that a fault (its kind in `fault`) replaced; None if the call had no
    effect. `args` never contains the token.
    """

    method: str
    args: dict[str, Any]
    token: str
    at: float
    content_type: str
    response: dict[str, Any] | None = None
    status: int = 200
    fault: str | None = None

    @property
    def ok(self) -> bool:
        """Whether Slack accepted the call (the caller may still not have received the answer)."""
        return bool(self.response and self.response.get("ok"))


@dataclass(frozen=True, slots=True)
class Happening:
    """One visible change: `what` is posted, updated, deleted, home."""

    what: str
    at: float
    message: Message | None
    text: str
    user: str | None = None


class Impossible(Exception):
    """A person in Slack could not do this. Pass force=True to forge it."""


class NotAcked(Exception):
    """The app did not answer in time or not well; the text is Slack's error (rulebook 1.3)."""
