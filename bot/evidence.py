"""What reading proves about a job whose deletion has no known outcome. Pure.

*Gone* needs two witnesses, Show and List; *present* needs one. Everything else decides nothing: it neither counts nor
resets the count. A read that contradicts the ones before starts the count anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from bot.lifecycle import Step
from bot.metastudio import replies
from bot.model import JobId, Listed, Shown


class Finding(StrEnum):
    """What one read showed."""

    GONE = "gone"
    PRESENT = "present"
    NOTHING = "nothing"


def shows_it(shown: Shown, job: JobId) -> bool:
    """Show answered 200 with that very id."""
    return shown.reply.status == 200 and shown.job is not None and shown.job.job_id == job


def lists_it(listed: Listed, job: JobId) -> bool:
    """List named that id."""
    return any(found.job_id == job for found in listed.jobs)


def lists_nothing(listed: Listed) -> bool:
    """List answered 200 with count 0 and no entry at all, readable or not."""
    is_whole = listed.reply.status == 200 and listed.reply.body_ok
    return is_whole and listed.count == 0 and not listed.jobs and not listed.unreadable


def ignores_the_filter(listed: Listed, job: JobId) -> bool:
    """Foreign ids came back for ``job_id=``: MetaStudio ignored the filter, so every page has to be read."""
    return listed.reply.status == 200 and any(found.job_id != job for found in listed.jobs)


def finding(shown: Shown, listed: Listed | None, job: JobId) -> Finding:
    """What Show and, where it was asked, List prove together. ``listed`` None means that it was not asked."""
    if shows_it(shown, job) or (listed is not None and lists_it(listed, job)):
        return Finding.PRESENT
    if replies.says_gone(shown.reply) and listed is not None and lists_nothing(listed):
        return Finding.GONE
    return Finding.NOTHING


@dataclass(frozen=True, slots=True)
class Tally:
    """How many reads in a row have agreed, since when, and on what."""

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
    """How much agreement *present* needs before it counts as "not deleted"."""

    reads: int
    over: timedelta


ENOUGH_READS_WHEN_LOST = 5
ENOUGH_WHEN_ANSWERED = Patience(3, timedelta(seconds=30))
UNDETERMINED_AFTER = timedelta(hours=24)
DAILY = timedelta(hours=24)
OFTEN_AT_LEAST = timedelta(minutes=1)
SELDOM = timedelta(minutes=10)
CORRECTION_AFTER = timedelta(hours=1)


def patience(*, answered_5xx: bool, settle_after: timedelta) -> Patience:
    """A lost reply needs long patience; MetaStudio's own 5xx with an MSS. code is an answer, so it needs little."""
    lost = Patience(ENOUGH_READS_WHEN_LOST, settle_after)
    if not answered_5xx:
        return lost
    return Patience(ENOUGH_WHEN_ANSWERED.reads, min(ENOUGH_WHEN_ANSWERED.over, settle_after))


def settles(tally: Tally, enough: Patience, now: datetime) -> Step | None:
    """The step that the reads so far allow, if any."""
    if tally.last is Finding.GONE:
        return Step.READ_GONE
    if tally.last is Finding.PRESENT and tally.first_at is not None:
        long_enough = now - tally.first_at >= enough.over
        return Step.READ_PRESENT if long_enough and tally.agreeing >= enough.reads else None
    return None


def next_read(since: datetime, enough: Patience, now: datetime) -> datetime:
    """When to look again: often while the count can settle it, then every ten minutes, after a day daily.

    Often lasts a minute at least: where settling is set to seconds, the readers' own pace would outlast it.
    """
    age = now - since
    if age >= UNDETERMINED_AFTER:
        return now + DAILY
    often = enough.over / (8 if enough.reads == ENOUGH_READS_WHEN_LOST else 2)
    return now + (often if age < max(2 * enough.over, OFTEN_AT_LEAST) else max(SELDOM, often))
