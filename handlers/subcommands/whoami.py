"""``whoami``: what the caller may do here, and by which rule; for whoever may nothing, why not and whom to ask."""

from __future__ import annotations

from bot.deletion import permission
from bot.domain.notifications import PendingRequest
from handlers.dispatch import Dispatcher
from handlers.grammar import Command
from handlers.views.whoami import whoami_text


def whoami(dispatcher: Dispatcher, pending: PendingRequest, typed: Command) -> str:
    """Look up who asks and where, by the same rules as for a deletion, and say what follows from them."""
    conversation, (person,) = permission.look_up(dispatcher.ports, pending.channel, (pending.actor,), fresh=False)
    return whoami_text(pending.actor, person, conversation, dispatcher.ports.config.rules, dispatcher.wording)
