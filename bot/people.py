"""Who an actor is and what a conversation is, asked from Slack, cached for a short time; every failure means no.

An answer may be a minute old at the command and five seconds at the click. One look-up of the same thing runs at a
time, so a crowd at a button costs one call.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from bot.model import Actor, LookupFailed, Person, Place, PlaceKind
from bot.ports import Clock
from bot.slack_errors import CUT_OFF, error_code

KEPT = timedelta(seconds=60)
FRESH = timedelta(seconds=5)
MOST_KEPT = 2000

T = TypeVar("T")


@dataclass(slots=True)
class _Entry(Generic[T]):
    lock: threading.Lock
    value: T | None = None
    at: datetime | None = None


class Cache(Generic[T]):
    """Answers by key, each asked by one thread at a time. Failures are not kept: the next one asks again."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._entries: dict[str, _Entry[T]] = {}
        self._lock = threading.Lock()

    def get(self, key: str, ask: Callable[[], T | LookupFailed], *, fresh: bool) -> T | LookupFailed:
        """The kept answer if it is young enough, else what ``ask`` says now."""
        with self._lock:
            if len(self._entries) >= MOST_KEPT:
                self._entries.clear()
            entry = self._entries.setdefault(key, _Entry(threading.Lock()))
        with entry.lock:
            oldest = self._clock.now() - (FRESH if fresh else KEPT)
            if entry.value is not None and entry.at is not None and entry.at >= oldest:
                return entry.value
            # The age counts from before the call: that long ago it may already have been decided.
            asked_at = self._clock.now()
            answer = ask()
            if isinstance(answer, LookupFailed):
                return answer
            entry.value, entry.at = answer, asked_at
            return answer


class SlackPeople:
    """The ``People`` port on Slack's Web API (users.info, conversations.info)."""

    def __init__(self, client: WebClient, team: str, enterprise: str | None, clock: Clock) -> None:
        self._client = client
        self._team = team
        self._enterprise = enterprise
        self._persons: Cache[Person] = Cache(clock)
        self._places: Cache[Place] = Cache(clock)

    def person(self, actor: Actor, *, fresh: bool = False) -> Person | LookupFailed:
        """Who this is. Somebody whose payload names another team is foreign without a look-up."""
        if self._is_other_team(actor.team):
            return Person(actor, frozenset({actor.user}), is_own=False)
        return self._persons.get(f"{actor.team}/{actor.user}", lambda: self._ask_person(actor), fresh=fresh)

    def place(self, channel: str, *, fresh: bool = False) -> Place | LookupFailed:
        """What kind of conversation this is. Direct messages are known by their id and need no look-up."""
        if channel.startswith("D"):
            return Place(channel, PlaceKind.DIRECT)
        if not channel:
            return LookupFailed("no_channel")
        return self._places.get(channel, lambda: self._ask_place(channel), fresh=fresh)

    def _is_other_team(self, team: str) -> bool:
        # On Enterprise Grid a colleague of another workspace of the same organisation has another team id, and only
        # users.info can tell; without a Grid, another team is another company.
        return self._enterprise is None and bool(team) and team != self._team

    def _ask_person(self, actor: Actor) -> Person | LookupFailed:
        answer = _ask(self._client.users_info, user=actor.user)
        if isinstance(answer, LookupFailed):
            return answer
        user = answer.get("user")
        if not isinstance(user, Mapping) or user.get("id") != actor.user:
            return LookupFailed("another_user_answered")
        return as_person(actor, user, self._team)

    def _ask_place(self, channel: str) -> Place | LookupFailed:
        answer = _ask(self._client.conversations_info, channel=channel)
        if isinstance(answer, LookupFailed):
            return answer
        found = answer.get("channel")
        if not isinstance(found, Mapping) or found.get("id") != channel:
            return LookupFailed("another_channel_answered")
        return as_place(channel, found)


def as_person(actor: Actor, user: Mapping[str, Any], team: str) -> Person:
    """Slack's user object as ours. An absent field counts as no only where yes would grant nothing.

    On Enterprise Grid ``enterprise_user.id`` is preferred over the root id, so allow-lists hold for both (rulebook
    2.9). ``is_stranger: false`` does not mean internal: our team has to be named (rulebook 2.7).
    """
    found = user.get("enterprise_user")
    grid: Mapping[str, Any] = found if isinstance(found, Mapping) else {}
    teams = grid.get("teams")
    ids = {actor.user} | ({grid["id"]} if isinstance(grid.get("id"), str) else set())
    ours = user.get("team_id") == team or (isinstance(teams, list) and team in teams)
    return Person(
        actor=actor,
        ids=frozenset(ids),
        is_own=ours and user.get("is_stranger") is not True,
        is_deactivated=user.get("deleted") is True,
        # Slackbot says is_bot: false of itself.
        is_bot=user.get("is_bot") is True or user.get("is_workflow_bot") is True or actor.user == "USLACKBOT",
        is_guest=user.get("is_restricted") is True or user.get("is_ultra_restricted") is True,
    )


def as_place(channel: str, found: Mapping[str, Any]) -> Place:
    """Slack's conversation object as ours. ``is_shared`` alone may be one organisation; ``is_ext_shared`` never is."""
    if found.get("is_im"):
        kind = PlaceKind.DIRECT
    elif found.get("is_mpim"):
        kind = PlaceKind.GROUP_DIRECT
    elif found.get("is_ext_shared") or found.get("is_pending_ext_shared"):
        kind = PlaceKind.EXTERNAL
    else:
        kind = PlaceKind.CHANNEL
    # is_member is the bot's own membership, since the bot asks. Absent means that posting may fail: no.
    return Place(channel, kind, is_member=found.get("is_member") is True, is_archived=found.get("is_archived") is True)


def _ask(method: Callable[..., Any], **arguments: str) -> Mapping[str, Any] | LookupFailed:
    try:
        answer = method(**arguments)
    except SlackApiError as error:
        return LookupFailed(error_code(error.response))
    except CUT_OFF as error:
        return LookupFailed(type(error).__name__)
    return answer.data if isinstance(answer.data, dict) else LookupFailed("not_json")
