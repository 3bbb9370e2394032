"""Who may ask, who may confirm, and whether it is still the job of the card. Pure: values in, a decision out.

A decision is None for yes, or a ``Refused`` with its reason. The empty policy refuses everybody.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from bot import job_states
from bot.model import ConfirmBy, Deletion, Job, LookupFailed, Person, Place, PlaceKind, Refused, State


class Reason(StrEnum):
    """Every no there is. The sentence for each stands in ``handlers.views.refusals``; a test keeps the two in step."""

    # What was typed
    BAD_JOB_ID = "bad_job_id"
    REASON_TOO_LONG = "reason_too_long"
    REASON_MISSING = "reason_missing"
    BAD_SEARCH = "bad_search"
    UNEXPECTED_TEXT = "unexpected_text"
    # Where
    IN_DIRECT_MESSAGE = "in_direct_message"
    IN_GROUP_MESSAGE = "in_group_message"
    IN_EXTERNAL_CHANNEL = "in_external_channel"
    IN_OTHER_CHANNEL = "in_other_channel"
    BOT_NOT_IN_CHANNEL = "bot_not_in_channel"
    CHANNEL_ARCHIVED = "channel_archived"
    PLACE_UNKNOWN = "place_unknown"
    # Who
    NOT_LISTED = "not_listed"
    FOREIGN = "foreign"
    DEACTIVATED = "deactivated"
    IS_BOT = "is_bot"
    IS_GUEST = "is_guest"
    PERSON_UNKNOWN = "person_unknown"
    GROUPS_UNKNOWN = "groups_unknown"
    MAY_NOT_FREEZE = "may_not_freeze"
    NOT_THE_REQUESTER = "not_the_requester"
    SECOND_PERSON_NEEDED = "second_person_needed"
    # The job
    NOT_DELETABLE = "not_deletable"
    JOB_NOT_FOUND = "job_not_found"
    JOB_NOT_READ = "job_not_read"
    JOBS_NOT_LISTED = "jobs_not_listed"
    JOB_CHANGED = "job_changed"
    JOB_GONE = "job_gone"
    # The deletion
    ALREADY_OFFERED = "already_offered"
    BEING_OFFERED = "being_offered"
    TOO_MANY_OPEN = "too_many_open"
    CARD_NOT_POSTED = "card_not_posted"
    REQUESTER_LOST_RIGHT = "requester_lost_right"
    UNKNOWN_BUTTON = "unknown_button"
    UNKNOWN_DELETION = "unknown_deletion"
    OTHER_PROJECT = "other_project"
    NOT_POSTED_YET = "not_posted_yet"
    EXPIRED = "expired"
    ALREADY_ENDED = "already_ended"
    ALREADY_CONFIRMED = "already_confirmed"
    NOT_UNKNOWN = "not_unknown"
    NOT_YET_BY_HAND = "not_yet_by_hand"
    RESTARTED = "restarted"
    # A freeze
    FROZEN = "frozen"
    ALREADY_FROZEN = "already_frozen"
    NOT_FROZEN = "not_frozen"
    FREEZE_NEEDS_REASON = "freeze_needs_reason"
    # The bot
    BUSY = "busy"
    STOPPING = "stopping"
    BREAKER_OPEN = "breaker_open"
    LEDGER_TROUBLE = "ledger_trouble"
    BUG = "bug"


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


PLACE_RULES: dict[PlaceKind, Reason | None] = {
    PlaceKind.CHANNEL: None,
    PlaceKind.DIRECT: Reason.IN_DIRECT_MESSAGE,
    PlaceKind.GROUP_DIRECT: Reason.IN_GROUP_MESSAGE,
    PlaceKind.EXTERNAL: Reason.IN_EXTERNAL_CHANNEL,
}


def may_be_used_in(place: Place | LookupFailed, rules: Rules) -> Refused | None:
    """Whether this conversation may be used; one that could not be looked up may not."""
    if isinstance(place, LookupFailed):
        # Slack answers channel_not_found for a private channel that the bot was not invited to.
        if place.why == "channel_not_found":
            return Refused(Reason.BOT_NOT_IN_CHANNEL)
        return Refused(Reason.PLACE_UNKNOWN, {"why": place.why})
    if no := PLACE_RULES[place.kind]:
        return Refused(no)
    if rules.channels and place.channel not in rules.channels:
        return Refused(Reason.IN_OTHER_CHANNEL, {"channels": sorted(rules.channels)})
    if place.is_archived:
        return Refused(Reason.CHANNEL_ARCHIVED)
    return None if place.is_member else Refused(Reason.BOT_NOT_IN_CHANNEL)


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


class Deed(StrEnum):
    """What somebody wants to do, where it depends on who they are. The value is how the documentation calls it."""

    COMMAND = "the command"
    FIND = "find's button"
    CONFIRM = "Delete permanently"
    CANCEL = "Cancel"
    CHECK_NOW = "Check now"
    CLOSE_BY_HAND = "Close as checked by hand"
    FREEZE = "freeze and unfreeze"


@dataclass(frozen=True, slots=True)
class Card:
    """What of a card decides who may press its buttons: who asked, and the rule it names."""

    requester: Person | LookupFailed
    rule: ConfirmBy


def may(
    deed: Deed, person: Person | LookupFailed, place: Place | LookupFailed, rules: Rules, card: Card | None = None
) -> Refused | None:
    """Whether this person may do that here: the whole table of who may do what where (docs/who-may.md).

    ``card`` is needed for CONFIRM and CANCEL. REQUESTER_LOST_RIGHT is the one answer that closes a card.
    """
    if deed is Deed.CANCEL and card is not None and is_same(person, card.requester):
        # Taking back what one asked for deletes nothing, so it is never refused.
        return None
    if no := may_be_used_in(place, rules):
        return no
    if deed is Deed.FREEZE:
        return may_freeze(person, rules)
    if deed is Deed.CONFIRM:
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


def _may_press_delete(person: Person | LookupFailed, card: Card | None, rules: Rules) -> Refused | None:
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
