"""``freeze [reason]`` and ``unfreeze``. The use-case announces it to everybody; this answers the person who asked."""

from __future__ import annotations

from bot.deletion import freeze as freezing
from bot.domain.notifications import PendingRequest
from bot.domain.refusals import Refused
from handlers.dispatch import Dispatcher, Progress, Result
from handlers.grammar import Command
from handlers.views.freezing import frozen_text, unfrozen_text


def freeze(dispatcher: Dispatcher, pending: PendingRequest, typed: Command, progress: Progress) -> Result:
    """Stop all deletions, at once."""
    made = freezing.freeze(pending.actor, pending.channel, typed.text, dispatcher.ports)
    if isinstance(made, Refused):
        return made
    return frozen_text(dispatcher.wording.command, has_audit_channel=dispatcher.ports.config.audit_channel is not None)


def unfreeze(dispatcher: Dispatcher, pending: PendingRequest, typed: Command, progress: Progress) -> Result:
    """Allow deletions again."""
    lifted = freezing.unfreeze(pending.actor, pending.channel, dispatcher.ports)
    if isinstance(lifted, Refused):
        return lifted
    return unfrozen_text(lifted)
