"""The buttons of a card whose outcome is unknown: on which card, for whom, and what they do, on a real ledger.

What a read makes of the deletion, and when a person's word counts, stands in test_reconcile.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from bot.deletion import by_hand
from bot.domain import policy
from bot.domain.age import Moment
from bot.domain.ledger_port import LedgerTrouble
from bot.domain.lifecycle import Step
from bot.domain.model import (
    Actor,
    Conversation,
    ConversationKind,
    Deletion,
    DeletionId,
    JobId,
    LookupFailed,
    Operation,
    Person,
    Press,
    Shown,
    State,
)
from bot.domain.notifications import Notification, NotificationKind
from bot.domain.outcomes import Ending
from bot.domain.policy import Action, Rules
from bot.domain.ports import Config, Ports
from bot.domain.refusals import Reason, Refused
from bot.ledger.store import Store
from tests.support.clock import HeldClock
from tests.support.values import ANNA, AT, BEN, DELETION_ID, TARGET, deletion, job, reply

ID, JOB = DELETION_ID, JobId("job-1")
HERE = Shown(reply(200, operation=Operation.SHOW), job(state="TRAINING"))

# Anna asked, and is no longer listed; Ben may operate.
UNKNOWN = deletion(
    job=job(state="TRAINING"),
    state=State.UNKNOWN,
    message_ts="1.2",
    ended_why=Ending.LOST.value,
    unknown_since=AT - timedelta(days=1),
    reminded=True,
)
BEN_PRESSES = Press("press", BEN, "C1", ID, "1.2")
LISTED = Rules(users=frozenset({"UBEN"}))

Button = Callable[[Press, Ports], Deletion | Refused]
BUTTONS: dict[str, tuple[Button, Action]] = {
    "Check now": (by_hand.check_now, Action.CHECK_NOW),
    "Checked: it is gone": (by_hand.close_as_deleted, Action.CLOSE_BY_HAND),
    "Checked: still there": (by_hand.close_as_present, Action.CLOSE_BY_HAND),
}
every_button = pytest.mark.parametrize("button", BUTTONS)


@dataclass
class Slack:
    """Says who somebody is and what the channel is, and keeps what it was asked."""

    people: dict[Actor, Person | LookupFailed] = field(
        default_factory=lambda: {one: Person(one, frozenset({one.user}), is_own=True) for one in (ANNA, BEN)}
    )
    channel: Conversation | LookupFailed = field(default_factory=lambda: Conversation("C1", ConversationKind.CHANNEL))
    asked: list[tuple[str, bool]] = field(default_factory=list)

    def person(self, actor: Actor, *, fresh: bool = False, since: Moment | None = None) -> Person | LookupFailed:
        self.asked.append((actor.user, fresh))
        return self.people[actor]

    def conversation(
        self, channel: str, *, fresh: bool = False, since: Moment | None = None
    ) -> Conversation | LookupFailed:
        self.asked.append((channel, fresh))
        return self.channel


@dataclass
class Trouble:
    """The ledger, whose answer to a change is lost; ``instead`` is what it has carried out, if not that change."""

    store: Store
    in_doubt: bool
    instead: Callable[[], object] | None = None

    @property
    def deletions(self) -> Any:
        return SimpleNamespace(change=self.change, get=self.store.deletions.get)

    def change(self, *args: Any, **more: Any) -> None:
        if self.instead is None:
            self.store.deletions.change(*args, **more)
        else:
            self.instead()
        raise LedgerTrouble("unreachable", in_doubt=self.in_doubt)


class World:
    """A real ledger with that one deletion. What is not in ``ports`` is none of these buttons' business."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.ledger: Any = store
        self.slack = Slack()
        self.config = Config(TARGET, LISTED)
        self.read: list[JobId] = []
        self.delivered: list[Notification] = []
        assert store.deletions.propose(UNKNOWN, max_open=99) is None

    @property
    def ports(self) -> Ports:
        doubles = SimpleNamespace(
            ledger=self.ledger,
            jobs=SimpleNamespace(show=self.show),
            people=self.slack,
            clock=HeldClock(AT, may_sleep=False),
            config=self.config,
            deliver=self.delivered.extend,
        )
        return cast("Ports", doubles)

    def show(self, job_id: JobId) -> Shown:
        self.read.append(job_id)
        return HERE

    def press(self, button: str, press: Press = BEN_PRESSES) -> Deletion | Refused:
        return BUTTONS[button][0](press, self.ports)

    def now(self) -> Deletion | None:
        return self.store.deletions.get(ID)

    def nothing_happened(self) -> None:
        """The row is as it was, MetaStudio was not asked, nothing was recorded and nothing told."""
        assert self.now() == UNKNOWN
        assert self.read == []
        assert list(self.store.trail.events()) == []
        assert self.delivered == []


@pytest.fixture
def world(store: Store) -> World:
    return World(store)


# -- what they do --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("press", [BEN_PRESSES, replace(BEN_PRESSES, message_ts="9.9", is_copy=True)])
def test_checking_now_reads_the_job_once(world: World, press: Press) -> None:
    """And answers with the deletion as it is then; on a second copy of the card as well."""
    answer = world.press("Check now", press)
    assert answer == world.now()
    assert isinstance(answer, Deletion)
    assert (answer.state, answer.reads_last, answer.ended_by) == (State.UNKNOWN, "present", None)
    assert world.read == [JOB]


@pytest.mark.parametrize("press", [BEN_PRESSES, replace(BEN_PRESSES, message_ts="9.9", is_copy=True)])
@pytest.mark.parametrize(
    ("button", "state"), [("Checked: it is gone", State.DELETED), ("Checked: still there", State.FAILED)]
)
def test_a_word_is_recorded_as_that_of_whoever_pressed(world: World, button: str, state: State, press: Press) -> None:
    """Not as the requester's, nor as something that was read; on a second copy of the card as well."""
    answer = world.press(button, press)
    assert answer == world.now()
    assert isinstance(answer, Deletion)
    assert (answer.state, answer.ended_why, answer.ended_by) == (state, Ending.BY_HAND.value, BEN)
    assert world.read == []


# -- on which card -------------------------------------------------------------------------------------------------


@every_button
@pytest.mark.parametrize(
    "press",
    [
        replace(BEN_PRESSES, deletion=DeletionId("f" * 16)),
        replace(BEN_PRESSES, message_ts="9.9"),
        replace(BEN_PRESSES, message_ts=None),
        replace(BEN_PRESSES, channel="C2"),
        replace(BEN_PRESSES, channel="C2", is_copy=True),
    ],
)
def test_a_button_that_stands_on_no_card_of_the_deletion_does_nothing(world: World, button: str, press: Press) -> None:
    """Its id alone is not enough: anybody could write a message that carries it. Not even Slack is asked."""
    assert world.press(button, press) == Refused(Reason.UNKNOWN_DELETION)
    assert world.slack.asked == []
    world.nothing_happened()


@every_button
def test_a_card_of_another_project_is_left_alone(world: World, button: str) -> None:
    """This bot would look for the job in the wrong place, and find nothing there."""
    world.config = Config(replace(TARGET, project_id="f" * 32), LISTED)
    assert world.press(button) == Refused(Reason.OTHER_PROJECT, {"deletion": UNKNOWN})
    assert world.slack.asked == []
    world.nothing_happened()


@every_button
def test_another_name_of_the_region_is_the_same_project(world: World, button: str) -> None:
    """Where a region is called otherwise since, the cards of before go on working."""
    world.config = Config(replace(TARGET, region="elsewhere"), LISTED)
    assert isinstance(world.press(button), Deletion)


# -- for whom ------------------------------------------------------------------------------------------------------


@every_button
def test_slack_is_asked_afresh_about_the_presser_and_the_channel_alone(world: World, button: str) -> None:
    """Whoever lost the right a minute ago must not press; the requester need not have kept it."""
    assert isinstance(world.press(button), Deletion)
    assert world.slack.asked == [("UBEN", True), ("C1", True)]


@every_button
@pytest.mark.parametrize(
    ("ben", "no"),
    [
        ({"is_guest": True}, Refused(Reason.IS_GUEST)),
        ({"is_deactivated": True}, Refused(Reason.DEACTIVATED)),
        ({"ids": frozenset({"UOTHER"})}, Refused(Reason.NOT_LISTED)),
    ],
)
def test_whoever_may_not_operate_may_not_press(world: World, button: str, ben: dict[str, Any], no: Refused) -> None:
    """The refusal is the policy's, and comes before MetaStudio is asked or anything is written."""
    world.slack.people[BEN] = replace(cast("Person", world.slack.people[BEN]), **ben)
    assert world.press(button) == no
    world.nothing_happened()


@every_button
def test_the_requester_has_no_right_to_them_as_such(world: World, button: str) -> None:
    """A request can be withdrawn without any right; to say what became of a job takes one."""
    assert world.press(button, replace(BEN_PRESSES, actor=ANNA)) == Refused(Reason.NOT_LISTED)
    world.nothing_happened()


@every_button
@pytest.mark.parametrize(
    ("channel", "no"),
    [
        (Conversation("C1", ConversationKind.CHANNEL, is_member=False), Refused(Reason.BOT_NOT_IN_CHANNEL)),
        (Conversation("C1", ConversationKind.EXTERNAL), Refused(Reason.IN_EXTERNAL_CHANNEL)),
        (LookupFailed("ratelimited"), Refused(Reason.CONVERSATION_UNKNOWN, {"why": "ratelimited"})),
    ],
)
def test_where_the_bot_may_not_be_used_nobody_may_press(
    world: World, button: str, channel: Conversation | LookupFailed, no: Refused
) -> None:
    """The channel of the card may have been shared, or left, since the card was posted."""
    world.slack.channel = channel
    assert world.press(button) == no
    world.nothing_happened()


@every_button
@pytest.mark.parametrize("closed", [Action.CHECK_NOW, Action.CLOSE_BY_HAND])
def test_each_button_asks_for_the_right_that_is_named_after_it(
    world: World, monkeypatch: pytest.MonkeyPatch, button: str, closed: Action
) -> None:
    """docs/who-may.md has a column for each: were one of them closed to somebody, the other would stay open."""
    no = Refused(Reason.NOT_LISTED)
    monkeypatch.setattr(policy, "may", lambda action, *_: no if action is closed else None)
    assert (world.press(button) == no) is (BUTTONS[button][1] is closed)


# -- an answer of the ledger that was lost -------------------------------------------------------------------------


def close(world: World, step: Step, actor: Actor) -> Callable[[], object]:
    values = {"ended_at": AT, "ended_why": Ending.BY_HAND.value, "ended_by": actor}
    return lambda: world.store.deletions.change(ID, step, values)


WORDS = {"Checked: it is gone": Step.CLOSE_DELETED, "Checked: still there": Step.CLOSE_FAILED}
OTHER = {Step.CLOSE_DELETED: Step.CLOSE_FAILED, Step.CLOSE_FAILED: Step.CLOSE_DELETED}


@pytest.mark.parametrize("button", WORDS)
def test_a_word_that_was_recorded_is_not_denied_because_the_answer_was_lost(world: World, button: str) -> None:
    """A fresh read shows that person's very word, so it is answered, and told in the thread."""
    world.ledger = Trouble(world.store, in_doubt=True)
    answer = world.press(button)
    assert answer == world.now()
    assert isinstance(answer, Deletion)
    assert (answer.ended_why, answer.ended_by) == (Ending.BY_HAND.value, BEN)
    assert [told.kind for told in world.delivered] == [NotificationKind.CLOSED, NotificationKind.CARD]


@pytest.mark.parametrize("button", WORDS)
@pytest.mark.parametrize("instead", ["nothing", "somebody else's same word", "the same person's other word", "a read"])
def test_a_word_that_no_read_shows_is_not_claimed_to_be_recorded(world: World, button: str, instead: str) -> None:
    """Whatever else has closed the deletion meanwhile is not taken for it."""
    step = WORDS[button]
    carried_out: dict[str, Callable[[], object]] = {
        "nothing": lambda: None,
        "somebody else's same word": close(world, step, ANNA),
        "the same person's other word": close(world, OTHER[step], BEN),
        "a read": lambda: world.store.deletions.change(ID, Step.READ_GONE, {"ended_why": Ending.READ_GONE.value}),
    }
    world.ledger = Trouble(world.store, in_doubt=True, instead=carried_out[instead])
    with pytest.raises(LedgerTrouble):
        world.press(button)
    assert world.delivered == []


@pytest.mark.parametrize("button", WORDS)
def test_a_word_that_was_certainly_not_recorded_is_a_trouble(world: World, button: str) -> None:
    """Then nothing is looked up and nothing told."""
    world.ledger = Trouble(world.store, in_doubt=False, instead=lambda: None)
    with pytest.raises(LedgerTrouble):
        world.press(button)
    world.nothing_happened()
