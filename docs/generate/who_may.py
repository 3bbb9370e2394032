"""Who may do what where, asked of the policy itself; `make docs` writes it to docs/who-may.md."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from bot.domain.model import Actor, ConfirmBy, Conversation, ConversationKind, LookupFailed, Person
from bot.domain.policy import Action, CardRule, Rules, may
from bot.domain.refusals import Reason, Refused
from handlers.views.refusals import refusal_text
from handlers.views.wording import Wording

PAGE = Path(__file__).parents[1] / "who-may.md"


def _person(user: str, *more_ids: str, **facts: object) -> Person:
    return replace(Person(Actor(user, "T1"), frozenset({user, *more_ids}), is_own=True), **facts)


PEOPLE: dict[str, Person] = {
    "listed": _person("U1"),
    "second operator": _person("U2"),
    "group member": _person("U3", groups=frozenset({"S1"})),
    "Grid id": _person("U4", "W4"),
    "colleague": _person("U5"),
    "in FREEZE_BY only": _person("U6"),
    "guest": _person("U7", is_guest=True),
    "bot": _person("U8", is_bot=True),
    "deactivated": _person("U9", is_deactivated=True),
    "foreign workspace": _person("U10", is_own=False),
}
RULES = Rules(
    # The last four are listed too, which does not help them.
    users=frozenset({"U1", "U2", "W4", "U7", "U8", "U9", "U10", "UASKER"}),
    groups=frozenset({"S1"}),
    channels=frozenset({"CALLOWED"}),
)
SOMEBODY_ELSE = _person("UASKER")
FREEZERS = frozenset({"U6", "U7", "U8", "U9", "U10"})

PLACES: dict[str, Conversation | LookupFailed] = {
    "allowed channel": Conversation("CALLOWED", ConversationKind.CHANNEL),
    "other channel": Conversation("COTHER", ConversationKind.CHANNEL),
    "direct message": Conversation("D1", ConversationKind.DIRECT),
    "group message": Conversation("G1", ConversationKind.GROUP_DIRECT),
    "Slack Connect channel": Conversation("CALLOWED", ConversationKind.EXTERNAL),
    "channel without the bot": Conversation("CALLOWED", ConversationKind.CHANNEL, is_member=False),
    "archived channel": Conversation("CALLOWED", ConversationKind.CHANNEL, is_archived=True),
    "place that Slack does not tell": LookupFailed("ratelimited"),
}


@dataclass(frozen=True)
class Column:
    """One thing to do: on the person's own card or another's, under one CONFIRM_BY, with or without FREEZE_BY."""

    title: str
    deed: Action
    is_own: bool = False
    rule: ConfirmBy = ConfirmBy.REQUESTER
    freeze_by: frozenset[str] = frozenset()


CONFIRMS = tuple(
    Column(f"{whose} card, `{rule.value}`", Action.CONFIRM, is_own=is_own, rule=rule)
    for is_own, whose in ((True, "own"), (False, "another's"))
    for rule in ConfirmBy
)
OTHERS = (
    Column("the command", Action.COMMAND),
    Column("`find`'s button", Action.FIND),
    Column("*Cancel*, own card", Action.CANCEL, is_own=True),
    Column("*Cancel*, another's", Action.CANCEL),
    Column("*Check now*", Action.CHECK_NOW),
    Column("*Checked: …*, by hand", Action.CLOSE_BY_HAND),
    Column("`freeze`, no `FREEZE_BY`", Action.FREEZE),
    Column("`freeze`, with `FREEZE_BY`", Action.FREEZE, freeze_by=FREEZERS),
)


ABOUT = """\
# Who may do what

Made by `make docs` from `bot/domain/policy.py`; a test keeps it up to date. A cell says *yes*, or why not. Whoever asks
or presses is looked up each time, and so is the place. *Own card*: this person asked for the deletion, and was allowed
to at that time. *Another's card*: somebody else asked, who is still allowed to.

The people: *listed* and *second operator* stand in `AUTHORIZED_USERS`, the *Grid id* stands there by its id in the
Enterprise organisation, the *group member* is in a group of `AUTHORIZED_USERGROUPS`, the *colleague* is neither. The
last four are listed too, in `FREEZE_BY` as well, and it does not help them.

## In an allowed channel

A channel of `AUTHORIZED_CHANNELS`, or any internal channel that the bot is in where that is not set.
"""

CONFIRMING = """\
*Delete permanently*, by `CONFIRM_BY`. Jobs in `SECOND_PERSON_STATES` follow `second_person`, whatever it says.
"""

ELSEWHERE = """\
## Everywhere else

The same for everybody. Taking back one's own card is never refused.
"""

WORDS = """\
`help` and `whoami` answer everybody everywhere; what `whoami` says follows from these tables.

## What each no says
"""


def answer(who: str, column: Column, where: str) -> Refused | None:
    """One cell."""
    person = PEOPLE[who]
    card = CardRule(person if column.is_own else SOMEBODY_ELSE, column.rule)
    rules = replace(RULES, confirm_by=column.rule, freeze_by=column.freeze_by)
    return may(column.deed, person, PLACES[where], rules, card)


def _cell(no: Refused | None) -> str:
    return "yes" if no is None else str(no.reason).replace("_", " ")


def _table(first: str, heads: list[str], rows: dict[str, list[str]]) -> Iterator[str]:
    yield f"| {' | '.join([first, *heads])} |"
    yield f"|{'---|' * (len(heads) + 1)}"
    for name, cells in rows.items():
        yield f"| {' | '.join([name, *cells])} |"
    yield ""


def _for_everybody(column: Column, where: str) -> str:
    cells = {_cell(answer(who, column, where)) for who in PEOPLE}
    assert len(cells) == 1, f"{column.title} in {where} differs between people: draw it anew"
    return cells.pop()


def _people(columns: tuple[Column, ...]) -> dict[str, list[str]]:
    return {who: [_cell(answer(who, column, "allowed channel")) for column in columns] for who in PEOPLE}


def page() -> str:
    """The page, in Markdown."""
    elsewhere = [where for where in PLACES if where != "allowed channel"]
    columns = (*OTHERS, *CONFIRMS)
    reasons = sorted(
        {no.reason for where in PLACES for who in PEOPLE for one in columns if (no := answer(who, one, where))}
    )
    facts = {"channels": ["CALLOWED"], "why": "ratelimited"}
    told = {
        reason.replace("_", " "): [refusal_text(Refused(reason, facts), Wording().for_("click"))]
        for reason in map(Reason, reasons)
    }
    lines = [
        ABOUT,
        *_table("", [column.title for column in OTHERS], _people(OTHERS)),
        CONFIRMING,
        *_table("", [column.title for column in CONFIRMS], _people(CONFIRMS)),
        ELSEWHERE,
        *_table(
            "",
            ["*Cancel*, own card", "everything else"],
            {where: [_elsewhere(where, is_own=True), _elsewhere(where, is_own=False)] for where in elsewhere},
        ),
        WORDS,
        *_table("", ["what the person is told after a click"], told),
    ]
    return "\n".join(lines).rstrip("\n").replace("<#CALLOWED>", "#allowed") + "\n"


def _elsewhere(where: str, *, is_own: bool) -> str:
    columns = [column for column in (*OTHERS, *CONFIRMS) if (column.deed is Action.CANCEL and column.is_own) is is_own]
    answers = {_for_everybody(column, where) for column in columns}
    assert len(answers) == 1, f"what may be done in {where} differs: draw it anew"
    return answers.pop()


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
