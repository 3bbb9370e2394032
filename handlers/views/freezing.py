"""The texts of a freeze: in its channel, in the threads of waiting cards, and to the person who asked. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from bot.domain.events import Kind
from bot.domain.model import Actor, Freeze
from handlers.views.blocks import Message, Para, Part, Typed, code, cut, mention, message, when

FROZEN, UNFROZEN = Kind.FROZEN.value, Kind.UNFROZEN.value
REASON_SHOWN = 1000
"""Characters of mrkdwn. A reason has at most 500 characters, but each invisible one is shown as its code point."""

STILL = "A deletion that was confirmed before may still be carried out; its thread says how it ends."


def freeze_parts(facts: Mapping[str, Any], *, in_thread: bool) -> list[Part | None]:
    """The announcement, or the notice in the thread of a waiting card."""
    who, at = _who(Actor(str(facts["user"]), "") if facts.get("user") else None), _at(facts)
    if facts.get("about") == UNFROZEN:
        then = "This card can be confirmed again, while its time lasts." if in_thread else "Jobs can be deleted again."
        return [Para(f"*Deletions are no longer frozen:* {who} allowed them again {at}. {then}")]
    then = (
        "This card cannot be confirmed until somebody allows deletions again; its time goes on running out."
        if in_thread
        else f"No new card is posted and none can be confirmed until somebody allows deletions again. {STILL}"
    )
    return [
        Para(f"*All deletions are frozen:* {who} stopped them {at}. {then}"),
        Typed("Reason", str(facts["reason"])) if facts.get("reason") else None,
    ]


def freeze_message(facts: Mapping[str, Any]) -> Message:
    """The announcement in the channel where the person asked."""
    return message(freeze_parts(facts, in_thread=False))


def frozen_text(command: str, *, has_audit_channel: bool) -> str:
    """The answer to the person who froze."""
    audit = ", the audit channel" if has_audit_channel else ""
    return (
        f"*All deletions are frozen* from now on. This is posted in this channel{audit} and the threads of waiting "
        f"cards. {STILL} `{command} unfreeze` allows deletions again."
    )


def unfrozen_text(lifted: Freeze) -> str:
    """The answer to the person who allowed deletions again."""
    return f"*Deletions are allowed again.* They were frozen: {freeze_line(lifted)}"


def freeze_line(freeze: Freeze) -> str:
    """Who stopped all deletions, when, and the reason if there is one, in one line."""
    why = f" Reason: {cut(code(freeze.reason), REASON_SHOWN)}." if freeze.reason else ""
    return f"{_who(freeze.by)} stopped all deletions {when(freeze.at)}.{why}"


def _who(actor: Actor | None) -> str:
    return mention(actor) if actor else "the bot itself"


def _at(facts: Mapping[str, Any]) -> str:
    return when(datetime.fromtimestamp(facts["at"], UTC)) if "at" in facts else ""
