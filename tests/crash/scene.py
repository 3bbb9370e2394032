"""One deletion's world, in which the bot dies and is started again: same Slack, same MetaStudio, same ledger file."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from slack_bolt.adapter.socket_mode.internals import run_bolt_app, send_response
from slack_sdk.socket_mode.request import SocketModeRequest

from bot.domain.model import Deletion, State
from bot.ledger.database import engine
from sandbox.metastudio.metastudio import MetaStudio
from sandbox.metastudio.world import Seen
from sandbox.slack.records import Call, Happening
from sandbox.slack.slack import Invocation, Message, NotAcked, Slack
from tests.crash.boundaries import AFTER, BEFORE, Boundary, Cut, Died, Life, MortalClock
from tests.flow.world import PROBE, SPARE_READERS, World
from tests.support import markers
from tests.support.clock import HeldClock
from tests.support.ledger_files import make_ledger

DELETE = "Delete2dModelTrainingJob"
LEASE = 61.0
"""Seconds after which what a dead process was about to say is free to be said by the next."""
DAY = 24 * 3600.0


class StillClock(HeldClock):
    """A clock that moves only by what is added, so that a story takes the same course each time."""

    def __init__(self) -> None:
        super().__init__(datetime.now(UTC))
        self.runs = False
        """As long as a real process lives in it, it is the real time, and nothing can be added."""

    def now(self) -> datetime:
        return datetime.now(UTC) if self.runs else super().now()

    def monotonic(self) -> float:
        return time.monotonic() if self.runs else super().monotonic()

    def add(self, seconds: float) -> None:
        if not self.runs:
            super().add(seconds)

    def run(self) -> None:
        """Be the real time."""
        self.runs = True

    def hold(self) -> None:
        """Stand still, from now on."""
        self._base, self._added, self._stepped, self.runs = datetime.now(UTC), timedelta(0), timedelta(0), False


class NoSocket:
    """Instead of the WebSocket: payloads are handed to Bolt by the sandbox itself, and acks back."""

    def __init__(self, *_: object) -> None:
        pass

    def start(self) -> None:
        pass

    def watch(self) -> int:
        return 0

    def close(self) -> None:
        pass


@dataclass(frozen=True, slots=True)
class Arrival:
    """A DELETE that MetaStudio read: whose it was, by the ledger at that moment."""

    seen: Seen
    deletion: str

    @property
    def was_throttled(self) -> bool:
        return self.seen.status == 429


@dataclass(frozen=True, slots=True)
class Moment:
    """What was true when something became visible in Slack."""

    happening: Happening
    job_is_there: bool
    effects: frozenset[str]
    """The deletions whose DELETE had its effect."""
    confirmed: frozenset[str]
    """The deletions of which MetaStudio had answered a DELETE with success."""
    arrived: frozenset[str]
    states: dict[str, State]
    late: frozenset[str]
    """The deletions whose time to confirm was over, whether or not the ledger says so already."""
    throttled: frozenset[str]
    """The deletions whose every DELETE so far was answered with 429."""


class Witnessed(list[Happening]):
    """Slack's history, with what was true at each entry."""

    def __init__(self, look: Callable[[Happening], None]) -> None:
        super().__init__()
        self._look = look

    def append(self, happening: Happening) -> None:
        super().append(happening)
        self._look(happening)


@dataclass(slots=True)
class Done:
    """A command or click, when it happened, and whether the bot died before it could note that somebody waits."""

    invocation: Invocation
    since: int
    life: int
    message: Message | None = None
    unnoted: bool = False
    killed: bool = False
    """Whether a real process was killed meanwhile."""


class Stage(World):
    """The servers, shared by the cells of one test, and the cell that is played."""

    def __init__(self, folder: Path, **settings: str) -> None:
        super().__init__(folder / "cell", **settings)
        self.clock: StillClock = StillClock()
        self.cloud = MetaStudio(now=self.clock.now)
        self.cloud.elapsed = self.clock.monotonic
        self.slack = Slack(now=self.clock.timestamp)
        make_engine = cache(engine._sqlite_engine)
        # Each cell has a new file, so the engine may not insist on the one that it was made for.
        self._engine = lambda url, begin, *, size, place: make_engine(url, begin, size=size, place=None)
        """One for each purpose: SQLAlchemy compiles every statement anew for a new one, and closing it closes all its
        connections, so that each life opens the file itself."""
        self.in_process = True
        self.life = Life(0)

    def start(self) -> Stage:
        super().start()
        self.folder.mkdir()
        self._deliver = self.slack.sockets.deliver
        self.slack.sockets.deliver = self._hand_over
        self.slack.before_call = lambda call: self._slack_called(BEFORE, call)
        self.slack.after_call = lambda call: self._slack_called(AFTER, call)
        self.cloud.before_call = self._cloud_called
        self.cloud.after_call = lambda seen: self.life.passes(AFTER, f"cloud {seen.operation}", Cut)
        return self

    def stop(self) -> None:
        if self.has_bot:
            self.bury()
        super().stop()

    # -- one cell --

    def new_cell(self, settings: dict[str, str], rotate: int = 0) -> None:
        """A new channel with new people, a new job, and an empty ledger."""
        if self.has_bot:
            self.bury()
        if (self.folder / "ledger.db").exists():
            markers.look_through(self)
        shutil.rmtree(self.folder)
        self.folder.mkdir()
        make_ledger(self.folder / "ledger.db")
        self.slack.faults.clear()
        self.cloud.faults.clear()
        for held in (self.slack.calls, self.slack.invocations, self.cloud.requests, self.cloud.errors):
            held.clear()
        self.slack.front.errors.clear()
        self.slack.violations.clear()
        self.slack.history = Witnessed(self._look)
        self.anna, self.ben, self.carl = (self.slack.add_user(name) for name in ("anna", "ben", "carl"))
        people = [self.anna, self.ben, self.carl]
        self.ops = self.slack.add_channel("ops", members=people)
        self.audit = self.slack.add_channel("audit", members=people)
        self.job = self.cloud.add_job(state="TRAIN_FAILED", name="Anchor Li")
        self.extra = settings | ({"AUDIT_CHANNEL": self.audit} if "AUDIT_CHANNEL" in settings else {})
        self.rotate = rotate
        self.done: list[Done] = []
        self.moments: list[Moment] = []
        self.late: frozenset[str] = frozenset()
        """The deletions whose time to confirm was over when the clock was set, which setting it back does not undo."""
        self.arrivals: list[Arrival] = []
        self.cut_deletes = 0
        self.at_delete: Callable[[], None] = lambda: None
        self.skips_days = False
        self.strays = 0
        self.life = Life(0)

    def live(self, ends_at: Boundary | None = None, instead: Callable[[], None] | None = None) -> None:
        """Start the bot, or start it again after it died."""
        self.life = Life(self.life.number + 1)
        life = Life(self.life.number, ends_at, instead)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("bot.app.SocketTransport", NoSocket)
            patch.setattr("bot.ledger.database.engine._sqlite_engine", self._engine)
            self.app = self.build(MortalClock(self.clock, life))
        self.life = life
        life.watch(self.app.ledger)

    def bury(self) -> None:
        """End what is left of the process. It is dead, so nothing that still runs in it has any effect."""
        self.life.dead = True
        self.app.stop(5)
        self.app = None
        assert all(isinstance(error, Cut) for error in (*self.slack.front.errors, *self.cloud.errors))

    def die_if_dead(self) -> None:
        """Wait for what is under way; Died if it was the end."""
        self.idle()
        if self.life.dead:
            raise Died

    # -- what passes --

    def _slack_called(self, when: str, call: Call) -> None:
        self.life.passes(when, f"slack {self._place(call)}", Cut)

    def _place(self, call: Call) -> str:
        channel = call.args.get("channel", "")
        if call.method != "chat.postMessage":
            return call.method
        if channel == self.audit:
            return f"{call.method} (audit)"
        if call.args.get("thread_ts"):
            return f"{call.method} (thread)"
        return f"{call.method} ({'card' if channel == self.ops else 'dm'})"

    def _cloud_called(self, seen: Seen) -> None:
        if seen.operation == DELETE:
            self.cut_deletes += 1
        if seen.operation == DELETE and not self.life.dead:
            [(deletion,)] = self.rows("select id from deletions where job_id = ? and state = 'deleting'")
            self.life.passes(BEFORE, f"cloud {seen.operation}", Cut)
            self.cut_deletes -= 1
            self.arrivals.append(Arrival(seen, deletion))
            self.at_delete()
            return
        self.life.passes(BEFORE, f"cloud {seen.operation}", Cut)

    def _look(self, happening: Happening) -> None:
        rows = self.rows("select id, state from deletions where job_id = ?")
        self.moments.append(
            Moment(
                happening,
                self.job in self.cloud.jobs,
                frozenset(one.deletion for one in self.arrivals if one.seen.had_effect),
                frozenset(one.deletion for one in self.arrivals if one.seen.status in {200, 204}),
                frozenset(one.deletion for one in self.arrivals),
                {row[0]: State(row[1]) for row in rows},
                self.late | self._late_now(),
                frozenset(one.deletion for one in self.arrivals)
                - frozenset(one.deletion for one in self.arrivals if not one.was_throttled),
            )
        )

    def _late_now(self) -> frozenset[str]:
        rows = self.rows("select id, deadline_at from deletions where job_id = ?")
        now = self.clock.now()
        return frozenset(row[0] for row in rows if row[1] and datetime.fromisoformat(row[1]) <= now)

    def set_clock(self, seconds: float) -> None:
        """Set the wall clock by so much."""
        self.late |= self._late_now()
        self.clock.step(seconds)

    def rows(self, query: str) -> list[tuple[str, ...]]:
        """What stands in the ledger about the job, whoever has it open."""
        looking = sqlite3.connect(f"file:{self.folder / 'ledger.db'}?mode=ro", uri=True)
        try:
            return looking.execute(query, (self.job,)).fetchall()
        except sqlite3.OperationalError:
            return []  # There is no ledger yet.
        finally:
            looking.close()

    def _hand_over(self, envelope: dict[str, Any]) -> bool:
        """What the socket would do, in this thread and with Bolt's own functions."""
        if not self.in_process:
            return self._deliver(envelope)
        request = SocketModeRequest(
            type=envelope["type"], envelope_id=envelope["envelope_id"], payload=envelope["payload"]
        )
        send_response(_Acks(self.slack), request, run_bolt_app(self.app.bolt, request), 0.0)
        return True

    # -- what people do --

    def ask(self, text: str | None = None, user: str | None = None, channel: str | None = None) -> Invocation:
        """Type the command."""
        # Nobody types as fast as a clock that stands still; the ledger's "newest" goes by the time.
        self.clock.add(1)
        since = len(self.moments)
        asked = self.slack.command(user or self.anna, channel or self.ops, self.job if text is None else text)
        self.done.append(Done(asked, since, self.life.number))
        self._wait_ack(self.done[-1])
        return asked

    def press(
        self, action: str = "dh_confirm", user: str | None = None, card: Message | None = None, **how: Any
    ) -> Invocation:
        """Press a button of the newest card that has it, or of the one that is named."""
        since = len(self.moments)
        card = card or self.card_with(action)
        assert card is not None, f"no card has {action}: {self.deletions()}"
        pressed = self.slack.click(user or self.anna, card, action, **how)
        self.done.append(Done(pressed, since, self.life.number, card))
        self._wait_ack(self.done[-1])
        return pressed

    def _wait_ack(self, done: Done) -> None:
        """Wait for the ack, and until the bot has nothing to do any more or is dead."""
        if not self.in_process:
            done.killed = True
            with contextlib.suppress(NotAcked):
                done.invocation.wait_ack()
            return
        done.invocation.wait_ack()
        self.idle()
        if self.life.dead:
            end = self.life.ends_at
            done.unnoted = end is not None and (end.when, end.name) == (BEFORE, "ledger note_request")
            raise Died

    # -- time --

    def tick(self, seconds: float = 0) -> None:
        """Let so much time pass, then let every worker do what is due, in an order that differs between cells."""
        if not self.in_process:
            return  # A real process does that by itself.
        self.clock.add(seconds)
        tickers = [ticker for ticker in self.app.tickers if ticker.name not in SPARE_READERS]
        first = self.rotate % len(tickers)
        for again in range(30):
            self.life.tick()
            done = 0
            for ticker in (*tickers[first:], *tickers[:first]):
                if again and ticker.name == PROBE:
                    continue  # Its interval is longer than a tick.
                done += ticker.work()
                self.die_if_dead()
            if not done:
                return
        raise AssertionError("the workers never come to rest")

    def settle(self) -> None:
        """Let time pass until nothing is left to be done but what only a person can do."""
        self.tick()
        for _ in range(60):
            if not self.has_work():
                return
            self.tick(self._pause())
        raise AssertionError(f"it never becomes quiet: {self.deletions()}")

    def _pause(self) -> float:
        """How long until something may be due: what is waiting to be said goes first."""
        if self.owes_words():
            return LEASE
        due = [one.read_due_at for one in self.deletions() if one.read_due_at is not None]
        if not due:
            return LEASE
        if self.skips_days:
            return DAY
        # Behind the moment, and more than whatever lease a dead process had.
        return (
            max((min(due) - self.clock.now()).total_seconds(), 0) + 0.01 if min(due) > self.clock.now() else 3 * LEASE
        )

    def has_work(self) -> bool:
        """Whether the bot still owes anything to anybody."""
        return self.owes_words() or any(self._is_under_way(one) for one in self.deletions())

    @staticmethod
    def _is_under_way(deletion: Deletion) -> bool:
        if deletion.state is State.UNKNOWN:
            return not deletion.reminded
        return deletion.state is State.DELETING or deletion.read_due_at is not None

    def owes_words(self) -> bool:
        """Whether somebody has still to be told something."""
        return self.app.ledger.outbox.count() > 0 or self.answers_open() > 0

    # -- what can be seen --

    def answers_open(self) -> int:
        """How many people wait for an answer, by the ledger."""
        return self.app.ledger.read(lambda c: c.exec_driver_sql("select count(*) from answers").scalar_one())

    def deletions(self) -> list[Deletion]:
        """All deletions of the cell, newest first."""
        return list(self.app.ledger.overview.history(limit=100))

    def message_of(self, deletion: Deletion) -> Message | None:
        """The card that the ledger knows of."""
        return next((card for card in self.cards() if card.ts == deletion.message_ts), None)

    def newest(self) -> Deletion | None:
        """The newest deletion, in the order in which they were written: the clock may have been set meanwhile."""
        for (newest,) in self.rows("select id from deletions where job_id = ? order by rowid desc limit 1"):
            return next(one for one in self.deletions() if one.id == newest)
        return None

    def cards(self) -> list[Message]:
        """The cards in the channel, oldest first."""
        return self.slack.messages(self.ops)

    def card_with(self, action: str) -> Message | None:
        """The newest card that has that button."""
        for card in reversed(self.cards()):
            if any(button["action_id"] == action for button in card.buttons):
                return card
        return None

    def effects(self) -> int:
        """How many DELETEs had their effect."""
        return sum(one.seen.had_effect for one in self.arrivals)


class _Acks:
    """The end of a socket that acks go to; with the names that Bolt's function expects."""

    def __init__(self, slack: Slack) -> None:
        self._slack = slack
        self.logger = _Quiet()

    def send_socket_mode_response(self, response: Any) -> None:
        self._slack.people.acked(response.envelope_id, response.payload)


class _Quiet:
    level = 50

    def info(self, text: str) -> None:
        raise AssertionError(text)
