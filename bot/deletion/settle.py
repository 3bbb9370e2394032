"""Settles unknown outcomes by reading only. It never sends a DELETE.

The same reads find out, after an outcome, that the job is really gone ("verified gone"), what a refused DELETE left
behind, and, an hour after an outcome that rests on reads, whether that outcome has to be corrected.

``read_one`` asks MetaStudio and the ledger. ``weigh`` and the functions that take a ``Config`` are pure: they return
the ``Change`` that a read leads to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from bot.deletion.apply import apply
from bot.deletion.inspect_job import inspect_job, sent_later
from bot.domain import evidence, lifecycle, outcomes, replies
from bot.domain.age import moment, stepped
from bot.domain.change import Change
from bot.domain.events import Kind, event_about
from bot.domain.evidence import Finding, Tally
from bot.domain.lifecycle import Step
from bot.domain.model import OPEN_STATES, Deletion, Shown, State
from bot.domain.notifications import Notification, NotificationKind, notifications_about
from bot.domain.outcomes import Ending
from bot.domain.ports import Config, Ports


@dataclass(frozen=True, slots=True)
class Read:
    """One read of a deletion's job: what it found, MetaStudio's answer to Show, and when."""

    deletion: Deletion
    found: Finding
    shown: Shown
    at: datetime

    def change(
        self,
        values: Mapping[str, object],
        notifications: tuple[Notification, ...] = (),
        step: Step | None = None,
        kind: Kind = Kind.READ,
        **facts: Any,
    ) -> Change:
        """A change that this read leads to, with the event that records the read. It fails if the outcome moved on."""
        reply = self.shown.reply
        facts = {"found": self.found.value, "status": reply.status, "code": reply.code, **facts}
        event = event_about(kind, self.deletion, self.at, request_id=reply.request_id, **facts)
        where = {"state": self.deletion.state, "ended_why": self.deletion.ended_why}
        return Change(step, values, (event,), notifications, where)


def read_one(deletion: Deletion, ports: Ports) -> Deletion | None:
    """Read the job once, record the read and what it settles. None when the deletion has moved on meanwhile."""
    began = moment(ports.clock)
    found, shown = inspect_job(deletion.job, ports)
    if stepped(began, moment(ports.clock)):
        # Reads count by how far apart they are. Nobody knows that across a step of the clock.
        deletion = replace(deletion, reads_agreeing=0, reads_first_at=None, reads_last=None)
    read = Read(deletion, found, shown, ports.clock.now())
    is_unknown = deletion.state is State.UNKNOWN
    return apply(deletion, weigh(read, ports.config) if is_unknown else _weigh_afterwards(read, ports), ports)


def _weigh_afterwards(read: Read, ports: Ports) -> Change:
    if read.found is Finding.PRESENT and replies.says_gone(read.shown.reply):
        # After an outcome Show has the last word: a List that still names the job may lag behind.
        read = replace(read, found=Finding.NOTHING)
    if read.deletion.ended_why == Ending.REPLY_DELETED.value:
        return _verify(read, ports.config)
    is_gone_after_all = read.found is Finding.GONE and read.deletion.state is not State.DELETED
    later = sent_later(read.deletion, ports) if is_gone_after_all else None
    return _hold_against(read, later, ports.config)


def _tally(read: Read) -> Tally:
    """The deletion's run of agreeing reads, with this one."""
    deletion = read.deletion
    last = None if deletion.reads_last is None else Finding(deletion.reads_last)
    return Tally(deletion.reads_agreeing, deletion.reads_first_at, last).with_(read.found, read.at)


def _read_values(tally: Tally) -> dict[str, object]:
    return {
        "reads_agreeing": tally.agreeing,
        "reads_first_at": tally.first_at,
        "reads_last": None if tally.last is None else tally.last.value,
    }


def _settled(step: Step, now: datetime) -> dict[str, object]:
    """Both outcomes rest on reads alone, so the job is read once more an hour later."""
    why = Ending.READ_GONE if step is Step.READ_GONE else Ending.READ_PRESENT
    read_due = now + evidence.CORRECTION_AFTER
    return {"ended_at": now, "ended_why": why.value, "verified_at": now, "read_due_at": read_due}


def weigh(read: Read, config: Config) -> Change:
    """A read while the outcome is unknown."""
    deletion, now = read.deletion, read.at
    since = deletion.unknown_since or now
    tally = _tally(read)
    enough = evidence.patience(answered=deletion.answered_5xx, settle_after=config.settle_after)
    # Time that has passed since the last read that showed anything is no agreement.
    step = evidence.settles(tally, enough, now) if read.found is not Finding.NOTHING else None
    if step is not None:
        over = (now - (tally.first_at or now)).total_seconds()
        new = lifecycle.target(step).value
        notifications = notifications_about(
            deletion, NotificationKind.SETTLED, state=new, reads=tally.agreeing, over=over
        )
        values = _read_values(tally) | _settled(step, now)
        return read.change(values, notifications, step, Kind.SETTLED, agreeing=tally.agreeing)
    is_undetermined = now - since >= evidence.UNDETERMINED_AFTER and not deletion.reminded
    notifications = ()
    if is_undetermined:
        notifications = notifications_about(deletion, NotificationKind.UNDETERMINED, state=State.UNKNOWN.value)
    due = evidence.next_read(since, tally, enough, now)
    values = {**_read_values(tally), "read_due_at": due, "reminded": deletion.reminded or is_undetermined}
    return read.change(values, notifications, agreeing=tally.agreeing)


def _verify(read: Read, config: Config) -> Change:
    """A read after MetaStudio has confirmed the deletion. It reports its finding and corrects nothing.

    "Verified gone" takes two reads, like everything that rests on reads: a backend may forget a job for a moment.
    """
    deletion, now = read.deletion, read.at
    enough = evidence.enough_afterwards(config.settle_after)
    tally = _tally(read)
    is_gone = read.found is Finding.GONE and evidence.settles(tally, enough, now) is not None
    due = evidence.next_recheck(deletion.ended_at or now, now)
    if read.found is Finding.GONE:
        due = None if is_gone else (tally.first_at or now) + enough[read.found].over
    values = {**_read_values(tally), "read_due_at": due, "verified_at": now if is_gone else None}
    return read.change(values, () if due else _inspected(read))


def _inspected(read: Read, found: Finding | None = None, **facts: Any) -> tuple[Notification, ...]:
    """A message about the read's finding, or about ``found`` in its place."""
    if read.shown.job is not None:
        facts["job_state"] = read.shown.job.state
    return notifications_about(
        read.deletion,
        NotificationKind.INSPECTED,
        state=read.deletion.state.value,
        found=(found or read.found).value,
        at=read.at.timestamp(),
        **facts,
    )


def _hold_against(read: Read, later: Deletion | None, config: Config) -> Change:
    """A read after an outcome that may have to be corrected: MetaStudio refused the DELETE, or only reads decided it.

    ``later`` is another deletion that may have removed the job since. A read that decides nothing is repeated until one
    decides, however long that takes: the outcome that was posted may be untrue, and nobody else would notice.
    """
    said = Finding.GONE if read.deletion.state is State.DELETED else Finding.PRESENT
    if read.found is Finding.NOTHING or (later is not None and later.state in OPEN_STATES):
        return _undecided(read)
    return _as_said(read) if read.found is said else _contradicted(read, later, config)


def _as_said(read: Read) -> Change:
    """The read agrees with the outcome. After a refusal the first such read is posted, and one more follows in an hour.

    The second read is for a gateway that repeats the DELETE: its effect may come after the first read.
    """
    deletion = read.deletion
    if deletion.ended_why not in outcomes.REFUSED:
        return read.change({"read_due_at": None})
    once_more = (deletion.ended_at or read.at) + evidence.CORRECTION_AFTER
    values = {"read_due_at": once_more if read.at < once_more else None, "verified_at": read.at}
    return read.change(values, _inspected(read) if deletion.verified_at is None else ())


def _undecided(read: Read) -> Change:
    """After a refusal people wait for the finding, so the bot posts once that no read has decided."""
    deletion, now = read.deletion, read.at
    ended = deletion.ended_at or now
    is_refused = deletion.ended_why in outcomes.REFUSED
    soon = evidence.next_recheck(ended, now) if is_refused else None
    is_notified = is_refused and soon is None and not deletion.reminded and deletion.verified_at is None
    values = {"read_due_at": soon or evidence.rare_recheck(ended, now), "reminded": deletion.reminded or is_notified}
    return read.change(values, _inspected(read, Finding.NOTHING) if is_notified else ())


def _contradicted(read: Read, later: Deletion | None, config: Config) -> Change:
    """The read contradicts the outcome. A correction takes as many agreeing reads as settling an answered DELETE."""
    now = read.at
    enough = evidence.enough_afterwards(config.settle_after)
    tally = _tally(read)
    step = evidence.settles(tally, enough, now)
    if step is None:
        return read.change({**_read_values(tally), "read_due_at": (tally.first_at or now) + enough[read.found].over})
    if later is not None:
        # Another deletion of the job has been sent since. The outcome of this one stands.
        is_confirmed = later.ended_why == Ending.REPLY_DELETED.value
        return read.change({"read_due_at": None}, _inspected(read, later=later.id, later_confirmed=is_confirmed))
    new = lifecycle.target(step).value
    notifications = notifications_about(read.deletion, NotificationKind.CORRECTION, state=new, at=now.timestamp())
    return read.change(_read_values(tally) | _settled(step, now), notifications, step, Kind.CORRECTED)
