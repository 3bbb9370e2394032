"""What is looked up before something is allowed: first whoever acts; a stranger causes nothing to be asked anew."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import cast

import pytest

from bot.deletion import permission
from bot.domain.age import Moment
from bot.domain.model import Actor, Conversation, ConversationKind, LookupFailed, Person
from bot.domain.policy import Action, Rules
from bot.domain.ports import Ports
from bot.domain.refusals import Reason, Refused
from tests.support.values import ANNA, BEN

HERE = Conversation("C1", ConversationKind.CHANNEL)


@dataclass
class People:
    """Answers as the test says, and keeps what was asked."""

    first: Person | LookupFailed
    asked: list[tuple[str, bool]] = field(default_factory=list)

    def person(self, actor: Actor, *, fresh: bool = False, since: Moment | None = None) -> Person | LookupFailed:
        self.asked.append((actor.user, fresh))
        return self.first if actor == ANNA else Person(actor, frozenset({actor.user}), is_own=True)

    def conversation(
        self, channel: str, *, fresh: bool = False, since: Moment | None = None
    ) -> Conversation | LookupFailed:
        self.asked.append((channel, fresh))
        return HERE


def ports(people: People, **rules: frozenset[str]) -> Ports:
    return cast("Ports", SimpleNamespace(people=people, config=SimpleNamespace(rules=Rules(**rules))))  # type: ignore[arg-type]


ME = Person(ANNA, frozenset({"UANNA"}), is_own=True)


@pytest.mark.parametrize(
    ("first", "rules", "may_something"),
    [
        (ME, {"users": frozenset({"UANNA"})}, True),
        (ME, {"freeze_by": frozenset({"UANNA"})}, True),
        (ME, {"users": frozenset({"UBEN"})}, False),
    ],
)
@pytest.mark.parametrize("fresh", [True, False])
def test_a_stranger_causes_nothing_to_be_asked_anew(
    first: Person | LookupFailed, rules: dict[str, frozenset[str]], *, may_something: bool, fresh: bool
) -> None:
    """The one who acts is asked about first; the others and the place afresh only if that person may do anything."""
    people = People(first)
    found = permission.look_up(ports(people, **rules), "C1", (ANNA, BEN), fresh=fresh)
    anew = fresh and may_something
    assert people.asked == [("UANNA", fresh), ("UBEN", anew), ("C1", anew)]
    assert found == (HERE, (first, Person(BEN, frozenset({"UBEN"}), is_own=True)))


def test_nobody_else_is_asked_about_after_a_failure() -> None:
    """It means no whatever the others are, and each look-up may take its full timeout."""
    people = People(LookupFailed("ratelimited"))
    found = permission.look_up(ports(people, users=frozenset({"UANNA"})), "C1", (ANNA, BEN), fresh=True)
    assert people.asked == [("UANNA", True), ("C1", False)]
    assert found == (HERE, (LookupFailed("ratelimited"), LookupFailed("ratelimited")))


def test_the_same_person_is_asked_about_once() -> None:
    """Whoever confirms their own deletion is one person."""
    people = People(ME)
    found = permission.look_up(ports(people, users=frozenset({"UANNA"})), "C1", (ANNA, ANNA), fresh=True)
    assert people.asked == [("UANNA", True), ("C1", True)]
    assert found == (HERE, (ME, ME))


@pytest.mark.parametrize(
    ("users", "no"), [({"UANNA"}, None), ({"UBEN"}, Refused(Reason.NOT_LISTED)), (set(), Refused(Reason.NOT_LISTED))]
)
def test_the_decision_is_the_policy_s(users: set[str], no: Refused | None) -> None:
    """Gather, then decide; nothing is added."""
    people = ports(People(ME), users=frozenset(users))
    assert permission.may(Action.CHECK_NOW, ANNA, "C1", people, fresh=True) == no
