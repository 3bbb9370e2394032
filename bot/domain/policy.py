"""Who may request, who may confirm, and whether the job is still the one on the card. Pure: values in, a decision out.

A decision is None for yes, or a ``Refused`` with its reason. The empty policy refuses everybody.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import TypeGuard

from bot.domain import job_states, replies
from bot.domain.model import (
    Actor,
    Cause,
    ConfirmBy,
    Conversation,
    ConversationKind,
    Deletion,
    Job,
    LookupFailed,
    Person,
    Shown,
    State,
    Target,
)
from bot.domain.outcomes import Ending
from bot.domain.refusals import Reason, Refused


@dataclass(frozen=True, slots=True)
class Rules:
    """The settings that decide. The defaults authorize nobody."""

    users: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    channels: frozenset[str] = frozenset()
    confirm_by: ConfirmBy = ConfirmBy.REQUESTER
    second_person_states: frozenset[str] = frozenset()
    reason_required: bool = False
    confirm_within: timedelta = timedelta(seconds=600)
    freeze_by: frozenset[str] = frozenset()
    """The ids of users who may freeze; empty means everybody who may operate."""


CONVERSATION_RULES: dict[ConversationKind, Reason | None] = {
    ConversationKind.CHANNEL: None,
    ConversationKind.DIRECT: Reason.IN_DIRECT_MESSAGE,
    ConversationKind.GROUP_DIRECT: Reason.IN_GROUP_MESSAGE,
    ConversationKind.EXTERNAL: Reason.IN_EXTERNAL_CHANNEL,
}


def may_be_used_in(conversation: Conversation | LookupFailed, rules: Rules) -> Refused | None:
    """Whether this conversation may be used. Refused if its look-up failed."""
    if isinstance(conversation, LookupFailed):
        # Slack answers channel_not_found for a private channel that the bot was not invited to.
        if conversation.why == "channel_not_found":
            return Refused(Reason.BOT_NOT_IN_CHANNEL)
        return Refused(Reason.CONVERSATION_UNKNOWN, {"why": conversation.why})
    if no := CONVERSATION_RULES[conversation.kind]:
        return Refused(no)
    if rules.channels and conversation.channel not in rules.channels:
        return Refused(Reason.IN_OTHER_CHANNEL, {"channels": sorted(rules.channels)})
    if conversation.is_archived:
        return Refused(Reason.CHANNEL_ARCHIVED)
    return None if conversation.is_member else Refused(Reason.BOT_NOT_IN_CHANNEL)


def _account(person: Person | LookupFailed) -> Person | Refused:
    if isinstance(person, LookupFailed):
        return Refused(Reason.PERSON_UNKNOWN, {"why": person.why})
    table = (
        (not person.is_own, Reason.FOREIGN),
        (person.is_deactivated, Reason.DEACTIVATED),
        (person.is_bot, Reason.IS_BOT),
        (person.is_guest, Reason.IS_GUEST),
    )
    return next((Refused(reason) for applies, reason in table if applies), person)


def _refusal(found: Person | Refused) -> Refused | None:
    return found if isinstance(found, Refused) else None


def is_barred(person: Person | LookupFailed) -> Refused | None:
    """Whether this account may do nothing, even if listed: it is no full member of ours, or its look-up failed."""
    return _refusal(_account(person))


def operator(person: Person | LookupFailed, rules: Rules) -> Person | Refused:
    """This person, if they may request deletions; else why not."""
    found = _account(person)
    if isinstance(found, Refused) or found.ids & rules.users or found.groups & rules.groups:
        return found
    if found.groups_unknown is not None:
        return Refused(Reason.GROUPS_UNKNOWN, {"why": found.groups_unknown})
    return Refused(Reason.NOT_LISTED)


def may_operate(person: Person | LookupFailed, rules: Rules) -> Refused | None:
    """Whether this person may request deletions."""
    return _refusal(operator(person, rules))


def may_freeze(person: Person | LookupFailed, rules: Rules) -> Refused | None:
    """Whether this person may freeze and unfreeze: FREEZE_BY has them, or it is empty and they may operate."""
    if not rules.freeze_by:
        return may_operate(person, rules)
    found = _account(person)
    if isinstance(found, Refused):
        return found
    return None if found.ids & rules.freeze_by else Refused(Reason.MAY_NOT_FREEZE)


class Action(Enum):
    """An action that needs authorization."""

    COMMAND = auto()
    FIND = auto()  # the button of a search
    CONFIRM = auto()
    CANCEL = auto()
    CHECK_NOW = auto()
    CLOSE_BY_HAND = auto()
    FREEZE = auto()  # and unfreeze


@dataclass(frozen=True, slots=True)
class CardRule:
    """The facts of a card that decide who may press its buttons: the requester, and the rule it names."""

    requester: Person | LookupFailed
    rule: ConfirmBy


def may(
    action: Action,
    person: Person | LookupFailed,
    conversation: Conversation | LookupFailed,
    rules: Rules,
    card: CardRule | None = None,
) -> Refused | None:
    """Whether this person may do that here: the whole table of docs/who-may.md.

    ``card`` is needed for CONFIRM and CANCEL. REQUESTER_LOST_RIGHT is the only refusal that closes a card.
    """
    if action is Action.CANCEL and card is not None and is_same(person, card.requester):
        # A requester may always withdraw their request, because that deletes nothing.
        return None
    if no := may_be_used_in(conversation, rules):
        return no
    if action is Action.FREEZE:
        return may_freeze(person, rules)
    if action is Action.CONFIRM:
        return _may_press_delete(person, card, rules)
    return may_operate(person, rules)


def is_same(person: Person | LookupFailed, other: Person | LookupFailed) -> TypeGuard[Person]:
    """Whether they are one human being: on Enterprise Grid people have several ids, and Slack says which."""
    if isinstance(person, LookupFailed) or isinstance(other, LookupFailed):
        return False
    # The same id under the name of another company is somebody else.
    return person.actor == other.actor or (person.is_own and bool(person.ids & other.ids))


NOT_KNOWN = frozenset({Reason.PERSON_UNKNOWN, Reason.GROUPS_UNKNOWN})
"""Refusals because Slack could not be asked; they do not mean that the person lost a right."""


def _may_press_delete(person: Person | LookupFailed, card: CardRule | None, rules: Rules) -> Refused | None:
    if card is None:
        return Refused(Reason.UNKNOWN_DELETION)
    presser = person if is_same(person, card.requester) else operator(person, rules)
    if isinstance(presser, Refused):
        return presser
    requester = operator(card.requester, rules)
    if not isinstance(requester, Refused):
        return may_confirm(presser, requester, card.rule)
    if requester.reason in NOT_KNOWN:
        return Refused(requester.reason, {**requester.facts, "whose": "requester"})
    return Refused(Reason.REQUESTER_LOST_RIGHT, {"why": requester.reason})


def who_confirms(job: Job, rules: Rules) -> ConfirmBy:
    """The rule that the card names: SECOND_PERSON_STATES takes precedence over CONFIRM_BY."""
    return ConfirmBy.SECOND_PERSON if job.state in rules.second_person_states else rules.confirm_by


def may_confirm(presser: Person, requester: Person, rule: ConfirmBy) -> Refused | None:
    """Whether an authorized person may confirm this requester's deletion. Ids are compared, never names."""
    is_requester = is_same(presser, requester)
    if rule is ConfirmBy.REQUESTER and not is_requester:
        return Refused(Reason.NOT_THE_REQUESTER)
    if rule is ConfirmBy.SECOND_PERSON and is_requester:
        return Refused(Reason.SECOND_PERSON_NEEDED)
    return None


def waits_for(deletion: Deletion, person: Person) -> bool:
    """Whether a card waits for the decision of this person, who may operate. Only the requester's id is known here."""
    requester = Person(deletion.requester, frozenset({deletion.requester.user}), is_own=True)
    return deletion.state is State.AWAITING and may_confirm(person, requester, deletion.confirm_by) is None


def may_be_deleted(job: Job) -> Refused | None:
    """Whether a job in this state may be deleted. An unknown state is refused."""
    if job.state in job_states.DELETABLE:
        return None
    return Refused(Reason.NOT_DELETABLE, {"state": job.state})


COMPARED = ("name", "asset_id", "state", "last_update_time")
"""The fields that the approval holds for. If one of them differs from the card, the deletion is refused."""


def differences(card: Job, now: Job) -> tuple[tuple[str, str, str], ...]:
    """What differs between the job on the card and the job as it is now: (field, then, now)."""
    pairs = ((name, str(getattr(card, name)), str(getattr(now, name))) for name in COMPARED)
    return tuple((name, then, new) for name, then, new in pairs if then != new)


def might_operate(actor: Actor, rules: Rules) -> bool:
    """Whether to call MetaStudio during Slack's look-ups. An unlisted user's command must not use up the limiter."""
    return actor.user in rules.users


def might_confirm(actor: Actor, deletion: Deletion, rules: Rules) -> bool:
    """The same for a click on *Delete permanently*, decided by the ids alone, before Slack is asked."""
    is_requester = actor == deletion.requester
    allowed = {
        ConfirmBy.REQUESTER: is_requester,
        ConfirmBy.ANY_OPERATOR: True,
        ConfirmBy.SECOND_PERSON: not is_requester,
    }
    return might_operate(actor, rules) and allowed[deletion.confirm_by]


def unreadable(shown: Shown) -> Refused | None:
    """None if the job was read; else why not. Each cause has its own sentence."""
    if shown.job is not None:
        return None
    reply = shown.reply
    if reply.cause is Cause.LIMITED:
        return Refused(Reason.BUSY)
    if reply.cause is Cause.BREAKER_OPEN:
        return Refused(Reason.BREAKER_OPEN)
    # Other 4xx may also mean "no such job", but only a 404 by MetaStudio itself proves that without a List.
    if replies.says_no_such_job(reply):
        return Refused(Reason.JOB_NOT_FOUND, {"reply": reply})
    return Refused(Reason.JOB_NOT_READ, {"reply": reply})


def awaiting(deletion: Deletion | None, target: Target, now: datetime) -> Deletion | Refused:
    """The deletion if it waits for a click. Else why not: unknown here, another project's, ended, or expired."""
    if deletion is None:
        return Refused(Reason.UNKNOWN_DELETION)
    if deletion.target != target:
        return Refused(Reason.OTHER_PROJECT, {"deletion": deletion})
    if deletion.state in {State.DELETING, State.UNKNOWN}:
        return Refused(Reason.ALREADY_CONFIRMED, {"deletion": deletion})
    if deletion.state is State.EXPIRED and deletion.ended_why not in {Ending.RESTORED, Ending.LOST_COMMITS}:
        return Refused(Reason.EXPIRED, {"deletion": deletion})
    if deletion.state is not State.AWAITING:
        return Refused(Reason.ALREADY_ENDED, {"deletion": deletion})
    if deletion.message_ts is None or deletion.deadline_at is None:
        return Refused(Reason.NOT_POSTED_YET)
    if is_late(deletion, now):
        return Refused(Reason.EXPIRED, {"deletion": deletion})
    return deletion


def is_late(deletion: Deletion, now: datetime) -> bool:
    """Whether the card's time is over. The time of a card that is not known to be posted has not begun."""
    return deletion.message_ts is not None and deletion.deadline_at is not None and now >= deletion.deadline_at
