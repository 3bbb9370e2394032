"""Whether somebody may do something, with what that takes gathered from Slack.

The decision is ``bot.domain.policy.may``.
"""

from __future__ import annotations

from collections.abc import Sequence

from bot.domain import policy
from bot.domain.age import Moment
from bot.domain.model import Actor, Conversation, LookupFailed, Person
from bot.domain.policy import Action
from bot.domain.ports import Ports
from bot.domain.refusals import Refused

LookUps = tuple[Conversation | LookupFailed, tuple[Person | LookupFailed, ...]]


def look_up(
    ports: Ports, channel: str, actors: Sequence[Actor], *, fresh: bool, since: Moment | None = None
) -> LookUps:
    """The conversation and the people: first the person who acts, then the others. ``since`` is as in ``People``.

    Where the one who acts may do nothing, nothing is asked anew on their account: hammering a button must not use up
    the look-ups that Slack allows for everybody together.
    """
    rules = ports.config.rules
    first = ports.people.person(actors[0], fresh=fresh, since=since)
    fresh = fresh and not (policy.may_operate(first, rules) and policy.may_freeze(first, rules))
    # Nobody else is asked about after a failure: it means no, and each look-up may take its full timeout.
    has_failed = isinstance(first, LookupFailed)
    others = tuple(
        first if has_failed or actor == actors[0] else ports.people.person(actor, fresh=fresh, since=since)
        for actor in actors[1:]
    )
    return ports.people.conversation(channel, fresh=fresh, since=since), (first, *others)


def may(action: Action, actor: Actor, channel: str, ports: Ports, *, fresh: bool = False) -> Refused | None:
    """Why this person may not do that there, or None. ``fresh`` is for clicks; for what takes no card."""
    conversation, (person,) = look_up(ports, channel, (actor,), fresh=fresh)
    return policy.may(action, person, conversation, ports.config.rules)
