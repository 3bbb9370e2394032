"""Who may ask and press, and where: nobody by default, and an answer each time."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.flow.world import World, world


def refused_without_a_call(w: World, user: str, channel: str | None = None) -> str:
    """Ask for a job that could be deleted; the answer, after making sure that nothing came of it."""
    job = w.cloud.add_job(state="TRAIN_FAILED")
    w.ask(job, user, channel)
    assert w.slack.messages(channel or w.ops) == []
    assert w.cloud.deletes_arrived(job) == 0
    return w.said_to(user)[-1]


def test_by_default_nobody_is_allowed(tmp_path: Path) -> None:
    """With no users and no groups everybody is refused, and MetaStudio is not even asked."""
    with world(tmp_path, AUTHORIZED_USERS="", HELP_CONTACT="the media platform team") as w:
        told = refused_without_a_call(w, w.anna)
        assert "You don't have access" in told
        assert "the media platform team" in told
        assert not w.cloud.requests


def test_a_colleague_who_is_not_listed_is_refused(w: World) -> None:
    """Deny by default; the refusal is recorded with who, where and why, and costs MetaStudio nothing."""
    assert "You don't have access" in refused_without_a_call(w, w.carl)
    assert not w.cloud.requests
    refusal = next(one.event for one in w.trail() if one.event.kind == "refused")
    assert (refusal.actor.user, refusal.channel, refusal.facts["reason"]) == (w.carl, w.ops, "not_listed")


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        ({"is_restricted": True}, "Guests"),
        ({"is_ultra_restricted": True}, "Guests"),
        ({"is_bot": True}, "Bots"),
        ({"is_stranger": True}, "another workspace"),
    ],
)
def test_accounts_that_may_never_delete_are_refused_even_if_listed(
    tmp_path: Path, flags: dict[str, bool], says: str
) -> None:
    """Guests, bots and strangers are refused although listed in AUTHORIZED_USERS, and are told whom to ask."""
    with world(tmp_path, HELP_CONTACT="the media platform team") as w:
        for name, value in flags.items():
            setattr(w.slack.users[w.anna], name, value)
        told = refused_without_a_call(w, w.anna)
        assert says in told
        assert "Ask the media platform team." in told


def test_who_cannot_be_looked_up_is_refused(w: World) -> None:
    """users.info fails: no, with Slack's error code, and try again works."""
    w.slack.faults.add("users.info", "error", error="fatal_error")
    assert "could not say* who you are" in refused_without_a_call(w, w.anna)
    w.card(w.cloud.add_job(state="TRAIN_FAILED"))


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("im", "direct message"),
        ("mpim", "group message"),
        ("mpim_with_bot", "group message"),
        ("ext_shared", "Slack Connect"),
        ("not_in", "Invite it"),
        ("private_not_in", "Invite it"),
    ],
)
def test_places_where_nothing_is_offered(w: World, kind: str, says: str) -> None:
    """Direct and group messages, shared channels, and channels the bot is not in: refused, with what to do instead."""
    makers = {
        "im": lambda: w.slack.add_im(w.anna, w.ben),
        "mpim": lambda: w.slack.add_mpim([w.anna, w.ben, w.carl]),
        "mpim_with_bot": lambda: w.slack.add_mpim([w.anna, w.ben], bot=True),
        "ext_shared": lambda: w.slack.add_channel("partners", members=[w.anna], ext_shared=True),
        "not_in": lambda: w.slack.add_channel("elsewhere", members=[w.anna], bot=False),
        "private_not_in": lambda: w.slack.add_channel("secret", members=[w.anna], bot=False, private=True),
    }
    told = refused_without_a_call(w, w.anna, makers[kind]())
    # Without the scope mpim:read Slack does not say that a conversation is a group message; that alone refuses.
    assert says in told


def test_only_the_authorized_channels_are_used(tmp_path: Path) -> None:
    """With AUTHORIZED_CHANNELS set, any other channel is refused and the allowed ones are named."""
    with world(tmp_path) as w:
        w.stop_bot()
        incidents = w.slack.add_channel("incidents", members=[w.anna])
        w.run_bot(AUTHORIZED_CHANNELS=incidents)
        assert f"<#{incidents}>" in refused_without_a_call(w, w.anna)
        w.ask(w.cloud.add_job(state="TRAIN_FAILED"), channel=incidents)
        assert len(w.slack.messages(incidents)) == 1


def test_a_strangers_click_is_answered_and_the_card_still_waits(w: World) -> None:
    """A colleague without rights presses: told why, no DELETE, and the requester can still confirm."""
    job, card = w.offered()
    w.press(card, user=w.carl)
    assert "You don't have access" in w.said_to(w.carl)[-1]
    assert len(card.buttons) == 2
    w.press(card)
    assert w.cloud.deletes_arrived(job) == 1


def test_another_operators_click_is_answered_when_only_the_requester_may(w: World) -> None:
    """CONFIRM_BY=requester: somebody else who is authorized is told that only the requester may."""
    job, card = w.offered()
    w.press(card, user=w.ben)
    assert "Only the person who asked" in w.said_to(w.ben)[-1]
    assert len(card.buttons) == 2
    assert w.cloud.deletes_arrived(job) == 0


@pytest.mark.parametrize(
    ("rule", "requester_may", "other_may"),
    [("requester", True, False), ("any_operator", True, True), ("second_person", False, True)],
)
def test_confirm_by_decides_who_may_press(tmp_path: Path, rule: str, *, requester_may: bool, other_may: bool) -> None:
    """Each value of CONFIRM_BY, for the requester and for another operator; the colleague never may."""
    with world(tmp_path, CONFIRM_BY=rule) as w:
        for user, may in ((w.carl, False), (w.anna, requester_may), (w.ben, other_may)):
            job = w.cloud.add_job(state="TRAIN_FAILED")
            w.press(w.card(job), user=user)
            assert w.cloud.deletes_arrived(job) == int(may)


def test_second_person_states_ask_for_a_second_person(tmp_path: Path) -> None:
    """SECOND_PERSON_STATES goes before CONFIRM_BY, and the card says who may press."""
    with world(tmp_path, SECOND_PERSON_STATES="JOB_SUCCESS") as w:
        job = w.cloud.add_job(state="JOB_SUCCESS")
        card = w.card(job)
        assert "a second person is needed" in card.text
        w.press(card)
        assert "second person" in w.said_to(w.anna)[-1]
        w.press(card, user=w.ben)
        assert w.cloud.deletes_arrived(job) == 1


def test_a_foreign_workspaces_click_is_refused_although_slack_names_our_team(w: World) -> None:
    """In a Slack Connect click `team` is ours and `user.team_id` theirs: they are refused, the card still waits."""
    job, card = w.offered()
    other = w.slack.add_team("partner")
    mallory = w.slack.add_user("mallory", team=other)
    w.press(card, user=mallory, force=True)
    assert "another workspace" in w.said_to(mallory)[-1]
    assert len(card.buttons) == 2
    assert w.cloud.deletes_arrived(job) == 0


def test_losing_the_right_between_card_and_click_refuses_the_click(w: World) -> None:
    """The requester is made a guest after the card: no DELETE, the card closes and says why."""
    job, card = w.offered()
    w.slack.users[w.anna].is_restricted = True
    w.clock.add(6)
    w.press(card)
    assert w.cloud.deletes_arrived(job) == 0
    assert "Guests" in w.said_to(w.anna)[-1]
    assert card.buttons == []


def test_a_failed_look_up_at_the_click_leaves_the_card_waiting(w: World) -> None:
    """users.info hangs or fails at the click: no, in words; the next click works."""
    job, card = w.offered()
    w.clock.add(6)
    w.slack.faults.add("users.info", "error", error="ratelimited")
    w.press(card)
    assert "could not say* who you are" in w.said_to(w.anna)[-1]
    w.press(card)
    assert w.cloud.deletes_arrived(job) == 1


@pytest.mark.parametrize(
    "value", ["0000000000000000", "", "../../etc/passwd", "'; drop table deletions; --", "9" * 2000]
)
def test_forged_and_stale_button_values_are_answered_and_delete_nothing(w: World, value: str) -> None:
    """A value is only a pointer: one that the ledger does not know is answered, and nothing happens."""
    job, card = w.offered()
    w.press(card, value=value, force=True)
    assert "does not know this deletion" in w.said_to(w.anna)[-1]
    assert len(card.buttons) == 2
    assert w.cloud.deletes_arrived(job) == 0


def test_a_button_of_another_version_is_answered(w: World) -> None:
    """An action id that this version does not know gets an answer, not silence."""
    card = w.card(w.cloud.add_job(state="TRAIN_FAILED"))
    w.press(card, "dh_of_next_year", force=True)
    assert "another version" in w.said_to(w.anna)[-1]


def test_a_card_of_another_project_is_answered(w: World) -> None:
    """The bot was pointed at another project: old cards are answered and delete nothing there."""
    job, card = w.offered()
    w.stop_bot()
    w.run_bot(METASTUDIO_PROJECT_ID="f" * 32)
    w.press(card)
    assert "another project" in w.said_to(w.anna)[-1]
    assert w.cloud.deletes_arrived(job) == 0
    w.stop_bot()
    w.run_bot(METASTUDIO_PROJECT_ID=w.cloud.project_id)
