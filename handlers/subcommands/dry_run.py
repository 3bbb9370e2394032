"""``dry-run <job_id> [reason]``: every check of the command, and the card that it would have posted.

``--dry-run`` anywhere before the reason means the same.
"""

from __future__ import annotations

from bot.deletion.propose import rehearse
from bot.domain.model import Ask
from bot.domain.notifications import PendingRequest
from bot.domain.refusals import Refused
from handlers.dispatch import Dispatcher, Result, new_id
from handlers.grammar import Command
from handlers.views.card import rehearsed_card


def dry_run(dispatcher: Dispatcher, pending: PendingRequest, typed: Command) -> Result:
    """Nothing is posted or kept but that it was asked; whatever would have stopped the command is the answer."""
    found = rehearse(Ask(new_id(), pending.actor, pending.channel, typed.job_id, typed.text or None), dispatcher.ports)
    return found if isinstance(found, Refused) else rehearsed_card(found.deletion, dispatcher.wording, found.earlier)
