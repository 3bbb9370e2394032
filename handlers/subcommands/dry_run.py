"""``--dry-run <job_id> [reason]``: every check of the command, and the card that it would have posted."""

from __future__ import annotations

from bot.deletions import new_id
from bot.model import Ask, Refused
from bot.proposing import rehearse
from bot.trail import Waiting
from handlers.desk import Desk, Result
from handlers.payloads import UsageError, parse_job
from handlers.views.card import rehearsed_card


def dry_run(desk: Desk, waiting: Waiting, rest: str) -> Result:
    """Nothing is posted or kept but that it was asked; whatever would have stopped the command is the answer."""
    typed = parse_job(rest)
    if isinstance(typed, UsageError):
        return Refused(typed.rule, {"detail": typed.detail, "length": typed.length})
    found = rehearse(Ask(new_id(), waiting.actor, waiting.channel, typed.job_id, typed.reason), desk.ports)
    return found if isinstance(found, Refused) else rehearsed_card(found.deletion, desk.wording, found.earlier)
