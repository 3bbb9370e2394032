"""What the texts need to know about this installation. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from handlers.views.blocks import escape

NOTHING_DELETED = "Nothing was deleted."


@dataclass(frozen=True, slots=True)
class Wording:
    """The command, contact and environment of this installation."""

    command: str = "/delete-dh-job"
    help_contact: str | None = None
    environment: str | None = None
    nothing: str = NOTHING_DELETED
    """What a refusal may promise. An answer to one request speaks only of that request: another may be deleting now."""

    def for_(self, kind: str) -> Wording:
        """The wording for an answer to a command or to a click."""
        return replace(self, nothing=f"This {kind} deleted nothing.")

    def whom_to_ask(self) -> str:
        """The end of each refusal that the person cannot mend alone."""
        if not self.help_contact:
            return "Ask the person who runs this bot."
        who = self.help_contact
        # Only a word with a digit is taken for an id. Nearly every id has one. An id without a digit stays readable as
        # text, but WEBMASTER taken for an id would not.
        may_be_an_id = any(character.isdigit() for character in who)
        return f"Ask {as_slack_shows(who) if may_be_an_id else escape(who)}."


_SLACK_ID = re.compile(r"[UWCGS][A-Z0-9]{8,}")
_AS_SLACK_SHOWS = {"U": "<@{}>", "W": "<@{}>", "C": "<#{}>", "G": "<#{}>", "S": "<!subteam^{}>"}


def as_slack_shows(who: str) -> str:
    """A Slack id as a mention or link; everything else, for example "SUPPORT", as text."""
    return _AS_SLACK_SHOWS[who[0]].format(who) if _SLACK_ID.fullmatch(who) else escape(who)
