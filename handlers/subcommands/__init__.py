"""The subcommands: one module each. The two tables together have every name of ``SUBCOMMANDS``."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from bot.domain.events import Event, Kind
from bot.domain.notifications import PendingRequest, ResponseUrl
from handlers.dispatch import Dispatcher, Progress, Result
from handlers.grammar import Command
from handlers.subcommands.dry_run import dry_run
from handlers.subcommands.find import find
from handlers.subcommands.freeze import freeze, unfreeze
from handlers.subcommands.help import help_text
from handlers.subcommands.history import history
from handlers.subcommands.open import open_ones
from handlers.subcommands.whoami import whoami

AT_ONCE: dict[str, Callable[[Dispatcher], str]] = {
    "help": lambda dispatcher: help_text(dispatcher.wording),
}
"""Subcommands that need only the settings: their answer is the ack."""

BEHIND_THE_ACK: dict[str, Callable[[Dispatcher, PendingRequest, Command, Progress], Result]] = {
    "history": history,
    "find": find,
    "open": open_ones,
    "freeze": freeze,
    "unfreeze": unfreeze,
    "dry-run": dry_run,
    "whoami": whoami,
}
"""Subcommands that do I/O, so they run behind the ack."""


def run(
    dispatcher: Dispatcher,
    say: Callable[[str], None],
    pending: PendingRequest,
    typed: Command,
    response_url: ResponseUrl | None,
) -> None:
    """Answer a subcommand; ``say`` is the ack. No I/O happens before the ack."""
    if behind := BEHIND_THE_ACK.get(typed.name):
        # Progress takes the place of the ack, as the answer does. A message of its own would stand below the answer.
        progress = partial(dispatcher.ports.messenger.answer, pending, response_url=response_url)
        use_case = partial(behind, dispatcher, pending, typed, progress)
        dispatcher.begin(say, "Looking …", pending, use_case, response_url, subcommand=typed.name)
        return
    say(AT_ONCE[typed.name](dispatcher))
    facts = {"subcommand": typed.name}
    dispatcher.record(Event(Kind.COMMAND, pending.since, pending.actor, channel=pending.channel, facts=facts))
