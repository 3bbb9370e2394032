"""The audit trail's arithmetic. Pure.

Every event becomes one line of canonical JSON. Its hash is SHA-256 over the hash of the event before, a newline and
that line. So all later hashes break if an event is changed, removed, inserted or reordered. A chain alone cannot show
that its tail was cut, or that all of it was computed anew. The heads posted in Slack can.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import sha256
from typing import Any, NamedTuple

from bot.domain.events import Event, Kind, Recorded
from bot.domain.model import Actor, DeletionId, JobId

GENESIS = "0" * 64
"""The previous hash of the first event."""


class Head(NamedTuple):
    """The number and hash of the newest event, or of the one that verifying starts after."""

    number: int
    hash: str


BEGINNING = Head(0, GENESIS)


class Line(NamedTuple):
    """A row of the table. ``verify`` takes any tuple of these twelve values in this order."""

    number: int
    at: str
    kind: str
    actor_user: str | None
    actor_team: str | None
    channel: str | None
    deletion: str | None
    job: str | None
    request_id: str | None
    text: str
    previous_hash: str
    hash: str


class Fault(StrEnum):
    """What ``verify`` can find."""

    CHANGED = "changed"
    REMOVED = "removed"
    INSERTED = "inserted"
    REORDERED = "reordered"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What ``verify`` found. ``head`` is the last sound event; ``number`` is that of the first unsound one."""

    checked: int
    head: Head
    fault: Fault | None = None
    number: int | None = None
    why: str = ""

    @property
    def is_sound(self) -> bool:
        """Whether every event is as it was written."""
        return self.fault is None


def utc_text(moment: datetime) -> str:
    """UTC, ISO 8601, always 27 characters, so that the texts sort like the times."""
    if moment.tzinfo is None:
        raise ValueError("a time without a time zone cannot be recorded")
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def utc_time(text: str) -> datetime:
    """The inverse of ``utc_text``."""
    return datetime.fromisoformat(text)


def _plain(value: object) -> Any:
    """A JSON form of any other type. Never fails, because an odd fact must not prevent the record of an outcome."""
    if isinstance(value, datetime):
        return utc_text(value) if value.tzinfo is not None else value.isoformat()
    if isinstance(value, set | frozenset):
        return sorted(str(member) for member in value)
    if hasattr(value, "keys"):
        return dict(value)  # type: ignore[call-overload]
    return f"<{type(value).__name__}>"


_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True, default=_plain)


def canonical_json(value: object) -> str:
    """One text per value: sorted keys, no spaces, ASCII only."""
    return _ENCODER.encode(value)


def cleaned(text: str | None) -> str | None:
    """Replace characters that no database takes (NUL, half a surrogate pair) by U+FFFD, so that the record is kept."""
    if text is None or (text.isascii() and "\0" not in text):
        return text
    return text.replace("\0", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def next_hash(previous: str, text: str) -> str:
    """The hash of an event, from the previous hash and its own text."""
    return sha256(f"{previous}\n{text}".encode("utf-8", "surrogatepass")).hexdigest()


def link(head: Head, events: Iterable[Event]) -> list[Line]:
    """The events as lines that continue the chain after ``head``."""
    lines: list[Line] = []
    number, previous = head
    for event in events:
        number += 1
        actor = event.actor
        at, kind = utc_text(event.at), event.kind.value
        user, team = (cleaned(actor.user), cleaned(actor.team)) if actor is not None else (None, None)
        channel, deletion, job = cleaned(event.channel), cleaned(event.deletion), cleaned(event.job)
        request_id = cleaned(event.request_id)
        # All keys are always present, so that every column has its place in the text.
        text = canonical_json(
            {
                "at": at,
                "channel": channel,
                "deletion": deletion,
                "facts": dict(event.facts),
                "job": job,
                "kind": kind,
                "number": number,
                "request_id": request_id,
                "team": team,
                "user": user,
            }
        )
        digest = next_hash(previous, text)
        lines.append(Line(number, at, kind, user, team, channel, deletion, job, request_id, text, previous, digest))
        previous = digest
    return lines


def recorded(line: Line) -> Recorded:
    """The event of a line, read from the text that was hashed and not from the other columns."""
    said = json.loads(line.text)
    user, team = said["user"], said["team"]
    event = Event(
        kind=Kind(said["kind"]),
        at=utc_time(said["at"]),
        actor=Actor(user, team) if user is not None else None,
        channel=said["channel"],
        deletion=DeletionId(said["deletion"]) if said["deletion"] is not None else None,
        job=JobId(said["job"]) if said["job"] is not None else None,
        request_id=said["request_id"],
        facts=said["facts"],
    )
    return Recorded(line.number, event, line.text, line.previous_hash, line.hash)


def verify(lines: Iterable[tuple[Any, ...]], start: Head = BEGINNING, head: Head | None = None) -> Verdict:
    """Check events in the order of their numbers, and name the first that is not as it was written.

    ``start`` is the checkpoint to begin after. With ``head`` the chain must also end there, which shows a cut tail.
    Memory use does not grow with the number of events.
    """
    expected, previous = start.number + 1, start.hash
    rest = iter(lines)
    for line in rest:
        # The fast path, for a million sound events. ``_diagnose`` finds what is wrong with an unsound one.
        number, at, kind, user, team, channel, deletion, job, request_id, text, previous_hash, digest = line
        if (
            number != expected
            or previous_hash != previous
            or sha256(f"{previous}\n{text}".encode("utf-8", "surrogatepass")).hexdigest() != digest
        ):
            return _diagnose(Line(*line), rest, start, Head(expected - 1, previous))
        # Building both ends of the text from the columns is three times as fast as parsing the text. The result is
        # exact if nothing is escaped and both ends have the same length as in the text: then no column contains quotes
        # that imitate its neighbours. In any other case the text is parsed.
        channel_ = "null" if channel is None else f'"{channel}"'
        deletion_ = "null" if deletion is None else f'"{deletion}"'
        job_ = "null" if job is None else f'"{job}"'
        request_ = "null" if request_id is None else f'"{request_id}"'
        team_ = "null" if team is None else f'"{team}"'
        user_ = "null" if user is None else f'"{user}"'
        front = f'{{"at":"{at}","channel":{channel_},"deletion":{deletion_},"facts":{{'
        back = (
            f'}},"job":{job_},"kind":"{kind}","number":{number},"request_id":{request_},"team":{team_},"user":{user_}}}'
        )
        if (
            "\\" in text
            or not text.startswith(front)
            or not text.endswith(back)
            or text.find(_FACTS) + _LENGTH_OF_FACTS != len(front)
            or text.rfind(_JOB) != len(text) - len(back)
        ) and not _columns_agree(Line(*line)):
            return _diagnose(Line(*line), rest, start, Head(expected - 1, previous))
        expected, previous = number + 1, digest
    return _ending(start, Head(expected - 1, previous), head)


_FACTS = '"facts":{'
_LENGTH_OF_FACTS = len(_FACTS)
_JOB = '},"job":'


def _spoken(text: str) -> dict[str, Any]:
    """The text's content; empty if the text is not a JSON object."""
    try:
        said = json.loads(text)
    except (TypeError, ValueError):
        return {}
    return said if isinstance(said, dict) else {}


def facts_in(text: str) -> dict[str, Any] | None:
    """The facts in an event's text; None if it is not the text of an event."""
    facts = _spoken(text).get("facts")
    return facts if isinstance(facts, dict) else None


def _columns_agree(line: Line) -> bool:
    said = _spoken(line.text)
    return (
        said.get("number"),
        said.get("at"),
        said.get("kind"),
        said.get("user"),
        said.get("team"),
        said.get("channel"),
        said.get("deletion"),
        said.get("job"),
        said.get("request_id"),
    ) == line[:9]


def _diagnose(line: Line, rest: Iterator[tuple[Any, ...]], start: Head, sound: Head) -> Verdict:
    """What is wrong with ``line``, the first that does not continue the sound part of the chain."""
    checked = sound.number - start.number
    expected = sound.number + 1

    def verdict(fault: Fault, number: int, why: str) -> Verdict:
        return Verdict(checked, sound, fault, number, why)

    if line.number < expected:
        return verdict(Fault.INSERTED, line.number, f"number {line.number} comes after {sound.number}")
    if line.number > expected:
        if any(later[0] == expected for later in rest):
            return verdict(Fault.REORDERED, expected, f"number {line.number} comes before {expected}")
        return verdict(Fault.REMOVED, expected, f"after {sound.number} comes {line.number}")
    following = next(rest, None)
    misplaced = _misplaced(line, following, rest, sound)
    if misplaced is not None:
        return verdict(*misplaced)
    is_whole = next_hash(str(line.previous_hash), str(line.text)) == line.hash
    if not is_whole:
        return verdict(Fault.CHANGED, expected, "its text does not give its hash")
    if not _columns_agree(line):
        return verdict(Fault.CHANGED, expected, "its columns do not say what its text says")
    # The event is sound in itself but has another previous hash, so the event before it was rewritten with its hash.
    before = max(sound.number, start.number + 1)
    return verdict(Fault.CHANGED, before, f"event {line.number} remembers another hash of the event before it")


def _misplaced(
    line: Line, following: tuple[Any, ...] | None, rest: Iterator[tuple[Any, ...]], sound: Head
) -> tuple[Fault, int, str] | None:
    """The fault if an event was written under another number, although the numbers have no gap.

    If the following numbers were all moved down, the expected event was removed, or reordered if it comes later. If
    they were all moved up, an event was inserted that continues the chain but that no later event continues.
    """
    expected = sound.number + 1
    own = _own_number(line)
    next_own = _own_number(Line(*following)) if following is not None else None
    why = f"its text was written as number {own}"
    if own is not None and own > expected:
        is_elsewhere = next_own == expected or any(_own_number(Line(*later)) == expected for later in rest)
        return Fault.REORDERED if is_elsewhere else Fault.REMOVED, expected, why
    if own is not None and own < expected:
        is_moved_up = next_own == own + 1 if following is not None else own == expected - 1
        if is_moved_up:
            return Fault.INSERTED, own, f"number {expected} was written as number {own}"
        return Fault.REORDERED, expected, why
    if following is not None and next_own == expected and following[_PREVIOUS] == sound.hash:
        return Fault.INSERTED, expected, f"number {expected + 1} was written as number {expected}"
    return None


_PREVIOUS = Line._fields.index("previous_hash")


def _own_number(line: Line) -> int | None:
    """The number in an event's text."""
    number = _spoken(line.text).get("number")
    return number if isinstance(number, int) else None


def _ending(start: Head, last: Head, head: Head | None) -> Verdict:
    """The verdict on sound events: whether they also end at the head."""
    checked = last.number - start.number
    if head is None or head == last:
        return Verdict(checked, last)
    if head.number > last.number:
        why = f"the trail ends at {last.number}, its head says {head.number}"
        return Verdict(checked, last, Fault.REMOVED, last.number + 1, why)
    if head.number < last.number:
        why = f"the trail goes on to {last.number}, its head says {head.number}"
        return Verdict(checked, last, Fault.INSERTED, head.number + 1, why)
    return Verdict(checked, last, Fault.CHANGED, last.number, "its hash is not the one that the head names")
