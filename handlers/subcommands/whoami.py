"""``whoami``: what the person may do here, by which rule, or why not and whom to ask."""

from __future__ import annotations

from bot.deletion import permission
from bot.domain.notifications import PendingRequest
from handlers.dispatch import Dispatcher, Progress
from handlers.grammar import Command
from handlers.views.whoami import whoami_text


def whoami(dispatcher: Dispatcher, pending: PendingRequest, typed: Command, progress: Progress) -> str:
    """Look up the person and the channel as for a deletion, and apply the same rules."""
    conversation, (person,) = permission.look_up(dispatcher.ports, pending.channel, (pending.actor,), fresh=False)
    return whoami_text(pending.actor, person, conversation, dispatcher.ports.config.rules, dispatcher.wording)
