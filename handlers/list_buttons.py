"""The buttons on private lists: an older page, and asking for a job that a search has found.

A list is seen by one person, but what a payload carries proves nothing: everything is checked as for the command.
"""

from __future__ import annotations

from collections.abc import Callable

from bot.model import Ask, DeletionId, Refused
from bot.policy import Reason
from bot.proposing import propose
from bot.trail import Waiting
from handlers.desk import Desk, Result
from handlers.payloads import Click
from handlers.subcommands.history import older_of_channel, older_of_job
from handlers.views import lists


def offer(desk: Desk, seen: Click, waiting: Waiting) -> Result:
    """Start the normal flow for a job, in the channel of the click."""
    if seen.job is None:
        return Refused(Reason.UNKNOWN_BUTTON)
    return propose(Ask(DeletionId(waiting.id), seen.actor, seen.channel, seen.job), desk.ports)


LIST_BUTTONS: dict[str, Callable[[Desk, Click, Waiting], Result]] = {
    lists.OLDER_OF_CHANNEL: older_of_channel,
    lists.OLDER_OF_JOB: older_of_job,
    lists.OFFER: offer,
}
"""Every one of them, by its action id."""
