"""Who somebody is and what a conversation is: from Slack's objects, cached for a short time, no on every failure."""

from __future__ import annotations

from http.client import IncompleteRead
from typing import Any

import pytest
import structlog
from slack_sdk.errors import SlackRequestError
from slack_sdk.web import SlackResponse

from bot.domain.model import Actor, Conversation, ConversationKind, LookupFailed, Person
from bot.domain.policy import Rules
from bot.slack.people import SlackPeople, as_conversation, as_person
from tests.support.clock import HeldClock
from tests.support.slack_web import Web, api_error, response

ANNA = Actor("UANNA", "T1")


@pytest.fixture
def clock() -> HeldClock:
    return HeldClock(may_sleep=False)


# -- a user object -------------------------------------------------------------------------------------------------

OWN = {"id": "UANNA", "team_id": "T1"}
YES: dict[str, Any] = {"is_own": True}
GRID = {"id": "WGRID", "enterprise_id": "E1", "teams": ["T1", "T2"]}

USERS = [
    # what Slack says, and what differs from an ordinary person of another team without flags
    (OWN, YES),
    ({"id": "UANNA"}, {}),
    ({"id": "UANNA", "team_id": "T2"}, {}),
    ({"id": "UANNA", "team_id": None}, {}),
    ({**OWN, "team_id": "t1"}, {}),
    # strangers
    ({**OWN, "is_stranger": True}, {}),
    ({**OWN, "is_stranger": False}, YES),
    ({"id": "UANNA", "team_id": "T2", "is_stranger": False}, {}),
    # flags; absent is no
    ({**OWN, "deleted": True}, {**YES, "is_deactivated": True}),
    ({**OWN, "deleted": False}, YES),
    ({**OWN, "is_bot": True}, {**YES, "is_bot": True}),
    ({**OWN, "is_bot": False}, YES),
    ({**OWN, "is_workflow_bot": True}, {**YES, "is_bot": True}),
    ({**OWN, "is_restricted": True}, {**YES, "is_guest": True}),
    ({**OWN, "is_ultra_restricted": True}, {**YES, "is_guest": True}),
    ({**OWN, "is_restricted": False, "is_ultra_restricted": False}, YES),
    ({**OWN, "is_restricted": True, "is_ultra_restricted": True}, {**YES, "is_guest": True}),
    # Enterprise Grid: both ids count, and one of the organisation's workspaces has to be ours
    ({**OWN, "enterprise_user": GRID}, {**YES, "ids": {"UANNA", "WGRID"}}),
    ({"id": "UANNA", "team_id": "T2", "enterprise_user": GRID}, {**YES, "ids": {"UANNA", "WGRID"}}),
    ({"id": "UANNA", "enterprise_user": GRID}, {**YES, "ids": {"UANNA", "WGRID"}}),
    ({"id": "UANNA", "enterprise_user": {**GRID, "teams": ["T2"]}}, {"ids": {"UANNA", "WGRID"}}),
    ({"id": "UANNA", "enterprise_user": {**GRID, "teams": []}}, {"ids": {"UANNA", "WGRID"}}),
    ({"id": "UANNA", "enterprise_user": {"id": "WGRID"}}, {"ids": {"UANNA", "WGRID"}}),
    ({"id": "UANNA", "enterprise_user": {**GRID, "teams": None}}, {"ids": {"UANNA", "WGRID"}}),
    ({**OWN, "enterprise_user": {}}, YES),
    ({**OWN, "enterprise_user": None}, YES),
    ({**OWN, "enterprise_user": {"id": None, "teams": ["T1"]}}, YES),
    ({**OWN, "enterprise_user": GRID, "is_stranger": True}, {"ids": {"UANNA", "WGRID"}}),
]


@pytest.mark.parametrize(("user", "expected"), USERS)
def test_what_a_user_object_says(user: dict[str, Any], expected: dict[str, Any]) -> None:
    """Own people are named as such; guests, bots, deactivated and strangers are known by their flags."""
    fields: dict[str, Any] = {"is_own": False, "is_deactivated": False, "is_bot": False, "is_guest": False, **expected}
    ids = frozenset(fields.pop("ids", {"UANNA"}))
    assert as_person(ANNA, user, "T1") == Person(ANNA, ids, **fields)


@pytest.mark.parametrize("flag", [{"is_bot": False}, {}])
def test_slackbot_is_a_bot_although_it_says_no(flag: dict[str, bool]) -> None:
    """Slack reports is_bot: false for it."""
    slackbot = Actor("USLACKBOT", "T1")
    assert as_person(slackbot, {"id": "USLACKBOT", "team_id": "T1", **flag}, "T1").is_bot


def test_groups_are_not_read_from_the_user_object() -> None:
    """Whatever it may contain: membership is asked of the groups."""
    assert as_person(ANNA, {**OWN, "groups": ["S1"]}, "T1").groups == frozenset()


# -- a conversation object -----------------------------------------------------------------------------------------

MEMBER = {"id": "C1", "is_member": True}


@pytest.mark.parametrize(
    ("found", "kind", "is_member", "is_archived"),
    [
        (MEMBER, ConversationKind.CHANNEL, True, False),
        ({**MEMBER, "is_channel": True}, ConversationKind.CHANNEL, True, False),
        ({**MEMBER, "is_private": True, "is_group": True}, ConversationKind.CHANNEL, True, False),
        ({**MEMBER, "is_member": False}, ConversationKind.CHANNEL, False, False),
        ({"id": "C1"}, ConversationKind.CHANNEL, False, False),  # absent: posting may fail, so no
        ({**MEMBER, "is_member": None}, ConversationKind.CHANNEL, False, False),
        ({**MEMBER, "is_archived": True}, ConversationKind.CHANNEL, True, True),
        ({**MEMBER, "is_archived": False}, ConversationKind.CHANNEL, True, False),
        ({**MEMBER, "is_im": True}, ConversationKind.DIRECT, True, False),
        ({**MEMBER, "is_mpim": True}, ConversationKind.GROUP_DIRECT, True, False),
        ({**MEMBER, "is_ext_shared": True}, ConversationKind.EXTERNAL, True, False),
        ({**MEMBER, "is_pending_ext_shared": True}, ConversationKind.EXTERNAL, True, False),
        ({**MEMBER, "is_shared": True}, ConversationKind.CHANNEL, True, False),  # within one organisation
        ({**MEMBER, "is_org_shared": True, "is_shared": True}, ConversationKind.CHANNEL, True, False),
        ({**MEMBER, "is_ext_shared": True, "is_archived": True}, ConversationKind.EXTERNAL, True, True),
        ({**MEMBER, "is_im": True, "is_ext_shared": True}, ConversationKind.DIRECT, True, False),
        ({**MEMBER, "is_mpim": True, "is_ext_shared": True}, ConversationKind.GROUP_DIRECT, True, False),
        ({**MEMBER, "is_im": False, "is_mpim": False, "is_ext_shared": False}, ConversationKind.CHANNEL, True, False),
    ],
)
def test_what_a_conversation_object_says(
    found: dict[str, Any], kind: ConversationKind, *, is_member: bool, is_archived: bool
) -> None:
    """Direct, group, shared with another company, or a channel; membership and archive as stated."""
    assert as_conversation("C1", found) == Conversation("C1", kind, is_member=is_member, is_archived=is_archived)


# -- asking Slack --------------------------------------------------------------------------------------------------


LISTED = Rules(users=frozenset({"UANNA"}))


def slack_people(web: Web, clock: HeldClock, enterprise: str | None = None, rules: Rules = LISTED) -> SlackPeople:
    return SlackPeople(web, "T1", enterprise, clock, rules)  # type: ignore[arg-type]


def person_of(found: Person | LookupFailed) -> Person:
    assert isinstance(found, Person)
    return found


def test_a_person_is_asked_of_slack_and_kept(clock: HeldClock) -> None:
    """One users.info per person and minute."""
    web = Web(response({"ok": True, "user": OWN}))
    asked = slack_people(web, clock)
    assert asked.person(ANNA) == asked.person(ANNA, fresh=True) == Person(ANNA, frozenset({"UANNA"}), is_own=True)
    assert web.calls == [("users.info", {"user": "UANNA"})]


def test_a_place_is_asked_of_slack_and_kept(clock: HeldClock) -> None:
    """One conversations.info per channel and minute; a click asks again after five seconds."""
    found = response({"ok": True, "channel": MEMBER})
    web = Web(found, found)
    asked = slack_people(web, clock)
    assert (
        asked.conversation("C1") == asked.conversation("C1", fresh=True) == Conversation("C1", ConversationKind.CHANNEL)
    )
    clock.add(6)
    asked.conversation("C1")
    assert web.calls == [("conversations.info", {"channel": "C1"})]
    asked.conversation("C1", fresh=True)
    assert len(web.calls) == 2


@pytest.mark.parametrize("team", ["T2", "TFOREIGN"])
def test_another_company_is_foreign_without_a_look_up(clock: HeldClock, team: str) -> None:
    """Without a Grid another team is another company, whatever users.info might say."""
    web = Web()
    stranger = Actor("UANNA", team)
    assert slack_people(web, clock).person(stranger) == Person(stranger, frozenset({"UANNA"}), is_own=False)
    assert web.calls == []


@pytest.mark.parametrize(("team", "enterprise"), [("T2", "E1"), ("", None), ("T1", None)])
def test_slack_is_asked_where_the_payload_alone_cannot_tell(
    clock: HeldClock, team: str, enterprise: str | None
) -> None:
    """On a Grid, or where the payload has no team, users.info decides; another team there is still foreign."""
    web = Web(response({"ok": True, "user": {"id": "UANNA", "team_id": "T2"}}))
    assert not person_of(slack_people(web, clock, enterprise).person(Actor("UANNA", team))).is_own
    assert len(web.calls) == 1


def test_the_same_user_id_of_two_teams_is_kept_apart(clock: HeldClock) -> None:
    """The team belongs to the key of what is kept."""
    web = Web(response({"ok": True, "user": OWN}), response({"ok": True, "user": {**OWN, "deleted": True}}))
    asked = slack_people(web, clock, "E1")
    asked.person(ANNA)
    assert person_of(asked.person(Actor("UANNA", "T2"))).is_deactivated


@pytest.mark.parametrize("channel", ["D1", "D0123456789"])
def test_a_direct_message_needs_no_look_up(clock: HeldClock, channel: str) -> None:
    """Its id says what it is."""
    web = Web()
    assert slack_people(web, clock).conversation(channel) == Conversation(channel, ConversationKind.DIRECT)
    assert web.calls == []


def test_no_channel_is_no_place(clock: HeldClock) -> None:
    """A payload without a channel cannot be checked, so it is refused."""
    assert slack_people(Web(), clock).conversation("") == LookupFailed("no_channel")


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ({"ok": True, "user": {**OWN, "id": "UBEN"}}, "another_user_answered"),
        ({"ok": True, "user": {"team_id": "T1"}}, "another_user_answered"),
        ({"ok": True, "user": None}, "another_user_answered"),
        ({"ok": True, "user": "UANNA"}, "another_user_answered"),
        ({"ok": True}, "another_user_answered"),
        (b"PK", "not_json"),
        (None, "not_json"),
    ],
)
def test_an_answer_about_somebody_else_is_no_answer(clock: HeldClock, data: Any, why: str) -> None:
    """Only the person that was asked for counts, in the shape that is documented."""
    assert slack_people(Web(response(data)), clock).person(ANNA) == LookupFailed(why)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ({"ok": True, "channel": {**MEMBER, "id": "C2"}}, "another_channel_answered"),
        ({"ok": True, "channel": None}, "another_channel_answered"),
        ({"ok": True}, "another_channel_answered"),
        (b"PK", "not_json"),
    ],
)
def test_an_answer_about_another_channel_is_no_answer(clock: HeldClock, data: Any, why: str) -> None:
    """Only the channel that was asked for counts."""
    assert slack_people(Web(response(data)), clock).conversation("C1") == LookupFailed(why)


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (api_error({"ok": False, "error": "ratelimited"}), "ratelimited"),
        (api_error({"ok": False, "error": "<html>token xoxb-1</html>"}, 502), "http_502"),
        (api_error({"ok": False, "error": "a" * 65}, 200), "http_200"),
        (api_error({"ok": False, "error": "caf\u00e9"}, 200), "http_200"),
        (api_error({"ok": False, "error": ""}, 200), "http_200"),
        (api_error({"ok": False, "error": ["a"]}, 200), "http_200"),
        (api_error({"ok": False}, 500), "http_500"),
        (api_error("<html>", 504), "http_504"),
        (SlackRequestError("secret"), "SlackRequestError"),
        (TimeoutError("secret"), "TimeoutError"),
        (ConnectionResetError("secret"), "ConnectionResetError"),
        (IncompleteRead(b"secret"), "IncompleteRead"),
        (ValueError("secret"), "ValueError"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_every_failure_means_no_and_is_asked_again(clock: HeldClock, error: Exception, why: str) -> None:
    """Slack's own code or our word for it, never a body or a message; the next look-up is made afresh."""
    web = Web(error, response({"ok": True, "user": OWN}))
    asked = slack_people(web, clock)
    assert asked.person(ANNA) == LookupFailed(why)
    assert isinstance(asked.person(ANNA), Person)
    assert slack_people(Web(error), clock).conversation("C1") == LookupFailed(why)


def test_a_place_that_could_not_be_looked_up_is_asked_about_again_after_five_seconds(clock: HeldClock) -> None:
    """However often somebody clicks meanwhile: conversations.info is for everybody together."""
    web = Web(TimeoutError(), response({"ok": True, "channel": MEMBER}))
    asked = slack_people(web, clock)
    for _ in range(20):
        assert asked.conversation("C1") == LookupFailed("TimeoutError")
    assert len(web.calls) == 1
    clock.add(5.1)
    assert isinstance(asked.conversation("C1"), Conversation)


def test_somebody_who_may_act_may_press_again_at_once_after_a_failed_look_up(clock: HeldClock) -> None:
    """Their click is looked up fresh, so a failure is not kept for it."""
    web = Web(TimeoutError(), response({"ok": True, "channel": MEMBER}))
    asked = slack_people(web, clock)
    assert asked.conversation("C1") == LookupFailed("TimeoutError")
    assert isinstance(asked.conversation("C1", fresh=True), Conversation)


@pytest.mark.parametrize("code", ["user_not_found", "user_not_visible"])
def test_somebody_whom_slack_does_not_show_is_asked_about_once_a_minute(clock: HeldClock, code: str) -> None:
    """That is an answer: whoever gets it may press as often as they like."""
    web = Web(api_error({"ok": False, "error": code}), response({"ok": True, "user": OWN}))
    asked = slack_people(web, clock, rules=Rules())
    for _ in range(5):
        assert asked.person(ANNA, fresh=True) == LookupFailed(code)
    clock.add(60)
    assert asked.person(ANNA) == LookupFailed(code)
    clock.add(0.000001)
    assert isinstance(asked.person(ANNA), Person)


def test_a_strangers_failed_look_up_is_not_repeated_at_once(clock: HeldClock) -> None:
    """Twelve a minute at most, however often they press; for listed people it is asked again each time."""
    web = Web(TimeoutError(), response({"ok": True, "user": OWN}))
    asked = slack_people(web, clock, rules=Rules())
    for _ in range(5):
        assert asked.person(ANNA, fresh=True) == LookupFailed("TimeoutError")
    clock.add(5)
    assert asked.person(ANNA) == LookupFailed("TimeoutError")
    clock.add(0.000001)
    assert isinstance(asked.person(ANNA), Person)


# -- how often -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("flags", "asked_again"),
    [({}, True), ({"is_restricted": True}, False), ({"deleted": True}, False), ({"is_bot": True}, False)],
)
def test_a_yes_is_asked_again_at_a_click_and_a_no_stands(
    clock: HeldClock, flags: dict[str, bool], *, asked_again: bool
) -> None:
    """Whoever may do nothing costs one users.info a minute, however often they press; a right is asked for anew."""
    web = Web(*[response({"ok": True, "user": {**OWN, **flags}})] * 2)
    asked = slack_people(web, clock)
    asked.person(ANNA)
    clock.add(6)
    asked.person(ANNA, fresh=True)
    assert len(web.calls) == 1 + asked_again


def test_losing_an_account_s_rights_is_seen_at_the_click(clock: HeldClock) -> None:
    """Five seconds after the command a guest is seen to be one."""
    web = Web(response({"ok": True, "user": OWN}), response({"ok": True, "user": {**OWN, "is_restricted": True}}))
    asked = slack_people(web, clock)
    asked.person(ANNA)
    clock.add(5.000001)
    assert person_of(asked.person(ANNA, fresh=True)).is_guest


@pytest.mark.parametrize(
    ("found", "asked_again"),
    [
        (MEMBER, False),
        ({**MEMBER, "is_ext_shared": True}, False),
        ({"id": "C1"}, True),
        ({**MEMBER, "is_archived": True}, True),
    ],
)
def test_a_channel_that_a_person_can_mend_is_asked_about_again(
    clock: HeldClock, found: dict[str, Any], *, asked_again: bool
) -> None:
    """Who is told to invite the bot, or to unarchive the channel, need not wait a minute before that works."""
    web = Web(*[response({"ok": True, "channel": found})] * 2)
    asked = slack_people(web, clock)
    asked.conversation("C1")
    clock.add(6)
    asked.conversation("C1")
    assert len(web.calls) == 1 + asked_again


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [({"Retry-After": "7"}, 7), ({"retry-after": ["7"]}, 7), ({}, 30), ({"Retry-After": "x"}, 30)],
)
def test_a_throttled_method_is_left_alone_as_long_as_slack_asks(
    clock: HeldClock, headers: dict[str, Any], seconds: float
) -> None:
    """Nobody's look-up is made meanwhile, and the other methods go on."""
    throttled = api_error({"ok": False, "error": "ratelimited"}, 429)
    throttled.response.headers = headers
    web = Web(throttled, response({"ok": True, "channel": MEMBER}), response({"ok": True, "user": OWN}))
    asked = slack_people(web, clock)
    assert asked.person(ANNA) == LookupFailed("ratelimited")
    assert asked.person(Actor("UBEN", "T1")) == LookupFailed("ratelimited")
    assert isinstance(asked.conversation("C1"), Conversation)
    clock.add(seconds - 0.000001)
    assert asked.person(ANNA) == LookupFailed("ratelimited")
    assert len(web.calls) == 2
    clock.add(0.000001)
    assert isinstance(asked.person(ANNA), Person)


# -- user groups ---------------------------------------------------------------------------------------------------

IN_GROUPS = Rules(users=frozenset({"ULISTED"}), groups=frozenset({"S1", "S2"}))


def user(**more: Any) -> SlackResponse:
    return response({"ok": True, "user": {**OWN, **more}})


def members(*users: Any) -> SlackResponse:
    return response({"ok": True, "users": list(users)})


@pytest.mark.parametrize(
    ("first", "second", "groups", "asked"),
    [
        (["UANNA"], None, {"S1"}, ["UANNA", "S1"]),  # the second one makes no difference
        (["UBEN"], ["UANNA"], {"S2"}, ["UANNA", "S1", "S2"]),
        ([], [], set(), ["UANNA", "S1", "S2"]),
        (["WGRID"], None, {"S1"}, ["UANNA", "S1"]),  # a group may name either id of a Grid
        (["uanna", 7, None], ["UANNA "], set(), ["UANNA", "S1", "S2"]),
    ],
)
def test_members_of_a_listed_group_are_found(
    clock: HeldClock, first: list[Any], second: list[Any] | None, groups: set[str], asked: list[str]
) -> None:
    """Group by group, until one has this person by one of their ids."""
    web = Web(user(enterprise_user=GRID), members(*first), members(*second or ()))
    found = person_of(slack_people(web, clock, "E1", IN_GROUPS).person(ANNA))
    assert (found.groups, found.groups_unknown) == (groups, None)
    assert web.asked == asked


@pytest.mark.parametrize(
    "who",
    [
        {"id": "ULISTED"},
        {"id": "UANNA", "enterprise_user": {**GRID, "id": "ULISTED"}},
        {"id": "UANNA", "is_restricted": True},
        {"id": "UANNA", "is_bot": True},
        {"id": "UANNA", "deleted": True},
        {"id": "UANNA", "is_stranger": True},
    ],
)
def test_neither_the_listed_nor_the_barred_take_a_group_look_up(clock: HeldClock, who: dict[str, Any]) -> None:
    """Listed users go on working while user groups cannot be read, and whoever may never delete costs no look-up."""
    web = Web(user(**who))
    found = person_of(slack_people(web, clock, "E1", IN_GROUPS).person(Actor(who["id"], "T1"), fresh=True))
    assert found.groups == frozenset()
    assert web.asked == [who["id"]]


ONE_GROUP = Rules(groups=frozenset({"S1"}))


@pytest.mark.parametrize(
    ("is_member", "age", "fresh", "asked_again"),
    [
        (False, 6, True, False),  # a no stands for a minute
        (False, 60, True, False),
        (False, 60.000001, True, True),
        (False, 60.000001, False, True),
        (True, 5, True, False),
        (True, 5.000001, True, True),  # a yes is asked again at a click
        (True, 60, False, False),
        (True, 60.000001, False, True),
    ],
)
def test_how_long_a_group_s_answer_stands(
    clock: HeldClock, age: float, *, is_member: bool, fresh: bool, asked_again: bool
) -> None:
    """A minute; but at a click a yes is at most five seconds old."""
    group = members(*["UANNA"] * is_member)
    web = Web(user(), group, *[user(), group] * 2)
    asked = slack_people(web, clock, rules=ONE_GROUP)
    asked.person(ANNA)
    clock.add(age)
    web.answers = [group, user()] if age <= 60 else [user(), group]
    asked.person(ANNA, fresh=fresh)
    assert web.asked.count("S1") == 1 + asked_again


def test_leaving_the_group_is_seen_at_the_click(clock: HeldClock) -> None:
    """The yes of the command is asked again, and is no more."""
    web = Web(user(), members("UANNA"), members())
    asked = slack_people(web, clock, rules=ONE_GROUP)
    assert asked.person(ANNA) == Person(ANNA, frozenset({"UANNA"}), is_own=True, groups=frozenset({"S1"}))
    clock.add(6)
    assert asked.person(ANNA, fresh=True) == Person(ANNA, frozenset({"UANNA"}), is_own=True)


def test_a_strangers_hammering_costs_one_look_up_of_each_kind(clock: HeldClock) -> None:
    """A hundred clicks in a minute: one users.info, and one look into each group."""
    web = Web(user(), members("UBEN"), members("UBEN"))
    asked = slack_people(web, clock, rules=IN_GROUPS)
    for _ in range(100):
        asked.person(ANNA, fresh=True)
        clock.add(0.5)
    assert web.asked == ["UANNA", "S1", "S2"]


def test_one_look_into_a_group_serves_everybody(clock: HeldClock) -> None:
    """What a group's look-up says holds for all who ask in that minute."""
    web = Web(user(), members("UBEN"), user(id="UBEN"), user(id="UCARL"))
    asked = slack_people(web, clock, rules=ONE_GROUP)
    found = [person_of(asked.person(Actor(name, "T1"))) for name in ("UANNA", "UBEN", "UCARL")]
    assert [one.groups for one in found] == [set(), {"S1"}, set()]
    assert web.asked.count("S1") == 1


@pytest.mark.parametrize(
    ("failure", "why", "kept"),
    [
        (api_error({"ok": False, "error": "fatal_error"}), "fatal_error", 10),
        (api_error({"ok": False, "error": "missing_scope"}), "missing_scope", 60),
        (api_error({"ok": False, "error": "plan_upgrade_required"}), "plan_upgrade_required", 60),
        (TimeoutError("secret"), "TimeoutError", 10),
        (response({"ok": True}), "no_users", 10),
        (response({"ok": True, "users": "UANNA"}), "no_users", 10),
        (response(b"PK"), "not_json", 10),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_group_look_up_that_fails_means_not_known(clock: HeldClock, failure: Any, why: str, kept: float) -> None:
    """No, with the reason; not repeated for a while, since few such look-ups are allowed; the log has the group."""
    web = Web(user(), failure, members("UANNA"))
    asked = slack_people(web, clock, rules=ONE_GROUP)
    with structlog.testing.capture_logs() as logged:
        for _ in range(5):
            found = person_of(asked.person(ANNA, fresh=True))
            assert (found.groups, found.groups_unknown) == (frozenset(), why)
    assert [(line["event"], line["group"], line["why"]) for line in logged] == [("group_look_up_failed", "S1", why)]
    clock.add(kept)
    web.answers.insert(0, user())
    asked.person(ANNA)
    assert web.asked.count("S1") == 1
    clock.add(0.000001)
    web.answers = [user(), members("UANNA")] if kept == 60 else [members("UANNA"), user()]
    found = person_of(asked.person(ANNA))
    assert (found.groups, found.groups_unknown) == ({"S1"}, None)


def test_a_group_that_is_gone_has_no_members(clock: HeldClock) -> None:
    """Disabled or deleted: nobody is in it, which is an answer; the log says which group."""
    web = Web(user(), api_error({"ok": False, "error": "no_such_subteam"}))
    with structlog.testing.capture_logs() as logged:
        found = slack_people(web, clock, rules=ONE_GROUP).person(ANNA)
    assert found == Person(ANNA, frozenset({"UANNA"}), is_own=True)
    assert [(line["group"], line["why"]) for line in logged] == [("S1", "no_such_subteam")]


def test_one_group_that_cannot_be_asked_does_not_hide_another(clock: HeldClock) -> None:
    """Whoever is in a group that could be read is allowed; for everybody else it is not known."""
    web = Web(user(), TimeoutError(), members("UANNA"), user(id="UBEN"))
    asked = slack_people(web, clock, rules=IN_GROUPS)
    anna, ben = person_of(asked.person(ANNA)), person_of(asked.person(Actor("UBEN", "T1")))
    assert (anna.groups, anna.groups_unknown) == ({"S2"}, None)
    assert (ben.groups, ben.groups_unknown) == (frozenset(), "TimeoutError")


def test_who_may_only_freeze_is_asked_about_anew_too(clock: HeldClock) -> None:
    """FREEZE_BY is a right like the others: at a click it is at most five seconds old."""
    web = Web(user(), user(is_restricted=True))
    asked = slack_people(web, clock, rules=Rules(freeze_by=frozenset({"UANNA"})))
    asked.person(ANNA)
    clock.add(6)
    assert person_of(asked.person(ANNA, fresh=True)).is_guest
