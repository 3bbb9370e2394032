"""``dry-run <job_id> [reason]``: makes every check of the command and shows the card without posting it.

``--dry-run`` anywhere before the reason means the same.
"""

from __future__ import annotations

from bot.deletion.propose import rehearse
from bot.domain.model import Ask
from bot.domain.notifications import PendingRequest
from bot.domain.refusals import Refused
from handlers.dispatch import Dispatcher, Progress, Result, new_id
from handlers.grammar import Command
from handlers.views.card import rehearsed_card


def dry_run(dispatcher: Dispatcher, pending: PendingRequest, typed: Command, progress: Progress) -> Result:
    """Answer with the card, or with the refusal that the command would have got. Only the request is recorded."""
    found = rehearse(Ask(new_id(), pending.actor, pending.channel, typed.job_id, typed.text or None), dispatcher.ports)
    return found if isinstance(found, Refused) else rehearsed_card(found.deletion, dispatcher.wording, found.earlier)
