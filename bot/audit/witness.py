"""The events that are quoted in Slack, and how ``audit verify`` finds them in the trail. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from bot.audit.chain import Head, Verdict
from bot.domain.notifications import QUOTES_THE_TRAIL, Notification

SHORT = 16
"""Hex digits of a hash that are shown to people: 64 bits, too many to find a second event with them by trying."""
FEWEST = 8


class Witness(NamedTuple):
    """A quoted event: the beginning of its hash, and its number if it was noted."""

    number: int | None
    prefix: str


def short(number: int, digest: str) -> str:
    """The form in which an event is shown, and in which ``witness_from`` takes it."""
    return f"{number}:{digest[:SHORT]}"


def quoted(notifications: Sequence[Notification], event: Head | None) -> Sequence[Notification]:
    """The messages, with the event quoted that they are about. The thread then proves that the trail had this event."""
    if event is None:
        return notifications
    return [
        replace(notification, facts={**notification.facts, "trail": short(*event)})
        if notification.kind in QUOTES_THE_TRAIL
        else notification
        for notification in notifications
    ]


def witness_from(text: str) -> Witness:
    """Parse ``number:hash`` or the hash alone, of which the first eight digits are enough. Raises ``ValueError``."""
    found = _WITNESS.fullmatch(text.strip())
    if found is None:
        raise ValueError(
            f"a hash is {FEWEST} to 64 hexadecimal digits, with or without the event's number: 1234:9f3a62c1"
        )
    return Witness(int(found["number"]) if found["number"] else None, found["prefix"].lower())


_WITNESS = re.compile(r"(?:(?P<number>[0-9]{1,18}):)?(?P<prefix>[0-9A-Fa-f]{8,64})(?:…|\.\.\.)?")


class Inspection(NamedTuple):
    """The result of ``audit verify``."""

    verdict: Verdict
    start: Head
    """The newest checkpoint: events up to it may be deleted."""
    missing_triggers: frozenset[str]
    witness: Head | None = None
    """The event that a witness names, as it is now."""
