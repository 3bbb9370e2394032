"""The oracle: everything that was said, held against what was true at that moment.

`Witness` stands at Slack's door. Whenever something becomes visible there, to whomever, it notes what it says and how
the world stood: whether the job was there, and whether a DELETE of the deletion that it speaks of had had its effect.
`CLAIMS` is the table of what may be said when. The sandbox's world is the truth; nothing that the bot believes counts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from typing import Any

from bot.domain.model import Deletion
from sandbox.metastudio.faults import DELETE, SHOW
from sandbox.metastudio.world import Seen
from sandbox.slack.slack import Message
from tests.flow.world import World


@dataclass(frozen=True, slots=True)
class Truth:
    """How the world stood when something was said."""

    present: bool
    """The job was there."""
    effects: tuple[datetime, ...]
    """When the DELETEs of ours arrived that had removed it."""
    sent: tuple[datetime, ...]
    """When DELETEs of ours had arrived."""
    successes: tuple[datetime, ...]
    """When those arrived that MetaStudio had answered with success by then, rightly or not."""
    ours: bool = False
    """The one that removed it belonged to the deletion that was spoken of; to any, if none was named."""
    confirmed: bool = False
    """And so for the successes."""
    arrived: int = 0
    """How many DELETEs of the deletion that was spoken of had arrived; of any, if none was named."""
    denied: bool = False
    """What MetaStudio answered to the last Show was no job."""


@dataclass(frozen=True, slots=True)
class Saying:
    """One thing that became visible in Slack, and the truth of that moment."""

    at: float
    what: str
    """posted or updated."""
    message: Message
    text: str
    truth: Truth
    buttons: tuple[str, ...]

    @property
    def place(self) -> str:
        return self.message.channel

    @property
    def only_for(self) -> str | None:
        return self.message.only_for


@dataclass(frozen=True, slots=True)
class Claim:
    """Words, and what has to be true of the job when they are said."""

    name: str
    words: re.Pattern[str]
    may_be_said: Callable[[Truth], bool]


_NO_CLAIM = re.compile(
    r"whether (the )?job \S+ is deleted"  # the unknown outcome
    r"|Buttons: .*"  # what a button would do
    r"|This (click|command) deleted nothing"  # about that one alone; see Cell.check
    r"|(whether|[Ii]f) (it|the job) is (still there|gone)"  # questions too
    r"|• .*"  # earlier requests for the same job, on a card
)


def _claim(name: str, words: str, may_be_said: Callable[[Truth], bool]) -> Claim:
    return Claim(name, re.compile(words, re.MULTILINE), may_be_said)


NOT_DONE = (
    r"(was|treated as) not deleted|[Nn]othing was deleted|did not delete|[Nn]ot deleted by this|deleted nothing"
    r"|not deleted by it"
)
BY_WHOM = "whether this request or something else removed it cannot be told"
REFUSED = re.compile(r"MetaStudio refused to delete|Refused: MetaStudio rejected|refused the DELETE")

CLAIMS = (
    # what is claimed        the words                                              when it may be said
    _claim("is deleted",     rf"\bis deleted\b(?!.*{BY_WHOM})|^Job deleted\b",      lambda t: t.ours or t.confirmed),
    _claim("is gone",        rf"\bis deleted\b.*{BY_WHOM}|^Job gone\b",             lambda t: not t.present),
    _claim("by whom",        BY_WHOM,                                              lambda t: not t.confirmed),
    _claim("confirmed",      r"MetaStudio confirmed|confirmed by MetaStudio",        lambda t: t.confirmed),
    _claim("not deleted",    NOT_DONE,                                               lambda t: not t.ours),
    _claim("nothing at all", r"[Nn]othing was deleted|deleted nothing",              lambda t: t.arrived == 0),
    _claim("gone",           r"no longer there|is not there\b|neither Show nor List", lambda t: not t.present),
    _claim("not shown",      r"no longer shows the job|has no such job",             lambda t: t.denied),
    _claim("looked: gone",   r"[Vv]erified gone|found it gone",                      lambda t: not t.present),
    _claim("still there",    r"is still there\b|[Ss]till present|still shows the job", lambda t: t.present),
    _claim("there again",    r"Correction: job \S+ is there",                        lambda t: t.present),
    _claim("refused",        REFUSED.pattern,                                        lambda t: t.arrived > 0),
    _claim("never sent",     r"The DELETE never left the bot",                       lambda t: t.arrived == 0),
    _claim("was sent",       r"The DELETE was sent",                                 lambda t: t.arrived > 0),
    _claim("sent no DELETE", r"sent no DELETE",                                      lambda t: t.arrived == 0),
)  # fmt: skip

DELETED = re.compile(r"\bis deleted\b")
NOT_DELETED = re.compile(r"(was|treated as) not deleted|[Nn]othing was deleted|did not delete|deleted nothing")
NOT_BY_THIS = re.compile(r"This (click|command) deleted nothing")
STILL_THERE = re.compile(r"^Looked at \S+ UTC: the job is still there\b", re.MULTILINE)
UNKNOWN = re.compile(r"not known yet")
UNDETERMINED = re.compile(r"could not be determined")


def without_questions(text: str) -> str:
    """The text without the phrases that mention deleting and claim nothing."""
    return _NO_CLAIM.sub("…", text)


def sender_at(moment: datetime, deletions: Iterable[Deletion]) -> str | None:
    """Whose DELETE arrived then: that of the newest claim before. One deletion of a job is open at a time."""
    claims = [(attempt.claimed_at, one.id) for one in deletions for attempt in one.attempts]
    return max((claim for claim in claims if claim[0] <= moment), default=(moment, None))[1]


DELETION_ID = re.compile(r"Deletion `([0-9a-f]{16})`")


@dataclass
class Witness:
    """Notes everything that becomes visible in Slack, from `begin` on, with the truth about the job it speaks of."""

    world: World
    jobs: list[str] = field(default_factory=list)
    """The jobs of this cell."""
    about: dict[str, str] = field(default_factory=dict)
    """Which job each person last asked about: an answer to them alone is about that one, if it names none."""
    trusts: bool = False
    """Whether a spoiled answer of this cell is a proper success: then MetaStudio's word counts, even if it lies."""
    sayings: list[Saying] = field(default_factory=list)
    _seen: int = 0

    def watch(self) -> None:
        """Stand at Slack's door."""
        self.world.slack.after_call = self._look

    def begin(self) -> None:
        """A new cell begins: forget what was."""
        self.jobs, self.about, self.trusts, self.sayings = [], {}, False, []
        self._seen = len(self.world.slack.history)

    def _look(self, _call: Any = None) -> None:
        slack = self.world.slack
        with slack.changed:
            new = slack.history[self._seen :]
            self._seen += len(new)
            for happening in new:
                message = happening.message
                if message is None or happening.what not in {"posted", "updated"} or message.via == "typed":
                    continue
                buttons = tuple(button["action_id"] for button in message.buttons)
                truth = self.truth(self._job_of(message))
                self.sayings.append(Saying(happening.at, happening.what, message, happening.text, truth, buttons))

    def _job_of(self, message: Message) -> str:
        parent = self.world.slack.channels[message.channel].by_ts.get(message.thread_ts or "")
        for text in (message.text, parent.text if parent else ""):
            for job in self.jobs:
                if job in text:
                    return job
        return self.about.get(message.only_for or "", self.jobs[0])

    def truth(self, job: str) -> Truth:
        """How the world stands now."""
        cloud = self.world.cloud
        with cloud.changed:
            sent = [seen for seen in cloud.requests if seen.operation == DELETE and seen.job_id == job]
            successes = tuple(seen.at for seen in sent if self._is_success(seen))
            effects = tuple(seen.at for seen in sent if seen.had_effect)
            return Truth(
                job in cloud.jobs,
                effects,
                tuple(seen.at for seen in sent),
                successes,
                ours=bool(effects),
                confirmed=bool(successes),
                arrived=len(sent),
                denied=self._was_denied(job),
            )

    def _was_denied(self, job: str) -> bool:
        """Whether the last Show was answered with a 4xx."""
        shows = [seen for seen in self.world.cloud.requests if seen.operation == SHOW and seen.job_id == job]
        return bool(shows) and shows[-1].status is not None and 400 <= shows[-1].status < 500

    def _is_success(self, seen: Seen) -> bool:
        return seen.status in (200, 204) and (self.trusts or not seen.fault)

    def untruths(self, sayings: Iterable[Saying]) -> Iterator[str]:
        """What these sayings claim against the truth, by the ledger as it stands now."""
        of = cache(self.deletions)
        for saying in sayings:
            yield from self._untruths(saying, of)

    def _untruths(self, saying: Saying, deletions_of: Callable[[str], list[Deletion]]) -> Iterator[str]:
        """What this saying claims against the truth about the deletion that it speaks of."""
        text, truth = without_questions(saying.text), saying.truth
        named = DELETION_ID.search(saying.text)
        if named is not None:
            deletions = deletions_of(self._job_of(saying.message))
            truth = replace(
                truth,
                ours=any(sender_at(moment, deletions) == named[1] for moment in truth.effects),
                confirmed=any(sender_at(moment, deletions) == named[1] for moment in truth.successes),
                arrived=sum(sender_at(moment, deletions) == named[1] for moment in truth.sent),
            )
        for claim in CLAIMS:
            if claim.words.search(text) and not claim.may_be_said(truth):
                yield f"said {claim.name!r} while {truth}: {saying.text!r}"

    def deletions(self, job: str) -> list[Deletion]:
        """All deletions of that job."""
        assert self.world.app is not None
        return list(self.world.app.ledger.overview.history(job=job, limit=100))

    def remover(self, job: str) -> str | None:
        """The deletion that removed the job, if one did."""
        effects = self.truth(job).effects
        return sender_at(effects[0], self.deletions(job)) if effects else None

    def all_said(self) -> list[Saying]:
        """Everything since `begin`, what came without a call (acks) included."""
        self._look()
        return self.sayings
