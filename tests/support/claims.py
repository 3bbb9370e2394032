"""What a message may claim about a deletion: one table, words → what must be true of the world for them to be said.

The oracles of faults, crash and model hold every message against this table, each in its own world, and add what is
stricter there. All other tests take the words that they expect from here, by name. The words stand here a second time
on purpose and are not imported from the views: whoever changes what a sentence means has to change it in both places.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

from bot.domain.model import State


@dataclass(frozen=True, slots=True)
class Truth:
    """How the world stood when something was said, as far as the deletion goes that was spoken of.

    Where a message names no deletion, what is said here of "the deletion" is true of any deletion of its job.
    """

    is_there: bool
    """The job was there."""
    arrived: int
    """How many DELETEs of the deletion had arrived at MetaStudio."""
    removed: bool
    """One of them had removed the job."""
    confirmed: bool
    """MetaStudio had answered one of them with success, rightly or not."""
    throttled: bool
    """MetaStudio had answered each of them with "too many requests"."""
    denied: bool
    """What MetaStudio answered to a Show was no job."""
    sent_for_reader: bool = False
    """A DELETE had been sent for the click that this message answers."""
    was_seen: bool = False
    """A read had found the job. In a world of slow DELETEs a job may go between the read and the message about it."""
    states: frozenset[State] | None = None
    """How the deletion stood in the ledger; None where the oracle does not know."""
    is_over: bool = True
    """Its time to confirm was over, as far as the oracle knows."""

    def stood(self, *states: State) -> bool:
        """Whether the deletion stood like this, as far as the oracle knows."""
        return self.states is None or not self.states.isdisjoint(states)


Must = Callable[[Truth], bool]

BY_WHOM = "whether this request or something else removed it cannot be told"
HEADING = r"^\*?(?:\[.*\] )?"
"""The start of a card, with or without the environment, or of a message in a thread."""
NOT_OF_A_REQUEST = r"(?<!This click )(?<!This command )"


class Claim(Enum):
    """A row: what must be true, then each way to say it, as a regular expression."""

    # -- the job is deleted, or gone --
    DELETED = (
        lambda t: t.confirmed or not t.is_there,
        rf"{HEADING}(?:Deleted|Gone):",
        r"\bCorrection, it is (?:deleted|gone):",
        r":\*? the job is deleted\b",
        r"confirms that the job is deleted\b",
    )
    DELETED_BY_IT = (
        lambda t: t.confirmed or t.removed,
        rf"{HEADING}Deleted:",
        r"\bCorrection, it is deleted:",
        r"\bthe job is deleted\b",
    )
    CONFIRMED = (
        lambda t: t.confirmed,
        r"\bHuawei confirmed it\b",
        r"Huawei confirmed the deletion\b",
        r"reply arrived late and confirms it\b",
        r"It confirms that the job is deleted\b",
    )
    BY_NOBODY_KNOWN = (lambda t: not t.is_there, BY_WHOM)
    FOUND_GONE = (
        lambda t: not t.is_there,
        rf"{HEADING}Gone:",
        r"\bCorrection, it is gone:",
        r"\bfound it gone\b",
        r"\bneither shows nor lists\b",
        r"\bthe job is gone; whether by this deletion\b",
        rf"{HEADING}Gone now:",
    )
    VERIFIED_GONE = (lambda t: not t.is_there, r"\bDouble-checked\b")
    NOT_SHOWN = (lambda t: t.denied, r"\bHuawei no longer shows\b", r"\bhas no such job\b")
    CLOSED_AS_GONE = (
        lambda t: t.stood(State.DELETED),
        rf"{HEADING}Checked by hand, gone:",
        r"the job is gone, by the word of a person",
    )

    # -- the job is there, or not deleted by this --
    STILL_THERE = (
        lambda t: t.is_there or t.was_seen,
        rf"{HEADING}Still there:",
        r"\bIt was still there at\b",
        r"\bStill shown by Huawei\b",
        r"\bStill there when checked at\b",
    )
    THERE_AGAIN = (lambda t: t.is_there or t.was_seen, r"\bCorrection, it is there:")
    TREATED_AS_NOT_DELETED = (lambda t: not t.removed, r"\b[Cc]ounts as not deleted\b")
    NOT_DELETED_BY_IT = (lambda t: not t.removed, r"\b[Nn]ot deleted by this request\b")
    CLOSED_AS_PRESENT = (
        lambda t: t.stood(State.FAILED),
        rf"{HEADING}Checked by hand, still there:",
        r"the job is still there, by the word of a person",
    )
    NOTHING_DELETED = (
        lambda t: not t.removed and not t.arrived,
        r"\b[Nn]othing was deleted\b",
        r"\bnothing deleted\b",
        rf"{HEADING}Not deleted, the job has changed:",
        rf"{NOT_OF_A_REQUEST}\bdeleted nothing\b",
    )
    REQUEST_DELETED_NOTHING = (lambda t: not t.sent_for_reader, r"\bThis (?:click|command) deleted nothing\b")

    # -- the DELETE --
    WAS_SENT = (lambda t: t.arrived > 0, r"\bThe DELETE was sent\b")
    NEVER_LEFT = (lambda t: not t.arrived, r"\bDELETE never left the bot\b")
    SENT_NO_DELETE = (lambda t: not t.arrived, r"\bThe press that found this sent no DELETE\b")
    REFUSED = (
        lambda t: t.arrived > 0,
        r"\bHuawei refused to delete\b",
        r"\bHuawei refused the DELETE\b",
        r"\bHuawei (?:is rate-limiting|rate-limits) us:",
    )
    THROTTLED = (lambda t: t.throttled, r"\bthrottled the DELETE each time\b")

    # -- how the deletion stands --
    WAITS = (
        lambda t: t.stood(State.AWAITING),
        rf"{HEADING}Delete [^\n]* permanently\?",
        r"\bThe card still waits\b",
        r"\bThis card still waits\b",
    )
    UNKNOWN = (
        lambda t: t.stood(State.DELETING, State.UNKNOWN),
        rf"{HEADING}Deleting [^\n]* …",
        r"\bNot sure yet if\b",
        r"\b[Ii]ts outcome is not known yet\b",
    )
    IN_DOUBT = (
        lambda t: t.stood(State.UNKNOWN),
        rf"{HEADING}Not sure yet if (?!it )[^\n]* is deleted",
        r"\bthe bot is checking\b",
        r"\bmay or may not have worked\b",
    )
    UNDETERMINED = (lambda t: t.stood(State.UNKNOWN), r"\b[Ii]t could not be determined\b")
    CORRECTED = (lambda t: t.stood(State.DELETED, State.FAILED), r"\bCorrection, ")
    CANCELLED = (lambda t: t.stood(State.CANCELLED), r"\bCancelled by\b", r"\bwas cancelled\b", rf"{HEADING}Cancelled,")
    EXPIRED = (
        lambda t: t.stood(State.AWAITING, State.EXPIRED) and t.is_over,
        r"\bNobody confirmed in time\b",
        rf"{HEADING}Timed out, nothing",
        r"\bits time ran out\b",
        r"\bThe time to confirm (?:is|was) over\b",
    )

    def __init__(self, must: Must, *ways: str) -> None:
        self.must = must
        self.ways = ways
        self.words = re.compile("|".join(ways), re.MULTILINE)

    def stands_in(self, text: str) -> bool:
        """Whether the text makes this claim."""
        return self.words.search(without_questions(text)) is not None

    def stands_in_any(self, texts: Iterable[str]) -> bool:
        """Whether one of the texts makes this claim."""
        return any(map(self.stands_in, texts))


NO_CLAIM = re.compile(
    r"(?:[Ww]hether|[Ii]f|verify that) (?:it|the job) is (?:still there|gone)\b"
    # What a notice about lost commits takes back.
    r"|That nothing was deleted was wrong|That nothing was deleted is not certain|The card was then cancelled"
    # Earlier requests for the same job, on a card; and what a button would do.
    r"|^• .*|^Buttons: .*",
    re.MULTILINE,
)


def named_deletion(text: str) -> str | None:
    """The id of the deletion that the text is about, if it names one."""
    found = re.search(r"Deletion `([0-9a-f]{16})`", text)
    return found[1] if found else None


def without_questions(text: str) -> str:
    """The text without the phrases that mention a claim and do not make it."""
    return NO_CLAIM.sub("…", text)


def claims_of(text: str) -> set[Claim]:
    """What the text claims."""
    return {claim for claim in Claim if claim.stands_in(text)}


NOT_DELETED = {
    Claim.TREATED_AS_NOT_DELETED,
    Claim.NOT_DELETED_BY_IT,
    Claim.NOTHING_DELETED,
    Claim.REQUEST_DELETED_NOTHING,
}
"""Each of these says no, about more or less."""


LATE = re.compile(r"\*Late answer\* to your (?:command|click) of <!date\^\d+\^[^>]*>, as things stood then: ")
"""The first words of an answer that Slack did not take at once."""
HOW_IT_STOOD = frozenset({Claim.WAITS, Claim.UNKNOWN, Claim.IN_DOUBT})
"""Claims of how a deletion stands that hold only for a while."""


def untrue(text: str, truth: Truth, stricter: Mapping[Claim, Must], unless: Container[Claim] = ()) -> Iterator[str]:
    """The claims of this text that are not true, by the table and by an oracle's own rules, `unless` it leaves them."""
    for claim in claims_of(text):
        if claim in HOW_IT_STOOD and LATE.match(text):
            continue  # The text says of when this is.
        if claim not in unless and not (claim.must(truth) and stricter.get(claim, claim.must)(truth)):
            yield f"{claim.name} is not true: {text!r}, while {truth}"
