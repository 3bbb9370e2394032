"""Whom a card calls that needs a second person: the listed, without those who may not confirm."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from bot.domain.model import (
    Actor,
    ConfirmBy,
    Conversation,
    LookupFailed,
    Person,
)
from bot.domain.policy import Rules
from bot.domain.ports import Called
from bot.slack.second_people import MOST_CALLED, MOST_LOOK_UPS, WITHIN, SecondPeople
from tests.support.values import deletion

ANNA, TEAM = "U0ANNA", "T1"
Found = Person | LookupFailed


class People:
    """Everybody is fine but those who are named here. ``asked`` is who was looked up."""

    def __init__(self, others: Mapping[str, Any]) -> None:
        self._others = others
        self.asked: list[str] = []

    def person(self, actor: Actor, **_: Any) -> Found:
        self.asked.append(actor.user)
        other = self._others.get(actor.user, {})
        if isinstance(other, LookupFailed):
            return other
        return Person(**{"actor": actor, "ids": frozenset({actor.user}), "is_own": True, **other})

    def conversation(self, channel: str, **_: Any) -> Conversation:
        raise NotImplementedError


def called(
    people: People,
    users: Sequence[str],
    groups: Sequence[str] = (),
    *,
    rule: ConfirmBy = ConfirmBy.SECOND_PERSON,
    is_grid: bool = False,
    late: Sequence[str] = (),
) -> Called:
    """Whom a card of Anna's calls. The look-ups of ``late`` take too long."""

    def together(work: Callable[[str], Found], items: Sequence[str], seconds: float) -> dict[str, Found]:
        assert seconds == WITHIN
        return {item: work(item) for item in items if item not in late}

    rules = Rules(users=frozenset({ANNA, *users}), groups=frozenset(groups))
    return SecondPeople(people, rules, together, is_grid=is_grid)(
        deletion(requester=Actor(ANNA, TEAM), confirm_by=rule)
    )


NOT: dict[str, Any] = {
    "left": {"is_deactivated": True},
    "a guest": {"is_guest": True},
    "a bot": {"is_bot": True},
    "of another workspace": {"is_own": False},
    "unknown": LookupFailed("user_not_found"),
    "hidden": LookupFailed("user_not_visible"),
    "the requester by another id": {"ids": frozenset({"U1OTHER", ANNA})},
}


@pytest.mark.parametrize("why", NOT)
def test_who_may_not_confirm_is_not_called(why: str) -> None:
    """Groups stay, and so do the others; where only such people are listed nobody is left."""
    people = People({"U1OTHER": NOT[why]})
    assert called(people, ["U1OTHER", "U2BEN"], ["S1"]) == Called(("S1", "U2BEN"))
    assert called(people, ["U1OTHER"]) == Called()


@pytest.mark.parametrize("why", ["ratelimited", "missing_scope", "URLError", "another_user_answered"])
def test_who_cannot_be_looked_up_is_called(why: str) -> None:
    """A failure says nothing about the person."""
    assert called(People({"U1OTHER": LookupFailed(why)}), ["U1OTHER", "U2BEN"]) == Called(("U1OTHER", "U2BEN"))


@pytest.mark.parametrize("why", ["user_not_found", "user_not_visible"])
def test_on_grid_an_unknown_id_may_be_the_other_one(why: str) -> None:
    """Slack may know the person by the id of the workspace only."""
    assert called(People({"W1": LookupFailed(why)}), ["W1"], is_grid=True) == Called(("W1",))


def test_who_takes_too_long_is_called_and_ends_the_looking_up() -> None:
    """The next ones would take as long; those are called unseen."""
    users = [f"U{number:02}" for number in range(30)]
    people = People({"U00": {"is_guest": True}})
    assert called(people, users, late=["U05"]) == Called(tuple(users[1:21]), 9)
    assert set(people.asked) == {ANNA, *users[:MOST_CALLED]} - {"U05"}


def test_a_requester_who_cannot_be_looked_up_is_known_by_the_id() -> None:
    """The one who asked is never called, and the others are."""
    assert called(People({ANNA: LookupFailed("ratelimited")}), ["U2BEN"]) == Called(("U2BEN",))
    assert called(People({}), ["U2BEN"], late=[ANNA]) == Called(("U2BEN",))


@pytest.mark.parametrize("rule", [ConfirmBy.REQUESTER, ConfirmBy.ANY_OPERATOR])
def test_nobody_is_looked_up_where_no_second_person_is_needed(rule: ConfirmBy) -> None:
    people = People({})
    assert called(people, ["U2BEN"], rule=rule) == Called()
    assert people.asked == []


def test_of_a_long_list_only_those_are_looked_up_who_are_called() -> None:
    """Those who drop out make room for the next ones."""
    users = [f"U{number:03}" for number in range(500)]
    people = People({})
    assert called(people, users, ["S1", "S2"]) == Called(("S1", "S2", *users[:18]), 482)
    assert sorted(people.asked) == sorted([ANNA, *users[:18]])
    people = People({users[3]: {"is_deactivated": True}})
    assert called(people, users) == Called((*users[:3], *users[4:21]), 479)
    assert set(people.asked) == {ANNA, *users[:21]}


def test_look_ups_have_a_bound_although_nobody_on_the_list_may() -> None:
    """The people behind it are called unseen: that nobody may confirm is not known."""
    users = [f"U{number:03}" for number in range(500)]
    people = People({user: {"is_deactivated": True} for user in users})
    assert called(people, users) == Called(tuple(users[MOST_LOOK_UPS : MOST_LOOK_UPS + MOST_CALLED]), 440)
    assert set(people.asked) == {ANNA, *users[:MOST_LOOK_UPS]}


def test_more_groups_than_are_called_take_no_look_up() -> None:
    """Nobody beyond them would be shown."""
    people = People({})
    groups = [f"S{number:02}" for number in range(25)]
    assert called(people, ["U2BEN"], groups) == Called(tuple(groups[:20]), 6)
    assert people.asked == []
