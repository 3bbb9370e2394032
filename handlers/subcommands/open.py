"""``open``: the cards that wait, and the deletions whose outcome is not known yet."""

from __future__ import annotations

from bot.deletion import permission
from bot.domain.notifications import Waiting
from bot.domain.policy import Deed
from handlers.dispatch import Desk, Result
from handlers.grammar import Command
from handlers.views.lists import open_message

MOST_SHOWN = 10
MOST_COUNTED = 1000


def open_ones(desk: Desk, waiting: Waiting, typed: Command) -> Result:
    """Those of this project in every channel, the oldest first, each with a link and the time it has left."""
    if no := permission.may(Deed.COMMAND, waiting.actor, waiting.channel, desk.ports):
        return no
    found = desk.ports.ledger.looks.open(limit=MOST_COUNTED)
    shown = found[:MOST_SHOWN]
    freeze = desk.ports.ledger.freezes.standing()
    return open_message(shown, desk.links(shown), len(found), desk.ports.clock.now(), freeze)
