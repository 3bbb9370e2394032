"""Cells of the fault matrix: one job, one channel, one flow, in a world that many cells share.

Building a world takes a second, a cell a tenth of one, so a `Keeper` lends its worlds to one cell after the other. A
cell that fails takes its world along: the next one gets a new one.
"""

from __future__ import annotations

import itertools
from collections import Counter, deque
from collections.abc import Callable, Container, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Row, func, select

from bot.domain.model import Deletion, State
from bot.ledger.schema.tables import deletions, outbox, pending_requests
from sandbox.metastudio.fault_list import Fault as CloudFault
from sandbox.metastudio.faults import BEFORE, DELETE, LIST, SHOW, Spoil
from sandbox.metastudio.world import Seen
from sandbox.slack.slack import Invocation, Message
from tests.faults.oracle import Saying, Witness
from tests.flow.world import World
from tests.support import markers
from tests.support.claims import NOT_DELETED, Claim, claims_of
from tests.support.ledger_files import folder_in_memory

CONFIRM, CANCEL, CHECK_NOW = "dh_confirm", "dh_cancel", "dh_check_now"
LIVE = [CONFIRM, CANCEL]
BY_HAND = ["dh_close_deleted", "dh_close_present"]
REST = 300
"""Seconds that nothing is sent after the credentials were rejected."""
DOUBTS = {Claim.UNKNOWN, Claim.UNDETERMINED}
MOST_REQUESTS = 4000
MOST_ROUNDS = 400
SECRETS = ("ENCODED-DENIAL", "SIGNED-PART")
FIRST_READ = select(func.min(deletions.c.read_due_at))
TAKEOVERS = select(deletions.c.takeover_at).where(deletions.c.state == "deleting")
MESSAGES = select(outbox.c.thread, outbox.c.due_at, outbox.c.lease_until).order_by(outbox.c.number)
ANSWERS = select(pending_requests.c.lease_until)
"""What the ledger wants done. Building these anew each time would cost more than running them."""


@dataclass
class Asked:
    """One thing that a person did, and where the record of sayings stood then."""

    invocation: Invocation
    since: int


@dataclass
class Cell:
    """One flow about one job in one channel. Everything said in it is checked by `check`."""

    w: World
    witness: Witness
    channel: str
    job: str
    asked: list[Asked] = field(default_factory=list)
    broken: ExitStack = field(default_factory=ExitStack)
    rejects_with_400: bool = False
    """Whether the 400 of this cell is a rejection of the credentials."""
    most_deletes: int = 1

    # -- what people do --

    def ask(self, user: str | None = None, text: str | None = None) -> Invocation:
        """Type the command in this cell's channel."""
        since = len(self.witness.all_said())
        self.witness.about[user or self.w.anna] = text or self.job
        invocation = self.w.ask(text or self.job, user, self.channel)
        self.asked.append(Asked(invocation, since))
        return invocation

    def card(self, user: str | None = None) -> Message:
        """Ask, and be given the card."""
        self.ask(user)
        cards = self.cards()
        assert cards, f"no card was posted; told were {[saying.text for saying in self.witness.all_said()]}"
        return cards[-1]

    def press(self, card: Message, action: str = CONFIRM, user: str | None = None, *, force: bool = False) -> None:
        """Press a button of a card."""
        since = len(self.witness.all_said())
        self.witness.about[user or self.w.anna] = next(job for job in self.witness.jobs if job in card.text)
        self.asked.append(Asked(self.w.press(card, action, user, force=force), since))

    def add_job(self, **fields: str) -> str:
        """Another job in this cell."""
        job = self.w.cloud.add_job(**{"state": "TRAIN_FAILED", **fields})
        self.witness.jobs.append(job)
        return job

    # -- what can be seen --

    def cards(self) -> list[Message]:
        return self.w.slack.messages(self.channel)

    def thread(self, card: Message) -> list[str]:
        return self.w.thread(card)

    def told(self, user: str) -> list[str]:
        """What this person alone was told in this cell, but for the first "Checking …"."""
        dm = self.w.slack.im_with_bot(user)
        return [
            saying.text
            for saying in self.witness.all_said()
            if (saying.only_for == user or saying.place == dm) and not saying.text.startswith("Checking ")
        ]

    def deletion(self) -> Deletion:
        """The newest deletion of this cell's job."""
        return self.w.deletion(self.job)

    def deletes(self) -> int:
        return self.w.cloud.deletes_arrived(self.job)

    def requests(self, operation: str) -> list[str]:
        """The request ids of the calls about this job, in order."""
        return [seen.request_id for seen in self.w.cloud.requests_to(operation) if seen.job_id in (None, self.job)]

    # -- what goes wrong --

    def spoil(self, operation: str, spoil: Spoil, *, times: int | None = 1, when: str = BEFORE) -> CloudFault:
        """Plan a fault of MetaStudio for this cell."""
        job = None if operation == LIST else self.job
        return self.w.cloud.faults.add(operation, spoil, times=times, when=when, job_id=job)

    def at_the_claim(self, do: Callable[[], object], *, again: bool = False) -> None:
        """Let something happen between the claim and the DELETE: after every check, before anything is sent.

        With `again` it is the claim of the second attempt.
        """
        ledger = self.w.app.ledger
        wanted = "change:claim again" if again else "change:claim"

        def hook(name: str) -> None:
            if name == wanted:
                ledger.after_commit = nothing
                do()

        ledger.after_commit = hook

    def enter(self, fault: AbstractContextManager[None]) -> None:
        """Let something be broken until `leave`."""
        self.broken.enter_context(fault)

    def leave(self) -> None:
        """Mend what is broken."""
        self.broken.close()

    # -- what time does --

    def quiet(self, *, stride: float = 0, until: timedelta = timedelta(days=12)) -> None:
        """Let time pass, from one due thing to the next, until nothing is due any more."""
        end = self.w.clock.now() + until
        self.w.work_after(0)
        for rounds in itertools.count():
            due = self.next_due()
            if due is None or due >= end:
                break
            assert rounds < MOST_ROUNDS, f"it never comes to rest; due at {due}"
            wait = (due - self.w.clock.now()).total_seconds()
            self.w.work_after(max(wait, stride, 0) + 0.001)
        self.w.tick()
        assert due is None or until < timedelta(days=12), f"something is still due at {due}"

    def next_due(self) -> datetime | None:
        """When the ledger wants something done next; a card that waits for its deadline is left in peace."""
        with self.w.app.ledger._database.reading.connect() as connection:
            now = self.w.clock.now()
            waits = [
                *connection.execute(FIRST_READ).scalars(),
                *connection.execute(TAKEOVERS).scalars(),
                *(max(filter(None, (row.due_at, row.lease_until)), default=now) for row in self._heads(connection)),
                *(row or now for row in connection.execute(ANSWERS).scalars()),
            ]
        return min(filter(None, waits), default=None)

    @staticmethod
    def _heads(connection: Connection) -> list[Row[Any]]:
        """The oldest message of each thread: those behind it wait for it."""
        heads: dict[str, Row[Any]] = {}
        for row in connection.execute(MESSAGES):
            heads.setdefault(row.thread, row)
        return list(heads.values())

    # -- the oracle --

    def check(self) -> None:
        """Whatever happened in this cell: nothing untrue was said, everybody was answered, nothing is left over."""
        sayings = self.witness.all_said()
        found = list(self.witness.untruths(sayings))
        assert not found, "\n".join(found)
        for secret in (self.w.cloud.ak, self.w.cloud.sk, *SECRETS):
            leaks = [saying.text for saying in sayings if secret in saying.text]
            assert not leaks, f"{secret!r} was said: {leaks}"
        for asked in self.asked:
            self._check_answered(asked, sayings)
        assert self.deletes() <= self.most_deletes
        self._check_breaker()
        self._check_trail()
        assert self.w.slack.violations == []
        assert self.w.cloud.errors == []

    def _check_answered(self, asked: Asked, sayings: list[Saying]) -> None:
        """A command or a click is answered to the person alone, or by a new message that mentions them."""
        user = asked.invocation.user
        dm = self.w.slack.im_with_bot(user)
        for saying in sayings[asked.since :]:
            is_shown = saying.what == "posted" or (saying.what == "updated" and saying.only_for is not None)
            if not is_shown or saying.text.startswith("Checking "):
                continue
            if saying.only_for == user or saying.place == dm or f"<@{user}>" in saying.text:
                return
        raise AssertionError(f"{asked.invocation.kind} of {user} was never answered: {[s.text for s in sayings]}")

    def _check_breaker(self) -> None:
        """After a rejected signature the next request with the same key comes five minutes later, or not at all."""
        last: dict[str, datetime] = {}
        for seen in self.w.cloud.requests:
            key = (seen.header("Authorization") or "").partition("Access=")[2].partition(",")[0]
            since = last.get(key)
            assert since is None or seen.at - since >= timedelta(seconds=REST), (
                f"{seen.operation} was sent {seen.at - since} after the credentials were rejected"
            )
            last.pop(key, None)
            if self._is_rejection(seen):
                last[key] = seen.at

    def _is_rejection(self, seen: Seen) -> bool:
        return seen.status == 401 or (seen.status == 400 and seen.fault and self.rejects_with_400)

    def _check_trail(self) -> None:
        """Every attempt has its claim in the trail, and whatever was sent its reply."""
        claims = 0
        for deletion in self.w.app.ledger.overview.history(job=self.job, limit=100):
            kinds = Counter(recorded.event.kind.value for recorded in self.w.app.ledger.trail.events_of(deletion.id))
            assert kinds["claimed"] == len(deletion.attempts)
            claims += kinds["claimed"]
            if deletion.attempts and deletion.state is not State.DELETING:
                assert kinds["outcome"] + kinds["unknown"] >= 1
                assert kinds["replied"] >= len(deletion.attempts) - 1
            if deletion.message_ts and deletion.state not in {State.AWAITING, State.DELETING}:
                assert kinds["told"] + kinds["not_told"] >= 1
        assert claims >= self.deletes()

    def must_be_over(self) -> Deletion:
        """Nothing is open or left to be told; the card has no buttons; thread, card and ledger say what is true."""
        assert self.next_due() is None
        deletion = self.deletion()
        truth = self.witness.moment(self.job).truth()
        assert deletion.state in {State.DELETED, State.FAILED, State.REFUSED, State.CANCELLED, State.EXPIRED}
        assert (deletion.state is State.DELETED) == truth.removed, f"{deletion.state} is not true: {truth}"
        remover = self.witness.remover(self.job)
        for one in self.witness.deletions(self.job):
            assert (one.state is State.DELETED) == (one.id == remover), f"{one.id} is {one.state}, by {remover}"
        for card in self.cards():
            if card.ts == deletion.message_ts:
                assert [button["action_id"] for button in card.buttons] == []
                last = self.last_word(card)
                assert Claim.DELETED in last if truth.removed else last & {*NOT_DELETED, Claim.STILL_THERE}
                self._check_order(card)
        return deletion

    def last_word(self, card: Message) -> set[Claim]:
        """What the thread said last about whether the job is deleted."""
        said = [claims_of(text) for text in self.thread(card)]
        sure = {Claim.DELETED, *NOT_DELETED, Claim.STILL_THERE}
        return next(claims for claims in reversed(said) if claims & sure and not claims & DOUBTS)

    def _check_order(self, card: Message) -> None:
        """Doubt never follows certainty in a thread."""
        marks = []
        for claims in map(claims_of, self.thread(card)):
            if Claim.UNKNOWN in claims:
                marks.append("unknown")
            elif Claim.UNDETERMINED in claims:
                marks.append("undetermined")
            elif claims & {Claim.DELETED, *NOT_DELETED}:
                marks.append("known")
        assert marks == sorted(marks, key=["unknown", "undetermined", "known"].index), self.thread(card)


def some(names: Iterable[Any], kept: Container[Any]) -> list[Any]:
    """All of these, but only the kept ones in `make test`: one of each kind; `make test-long` plays the others too."""
    return [name if name in kept else pytest.param(*_as_tuple(name), marks=pytest.mark.long) for name in names]


def _as_tuple(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def nothing(_name: str) -> None:
    """The ledger's hook when there is none."""


class Keeper:
    """Worlds by name, each built when it is first wanted."""

    def __init__(self, makers: dict[str, Callable[[Path], World]]) -> None:
        self._makers = makers
        self._worlds: dict[str, tuple[World, Witness]] = {}
        self._folders = ExitStack()
        self._count = 0

    def add(self, name: str, maker: Callable[[Path], World]) -> None:
        """Another kind of world."""
        self._makers[name] = maker

    @contextmanager
    def cell(self, name: str, **job: str) -> Iterator[Cell]:
        """Lend a world to one cell, and check it behind it."""
        w, witness = self._worlds.pop(name, None) or self._make(name)
        made = self._cell(w, witness, job)
        try:
            yield made
            made.check()
        except BaseException:
            made.leave()
            w.stop()
            raise
        self._tidy(w)
        self._worlds[name] = (w, witness)

    def _make(self, name: str) -> tuple[World, Witness]:
        w = self._makers[name](self._folders.enter_context(folder_in_memory())).start()
        w.run_bot()
        # The running log begins where the trail stands when it looks for the first time.
        w.tick()
        witness = Witness(w)
        witness.watch()
        return w, witness

    def _cell(self, w: World, witness: Witness, job: dict[str, str]) -> Cell:
        self._count += 1
        # Old look-ups must not answer for this cell.
        w.clock.add(61)
        w.cloud.requests = deque(maxlen=MOST_REQUESTS)
        markers.look_through(w, "calls")
        w.slack.calls.clear()
        channel = w.slack.add_channel(f"cell-{self._count}", members=[w.anna, w.ben, w.carl])
        witness.begin()
        made = Cell(w, witness, channel, "")
        made.job = made.add_job(**job)
        return made

    @staticmethod
    def _tidy(w: World) -> None:
        w.cloud.faults.clear()
        w.slack.faults.clear()
        if w.has_bot:
            w.app.ledger.after_commit = nothing

    def close(self) -> None:
        """Stop the worlds; what they wrote has to verify."""
        worlds, self._worlds = self._worlds, {}
        with self._folders:
            for w, _ in worlds.values():
                try:
                    assert w.verdict().is_sound
                    assert w.app.ledger.outbox.count() == 0
                    assert w.app.ledger.trail.missing_triggers() == frozenset()
                finally:
                    w.stop()


__all__ = ["DELETE", "LIST", "SHOW", "Cell", "Keeper"]
