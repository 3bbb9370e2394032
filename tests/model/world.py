"""The product's own code, from the listeners down to the SQLite ledger, between a simulated Slack and MetaStudio.

What the model knows of every deletion it keeps itself, from what was seen at the doubles' side; the ledger's word is
only compared with it. Replicas are further ``Store``s on the same database, each with its own owner, as on PostgreSQL.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import sqlite3
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, cast
from unittest.mock import patch

import structlog

from bot import app
from bot.audit.chain import next_hash
from bot.domain.events import Event
from bot.domain.ledger_port import LedgerTrouble
from bot.domain.lifecycle import TABLE, Step
from bot.domain.model import OPEN_STATES, Actor, ConfirmBy, Deletion, Operation, State
from bot.domain.notifications import Due, Notification, PendingRequest
from bot.domain.policy import Rules
from bot.domain.ports import Called, Config, Ports
from bot.ledger.database.engine import connect
from bot.ledger.database.writer import SharedWriter
from bot.ledger.factory import open_ledger
from bot.ledger.store import Store
from bot.logs.pipeline import only_known_fields
from bot.metastudio.guard import GuardedJobs
from bot.ops.admission import Admission
from bot.runtime.later import Later
from bot.runtime.pool import KeyedLocks
from bot.workers.recheck import Rechecks
from bot.workers.retry_writes import PendingWrites
from bot.workers.show_deleting import DeletingCards
from bot.workers.tickers import tickers_of
from handlers import buttons, command, payloads
from handlers.actions import CANCEL, CHECK_NOW, CLOSE_DELETED, CLOSE_PRESENT, CONFIRM, small_print
from handlers.dispatch import Dispatcher
from tests.contract.values import NOON
from tests.model import truth
from tests.model.cloud import Arrival, Cloud
from tests.model.slack import AUDIT, DORA, OPERATORS, OPS, WORDING, Said, Slack, SlackMessenger, SlackPeople
from tests.model.strands import Killed, Stop, Strand
from tests.support.clock import HeldClock
from tests.support.values import TARGET

PERMITS = 4
LIVE: dict[State, frozenset[str]] = {
    State.AWAITING: frozenset({CONFIRM, CANCEL}),
    State.UNKNOWN: frozenset({CHECK_NOW}),
}
"""The buttons that can do something, by state; after a day of doubt the two by hand come to *Check now*."""
BY_HAND = frozenset({CLOSE_DELETED, CLOSE_PRESENT})
SWALLOWED = frozenset(
    {
        *("sending_failed", "use_case_failed", "listener_failed", "work_failed", "ticker_failed"),
        *("telling_failed", "answer_failed", "redraw_failed"),
    }
)
"""Log lines that only an exception nobody foresaw can write."""
MOST_ROUNDS = 400


class Broken(AssertionError):
    """A promise was broken."""


@dataclass
class Interaction:
    """One command or click, from the moment the ledger knew of it."""

    kind: str
    actor: Actor
    deletion: str
    at: int


@dataclass
class Outage:
    """The ledger fails: after ``skip`` more calls, for ``count`` calls; or one commit's answer is lost."""

    skip: int
    count: int
    in_doubt: bool = False


class Done:
    """A future that has come."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def result(self, timeout: float | None = None) -> Any:
        return self._value


class InlinePool:
    """The pool's permits and words; what is run on it is run at once, as a strand."""

    def __init__(self, replica: Replica) -> None:
        self.replica = replica
        self.busy = 0
        self.is_draining = False

    def take(self) -> bool:
        if self.is_draining or self.busy >= PERMITS:
            return False
        self.busy += 1
        return True

    def give_back(self) -> None:
        self.busy -= 1

    def run(self, work: Callable[[], None]) -> None:
        def body() -> None:
            try:
                work()
            finally:
                self.give_back()

        self.replica.world.run(self.replica, "work", body)

    def in_background(self, work: Callable[[], Any]) -> Done:
        return Done(work())

    def overflow(self, work: Callable[[], object]) -> bool:
        self.replica.world.run(self.replica, "spare", work)
        return True


class Turns:
    """The limiter: free, but for when the fault "busy" says otherwise."""

    def __init__(self, world: World) -> None:
        self.world = world

    def wait(self, operation: Operation) -> bool:
        return not self.world.take_fault("turn" if operation is Operation.DELETE else "read turn")


class Watched:
    """The ledger as one replica has it: the real ``Store``, with troubles, and with every change of state compared."""

    def __init__(self, replica: Replica, store: Store) -> None:
        self.replica = replica
        self.world = replica.world
        self.store = store

        self.deletions = Changes(self, store.deletions)
        self.requests = Owed(self, store.requests)
        self.outbox = Messages(self, store.outbox)
        self.cards = Drawings(self, store.cards)
        self.freezes = Part(self, store.freezes)
        self.breaker = Part(self, store.breaker)
        self.trail = Part(self, store.trail)
        self.running_log = Part(self, store.running_log)
        self.overview = Part(self, store.overview)

    def __getattr__(self, name: str) -> Any:
        return self.watched(getattr(self.store, name))

    def watched(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def called(*args: Any, **options: Any) -> Any:
            self._trouble()
            with self._sound():
                return method(*args, **options)

        return called

    def _trouble(self) -> bool:
        """Raise the trouble that is due; True when this call's answer is to be lost."""
        if self.replica.is_dead:
            raise LedgerTrouble("unreachable")
        outage = self.world.outage
        if outage is None:
            return False
        if outage.skip > 0:
            outage.skip -= 1
            return False
        outage.count -= 1
        if outage.count <= 0:
            self.world.outage = None
        if outage.in_doubt:
            return True
        self.world.count("ledger trouble")
        raise LedgerTrouble("disk full")

    @contextmanager
    def _sound(self) -> Iterator[None]:
        """Trouble comes from the model only: any other would hide behind "the bot cannot write to its ledger"."""
        try:
            yield
        except LedgerTrouble as trouble:
            self.world.expect(False, f"the ledger fails by itself: {trouble} {trouble.__notes__}")  # noqa: FBT003
            raise


class Part:
    """A part of the ledger, with the same troubles."""

    def __init__(self, whole: Watched, part: Any) -> None:
        self.whole = whole
        self.part = part

    def __getattr__(self, name: str) -> Any:
        return self.whole.watched(getattr(self.part, name))


class Changes(Part):
    """The deletions. The answer of a change may be lost."""

    def change(self, *args: Any, **options: Any) -> Deletion | None:
        in_doubt = self.whole._trouble()
        with self.whole._sound():
            changed: Deletion | None = self.part.change(*args, **options)
        if in_doubt:
            self.whole.world.count("COMMIT in doubt")
            raise LedgerTrouble("unreachable", in_doubt=True)
        return changed


class Owed(Part):
    """The pending requests. The model knows each from when it was noted."""

    def note(self, waiting: PendingRequest, *events: Event) -> bool:
        self.whole.world.saw("waiting", waiting.id)
        noted: bool = self.whole.watched(self.part.note)(waiting, *events)
        return noted


class Messages(Part):
    """The outbox. The model knows the number of each message that was leased."""

    def lease(self, *args: Any, **options: Any) -> Sequence[Due]:
        found: Sequence[Due] = self.whole.watched(self.part.lease)(*args, **options)
        for due in found:
            self.whole.world.numbers[id(due.notification)] = (due.number, due.notification)
        return found


class Drawings(Part):
    """Turns for drawings that may be lost. They have their place among the messages."""

    def hold(self, drawing: Notification, *args: Any, **options: Any) -> Due | None:
        due: Due | None = self.whole.watched(self.part.hold)(drawing, *args, **options)
        if due is not None:
            self.whole.world.numbers[id(drawing)] = (due.number, drawing)
        return due


class Replica:
    """One process of the bot, put together as ``bot.app`` does it."""

    def __init__(self, world: World, store: Store) -> None:
        self.world = world
        self.store = store
        self.is_dead = False
        self.ledger = Watched(self, store)
        self.pending_writes = PendingWrites()
        self.rechecks = Rechecks(world.clock.monotonic)
        self.pool = InlinePool(self)
        deleting = DeletingCards(Later(world.clock.monotonic, lambda work: work()), lambda: False)
        messenger = SlackMessenger(world.slack, self)
        queues = KeyedLocks()
        self.ports = Ports(
            ledger=self.ledger,
            jobs=GuardedJobs(world.cloud, self.ledger, Turns(world), world.clock, "key", longest_trial=0),
            people=world.people,
            messenger=messenger,
            second_people=lambda _deletion: Called(("S0ONCALL0",)),
            clock=world.clock,
            config=world.config,
            in_background=self.pool.in_background,
            serialize=lambda name, _seconds: queues(name, 0),
            deliver=lambda notifications: app.deliver(notifications, self.ports),
            pending_writes=self.pending_writes,
            recheck=self.rechecks,
            show_deleting=lambda claimed: deleting.schedule(claimed, self.ports),
            admission=Admission(),
        )
        self.dispatcher = Dispatcher(self.ports, self.pool, WORDING, messenger.link)
        tickers = tickers_of(self.ports, self.pending_writes)
        self.workers: dict[str, Callable[[], int]] = {ticker.name: ticker.work for ticker in tickers}
        self.workers["recheck"] = self.rechecks.run_once
        self.workers["later"] = deleting.ticker.work


class World:
    """Everything of one example."""

    def __init__(self, ledger: Ground, counts: Counter[str], *, replicas: int, confirm_by: str) -> None:
        self.ground = ledger
        self.counts = counts
        self.clock = HeldClock(NOON)
        self.cloud = Cloud(self)
        self.slack = Slack(self)
        self.people = SlackPeople(self)
        self.config = Config(
            TARGET,
            Rules(
                users=frozenset(actor.user for actor in OPERATORS),
                confirm_by=ConfirmBy(confirm_by),
                second_person_states=frozenset({"JOB_SUCCESS"}),
            ),
            audit_channel=AUDIT,
        )
        self.states: dict[str, State] = {}
        self.job_of: dict[str, str] = {}
        self.interactions: dict[str, Interaction] = {}
        self.numbers: dict[int, tuple[int, Notification]] = {}
        self.faults: dict[str, list[str]] = defaultdict(list)
        self.outage: Outage | None = None
        self.strand: Strand | None = None
        self.strands: list[Strand] = []
        self.next_stop: Stop | None = None
        self.forgotten: set[str] = set()
        """The deletions whose claim the ledger has lost and whose sender has not said so yet."""
        self.is_broken = False
        self._press: Any = None
        self.posted: tuple[Callable[[Replica], None], dict[str, Any]] | None = None
        """The newest command or click: how it is posted, and its payload."""
        self._started: list[Strand] = []
        self.swallowed: list[BaseException] = []
        self.told_up_to: dict[str, int] = {}
        self._head = (0, "0" * 64)
        self._moment = 0
        self._ids = 0
        self.is_exclusive = replicas == 1
        ledger.clear()
        self.database = replace(ledger.database, is_exclusive=self.is_exclusive)
        self.store = Store(self.database, TARGET, "the model", self.clock.now)
        self.store.before_commit = lambda name: self.reach("commit:before")
        self.store.after_commit = self._committed
        self.replicas = [self._replica() for _ in range(replicas)]
        self.run_workers(self.replicas[0], ["running-log"])

    # -- the ledger's side --

    def _replica(self) -> Replica:
        self._ids += 1
        return Replica(self, Store(self.database, TARGET, f"process-{self._ids}", self.clock.now))

    def _committed(self, name: str) -> None:
        """Whatever changed its state has changed it by the step that this transaction is named after."""
        step = name.removeprefix("change:")
        for deletion, found, job in self.rows("SELECT id, state, job_id FROM deletions"):
            before, state = self.states.get(deletion, State.NEW), State(found)
            if state is before:
                continue
            if name == "propose":
                step = Step.PROPOSE if state is State.AWAITING else Step.REFUSE
            possible = {known for (known_before, known), new in TABLE.items() if (known_before, new) == (before, state)}
            self.expect(step in possible, f"{name} led from {before} to {state}")
            self.count(f"step: {before}, {step}")
            self.states[deletion] = state
            self.job_of[deletion] = job
        if step == Step.CLAIM_AGAIN:
            self.count(f"step: {State.DELETING}, {step}")
        for waiting, kind, user, team, deletion in self.rows(
            "SELECT id, kind, actor_user, actor_team, deletion FROM answers"
        ):
            if waiting not in self.interactions:
                self.interactions[waiting] = Interaction(
                    kind, Actor(user, team), deletion or waiting, self.next_moment()
                )
        self.reach("commit:after")

    def rows(self, query: str, *values: Any) -> list[Any]:
        """Plain SQL past the product."""
        return self.ground.look.execute(query, values).fetchall()

    def scalar(self, query: str, *values: Any) -> Any:
        found = self.rows(query, *values)
        return found[0][0] if found else None

    # -- a ledger that loses commits --

    def remember(self) -> Callable[[], None]:
        """Keep what is committed now; what is returned loses every commit since, and tells nobody."""
        rows, states = self.ground.copy(), dict(self.states)

        def forget() -> None:
            self.forgotten |= {one for one, state in self.states.items() if states.get(one) is not state}
            self.ground.put_back(rows)
            self.states = states
            # Their numbers are given again.
            self.told_up_to, self._head = {}, (0, "0" * 64)

        return forget

    def unfreeze(self) -> None:
        """Somebody has looked."""
        self.ground.look.execute(
            "UPDATE freezes SET lifted_at = at, lifted_by_user = 'UANNA', lifted_by_team = 'TOURS'"
        )

    # -- what the doubles use --

    def next_moment(self) -> int:
        self._moment += 1
        return self._moment

    def next_token(self, length: int = 16) -> str:
        """Instead of ``secrets.token_hex``, so that an example can be run again."""
        self._ids += 1
        return f"{self._ids:0{length * 2}x}"

    def count(self, what: str) -> None:
        self.counts[what] += 1

    def expect(self, holds: object, promise: str) -> None:
        if not holds:
            self.is_broken = True
            raise Broken(promise)

    def reach(self, boundary: str) -> bool:
        """Whether somebody else may have run meanwhile."""
        return self.strand is not None and self.strand.reach(boundary)

    def take_fault(self, kind: str) -> str | None:
        waiting = self.faults.get(kind)
        if not waiting:
            return None
        self.count(f"fault: {kind}, {waiting[0]}")
        return waiting.pop(0)

    def saw(self, *what: Any) -> None:
        if self.strand is not None:
            self.strand.saw.append(what)

    def deletion_being_sent(self, job: str) -> str:
        """Whose DELETE this is: of the click that this strand serves. Nothing else may send one."""
        strand = self.strand
        self.expect(strand is not None and strand.press is not None, f"a DELETE of {job} without a click")
        assert strand is not None
        self.expect(strand.press[0] == CONFIRM, f"a DELETE of {job} by the button {strand.press[0]}")
        return str(strand.press[2])

    def judge_sending(self, arrival: Arrival) -> None:
        assert self.strand is not None
        truth.judge_sending(self, self.strand, arrival)

    def judge_telling(self, notification: Notification, deletion: Deletion, text: str) -> None:
        number, _ = self.numbers[id(notification)]
        self.expect(
            number >= self.told_up_to.get(notification.thread, 0),
            f"message {number} of thread {notification.thread} after a later one",
        )
        self.told_up_to[notification.thread] = number
        truth.judge_telling(self, notification, deletion, text)

    def judge_answer(self, waiting: PendingRequest, text: str) -> None:
        if self.strand is not None:
            self.strand.saw.append(("waiting", waiting.id))
        truth.judge_answer(self, waiting, text)

    # -- running things --

    def run(self, replica: Replica, name: str, work: Callable[[], object], press: Any = None) -> None:
        """Run something of this replica until it ends, pauses or its process is killed."""
        strand = Strand(name, replica, work, self.next_stop)
        strand.press = press or self._press
        self.next_stop = None
        self._go(strand, strand.start)

    def _go(self, strand: Strand, how: Callable[[], None]) -> None:
        before, self.strand = self.strand, strand
        self._started.append(strand)
        try:
            how()
        except Killed:
            if not strand.replica.is_dead:
                self.count("killed")
                self.kill(strand.replica)
        except Broken:
            raise
        except LedgerTrouble:
            # Workers meet it in every round; of the work of a permit only the note of a mistyped command may end so.
            noted = any(what[0] == "waiting" for what in strand.saw)
            self.expect(not noted or strand.name == "answers", "trouble came out of what somebody waits for")
        finally:
            self.strand = before
        if strand.is_parked and strand not in self.strands:
            self.count("paused")
            self.strands.append(strand)
        if strand.is_done and strand in self.strands:
            self.strands.remove(strand)
        if self.swallowed:
            self.is_broken = True
            raise self.swallowed[0]

    def wake(self, strand: Strand) -> None:
        self.count("woken")
        self.strands.remove(strand)
        self._go(strand, strand.wake)

    def kill(self, replica: Replica, *, leave_its_threads: bool = False) -> None:
        """The process ends and another takes its place. Its threads end too, or are left as ghosts without a ledger."""
        replica.is_dead = True
        for strand in [strand for strand in self.strands if strand.replica is replica]:
            if not (leave_its_threads and self.is_exclusive):
                self.strands.remove(strand)
                self._go(strand, partial(strand.wake, doomed=True))
        if replica in self.replicas:
            self.replicas[self.replicas.index(replica)] = self._replica()

    def stop_orderly(self, replica: Replica) -> None:
        """SIGTERM: what is in flight is finished, then the process ends."""
        replica.pool.is_draining = True
        for strand in [strand for strand in self.strands if strand.replica is replica]:
            self.wake(strand)
        if not replica.is_dead:
            self.kill(replica)

    def run_workers(self, replica: Replica, names: Sequence[str]) -> int:
        """One round of each; a worker that is paused in this process has only one thread."""
        done = 0
        for name in names:
            if replica.is_dead or any(one.replica is replica and one.name == name for one in self.strands):
                continue
            results: list[int] = []
            self.run(replica, name, lambda name=name, results=results: results.append(replica.workers[name]()))
            done += sum(results)
        return done

    # -- what people do --

    def ask(self, replica: Replica, who: Actor, text: str, channel: str = OPS) -> None:
        """Type the command. Whatever happens there is one ack, and it has a text."""
        body = {
            "user_id": who.user,
            "team_id": who.team,
            "channel_id": channel,
            "text": text,
            "response_url": "https://hooks.slack.example/1",
            "trigger_id": self.next_token(),
        }
        self.posted = partial(self._ask, body=body), body
        self._ask(replica, body)

    def _ask(self, replica: Replica, body: dict[str, Any]) -> None:
        acks: list[dict[str, Any]] = []
        seen = self._listen(replica, lambda: command.delete_dh_job(replica.dispatcher, self._ack(acks), body))
        self.expect(len(acks) == 1 and acks[0]["text"], f"{len(acks)} acks for a command")
        if acks[0]["text"].startswith("Checking"):
            self._expect_cared_for(replica, seen)

    def press(self, replica: Replica, who: Actor, message: Said, action: str, value: str | None = None) -> None:
        """Press a button. There is one ack, or none where even the spare threads are taken."""
        deletion = message.deletion if value is None else value
        body = {
            "user": {"id": who.user, "team_id": who.team},
            "container": {"message_ts": message.ts, "channel_id": message.where},
            "message": {"blocks": [{"elements": [{"text": small_print(message.deletion)}]}]},
            "actions": [{"action_id": action, "value": deletion}],
            "response_url": "https://hooks.slack.example/2",
            "trigger_id": self.next_token(),
        }
        post = partial(self._click, body=body, press=(action, who, deletion))
        self.posted = post, body
        post(replica)

    def _click(self, replica: Replica, body: dict[str, Any], press: tuple[str, Actor, str]) -> None:
        acks: list[dict[str, Any]] = []
        action = press[0]
        self._press = press
        try:
            seen = self._listen(replica, lambda: buttons.pressed(replica.dispatcher, action, self._ack(acks), body))
        finally:
            self._press = None
        self.expect(len(acks) == 1, f"{len(acks)} acks for a click")
        self._expect_cared_for(replica, seen)

    def post_again(self, replica: Replica) -> None:
        """The newest command or click once more, as it was. What the ledger has noted once has no second effect."""
        if self.posted is None:
            return
        post, body = self.posted
        digest = payloads.request_digest(body)
        was_noted = self.scalar("SELECT 1 FROM served_requests WHERE digest = ?", digest)
        before = self._effects()
        post(replica)
        if was_noted:
            self.count("posted again")
            self.expect(self._effects() == before, "a request that was posted again had a second effect")

    def _effects(self) -> tuple[Any, ...]:
        """What no request may do twice: change a deletion, post a card, read or send."""
        return dict(self.states), len(self.slack.cards()), len(self.cloud.arrivals), len(self.cloud.reads)

    def _ack(self, acks: list[dict[str, Any]]) -> Callable[..., None]:
        def ack(**said: Any) -> None:
            acks.append(said)

        return ack

    def _listen(self, replica: Replica, listener: Callable[[], None]) -> list[Strand]:
        self._started = []
        listener()
        self.next_stop = None
        return self._started

    def _expect_cared_for(self, replica: Replica, seen: list[Strand]) -> None:
        """Work that ran to its end has noted that somebody waits, or has tried to tell them that it could not."""
        if replica.is_dead or any(not strand.is_done for strand in seen):
            return
        self.expect(
            any(what[0] == "waiting" for strand in seen for what in strand.saw),
            "a command or click that nobody answers for",
        )

    # -- what must hold after every step --

    def check(self) -> None:
        rows = self.rows("SELECT id, state, job_id FROM deletions")
        known = {row[0]: State(row[1]) for row in rows}
        self.expect(known == self.states, f"the ledger says {known}, the model {self.states}")
        opened = Counter(row[2] for row in rows if State(row[1]) in OPEN_STATES)
        self.expect(all(count == 1 for count in opened.values()), f"open deletions per job: {dict(opened)}")
        number, previous = self._head
        for at, text, before, digest in self.rows(
            "SELECT number, text, previous_hash, hash FROM events WHERE number > ? ORDER BY number", number
        ):
            number += 1
            sound = at == number and before == previous and digest == next_hash(previous, text)
            self.expect(sound, f"event {at} does not follow {number - 1}")
            previous = digest
        self._head = (number, previous)
        self.expect(self.store.trail.head() == self._head, "the head is not the last event")

    # -- the end --

    def settle(self) -> None:
        """All faults pass, everybody wakes, and time goes on until nothing is left to do."""
        self.faults.clear()
        self.outage = None
        self.slack.is_archived = False
        self.next_stop = None
        for strand in list(self.strands):
            if strand in self.strands:
                self.wake(strand)
        for _ in range(MOST_ROUNDS):
            done = self.run_workers(self.replicas[0], list(self.replicas[0].workers))
            # The other one's leases run out; only what it alone knows has to be written by itself.
            done += sum(self.run_workers(one, ["takeover"]) for one in self.replicas[1:] if len(one.pending_writes))
            if done:
                continue
            due = self._next_due()
            if due is None and not truth.missing_in_the_log(self):
                return
            # Where the channel of the running log was gone it is tried again after ten minutes.
            due = due or self.clock.now() + timedelta(minutes=10)
            self.clock.add(max((due - self.clock.now()).total_seconds(), 0.001))
        raise AssertionError("work that never ends")

    def _next_due(self) -> datetime | None:
        """When the ledger has something to do next."""
        now = self.clock.now().replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
        found = [
            when
            for (when,) in self.rows(
                """
                SELECT max(moment, coalesce(lease_until, '')) FROM (
                    SELECT lease_until, CASE
                        WHEN state = 'awaiting' THEN coalesce(deadline_at, '') WHEN state = 'deleting' THEN takeover_at
                        ELSE read_due_at END AS moment FROM deletions
                    UNION ALL SELECT lease_until, coalesce(due_at, '') FROM outbox
                ) WHERE moment IS NOT NULL
                """
            )
        ]
        for since, until in self.rows("SELECT since, lease_until FROM answers"):
            abandoned = datetime.fromisoformat(since) + timedelta(minutes=6)
            found.append(max(abandoned.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z", until or ""))
        orphaned = self.rows("SELECT asked_at FROM deletions WHERE state = 'awaiting' AND message_ts IS NULL")
        found += [
            (datetime.fromisoformat(asked) + timedelta(minutes=4))
            .replace(tzinfo=None)
            .isoformat(timespec="microseconds")
            + "Z"
            for (asked,) in orphaned
        ]
        later = [when for when in found if when > now]
        return datetime.fromisoformat(min(later)).replace(tzinfo=UTC) if later else None

    def check_the_end(self) -> None:
        """What must hold when everything has come to rest, and then once more when every live button was pressed."""
        self.settle()
        self.check()
        truth.judge_the_end(self)
        for card in self.slack.cards():
            for action in card.buttons:
                # The doubles take DORA's right away; whoever presses is answered all the same.
                self.press(self.replicas[0], DORA, card, action)
            self.settle()
            self.expect(not card.buttons, f"dead buttons {card.buttons} stay on a card of {self.states[card.deletion]}")
        self.check()
        truth.judge_the_end(self)

    def close(self) -> None:
        """Let no thread outlive the example."""
        for strand in list(self.strands):
            strand.replica.is_dead = True
            # The example is over; why it ended is known by now.
            with contextlib.suppress(BaseException):
                strand.wake(doomed=True)


class Ground:
    """One ledger file for all examples, in memory where there is such a place; each example begins with it empty.

    Its engines live as long as this does: SQLAlchemy compiles every statement anew for a new engine. So a restart is a
    new ``Store`` with a new owner here; that the file opens again is what the crash matrix proves.
    """

    def __init__(self, folder: Path) -> None:
        self._url = f"sqlite:///{folder / 'ledger.db'}"
        open_ledger(f"sqlite:///{folder / 'template.db'}", TARGET).close()
        self._template = sqlite3.connect(folder / "template.db")
        self.database = connect(self._url)
        self.look = sqlite3.connect(folder / "ledger.db", isolation_level=None, check_same_thread=False)
        self._copies: list[sqlite3.Connection] = []

    def clear(self) -> None:
        """Make the ledger what it is after its migrations. Nothing that was copied before is put back ever again."""
        self.put_back(self._template)
        self._close_copies()

    def copy(self) -> sqlite3.Connection:
        """What is committed now, in memory."""
        made = sqlite3.connect(":memory:", check_same_thread=False)
        self._copies.append(made)
        self.look.backup(made)
        return made

    def put_back(self, rows: sqlite3.Connection) -> None:
        """Make the ledger what it was; between two statements of whoever is at work."""
        rows.backup(self.look)
        writing = cast("SharedWriter", self.database.writer)._connection
        if writing is not None:
            # The writer remembers the head of the chain.
            writing.info.clear()

    def renew(self) -> None:
        """After an example that failed nobody knows what state the connections are in."""
        self.database.close()
        # Clearing takes events away, which a ledger does not survive otherwise.
        self.database = connect(self._url, as_it_is=True)

    def close(self) -> None:
        self._close_copies()
        self.look.close()
        self.database.close()
        self._template.close()

    def _close_copies(self) -> None:
        while self._copies:
            self._copies.pop().close()


@contextmanager
def ground() -> Iterator[Ground]:
    """The file is in memory where there is such a place: a commit waits for the disk thousands of times a minute."""
    shared = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it.
    with tempfile.TemporaryDirectory(dir=shared if os.access(shared, os.W_OK) else None) as name:
        made = Ground(Path(name))
        try:
            yield made
        finally:
            made.close()


@contextmanager
def held(world: World) -> Iterator[None]:
    """Ids that can be foretold, and logs that go nowhere but for exceptions that the product caught and logged."""

    def sink(logger: Any, method: str, event: Any) -> Any:
        if event["event"] in SWALLOWED:
            error = sys.exc_info()[1]
            if error is not None and not isinstance(error, LedgerTrouble):
                world.swallowed.append(error)
        raise structlog.DropEvent

    before = structlog.get_config()
    structlog.configure(processors=[only_known_fields, sink])
    with patch.object(secrets, "token_hex", world.next_token):
        try:
            yield
        finally:
            structlog.configure(**before)
