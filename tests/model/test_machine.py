"""The whole life of deletions against a model: people, time, faults, restarts and paused processes, in any order.

Hypothesis drives the product's own code (listeners, use-cases, workers, SQLite ledger) between a simulated Slack and a
simulated MetaStudio. After every step the ledger is compared with the model and every text with the simulated world; at
the end all faults pass and everything has to come to rest, told, answered and true.

`make test` runs a few examples, `make test-long` 500. More on demand: ``DHBOT_MODEL_EXAMPLES=20000``, and
other ones than in CI with ``DHBOT_MODEL_SEED=7``.
"""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from bot.domain.lifecycle import TABLE
from bot.domain.model import Actor, State
from bot.domain.outcomes import CLAIM_LOST
from handlers.actions import CANCEL, CHECK_NOW, CLOSE_DELETED, CLOSE_PRESENT, CONFIRM
from tests.model import cloud as sky
from tests.model.slack import DIRECT, FAULTS, OPS, Said
from tests.model.strands import Stop
from tests.model.world import Ground, Outage, Replica, World, ground, held
from tests.support.values import ANNA, BEN, CARL, DORA

EXAMPLES = 500
QUICK = 24
STEPS = 25
SHARDS = 2
SEED = int(os.environ.get("DHBOT_MODEL_SEED", "0"))

PEOPLE = st.sampled_from([ANNA, BEN, DORA, CARL])
REPLICA = st.integers(0, 1)
WEATHER = st.lists(
    st.sampled_from(
        [
            *((kind, fault) for kind in ("show", "list") for fault in sky.READS),
            ("show", "404, though it is there"),
            ("show", "forgets"),
            ("list", "stale"),
            ("list", "filter ignored"),
            *((kind, fault) for kind in ("post", "tell", "answer", "log") for fault in FAULTS),
            ("place", "fails"),
            ("person", "fails"),
            ("turn", "busy"),
            ("read turn", "busy"),
        ]
    ),
    max_size=2,
)


def stops(boundaries: dict[str, int]) -> st.SearchStrategy[Stop | None]:
    """Nothing, a pause, or the end of the process, at one of these boundaries, each as often as it may be reached."""
    places = [(boundary, nth) for boundary, times in boundaries.items() for nth in range(times)]
    pauses = [Stop(boundary, nth) for boundary, nth in places if boundary != "commit:before"]
    kills = [Stop(boundary, nth, kill=True) for boundary, nth in places]
    return st.one_of(st.none(), st.sampled_from(pauses), st.sampled_from(kills))


OUTAGE = st.one_of(
    st.none(),
    st.none(),
    st.none(),
    st.builds(Outage, st.integers(0, 8), st.sampled_from([1, 2, 4])),
    st.builds(Outage, st.integers(0, 8), st.just(1), in_doubt=st.just(value=True)),
)
Troubles = tuple[list[tuple[str, str]], Outage | None, Stop | None]


def troubles(**boundaries: int) -> st.SearchStrategy[Troubles]:
    """Fair weather, or any mixture of faults, with a stop at one of these boundaries (a call or a commit)."""
    places = {"commit:before": boundaries.pop("commits"), "commit:after": 0}
    places["commit:after"] = places["commit:before"]
    for call, times in boundaries.items():
        places |= {f"{call}:before": times, f"{call}:after": times}
    return st.one_of(st.just(([], None, None)), st.tuples(WEATHER, OUTAGE, stops(places)))


WHEN_ASKED = troubles(conversation=1, person=1, show=1, post=2, answer=1, commits=5)
WHEN_CONFIRMED = troubles(conversation=2, person=3, show=1, list=1, delete=2, notifications=2, answer=1, commits=9)
WHEN_PRESSED = troubles(conversation=1, person=1, show=1, list=1, notifications=2, answer=1, commits=6)
WHEN_TIME_PASSES = troubles(show=1, list=1, notifications=2, answer=1, log=1, commits=8)
DELETES = st.one_of(
    st.sampled_from(list(sky.PLANS)).map(lambda plan: [plan]),
    st.lists(
        st.sampled_from(["429", "429, done", "0308", "lost, done", "ok", "502", "404, done", "connection refused"]),
        min_size=1,
        max_size=3,
    ),
)
FINDING_OUT = ["takeover", "reader-1"]
WORKERS = st.sampled_from(
    [
        ["expire", *FINDING_OUT, "outbox", "answers", "running-log"],
        [*FINDING_OUT],
        ["outbox"],
        ["answers"],
        ["expire"],
    ]
)
SECONDS = st.sampled_from([0, 1, 4, 6, 12, 35, 61, 130, 300, 605, 1200, 3600, 86400])


class Deletions(RuleBasedStateMachine):
    """People, time and troubles, in any order."""

    ground: Ground
    counts: Counter[str]

    def __init__(self) -> None:
        super().__init__()
        self.world: World | None = None
        self.jobs = 0

    @initialize(
        replicas=st.sampled_from([1, 1, 2]), rule_of=st.sampled_from(["requester", "any_operator", "second_person"])
    )
    def begin(self, replicas: int, rule_of: str) -> None:
        """Settings: one process on SQLite, or two replicas; and who may confirm."""
        self.counts["examples"] += 1
        self.world = World(self.ground, self.counts, replicas=replicas, confirm_by=rule_of)
        self._held = held(self.world)
        self._held.__enter__()

    @property
    def w(self) -> World:
        assert self.world is not None
        return self.world

    def replica(self, number: int) -> Replica:
        return self.w.replicas[number % len(self.w.replicas)]

    def prepare(self, troubles: Troubles) -> None:
        weather, outage, stop = troubles
        for kind, fault in weather:
            self.w.faults[kind].append(fault)
        if outage is not None:
            self.w.outage = replace(outage)
        self.w.next_stop = stop

    def newest(self, number: int, state: State | None = None) -> Said | None:
        cards = [
            card
            for card in reversed(self.w.slack.cards())
            if state is None or self.w.states.get(card.deletion) is state
        ]
        return cards[number % len(cards)] if cards else None

    def job(self, which: str) -> str:
        """A job that there is, or a new one."""
        asked = [job for job in self.w.cloud.jobs if job != "job-busy"]
        if which == "the last" and asked:
            return asked[-1]
        if which in {"job-busy", "ghost"}:
            return which
        self.jobs += 1
        return self.w.cloud.add(f"job-{self.jobs}", "JOB_SUCCESS" if which == "a finished one" else "TRAIN_FAILED")

    # -- people --

    @rule(
        who=PEOPLE,
        which=st.sampled_from(["a new one", "the last", "the last", "a finished one", "job-busy", "ghost"]),
        where=st.sampled_from([OPS, OPS, OPS, DIRECT]),
        on=REPLICA,
        troubles=WHEN_ASKED,
    )
    def ask(self, who: Actor, which: str, where: str, on: int, troubles: Troubles) -> None:
        """Somebody types the command."""
        job = self.job(which)
        self.prepare(troubles)
        self.w.ask(self.replica(on), who, f"{job} because", where)

    @rule(who=st.sampled_from([ANNA, BEN]), on=REPLICA)
    def ask_in_fair_weather(self, who: Actor, on: int) -> None:
        """The same without troubles, so that most examples come to a card."""
        self.w.ask(self.replica(on), who, self.job("a new one"))

    @precondition(lambda self: self.newest(0, State.AWAITING))
    @rule(card=st.integers(0, 2), delete=DELETES, on=REPLICA, troubles=WHEN_CONFIRMED)
    def confirm(self, card: int, delete: list[str], on: int, troubles: Troubles) -> None:
        """Somebody who may confirm does, and the DELETE meets whatever it meets."""
        pressed = self.newest(card, State.AWAITING)
        assert pressed is not None
        self.prepare(troubles)
        self.w.faults["delete"] = list(delete)
        row = self.w.store.deletions.get(pressed.deletion)
        who = row.requester
        if row.confirm_by == "second_person":
            who = BEN if row.requester == ANNA else ANNA
        self.w.press(self.replica(on), who, pressed, CONFIRM)

    @rule(who=st.sampled_from([ANNA, BEN]), delete=DELETES, on=REPLICA, troubles=WHEN_CONFIRMED)
    def ask_and_confirm(self, who: Actor, delete: list[str], on: int, troubles: Troubles) -> None:
        """Both at once, the question in fair weather."""
        self.ask_in_fair_weather(who, on)
        if self.newest(0, State.AWAITING):
            self.confirm(0, delete, on, troubles)

    @rule(
        who=st.sampled_from([ANNA, BEN]),
        plan=st.sampled_from(
            [
                *("ok", "ok, gone after 15 min", "400", "400, done", "404, done", "429", "lost, done after 15 min"),
                *("500", "502, done"),
            ]
        ),
        at=st.sampled_from([Stop("delete:after"), Stop("delete:before"), Stop("commit:after", 1), Stop("tell:before")]),
        elsewhere=st.booleans(),
        pauses=st.sampled_from([[80], [80] * 10, [80] * 10 + [3700]]),
        on=REPLICA,
    )
    def overtake_a_sender(self, who: Actor, plan: str, at: Stop, elsewhere: bool, pauses: list[int], on: int) -> None:  # noqa: FBT001
        """A sender is paused with its DELETE not sent or not recorded, others find out meanwhile, then it goes on."""
        self.ask_in_fair_weather(who, on)
        paused = list(self.w.strands)
        if self.newest(0, State.AWAITING):
            self.confirm(0, [plan], on, ([], None, at))
        if elsewhere:
            self.w.cloud.delete_in_console(f"job-{self.jobs}")
        for pause in pauses:
            self.w.clock.add(pause)
            self.w.run_workers(self.replica(on + 1), [*FINDING_OUT, "outbox"])
        for strand in [strand for strand in self.w.strands if strand not in paused]:
            self.w.wake(strand)

    @rule(
        who=st.sampled_from([ANNA, BEN]),
        plan=st.sampled_from(["ok", "400", "lost, done", "lost", "500", "502, done", "403"]),
        meanwhile=st.sampled_from(["nothing", "nothing", "expired", "cancelled"]),
        on=REPLICA,
    )
    def lose_a_claim(self, who: Actor, plan: str, meanwhile: str, on: int) -> None:
        """The ledger loses a claim while its DELETE is under way; others go on, then its sender notices."""
        self.ask_in_fair_weather(who, on)
        paused = list(self.w.strands)
        card = self.newest(0, State.AWAITING)
        if card is None:
            return
        forget = self.w.remember()
        self.confirm(0, [plan], on, ([], None, Stop("delete:after")))
        senders = [strand for strand in self.w.strands if strand not in paused]
        if not senders or self.w.states[card.deletion] is not State.DELETING:
            return
        forget()
        self.w.count(f"lost a claim: {meanwhile}")
        if meanwhile == "expired":
            self.w.clock.add(605)
            self.w.run_workers(self.replica(on + 1), ["expire"])
        elif meanwhile == "cancelled":
            self.w.press(self.replica(on + 1), self.w.store.deletions.get(card.deletion).requester, card, CANCEL)
        for strand in senders:
            self.w.wake(strand)
        self.w.expect(self.w.store.freezes.current(), "a claim was lost, and deletions are not frozen")
        self.w.unfreeze()

    @precondition(lambda self: self.newest(0, State.UNKNOWN))
    @rule(
        who=PEOPLE,
        fault=st.sampled_from([*sky.READS, "404, though it is there"]),
        button=st.sampled_from([CLOSE_DELETED, CLOSE_PRESENT, CHECK_NOW]),
        on=REPLICA,
    )
    def doubt_for_a_day(self, who: Actor, fault: str, button: str, on: int) -> None:
        """No read decides anything for a day; then the doubt may be closed by hand."""
        pressed = self.newest(0, State.UNKNOWN)
        assert pressed is not None
        for _ in range(3):
            self.w.clock.add(9 * 3600)
            self.w.faults["show"] = [fault] * 10
            self.w.faults["list"] = ["500"] * 10
            replica = self.replica(on)
            self.w.run_workers(replica, list(replica.workers))
        self.w.faults["show"] = self.w.faults["list"] = []
        self.w.press(self.replica(on), who, pressed, button)

    @precondition(lambda self: self.newest(0))
    @rule(who=PEOPLE, card=st.integers(0, 4), button=st.integers(0, 4), on=REPLICA, troubles=WHEN_PRESSED)
    def press(self, who: Actor, card: int, button: int, on: int, troubles: Troubles) -> None:
        """Anybody presses any button that stands, or once stood, on any card."""
        pressed = self.newest(card)
        assert pressed is not None
        self.prepare(troubles)
        self.w.press(self.replica(on), who, pressed, pressed.ever[button % len(pressed.ever)])

    @precondition(lambda self: self.newest(0, State.UNKNOWN))
    @rule(
        who=PEOPLE,
        button=st.sampled_from([CHECK_NOW, CHECK_NOW, CLOSE_DELETED, CLOSE_PRESENT]),
        on=REPLICA,
        troubles=WHEN_PRESSED,
    )
    def press_in_doubt(self, who: Actor, button: str, on: int, troubles: Troubles) -> None:
        """Anybody presses a button of a card whose outcome is unknown, also one that it does not show."""
        pressed = self.newest(0, State.UNKNOWN)
        assert pressed is not None
        self.prepare(troubles)
        self.w.press(self.replica(on), who, pressed, button)

    @rule(
        text=st.sampled_from(["", "help", "history job-1", "job a\n", "jöb", "-x", "job-1 " + "x" * 501]),
        who=PEOPLE,
        action=st.sampled_from(["dh_other", CONFIRM]),
        value=st.sampled_from(["", "f" * 16, "x"]),
        on=REPLICA,
    )
    def talk_nonsense(self, text: str, who: Actor, action: str, value: str, on: int) -> None:
        """What is no job id never reaches the cloud; a button of another version is answered."""
        reads = len(self.w.cloud.reads)
        self.w.ask(self.replica(on), who, text)
        self.w.expect(len(self.w.cloud.reads) == reads or text == "job a\n", "a mistyped command reached the cloud")
        if pressed := self.newest(0):
            self.w.press(self.replica(on), who, pressed, action, value)

    @rule(on=REPLICA)
    def post_again(self, on: int) -> None:
        """Somebody who has read the newest command or click posts it again, to any replica."""
        self.w.post_again(self.replica(on))

    # -- time, and the workers --

    @rule(seconds=SECONDS, workers=WORKERS, on=REPLICA, troubles=WHEN_TIME_PASSES)
    def pass_time(self, seconds: float, workers: list[str], on: int, troubles: Troubles) -> None:
        """Time passes, and workers do what is due; the first of them may meet its end."""
        self.w.clock.add(seconds)
        self.prepare(troubles)
        self.w.run_workers(self.replica(on), workers)
        self.w.next_stop = None

    @rule(on=REPLICA)
    def read_for_ten_minutes(self, on: int) -> None:
        """All workers of one replica go on for a while, as they do when nothing else happens."""
        for number in range(9):
            self.w.clock.add(80)
            replica = self.replica(on)
            self.w.run_workers(replica, list(replica.workers) if number == 8 else FINDING_OUT)

    # -- processes --

    @precondition(lambda self: self.w.strands)
    @rule(which=st.integers(0, 3))
    def wake(self, which: int) -> None:
        """A paused process goes on."""
        self.w.wake(self.w.strands[which % len(self.w.strands)])

    @precondition(lambda self: self.w.strands)
    @rule(which=st.integers(0, 3), on=REPLICA)
    def take_over_and_wake(self, which: int, on: int) -> None:
        """A paused process goes on only after another one has taken its work over."""
        strand = self.w.strands[which % len(self.w.strands)]
        self.w.clock.add(61)
        replica = self.replica(on)
        self.w.run_workers(replica, list(replica.workers))
        if strand in self.w.strands:
            self.w.wake(strand)

    @rule(on=REPLICA, how=st.sampled_from(["kill", "kill and leave ghosts", "orderly"]))
    def end(self, on: int, how: str) -> None:
        """Kill -9 or SIGTERM, and a new process."""
        self.counts[f"end: {how}"] += 1
        if how == "orderly":
            self.w.stop_orderly(self.replica(on))
        else:
            self.w.kill(self.replica(on), leave_its_threads=how != "kill")

    # -- the world --

    @rule(
        what=st.sampled_from(["deleted", "TRAIN_FAILED", "TRAINING", "MANUAL_VERIFYING", "Dora", "channel"]),
        job=st.integers(0, 2),
    )
    def world_turns(self, what: str, job: int) -> None:
        """Somebody deletes the job elsewhere, or it moves on; Dora loses her right; the channel closes; and back."""
        jobs = [*reversed(self.w.cloud.jobs)][:-1]
        if what == "Dora":
            self.w.people.deactivated ^= {DORA}
        elif what == "channel":
            self.w.slack.is_archived = not self.w.slack.is_archived
        elif jobs and what == "deleted":
            self.w.cloud.delete_in_console(jobs[job % len(jobs)])
        elif jobs:
            self.w.cloud.change_in_console(jobs[job % len(jobs)], what)

    # -- what must hold --

    @invariant()
    def holds(self) -> None:
        """See ``World.check``."""
        if self.world is not None:
            self.counts["steps"] += 1
            self.world.check()

    def teardown(self) -> None:
        """Everything comes to rest, unless the example has failed already."""
        if self.world is None:
            return
        is_sound = False
        try:
            if sys.exc_info()[0] is None and not self.world.is_broken:
                self.world.check_the_end()
                is_sound = True
        finally:
            self.world.close()
            self._held.__exit__(None, None, None)
            if not is_sound:
                self.ground.renew()


@pytest.fixture(scope="module")
def ledger() -> Iterator[Ground]:
    """The ledger that all examples use in turn."""
    with ground() as made:
        yield made


def drive(ledger: Ground, examples: int, number: int) -> Counter[str]:
    """Run so many examples of this shard; what happened in them."""
    counts: Counter[str] = Counter()
    machine = type("Deletions", (Deletions,), {"ground": ledger, "counts": counts})
    run_state_machine_as_test(
        seed(SEED * 1000 + number)(machine),
        settings=settings(
            max_examples=examples,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=(Phase.explicit, Phase.generate) + ((Phase.shrink,) if not os.environ.get("NOSHRINK") else ()),
            report_multiple_bugs=False,
            database=None,
            print_blob=False,
        ),
    )
    return counts


def report(capsys: pytest.CaptureFixture[str], counts: Counter[str], seconds: float) -> None:
    """Say how much was tried; in full where somebody asks for it."""
    with capsys.disabled():
        print(f"\nmodel: {counts['examples']} examples, {counts['steps']} steps, {seconds:.0f} s")
        if os.environ.get("DHBOT_MODEL_REPORT"):
            for what, number in sorted(counts.items()):
                print(f"  {number:7} {what}")


def test_a_few_lives(ledger: Ground, capsys: pytest.CaptureFixture[str]) -> None:
    """Two dozen examples: one DELETE, one open deletion, one outcome, no silence, no dead button, nothing untrue."""
    began = time.monotonic()
    counts = drive(ledger, QUICK, 999)
    report(capsys, counts, time.monotonic() - began)
    assert counts["examples"] >= QUICK


LATE = {"step: unknown, late reply: deleted": 1, "step: failed, late reply: deleted": 10}
"""After how many reads, a little over a minute apart, a sender's own reply comes. It is rare: it has its own test."""
AGAINST_THE_LAWS = "step: deleted, read: present"
"""This cloud does not forget a job for so long.

``tests/unit/deletion/test_reconcile.py`` and ``tests/flow/test_truth.py`` have it.
"""
SAME_STATE = "step: deleted, late reply: deleted"


@pytest.mark.parametrize(("step", "reads"), LATE.items())
def test_a_reply_that_comes_after_the_job_was_seen(ledger: Ground, step: str, reads: int) -> None:
    """MetaStudio took the DELETE but showed the job for a while; then its sender wakes up and knows better."""
    counts: Counter[str] = Counter()
    life = type("Deletions", (Deletions,), {"ground": ledger, "counts": counts})()
    life.begin(replicas=2, rule_of="requester")
    late = {"plan": "ok, gone after 15 min", "at": Stop("delete:after"), "elsewhere": False, "pauses": [80] * reads}
    life.overtake_a_sender(who=ANNA, on=0, **late)
    life.holds()
    life.teardown()
    assert counts[step] == 1


@pytest.mark.long
@pytest.mark.parametrize("shard", range(SHARDS))
def test_many_lives(ledger: Ground, capsys: pytest.CaptureFixture[str], shard: int) -> None:
    """500 examples in two shards, in each of which every edge of the table was taken but the rarest.

    Two shards suffice, since one finds all edges by itself; the second finds them in another way.
    """
    began = time.monotonic()
    wanted = int(os.environ.get("DHBOT_MODEL_EXAMPLES", str(EXAMPLES))) // SHARDS
    counts = drive(ledger, wanted, shard)
    report(capsys, counts, time.monotonic() - began)
    assert counts["examples"] >= wanted
    # A lost claim is rare among these; tests/flow/test_lost_commits.py takes each of its edges.
    elsewhere = {(state, step) for state, step in TABLE if step in CLAIM_LOST.values()}
    edges = {f"step: {state}, {step.value}" for state, step in TABLE.keys() - elsewhere if state is not State.NEW}
    assert edges - {*LATE, AGAINST_THE_LAWS, SAME_STATE} <= set(counts)
