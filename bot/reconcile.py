"""Finding out: deletions whose sender is gone become unknown, and unknown ones are settled by reading only.

The same reads tell, after an outcome, that the job is really gone ("verified gone"), what a rejected DELETE left
behind, and, an hour after "not deleted", whether that has to be corrected.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from bot import evidence, outcomes
from bot.evidence import Finding, Tally
from bot.lifecycle import Step
from bot.logs import about
from bot.metastudio import replies
from bot.model import OPEN_STATES, Actor, Cause, Deletion, Job, JobId, Listed, Refused, Shown, State
from bot.outcomes import Ending
from bot.policy import Reason
from bot.ports import Ports
from bot.trail import Kind, Tell, TellKind, event_about, tells_about

EVER = datetime.min.replace(tzinfo=UTC)
LEASE_SECONDS = 180.0
PAGE = 100
MOST_PAGES = 100
VERIFY_PAUSES = (10.0, 30.0, 120.0, 450.0)
"""Seconds between the looks after an accepted DELETE; with the first look they span ten minutes."""


def take_over(ports: Ports) -> int:
    """A claim that ran out without a recorded reply is an unknown outcome. Nobody may send again."""
    left = ports.ledger.lease_deletions("takeover", ports.clock.now(), seconds=LEASE_SECONDS)
    for deletion in left:
        now = ports.clock.now()
        tells = tells_about(deletion, TellKind.UNKNOWN, state=State.UNKNOWN.value)
        changed = ports.ledger.change(
            deletion.id,
            Step.LOSE,
            {"unknown_since": now, "ended_why": Ending.SENDER_GONE.value, "read_due_at": now},
            event_about(Kind.UNKNOWN, deletion, now, means=Ending.SENDER_GONE.value),
            # Its sender may have claimed the next attempt since; that one is not lost.
            where={"claim_token": deletion.claim_token, "send_before": deletion.send_before},
            tell=tells,
        )
        ports.deliver(tells if changed else ())
    return len(left)


def read_next(ports: Ports) -> int:
    """Do the read that has been due longest; returns how many there were. Several readers may do so at once.

    A read may take a minute where MetaStudio hangs, so nothing that is due for other reasons waits behind one.
    """
    due = ports.ledger.lease_deletions("read", ports.clock.now(), seconds=LEASE_SECONDS, limit=1)
    for deletion in due:
        with about(deletion.id):
            read_one(deletion, ports)
    return len(due)


def look(job: Job, ports: Ports) -> tuple[Finding, Shown]:
    """One read: Show, and List where Show says that the job is gone."""
    shown = ports.jobs.show(job.job_id)
    return witnessed(shown, job, ports), shown


def witnessed(shown: Shown, job: Job, ports: Ports) -> Finding:
    """What a Show proves, with List as its second witness where it says that the job is gone.

    Whether ``X-App-UserId`` hides the jobs of others is not documented. So where the bot has been given another one
    since the card was made, a job that it is not shown is not taken to be gone.
    """
    listed = _list(job.job_id, ports) if replies.says_gone(shown.reply) else None
    found = evidence.finding(shown, listed, job.job_id)
    return Finding.NOTHING if found is Finding.GONE and job.seen_as != ports.terms.seen_as else found


def _list(job: JobId, ports: Ports) -> Listed:
    """List with the ``job_id`` filter, or every page where it is ignored. An incomplete walk proves nothing."""
    first = ports.jobs.find(job_id=job)
    if not evidence.ignores_the_filter(first, job) or evidence.lists_it(first, job):
        return first
    seen, last = 0, None
    for _ in range(MOST_PAGES):
        # Each page begins with the job that ended the one before. Where it does not, the list has moved meanwhile, and
        # the job may have slipped past between two pages.
        page = ports.jobs.find(offset=max(seen - 1, 0), limit=PAGE)
        if page.reply.status != 200 or not page.reply.body_ok or evidence.lists_it(page, job):
            return page
        found = [one.job_id for one in page.jobs]
        if page.unreadable or (last is not None and found[:1] != [last]):
            break
        new = found if last is None else found[1:]
        if not new:
            complete = page.count is not None and seen >= page.count
            return Listed(page.reply, count=0 if complete else None)
        seen, last = seen + len(new), new[-1]
    return replace(first, count=None, jobs=())


def read_one(deletion: Deletion, ports: Ports) -> Deletion | None:
    """One read for one deletion, recorded, with whatever it settles."""
    seen, shown = look(deletion.job, ports)
    if deletion.state is State.UNKNOWN:
        return _weigh(deletion, seen, shown, ports)
    return _after_the_outcome(deletion, seen, shown, ports)


def _facts(seen: Finding, shown: Shown) -> dict[str, Any]:
    return {"found": seen.value, "status": shown.reply.status, "code": shown.reply.code}


def _read_values(tally: Tally) -> dict[str, object]:
    return {
        "reads_agreeing": tally.agreeing,
        "reads_first_at": tally.first_at,
        "reads_last": None if tally.last is None else tally.last.value,
    }


def _tally(deletion: Deletion) -> Tally:
    last = None if deletion.reads_last is None else Finding(deletion.reads_last)
    return Tally(deletion.reads_agreeing, deletion.reads_first_at, last)


def _weigh(deletion: Deletion, seen: Finding, shown: Shown, ports: Ports) -> Deletion | None:
    now = ports.clock.now()
    since = deletion.unknown_since or now
    tally = _tally(deletion).with_(seen, now)
    enough = evidence.patience(answered_5xx=deletion.answered_5xx, settle_after=ports.terms.settle_after)
    # Time that has passed since the last read that showed anything is no agreement.
    step = evidence.settles(tally, enough, now) if seen is not Finding.NOTHING else None
    values = _read_values(tally)
    facts = _facts(seen, shown) | {"agreeing": tally.agreeing}
    if step is None:
        undetermined = now - since >= evidence.UNDETERMINED_AFTER and not deletion.reminded
        tells = tells_about(deletion, TellKind.UNDETERMINED, state=State.UNKNOWN.value) if undetermined else ()
        values |= {
            "read_due_at": evidence.next_read(since, enough, now),
            "reminded": deletion.reminded or undetermined,
        }
        kind = Kind.READ
    else:
        gone = step is Step.READ_GONE
        new = State.DELETED if gone else State.FAILED
        tells = tells_about(deletion, TellKind.SETTLED, state=new.value)
        values |= {
            "ended_at": now,
            "ended_why": (Ending.READ_GONE if gone else Ending.READ_PRESENT).value,
            "verified_at": now,
            "read_due_at": None if gone else now + evidence.CORRECTION_AFTER,
        }
        kind = Kind.SETTLED
    changed = ports.ledger.change(
        deletion.id,
        step,
        values,
        event_about(kind, deletion, now, request_id=shown.reply.request_id, **facts),
        where={"state": State.UNKNOWN},
        tell=tells,
    )
    ports.deliver(tells if changed else ())
    return changed


def _after_the_outcome(deletion: Deletion, seen: Finding, shown: Shown, ports: Ports) -> Deletion | None:
    now = ports.clock.now()
    facts = _facts(seen, shown)
    step: Step | None = None
    kind = Kind.READ
    values: dict[str, object] = {"read_due_at": None}
    tells: tuple[Tell, ...] = ()
    if deletion.ended_why == Ending.READ_PRESENT.value:
        later = _sent_later(deletion, ports) if seen is Finding.GONE else None
        if evidence.shows_it(shown, deletion.job.job_id):
            pass  # Still there: what was said stands.
        elif seen is not Finding.GONE or (later is not None and later.state in OPEN_STATES):
            # A read that decided nothing is repeated until one decides, however long that takes: what was said may be
            # untrue, and nobody else would notice. The last word is Show's, since a List that still names the job may
            # lag behind; and there is none while a later deletion is in doubt.
            is_young = now - (deletion.ended_at or now) < evidence.UNDETERMINED_AFTER
            values = {"read_due_at": now + (evidence.CORRECTION_AFTER if is_young else evidence.DAILY)}
        elif later is None:
            # An hour after "not deleted" the job is gone: the late effect of our DELETE, or somebody else's.
            step, kind = Step.READ_GONE, Kind.CORRECTED
            values |= {"ended_why": Ending.READ_GONE.value, "ended_at": now, "verified_at": now}
            tells = tells_about(deletion, TellKind.CORRECTION, state=State.DELETED.value)
        else:
            # Another deletion of the job has been sent since. What was said of this one stands.
            tells = tells_about(
                deletion,
                TellKind.LOOKED,
                found=seen.value,
                at=now.timestamp(),
                later=later.id,
                later_confirmed=later.ended_why == Ending.REPLY_DELETED.value,
            )
    elif _wants_another_look(deletion, seen):
        values = {"read_due_at": now + _pause(deletion), "reads_agreeing": deletion.reads_agreeing + 1}
    else:
        state = shown.job.state if shown.job is not None else None
        values |= {"verified_at": now if seen is Finding.GONE else None}
        tells = tells_about(
            deletion,
            TellKind.LOOKED,
            found=seen.value,
            job_state=state,
            at=now.timestamp(),
            looks=deletion.reads_agreeing + 1,
        )
    changed = ports.ledger.change(
        deletion.id,
        step,
        values,
        event_about(kind, deletion, now, request_id=shown.reply.request_id, **facts),
        where={"state": deletion.state, "ended_why": deletion.ended_why},
        tell=tells,
    )
    ports.deliver(tells if changed else ())
    return changed


def _sent_later(deletion: Deletion, ports: Ports) -> Deletion | None:
    """The newest deletion of the same job that was asked for later and may have removed it.

    One deletion of a job is open at a time, so it was sent after this one had been settled.
    """
    others = ports.ledger.earlier(deletion, deletion.asked_at)
    return next((one for one in others if one.asked_at > deletion.asked_at and outcomes.may_have_worked(one)), None)


def may_have_removed(deletion: Deletion, ports: Ports) -> Deletion | None:
    """The newest deletion of the same job that was asked for before and may have removed it, were it late."""
    others = ports.ledger.earlier(deletion, EVER)
    return next((one for one in others if one.asked_at < deletion.asked_at and outcomes.may_have_worked(one)), None)


def _wants_another_look(deletion: Deletion, seen: Finding) -> bool:
    """An accepted DELETE is looked at until the job is gone; a rejected one until a read decides anything."""
    if deletion.reads_agreeing >= len(VERIFY_PAUSES):
        return False
    return seen is Finding.NOTHING or (deletion.state is State.DELETED and seen is Finding.PRESENT)


def _pause(deletion: Deletion) -> timedelta:
    return timedelta(seconds=VERIFY_PAUSES[min(deletion.reads_agreeing, len(VERIFY_PAUSES) - 1)])


NOT_LOOKED: dict[Cause, Reason] = {Cause.BREAKER_OPEN: Reason.BREAKER_OPEN, Cause.LIMITED: Reason.BUSY}
"""Why MetaStudio was not even asked; after any other cause it was."""


def check_now(deletion: Deletion, ports: Ports) -> Deletion | Refused:
    """*Check now*: one read at once, whatever the schedule says."""
    if deletion.state is not State.UNKNOWN:
        return Refused(Reason.NOT_UNKNOWN, {"deletion": deletion})
    seen, shown = look(deletion.job, ports)
    weighed = _weigh(deletion, seen, shown, ports)
    if weighed is not None and shown.reply.cause is not None:
        # Nothing was seen, or not even looked for, and nobody shall read that the bot has looked.
        return Refused(NOT_LOOKED.get(shown.reply.cause, Reason.JOB_NOT_READ), {"reply": shown.reply})
    return weighed or Refused(Reason.NOT_UNKNOWN, {"deletion": ports.ledger.get(deletion.id)})


def may_close_by_hand(deletion: Deletion, now: datetime) -> bool:
    """A day of reading that decided nothing is the condition for a person's word."""
    since = deletion.unknown_since
    return deletion.state is State.UNKNOWN and since is not None and now - since >= evidence.UNDETERMINED_AFTER


def close_by_hand(deletion: Deletion, actor: Actor, *, deleted: bool, ports: Ports) -> Deletion | Refused:
    """*Close as checked by hand*: recorded as that person's word, never as something the bot found out."""
    now = ports.clock.now()
    if deletion.state is not State.UNKNOWN:
        return Refused(Reason.NOT_UNKNOWN, {"deletion": deletion})
    if not may_close_by_hand(deletion, now):
        return Refused(Reason.NOT_YET_BY_HAND, {"deletion": deletion})
    new = State.DELETED if deleted else State.FAILED
    tells = tells_about(deletion, TellKind.CLOSED, state=new.value)
    changed = ports.ledger.change(
        deletion.id,
        Step.CLOSE_DELETED if deleted else Step.CLOSE_FAILED,
        {"ended_at": now, "ended_why": Ending.BY_HAND.value, "ended_by": actor, "read_due_at": None},
        event_about(Kind.CLOSED_BY_HAND, deletion, now, actor, word=new.value),
        tell=tells,
    )
    ports.deliver(tells if changed else ())
    return changed or Refused(Reason.NOT_UNKNOWN, {"deletion": ports.ledger.get(deletion.id)})
