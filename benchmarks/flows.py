"""Deletions from the command to the outcome, faster than people could press: the load on a bot.

No thread waits for one flow. A post by the bot is noticed in the thread that received the post, and one other thread
presses the buttons that are due. So many flows in flight cost no more than few.
"""

from __future__ import annotations

import heapq
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import count

from sandbox.metastudio.faults import LIST
from sandbox.metastudio.metastudio import MetaStudio
from sandbox.metastudio.world import Seen
from sandbox.slack.records import Call
from sandbox.slack.slack import Invocation, Message, Slack

CONFIRM = "dh_confirm"
SEES_THE_CARD = 0.005
"""Seconds from a card's arrival in Slack to the press of its button: by then the bot has Slack's answer to its post."""
NEVER = float("inf")
RAMP = 7.0
"""Seconds. dh-bot looks up the job five and six seconds after an outcome."""
LONGEST_WINDOW = 900.0
FLOW_WITHIN = 30.0
JOB = re.compile(r"\b[0-9a-f]{32}\b")


@dataclass
class Flow:
    """One deletion. Times are those of ``time.perf_counter``."""

    job: str
    asked: Invocation
    asked_at: float
    card: Message | None = None
    card_at: float | None = None
    pressed: Invocation | None = None
    pressed_at: float = 0.0
    outcome_at: float | None = None
    api_seconds: float = 0.0
    """How long MetaStudio took for its answers between the press and the outcome; then, before the card."""
    api_seconds_of_card: float = 0.0
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def acks(self) -> list[float | None]:
        """Seconds to both acks; None where there was none in time."""
        both = (self.asked, self.pressed) if self.pressed is not None else (self.asked,)
        return [one.ack_seconds if one.acked else None for one in both]

    @property
    def to_card(self) -> float | None:
        """Seconds from the command to its card, without MetaStudio's share."""
        return None if self.card_at is None else self.card_at - self.asked_at - self.api_seconds_of_card

    @property
    def to_outcome(self) -> float | None:
        """Seconds from the press to the outcome in the thread, without MetaStudio's share."""
        return None if self.outcome_at is None else self.outcome_at - self.pressed_at - self.api_seconds


@dataclass(frozen=True)
class Window:
    """``done`` counts the outcomes in those seconds, ``all_done`` those after the last flow had ended too."""

    done: int
    seconds: float
    all_done: int = 0


OUTCOME = ("*Deleted:*", "is deleted")
"""What dh-bot and the other two say of a deleted job."""


def name_of(seen: Seen) -> str:
    """A call to MetaStudio in two words."""
    return f"{seen.method} {'list' if seen.operation == LIST else 'job'}"


class Flows:
    """Asks, presses, and notices outcomes."""

    def __init__(self, slack: Slack, cloud: MetaStudio, person: str, channels: Sequence[str]) -> None:
        self.slack, self.cloud, self.person, self.channels = slack, cloud, person, channels
        self.jobs: dict[str, Flow] = {}
        self.cloud_seconds = 0.0
        """How long MetaStudio has taken for all of its answers."""
        self.overview = self.outcomes = 0
        """How many List calls arrived (dh-bot makes them after an outcome), and how many outcomes were posted."""
        self.calls: Counter[str] = Counter()
        """All calls so far, by name."""
        self._counting = threading.Lock()
        self._cards: dict[str, Flow] = {}
        self._numbers = count()
        self._due: list[tuple[float, int, Callable[[], object]]] = []
        self._changed = threading.Condition()
        self._then: Callable[[], None] = lambda: None
        slack.after_call = self._on_slack
        cloud.after_call = self._on_cloud
        threading.Thread(target=self._press_what_is_due, daemon=True).start()

    # -- what people do --

    def ask(self) -> Flow:
        """A new job, and the command for it."""
        number = next(self._numbers)
        job = self.cloud.add_job(state="TRAIN_FAILED")
        channel = self.channels[number % len(self.channels)]
        with self._changed:
            # Under the lock, so that a quick card finds its flow.
            began = time.perf_counter()
            flow = self.jobs[job] = Flow(job, self.slack.command(self.person, channel, job), began)
        return flow

    def answered(self, text: str, wait: float = 60.0) -> None:
        """Send a subcommand and wait for the message that follows its ack."""
        asked = self.slack.command(self.person, self.channels[0], text)
        self.slack.wait_for(lambda: len(asked.answers) > 1, wait)

    def one_by_one(self, many: int, wait: float = 30.0) -> list[Flow]:
        """Run this many flows, each after the outcome of the one before."""
        made = []
        for _ in range(many):
            flow = self.ask()
            flow.over.wait(wait)
            made.append(flow)
        return made

    def at_once(self, many: int, wait: float) -> list[Flow]:
        """Send this many commands at once. Each card's button is pressed as soon as the card is there."""
        flows = [self.ask() for _ in range(many)]
        give_up = time.perf_counter() + wait
        for flow in flows:
            flow.over.wait(max(give_up - time.perf_counter(), 0))
        return flows

    def in_flight(self, many: int, seconds: float = NEVER, total: float = NEVER, ramp: float = RAMP) -> Window:
        """Keep this many in flight, for some seconds or until a total is done; then wait for the rest.

        The seconds count from when the first ``many`` are done: until then all flows do the same at the same time. They
        count from ``ramp`` at the earliest, so that dh-bot's look-ups after an outcome are part of the figures.
        """
        lock, is_over = threading.Lock(), threading.Event()
        before = len(self.jobs)
        asked = done = 0
        began, done_before, asked_at = NEVER, 0, time.perf_counter()

        def next_one() -> None:
            nonlocal asked, done, began, done_before
            with lock:
                done += 1
                if began == NEVER and done >= many and (total != NEVER or time.perf_counter() - asked_at >= ramp):
                    began, done_before = time.perf_counter(), done
                is_late = time.perf_counter() - began >= seconds
                goes_on = asked < total and not is_late
                asked += goes_on
            if is_late or done >= total:
                is_over.set()
            elif goes_on:
                self._soon(0, self.ask)

        self._then = next_one
        asked = int(min(many, total))
        for _ in range(asked):
            self.ask()
        is_over.wait(LONGEST_WINDOW)
        window = Window(done - done_before, time.perf_counter() - began)
        self._then = lambda: None
        mine = list(self.jobs.values())[before:]
        for flow in mine:
            flow.over.wait(FLOW_WITHIN)
        return replace(window, all_done=sum(flow.outcome_at is not None for flow in mine))

    # -- what is noticed --

    def _count(self, name: str) -> None:
        with self._counting:
            self.calls[name] += 1

    def _on_cloud(self, seen: Seen) -> None:
        self._count(name_of(seen))
        took = time.time() - seen.at.timestamp()
        self.cloud_seconds += took
        self.overview += seen.operation == LIST
        flow = self.jobs.get(seen.job_id or "")
        if flow is not None and flow.pressed_at and flow.outcome_at is None:
            flow.api_seconds += took
        elif flow is not None and flow.card_at is None:
            flow.api_seconds_of_card += took

    def _on_slack(self, call: Call) -> None:
        now = time.perf_counter()
        self._count(call.method)
        if call.method != "chat.postMessage" or not call.ok:
            return
        thread = call.args.get("thread_ts")
        if thread is None:
            found = JOB.search(call.args["text"])
            with self._changed:
                flow = self.jobs.get(found[0]) if found else None
            if flow is not None and flow.card is None:
                flow.card_at = now
                flow.card = self.slack.message(call.args["channel"], (call.response or {})["ts"])
                self._cards[flow.card.ts] = flow
                self._soon(SEES_THE_CARD, lambda: self._press(flow))
            return
        flow = self._cards.get(thread)
        if flow is not None and flow.outcome_at is None and any(words in call.args["text"] for words in OUTCOME):
            flow.outcome_at = now
            self.outcomes += 1
            flow.over.set()
            self._then()

    def _press(self, flow: Flow) -> None:
        assert flow.card is not None
        flow.pressed_at = time.perf_counter()
        flow.pressed = self.slack.click(self.person, flow.card, CONFIRM)

    def _soon(self, seconds: float, what: Callable[[], object]) -> None:
        with self._changed:
            heapq.heappush(self._due, (time.perf_counter() + seconds, next(self._numbers), what))
            self._changed.notify()

    def _press_what_is_due(self) -> None:
        while True:
            with self._changed:
                while not self._due or self._due[0][0] > time.perf_counter():
                    self._changed.wait(max(self._due[0][0] - time.perf_counter(), 0) if self._due else None)
                _, _, what = heapq.heappop(self._due)
            what()
