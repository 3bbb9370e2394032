"""Who may ask, who may confirm, and whether it is still the job of the card. Pure: values in, a decision out.

A decision is None for yes, or a ``Refused`` with its reason. The empty policy refuses everybody.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

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
    """The settings that decide, and nothing else. The defaults let nobody do anything."""

    users: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    channels: frozenset[str] = frozenset()
    confirm_by: ConfirmBy = ConfirmBy.REQUESTER
    second_person_states: frozenset[str] = frozenset()
    reason_required: bool = False
    confirm_within: timedelta = timedelta(seconds=600)
    freeze_by: frozenset[str] = frozenset()
    """Who may freeze, by id; empty means whoever may operate."""


CONVERSATION_RULES: dict[ConversationKind, Reason | None] = {
    ConversationKind.CHANNEL: None,
    ConversationKind.DIRECT: Reason.IN_DIRECT_MESSAGE,
    ConversationKind.GROUP_DIRECT: Reason.IN_GROUP_MESSAGE,
    ConversationKind.EXTERNAL: Reason.IN_EXTERNAL_CHANNEL,
}


def may_be_used_in(conversation: Conversation | LookupFailed, rules: Rules) -> Refused | None:
    """Whether this conversation may be used; one that could not be looked up may not."""
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


def is_barred(person: Person | LookupFailed) -> Refused | None:
    """Whether this account may do nothing at all, whoever lists it: it is not a person of ours, or nobody can tell."""
    if isinstance(person, LookupFailed):
        return Refused(Reason.PERSON_UNKNOWN, {"why": person.why})
    table = (
        (not person.is_own, Reason.FOREIGN),
        (person.is_deactivated, Reason.DEACTIVATED),
        (person.is_bot, Reason.IS_BOT),
        (person.is_guest, Reason.IS_GUEST),
    )
    return next((Refused(reason) for applies, reason in table if applies), None)


def may_operate(person: Person | LookupFailed, rules: Rules) -> Refused | None:
    """Whether this person may ask for deletions at all."""
    if no := is_barred(person):
        return no
    assert isinstance(person, Person)  # noqa: S101 - is_barred answers for a failed look-up; this tells mypy so.
    if person.ids & rules.users or person.groups & rules.groups:
        return None
    if person.groups_unknown is not None:
        return Refused(Reason.GROUPS_UNKNOWN, {"why": person.groups_unknown})
    return Refused(Reason.NOT_LISTED)


def may_freeze(person: Person | LookupFailed, rules: Rules) -> Refused | None:
    """Whether this person may freeze and unfreeze all deletions: FREEZE_BY, or whoever may operate if it is empty."""
    if not rules.freeze_by:
        return may_operate(person, rules)
    if no := is_barred(person):
        return no
    assert isinstance(person, Person)  # noqa: S101 - as in may_operate.
    return None if person.ids & rules.freeze_by else Refused(Reason.MAY_NOT_FREEZE)


class Action(StrEnum):
    """What somebody wants to do, where it depends on who they are. The value is how the documentation calls it."""

    COMMAND = "the command"
    FIND = "find's button"
    CONFIRM = "Delete permanently"
    CANCEL = "Cancel"
    CHECK_NOW = "Check now"
    CLOSE_BY_HAND = "Close as checked by hand"
    FREEZE = "freeze and unfreeze"


@dataclass(frozen=True, slots=True)
class CardRule:
    """What of a card decides who may press its buttons: who asked, and the rule it names."""

    requester: Person | LookupFailed
    rule: ConfirmBy


def may(
    action: Action,
    person: Person | LookupFailed,
    conversation: Conversation | LookupFailed,
    rules: Rules,
    card: CardRule | None = None,
) -> Refused | None:
    """Whether this person may do that here: the whole table of who may do what where (docs/who-may.md).

    ``card`` is needed for CONFIRM and CANCEL. REQUESTER_LOST_RIGHT is the one answer that closes a card.
    """
    if action is Action.CANCEL and card is not None and is_same(person, card.requester):
        # Taking back what one asked for deletes nothing, so it is never refused.
        return None
    if no := may_be_used_in(conversation, rules):
        return no
    if action is Action.FREEZE:
        return may_freeze(person, rules)
    if action is Action.CONFIRM:
        return _may_press_delete(person, card, rules)
    return may_operate(person, rules)


def is_same(person: Person | LookupFailed, other: Person | LookupFailed) -> bool:
    """Whether they are one human being: on Enterprise Grid people have several ids, and Slack says which."""
    if isinstance(person, LookupFailed) or isinstance(other, LookupFailed):
        return False
    # The same id under the name of another company is somebody else.
    return person.actor == other.actor or (person.is_own and bool(person.ids & other.ids))


NOT_KNOWN = frozenset({Reason.PERSON_UNKNOWN, Reason.GROUPS_UNKNOWN})
"""Refusals that say nothing about a person: Slack could not be asked."""


def _may_press_delete(person: Person | LookupFailed, card: CardRule | None, rules: Rules) -> Refused | None:
    if card is None:
        return Refused(Reason.UNKNOWN_DELETION)
    if not is_same(person, card.requester) and (no := may_operate(person, rules)):
        return no
    if no := may_operate(card.requester, rules):
        if no.reason in NOT_KNOWN:
            return Refused(no.reason, {**no.facts, "whose": "requester"})
        return Refused(Reason.REQUESTER_LOST_RIGHT, {"why": no.reason})
    assert isinstance(person, Person)  # noqa: S101 - both were just found to be allowed to operate.
    assert isinstance(card.requester, Person)  # noqa: S101
    return may_confirm(person, card.requester, card.rule)


def who_confirms(job: Job, rules: Rules) -> ConfirmBy:
    """The rule that the card names: SECOND_PERSON_STATES goes before CONFIRM_BY."""
    return ConfirmBy.SECOND_PERSON if job.state in rules.second_person_states else rules.confirm_by


def may_confirm(presser: Person, requester: Person, rule: ConfirmBy) -> Refused | None:
    """Whether an authorized person may confirm this requester's deletion. Ids are compared, never names."""
    is_requester = bool(presser.ids & requester.ids)
    if rule is ConfirmBy.REQUESTER and not is_requester:
        return Refused(Reason.NOT_THE_REQUESTER)
    if rule is ConfirmBy.SECOND_PERSON and is_requester:
        return Refused(Reason.SECOND_PERSON_NEEDED)
    return None


def waits_for(deletion: Deletion, person: Person) -> bool:
    """Whether a card waits for this person's decision, who may operate. Of the requester only the id is known here."""
    requester = Person(deletion.requester, frozenset({deletion.requester.user}), is_own=True)
    return deletion.state is State.AWAITING and may_confirm(person, requester, deletion.confirm_by) is None


def may_be_deleted(job: Job) -> Refused | None:
    """Whether a job in this state may be deleted; an unknown state may not."""
    if job.state in job_states.DELETABLE:
        return None
    return Refused(Reason.NOT_DELETABLE, {"state": job.state})


COMPARED = ("name", "asset_id", "state", "last_update_time")
"""What the approval holds for: where one of these differs from the card, the deletion is refused."""


def differences(card: Job, now: Job) -> tuple[tuple[str, str, str], ...]:
    """What differs between the job on the card and the job as it is now: (field, then, now)."""
    pairs = ((name, str(getattr(card, name)), str(getattr(now, name))) for name in COMPARED)
    return tuple((name, then, new) for name, then, new in pairs if then != new)


def might_operate(actor: Actor, rules: Rules) -> bool:
    """Whether the cloud may be asked beside Slack's look-ups: a stranger's command must not use up the limiter."""
    return actor.user in rules.users


def might_confirm(actor: Actor, deletion: Deletion, rules: Rules) -> bool:
    """The same for a click on *Delete permanently*: what the ids alone say, before Slack is asked."""
    is_requester = actor == deletion.requester
    allowed = {
        ConfirmBy.REQUESTER: is_requester,
        ConfirmBy.ANY_OPERATOR: True,
        ConfirmBy.SECOND_PERSON: not is_requester,
    }
    return might_operate(actor, rules) and allowed[deletion.confirm_by]


def unreadable(shown: Shown) -> Refused | None:
    """None when the job was read; else why not. Each cause has its own sentence."""
    if shown.job is not None:
        return None
    reply = shown.reply
    if reply.cause is Cause.LIMITED:
        return Refused(Reason.BUSY)
    if reply.cause is Cause.BREAKER_OPEN:
        return Refused(Reason.BREAKER_OPEN)
    # Other 4xx may also mean "no such job", but only a 404 by MetaStudio itself says so alone.
    if replies.says_no_such_job(reply):
        return Refused(Reason.JOB_NOT_FOUND, {"reply": reply})
    return Refused(Reason.JOB_NOT_READ, {"reply": reply})


def not_awaiting(deletion: Deletion | None, target: Target, now: datetime) -> Refused | None:
    """Why a deletion does not wait for a button: unknown to this installation, another project's, over, or late."""
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
    return None


def is_late(deletion: Deletion, now: datetime) -> bool:
    """Whether the card's time is over. That of a card that is not known to stand has not begun."""
    return deletion.message_ts is not None and deletion.deadline_at is not None and now >= deletion.deadline_at
