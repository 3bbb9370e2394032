"""Every reason for which the bot refuses, and the refusal with the facts of its sentence. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any


class Reason(StrEnum):
    """Every reason. ``handlers.views.refusals`` has the sentence for each; a test compares the two."""

    # What was typed
    BAD_JOB_ID = "bad_job_id"
    REASON_TOO_LONG = "reason_too_long"
    REASON_MISSING = "reason_missing"
    BAD_SEARCH = "bad_search"
    UNEXPECTED_TEXT = "unexpected_text"
    NEAR_MISS = "near_miss"
    UNKNOWN_OPTION = "unknown_option"
    MISPLACED_OPTION = "misplaced_option"
    ONE_JOB_AT_A_TIME = "one_job_at_a_time"
    # Where
    IN_DIRECT_MESSAGE = "in_direct_message"
    IN_GROUP_MESSAGE = "in_group_message"
    IN_EXTERNAL_CHANNEL = "in_external_channel"
    IN_OTHER_CHANNEL = "in_other_channel"
    BOT_NOT_IN_CHANNEL = "bot_not_in_channel"
    CHANNEL_ARCHIVED = "channel_archived"
    CONVERSATION_UNKNOWN = "place_unknown"
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
    # The bot
    ALREADY_HANDLED = "already_handled"
    BUSY = "busy"
    CHECKS_TOO_OLD = "checks_too_old"
    STOPPING = "stopping"
    BREAKER_OPEN = "breaker_open"
    LEDGER_TROUBLE = "ledger_trouble"
    LEDGER_IN_DOUBT = "ledger_in_doubt"
    LEDGER_REPLACED = "ledger_replaced"
    NOT_ALONE = "not_alone"
    CLOCK_OFF = "clock_off"
    BUG = "bug"


TYPING_ERRORS = frozenset(
    {
        Reason.BAD_JOB_ID,
        Reason.REASON_TOO_LONG,
        Reason.REASON_MISSING,
        Reason.BAD_SEARCH,
        Reason.UNEXPECTED_TEXT,
        Reason.NEAR_MISS,
        Reason.UNKNOWN_OPTION,
        Reason.MISPLACED_OPTION,
        Reason.ONE_JOB_AT_A_TIME,
    }
)
"""The command broke a rule of its grammar, so nothing was looked up for it."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A refusal. ``facts`` fill the blanks of its sentence."""

    reason: Reason
    facts: dict[str, Any] = field(default_factory=dict)


STOPS_WORK: Mapping[Reason, str] = MappingProxyType(
    {
        Reason.LEDGER_REPLACED: "The ledger's file was removed or replaced: stop the bot, put the file back or run "
        "`dh-bot db expire-open`, and start the bot.",
        Reason.NOT_ALONE: "Another process is connected to this Slack app, and SQLite serves one: end it, give it a "
        "Slack app of its own, or use PostgreSQL.",
        Reason.CLOCK_OFF: "The clocks of this machine and of PostgreSQL's differ: set them, and keep them by NTP.",
    }
)
"""The reasons that close the gate for new work, the gravest first, each with its text for the log."""
