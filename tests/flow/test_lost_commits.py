"""A ledger that loses commits between a claim and its outcome: at most one DELETE once that is known, and no untruth.

The database is a PostgreSQL whose rows are put back as they were, at each boundary, for each reply that the sender may
hold, and whoever presses afterwards.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from bot.app import Running
from bot.cli.main import main
from bot.doctor import ledger as doctor
from bot.doctor.findings import CheckState as Check
from bot.domain.events import Kind
from bot.domain.model import Actor, Deletion, DeletionId, Freeze, State
from bot.domain.notifications import Notification, NotificationKind
from sandbox.metastudio import faults as play
from sandbox.metastudio.world import Seen
from sandbox.slack.slack import Message
from tests.flow.world import World
from tests.support import postgres
from tests.support.forgetting import Forgetting, Losing

DELETE = "Delete2dModelTrainingJob"


KEPT = 5


def cells(*axes: Iterable[str]) -> list[Any]:
    """Every combination. `make test` plays one in five, so that each value of each axis is met; the others are long."""
    return [
        pytest.param(
            *(name for _, name in cell), marks=() if sum(at for at, _ in cell) % KEPT == 0 else pytest.mark.long
        )
        for cell in product(*(list(enumerate(axis)) for axis in axes))
    ]


@dataclass
class Scene:
    """A world on a PostgreSQL that forgets, with a job on a card."""

    w: World
    url: str
    database: Forgetting
    job: str
    card: Message

    @property
    def deletion(self) -> Deletion:
        return self.w.deletion(self.job)

    @property
    def deletes(self) -> int:
        return self.w.cloud.deletes_arrived(self.job)

    @property
    def is_there(self) -> bool:
        return self.job in self.w.cloud.jobs

    def lose(self, first: str, at: str | None = None) -> None:
        """Lose the commits from that transaction on, at the end of another one."""
        Losing(self.database, self.w.app.ledger, first, at)

    def stop_losing(self) -> None:
        """From here on commits last, as far as the hooks go."""
        self.w.app.ledger.before_commit = self.w.app.ledger.after_commit = lambda name: None
        self.w.cloud.after_call = None

    def during(self, happens: Callable[[], object], *, after: bool = True) -> None:
        """Let this happen while the DELETE is under way, just after its effect or just before it; once."""
        done: list[bool] = []

        def hook(seen: Seen) -> None:
            if seen.operation == DELETE and not done:
                done.append(True)
                happens()

        if after:
            self.w.cloud.after_call = hook
        else:
            self.w.cloud.before_call = hook

    def kinds(self) -> list[Kind]:
        return [one.event.kind for one in self.w.trail() if one.event.deletion == self.deletion.id]

    def settle(self) -> None:
        """Let the workers find out what there is to find out: eleven minutes of looks, then the hour after."""
        self.w.tick(6)
        for _ in range(10):
            self.w.tick(80)
        self.w.tick(3700)

    def is_frozen_by_the_bot(self) -> bool:
        standing = self.w.app.ledger.freezes.current()
        return standing is not None and standing.by is None and self.deletion.id in standing.reason


@pytest.fixture
def s(tmp_path: Path) -> Iterator[Scene]:
    url = postgres.migrated()
    w = World(tmp_path, SLACK_MODE="socket", METASTUDIO_AUTH="aksk", DATABASE_URL=url, READ_TIMEOUT="10").start()
    database = Forgetting(url)
    try:
        w.run_bot(CONFIRM_BY="any_operator")
        job = w.cloud.add_job(state="TRAIN_FAILED")
        yield Scene(w, url, database, job, w.card(job))
    finally:
        w.stop()
        database.close()


@dataclass(frozen=True)
class ReplyCase:
    """A reply of MetaStudio: how it is made, the name of the transaction that records it, and what it means."""

    fault: Callable[[Scene], object]
    step: str
    becomes: State
    has_effect: bool
    arrives: bool = True


def too_late(s: Scene) -> None:
    """The machine sleeps between the claim and the sending."""
    losing = s.w.app.ledger.after_commit

    def sleep(name: str) -> None:
        losing(name)
        if name == "change:claim":
            s.w.clock.add(6)

    s.w.app.ledger.after_commit = sleep


REPLIES = {
    "deleted": ReplyCase(lambda s: None, "change:reply: deleted", State.DELETED, has_effect=True),
    "failed": ReplyCase(
        lambda s: s.w.cloud.faults.add(DELETE, play.error(403, "MSS.00010007"), when="before"),
        "change:reply: failed",
        State.FAILED,
        has_effect=False,
    ),
    "unknown, done": ReplyCase(
        lambda s: s.w.cloud.faults.add(DELETE, play.drop(), when="after"), "change:lose", State.DELETED, has_effect=True
    ),
    "unknown, not done": ReplyCase(
        lambda s: s.w.cloud.faults.add(DELETE, play.error(500, "MSS.00000004"), when="before"),
        "change:lose",
        State.FAILED,
        has_effect=False,
    ),
    "never sent": ReplyCase(too_late, "change:never sent", State.FAILED, has_effect=False, arrives=False),
}

BOUNDARIES: dict[str, Callable[[Scene, ReplyCase], object]] = {
    "the claim, before the DELETE is sent": lambda s, r: s.lose("change:claim", "change:claim"),
    "the claim, while MetaStudio answers": lambda s, r: (
        s.lose("change:claim", None if r.arrives else "change:claim"),
        s.during(s.database.forget),
    ),
    "claim and outcome, before the outcome is told": lambda s, r: s.lose("change:claim", r.step),
    "claim and outcome, after the outcome was told": lambda s, r: s.lose("change:claim"),
    "the outcome, before it is told": lambda s, r: s.lose(r.step, r.step),
    "the outcome, after it was told": lambda s, r: s.lose(r.step),
}


def press_elsewhere(s: Scene) -> None:
    """A second process on the same database, which gets the click."""
    other = another(s)
    try:
        s.w.press(s.card, user=s.w.ben, force=True)
        wait_for(other)
    finally:
        leave(s, other)


def another(s: Scene) -> Running:
    made = s.w.build(s.w.clock)
    before = list(s.w.slack.sockets.links)
    made.transport.start()
    s.w.slack.sockets.wait_connected(len(before) + 1)
    s.w.slack.sockets.pick = lambda live: next(link for link in live if link not in before)
    return made


def wait_for(other: Running) -> None:
    assert other.pool.wait_idle(15)


def leave(s: Scene, other: Running) -> None:
    links = list(s.w.slack.sockets.links)
    s.w.slack.sockets.pick = lambda live: live[0]
    other.stop(5)
    s.w.slack.wait_for(lambda: len(s.w.slack.sockets.links) < len(links), 10)


THEN: dict[str, Callable[[Scene], object]] = {
    "nobody presses": lambda s: None,
    "the same person presses": lambda s: s.w.press(s.card, force=True),
    "somebody else presses on another replica": press_elsewhere,
}


@pytest.mark.parametrize(("boundary", "reply", "then"), cells(BOUNDARIES, REPLIES, THEN))
def test_lost_commits(s: Scene, capsys: pytest.CaptureFixture[str], boundary: str, reply: str, then: str) -> None:
    """One DELETE, every sentence true, the target frozen, and log, trail and doctor say why."""
    case = REPLIES[reply]
    BOUNDARIES[boundary](s, case)
    case.fault(s)
    s.w.press(s.card)
    s.stop_losing()
    if not s.database.has_forgotten:
        s.database.forget()
    s.w.tick(6)
    assert s.database.has_forgotten == 1
    assert s.is_frozen_by_the_bot()
    THEN[then](s)
    assert s.deletes == int(case.arrives)
    s.settle()

    assert s.deletes == int(case.arrives), "a second DELETE"
    assert s.is_there is not case.has_effect
    assert s.deletion.state is case.becomes
    assert len(s.deletion.attempts) == 1
    assert s.deletion.confirmer is not None
    assert s.deletion.confirmer.user == s.w.anna
    assert s.card.buttons == []
    judge(s, case)
    kinds = s.kinds()
    assert kinds.count(Kind.LOST_COMMITS) == 1
    assert kinds.count(Kind.CLAIMED) == 1
    assert s.w.verdict().is_sound
    assert '"event": "ledger_lost_commits"' in capsys.readouterr().err
    found = {each.check: each for each in doctor.check(s.url)}["lost commits"]
    assert found.state is Check.WRONG
    assert s.deletion.id in found.says

    s.w.ask("unfreeze", user=s.w.ben)
    other = s.w.cloud.add_job(state="TRAIN_FAILED")
    s.w.press(s.w.card(other))
    assert s.w.cloud.deletes_arrived(other) == 1


SAYS_DELETED = re.compile(
    r"(^|\*)(Deleted|Gone):|Correction, it is (deleted|gone):|: the job is deleted|found it gone|: it is gone",
    re.MULTILINE,
)
SAYS_NOT = re.compile(r"not deleted by this request|othing (was |is |)deleted|ounts as not deleted|\*Still there:")


def judge(s: Scene, case: ReplyCase) -> None:
    """What stands in the thread, on the card and in what people were told agrees with the world."""
    thread = s.w.thread(s.card)
    assert any("lost what it had recorded about this deletion" in text for text in thread), thread
    said = [s.card.text, *thread, *s.w.said_to(s.w.anna), *s.w.said_to(s.w.ben)]
    for text in said:
        assert not (SAYS_DELETED.search(text) and not case.has_effect), text
        # A press that is refused says of itself that it deleted nothing, which is so.
        assert not (SAYS_NOT.search(text) and case.has_effect), text
        assert "Huawei confirmed it" not in text or case.step == "change:reply: deleted", text
        assert "never left the bot" not in text or not case.arrives, text
        assert "DELETE was sent" not in text or case.arrives, text
    outcome = [text for text in thread if SAYS_DELETED.search(text) or SAYS_NOT.search(text)]
    assert outcome, thread


MEANWHILE: dict[str, tuple[Callable[[Scene], object], str]] = {
    "it expired": (lambda s: s.w.tick(700), "That nobody confirmed in time was wrong."),
    "it was cancelled": (lambda s: s.w.press(s.card, "dh_cancel", force=True), "That came too late"),
    "it waits again": (lambda s: None, "then waited for a decision again"),
    "nothing is left of it": (lambda s: s.database.drop(s.deletion.id), "Nothing of this deletion was left"),
}


def press_and_meanwhile(s: Scene, case: ReplyCase, happens: Callable[[], object]) -> None:
    """The claim is lost while MetaStudio answers, and this happens before the answer is there."""
    s.lose("change:claim")
    case.fault(s)

    def meanwhile() -> None:
        s.database.forget()
        happens()

    s.during(meanwhile)
    invocation = s.w.slack.click(s.w.anna, s.card, "dh_confirm")
    invocation.wait_ack()
    s.w.idle()
    s.w.cloud.after_call = None


def without_waiting(s: Scene, happens: Callable[[Scene], object], monkeypatch: pytest.MonkeyPatch) -> None:
    """What people do while the sender waits: nobody can wait then for the pool to be idle."""
    with monkeypatch.context() as patch:
        patch.setattr(s.w, "idle", lambda: busy_with_one(s))
        happens(s)


def busy_with_one(s: Scene) -> None:
    assert s.w.app.pool.wait_idle(15, in_flight=1)


@pytest.mark.parametrize("reply", [name for name, case in REPLIES.items() if case.arrives])
@pytest.mark.parametrize("meanwhile", MEANWHILE)
def test_what_became_of_the_card_meanwhile(
    s: Scene, monkeypatch: pytest.MonkeyPatch, meanwhile: str, reply: str
) -> None:
    """The reply is recorded whatever the row has become, and what was told wrongly is corrected by name."""
    case = REPLIES[reply]
    happens, correction = MEANWHILE[meanwhile]
    press_and_meanwhile(s, case, lambda: without_waiting(s, happens, monkeypatch))
    s.w.tick(1)
    notice = next(text for text in s.w.thread(s.card) if "lost what it had recorded" in text)
    assert correction in notice
    wrongly = meanwhile in {"it expired", "it was cancelled"}
    assert ("That nothing was deleted was wrong" in notice) is (wrongly and reply == "deleted")
    assert ("That nothing was deleted is not certain" in notice) is (wrongly and reply.startswith("unknown"))
    assert s.is_frozen_by_the_bot()
    s.settle()
    assert s.deletes == 1
    assert s.deletion.state is case.becomes
    assert len(s.deletion.attempts) == 1
    assert s.w.verdict().is_sound


ARRIVING = [name for name, case in REPLIES.items() if case.arrives]
ORDERS = ("the second is recorded first", "the first is recorded first")


@pytest.mark.parametrize(("first", "second", "order"), cells(ARRIVING, ARRIVING, ORDERS))
def test_somebody_elses_claim_holds_the_row(s: Scene, first: str, second: str, order: str) -> None:
    """Before it is known a second press may send another DELETE; both replies are recorded and told."""
    one, two = REPLIES[first], REPLIES[second]
    other = another(s)
    links = list(s.w.slack.sockets.links)
    s.w.slack.sockets.pick = lambda live: links[0]
    job = s.w.cloud.jobs[s.job]
    arrived, go = threading.Event(), threading.Event()

    def second_is_answered(seen: Seen) -> None:
        if seen.operation == DELETE:
            arrived.set()
            if order == "the first is recorded first":
                assert go.wait(8)

    def press_again() -> None:
        s.w.slack.sockets.pick = lambda live: links[1]
        # Were it gone, the second press would find that out before it sends anything.
        s.w.cloud.jobs[s.job] = job
        two.fault(s)
        s.w.cloud.after_call = second_is_answered
        s.w.slack.click(s.w.ben, s.card, "dh_confirm", force=True).wait_ack()
        assert arrived.wait(8)
        if order == "the second is recorded first":
            wait_for(other)
        if one.has_effect or two.has_effect:
            s.w.cloud.jobs.pop(s.job, None)

    try:
        press_and_meanwhile(s, one, press_again)
        go.set()
        wait_for(other)
        s.w.tick(1)
        judge_two(s, one, two)
    finally:
        go.set()
        leave(s, other)


def judge_two(s: Scene, one: ReplyCase, two: ReplyCase) -> None:
    """Two DELETEs, two attempts, two replies in the thread; what may be true of the job is what is said of it."""
    assert s.deletes == 2
    attempts = s.deletion.attempts
    assert [attempt.number for attempt in attempts] == [1, 2]
    assert len({attempt.claim_token for attempt in attempts}) == 2
    assert all(attempt.replied_at is not None for attempt in attempts)
    requests = [seen.request_id for seen in s.w.cloud.requests_to(DELETE)]
    thread = "\n".join(s.w.thread(s.card))
    for attempt in attempts:
        assert attempt.request_id is None or attempt.request_id in thread
    assert {attempt.request_id for attempt in attempts if attempt.request_id} <= set(requests)
    assert "confirmed it a second time" in thread
    assert (thread.count("lost what it had recorded"), s.kinds().count(Kind.LOST_COMMITS)) == (1, 1)
    assert s.is_frozen_by_the_bot()
    steps = {one.step, two.step}
    if "change:reply: deleted" in steps:
        assert s.deletion.state is State.DELETED
    elif "change:lose" in steps:
        assert s.deletion.state is State.UNKNOWN
    else:
        assert s.deletion.state is State.FAILED
    s.settle()
    assert s.deletion.state is (State.FAILED if s.is_there else State.DELETED)
    assert s.deletes == 2


def throttle(s: Scene) -> None:
    s.w.cloud.faults.add(DELETE, play.throttled("1"), when="before")


@pytest.mark.parametrize("lost", ["the first claim", "the second claim"])
def test_a_throttled_delete(s: Scene, lost: str) -> None:
    """With its first claim gone it is not sent again; with its second one gone both attempts are recorded."""
    throttle(s)
    if lost == "the first claim":
        s.lose("change:claim", "change:claim")
    else:
        s.lose("change:claim again", "change:claim again")
    s.w.press(s.card)
    s.stop_losing()
    s.w.tick(6)
    assert s.database.has_forgotten == 1
    assert s.is_frozen_by_the_bot()
    tried = [attempt.status for attempt in s.deletion.attempts]
    if lost == "the first claim":
        assert (s.deletes, s.deletion.state, tried) == (1, State.FAILED, [429])
        assert "throttled the DELETE" in "".join(s.w.thread(s.card))
    else:
        assert (s.deletes, s.deletion.state, tried) == (2, State.DELETED, [429, 200])
    assert "lost what it had recorded" in "".join(s.w.thread(s.card))
    assert s.kinds().count(Kind.LOST_COMMITS) == 1
    s.settle()
    assert s.kinds().count(Kind.LOST_COMMITS) == 1


@pytest.mark.parametrize("reply", [name for name, case in REPLIES.items() if case.arrives])
def test_the_job_was_asked_for_anew_meanwhile(s: Scene, monkeypatch: pytest.MonkeyPatch, reply: str) -> None:
    """Cancelled, and on another card by then: a job has no two open deletions, so the doubt is told without a state.

    The new card confirms nothing, since deletions are frozen.
    """
    case = REPLIES[reply]
    job = s.w.cloud.jobs[s.job]

    def anew(s: Scene) -> None:
        s.w.press(s.card, "dh_cancel", force=True)
        s.w.cloud.jobs[s.job] = job
        s.w.ask(s.job, user=s.w.ben)
        if case.has_effect:
            s.w.cloud.jobs.pop(s.job)

    first = s.deletion.id
    press_and_meanwhile(s, case, lambda: without_waiting(s, anew, monkeypatch))
    s.w.tick(1)
    found = s.w.app.ledger.deletions.get(first)
    assert found is not None
    assert [attempt.claim_token for attempt in found.attempts] == [found.claim_token or found.attempts[0].claim_token]
    second = s.w.slack.messages(s.w.ops)[-2 if "frozen" in s.w.slack.messages(s.w.ops)[-1].text else -1]
    assert second is not s.card
    if case.step == "change:lose":
        assert (found.state, found.ended_why) == (State.CANCELLED, "lost_commits")
        assert "Nothing was deleted" not in s.card.text
        assert "not known" in s.card.text.lower()
        assert "is not certain" in s.w.thread(s.card)[-1]
    else:
        assert found.state is case.becomes
    s.w.press(second, user=s.w.ben, force=True)
    assert s.deletes == 1
    s.settle()
    assert s.deletes == 1
    recorded = [one.event.kind for one in s.w.trail() if one.event.deletion == first]
    assert recorded.count(Kind.LOST_COMMITS) == 1


def test_a_freeze_that_stands_is_as_good(s: Scene) -> None:
    """Somebody froze while the DELETE was under way: theirs stays, and lifting it is theirs."""
    s.lose("change:claim", "change:claim")
    s.during(lambda: s.w.app.ledger.freezes.begin(*by_ben(s)) if s.w.has_bot else None)
    s.w.press(s.card)
    standing = s.w.app.ledger.freezes.current()
    assert standing is not None
    assert standing.by is not None
    assert "lost what it had recorded" in "".join(s.w.thread(s.card))


def by_ben(s: Scene) -> tuple[Freeze, Notification]:
    ben = Actor(s.w.ben, s.w.slack.team_id)
    made = Freeze("f" * 16, ben, s.w.clock.now(), s.w.ops, "Huawei incident")
    facts = {"about": "frozen", "user": s.w.ben, "reason": "Huawei incident"}
    return made, Notification(NotificationKind.NOTICE, DeletionId(""), s.w.ops, None, facts)


def test_doctor_and_start_show_it(
    s: Scene, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """The command line says when it was and about which deletion; a note remains once somebody has looked."""
    s.lose("change:claim", "change:claim")
    s.w.press(s.card)
    for name, text in s.w.environ().items():
        monkeypatch.setenv(name, text)
    monkeypatch.chdir(tmp_path)

    def says() -> dict[str, str]:
        capsys.readouterr()
        main(["doctor", "--json"])
        findings = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        return next(each for each in findings if each["check"] == "lost commits")

    wrong = says()
    assert wrong["state"] == "wrong"
    assert f"deletion {s.deletion.id} at {s.w.clock.now():%F}" in wrong["says"]
    assert "failover" in wrong["says"]
    s.w.ask("freeze again", user=s.w.ben)
    assert "the bot itself stopped all deletions" in s.w.said_to(s.w.ben)[-1]
    s.w.ask("unfreeze", user=s.w.ben)
    assert "the bot itself stopped all deletions" in s.w.said_to(s.w.ben)[-1]
    assert says()["state"] == "note"
