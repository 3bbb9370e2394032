"""The oracle: everything that was said, held against what was true at that moment.

`Witness` stands at Slack's door. Whenever something becomes visible there, to whomever, it notes what it says and how
the world stood: whether the job was there, and whether a DELETE of ours had had its effect. `CLAIMS` is the table of
what may be said when. The sandbox's world is the truth; nothing that the bot believes counts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from sandbox.metastudio_faults import DELETE
from sandbox.slack import Message
from tests.flow.world import World


@dataclass(frozen=True, slots=True)
class Truth:
    """How the world stood when something was said."""

    present: bool
    """The job was there."""
    ours: bool
    """A DELETE of ours had removed it."""
    arrived: int
    """How many DELETEs of ours had arrived."""
    confirmed: bool
    """MetaStudio had answered one of them with success, rightly or not."""


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
    r"|This thread said that it was (not|deleted)"  # a correction quotes what it corrects
    r"|If this thread said otherwise before, that was wrong"
    r"|This (click|command) deleted nothing"  # about that one alone; see Cell.check
    r"|• .*"  # earlier requests for the same job, on a card
)


def _claim(name: str, words: str, may_be_said: Callable[[Truth], bool]) -> Claim:
    return Claim(name, re.compile(words, re.MULTILINE), may_be_said)


NOT_DONE = (
    r"(was|treated as) not deleted|[Nn]othing was deleted|did not delete|[Nn]ot deleted by this|deleted nothing"
    r"|not deleted by it"
)

CLAIMS = (
    # what is claimed        the words                                              when it may be said
    _claim("is deleted",     r"\bis deleted\b|^Job deleted\b",                       lambda t: t.ours or t.confirmed),
    _claim("confirmed",      r"MetaStudio confirmed|confirmed by MetaStudio",        lambda t: t.confirmed),
    _claim("not deleted",    NOT_DONE,                                               lambda t: not t.ours),
    _claim("gone",           r"no longer there|is not there\b|neither Show nor List", lambda t: not t.present),
    _claim("looked: gone",   r"[Vv]erified gone|found it gone",                      lambda t: not t.present),
    _claim("still there",    r"is still there\b|[Ss]till present|still shows the job", lambda t: t.present),
    _claim("never sent",     r"DELETE never left the bot",                           lambda t: t.arrived == 0),
    _claim("was sent",       r"The DELETE was sent",                                 lambda t: t.arrived > 0),
)  # fmt: skip

DELETED = re.compile(r"\bis deleted\b")
NOT_DELETED = re.compile(r"was not deleted|[Nn]othing was deleted|did not delete|deleted nothing")
NOT_BY_THIS = re.compile(r"This (click|command) deleted nothing")
UNKNOWN = re.compile(r"not known yet")
UNDETERMINED = re.compile(r"could not be determined")


def without_questions(text: str) -> str:
    """The text without the phrases that mention deleting and claim nothing."""
    return _NO_CLAIM.sub("…", text)


def untruths(saying: Saying) -> Iterator[str]:
    """What this saying claims against the truth."""
    text = without_questions(saying.text)
    for claim in CLAIMS:
        if claim.words.search(text) and not claim.may_be_said(saying.truth):
            yield f"said {claim.name!r} while {saying.truth}: {saying.text!r}"


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
            confirmed = any(
                seen.status in (200, 204) and (self.trusts or not seen.fault)
                for seen in cloud.requests
                if seen.operation == DELETE and seen.job_id == job
            )
            return Truth(job in cloud.jobs, job in cloud.deleted, cloud.deletes_arrived(job), confirmed)

    def all_said(self) -> list[Saying]:
        """Everything since `begin`, what came without a call (acks) included."""
        self._look()
        return self.sayings
