"""Who somebody is and what a conversation is: from Slack's objects, cached for a short time, no on every failure."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http.client import IncompleteRead
from typing import Any

import pytest
from slack_sdk.errors import SlackApiError, SlackRequestError
from slack_sdk.web import SlackResponse

from bot import people
from bot.model import Actor, LookupFailed, Person, Place, PlaceKind
from bot.people import Cache, SlackPeople, as_person, as_place

ANNA = Actor("UANNA", "T1")


class HeldClock:
    """A clock that stands still until the test moves it."""

    def __init__(self) -> None:
        self.time = datetime(2026, 11, 22, 3, 12, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time

    def sleep(self, seconds: float) -> None:
        raise AssertionError("nothing should wait here")

    def advance(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> HeldClock:
    return HeldClock()


def answer(data: Any, status: int = 200) -> SlackResponse:
    return SlackResponse(
        client=None, http_verb="POST", api_url="x", req_args={}, data=data, headers={}, status_code=status
    )


def api_error(data: Any, status: int = 200) -> SlackApiError:
    return SlackApiError("refused", answer(data, status))


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
        (MEMBER, PlaceKind.CHANNEL, True, False),
        ({**MEMBER, "is_channel": True}, PlaceKind.CHANNEL, True, False),
        ({**MEMBER, "is_private": True, "is_group": True}, PlaceKind.CHANNEL, True, False),
        ({**MEMBER, "is_member": False}, PlaceKind.CHANNEL, False, False),
        ({"id": "C1"}, PlaceKind.CHANNEL, False, False),  # absent: posting may fail, so no
        ({**MEMBER, "is_member": None}, PlaceKind.CHANNEL, False, False),
        ({**MEMBER, "is_archived": True}, PlaceKind.CHANNEL, True, True),
        ({**MEMBER, "is_archived": False}, PlaceKind.CHANNEL, True, False),
        ({**MEMBER, "is_im": True}, PlaceKind.DIRECT, True, False),
        ({**MEMBER, "is_mpim": True}, PlaceKind.GROUP_DIRECT, True, False),
        ({**MEMBER, "is_ext_shared": True}, PlaceKind.EXTERNAL, True, False),
        ({**MEMBER, "is_pending_ext_shared": True}, PlaceKind.EXTERNAL, True, False),
        ({**MEMBER, "is_shared": True}, PlaceKind.CHANNEL, True, False),  # within one organisation
        ({**MEMBER, "is_org_shared": True, "is_shared": True}, PlaceKind.CHANNEL, True, False),
        ({**MEMBER, "is_ext_shared": True, "is_archived": True}, PlaceKind.EXTERNAL, True, True),
        ({**MEMBER, "is_im": True, "is_ext_shared": True}, PlaceKind.DIRECT, True, False),
        ({**MEMBER, "is_mpim": True, "is_ext_shared": True}, PlaceKind.GROUP_DIRECT, True, False),
        ({**MEMBER, "is_im": False, "is_mpim": False, "is_ext_shared": False}, PlaceKind.CHANNEL, True, False),
    ],
)
def test_what_a_conversation_object_says(
    found: dict[str, Any], kind: PlaceKind, *, is_member: bool, is_archived: bool
) -> None:
    """Direct, group, shared with another company, or a channel; membership and archive as stated."""
    assert as_place("C1", found) == Place("C1", kind, is_member=is_member, is_archived=is_archived)


# -- the cache -----------------------------------------------------------------------------------------------------


class Asked:
    """A look-up that counts how often it is asked, and answers with the count."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> str | LookupFailed:
        self.times += 1
        return f"answer {self.times}"


@pytest.mark.parametrize(
    ("age", "fresh", "asked_again"),
    [
        (0, False, False),
        (0, True, False),
        (5, True, False),
        (5.000001, True, True),
        (5.000001, False, False),
        (60, False, False),
        (60, True, True),
        (60.000001, False, True),
        (3600, False, True),
        (-3600, False, False),  # a clock that is set back does not make an answer older
    ],
)
def test_how_old_an_answer_may_be(clock: HeldClock, age: float, *, fresh: bool, asked_again: bool) -> None:
    """A minute at the command, five seconds at a click; both bounds are exact."""
    cache, ask = Cache[str](clock), Asked()
    assert cache.get("k", ask, fresh=False) == "answer 1"
    clock.advance(age)
    assert cache.get("k", ask, fresh=fresh) == ("answer 2" if asked_again else "answer 1")
    assert ask.times == 1 + asked_again


def test_a_fresh_answer_serves_the_next_command_too(clock: HeldClock) -> None:
    """What a click asked anew is young again for everybody."""
    cache, ask = Cache[str](clock), Asked()
    cache.get("k", ask, fresh=False)
    clock.advance(50)
    assert cache.get("k", ask, fresh=True) == "answer 2"
    clock.advance(60)
    assert cache.get("k", ask, fresh=False) == "answer 2"


def test_each_key_has_its_own_answer(clock: HeldClock) -> None:
    """Nobody is taken for somebody else."""
    cache = Cache[str](clock)
    assert cache.get("a", lambda: "of a", fresh=False) == "of a"
    assert cache.get("b", lambda: "of b", fresh=False) == "of b"
    assert cache.get("a", lambda: "never", fresh=True) == "of a"


def test_a_failure_is_not_kept_and_does_not_wipe_out_what_was_known(clock: HeldClock) -> None:
    """The next one asks again; an answer that is still young enough for a command goes on counting."""
    cache = Cache[str](clock)
    failed = LookupFailed("ratelimited")
    assert cache.get("k", lambda: failed, fresh=False) is failed
    assert cache.get("k", lambda: "yes", fresh=False) == "yes"
    clock.advance(30)
    assert cache.get("k", lambda: failed, fresh=True) is failed
    assert cache.get("k", lambda: "never asked", fresh=False) == "yes"


def test_a_look_up_that_raises_lets_the_next_one_in(clock: HeldClock) -> None:
    """A bug in one look-up must not lock the person out for ever."""
    cache = Cache[str](clock)

    def broken() -> str | LookupFailed:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        cache.get("k", broken, fresh=False)
    assert cache.get("k", lambda: "yes", fresh=False) == "yes"


def test_the_cache_is_bounded(clock: HeldClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many keys do not grow it for ever; what is dropped is asked again."""
    monkeypatch.setattr(people, "MOST_KEPT", 3)
    cache, ask = Cache[str](clock), Asked()
    for number in range(10):
        cache.get(str(number), ask, fresh=False)
        assert len(cache._entries) <= 3
    assert ask.times == 10


class CountedLock:
    """A lock that says when somebody has come to it, before they wait."""

    arrived = threading.Semaphore(0)

    def __init__(self) -> None:
        self._lock = threading.RLock()

    def __enter__(self) -> None:
        self.arrived.release()
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


def crowd(cache: Cache[str], ask: Callable[[], str | LookupFailed], size: int) -> tuple[list[threading.Thread], list]:
    """Threads that all ask for the same thing."""
    answers: list[str | LookupFailed] = []
    threads = [
        threading.Thread(target=lambda: answers.append(cache.get("k", ask, fresh=True)), daemon=True)
        for _ in range(size)
    ]
    for thread in threads:
        thread.start()
    return threads, answers


@pytest.mark.parametrize("first_fails", [False, True])
def test_a_crowd_costs_one_look_up_at_a_time(
    clock: HeldClock, monkeypatch: pytest.MonkeyPatch, *, first_fails: bool
) -> None:
    """Whoever comes while a look-up runs waits for it; a failed one is repeated once, not by everybody at once."""
    monkeypatch.setattr(CountedLock, "arrived", threading.Semaphore(0))
    cache = Cache[str](clock)
    cache._entries["k"] = people._Entry(CountedLock())  # type: ignore[arg-type]
    release = threading.Event()
    running, most, asked = 0, 0, 0

    def ask() -> str | LookupFailed:
        nonlocal running, most, asked
        running, asked = running + 1, asked + 1
        most = max(most, running)
        assert release.wait(10)
        running -= 1
        return LookupFailed("timeout") if first_fails and asked == 1 else "yes"

    threads, answers = crowd(cache, ask, 8)
    assert all(CountedLock.arrived.acquire(timeout=10) for _ in threads)
    release.set()
    for thread in threads:
        thread.join(10)
    assert most == 1
    assert asked == (2 if first_fails else 1)
    failures = [LookupFailed("timeout")] * first_fails
    assert sorted(answers, key=str) == sorted([*failures, *["yes"] * (8 - first_fails)], key=str)


def test_a_slow_look_up_holds_up_nobody_elses(clock: HeldClock) -> None:
    """One person's slow look-up does not block another's."""
    cache = Cache[str](clock)
    asking, release = threading.Event(), threading.Event()

    def slow() -> str | LookupFailed:
        asking.set()
        assert release.wait(10)
        return "slow"

    threads, answers = crowd(cache, slow, 1)
    assert asking.wait(10)
    assert cache.get("other", lambda: "quick", fresh=True) == "quick"
    release.set()
    threads[0].join(10)
    assert answers == ["slow"]


# -- asking Slack --------------------------------------------------------------------------------------------------


class Web:
    """The two methods of WebClient that are asked, answering what the test says."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.calls: list[tuple[str, dict[str, str]]] = []

    def _answer(self, method: str, arguments: dict[str, str]) -> Any:
        self.calls.append((method, arguments))
        found = self.answers.pop(0)
        if isinstance(found, BaseException):
            raise found
        return found

    def users_info(self, **arguments: str) -> Any:
        return self._answer("users_info", arguments)

    def conversations_info(self, **arguments: str) -> Any:
        return self._answer("conversations_info", arguments)


def slack_people(web: Web, clock: HeldClock, enterprise: str | None = None) -> SlackPeople:
    return SlackPeople(web, "T1", enterprise, clock)  # type: ignore[arg-type]


def test_a_person_is_asked_of_slack_and_kept(clock: HeldClock) -> None:
    """One users.info per person and minute."""
    web = Web(answer({"ok": True, "user": OWN}))
    asked = slack_people(web, clock)
    assert asked.person(ANNA) == asked.person(ANNA, fresh=True) == Person(ANNA, frozenset({"UANNA"}), is_own=True)
    assert web.calls == [("users_info", {"user": "UANNA"})]


def test_a_place_is_asked_of_slack_and_kept(clock: HeldClock) -> None:
    """One conversations.info per channel and minute; a click asks again after five seconds."""
    found = answer({"ok": True, "channel": MEMBER})
    web = Web(found, found)
    asked = slack_people(web, clock)
    assert asked.place("C1") == asked.place("C1", fresh=True) == Place("C1", PlaceKind.CHANNEL)
    clock.advance(6)
    asked.place("C1")
    assert web.calls == [("conversations_info", {"channel": "C1"})]
    asked.place("C1", fresh=True)
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
    web = Web(answer({"ok": True, "user": {"id": "UANNA", "team_id": "T2"}}))
    found = slack_people(web, clock, enterprise).person(Actor("UANNA", team))
    assert isinstance(found, Person)
    assert not found.is_own
    assert len(web.calls) == 1


def test_the_same_user_id_of_two_teams_is_kept_apart(clock: HeldClock) -> None:
    """The team belongs to the key of what is kept."""
    web = Web(answer({"ok": True, "user": OWN}), answer({"ok": True, "user": {**OWN, "deleted": True}}))
    asked = slack_people(web, clock, "E1")
    asked.person(ANNA)
    other = asked.person(Actor("UANNA", "T2"))
    assert isinstance(other, Person)
    assert other.is_deactivated


@pytest.mark.parametrize("channel", ["D1", "D0123456789"])
def test_a_direct_message_needs_no_look_up(clock: HeldClock, channel: str) -> None:
    """Its id says what it is."""
    web = Web()
    assert slack_people(web, clock).place(channel) == Place(channel, PlaceKind.DIRECT)
    assert web.calls == []


def test_no_channel_is_no_place(clock: HeldClock) -> None:
    """A payload without a channel cannot be checked, so it is refused."""
    assert slack_people(Web(), clock).place("") == LookupFailed("no_channel")


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
    assert slack_people(Web(answer(data)), clock).person(ANNA) == LookupFailed(why)


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
    assert slack_people(Web(answer(data)), clock).place("C1") == LookupFailed(why)


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (api_error({"ok": False, "error": "user_not_found"}), "user_not_found"),
        (api_error({"ok": False, "error": "ratelimited"}, 429), "ratelimited"),
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
    web = Web(error, answer({"ok": True, "user": OWN}))
    asked = slack_people(web, clock)
    assert asked.person(ANNA) == LookupFailed(why)
    assert isinstance(asked.person(ANNA), Person)
    assert slack_people(Web(error), clock).place("C1") == LookupFailed(why)
