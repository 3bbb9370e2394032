"""User groups: members may, whoever leaves may not, and what Slack does not tell means no, in words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import bot.clients
from bot.domain.model import State
from tests.flow.world import World

GROUPS = "usergroups.users.list"


@pytest.fixture
def w(tmp_path: Path) -> Iterator[World]:
    """Anna is listed; ben is in the one group that may delete; carl is neither."""
    made = World(tmp_path, CONFIRM_BY="any_operator").start()
    try:
        made.run_bot(AUTHORIZED_USERS=made.anna, AUTHORIZED_USERGROUPS=made.slack.add_group("oncall", [made.ben]))
        yield made
        assert made.slack.violations == []
        assert made.verdict().is_sound
    finally:
        made.stop()


def oncall(w: World) -> list[str]:
    """The members of the group; may be changed."""
    (group,) = w.slack.groups.values()
    return group.users


def test_a_member_asks_and_confirms(w: World) -> None:
    """One look into the group serves command and click, if they are close together."""
    to_delete = w.failed_job()
    w.press(w.card(to_delete, w.ben), user=w.ben)
    assert w.cloud.deletes_arrived(to_delete) == 1
    assert len(w.slack.calls_to(GROUPS)) == 1


def test_listed_users_take_no_look_into_groups(w: World) -> None:
    """They go on working whatever becomes of user groups."""
    w.press(w.card(w.failed_job()))
    assert w.slack.calls_to(GROUPS) == []


def test_whoever_is_added_may_within_a_minute(w: World) -> None:
    """A no stands for a minute; then the group is looked into again."""
    to_delete = w.failed_job()
    w.ask(to_delete, w.carl)
    oncall(w).append(w.carl)
    w.clock.add(30)
    w.ask(to_delete, w.carl)
    assert w.reasons(w.carl) == ["not_listed", "not_listed"]
    w.clock.add(31)
    w.card(to_delete, w.carl)


def removed(w: World, user: str) -> None:
    oncall(w).remove(user)


def deactivated(w: World, user: str) -> None:
    w.slack.users[user].deleted = True


def made_a_guest(w: World, user: str) -> None:
    w.slack.users[user].is_restricted = True


Loss = Callable[[World, str], None]
LOSSES: dict[Loss, str] = {removed: "You don't have access", deactivated: "deactivated", made_a_guest: "Guests"}


@pytest.mark.parametrize("loses", LOSSES)
def test_a_click_by_whoever_lost_the_right_is_refused(w: World, loses: Loss) -> None:
    """Ben may no longer when he presses anna's card: no DELETE, he is told why, and the card still waits for others."""
    to_delete, card = w.offered()
    w.ask(w.failed_job(), w.ben)
    loses(w, w.ben)
    w.clock.add(6)
    w.press(card, user=w.ben, force=True)
    assert LOSSES[loses] in w.said_to(w.ben)[-1]
    assert w.cloud.deletes_arrived(to_delete) == 0
    w.press(card)
    assert w.cloud.deletes_arrived(to_delete) == 1


@pytest.mark.parametrize("loses", LOSSES)
@pytest.mark.parametrize("presser", ["ben", "anna"])
def test_a_requester_who_lost_the_right_closes_their_card(w: World, loses: Loss, presser: str) -> None:
    """Ben asked, and may no longer: whoever presses, nothing is deleted, the card closes and its thread says why."""
    to_delete, card = w.offered(w.ben)
    loses(w, w.ben)
    w.clock.add(6)
    user = getattr(w, presser)
    w.press(card, user=user, force=True)
    assert w.cloud.deletes_arrived(to_delete) == 0
    assert card.buttons == []
    ended = w.deletion(to_delete)
    assert (ended.state, ended.ended_why) == (State.REFUSED, "requester_lost_right")
    assert any("may no longer delete jobs" in said for said in w.thread(card))
    expected = LOSSES[loses] if presser == "ben" else "may no longer delete jobs"
    assert expected in w.said_to(user)[-1]


FAILURES = {
    "an error": {"kind": "error", "error": "fatal_error"},
    "throttled": {"kind": "ratelimited", "retry_after": 3},
    "cut off": {"kind": "reset"},
    "no answer": {"kind": "silence"},
}


@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES.keys())
@pytest.mark.parametrize("at_the", ["command", "click"])
def test_a_look_into_a_group_that_fails_refuses_in_words(
    w: World, monkeypatch: pytest.MonkeyPatch, failure: dict[str, object], at_the: str
) -> None:
    """Neither group nor code is told; nothing is deleted, the card still waits, and it works when Slack does again."""
    if failure["kind"] == "silence":
        w.stop_bot()
        monkeypatch.setattr(bot.clients, "SLACK_TIMEOUT", 3)
        w.run_bot()
    to_delete, card = w.offered()
    if at_the == "click":
        w.ask(w.failed_job(), w.ben)
        w.clock.add(6)
    fault = w.slack.faults.add(GROUPS, **failure)  # type: ignore[arg-type]
    if at_the == "click":
        w.press(card, user=w.ben)
    else:
        w.ask(w.failed_job(), w.ben)
    told = w.said_to(w.ben)[-1]
    assert "*Slack could not say* whether you are in a user group that may delete jobs" in told
    assert f"This {at_the} deleted nothing. Try again in a minute." in told
    assert next(iter(w.slack.groups)) not in told
    assert w.reasons(w.ben)[-1] == "groups_unknown"
    assert len(card.buttons) == 2
    w.slack.faults.remove(fault)
    w.clock.add(11)
    w.press(card, user=w.ben)
    assert w.cloud.deletes_arrived(to_delete) == 1


def test_a_requester_whose_group_cannot_be_asked_has_not_lost_the_right(w: World) -> None:
    """Ben asked; while Slack is unwell anna's click is refused, and the card still waits."""
    to_delete, card = w.offered(w.ben)
    w.clock.add(6)
    w.slack.faults.add(GROUPS, "error", error="fatal_error")
    w.press(card)
    assert f"whether <@{w.ben}> is in a user group" in w.said_to(w.anna)[-1]
    assert len(card.buttons) == 2
    w.clock.add(11)
    w.press(card)
    assert w.cloud.deletes_arrived(to_delete) == 1


@pytest.mark.parametrize(("lacks", "says"), [("the scope", "`usergroups:read`"), ("the plan", "paid plans")])
def test_without_the_scope_or_the_plan_it_says_what_is_missing(w: World, lacks: str, says: str) -> None:
    """Members are told what the operator has to do; listed people go on working."""
    if lacks == "the scope":
        w.slack.scopes.remove("usergroups:read")
    else:
        w.slack.paid_plan = False
    w.ask(w.failed_job(), w.ben)
    assert says in w.said_to(w.ben)[-1]
    assert w.slack.messages(w.ops) == []
    to_delete = w.failed_job()
    w.press(w.card(to_delete))
    assert w.cloud.deletes_arrived(to_delete) == 1


def test_a_disabled_group_has_no_members(w: World) -> None:
    """Whoever disables a group in Slack takes the right away with it."""
    w.card(w.failed_job(), w.ben)
    (group,) = w.slack.groups.values()
    group.disabled = True
    w.clock.add(61)
    w.ask(w.failed_job(), w.ben)
    assert w.reasons(w.ben) == ["not_listed"]


def test_hammering_a_button_does_not_use_up_the_look_ups_of_the_others(w: World) -> None:
    """Carl presses forty times in forty seconds: each click is answered, and Slack is asked about him once."""
    to_delete, card = w.offered()
    before = len(w.slack.calls)
    for _ in range(40):
        w.press(card, user=w.carl)
        w.clock.add(1)
    assert w.reasons(w.carl) == ["not_listed"] * 40
    look_ups = {GROUPS, "users.info", "conversations.info"}
    assert sorted(call.method for call in w.slack.calls[before:] if call.method in look_ups) == [GROUPS, "users.info"]
    w.press(card, user=w.ben)
    assert w.cloud.deletes_arrived(to_delete) == 1


# -- Enterprise Grid -----------------------------------------------------------------------------------------------


@pytest.fixture
def grid(tmp_path: Path) -> Iterator[World]:
    """An organisation: anna is listed and ben in the group by their organisation's ids; carl works elsewhere in it."""
    made = World(tmp_path, enterprise=True, CONFIRM_BY="second_person").start()
    try:
        w_anna, w_ben = (made.slack.users[user].enterprise_user["id"] for user in (made.anna, made.ben))
        made.run_bot(AUTHORIZED_USERS=w_anna, AUTHORIZED_USERGROUPS=made.slack.add_group("oncall", [w_ben]))
        yield made
        assert made.slack.violations == []
        assert made.verdict().is_sound
    finally:
        made.stop()


def test_on_a_grid_the_organisation_s_id_counts_too(grid: World) -> None:
    """The settings and the group name people by one id, the payloads by the other."""
    to_delete = grid.failed_job()
    grid.press(grid.card(to_delete), user=grid.ben)
    assert grid.cloud.deletes_arrived(to_delete) == 1


def test_on_a_grid_nobody_is_their_own_second_person(grid: World) -> None:
    """Anna asks, and presses from another workspace, where she has another id: she is still the requester."""
    other = grid.slack.add_team("Other")
    here = grid.slack.users[grid.anna].enterprise_user
    there = grid.slack.add_user("anna", team=other, enterprise_user={**here, "teams": [*here["teams"], other]})
    grid.slack.channels[grid.ops].members.append(there)
    to_delete, card = grid.offered()
    grid.press(card, user=there)
    assert grid.reasons(there) == ["second_person_needed"]
    assert grid.cloud.deletes_arrived(to_delete) == 0
    grid.press(card, "dh_cancel", user=there)
    assert card.buttons == []


def test_on_a_grid_another_workspace_is_foreign_unless_it_shares_ours(grid: World) -> None:
    """Being in the same organisation is not enough: one of their workspaces has to be the bot's."""
    other = grid.slack.add_team("Other")
    mallory = grid.slack.add_user(
        "mallory", team=other, enterprise_user={"id": "W0MALLORY1", "teams": [other], "enterprise_id": "E1"}
    )
    grid.slack.channels[grid.ops].members.append(mallory)
    card = grid.card(grid.failed_job())
    grid.press(card, user=mallory)
    assert grid.reasons(mallory) == ["foreign"]
    assert len(card.buttons) == 2
