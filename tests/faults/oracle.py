"""The oracle: everything that was said, held against what was true at that moment.

`Witness` stands at Slack's door. Whenever something becomes visible there, to whomever, it notes what it says and how
the world stood: whether the job was there, and what had become of the DELETEs that had arrived. The table in
`tests/support/claims.py` says what may be claimed when, and `STRICTER` adds what holds in this world. The sandbox's
world is the truth; nothing that the bot believes counts.
"""

from __future__ import annotations

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
from tests.support.claims import Claim, Must, Truth, named_deletion, untrue

STRICTER: dict[Claim, Must] = {
    Claim.BY_NOBODY_KNOWN: lambda t: not t.confirmed,
    Claim.CLOSED_AS_GONE: lambda t: not t.is_there,
    Claim.CLOSED_AS_PRESENT: lambda t: t.is_there,
}
"""What has to be true besides. Here nobody dies with an answer unread, and whoever closes by hand says what is true."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A DELETE that had arrived when something was said."""

    at: datetime
    removed: bool
    """It had removed the job."""
    confirmed: bool
    """MetaStudio had answered it with success by then, rightly or not."""
    throttled: bool


@dataclass(frozen=True, slots=True)
class Moment:
    """How the world stood, as far as one job goes, when something was said."""

    is_there: bool
    denied: bool
    sent: tuple[Sent, ...]

    def truth(self, is_meant: Callable[[Sent], bool] = lambda _: True) -> Truth:
        """The truth about the deletion whose DELETEs are meant."""
        sent = [one for one in self.sent if is_meant(one)]
        return Truth(
            self.is_there,
            arrived=len(sent),
            removed=any(one.removed for one in sent),
            confirmed=any(one.confirmed for one in sent),
            throttled=bool(sent) and all(one.throttled for one in sent),
            denied=self.denied,
        )


@dataclass(frozen=True, slots=True)
class Saying:
    """One thing that became visible in Slack, and how the world stood then."""

    at: float
    what: str
    """posted or updated."""
    message: Message
    text: str
    moment: Moment
    buttons: tuple[str, ...]

    @property
    def place(self) -> str:
        return self.message.channel

    @property
    def only_for(self) -> str | None:
        return self.message.only_for


def sender_at(moment: datetime, deletions: Iterable[Deletion]) -> str | None:
    """Whose DELETE arrived then: that of the newest claim before. One deletion of a job is open at a time."""
    claims = [(attempt.claimed_at, one.id) for one in deletions for attempt in one.attempts]
    return max((claim for claim in claims if claim[0] <= moment), default=(moment, None))[1]


def throttles(seen: Seen) -> bool:
    """Whether MetaStudio has answered with "too many requests": by the status, or with another 4xx by the code."""
    if seen.status is None or seen.reply is None:
        return False
    return seen.status == 429 or (400 <= seen.status < 500 and b"APIGW.0308" in seen.reply.body)


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
                moment = self.moment(self._job_of(message))
                self.sayings.append(Saying(happening.at, happening.what, message, happening.text, moment, buttons))

    def _job_of(self, message: Message) -> str:
        parent = self.world.slack.channels[message.channel].by_ts.get(message.thread_ts or "")
        for text in (message.text, parent.text if parent else ""):
            for job in self.jobs:
                if job in text:
                    return job
        return self.about.get(message.only_for or "", self.jobs[0])

    def moment(self, job: str) -> Moment:
        """How the world stands now."""
        cloud = self.world.cloud
        with cloud.changed:
            arrived = [seen for seen in cloud.requests if seen.operation == DELETE and seen.job_id == job]
            sent = [Sent(one.at, one.had_effect, self._is_success(one), throttles(one)) for one in arrived]
            return Moment(job in cloud.jobs, self._was_denied(job), tuple(sent))

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
            truth = self._truth(saying, of(self._job_of(saying.message)))
            yield from untrue(saying.text, truth, STRICTER)

    @staticmethod
    def _truth(saying: Saying, deletions: list[Deletion]) -> Truth:
        """The truth about the deletion that this saying speaks of."""
        named = named_deletion(saying.text)
        moment = saying.moment
        truth = moment.truth(lambda sent: named in {None, sender_at(sent.at, deletions)})
        # Whose click deleted the job is not told afterwards that it deleted nothing.
        confirmer = deletions[0].confirmer if deletions else None
        is_for_confirmer = confirmer is not None and saying.only_for == confirmer.user
        return replace(truth, sent_for_reader=is_for_confirmer and moment.truth().removed)

    def deletions(self, job: str) -> list[Deletion]:
        """All deletions of that job."""
        assert self.world.app is not None
        return list(self.world.app.ledger.overview.history(job=job, limit=100))

    def remover(self, job: str) -> str | None:
        """The deletion that removed the job, if one did."""
        removed = [sent.at for sent in self.moment(job).sent if sent.removed]
        return sender_at(removed[0], self.deletions(job)) if removed else None

    def all_said(self) -> list[Saying]:
        """Everything since `begin`, what came without a call (acks) included."""
        self._look()
        return self.sayings
