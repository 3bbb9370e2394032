"""The answer to ``whoami``. Pure.

A person without rights learns why and whom to ask, but not who has rights.
"""

from __future__ import annotations

from bot.domain import policy
from bot.domain.model import Actor, ConfirmBy, Conversation, LookupFailed, Person
from bot.domain.policy import Rules
from bot.domain.refusals import Refused
from handlers.views.blocks import code, mention
from handlers.views.refusals import refusal_text
from handlers.views.wording import Wording

WHO_CONFIRMS: dict[ConfirmBy, str] = {
    ConfirmBy.REQUESTER: "The person who asked for a deletion confirms it (`CONFIRM_BY`).",
    ConfirmBy.ANY_OPERATOR: "Anybody who may delete jobs may confirm any deletion (`CONFIRM_BY`).",
    ConfirmBy.SECOND_PERSON: "A deletion is confirmed by another person than the one who asked for it (`CONFIRM_BY`).",
}


def whoami_text(
    actor: Actor,
    person: Person | LookupFailed,
    conversation: Conversation | LookupFailed,
    rules: Rules,
    wording: Wording,
) -> str:
    """The person's ids, what they may do, and whether they may do it in this channel; in mrkdwn."""
    operates, freezes = policy.may_operate(person, rules), policy.may_freeze(person, rules)
    lines = [
        f"You are {mention(actor)}, {_ids(actor, person)}.",
        _no(operates, wording) if operates else f"You may delete jobs with this bot: {_why(person, rules)}.",
        _here(conversation, rules, wording, may_something=not (operates and freezes)),
        *(_confirming(rules) if operates is None else ()),
        "You may freeze all deletions, and allow them again." if freezes is None else "",
    ]
    return "\n".join(line for line in lines if line)


def _no(no: Refused, wording: Wording) -> str:
    """The refusal without "deleted nothing": the person asked for no deletion."""
    return refusal_text(no, wording).replace(f" {wording.nothing}", "")


def _ids(actor: Actor, person: Person | LookupFailed) -> str:
    ids = sorted(person.ids) if isinstance(person, Person) else [actor.user]
    return f"to Slack {' and '.join(code(one) for one in ids)} of workspace {code(actor.team)}"


def _why(person: Person | LookupFailed, rules: Rules) -> str:
    if isinstance(person, Person) and person.ids & rules.users:
        return "you are listed (`AUTHORIZED_USERS`)"
    groups = sorted(person.groups) if isinstance(person, Person) else []
    named = " and ".join(f"<!subteam^{group}>" for group in groups)
    return f"you are in the user group {named} (`AUTHORIZED_USERGROUPS`)"


def _here(conversation: Conversation | LookupFailed, rules: Rules, wording: Wording, *, may_something: bool) -> str:
    no: Refused | None = policy.may_be_used_in(conversation, rules)
    if no is not None:
        return _no(no, wording) if may_something else ""
    if not may_something:
        return ""
    which = "it is one of `AUTHORIZED_CHANNELS`" if rules.channels else "the bot is in it, and it is internal"
    return f"This channel may be used: {which}."


def _confirming(rules: Rules) -> list[str]:
    states = ", ".join(code(state) for state in sorted(rules.second_person_states))
    second = f"Jobs in {states} always take a second person (`SECOND_PERSON_STATES`)." if states else ""
    return [WHO_CONFIRMS[rules.confirm_by], second]
