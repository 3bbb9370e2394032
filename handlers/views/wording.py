"""What the texts need to know of this installation. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from handlers.views.blocks import escape

NOTHING_DELETED = "Nothing was deleted."


@dataclass(frozen=True, slots=True)
class Wording:
    """What the texts need to know of this installation."""

    command: str = "/delete-dh-job"
    help_contact: str | None = None
    environment: str | None = None
    nothing: str = NOTHING_DELETED
    """What a refusal may say for certain. Somebody else's click may be deleting at the same moment."""

    def for_(self, kind: str) -> Wording:
        """The wording for an answer to a command or to a click."""
        return replace(self, nothing=f"This {kind} deleted nothing.")

    def whom_to_ask(self) -> str:
        """The end of every refusal that a person cannot mend alone."""
        if not self.help_contact:
            return "Ask whoever runs this bot."
        who = self.help_contact
        # Nearly every id has a digit, and words in capitals have none. An id without one can still be looked up, but of
        # WEBMASTER taken for an id nothing would be left to read.
        may_be_an_id = any(character.isdigit() for character in who)
        return f"Ask {as_slack_shows(who) if may_be_an_id else escape(who)}."


_SLACK_ID = re.compile(r"[UWCGS][A-Z0-9]{8,}")
_AS_SLACK_SHOWS = {"U": "<@{}>", "W": "<@{}>", "C": "<#{}>", "G": "<#{}>", "S": "<!subteam^{}>"}


def as_slack_shows(who: str) -> str:
    """A Slack id as Slack shows it; everything else, such as "SUPPORT", is text."""
    return _AS_SLACK_SHOWS[who[0]].format(who) if _SLACK_ID.fullmatch(who) else escape(who)
