"""The subcommands: one file each, and these two tables, which together have every name of ``SUBCOMMANDS``."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from bot.domain.events import Event, Kind
from bot.domain.notifications import Waiting
from handlers.dispatch import Desk, Result
from handlers.grammar import Command
from handlers.subcommands.dry_run import dry_run
from handlers.subcommands.find import find
from handlers.subcommands.freeze import freeze, unfreeze
from handlers.subcommands.help import help_text
from handlers.subcommands.history import history
from handlers.subcommands.open import open_ones
from handlers.subcommands.whoami import whoami

AT_ONCE: dict[str, Callable[[Desk], str]] = {
    "help": lambda desk: help_text(desk.wording),
}
"""Subcommands that need nothing but the settings: their answer is the ack."""

BEHIND_THE_ACK: dict[str, Callable[[Desk, Waiting, Command], Result]] = {
    "history": history,
    "find": find,
    "open": open_ones,
    "freeze": freeze,
    "unfreeze": unfreeze,
    "dry-run": dry_run,
    "whoami": whoami,
}
"""Subcommands that look something up. Each gets who waits for its answer, and what was typed."""


def run(desk: Desk, say: Callable[[str], None], waiting: Waiting, typed: Command, response_url: str | None) -> None:
    """Answer a subcommand; ``say`` is the ack. Nothing is looked up, read or written before it."""
    if behind := BEHIND_THE_ACK.get(typed.name):
        use_case = partial(behind, desk, waiting, typed)
        desk.begin(say, "Looking …", waiting, use_case, response_url, subcommand=typed.name)
        return
    say(AT_ONCE[typed.name](desk))
    facts = {"subcommand": typed.name}
    desk.record(Event(Kind.COMMAND, waiting.since, waiting.actor, channel=waiting.channel, facts=facts))
