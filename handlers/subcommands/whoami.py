"""``whoami``: what the caller may do here, and by which rule; for whoever may nothing, why not and whom to ask."""

from __future__ import annotations

from bot.deletion import permission
from bot.domain.notifications import Waiting
from handlers.dispatch import Desk
from handlers.grammar import Command
from handlers.views.whoami import whoami_text


def whoami(desk: Desk, waiting: Waiting, typed: Command) -> str:
    """Look up who asks and where, by the same rules as for a deletion, and say what follows from them."""
    place, (person,) = permission.look_up(desk.ports, waiting.channel, (waiting.actor,), fresh=False)
    return whoami_text(waiting.actor, person, place, desk.ports.terms.rules, desk.wording)
