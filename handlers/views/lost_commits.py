"""The notice in a thread when the ledger lost commits about its deletion. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from bot.domain.events import Kind
from bot.domain.model import Actor, Deletion, State
from handlers.views.blocks import Para, Part, code, mention, when

LOST_COMMITS = Kind.LOST_COMMITS.value

STOOD: dict[str, str] = {
    State.AWAITING: "The card then waited for a decision again, although it had been confirmed.",
    State.EXPIRED: "The card then expired. That nobody confirmed in time was wrong.",
    State.CANCELLED: "The card was then cancelled. That came too late: it had been confirmed before.",
    State.REFUSED: "The card was then closed as refused. That came too late: it had been confirmed before.",
    "gone": "Nothing of this deletion was left in it; the bot has written it down again.",
}
"""How the row stood after the loss, and which message about it was wrong."""

SAID_NOTHING = frozenset({State.EXPIRED.value, State.CANCELLED.value, State.REFUSED.value})
"""In these states the thread had said that nothing was deleted."""

CORRECTION: dict[str, str] = {
    State.DELETED: "That nothing was deleted was wrong.",
    State.UNKNOWN: "That nothing was deleted is not certain.",
}
"""The correction of that message, by the state that the reply leads to."""

FROZEN = (
    "The bot has frozen all deletions. Before anybody allows them again, the person who runs the bot has to find out "
    "why its database lost commits; `dh-bot doctor` says when that was."
)


def lost_parts(deletion: Deletion, facts: Mapping[str, Any]) -> list[Part | None]:
    """What was lost, what the process that sent the DELETE knows, what was wrong, and that deletions are frozen."""
    people = " ".join(dict.fromkeys(mention(one) for one in (deletion.requester, deletion.confirmer) if one))
    if facts.get("stood") == "overruled":
        overruled = "*The bot's database had lost another confirmation of this deletion;* see above."
        return [Para(_sentences(overruled, _confirmed(facts), _reply(facts), _stands(facts), people))]
    wrong = CORRECTION.get(str(facts.get("outcome")), "") if facts.get("stood") in SAID_NOTHING else ""
    lost = "*The bot's database lost what it had recorded about this deletion.*"
    return [
        Para(_sentences(lost, _confirmed(facts), people)),
        Para(_sentences(_stood(facts), wrong, _reply(facts), _stands(facts))),
        Para(FROZEN),
    ]


def _sentences(*parts: str) -> str:
    return " ".join(part for part in parts if part)


def _confirmed(facts: Mapping[str, Any]) -> str:
    user, at = facts.get("confirmer"), facts.get("confirmed_at")
    if not user or not at:
        return ""
    return f"{mention(Actor(str(user), ''))} had confirmed it {when(datetime.fromtimestamp(at, UTC))}."


def _stood(facts: Mapping[str, Any]) -> str:
    if facts.get("by_another"):
        return f"{mention(Actor(str(facts['by_another']), ''))} then confirmed it a second time."
    return STOOD.get(str(facts.get("stood")), "")


def _reply(facts: Mapping[str, Any]) -> str:
    """The reply that the sender of the lost claim got."""
    if facts.get("status") is None:
        return f"Of the DELETE of that confirmation the bot knows: {facts.get('cause') or 'nothing'}."
    rows = [
        f"HTTP {facts['status']}",
        f"error code {code(str(facts['code']))}" if facts.get("code") else "",
        f"request ID {code(str(facts['request_id']))}" if facts.get("request_id") else "",
    ]
    return f"Huawei's reply to the DELETE of that confirmation: {', '.join(part for part in rows if part)}."


def _stands(facts: Mapping[str, Any]) -> str:
    if facts.get("has_changed"):
        return ""
    return "It does not change how the deletion stands; the card says how that is."
