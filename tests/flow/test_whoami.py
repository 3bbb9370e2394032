"""``whoami``: what the caller may do here, and by which rule; for everybody, everywhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.flow.world import World, world
from tests.support.claims import claims_of


def whoami(w: World, user: str, channel: str | None = None) -> str:
    """What this person is told."""
    before = len(w.said_to(user))
    asked = w.ask("whoami", user, channel)
    assert asked.wait_ack()["text"] == "Looking …"
    (told,) = w.said_to(user)[before:]
    return told


def test_a_listed_person_learns_by_which_rules(w: World) -> None:
    """Who they are to Slack, that they are listed, that the channel may be used, who confirms, that they may freeze."""
    told = whoami(w, w.anna)
    for says in (
        f"You are <@{w.anna}>, to Slack `{w.anna}` of workspace `{w.slack.team_id}`.",
        "You may delete jobs with this bot: you are listed (`AUTHORIZED_USERS`).",
        "This channel may be used",
        "The person who asked for a deletion confirms it (`CONFIRM_BY`).",
        "You may freeze all deletions",
    ):
        assert says in told
    assert not w.cloud.requests
    assert w.slack.messages(w.ops) == []


def test_a_member_of_a_group_learns_which(tmp_path: Path) -> None:
    """Group, channel, the rule for confirming, and the states that take a second person."""
    w = World(tmp_path, CONFIRM_BY="any_operator", SECOND_PERSON_STATES="JOB_FINISH,JOB_SUCCESS").start()
    try:
        group = w.slack.add_group("oncall", [w.carl])
        w.run_bot(AUTHORIZED_USERGROUPS=group, AUTHORIZED_CHANNELS=w.ops, FREEZE_BY=w.anna)
        told = whoami(w, w.carl)
        for says in (
            f"you are in the user group <!subteam^{group}> (`AUTHORIZED_USERGROUPS`)",
            "it is one of `AUTHORIZED_CHANNELS`",
            "Anybody who may delete jobs may confirm any deletion",
            "Jobs in `JOB_FINISH`, `JOB_SUCCESS` always take a second person",
        ):
            assert says in told
        assert "freeze" not in told
        assert w.slack.violations == []
    finally:
        w.stop()


def test_whoever_may_nothing_learns_why_and_whom_to_ask(tmp_path: Path) -> None:
    """And not who may: no group, no list, no rule is told to a stranger."""
    w = World(tmp_path, HELP_CONTACT="the media platform team").start()
    try:
        w.run_bot(AUTHORIZED_USERGROUPS=w.slack.add_group("oncall", [w.ben]))
        told = whoami(w, w.carl)
        assert "*You don't have access to delete jobs* with this bot. Ask the media platform team." in told
        assert "AUTHORIZED" not in told
        assert "CONFIRM_BY" not in told
        assert "subteam" not in told
    finally:
        w.stop()


@pytest.mark.parametrize(
    ("flag", "says"), [("is_restricted", "Guests may not"), ("is_bot", "Bots may not"), ("is_stranger", "company")]
)
def test_an_account_that_may_never_learns_that(w: World, flag: str, says: str) -> None:
    """Even if it is listed."""
    setattr(w.slack.users[w.anna], flag, True)
    assert says in whoami(w, w.anna)


def test_in_the_wrong_place_it_says_where_instead(w: World) -> None:
    """It answers also where deletions are refused, and says what to do."""
    told = whoami(w, w.anna, w.slack.add_im(w.anna, w.ben))
    assert "You may delete jobs with this bot" in told
    assert "*Not in a direct message:* deletions are asked for where the team sees them." in told
    assert not claims_of(told)


def test_when_slack_does_not_say_it_does_not_guess(w: World) -> None:
    """A look-up that fails is told as that."""
    w.slack.faults.add("users.info", "error", error="fatal_error")
    assert "*Slack could not say* who you are" in whoami(w, w.anna)


def test_it_is_recorded_and_answered_when_the_bot_is_busy(tmp_path: Path) -> None:
    """Every command is an event, and one that finds no free thread is told so in the ack."""
    with world(tmp_path) as w:
        whoami(w, w.anna)
        commands = [one.event for one in w.trail() if one.event.kind == "command"]
        assert [(event.actor.user, event.facts) for event in commands if event.actor] == [
            (w.anna, {"subcommand": "whoami"})
        ]
        while w.app.pool.take():
            pass
        said = w.slack.command(w.anna, w.ops, "whoami").wait_ack()["text"]
        assert "The bot is busy" in said
        for _ in range(64):
            w.app.pool.give_back()
        w.idle()
        assert w.reasons(w.anna) == ["busy"]
