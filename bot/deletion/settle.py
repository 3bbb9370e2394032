"""Finding out: deletions whose outcome is unknown are settled by reading only.

The same reads tell, after an outcome, that the job is really gone ("verified gone"), what a refused DELETE left behind,
and, an hour after an outcome that rests on reads, whether that has to be corrected.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from bot.deletion.inspect_job import inspect_job, sent_later
from bot.domain import evidence, lifecycle, outcomes, replies
from bot.domain.age import moment, stepped
from bot.domain.events import Kind, event_about
from bot.domain.evidence import Finding, Tally
from bot.domain.lifecycle import Step
from bot.domain.model import OPEN_STATES, Deletion, Shown, State
from bot.domain.notifications import Notification, NotificationKind, notifications_about
from bot.domain.outcomes import Ending
from bot.domain.ports import Ports


def read_one(deletion: Deletion, ports: Ports) -> Deletion | None:
    """One read for one deletion, recorded, with whatever it settles."""
    began = moment(ports.clock)
    seen, shown = inspect_job(deletion.job, ports)
    if stepped(began, moment(ports.clock)):
        # Reads count by how far apart they are, which nobody knows across a step of the clock.
        deletion = replace(deletion, reads_agreeing=0, reads_first_at=None, reads_last=None)
    if deletion.state is State.UNKNOWN:
        return weigh(deletion, seen, shown, ports)
    if seen is Finding.PRESENT and replies.says_gone(shown.reply):
        # After an outcome Show has the last word: a List that still names the job may lag behind.
        seen = Finding.NOTHING
    if deletion.ended_why == Ending.REPLY_DELETED.value:
        return _verify(deletion, seen, shown, ports)
    return _hold_against(deletion, seen, shown, ports)


def _read_values(tally: Tally) -> dict[str, object]:
    return {
        "reads_agreeing": tally.agreeing,
        "reads_first_at": tally.first_at,
        "reads_last": None if tally.last is None else tally.last.value,
    }


def _tally(deletion: Deletion) -> Tally:
    last = None if deletion.reads_last is None else Finding(deletion.reads_last)
    return Tally(deletion.reads_agreeing, deletion.reads_first_at, last)


@dataclass(frozen=True, slots=True)
class _Read:
    """What one read leads to, besides its event."""

    values: Mapping[str, object]
    notifications: tuple[Notification, ...] = ()
    step: Step | None = None
    kind: Kind = Kind.READ
    facts: dict[str, Any] = field(default_factory=dict)


def _record(deletion: Deletion, seen: Finding, shown: Shown, read: _Read, ports: Ports) -> Deletion | None:
    """Write it down and tell it, unless the deletion has moved on meanwhile."""
    facts = {"found": seen.value, "status": shown.reply.status, "code": shown.reply.code, **read.facts}
    changed = ports.ledger.change(
        deletion.id,
        read.step,
        read.values,
        event_about(read.kind, deletion, ports.clock.now(), request_id=shown.reply.request_id, **facts),
        where={"state": deletion.state, "ended_why": deletion.ended_why},
        notifications=read.notifications,
    )
    ports.deliver(read.notifications if changed else ())
    return changed


def _settled(step: Step, now: datetime) -> dict[str, object]:
    """Both outcomes rest on reads alone, so they are read once more an hour later."""
    why = Ending.READ_GONE if step is Step.READ_GONE else Ending.READ_PRESENT
    read_due = now + evidence.CORRECTION_AFTER
    return {"ended_at": now, "ended_why": why.value, "verified_at": now, "read_due_at": read_due}


def weigh(deletion: Deletion, seen: Finding, shown: Shown, ports: Ports) -> Deletion | None:
    """A read while the outcome is unknown."""
    now = ports.clock.now()
    since = deletion.unknown_since or now
    tally = _tally(deletion).with_(seen, now)
    enough = evidence.patience(answered=deletion.answered_5xx, settle_after=ports.config.settle_after)
    # Time that has passed since the last read that showed anything is no agreement.
    step = evidence.settles(tally, enough, now) if seen is not Finding.NOTHING else None
    facts = {"agreeing": tally.agreeing}
    if step is None:
        undetermined = now - since >= evidence.UNDETERMINED_AFTER and not deletion.reminded
        notifications = (
            notifications_about(deletion, NotificationKind.UNDETERMINED, state=State.UNKNOWN.value)
            if undetermined
            else ()
        )
        due = evidence.next_read(since, tally, enough, now)
        values = {**_read_values(tally), "read_due_at": due, "reminded": deletion.reminded or undetermined}
        return _record(deletion, seen, shown, _Read(values, notifications, facts=facts), ports)
    over = (now - (tally.first_at or now)).total_seconds()
    notifications = notifications_about(
        deletion, NotificationKind.SETTLED, state=lifecycle.target(step).value, reads=tally.agreeing, over=over
    )
    values = _read_values(tally) | _settled(step, now)
    return _record(deletion, seen, shown, _Read(values, notifications, step, Kind.SETTLED, facts), ports)


def _verify(deletion: Deletion, seen: Finding, shown: Shown, ports: Ports) -> Deletion | None:
    """A read after MetaStudio has confirmed the deletion. It says what it sees; it corrects nothing.

    "Verified gone" takes two reads, as everything that rests on reads does: a backend may forget a job for a moment.
    """
    now = ports.clock.now()
    enough = evidence.enough_afterwards(ports.config.settle_after)
    tally = _tally(deletion).with_(seen, now)
    is_gone = seen is Finding.GONE and evidence.settles(tally, enough, now) is not None
    due = evidence.next_recheck(deletion.ended_at or now, now)
    if seen is Finding.GONE:
        due = None if is_gone else (tally.first_at or now) + enough[seen].over
    values = {**_read_values(tally), "read_due_at": due, "verified_at": now if is_gone else None}
    notifications = () if due else _inspected(deletion, seen, shown, now)
    return _record(deletion, seen, shown, _Read(values, notifications), ports)


def _inspected(
    deletion: Deletion, seen: Finding, shown: Shown, now: datetime, **facts: Any
) -> tuple[Notification, ...]:
    if shown.job is not None:
        facts["job_state"] = shown.job.state
    return notifications_about(
        deletion, NotificationKind.INSPECTED, state=deletion.state.value, found=seen.value, at=now.timestamp(), **facts
    )


def _hold_against(deletion: Deletion, seen: Finding, shown: Shown, ports: Ports) -> Deletion | None:
    """A read after an outcome that may have to be corrected: MetaStudio refused the DELETE, or only reads have decided.

    A read that decides nothing is repeated until one does, however long that takes: what was said may be untrue, and
    nobody else would notice.
    """
    now = ports.clock.now()
    said = Finding.GONE if deletion.state is State.DELETED else Finding.PRESENT
    later = sent_later(deletion, ports) if (seen, said) == (Finding.GONE, Finding.PRESENT) else None
    if seen is Finding.NOTHING or (later is not None and later.state in OPEN_STATES):
        read = _undecided(deletion, shown, now)
    elif seen is said:
        read = _as_said(deletion, seen, shown, now)
    else:
        read = _contradicted(deletion, seen, shown, later, ports)
    return _record(deletion, seen, shown, read, ports)


def _as_said(deletion: Deletion, seen: Finding, shown: Shown, now: datetime) -> _Read:
    """Seen as it was said. After a refusal the first read of this kind is told, and there is one more an hour later.

    A DELETE that something on the way has repeated may have its effect after the first read.
    """
    if deletion.ended_why not in outcomes.REFUSED:
        return _Read({"read_due_at": None})
    once_more = (deletion.ended_at or now) + evidence.CORRECTION_AFTER
    values = {"read_due_at": once_more if now < once_more else None, "verified_at": now}
    return _Read(values, _inspected(deletion, seen, shown, now) if deletion.verified_at is None else ())


def _undecided(deletion: Deletion, shown: Shown, now: datetime) -> _Read:
    """After a refusal people wait for what the read finds, so they are told once that none has decided."""
    ended = deletion.ended_at or now
    is_refused = deletion.ended_why in outcomes.REFUSED
    soon = evidence.next_recheck(ended, now) if is_refused else None
    is_notified = is_refused and soon is None and not deletion.reminded and deletion.verified_at is None
    values = {"read_due_at": soon or evidence.rare_recheck(ended, now), "reminded": deletion.reminded or is_notified}
    return _Read(values, _inspected(deletion, Finding.NOTHING, shown, now) if is_notified else ())


def _contradicted(deletion: Deletion, seen: Finding, shown: Shown, later: Deletion | None, ports: Ports) -> _Read:
    """A read against what was said. It takes as many that agree as it took to say it of an answered DELETE."""
    now = ports.clock.now()
    enough = evidence.enough_afterwards(ports.config.settle_after)
    tally = _tally(deletion).with_(seen, now)
    step = evidence.settles(tally, enough, now)
    if step is None:
        return _Read({**_read_values(tally), "read_due_at": (tally.first_at or now) + enough[seen].over})
    if later is not None:
        # Another deletion of the job has been sent since. What was said of this one stands.
        confirmed = later.ended_why == Ending.REPLY_DELETED.value
        notifications = _inspected(deletion, seen, shown, now, later=later.id, later_confirmed=confirmed)
        return _Read({"read_due_at": None}, notifications)
    notifications = notifications_about(
        deletion, NotificationKind.CORRECTION, state=lifecycle.target(step).value, at=now.timestamp()
    )
    return _Read(_read_values(tally) | _settled(step, now), notifications, step, Kind.CORRECTED)
