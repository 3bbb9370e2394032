"""One event of a deletion as a sentence, for ``dh-bot audit show``. Pure.

The sentences have no names and no reasons, because the trail has none. The heading shows the name and reason that the
ledger still keeps. People are Slack ids.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bot.audit.chain import Line, facts_in
from bot.audit.formats import printable
from bot.domain.events import Kind
from bot.domain.outcomes import Ending

SENTENCES: dict[Kind, str] = {
    Kind.COMMAND: "{who} typed the command in {channel}",
    Kind.CLICK: "{who} pressed a button ({action})",
    Kind.REFUSED: "{who} was refused: {reason}",
    Kind.PROPOSED: "The card was offered; the job's state was {state}; who may confirm: {rule}",
    Kind.NOT_OFFERED: "It was closed as refused: {why}",
    Kind.CARD_POSTED: "The card was posted in {channel}",
    Kind.CANCELLED: "{who} cancelled it",
    Kind.EXPIRED: "The card expired; nothing was sent",
    Kind.CLAIMED: "{who} had confirmed; attempt {attempt} was cleared for sending",
    Kind.REPLIED: "MetaStudio's reply to the DELETE was recorded: {means}",
    Kind.OUTCOME: "The reply to the DELETE ended it: {means}",
    Kind.UNKNOWN: "Whether the job is deleted became unknown: {means}",
    Kind.READ: "A look at the job found: {found}",
    Kind.SETTLED: "Reading settled it: {found}",
    Kind.CORRECTED: "An earlier message was corrected",
    Kind.CLOSED_BY_HAND: "{who} closed it by hand as {word}",
    Kind.DELIVERED: "Slack took a message: {what} to {to}",
    Kind.NOT_DELIVERED: "A message could not be delivered: {what} to {to}",
    Kind.LOST_COMMITS: "The ledger had lost commits; its row stood as: {stood}",
    Kind.RESTARTED: "After a restart {who} got an answer",
}
AFTER_A_RESTORE: dict[Kind, str] = {
    # A restored ledger does not know whether the card was used since its backup.
    Kind.EXPIRED: "The card was closed because the ledger was restored",
    Kind.UNKNOWN: "Whether the job is deleted became unknown because the ledger was restored",
}
DETAILS = {
    "status": "HTTP {}",
    "code": "error code {}",
    "cause": "{}",
    "why": "{}",
    "agreeing": "{} reads agree",
}
"""Facts that follow in brackets unless the sentence has them. The request ID comes last."""


class _Known(dict[str, str]):
    """The facts for the sentences; a missing one reads as unknown."""

    def __missing__(self, key: str) -> str:
        return "unknown" if key != "who" else "Somebody"


@dataclass(frozen=True, slots=True)
class About:
    """The reason of a deletion and the name of its job. Pruning empties both."""

    job_name: str | None
    reason: str | None


def heading(deletion: str, job: str | None, about: About | None) -> str:
    """The deletion, with its job's name and its reason."""
    name = f" ({about.job_name})" if about and about.job_name else ""
    first = f"Deletion {deletion}" + (f" of job {job}{name}" if job else "") + ", times in UTC"
    reason = f"Reason: {(about.reason if about else None) or 'none is kept'}"
    return f"{printable(first)}\n{printable(reason)}"


def story_line(line: Line) -> str:
    """Time (UTC), sentence, details, number."""
    facts = facts_in(line.text)
    said = f"({line.kind}: the text of this event is broken)" if facts is None else _sentence(line, facts)
    return printable(f"{line.at[:19].replace('T', ' ')}  {said}  [event {line.number}]")


def _sentence(line: Line, facts: Mapping[str, Any]) -> str:
    names = {name: str(value) for name, value in facts.items() if value is not None}
    known = _Known(names)
    if line.actor_user:
        known["who"] = line.actor_user
    if line.channel:
        known["channel"] = line.channel
    is_known = line.kind in SENTENCES
    pattern = SENTENCES[Kind(line.kind)] if is_known else f"Recorded: {line.kind}"
    if is_known and names.get("why") == Ending.RESTORED:
        pattern = AFTER_A_RESTORE.get(Kind(line.kind), pattern)
        del names["why"]
    details = [
        text.format(known[name]) for name, text in DETAILS.items() if name in names and f"{{{name}}}" not in pattern
    ]
    if line.request_id:
        details.append(f"request ID {line.request_id}")
    return pattern.format_map(known) + (f" ({', '.join(details)})" if details else "") + "."
