"""The possible second persons of a deletion: the listed people and groups, without people who may not confirm."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from bot.domain import policy
from bot.domain.model import Actor, ConfirmBy, Deletion, LookupFailed, Person
from bot.domain.policy import Rules
from bot.domain.ports import Called, People
from bot.domain.refusals import Refused
from bot.slack.people import NO_SUCH_PERSON

MOST_CALLED = 20
"""Maximum of people and groups that one message mentions. The others find the card in the channel."""
MOST_LOOK_UPS = 2 * MOST_CALLED
"""Slack allows the whole bot about a hundred calls of users.info a minute, and clicks need some of them."""
WITHIN = 2.0
"""Seconds for all look-ups of one card."""

Found = Person | LookupFailed


class Together(Protocol):
    """``bot.runtime.pool.Pool.together``: concurrent calls; results that take too long are missing."""

    def __call__(
        self, work: Callable[[str], Found], items: Sequence[str], seconds: float, /
    ) -> Mapping[str, Found]: ...


class SecondPeople:
    """Looks up the listed people, as many as one message mentions, and leaves out people who may not confirm.

    A person whose look-up fails or times out stays on the list: one mention too many is better than a card that does
    not mention the only person who could confirm. The click is checked anyway.
    """

    def __init__(self, people: People, rules: Rules, together: Together, *, is_grid: bool) -> None:
        self._people = people
        self._rules = rules
        self._together = together
        self._is_grid = is_grid

    def __call__(self, deletion: Deletion) -> Called:
        """The mentions for the messages of this deletion; empty where it needs no second person."""
        if deletion.confirm_by is not ConfirmBy.SECOND_PERSON:
            return Called()
        groups, users = sorted(self._rules.groups), sorted(self._rules.users - {deletion.requester.user})
        may, rest = self._sifted(deletion.requester, users, MOST_CALLED - len(groups))
        listed = (*groups, *may, *rest)
        return Called(listed[:MOST_CALLED], max(len(listed) - MOST_CALLED, 0))

    def _sifted(self, requester: Actor, users: Sequence[str], wanted: int) -> tuple[list[str], Sequence[str]]:
        """Up to ``wanted`` people who may confirm, and the rest of the list, for which there was no look-up."""
        may: list[str] = []
        done = 0
        while len(may) < wanted and done < min(len(users), MOST_LOOK_UPS):
            some = users[done : min(done + wanted - len(may), MOST_LOOK_UPS)]
            asked = (requester.user, *some)
            found = self._together(lambda user: self._people.person(Actor(user, requester.team)), asked, WITHIN)
            may += [user for user in some if self._may_confirm(found.get(user), requester, found.get(requester.user))]
            done += len(some)
            if len(found) < len(asked):
                # Slack is slow, and the next look-ups would be slow too. A card waits for one time limit at most.
                break
        return may, users[done:]

    def _may_confirm(self, person: Found | None, requester: Actor, asked: Found | None) -> bool:
        if person is None or (isinstance(person, LookupFailed) and not self._is_certain(person)):
            return True
        operator = policy.operator(person, self._rules)
        if isinstance(operator, Refused):
            return False
        if not isinstance(asked, Person):
            asked = Person(requester, frozenset({requester.user}), is_own=True)
        # On Enterprise Grid the requester may be listed by another id as well.
        return policy.may_confirm(operator, asked, ConfirmBy.SECOND_PERSON) is None

    def _is_certain(self, failed: LookupFailed) -> bool:
        """Whether the failure counts as an answer. On Enterprise Grid the person may exist under another id."""
        return failed.why in NO_SUCH_PERSON and not self._is_grid
