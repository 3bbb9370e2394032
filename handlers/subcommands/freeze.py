"""``freeze <reason>`` and ``unfreeze``. Everybody is told by the announcement; this answers who asked."""

from __future__ import annotations

from bot import freezing
from bot.model import Refused
from bot.policy import Reason
from bot.trail import Waiting
from handlers.desk import Desk, Result
from handlers.views.freezing import frozen_text, unfrozen_text


def freeze(desk: Desk, waiting: Waiting, rest: str) -> Result:
    """Stop all deletions."""
    made = freezing.freeze(waiting.actor, waiting.channel, rest, desk.ports)
    if isinstance(made, Refused):
        return made
    return frozen_text(desk.wording.command, has_audit_channel=desk.ports.terms.audit_channel is not None)


def unfreeze(desk: Desk, waiting: Waiting, rest: str) -> Result:
    """Allow deletions again."""
    if rest:
        return Refused(Reason.UNEXPECTED_TEXT, {"subcommand": "unfreeze", "length": len(rest)})
    lifted = freezing.unfreeze(waiting.actor, waiting.channel, desk.ports)
    return lifted if isinstance(lifted, Refused) else unfrozen_text(lifted)
