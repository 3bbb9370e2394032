"""``open``: the waiting cards, and the deletions whose outcome is not known yet."""

from __future__ import annotations

from bot.deletion import permission
from bot.domain.notifications import PendingRequest
from bot.domain.policy import Action
from handlers.dispatch import Dispatcher, Progress, Result
from handlers.grammar import Command
from handlers.views.lists import open_message

MOST_SHOWN = 10
MOST_COUNTED = 1000


def open_ones(dispatcher: Dispatcher, pending: PendingRequest, typed: Command, progress: Progress) -> Result:
    """The open deletions of this project in all channels, the oldest first, each with a link and its deadline."""
    if no := permission.may(Action.COMMAND, pending.actor, pending.channel, dispatcher.ports):
        return no
    found = dispatcher.ports.ledger.overview.open(limit=MOST_COUNTED)
    shown = found[:MOST_SHOWN]
    freeze = dispatcher.ports.ledger.freezes.current()
    return open_message(shown, dispatcher.links(shown), len(found), dispatcher.ports.clock.now(), freeze)
