"""Checks of the people in the settings: who may act, and whether each rule leaves somebody who may.

``ask`` makes the bot's own look-ups. The rest is pure and judges by ``bot.domain.policy``, as the bot does at a click.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Protocol, TypeGuard

from bot.doctor.findings import CheckResult, CheckState, Findings, fine, not_checked, wrong
from bot.domain import policy
from bot.domain.model import Actor, ConfirmBy, LookupFailed, Person
from bot.domain.policy import Rules
from bot.domain.refusals import Reason, Refused
from bot.settings.forms import SLACK_IDS
from bot.settings.schema import Settings
from bot.slack.people import NO_SUCH_PERSON

PEOPLE, CONFIRM, FREEZE = "people", "who may confirm", "who may freeze"

MOST_LOOK_UPS = 60
"""Slack allows the app about a hundred calls of users.info a minute, and a running bot needs some of them."""
MOST_NAMED = 10

NOT_ASKED = LookupFailed("not asked")

WHAT = {
    Reason.IS_GUEST: "a guest",
    Reason.DEACTIVATED: "deactivated",
    Reason.IS_BOT: "a bot",
    Reason.FOREIGN: "of another workspace",
    Reason.PERSON_UNKNOWN: "unknown to Slack",
}
"""Why an account may do nothing: all reasons of ``policy.is_barred``."""

ON_GRID = "on Enterprise Grid a person has two. Let them type the command with whoami: it says what they may."


class Asked(Protocol):
    """The method of ``bot.slack.people.SlackPeople`` that is used here."""

    def person(self, actor: Actor) -> Person | LookupFailed: ...


@dataclass(frozen=True, slots=True)
class Lookups:
    """The results of the look-ups. ``groups`` has each group's members, or None where a finding says why not."""

    persons: Mapping[str, Person | LookupFailed] = field(default_factory=dict)
    groups: Mapping[str, Sequence[str] | None] = field(default_factory=dict)
    is_grid: bool = False

    def person(self, user: str) -> Person | LookupFailed:
        """The person, or why the look-up failed."""
        return self.persons.get(user, NOT_ASKED)

    def is_certain(self, user: str) -> bool:
        """Whether Slack answered. On Enterprise Grid a person has two ids, and Slack may know only the other one."""
        person = self.person(user)
        if isinstance(person, Person):
            return person.groups_unknown is None
        return person.why in NO_SUCH_PERSON and not self.is_grid


def ask(
    people: Asked, team: str, settings: Settings, groups: Mapping[str, Sequence[str] | None], *, is_grid: bool
) -> Lookups:
    """Look up everybody, the people in the settings first. Stop after a failure: each may take its full timeout."""
    found: dict[str, Person | LookupFailed] = {}
    failed: LookupFailed | None = None
    members = chain.from_iterable(members or () for members in groups.values())
    for user in dict.fromkeys((*sorted(_named(settings)), *members)):
        if failed is None and len(found) == MOST_LOOK_UPS:
            break
        found[user] = person = failed or people.person(Actor(user, team))
        if isinstance(person, LookupFailed) and person.why not in NO_SUCH_PERSON:
            failed = person
    return Lookups(found, groups, is_grid)


def judge(settings: Settings, known: Lookups) -> Findings:
    """The findings about each person in the settings, each group, and the rules."""
    yield from _people(settings, known)
    for group, members in sorted(known.groups.items()):
        if members is not None:
            yield _group(f"user group {group}", members, known, settings.rules)
    operators = [person for person in known.persons.values() if _may(person, settings.rules)]
    yield _who_may_confirm(settings.rules, known, operators)
    yield _who_may_freeze(settings.rules, known, operators)


def _named(settings: Settings) -> dict[str, tuple[str, ...]]:
    """Each person in the settings, and the settings that name them."""
    contact = settings.help_contact
    # A word in capitals is a word, for the bot too; nearly every id has a digit.
    is_person = SLACK_IDS["user"].fullmatch(contact) and any(character.isdigit() for character in contact)
    where = {
        "AUTHORIZED_USERS": settings.authorized_users,
        "FREEZE_BY": settings.freeze_by,
        "HELP_CONTACT": {contact} if is_person else frozenset(),
    }
    everybody = frozenset().union(*where.values())
    return {user: tuple(name for name, users in where.items() if user in users) for user in everybody}


def _people(settings: Settings, known: Lookups) -> Findings:
    named = {user: names for user, names in sorted(_named(settings).items()) if names != ("HELP_CONTACT",)}
    may_act = [user for user in named if policy.is_barred(known.person(user)) is None]
    if may_act:
        yield fine(PEOPLE, f"{len(may_act)} of {len(named)} may act.")
    for user, names in sorted(_named(settings).items()):
        no = policy.is_barred(known.person(user))
        if no is None or not _is_answer(known.person(user)):
            continue
        if names == ("HELP_CONTACT",):
            if no.reason in {Reason.DEACTIVATED, Reason.PERSON_UNKNOWN}:
                yield _note(f"person {user}", f"{_what(no)}. Name somebody else in HELP_CONTACT.")
            continue
        if known.is_grid and no.reason == Reason.PERSON_UNKNOWN:
            yield _note(f"person {user}", f"Unknown to Slack by this id in {' and '.join(names)}; {ON_GRID}")
            continue
        yield _note(f"person {user}", f"{_what(no)}, and so may do nothing. Take the id out of {' and '.join(names)}.")
    yield from _unasked(named, known)


def _unasked(users: Iterable[str], known: Lookups) -> Findings:
    reasons: dict[str, list[str]] = {}
    for user in users:
        person = known.person(user)
        if isinstance(person, LookupFailed) and not _is_answer(person):
            reasons.setdefault(person.why, []).append(user)
    for why, some in reasons.items():
        yield not_checked(PEOPLE, f"Slack did not say who these are ({why}): {_list(some)}.")


def _group(check: str, members: Sequence[str], known: Lookups, rules: Rules) -> CheckResult:
    """How many members may act, and who may not and why. A note and no fault: rotas fill groups by a schedule."""
    refused = {user: policy.may_operate(known.person(user), rules) for user in members}
    may_act = [user for user, no in refused.items() if no is None]
    unasked = [
        user
        for user, no in refused.items()
        if not _is_answer(known.person(user)) or (no is not None and no.reason == Reason.GROUPS_UNKNOWN)
    ]
    barred = [
        f"{user} is {WHAT[no.reason]}"
        for user, no in refused.items()
        if no is not None and no.reason in WHAT and user not in unasked
    ]
    says = f"{len(may_act)} of {len(members)} members may act"
    says += f": {_list(may_act)}." if may_act else "."
    if barred:
        says += f" Not: {_list(barred)}."
    if unasked:
        says += f" Slack did not say who these are: {_list(unasked)}."
    if len(may_act) == len(members):
        return fine(check, says)
    if not may_act:
        return not_checked(check, says) if unasked else wrong(check, says)
    return _note(check, says)


def _who_may_confirm(rules: Rules, known: Lookups, operators: Sequence[Person]) -> CheckResult:
    if not rules.users and not rules.groups:
        return wrong(CONFIRM, "Nobody may delete anything: AUTHORIZED_USERS and AUTHORIZED_USERGROUPS are empty.")
    members = chain.from_iterable(members or () for members in known.groups.values())
    is_certain = all(map(known.is_certain, (*rules.users, *members)))
    broken = next((group for group, members in sorted(known.groups.items()) if members is None), None)
    stuck = next((name for name, rule in _rules(rules) if not _each_is_confirmed(operators, rule)), None)
    if stuck is None:
        return fine(CONFIRM, f"Each request has somebody who may confirm it; {_people_count(operators)} may ask.")
    if broken is not None:
        return not_checked(CONFIRM, f"First correct: user group {broken}.")
    if not is_certain:
        return not_checked(CONFIRM, "Slack did not say of everybody whether they may act.")
    if not operators:
        return wrong(
            CONFIRM, "Nobody may delete anything: nobody in AUTHORIZED_USERS and AUTHORIZED_USERGROUPS may act."
        )
    return wrong(
        CONFIRM,
        f"{stuck} asks for a second person, and only {operators[0].actor.user} may act. List somebody else too.",
    )


def _who_may_freeze(rules: Rules, known: Lookups, operators: Sequence[Person]) -> CheckResult:
    if not rules.freeze_by:
        if not operators:
            return not_checked(FREEZE, f"FREEZE_BY is empty, so these are the same people. See: {CONFIRM}.")
        return fine(FREEZE, "FREEZE_BY is empty, so everybody who may delete may freeze.")
    if any(policy.may_freeze(known.person(user), rules) is None for user in rules.freeze_by):
        return fine(FREEZE, "Somebody in FREEZE_BY may act.")
    if not all(map(known.is_certain, rules.freeze_by)):
        return not_checked(FREEZE, "Slack did not say of everybody in FREEZE_BY whether they may act.")
    return wrong(FREEZE, "Nobody: no one in FREEZE_BY may act. Name somebody else, or leave it empty.")


def _rules(rules: Rules) -> Iterable[tuple[str, ConfirmBy]]:
    yield "CONFIRM_BY", rules.confirm_by
    if rules.second_person_states:
        yield "SECOND_PERSON_STATES", ConfirmBy.SECOND_PERSON


def _each_is_confirmed(operators: Sequence[Person], rule: ConfirmBy) -> bool:
    """Whether there are operators, and for each of them one who may confirm their requests."""
    return bool(operators) and all(
        any(policy.may_confirm(presser, requester, rule) is None for presser in operators) for requester in operators
    )


def _may(person: Person | LookupFailed, rules: Rules) -> TypeGuard[Person]:
    return policy.may_operate(person, rules) is None


def _is_answer(person: Person | LookupFailed) -> bool:
    return isinstance(person, Person) or person.why in NO_SUCH_PERSON


def _what(no: Refused) -> str:
    what = WHAT[no.reason]
    return what[0].upper() + what[1:]


def _people_count(people: Sequence[Person]) -> str:
    # A person of Enterprise Grid may be listed by both ids.
    count = len({min(person.ids | {person.actor.user}) for person in people})
    return "1 person" if count == 1 else f"{count} people"


def _list(names: Sequence[str]) -> str:
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _note(check: str, says: str) -> CheckResult:
    return CheckResult(check, CheckState.NOTE, says)
