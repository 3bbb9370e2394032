"""`dh-bot doctor` looks at the people in the settings, and at whether each rule leaves somebody who can."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bot.doctor.people import CONFIRM, Lookups, judge
from bot.domain.model import Actor, ConfirmBy, LookupFailed, Person
from bot.settings.schema import Settings
from tests.flow.surgery import Surgery, operating, visit


@pytest.fixture
def s(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Surgery]:
    with operating(tmp_path, monkeypatch) as made:
        yield made


Look = Callable[[], set[str]]


@pytest.fixture
def look(s: Surgery, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Look:
    return lambda: visit(s, monkeypatch, capsys)


def only(s: Surgery, *users: str, **settings: str) -> None:
    """Nobody else may act, and there is no group."""
    s.env |= {"AUTHORIZED_USERS": ",".join(users), "AUTHORIZED_USERGROUPS": "", **settings}


def test_all_who_are_fine_take_one_line(s: Surgery, look: Look) -> None:
    """Listed people, the group with its members, and that each rule has somebody."""
    s.env["HELP_CONTACT"] = s.env["FREEZE_BY"] = s.w.ben
    assert look() == set()
    assert s.says["people"] == "2 of 2 may act."
    assert s.says[f"user group {s.group}"] == f"1 of 1 members may act: {s.w.anna}."
    assert s.says["who may confirm"] == "Each request has somebody who may confirm it; 2 people may ask."
    assert s.says["who may freeze"] == "Somebody in FREEZE_BY may act."
    assert not [name for name in s.says if name.startswith("person ")]


NOT_FINE: dict[str, tuple[dict[str, object], str]] = {
    "guest": ({"is_restricted": True}, "A guest, and so may do nothing."),
    "guest of one channel": ({"is_ultra_restricted": True}, "A guest, and so may do nothing."),
    "left": ({"deleted": True}, "Deactivated, and so may do nothing."),
    "bot": ({"is_bot": True}, "A bot, and so may do nothing."),
    "stranger": ({"is_stranger": True}, "Of another workspace, and so may do nothing."),
    "hidden": ({"hidden": True}, "Unknown to Slack, and so may do nothing."),
}


@pytest.mark.parametrize("name", NOT_FINE)
def test_each_who_is_not_fine_is_named(s: Surgery, look: Look, name: str) -> None:
    """By id, with the setting that lists them; nothing is wrong while somebody else is left."""
    flags, says = NOT_FINE[name]
    other = s.w.slack.add_user("cora", **flags)
    s.env["AUTHORIZED_USERS"] += f",{other}"
    assert look() == set()
    assert s.status == 0
    assert s.states[f"person {other}"] == "note"
    assert s.says[f"person {other}"] == f"{says} Take the id out of AUTHORIZED_USERS."
    assert s.says["people"] == "2 of 3 may act."
    assert "cora" not in json.dumps(s.says).lower()


def test_an_id_that_slack_does_not_know(s: Surgery, look: Look) -> None:
    """A typing error in FREEZE_BY leaves nobody who may freeze: that is wrong, whoever may delete."""
    s.env["FREEZE_BY"] = "U0NOBODY00"
    assert look() == {"who may freeze"}
    assert s.status == 1
    assert s.says["person U0NOBODY00"] == "Unknown to Slack, and so may do nothing. Take the id out of FREEZE_BY."


@pytest.mark.parametrize(
    ("contact", "says"),
    [
        ("U0LEFT0001", "Deactivated. Name somebody else in HELP_CONTACT."),
        ("U0NOBODY01", "Unknown to Slack. Name somebody else in HELP_CONTACT."),
        ("U0GUEST001", None),
        ("SUPPORT", None),
        ("the platform team", None),
    ],
)
def test_whom_the_refused_may_ask(s: Surgery, look: Look, contact: str, says: str | None) -> None:
    """HELP_CONTACT may be text or somebody who may not delete, but nobody who has left."""
    s.w.slack.add_user("left", user_id="U0LEFT0001", deleted=True)
    s.w.slack.add_user("guest", user_id="U0GUEST001", is_restricted=True)
    s.env["HELP_CONTACT"] = contact
    assert look() == set()
    assert s.says.get(f"person {contact}") == says
    assert s.says["people"] == "2 of 2 may act."


def test_members_of_a_group(s: Surgery, look: Look) -> None:
    """How many of them may act, who, and who does not and why."""
    gone = s.w.slack.add_user("gone", deleted=True)
    guest = s.w.slack.add_user("guest", is_restricted=True)
    s.w.slack.groups[s.group].users = [s.w.carl, gone, guest]
    assert look() == set()
    assert s.states[f"user group {s.group}"] == "note"
    assert s.says[f"user group {s.group}"] == (
        f"1 of 3 members may act: {s.w.carl}. Not: {gone} is deactivated, {guest} is a guest."
    )
    assert s.says["who may confirm"].endswith("3 people may ask.")


def test_a_group_of_nobody_who_may_act(s: Surgery, look: Look) -> None:
    """Is wrong, and nobody may delete where nobody else is listed."""
    guest = s.w.slack.add_user("guest", is_restricted=True)
    s.w.slack.groups[s.group].users = [guest]
    s.env["AUTHORIZED_USERS"] = ""
    assert look() == {f"user group {s.group}", "who may confirm"}
    assert s.says["who may confirm"].startswith("Nobody may delete anything")


STUCK = {
    "one who needs a second": {"CONFIRM_BY": "second_person"},
    "a state that needs a second": {"SECOND_PERSON_STATES": "JOB_FINISH"},
}


@pytest.mark.parametrize("name", STUCK)
def test_a_second_person_who_is_a_guest(s: Surgery, look: Look, name: str) -> None:
    """Two are listed, and only one of them may act: no card could be confirmed, and the rule is named."""
    guest = s.w.slack.add_user("guest", is_restricted=True)
    only(s, s.w.anna, guest, **STUCK[name])
    assert look() == {"who may confirm"}
    assert s.says["who may confirm"] == (
        f"{next(iter(STUCK[name]))} asks for a second person, and only {s.w.anna} may act. List somebody else too."
    )
    only(s, s.w.anna, s.w.ben, **STUCK[name])
    assert look() == set()


@pytest.mark.parametrize("rule", ["requester", "any_operator"])
def test_one_person_is_enough_where_no_second_is_asked_for(s: Surgery, look: Look, rule: str) -> None:
    """They may confirm what they asked for."""
    only(s, s.w.anna, CONFIRM_BY=rule)
    assert look() == set()
    assert s.says["who may confirm"].endswith("1 person may ask.")


def test_nobody_is_listed(s: Surgery, look: Look) -> None:
    """The bot would run and refuse everybody."""
    only(s)
    assert look() == {"who may confirm"}
    assert "AUTHORIZED_USERS and AUTHORIZED_USERGROUPS are empty" in s.says["who may confirm"]
    assert s.states["who may freeze"] == "not checked"


def test_slack_does_not_say_who_they_are(s: Surgery, look: Look) -> None:
    """Nobody is called wrong then, nobody is asked about a second time, and who cannot be judged is named."""
    only(s, s.w.anna, s.w.ben, FREEZE_BY=s.w.anna)
    s.w.slack.faults.add("users.info", "ratelimited", times=None)
    assert look() == set()
    assert s.states["people"] == s.states["who may confirm"] == s.states["who may freeze"] == "not checked"
    assert "(ratelimited)" in s.says["people"]
    assert s.w.anna in s.says["people"]
    assert s.w.ben in s.says["people"]
    assert len(s.w.slack.calls_to("users.info")) == 1


def test_a_group_that_cannot_be_read_hides_nobody(s: Surgery, look: Look) -> None:
    """Whether the rule is fine is not known then; the group is the one thing that is wrong."""
    s.env |= {"AUTHORIZED_USERS": s.w.anna, "CONFIRM_BY": "second_person", "AUTHORIZED_USERGROUPS": "S0NOWHERE"}
    assert look() == {"user group S0NOWHERE"}
    assert s.says["who may confirm"] == "First correct: user group S0NOWHERE."


def test_a_large_group_is_looked_at_in_part(s: Surgery, look: Look) -> None:
    """A running bot needs its share of the look-ups that Slack allows."""
    s.w.slack.groups[s.group].users = [s.w.slack.add_user(f"m{number}") for number in range(80)]
    assert look() == set()
    assert len(s.w.slack.calls_to("users.info")) == 60
    assert s.says[f"user group {s.group}"].startswith("58 of 80 members may act")
    assert s.says[f"user group {s.group}"].endswith("and 12 more.")


def test_an_id_that_slack_does_not_know_may_be_right_on_a_grid() -> None:
    """There a person has two ids, and it is not known whether users.info takes both: nothing is called wrong for it."""
    settings = Settings.model_construct(authorized_users=frozenset({"W0ANNA"}), freeze_by=frozenset({"W0ANNA"}))
    known = Lookups({"W0ANNA": LookupFailed("user_not_found")}, is_grid=True)
    found = {each.check: each for each in judge(settings, known)}
    assert {check: each.state for check, each in found.items()} == {
        "person W0ANNA": "note",
        "who may confirm": "not checked",
        "who may freeze": "not checked",
    }
    assert "Take the id out" not in found["person W0ANNA"].says


def test_both_ids_of_one_person_on_a_grid_are_one_person() -> None:
    """Listing somebody by both ids makes no second person of them."""
    both = frozenset({"U0ANNA", "W0ANNA"})
    persons = {user: Person(Actor(user, "T1"), both, is_own=True) for user in sorted(both)}
    settings = Settings.model_construct(authorized_users=both, confirm_by=ConfirmBy.SECOND_PERSON)
    found = {each.check: each for each in judge(settings, Lookups(persons, is_grid=True))}
    assert found[CONFIRM].state == "wrong"
