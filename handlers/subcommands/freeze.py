"""``freeze [reason]`` and ``unfreeze``. Everybody is told by the announcement; this answers who asked."""

from __future__ import annotations

from bot.deletion import freeze as freezing
from bot.domain.notifications import Waiting
from bot.domain.refusals import Refused
from handlers.dispatch import Desk, Result
from handlers.grammar import Command
from handlers.views.freezing import frozen_text, unfrozen_text


def freeze(desk: Desk, waiting: Waiting, typed: Command) -> Result:
    """Stop all deletions, at once."""
    made = freezing.freeze(waiting.actor, waiting.channel, typed.text, desk.ports)
    if isinstance(made, Refused):
        return made
    return frozen_text(desk.wording.command, has_audit_channel=desk.ports.terms.audit_channel is not None)


def unfreeze(desk: Desk, waiting: Waiting, typed: Command) -> Result:
    """Allow deletions again."""
    lifted = freezing.unfreeze(waiting.actor, waiting.channel, desk.ports)
    if isinstance(lifted, Refused):
        return lifted
    return unfrozen_text(lifted)
