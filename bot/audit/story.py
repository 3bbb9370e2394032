"""The events of a deletion as sentences, for ``dh-bot audit show``. Pure.

The sentences have no names and no reasons, because the trail has none. The heading shows the name and reason that the
ledger still keeps. People and channels are Slack ids.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bot.audit.chain import Line, facts_in
from bot.audit.formats import printable
from bot.domain.events import Kind
from bot.domain.evidence import Finding
from bot.domain.notifications import NotificationKind
from bot.domain.outcomes import Ending
from bot.domain.replies import Meaning

SENTENCES: dict[Kind, str] = {
    Kind.COMMAND: "{who} typed the command in {channel}",
    Kind.CLICK: "{who} pressed {action}",
    Kind.REFUSED: "{who} was refused: {reason}",
    Kind.PROPOSED: "Card made: the job was {state}; who may confirm: {rule}",
    Kind.NOT_OFFERED: "Closed as refused: {why}",
    Kind.CARD_POSTED: "Posted in {channel}: the card",
    Kind.CANCELLED: "{who} cancelled it",
    Kind.EXPIRED: "Timed out: nobody confirmed; nothing was sent",
    Kind.CLAIMED: "{who} confirmed; attempt {attempt} {left}",
    Kind.REPLIED: "Reply to the DELETE: {means}",
    Kind.OUTCOME: "Failed: {means}",
    Kind.UNKNOWN: "Outcome unknown: {means}",
    Kind.READ: "Checked: {found}",
    Kind.SETTLED: "Settled by checks: {found}",
    Kind.CORRECTED: "Corrected: an earlier message was wrong",
    Kind.CLOSED_BY_HAND: "{who} closed it by hand as {word}",
    Kind.DELIVERED: "Posted in {to}: {what}",
    Kind.NOT_DELIVERED: "Not posted in {to}: {what}",
    Kind.LOST_COMMITS: "The ledger had lost commits: it had this deletion as {stood}",
    Kind.RESTARTED: "Answered {who} after a restart",
}
CONFIRMED: Mapping[Any, str] = {Meaning.OK.value: "Deleted: MetaStudio confirmed it", None: "Ended by the reply"}
"""The outcome by what the reply means; any other is a failure."""
AFTER_A_RESTORE: dict[Kind, str] = {
    # A restored ledger does not know whether the card was used since its backup.
    Kind.EXPIRED: "The card was closed because the ledger was restored",
    Kind.UNKNOWN: "Outcome unknown because the ledger was restored",
}
ANSWERED: dict[Kind, str] = {Kind.DELIVERED: "Answered {who}", Kind.NOT_DELIVERED: "Not answered: {who}"}
"""The private answer to a command or click: such an event names no message."""
DETAILS = {
    "status": "HTTP {}",
    "code": "error code {}",
    "cause": "{}",
    "why": "{}",
    "agreeing": "agreeing checks: {}",
}
"""Facts that follow in brackets unless the sentence has them. The request ID comes last."""

WORDS: Mapping[str, Mapping[str, str]] = {
    # Stored words, as people say them. Any other stored word is shown with spaces for its underscores.
    "action": {
        "dh_confirm": "the button to delete",
        "dh_cancel": "the button to cancel",
        "dh_check_now": "the button to check again",
        "dh_close_deleted": "the button to close it as deleted",
        "dh_close_present": "the button to close it as not deleted",
        "dh_offer": "the button to delete a job that was found",
        "dh_older_of_channel": "the button for older deletions",
        "dh_older_of_job": "the button for older deletions",
    },
    "found": {
        Finding.GONE.value: "the job is gone",
        Finding.PRESENT.value: "the job is still there",
        Finding.NOTHING.value: "no clear answer",
    },
    "means": {Ending.SENDER_GONE.value: "the bot stopped before it had a reply"},
    "what": {
        NotificationKind.UNKNOWN.value: "outcome unknown",
        NotificationKind.SETTLED.value: "settled by checks",
        NotificationKind.INSPECTED.value: "checked after the outcome",
        NotificationKind.LATE.value: "a late reply",
        NotificationKind.UNDETERMINED.value: "still unknown after 24 hours",
        NotificationKind.CLOSED.value: "closed by hand",
        NotificationKind.EXPIRED.value: "timed out",
    },
}
PLAIN = frozenset({"action", "reason", "why", "rule", "means", "found", "word", "what", "stood"})
"""The facts that are stored words."""

UNSENT = frozenset({Meaning.NEVER_SENT.value, Meaning.NOT_SIGNED_IN.value, Meaning.SIGN_IN_REFUSED.value})


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


def story(lines: Sequence[Line]) -> Iterator[str]:
    """Each event: time (UTC), sentence, details, number."""
    for at, line in enumerate(lines):
        yield story_line(line, lines[at + 1 :] if line.kind == Kind.CLAIMED.value else ())


def story_line(line: Line, later: Sequence[Line] = ()) -> str:
    """One event. ``later`` are the events behind a claim, which show whether its DELETE left."""
    facts = facts_in(line.text)
    broken = f"({line.kind}: the text of this event is broken)"
    said = broken if facts is None else _sentence(line, {**facts, "left": _left(later)})
    return printable(f"{line.at[:19].replace('T', ' ')}  {said}  [event {line.number}]")


def _left(later: Sequence[Line]) -> str:
    """Whether the DELETE of a claim left, by the first reply before the next claim."""
    meanings = {meaning.value for meaning in Meaning}
    for line in later:
        if line.kind == Kind.CLAIMED.value:
            break
        means = (facts_in(line.text) or {}).get("means")
        if means in UNSENT:
            return "did not go out"
        if means == Meaning.LOST.value:
            return "went out, as far as is known"
        if means in meanings:
            return "went out"
    return "was to go out"


def _sentence(line: Line, facts: Mapping[str, Any]) -> str:
    names = {name: str(value) for name, value in facts.items() if value is not None}
    is_known = line.kind in SENTENCES
    pattern = _pattern(Kind(line.kind), names) if is_known else f"Recorded: {line.kind}"
    if is_known and names.get("why") == Ending.RESTORED and Kind(line.kind) in AFTER_A_RESTORE:
        del names["why"]
    plain = {name: _plain(name, text) for name, text in names.items()}
    known = _Known(plain)
    if line.actor_user:
        known["who"] = line.actor_user
    if line.channel:
        known["channel"] = line.channel
    details = [
        text.format(known[name]) for name, text in DETAILS.items() if name in names and f"{{{name}}}" not in pattern
    ]
    if line.request_id:
        details.append(f"request ID {line.request_id}")
    return pattern.format_map(known) + (f" ({', '.join(details)})" if details else "") + "."


def _pattern(kind: Kind, names: Mapping[str, str]) -> str:
    if names.get("why") == Ending.RESTORED and kind in AFTER_A_RESTORE:
        return AFTER_A_RESTORE[kind]
    if kind in ANSWERED and "to" not in names:
        return ANSWERED[kind]
    if kind is Kind.CLAIMED and names.get("attempt", "1") != "1":
        return "Attempt {attempt} {left}"
    if kind is Kind.OUTCOME:
        return CONFIRMED.get(names.get("means"), SENTENCES[kind])
    return SENTENCES[kind]


def _plain(name: str, text: str) -> str:
    """A stored word as people say it."""
    return WORDS.get(name, {}).get(text, text.replace("_", " ") if name in PLAIN else text)
