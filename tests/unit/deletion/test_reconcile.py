"""Finding out what became of a deletion by reading only, on a real ledger; MetaStudio, the clock and Slack are doubles.

What each read proves and how reads are counted stands in test_evidence.py. Here is what the bot makes of it: what it
asks, what it writes, what it tells, when it looks again, and that whoever was faster is never overruled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest

from bot.deletion import by_hand, inspect_job, settle
from bot.domain.events import Event, Kind
from bot.domain.evidence import Finding
from bot.domain.ledger_port import DueWork
from bot.domain.lifecycle import Step
from bot.domain.model import (
    Actor,
    Cause,
    Deletion,
    DeletionId,
    JobId,
    Listed,
    Operation,
    Reply,
    Shown,
    State,
)
from bot.domain.notifications import Notification, NotificationKind
from bot.domain.outcomes import Ending
from bot.domain.policy import Rules
from bot.domain.ports import Config, Ports
from bot.domain.refusals import Reason, Refused
from bot.ledger.deletions import Deletions
from bot.ledger.store import Store
from bot.ops.admission import Admission
from bot.workers import take_over
from bot.workers.read import read_next
from tests.support import values
from tests.support.clock import HeldClock
from tests.support.values import AT, BEN, DELETION_ID, TARGET, attempt, deletion, job, seconds

JOB = JobId("job-1")
ID = DELETION_ID
MICROSECOND = timedelta(microseconds=1)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
GONE, PRESENT, NOTHING = Finding.GONE, Finding.PRESENT, Finding.NOTHING


# -- the doubles ---------------------------------------------------------------------------------------------------


show_reply = partial(values.reply, operation=Operation.SHOW, request_id="req-show")
NO_ANSWER = Shown(show_reply(cause=Cause.TIMED_OUT, request_id=None))


def page_of(*jobs: str, count: int | None, status: int | None = 200, body_ok: bool = True) -> Listed:
    cause = Cause.CUT if status is None else None
    reply = values.reply(status, cause=cause, operation=Operation.LIST, request_id=None, body_ok=body_ok)
    return Listed(reply, count, tuple(job(name, "TRAINING") for name in jobs))


HERE = Shown(show_reply(200), job(state="TRAINING"))
NOT_FOUND = Shown(show_reply(404, "MSS.41000003"))
BROKEN = Shown(show_reply(500, "MSS.00000004"))
EMPTY = page_of(count=0)
NAMED = page_of("job-1", count=1)
SHOWS = {PRESENT: HERE, GONE: NOT_FOUND, NOTHING: BROKEN}


@dataclass
class Cloud:
    """MetaStudio, which is only ever read. ``meanwhile`` is what others do while it answers."""

    shown: Shown = HERE
    filtered: Listed = EMPTY
    page: Callable[[int, int], Listed] | None = None
    meanwhile: Callable[[], object] = lambda: None
    asked: list[object] = field(default_factory=list)

    def show(self, job_id: JobId) -> Shown:
        self.asked.append(job_id)
        self.meanwhile()
        return self.shown

    def find(self, *, job_id: str | None = None, name: str | None = None, offset: int = 0, limit: int = 100) -> Listed:
        assert name is None, "a name is not unique, so it proves nothing"
        self.asked.append((job_id, offset, limit))
        if job_id is not None:
            assert offset == 0
            return self.filtered
        assert self.page is not None, "the pages were not to be walked"
        return self.page(offset, limit)

    def prepare_delete(self, job_id: JobId) -> None:
        """Nothing to open here."""

    def delete(self, job_id: JobId, *, may_send: Callable[[], bool]) -> Reply:
        raise AssertionError(f"finding out never deletes {job_id}, whether or not {may_send}")

    def acquire(self, operation: Operation) -> bool:
        raise AssertionError(f"nobody asks for a turn to {operation} here")


def forbidden(*args: object, **more: object) -> Any:
    raise AssertionError(f"finding out has no business with this: {args} {more}")


class Nobody:
    """A port that must stay untouched."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"finding out has no business with {name}")


class Others:
    """The deletions, with somebody else at work on them as soon as this process has leased something."""

    def __init__(self, deletions: Deletions, meanwhile: Callable[[], object]) -> None:
        self._deletions, self._meanwhile = deletions, meanwhile

    def lease(self, purpose: DueWork, now: datetime, *, seconds: float, limit: int = 10) -> list[Deletion]:
        leased = list(self._deletions.lease(purpose, now, seconds=seconds, limit=limit))
        self._meanwhile()
        return leased

    def __getattr__(self, name: str) -> Any:
        return getattr(self._deletions, name)


class World:
    """A real ledger in a file, and what was delivered from it."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.clock = HeldClock(AT, may_sleep=False)
        self.cloud = Cloud()
        self.config = Config(TARGET, Rules())
        self.ledger: Any = store
        self.delivered: list[Notification] = []

    @property
    def ports(self) -> Ports:
        return Ports(
            ledger=self.ledger,
            jobs=self.cloud,
            people=Nobody(),
            messenger=Nobody(),
            second_people=forbidden,
            clock=self.clock,
            config=self.config,
            in_background=forbidden,
            serialize=forbidden,
            deliver=self.deliver,
            pending_writes=forbidden,
            recheck=forbidden,
            show_deleting=forbidden,
            admission=Admission(),
        )

    def meanwhile(self, work: Callable[[], object]) -> None:
        self.ledger = copy(self.store)
        self.ledger.deletions = Others(self.store.deletions, work)

    def deliver(self, notifications: Iterable[Notification]) -> None:
        """Whatever is delivered waits in the outbox already, so that a crash here loses nothing."""
        self.delivered += notifications
        assert self.store.outbox.count() == len(self.delivered)

    def keep(self, deletion: Deletion) -> Deletion:
        assert self.store.deletions.propose(deletion, max_open=99) is None
        return deletion

    def now(self, deletion: DeletionId = ID) -> Deletion:
        found = self.store.deletions.get(deletion)
        assert found is not None
        return found

    def trail(self) -> list[Event]:
        return [recorded.event for recorded in self.store.trail.events()]

    def read_until_nothing_is_due(self) -> Deletion:
        while (due := self.now().read_due_at) is not None:
            self.clock.move_to(due)
            self.read()
        return self.now()

    def read_until_it_is_settled(self) -> Deletion:
        while self.now().state is State.UNKNOWN:
            self.clock.move_to(self.now().read_due_at or AT)
            assert self.clock.now() < AT + HOUR
            self.read()
        return self.now()

    def read(self) -> Deletion:
        """Do the reads that are due, which is one."""
        assert read_next(self.ports) == 1
        return self.now()

    def nothing_happened(self, since: Deletion) -> None:
        """The row is as it was, nothing was recorded and nothing told."""
        assert self.now(since.id) == since
        self.nothing_was_said()

    def nothing_was_said(self) -> None:
        assert self.trail() == []
        assert self.delivered == []
        assert self.store.outbox.count() == 0


@pytest.fixture
def world(store: Store) -> World:
    return World(store)


ASKED = deletion(job=job(state="TRAINING", name="Twin"), asked_at=AT - HOUR, message_ts="1.2", deadline_at=AT)
UNKNOWN = replace(
    ASKED,
    state=State.UNKNOWN,
    claim_token="claim",
    ended_why=Ending.LOST.value,
    unknown_since=AT - seconds(2),
    read_due_at=AT,
)
DELETED = replace(
    ASKED, state=State.DELETED, ended_at=AT - seconds(5), ended_why=Ending.REPLY_DELETED.value, read_due_at=AT
)
REJECTED = replace(DELETED, state=State.FAILED, ended_why=Ending.REPLY_REJECTED.value)
SAID_PRESENT = replace(
    DELETED, state=State.FAILED, ended_why=Ending.READ_PRESENT.value, ended_at=AT - HOUR, verified_at=AT - HOUR
)
FOUND_GONE = replace(SAID_PRESENT, state=State.DELETED, ended_why=Ending.READ_GONE.value)


def event(kind: Kind, actor: Actor | None = None, *, request_id: str | None = None, **facts: Any) -> Event:
    """An event of the one deletion, at the present moment."""
    return Event(kind, AT, actor, "C1", ID, JOB, request_id, facts)


def messages(kind: NotificationKind, **facts: Any) -> list[Notification]:
    """What is told in the deletion's thread: the message, and the card drawn anew."""
    return [Notification(kind, ID, "C1", "1.2", facts), Notification(NotificationKind.CARD, ID, "C1", "1.2")]


# -- senders that are gone -----------------------------------------------------------------------------------------


def claimed(world: World, *, until: datetime = AT, **more: Any) -> Deletion:
    """A deletion whose DELETE this process is sending; others may take it over from ``until`` on."""
    world.keep(replace(ASKED, **more))
    changed = world.store.deletions.change(
        ASKED.id, Step.CLAIM, {"claim_token": "claim", "send_before": AT, "takeover_at": until}
    )
    assert changed is not None
    return changed


def test_a_claim_that_ran_out_is_an_unknown_outcome(world: World) -> None:
    """It is recorded, told and read at once; nobody sends again."""
    deletion = claimed(world)
    assert take_over.take_over(world.ports) == 1
    assert world.now() == replace(
        deletion,
        state=State.UNKNOWN,
        unknown_since=AT,
        ended_why=Ending.SENDER_GONE.value,
        read_due_at=AT,
    )
    assert world.trail() == [event(Kind.UNKNOWN, means="sender_gone")]
    assert world.delivered == messages(NotificationKind.UNKNOWN, state="unknown")
    assert world.cloud.asked == []


def test_a_claim_that_still_holds_is_left_alone(world: World) -> None:
    """Until the last moment the sender may record its reply."""
    deletion = claimed(world, until=AT + MICROSECOND)
    assert take_over.take_over(world.ports) == 0
    world.nothing_happened(deletion)


def test_a_claim_without_a_card_is_taken_over_all_the_same(world: World) -> None:
    """There is no thread to tell it in, but the outcome is unknown and will be read."""
    claimed(world, message_ts=None)
    assert take_over.take_over(world.ports) == 1
    assert (world.now().state, world.now().read_due_at) == (State.UNKNOWN, AT)
    assert world.delivered == []


@pytest.mark.parametrize(
    ("step", "values"),
    [
        (Step.REPLY_DELETED, {"ended_why": Ending.REPLY_DELETED.value}),
        (Step.CLAIM_AGAIN, {"send_before": AT + MINUTE, "takeover_at": AT + MINUTE}),
    ],
)
def test_a_sender_that_was_only_slow_goes_first(world: World, step: Step, values: dict[str, object]) -> None:
    """A reply recorded, or a next attempt claimed, while this process was about to take over, stands."""
    claimed(world)
    world.meanwhile(lambda: world.store.deletions.change(ID, step, values))
    assert take_over.take_over(world.ports) == 1
    assert world.now().state is (State.DELETED if step is Step.REPLY_DELETED else State.DELETING)
    assert world.now().unknown_since is None
    world.nothing_was_said()


def test_each_reader_takes_one_deletion_the_longest_due_first(world: World) -> None:
    """So that many readers can share what is due, and a read that hangs holds up no other."""
    world.keep(UNKNOWN)
    other = replace(UNKNOWN, id=DeletionId("f" * 16), job=replace(UNKNOWN.job, job_id=JobId("job-2")))
    world.keep(replace(other, read_due_at=AT - MICROSECOND))
    assert [read_next(world.ports) for _ in range(3)] == [1, 1, 0]
    assert [asked for asked in world.cloud.asked if isinstance(asked, str)] == ["job-2", "job-1"]


@pytest.mark.parametrize("purpose", [DueWork.TAKEOVER, DueWork.READ])
def test_what_one_replica_is_at_the_others_leave_alone(world: World, purpose: DueWork) -> None:
    """For three minutes, which is longer than any read takes; after a crash somebody else goes on."""
    if purpose is DueWork.TAKEOVER:
        claimed(world)
    else:
        world.keep(UNKNOWN)
    found = []

    def others_look() -> None:
        found.append(world.store.deletions.lease(purpose, AT + 3 * MINUTE - MICROSECOND, seconds=0))
        found.append(world.store.deletions.lease(purpose, AT + 3 * MINUTE, seconds=0))

    world.meanwhile(others_look)
    work = take_over.take_over if purpose is DueWork.TAKEOVER else read_next
    assert work(world.ports) == 1
    assert [len(leased) for leased in found] == [0, 1]


def test_reads_wait_until_they_are_due(world: World) -> None:
    """Nothing is asked a moment too early."""
    early = world.keep(replace(UNKNOWN, read_due_at=AT + MICROSECOND))
    assert read_next(world.ports) == 0
    assert world.cloud.asked == []
    world.nothing_happened(early)


# -- what is asked -------------------------------------------------------------------------------------------------


FILTERED = (JOB, 0, 100)


@pytest.mark.parametrize(
    ("shown", "filtered", "found", "asked"),
    [
        # Show proves presence alone.
        (HERE, EMPTY, PRESENT, [JOB]),
        # Whatever else it answers, List is asked.
        (BROKEN, NAMED, PRESENT, [JOB, FILTERED]),
        (BROKEN, EMPTY, NOTHING, [JOB, FILTERED]),
        (NOT_FOUND, EMPTY, GONE, [JOB, FILTERED]),
        (NOT_FOUND, page_of("job-2", "job-1", count=2), PRESENT, [JOB, FILTERED]),  # ignored, but there it is
        (NOT_FOUND, page_of(count=0, status=500), NOTHING, [JOB, FILTERED]),
        (NOT_FOUND, page_of(count=7), NOTHING, [JOB, FILTERED]),
    ],
)
def test_one_look(world: World, shown: Shown, filtered: Listed, found: Finding, asked: list[object]) -> None:
    """Show, and List whenever Show does not show that job; pages are walked only if the filter was ignored."""
    world.cloud = Cloud(shown, filtered)
    assert inspect_job.inspect_job(ASKED.job, world.ports) == (found, shown)
    assert world.cloud.asked == asked


BY_THE_BOT = {
    Cause.LIMITED,
    Cause.BREAKER_OPEN,
    Cause.LEDGER_TROUBLE,
    Cause.NO_CREDENTIALS,
    Cause.SIGN_IN_FAILED,
    Cause.SIGN_IN_REFUSED,
}


@pytest.mark.parametrize("cause", Cause)
def test_where_the_bot_did_not_ask_it_does_not_ask_twice(world: World, cause: Cause) -> None:
    """A Show that failed on the way is followed by List; one that the bot itself held back is not."""
    shown = Shown(show_reply(cause=cause, request_id=None))
    world.cloud = Cloud(shown, NAMED)
    held_back = cause in BY_THE_BOT
    assert inspect_job.inspect_job(ASKED.job, world.ports) == (NOTHING if held_back else PRESENT, shown)
    assert world.cloud.asked == ([JOB] if held_back else [JOB, FILTERED])


@pytest.mark.parametrize(
    ("shown", "filtered", "gone", "asked"),
    [
        (HERE, EMPTY, False, []),
        (BROKEN, EMPTY, False, []),
        (Shown(show_reply(404, "APIG.0101")), EMPTY, False, []),
        (NO_ANSWER, EMPTY, False, []),
        (NOT_FOUND, EMPTY, True, [FILTERED]),
        (NOT_FOUND, NAMED, False, [FILTERED]),
        (NOT_FOUND, page_of(count=0, status=500), False, [FILTERED]),
    ],
)
def test_at_a_click_list_is_asked_only_about_a_job_that_seems_gone(
    world: World, shown: Shown, filtered: Listed, asked: list[object], *, gone: bool
) -> None:
    """Somebody waits: a Show that failed is answered at once."""
    world.cloud = Cloud(shown, filtered)
    assert inspect_job.is_gone(shown, ASKED.job, world.ports) is gone
    assert world.cloud.asked == asked


IGNORED = page_of("other-0", "other-1", count=2)
"""An answer to ``job_id=`` that names others: MetaStudio ignored the filter."""


def pages(*jobs: str, count: int | None = -1, broken: dict[int, Listed] | None = None) -> Callable[[int, int], Listed]:
    """MetaStudio's pages of these jobs. ``count`` -1 is the true one; ``broken`` are answers at given offsets."""

    def page(offset: int, limit: int) -> Listed:
        whole = page_of(*jobs[offset : offset + limit], count=len(jobs) if count == -1 else count)
        return (broken or {}).get(offset, whole)

    return page


def others(number: int) -> list[str]:
    return [f"other-{at}" for at in range(number)]


OTHERS = others(250)
SECOND_PAGE = page_of(*OTHERS[99:199], count=250)


def second_page_is(page: Listed) -> Callable[[int, int], Listed]:
    return pages(*OTHERS, broken={99: page})


WALKS: dict[str, tuple[Callable[[int, int], Listed], Finding, list[int]]] = {
    # the pages, what they prove, and at which offsets they were asked
    "all pages, and it is on none": (pages(*OTHERS), GONE, [0, 99, 198, 249]),
    "exactly full pages": (pages(*others(200)), GONE, [0, 99, 198, 199]),
    "no jobs any more": (pages(), GONE, [0]),
    "more jobs than were counted": (pages(*others(150), count=140), GONE, [0, 99, 149]),
    "on the first page": (pages("job-1", *OTHERS), PRESENT, [0]),
    "on the last page": (pages(*others(249), "job-1"), PRESENT, [0, 99, 198]),
    "fewer jobs than were counted": (pages(*OTHERS, count=251), NOTHING, [0, 99, 198, 249]),
    "the pages stop halfway": (second_page_is(page_of(count=250)), NOTHING, [0, 99]),
    "nobody counted": (pages(*OTHERS, count=None), NOTHING, [0, 99, 198, 249]),
    "nobody counted and none there": (pages(count=None), NOTHING, [0]),
    "a page fails": (second_page_is(page_of(count=None, status=500)), NOTHING, [0, 99]),
    "a page has no answer": (second_page_is(page_of(count=None, status=None)), NOTHING, [0, 99]),
    "the last page fails": (pages(*others(99), broken={98: page_of(count=0, status=503)}), NOTHING, [0, 98]),
    "a page is not whole": (second_page_is(page_of(*OTHERS[99:199], count=250, body_ok=False)), NOTHING, [0, 99]),
    "a page with an entry that cannot be read": (second_page_is(replace(SECOND_PAGE, unreadable=1)), NOTHING, [0, 99]),
    "unreadable, but there it is": (
        second_page_is(replace(page_of("job-1", count=250), unreadable=1)), PRESENT, [0, 99],
    ),
    "a failed page with jobs on it": (
        second_page_is(page_of(*OTHERS[99:199], count=250, status=206)), NOTHING, [0, 99],
    ),
    # Where a job of the first page is removed in between, all move up, and one slips past.
    "the list moved up between two pages": (second_page_is(page_of(*OTHERS[100:200], count=249)), NOTHING, [0, 99]),
    "the list moved down between two pages": (second_page_is(page_of(*OTHERS[98:198], count=251)), NOTHING, [0, 99]),
}  # fmt: skip


@pytest.mark.parametrize("case", WALKS)
def test_where_the_filter_is_ignored_every_page_is_read(world: World, case: str) -> None:
    """Gone is proved only by a walk to the end that saw as many jobs as MetaStudio counts; found is found."""
    page, found, offsets = WALKS[case]
    world.cloud = Cloud(NOT_FOUND, IGNORED, page)
    assert inspect_job.inspect_job(ASKED.job, world.ports)[0] is found
    assert world.cloud.asked == [JOB, FILTERED, *((None, offset, 100) for offset in offsets)]


@pytest.mark.parametrize("count", [0, 100, None])
def test_a_walk_has_an_end(world: World, count: int | None) -> None:
    """Pages that never end are given up after a hundred, and prove nothing, whatever they count."""
    world.cloud = Cloud(
        NOT_FOUND, IGNORED, lambda at, limit: page_of(*(f"other-{one}" for one in range(at, at + limit)), count=count)
    )
    assert inspect_job.inspect_job(ASKED.job, world.ports) == (NOTHING, NOT_FOUND)
    assert world.cloud.asked == [JOB, FILTERED, *((None, 99 * page, 100) for page in range(100))]


@pytest.mark.parametrize(("then", "now"), [("", "me"), ("me", ""), ("me", "another")])
@pytest.mark.parametrize(
    ("shown", "filtered", "found"),
    [(HERE, EMPTY, PRESENT), (NOT_FOUND, page_of("job-1", count=1), PRESENT), (NOT_FOUND, EMPTY, NOTHING)],
)
def test_under_another_app_user_id_nothing_is_gone(
    world: World, shown: Shown, filtered: Listed, found: Finding, then: str, now: str
) -> None:
    """Whether MetaStudio shows a job to every X-App-UserId is not documented, so not being shown it proves nothing."""
    world.cloud = Cloud(shown, filtered)
    world.config = replace(world.config, app_user_fingerprint=now)
    assert inspect_job.inspect_job(replace(ASKED.job, app_user_fingerprint=then), world.ports)[0] is found
    if found is NOTHING:
        assert inspect_job.inspect_job(replace(ASKED.job, app_user_fingerprint=now), world.ports)[0] is GONE


# -- reads while the outcome is unknown ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """What the reads before said, what this one sees, and what is known then."""

    seen: Finding
    agreeing: int = 0
    over: timedelta | None = None
    """How long ago the first agreeing read was."""
    last: Finding | None = None
    answered_5xx: bool = False
    since: timedelta = MINUTE / 30
    """How long the outcome has been unknown."""
    settle_after: timedelta = 10 * MINUTE
    # Then:
    state: State = State.UNKNOWN
    count: int = 0
    restarted: bool = False
    """The count begins with this read."""
    next_in: timedelta = HOUR


LONG = 10 * MINUTE
READS = {
    # Wiring only: which numbers settle what, and when it is read again, stands in test_evidence.py.
    "present, for the first time": Case(PRESENT, count=1, restarted=True, next_in=seconds(75)),
    "the fifth of five, over ten minutes": Case(PRESENT, 4, LONG, PRESENT, count=5, state=State.FAILED, next_in=HOUR),
    "the fifth a moment too soon": Case(PRESENT, 4, LONG - MICROSECOND, PRESENT, count=5, next_in=seconds(75)),
    "the fifth, where settling is set to a minute": Case(
        PRESENT, 4, MINUTE, PRESENT, settle_after=MINUTE, count=5, state=State.FAILED, next_in=HOUR
    ),
    "5xx, the third over 30 s": Case(
        PRESENT, 2, seconds(30), PRESENT, answered_5xx=True, count=3, state=State.FAILED, next_in=HOUR
    ),
    "5xx, the third too soon": Case(
        PRESENT, 2, seconds(30) - MICROSECOND, PRESENT, answered_5xx=True, count=3, next_in=seconds(15)
    ),
    "lost, the third over 30 s": Case(PRESENT, 2, seconds(30), PRESENT, count=3, next_in=seconds(75)),
    "nothing, for the first time": Case(NOTHING, next_in=seconds(75)),
    "nothing neither counts nor resets": Case(NOTHING, 4, LONG, PRESENT, count=4, next_in=seconds(75)),
    "gone, for the first time": Case(GONE, count=1, restarted=True, next_in=seconds(30)),
    "gone twice over 30 s": Case(GONE, 1, seconds(30), GONE, count=2, state=State.DELETED),
    "5xx, gone for the first time": Case(GONE, answered_5xx=True, count=1, restarted=True, next_in=seconds(15)),
    "gone twice, where settling is set to ten seconds": Case(
        GONE, 1, seconds(10), GONE, settle_after=seconds(10), count=2, state=State.DELETED
    ),
    "gone, where settling is set to ten seconds": Case(
        GONE, settle_after=seconds(10), count=1, restarted=True, next_in=seconds(1.25)
    ),
    "gone, against what was seen before": Case(GONE, 4, LONG, PRESENT, count=1, restarted=True, next_in=seconds(30)),
    "present, against what was seen before": Case(PRESENT, 7, DAY, GONE, count=1, restarted=True, next_in=seconds(75)),
    "after twice the time, seldom": Case(PRESENT, since=2 * LONG, count=1, restarted=True, next_in=LONG),
    "5xx, after a minute, seldom": Case(NOTHING, since=MINUTE, answered_5xx=True, next_in=LONG),
}


@pytest.mark.parametrize("case", READS)
def test_each_read_is_counted_recorded_and_may_settle(world: World, case: str) -> None:
    """Patience for present, less for gone; the trail has every read, and the thread hears what was settled.

    Either way the job is read once more an hour later.
    """
    given = READS[case]
    first_at = None if given.over is None else AT - given.over
    world.config = replace(world.config, settle_after=given.settle_after)
    before = world.keep(
        replace(
            UNKNOWN,
            reads_agreeing=given.agreeing,
            reads_first_at=first_at,
            reads_last=given.last and given.last.value,
            answered_5xx=given.answered_5xx,
            unknown_since=AT - given.since,
        )
    )
    shown = SHOWS[given.seen]
    world.cloud.shown = shown
    last = given.last if given.seen is NOTHING else given.seen
    then = replace(
        before,
        state=given.state,
        reads_agreeing=given.count,
        reads_first_at=AT if given.restarted else first_at,
        reads_last=last and last.value,
        read_due_at=AT + given.next_in,
    )
    settled = given.state is not State.UNKNOWN
    if settled:
        why = Ending.READ_GONE if given.state is State.DELETED else Ending.READ_PRESENT
        then = replace(then, ended_at=AT, ended_why=why.value, verified_at=AT)
    assert world.read() == then
    facts = {"found": given.seen.value, "status": shown.reply.status, "code": shown.reply.code, "agreeing": given.count}
    assert world.trail() == [event(Kind.SETTLED if settled else Kind.READ, request_id="req-show", **facts)]
    over = 0 if first_at is None else (AT - first_at).total_seconds()
    told = messages(NotificationKind.SETTLED, state=given.state.value, reads=given.count, over=over)
    assert world.delivered == (told if settled else [])
    assert given.count == 1 or not given.restarted


def test_a_read_that_got_no_answer_is_recorded_as_such(world: World) -> None:
    """Neither a status nor a request id is invented for it."""
    world.keep(UNKNOWN)
    world.cloud.shown = NO_ANSWER
    assert world.read().read_due_at == AT + seconds(75)
    assert world.trail() == [event(Kind.READ, found="nothing", status=None, code=None, agreeing=0)]


@pytest.mark.parametrize("seen", Finding)
@pytest.mark.parametrize(
    ("age", "reminded", "told"),
    [
        (DAY - MICROSECOND, False, False),
        (DAY, False, True),
        (3 * DAY, False, True),
        (DAY, True, False),
        (HOUR, True, False),
        (None, False, False),
    ],
)
def test_after_a_day_without_an_answer_that_is_said_once(
    world: World, seen: Finding, age: timedelta | None, *, reminded: bool, told: bool
) -> None:
    """Once, at the first read that finds a day gone by."""
    world.keep(replace(UNKNOWN, unknown_since=None if age is None else AT - age, reminded=reminded))
    world.cloud.shown = SHOWS[seen]
    then = world.read()
    assert (then.state, then.reminded) == (State.UNKNOWN, told or reminded)
    assert world.delivered == (messages(NotificationKind.UNDETERMINED, state="unknown") if told else [])
    if seen is GONE:
        assert then.read_due_at == AT + seconds(30)
    elif age is None:
        assert then.read_due_at == AT + seconds(75)
    elif age >= DAY:
        assert then.read_due_at == AT + DAY


@pytest.mark.parametrize("reminded", [True, False])
def test_what_is_settled_after_a_day_needs_no_such_message(world: World, *, reminded: bool) -> None:
    """The same read that finds a day gone by may settle it."""
    first = {"reads_agreeing": 1, "reads_first_at": AT - MINUTE, "reads_last": "gone"}
    world.keep(replace(UNKNOWN, unknown_since=AT - DAY, reminded=reminded, **first))
    world.cloud.shown = NOT_FOUND
    then = world.read()
    assert (then.state, then.reminded) == (State.DELETED, reminded)
    assert world.delivered == messages(NotificationKind.SETTLED, state="deleted", reads=2, over=60.0)


def test_a_backend_that_forgets_the_job_for_three_seconds_settles_nothing(world: World) -> None:
    """Show and List both deny it, however often they are asked within that time; then it is there, and stays."""
    world.keep(UNKNOWN)
    for after in (0.0, 1.0, 3.0):
        world.clock.move_to(AT + seconds(after))
        world.cloud.shown = NOT_FOUND
        assert isinstance(by_hand.read_now(world.now(), world.ports), Deletion)
    assert world.now().state is State.UNKNOWN
    world.cloud.shown = HERE
    assert world.read_until_it_is_settled().ended_why == Ending.READ_PRESENT.value


def test_where_show_fails_for_ever_list_settles_it(world: World) -> None:
    """Show answers 500 each time and List names the job: treated as not deleted, in the usual time."""
    world.keep(UNKNOWN)
    world.cloud = Cloud(BROKEN, NAMED)
    assert world.read_until_it_is_settled().ended_why == Ending.READ_PRESENT.value


def test_the_schedule_finds_out_by_itself(world: World) -> None:
    """Read after read, whenever one is due: a job that stays is "not deleted" once ten minutes of reads agree."""
    world.keep(UNKNOWN)
    reads = 0
    while world.now().state is State.UNKNOWN:
        reads += read_next(world.ports)
        assert reads < 20
        world.clock.move_to(world.now().read_due_at or AT)
    ended = world.now().ended_at
    assert ended is not None
    assert 5 <= reads <= 10
    assert LONG <= ended - AT <= LONG + 2 * MINUTE


@pytest.mark.parametrize("seen", Finding)
def test_who_settles_it_while_a_read_is_under_way_goes_first(world: World, seen: Finding) -> None:
    """A person's word, or a late reply, is not overruled by a read that began before it."""
    world.keep(replace(UNKNOWN, unknown_since=AT - 2 * DAY))
    world.cloud = Cloud(
        SHOWS[seen], meanwhile=lambda: world.store.deletions.change(ID, Step.CLOSE_FAILED, {"ended_by": BEN})
    )
    assert settle.read_one(UNKNOWN, world.ports) is None
    assert world.now() == replace(UNKNOWN, unknown_since=AT - 2 * DAY, state=State.FAILED, ended_by=BEN)
    world.nothing_was_said()


# -- reads after the outcome ---------------------------------------------------------------------------------------

PAUSES = (10, 30, 120, 450)


@pytest.mark.parametrize("seen", [PRESENT, NOTHING])
@pytest.mark.parametrize(
    ("age", "pause"), [(5, 10), (15, 30), (45, 120), (165, 450), (599, 450), (600, None), (9e4, None)]
)
def test_what_metastudio_confirmed_is_looked_at_until_the_job_is_gone(
    world: World, seen: Finding, age: float, pause: float | None
) -> None:
    """Five looks over ten minutes at most; what the last one found is told, and nothing is corrected."""
    before = world.keep(replace(DELETED, ended_at=AT - seconds(age), verified_at=AT - DAY))
    shown = world.cloud.shown = SHOWS[seen]
    counted = {"reads_agreeing": 1, "reads_first_at": AT, "reads_last": seen.value} if seen is PRESENT else {}
    due = None if pause is None else AT + seconds(pause)
    assert world.read() == replace(before, read_due_at=due, verified_at=None, **counted)
    assert world.trail() == [
        event(Kind.READ, request_id="req-show", found=seen.value, status=shown.reply.status, code=shown.reply.code)
    ]
    facts = {"state": "deleted", "found": seen.value, "at": AT.timestamp()}
    job_state = {"job_state": "TRAINING"} if seen is PRESENT else {}
    assert world.delivered == ([] if due else messages(NotificationKind.INSPECTED, **facts, **job_state))


@pytest.mark.parametrize("age", [5, 45, 599, 600, 9e4])
def test_verified_gone_takes_two_looks_half_a_minute_apart(world: World, age: float) -> None:
    """However late the first one is. Between the two nothing is said."""
    before = world.keep(replace(DELETED, ended_at=AT - seconds(age)))
    world.cloud.shown = NOT_FOUND
    first = {"reads_agreeing": 1, "reads_first_at": AT, "reads_last": "gone"}
    assert world.read() == replace(before, read_due_at=AT + seconds(30), **first)
    assert world.delivered == []
    now = AT + seconds(30)
    world.clock.move_to(now)
    then = replace(before, read_due_at=None, verified_at=now, **first | {"reads_agreeing": 2})
    assert world.read() == then
    assert world.delivered == messages(NotificationKind.INSPECTED, state="deleted", found="gone", at=now.timestamp())


@pytest.mark.parametrize(
    ("first", "then", "told"),
    [
        (Cloud(NOT_FOUND), Cloud(HERE), "present"),
        (Cloud(NOT_FOUND, NAMED), Cloud(NOT_FOUND, NAMED), "nothing"),
    ],
    ids=["a glitch", "a list that lags"],
)
def test_what_show_and_list_do_not_both_deny_again_is_not_verified(
    world: World, first: Cloud, then: Cloud, told: str
) -> None:
    """Denied by both once and there afterwards: told as there. Denied by Show, named by List: not told as there."""
    world.keep(DELETED)
    world.cloud = replace(first, asked=[])
    world.read()
    world.cloud = replace(then, asked=[])
    assert world.read_until_nothing_is_due().verified_at is None
    assert [tell.facts.get("found") for tell in world.delivered if tell.kind is NotificationKind.INSPECTED] == [told]


ALL_REFUSED = [Ending.REPLY_REJECTED, Ending.BAD_CREDENTIALS, Ending.FORBIDDEN, Ending.THROTTLED]


@pytest.mark.parametrize("why", ALL_REFUSED)
def test_after_a_refusal_it_is_told_that_the_job_is_still_there(world: World, why: Ending) -> None:
    """One look is told, since that says no more than what was seen; an hour later there is another, which is not."""
    before = world.keep(replace(REJECTED, ended_why=why.value))
    ended = before.ended_at or AT
    assert world.read() == replace(before, read_due_at=ended + HOUR, verified_at=AT)
    facts = {"state": "failed", "found": "present", "job_state": "TRAINING", "at": AT.timestamp()}
    told = messages(NotificationKind.INSPECTED, **facts)
    assert world.delivered == told
    assert [recorded.kind for recorded in world.trail()] == [Kind.READ]
    world.clock.move_to(ended + HOUR)
    assert world.read() == replace(before, read_due_at=None, verified_at=ended + HOUR)
    assert world.delivered == told


@pytest.mark.parametrize("why", ALL_REFUSED)
def test_a_first_look_that_is_an_hour_late_is_the_last_one(world: World, why: Ending) -> None:
    """The bot was down: by then a DELETE that something on the way repeated has had its effect, or never will."""
    before = world.keep(replace(REJECTED, ended_why=why.value, ended_at=AT - HOUR))
    assert world.read() == replace(before, read_due_at=None, verified_at=AT)
    assert [tell.kind for tell in world.delivered] == [NotificationKind.INSPECTED, NotificationKind.CARD]


@pytest.mark.parametrize("why", ALL_REFUSED)
def test_what_was_there_after_a_refusal_and_is_gone_an_hour_later_is_corrected(world: World, why: Ending) -> None:
    """A DELETE that a gateway repeated had its effect after the first look."""
    world.keep(replace(REJECTED, ended_why=why.value, ended_at=AT - HOUR, verified_at=AT - HOUR))
    world.cloud.shown = NOT_FOUND
    world.read()
    assert world.delivered == []
    world.clock.move_to(AT + seconds(30))
    world.read()
    assert (world.now().state, world.now().ended_why) == (State.DELETED, Ending.READ_GONE.value)
    assert [tell.kind for tell in world.delivered] == [NotificationKind.CORRECTION, NotificationKind.CARD]


def test_after_still_there_nobody_is_told_that_it_could_not_be_looked_up(world: World) -> None:
    """The look an hour later decides nothing: it is repeated in silence until one does."""
    world.keep(REJECTED)
    world.read()
    told = list(world.delivered)
    world.cloud.shown = BROKEN
    for _ in range(3):
        world.clock.move_to(world.now().read_due_at or AT)
        assert world.read().read_due_at == world.clock.now() + HOUR
    assert world.delivered == told


@pytest.mark.parametrize("why", ALL_REFUSED)
@pytest.mark.parametrize(
    ("age", "reminded", "told", "pause"),
    [
        (0, False, False, 10),
        (40, False, False, 120),
        (599, False, False, 450),
        (600, False, True, 3600),
        (600, True, False, 3600),
        (86400, True, False, 86400),
        (9 * 86400, False, True, 86400),
    ],
)
def test_after_a_refusal_a_look_that_decides_nothing_is_repeated(
    world: World, why: Ending, age: float, *, reminded: bool, told: bool, pause: float
) -> None:
    """Five times over ten minutes, then it is told, once; then hourly and daily: what was said may be untrue."""
    before = world.keep(replace(REJECTED, ended_why=why.value, ended_at=AT - seconds(age), reminded=reminded))
    world.cloud.shown = BROKEN
    assert world.read() == replace(before, read_due_at=AT + seconds(pause), reminded=reminded or told)
    facts = {"state": "failed", "found": "nothing", "at": AT.timestamp()}
    assert world.delivered == (messages(NotificationKind.INSPECTED, **facts) if told else [])


@pytest.mark.parametrize("given", [DELETED, REJECTED], ids=["accepted", "rejected"])
def test_looks_that_decide_nothing_are_told_after_ten_minutes(world: World, given: Deletion) -> None:
    """The fifth look is told. After a confirmation it is the last one; after a refusal they go on, hourly."""
    world.keep(given)
    world.cloud.shown = BROKEN
    for after in (0, 10, 40, 160, 610):
        assert world.delivered == []
        assert world.now().read_due_at == AT + seconds(after)
        world.clock.move_to(AT + seconds(after))
        world.read()
    assert world.now().read_due_at == (None if given is DELETED else AT + seconds(610) + HOUR)
    assert [tell.kind for tell in world.delivered] == [NotificationKind.INSPECTED, NotificationKind.CARD]


@pytest.mark.parametrize("given", [SAID_PRESENT, FOUND_GONE], ids=["not deleted", "deleted"])
@pytest.mark.parametrize(
    ("decides", "ended", "next_in"),
    [
        (True, HOUR, None),
        (True, DAY, None),
        (False, HOUR, HOUR),
        (False, DAY - MICROSECOND, HOUR),
        (False, DAY, DAY),
        (False, 9 * DAY, DAY),
        (False, None, HOUR),
    ],
)
def test_what_reads_have_settled_stands_while_nobody_sees_otherwise(
    world: World, given: Deletion, ended: timedelta | None, next_in: timedelta | None, *, decides: bool
) -> None:
    """Seen as before: what was said stands. A read that decided nothing is repeated every hour, then daily."""
    before = world.keep(replace(given, ended_at=None if ended is None else AT - ended, reads_agreeing=5))
    seen = (GONE if given is FOUND_GONE else PRESENT) if decides else NOTHING
    shown = world.cloud.shown = SHOWS[seen]
    assert world.read() == replace(before, read_due_at=None if next_in is None else AT + next_in)
    assert world.trail() == [
        event(Kind.READ, request_id="req-show", found=seen.value, status=shown.reply.status, code=shown.reply.code)
    ]
    assert world.delivered == []


@pytest.mark.parametrize("given", [SAID_PRESENT, FOUND_GONE, REJECTED, DELETED], ids=lambda given: str(given.ended_why))
def test_a_list_that_still_names_the_job_is_not_the_last_word(world: World, given: Deletion) -> None:
    """Show says that it is gone; List may lag behind, so it is looked again."""
    before = world.keep(given)
    world.cloud = Cloud(NOT_FOUND, page_of("job-1", count=1))
    assert world.read() == replace(before, read_due_at=AT + (seconds(10) if given in (REJECTED, DELETED) else HOUR))
    assert world.delivered == []


CORRECTED = {
    # what was said, what is seen, and what it becomes
    "not deleted, by reads": (SAID_PRESENT, GONE, State.DELETED, Ending.READ_GONE),
    "gone, by reads": (FOUND_GONE, PRESENT, State.FAILED, Ending.READ_PRESENT),
    **{
        why.value: (replace(REJECTED, ended_why=why.value), GONE, State.DELETED, Ending.READ_GONE)
        for why in ALL_REFUSED
    },
}


@pytest.mark.parametrize("case", CORRECTED)
def test_an_outcome_is_corrected_by_two_reads_over_half_a_minute(world: World, case: str) -> None:
    """Recorded as a correction, told, and looked at once more an hour later. Between the two nothing is said."""
    given, seen, state, why = CORRECTED[case]
    before = world.keep(given)
    shown = world.cloud.shown = SHOWS[seen]
    first = {"reads_agreeing": 1, "reads_first_at": AT, "reads_last": seen.value}
    assert world.read() == replace(before, read_due_at=AT + seconds(30), **first)
    assert world.delivered == []
    now = AT + seconds(30)
    world.clock.move_to(now)
    assert world.read() == replace(
        before,
        state=state,
        ended_at=now,
        ended_why=why.value,
        verified_at=now,
        read_due_at=now + HOUR,
        **first | {"reads_agreeing": 2},
    )
    facts = {"found": seen.value, "status": shown.reply.status, "code": shown.reply.code}
    corrected = replace(event(Kind.CORRECTED, request_id="req-show", **facts), at=now)
    assert world.trail() == [event(Kind.READ, request_id="req-show", **facts), corrected]
    assert world.delivered == messages(NotificationKind.CORRECTION, state=state.value, at=now.timestamp())


@pytest.mark.parametrize("case", CORRECTED)
def test_a_glitch_corrects_nothing(world: World, case: str) -> None:
    """Seen otherwise three times within three seconds, then as before: what was said stands."""
    given, seen, _, _ = CORRECTED[case]
    world.keep(given)
    as_before = PRESENT if seen is GONE else GONE
    for after in (0, 1, 3):
        world.clock.move_to(AT + seconds(after))
        world.cloud.shown = SHOWS[seen]
        settle.read_one(world.now(), world.ports)
        assert world.now().read_due_at == AT + seconds(30)
    world.clock.move_to(AT + seconds(30))
    world.cloud.shown = SHOWS[as_before]
    world.read()
    assert (world.now().state, world.now().ended_why) == (given.state, given.ended_why)
    assert NotificationKind.CORRECTION not in {tell.kind for tell in world.delivered}


def test_where_settling_is_set_to_seconds_a_correction_takes_no_longer(world: World) -> None:
    """SETTLE_AFTER_SECONDS bounds both."""
    world.config = replace(world.config, settle_after=seconds(4))
    world.keep(SAID_PRESENT)
    world.cloud.shown = NOT_FOUND
    assert world.read().read_due_at == AT + seconds(4)
    world.clock.move_to(AT + seconds(4))
    assert world.read().state is State.DELETED


def test_what_metastudio_confirmed_is_never_corrected_by_reads(world: World) -> None:
    """However often the job is seen there: its own word stands, and people are told what is seen."""
    world.keep(DELETED)
    assert world.read_until_nothing_is_due().state is State.DELETED
    assert [tell.kind for tell in world.delivered] == [NotificationKind.INSPECTED, NotificationKind.CARD]


TWICE = {"reads_agreeing": 1, "reads_first_at": AT - MINUTE, "reads_last": "gone"}
"""A first read, a minute ago, found the job gone."""


LATER = DeletionId("fedcba9876543210")


def asked_again(world: World, *, asked: timedelta, claimed: bool = True, **ended: Any) -> None:
    """Another deletion of the job: asked so long after the first one, claimed or not, and how it stands."""
    world.keep(replace(ASKED, id=LATER, asked_at=ASKED.asked_at + asked, **ended))
    if claimed:
        world.store.deletions.change(LATER, None, {}, attempt=attempt(token="other"))


MINE_STANDS = {
    # how a later deletion of the same job ended, and whether MetaStudio confirmed it
    "confirmed": ({"state": State.DELETED, "ended_why": Ending.REPLY_DELETED.value}, True),
    "found gone": ({"state": State.DELETED, "ended_why": Ending.READ_GONE.value}, False),
    "treated as not deleted": ({"state": State.FAILED, "ended_why": Ending.READ_PRESENT.value}, False),
    "closed by hand": ({"state": State.FAILED, "ended_why": Ending.BY_HAND.value}, False),
    **{why.value: ({"state": State.FAILED, "ended_why": why.value}, False) for why in ALL_REFUSED},
}


@pytest.mark.parametrize("case", MINE_STANDS)
def test_a_later_deletion_of_the_job_is_no_reason_to_correct_the_first(world: World, case: str) -> None:
    """The job is gone, but something else of ours was sent since: what was said stands, and the thread hears why."""
    ended, confirmed = MINE_STANDS[case]
    before = world.keep(replace(SAID_PRESENT, **TWICE))
    asked_again(world, asked=MICROSECOND, **ended)
    world.cloud.shown = NOT_FOUND
    assert world.read() == replace(before, read_due_at=None)
    assert [recorded.kind for recorded in world.trail()] == [Kind.READ]
    facts = {"state": "failed", "found": "gone", "at": AT.timestamp(), "later": LATER, "later_confirmed": confirmed}
    assert world.delivered == messages(NotificationKind.INSPECTED, **facts)


@pytest.mark.parametrize("state", [State.DELETING, State.UNKNOWN])
def test_while_a_later_deletion_is_in_doubt_the_first_is_left_open(world: World, state: State) -> None:
    """It may still turn out that the later one did nothing; nothing is said, and an hour later it is looked again."""
    before = world.keep(SAID_PRESENT)
    asked_again(world, asked=MICROSECOND, state=state)
    world.cloud.shown = NOT_FOUND
    assert world.read() == replace(before, read_due_at=AT + HOUR)
    assert world.delivered == []


@pytest.mark.parametrize(
    ("asked", "claimed", "ended_why", "named"),
    [
        (-MICROSECOND, True, Ending.READ_PRESENT, True),
        (-9999 * DAY, True, Ending.BY_HAND, True),
        (-DAY, True, Ending.REPLY_REJECTED, True),
        (-DAY, True, Ending.NEVER_SENT, False),
        (-DAY, False, Ending.CANCELLED, False),
        (0 * DAY, True, Ending.READ_PRESENT, False),
        (DAY, True, Ending.READ_PRESENT, False),
    ],
)
def test_which_deletion_before_may_have_removed_the_job(
    world: World, asked: timedelta, ended_why: Ending, *, claimed: bool, named: bool
) -> None:
    """Asked before, however long ago, and sent: its effect may have come late, or a refusal may have hidden it."""
    world.keep(ASKED)
    asked_again(world, asked=asked, claimed=claimed, state=State.FAILED, ended_why=ended_why.value)
    found = inspect_job.may_have_removed(ASKED, world.ports)
    assert (found is not None and found.id == LATER) is named


NOT_THE_CAUSE: dict[str, dict[str, Any]] = {
    "asked before": {"asked": -MICROSECOND, "state": State.DELETED, "ended_why": Ending.REPLY_DELETED.value},
    "asked at the same moment": {"asked": 0 * DAY, "state": State.DELETED, "ended_why": Ending.REPLY_DELETED.value},
    "never claimed": {"asked": DAY, "claimed": False, "state": State.CANCELLED, "ended_why": "cancelled"},
    "still waiting": {"asked": DAY, "claimed": False, "state": State.AWAITING},
    "never sent": {"asked": DAY, "state": State.FAILED, "ended_why": Ending.NEVER_SENT.value},
}  # fmt: skip


@pytest.mark.parametrize("case", NOT_THE_CAUSE)
def test_a_deletion_that_cannot_have_done_it_does_not_prevent_the_correction(world: World, case: str) -> None:
    """Never sent, never confirmed, or over before: then the late effect is this one's, as far as we know."""
    world.keep(replace(SAID_PRESENT, **TWICE))
    asked_again(world, **NOT_THE_CAUSE[case])
    world.cloud.shown = NOT_FOUND
    assert world.read().ended_why == Ending.READ_GONE.value
    assert world.delivered == messages(NotificationKind.CORRECTION, state="deleted", at=AT.timestamp())


@pytest.mark.parametrize("seen", Finding)
@pytest.mark.parametrize(
    ("given", "step", "values"),
    [
        (SAID_PRESENT, Step.LATE_DELETED, {}),
        (FOUND_GONE, Step.LATE_FAILED, {}),
        (FOUND_GONE, None, {"ended_why": Ending.REPLY_DELETED.value}),
        (SAID_PRESENT, None, {"ended_why": Ending.REPLY_REJECTED.value}),
        (DELETED, Step.LATE_FAILED, {}),
        (DELETED, None, {"ended_why": Ending.READ_GONE.value}),
        (REJECTED, Step.LATE_DELETED, {}),
        (REJECTED, None, {"ended_why": Ending.BY_HAND.value}),
    ],
)
def test_an_outcome_that_changed_while_it_was_looked_at_is_left_alone(
    world: World, seen: Finding, given: Deletion, step: Step | None, values: dict[str, object]
) -> None:
    """The look was about another outcome, so nothing is written, recorded or told of it."""
    world.keep(given)
    world.cloud = Cloud(SHOWS[seen], meanwhile=lambda: world.store.deletions.change(ID, step, values))
    assert settle.read_one(given, world.ports) is None
    assert world.now().verified_at == given.verified_at
    assert world.now().read_due_at == AT
    world.nothing_was_said()


# -- "Check now" ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seen", "state", "kind"),
    [
        (GONE, State.DELETED, Kind.SETTLED),
        (PRESENT, State.UNKNOWN, Kind.READ),
        (NOTHING, State.UNKNOWN, Kind.READ),
    ],
)
def test_checking_now_reads_whatever_the_schedule_says(world: World, seen: Finding, state: State, kind: Kind) -> None:
    """One read at once, counted like any other, and the answer is the deletion as it is then."""
    deletion = world.keep(replace(UNKNOWN, read_due_at=AT + HOUR, **TWICE))
    world.cloud.shown = SHOWS[seen]
    answer = by_hand.read_now(deletion, world.ports)
    assert isinstance(answer, Deletion)
    assert answer == world.now()
    assert answer.state is state
    assert [recorded.kind for recorded in world.trail()] == [kind]
    assert world.cloud.asked[0] == JOB


@pytest.mark.parametrize("given", [DELETED, REJECTED, SAID_PRESENT, ASKED], ids=lambda given: given.state.value)
def test_checking_now_is_for_unknown_outcomes(world: World, given: Deletion) -> None:
    """Everything else is refused without asking MetaStudio."""
    world.keep(given)
    assert by_hand.read_now(given, world.ports) == Refused(Reason.NOT_UNKNOWN, {"deletion": given})
    assert world.cloud.asked == []
    world.nothing_happened(given)


@pytest.mark.parametrize("cause", Cause)
def test_a_check_that_saw_nothing_does_not_pretend_that_it_looked(world: World, cause: Cause) -> None:
    """No answer is said as such, stopped calls and a full queue by their names; the attempt is in the trail anyway."""
    deletion = world.keep(UNKNOWN)
    reply = show_reply(cause=cause, request_id=None)
    world.cloud.shown = Shown(reply)
    not_asked = {Cause.BREAKER_OPEN: Reason.BREAKER_OPEN, Cause.LIMITED: Reason.BUSY}
    reason = not_asked.get(cause, Reason.JOB_NOT_READ)
    assert by_hand.read_now(deletion, world.ports) == Refused(reason, {"reply": reply})
    assert [recorded.kind for recorded in world.trail()] == [Kind.READ]
    assert world.now().state is State.UNKNOWN


def test_a_check_whose_show_failed_may_have_seen_the_job_in_the_list(world: World) -> None:
    """Then it has looked, and the answer says so."""
    deletion = world.keep(UNKNOWN)
    world.cloud = Cloud(NO_ANSWER, NAMED)
    answer = by_hand.read_now(deletion, world.ports)
    assert isinstance(answer, Deletion)
    assert answer.reads_last == "present"


@pytest.mark.parametrize("shown", [HERE, NOT_FOUND, BROKEN, Shown(show_reply(cause=Cause.CUT, request_id=None))])
def test_a_check_that_came_too_late_says_how_things_stand(world: World, shown: Shown) -> None:
    """Whoever settled it while the read was under way goes first, whatever the read saw."""
    deletion = world.keep(UNKNOWN)
    world.cloud = Cloud(shown, meanwhile=lambda: world.store.deletions.change(ID, Step.LATE_DELETED, {"ended_at": AT}))
    answer = by_hand.read_now(deletion, world.ports)
    assert answer == Refused(Reason.NOT_UNKNOWN, {"deletion": world.now()})
    assert world.now().state is State.DELETED
    assert world.delivered == []


# -- "Close as checked by hand" ------------------------------------------------------------------------------------

A_DAY_OLD = replace(UNKNOWN, unknown_since=AT - DAY, reminded=True)


@pytest.mark.parametrize(("deleted", "state"), [(True, State.DELETED), (False, State.FAILED)])
def test_closing_by_hand_is_recorded_as_that_persons_word(world: World, state: State, *, deleted: bool) -> None:
    """Who said what stands in the ledger and the trail; the bot claims to have verified nothing, and stops reading."""
    deletion = world.keep(A_DAY_OLD)
    then = replace(deletion, state=state, ended_at=AT, ended_why=Ending.BY_HAND.value, ended_by=BEN, read_due_at=None)
    assert by_hand.close_by_hand(deletion, BEN, deleted=deleted, ports=world.ports) == then
    assert world.now() == then
    assert then.verified_at is None
    assert world.trail() == [event(Kind.CLOSED_BY_HAND, BEN, word=state.value)]
    assert world.delivered == messages(NotificationKind.CLOSED, state=state.value)
    assert world.cloud.asked == []


@pytest.mark.parametrize("deleted", [True, False])
@pytest.mark.parametrize(
    ("given", "no"),
    [
        (A_DAY_OLD, None),
        (replace(A_DAY_OLD, unknown_since=AT - 9 * DAY), None),
        (UNKNOWN, Reason.NOT_YET_BY_HAND),
        (replace(A_DAY_OLD, unknown_since=AT - DAY + MICROSECOND), Reason.NOT_YET_BY_HAND),
        (replace(A_DAY_OLD, unknown_since=None), Reason.NOT_YET_BY_HAND),
        (replace(DELETED, unknown_since=AT - 2 * DAY), Reason.NOT_UNKNOWN),
        (replace(REJECTED, unknown_since=AT - 2 * DAY), Reason.NOT_UNKNOWN),
        (ASKED, Reason.NOT_UNKNOWN),
    ],
)
def test_a_persons_word_counts_after_a_day_of_reading(
    world: World, given: Deletion, no: Reason | None, *, deleted: bool
) -> None:
    """Unknown, and for a whole day: else the bot goes on finding out by itself, and nothing changes."""
    world.keep(given)
    assert by_hand.may_close_by_hand(given, AT) is (no is None)
    answer = by_hand.close_by_hand(given, BEN, deleted=deleted, ports=world.ports)
    if no is None:
        assert answer == world.now()
        assert world.now().ended_why == Ending.BY_HAND.value
    else:
        assert answer == Refused(no, {"deletion": given})
        world.nothing_happened(given)


@pytest.mark.parametrize("deleted", [True, False])
def test_closing_by_hand_what_was_settled_meanwhile_changes_nothing(world: World, *, deleted: bool) -> None:
    """The answer names the deletion as it is by now."""
    world.keep(A_DAY_OLD)
    settled = world.store.deletions.change(ID, Step.READ_GONE, {"ended_why": Ending.READ_GONE.value})
    answer = by_hand.close_by_hand(A_DAY_OLD, BEN, deleted=deleted, ports=world.ports)
    assert settled is not None
    assert answer == Refused(Reason.NOT_UNKNOWN, {"deletion": settled})
    world.nothing_happened(settled)
