"""What reads prove about a job whose deletion has no known outcome, or an outcome that may need a correction. Pure.

*Gone* needs both Show and List; *present* needs one of them. Any other read decides nothing: it neither counts nor
resets the count. A read that contradicts the ones before restarts the count. No single read settles anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from bot.domain import replies
from bot.domain.lifecycle import Step
from bot.domain.model import JobId, Listed, Shown


class Finding(StrEnum):
    """What one read showed."""

    GONE = "gone"
    PRESENT = "present"
    NOTHING = "nothing"


def shows_it(shown: Shown, job_id: JobId) -> bool:
    """Show answered 200 with that very id."""
    return shown.reply.status == 200 and shown.job is not None and shown.job.job_id == job_id


def lists_it(listed: Listed, job_id: JobId) -> bool:
    """List named that id."""
    return any(found.job_id == job_id for found in listed.jobs)


def lists_nothing(listed: Listed) -> bool:
    """List answered 200 with count 0 and no entry at all, readable or not."""
    is_whole = listed.reply.status == 200 and listed.reply.body_ok
    return is_whole and listed.count == 0 and not listed.jobs and not listed.unreadable


def ignores_the_filter(listed: Listed, job_id: JobId) -> bool:
    """List returned other ids for ``job_id=``: MetaStudio ignored the filter, so every page has to be read."""
    return listed.reply.status == 200 and any(found.job_id != job_id for found in listed.jobs)


def finding(shown: Shown, listed: Listed | None, job_id: JobId) -> Finding:
    """What Show and List prove together. ``listed`` None means that List was not called."""
    if shows_it(shown, job_id) or (listed is not None and lists_it(listed, job_id)):
        return Finding.PRESENT
    if replies.says_gone(shown.reply) and listed is not None and lists_nothing(listed):
        return Finding.GONE
    return Finding.NOTHING


@dataclass(frozen=True, slots=True)
class Tally:
    """How many reads in a row have agreed, since when, and on which finding."""

    agreeing: int = 0
    first_at: datetime | None = None
    last: Finding | None = None

    def with_(self, seen: Finding, at: datetime) -> Tally:
        """The tally after one more read."""
        if seen is Finding.NOTHING:
            return self
        if seen is self.last:
            return Tally(self.agreeing + 1, self.first_at, seen)
        return Tally(1, at, seen)


@dataclass(frozen=True, slots=True)
class Patience:
    """How many reads have to agree before they count, and over what time at least."""

    reads: int
    over: timedelta


Enough = Mapping[Finding, Patience]
"""How much agreement each finding needs."""

ENOUGH_READS_WHEN_LOST = 5
ENOUGH_WHEN_ANSWERED = Patience(3, timedelta(seconds=30))
ENOUGH_WHEN_GONE = Patience(2, timedelta(seconds=30))
"""Two reads, since a backend may forget a job for some seconds. A correction needs as many, in either direction."""
UNDETERMINED_AFTER = timedelta(hours=24)
DAILY = timedelta(hours=24)
OFTEN_AT_LEAST = timedelta(minutes=1)
SELDOM = timedelta(minutes=10)
CORRECTION_AFTER = timedelta(hours=1)

STEPS = {Finding.GONE: Step.READ_GONE, Finding.PRESENT: Step.READ_PRESENT}


def patience(*, answered: bool, settle_after: timedelta) -> Enough:
    """What settles an unknown outcome. *Present* needs much agreement after a lost reply, and little after an answer.

    Answers are MetaStudio's own 5xx with an MSS. code, and a refusal that a second DELETE would have met.
    """
    gone = _within(ENOUGH_WHEN_GONE, settle_after)
    if answered:
        return {Finding.GONE: gone, Finding.PRESENT: _within(ENOUGH_WHEN_ANSWERED, settle_after)}
    return {Finding.GONE: gone, Finding.PRESENT: Patience(ENOUGH_READS_WHEN_LOST, settle_after)}


def enough_afterwards(settle_after: timedelta) -> Enough:
    """What corrects an outcome that has been posted, or verifies one that MetaStudio has confirmed."""
    enough = _within(ENOUGH_WHEN_GONE, settle_after)
    return {Finding.GONE: enough, Finding.PRESENT: enough}


def _within(enough: Patience, settle_after: timedelta) -> Patience:
    return Patience(enough.reads, min(enough.over, settle_after))


def settles(tally: Tally, enough: Enough, now: datetime) -> Step | None:
    """The step that the reads so far allow, if any."""
    if tally.last not in STEPS or tally.first_at is None:
        return None
    wanted = enough[tally.last]
    agree = tally.agreeing >= wanted.reads and now - tally.first_at >= wanted.over
    return STEPS[tally.last] if agree else None


def next_read(since: datetime, tally: Tally, enough: Enough, now: datetime) -> datetime:
    """When the next read is due: often while the count can settle it, then every ten minutes, after a day daily.

    The first phase lasts at least a minute: with settling set to seconds, the reader's own interval would be longer.
    After a first *gone*, at any age, the next read is due as soon as it can settle the outcome.
    """
    present = enough[Finding.PRESENT]
    age = now - since
    often = present.over / (8 if present.reads == ENOUGH_READS_WHEN_LOST else 2)
    pause = often if age < max(2 * present.over, OFTEN_AT_LEAST) else max(SELDOM, often)
    due = now + (pause if age < UNDETERMINED_AFTER else DAILY)
    if tally.last is Finding.GONE and tally.first_at is not None:
        second = tally.first_at + enough[Finding.GONE].over
        return min(due, second) if second > now else due
    return due


RECHECKS = ((10.0, 10.0), (40.0, 30.0), (160.0, 120.0), (600.0, 450.0))
"""An outcome younger than the first number of seconds is read again after the second number of seconds."""


def next_recheck(ended: datetime, now: datetime) -> datetime | None:
    """When the job of an ended deletion is read again; None when the ten minutes for that are over."""
    age = (now - ended).total_seconds()
    return next((now + timedelta(seconds=pause) for limit, pause in RECHECKS if age < limit), None)


def rare_recheck(ended: datetime, now: datetime) -> datetime:
    """When an outcome that may need a correction is read again: hourly, after a day daily."""
    return now + (CORRECTION_AFTER if now - ended < UNDETERMINED_AFTER else DAILY)
