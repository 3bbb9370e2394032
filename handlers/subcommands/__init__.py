"""The subcommands: one file each, and this table. One that is not built yet says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from bot.model import Actor, Refused
from bot.policy import Reason
from handlers.payloads import Subcommand
from handlers.subcommands.help import help_text
from handlers.views.refusals import refusal_text

if TYPE_CHECKING:
    from handlers.desk import Desk

AT_ONCE: dict[str, Callable[[Desk], str]] = {
    "help": lambda desk: help_text(desk.wording),
}
"""Subcommands that need nothing but the settings: their answer is the ack."""


def run(
    desk: Desk, ack: Callable[..., Any], actor: Actor, channel: str, typed: Subcommand, response_url: str | None
) -> None:
    """Answer a subcommand."""
    answer = AT_ONCE.get(typed.name)
    text = answer(desk) if answer else refusal_text(Refused(Reason.NOT_BUILT_YET, {"name": typed.name}), desk.wording)
    ack(text=text, response_type="ephemeral")
