"""Look-ups of people and conversations in Slack, cached for a short time. Every failed look-up means no.

Cached for 60 s. At a click a cached *yes* must be at most 5 s old. A cached *no* is reused for its 60 s, so an
unauthorized user who keeps clicking causes no look-ups.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from functools import partial
from http import HTTPStatus
from typing import Any

import structlog
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from bot.domain import policy
from bot.domain.age import Moment, age, oldest
from bot.domain.model import Actor, Conversation, ConversationKind, LookupFailed, Person
from bot.domain.policy import Rules
from bot.domain.ports import Clock
from bot.slack.cache import Cache, Known
from bot.slack.errors import CUT_OFF, MISSING_SCOPE, Troubles, error_code, retry_after

log = structlog.get_logger(__name__)

KEPT = timedelta(seconds=60)
FRESH = timedelta(seconds=5)
GROUP_FAILURE_KEPT = timedelta(seconds=10)
"""Slack allows the whole bot some 20 calls of usergroups.users.list a minute (rulebook 5.1)."""
NOT_KEPT = timedelta(0)

NO_SUCH_PERSON = frozenset({"user_not_found", "user_not_visible"})
NO_ACCESS_TO_GROUPS = frozenset({"missing_scope", "plan_upgrade_required"})
"""Failures that count as answers: a retry would give the same."""


class SlackPeople:
    """The ``People`` port on Slack's Web API (users.info, usergroups.users.list, conversations.info).

    ``rules`` list the people, who need no group look-up, and the groups to look up.
    """

    def __init__(self, client: WebClient, team: str, enterprise: str | None, clock: Clock, rules: Rules) -> None:
        self._client = client
        self._team = team
        self._enterprise = enterprise
        self._clock = clock
        self._rules = rules
        self._persons: Cache[Person] = Cache(clock)
        self._groups: Cache[frozenset[str]] = Cache(clock)
        self._conversations: Cache[Conversation] = Cache(clock)
        self._troubles = Troubles()
        self._paused: dict[str, float] = {}
        """Until when Slack rate-limits each method, by the monotonic clock."""

    def person(self, actor: Actor, *, fresh: bool = False, since: Moment | None = None) -> Person | LookupFailed:
        """The person, with the group that authorizes them if they need one.

        A fresh *yes* was asked for at most five seconds ago, and after ``since`` if that is given. A user whose payload
        names another team is foreign without a look-up.
        """
        if self._is_other_team(actor.team):
            return Person(actor, frozenset({actor.user}), is_own=False)
        yes = self._oldest_yes(since) if fresh else KEPT
        known = self._person(actor, KEPT)
        if isinstance(known, LookupFailed):
            return known
        person, group_asked = self._with_groups(known.value, yes)
        if fresh and self._may_anything(person):
            known = self._person(actor, yes)
            if isinstance(known, LookupFailed):
                return known
        asked = known.asked if group_asked is None else oldest(known.asked, group_asked)
        return replace(known.value, groups=person.groups, groups_unknown=person.groups_unknown, asked=asked)

    def conversation(
        self, channel: str, *, fresh: bool = False, since: Moment | None = None
    ) -> Conversation | LookupFailed:
        """The conversation and its kind. Direct messages are recognized by their id, without a look-up."""
        if channel.startswith("D"):
            return Conversation(channel, ConversationKind.DIRECT)
        if not channel:
            return LookupFailed("no_channel")
        yes = self._oldest_yes(since) if fresh else KEPT

        def keep(found: Conversation | LookupFailed) -> timedelta:
            if isinstance(found, LookupFailed):
                # Not cached at a click: an authorized user may press again at once. Cached for 5 s otherwise, so that
                # a stranger who keeps trying while look-ups fail does not use up the rate limit.
                return NOT_KEPT if fresh else FRESH
            # The user is asked to invite the bot, does so and tries again.
            return min(yes, FRESH) if found.is_archived or not found.is_member else yes

        known = self._conversations.get(channel, partial(self._ask_conversation, channel), keep)
        return known if isinstance(known, LookupFailed) else replace(known.value, asked=known.asked)

    def _oldest_yes(self, since: Moment | None) -> timedelta:
        """Maximum age of a *yes* at a click. It must have been asked for after ``since``, if that is given."""
        return FRESH if since is None else min(FRESH, age(since, self._clock))

    def _person(self, actor: Actor, oldest_yes: timedelta) -> Known[Person] | LookupFailed:
        def keep(found: Person | LookupFailed) -> timedelta:
            if not isinstance(found, LookupFailed):
                return oldest_yes
            if actor.user in self._rules.users:
                return NOT_KEPT
            # A stranger who keeps clicking while look-ups fail must not use up the rate limit.
            return KEPT if found.why in NO_SUCH_PERSON else FRESH

        return self._persons.get(f"{actor.team}/{actor.user}", partial(self._ask_person, actor), keep)

    def _may_anything(self, person: Person) -> bool:
        return policy.may_operate(person, self._rules) is None or policy.may_freeze(person, self._rules) is None

    def _with_groups(self, person: Person, oldest_yes: timedelta) -> tuple[Person, Moment | None]:
        """The person with the first of the groups that has them as a member, and when that group was looked up.

        One group is enough, so the others are not looked up then.
        """
        if policy.is_barred(person) or person.ids & self._rules.users:
            return person, None

        def keep(members: frozenset[str] | LookupFailed) -> timedelta:
            if isinstance(members, LookupFailed):
                return KEPT if members.why in NO_ACCESS_TO_GROUPS else GROUP_FAILURE_KEPT
            return oldest_yes if members & person.ids else KEPT

        unknown: str | None = None
        for group in sorted(self._rules.groups):
            members = self._groups.get(group, partial(self._ask_group, group), keep)
            if isinstance(members, LookupFailed):
                unknown = unknown or members.why
            elif members.value & person.ids:
                return replace(person, groups=frozenset({group})), members.asked
        return replace(person, groups_unknown=unknown), None

    def _is_other_team(self, team: str) -> bool:
        # On Enterprise Grid a colleague in another workspace has another team id, and only users.info shows that they
        # belong to the same organisation. Without a Grid, another team is another company.
        return self._enterprise is None and bool(team) and team != self._team

    def _ask_person(self, actor: Actor) -> Person | LookupFailed:
        answer = self._ask("users.info", self._client.users_info, user=actor.user)
        if isinstance(answer, LookupFailed):
            return answer
        user = answer.get("user")
        if not isinstance(user, Mapping) or user.get("id") != actor.user:
            return LookupFailed("another_user_answered")
        return as_person(actor, user, self._team)

    def _ask_conversation(self, channel: str) -> Conversation | LookupFailed:
        answer = self._ask("conversations.info", self._client.conversations_info, channel=channel)
        if isinstance(answer, LookupFailed):
            return answer
        found = answer.get("channel")
        if not isinstance(found, Mapping) or found.get("id") != channel:
            return LookupFailed("another_channel_answered")
        return as_conversation(channel, found)

    def _ask_group(self, group: str) -> frozenset[str] | LookupFailed:
        answer = self._ask("usergroups.users.list", self._client.usergroups_users_list, usergroup=group)
        if not isinstance(answer, LookupFailed):
            found = answer.get("users")
            if isinstance(found, list):
                return frozenset(user for user in found if isinstance(user, str))
            answer = LookupFailed("no_users")
        # The user reads that the look-up failed. The group's id is logged for the operator only.
        if answer.why not in NO_ACCESS_TO_GROUPS or self._troubles.begins("usergroups.users.list", answer.why):
            log.warning("group_look_up_failed", group=group, why=answer.why)
        # A deleted or disabled group has no members. That is an answer and not a transient failure.
        return frozenset() if answer.why == "no_such_subteam" else answer

    def _ask(self, name: str, method: Callable[..., Any], **arguments: str) -> Mapping[str, Any] | LookupFailed:
        now = self._clock.monotonic()
        if now < self._paused.get(name, now):
            return LookupFailed("ratelimited")
        try:
            answer = method(**arguments)
        except SlackApiError as error:
            if error.response.status_code == HTTPStatus.TOO_MANY_REQUESTS:
                self._paused[name] = self._clock.monotonic() + retry_after(error.response.headers)
            code = error_code(error.response)
            # ``_ask_group`` logs its failures with the group's id.
            if code == MISSING_SCOPE and name != "usergroups.users.list" and self._troubles.begins(name, code):
                log.error("slack_refused", code=code, method=name)
            return LookupFailed(code)
        except CUT_OFF as error:
            return LookupFailed(type(error).__name__)
        if not isinstance(answer.data, dict):
            return LookupFailed("not_json")
        self._troubles.end(name)
        return answer.data


def as_person(actor: Actor, user: Mapping[str, Any], team: str) -> Person:
    """Slack's user object as a ``Person``. An absent field counts as no only where yes would grant nothing.

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


def as_conversation(channel: str, found: Mapping[str, Any]) -> Conversation:
    """Slack's object as a ``Conversation``. ``is_shared`` alone may be one organisation; ``is_ext_shared`` never is."""
    if found.get("is_im"):
        kind = ConversationKind.DIRECT
    elif found.get("is_mpim"):
        kind = ConversationKind.GROUP_DIRECT
    elif found.get("is_ext_shared") or found.get("is_pending_ext_shared"):
        kind = ConversationKind.EXTERNAL
    else:
        kind = ConversationKind.CHANNEL
    # is_member is the bot's own membership. Where it is absent, posting may fail, so it counts as no.
    return Conversation(
        channel, kind, is_member=found.get("is_member") is True, is_archived=found.get("is_archived") is True
    )
