"""``open``: the cards that wait, and the deletions whose outcome is not known yet."""

from __future__ import annotations

from bot import permission
from bot.model import Refused
from bot.policy import Deed, Reason
from bot.trail import Waiting
from handlers.desk import Desk, Result
from handlers.views.lists import open_message

MOST_SHOWN = 10
MOST_COUNTED = 1000


def open_ones(desk: Desk, waiting: Waiting, rest: str) -> Result:
    """Those of this project in every channel, the oldest first, each with a link and the time it has left."""
    if rest:
        return Refused(Reason.UNEXPECTED_TEXT, {"subcommand": "open", "length": len(rest)})
    if no := permission.may(Deed.COMMAND, waiting.actor, waiting.channel, desk.ports):
        return no
    found = desk.ports.ledger.looks.open(limit=MOST_COUNTED)
    shown = found[:MOST_SHOWN]
    return open_message(shown, desk.links(shown), len(found), desk.ports.clock.now())
