"""From the claim to the recorded outcome: the only place that sends a DELETE.

The claim is one conditional update, so at most one sender wins it. The sender holds it until ``send_before``; from
``takeover_at`` on anybody may call the row unknown, but nobody may ever send again. A reply that comes after that is
still recorded, and corrected in public where it contradicts what was said.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from bot.deletion.apply import apply
from bot.deletion.record import record, reply_event, with_reply
from bot.domain import outcomes
from bot.domain.age import NO_AGE, Moment, age
from bot.domain.change import Change
from bot.domain.events import Kind, event_about
from bot.domain.ledger_port import LedgerTrouble
from bot.domain.lifecycle import Step
from bot.domain.model import Actor, Attempt, Cause, Deletion, Operation, Press, Reply, State
from bot.domain.ports import Ports
from bot.domain.refusals import Reason, Refused

log = structlog.get_logger(__name__)

SEND_WITHIN = timedelta(seconds=5)
"""Maximum age of the oldest check (place, people, job) on which a DELETE may be sent."""
CLAIM_WITHIN = timedelta(seconds=4)
"""The same for the claim. With less than a second left for the claim and the DELETE, the checks are made again."""
CHECKS = 3
"""Maximum number of times that one press is checked, where the checks are too old for a claim each time."""
GRACE = timedelta(seconds=10)
LONGEST_BACK_OFF = 10.0
LONGEST_WAIT = timedelta(seconds=LONGEST_BACK_OFF + 30 + 60)
"""Maximum of the back-off, the wait for a slot of the limiter, and the checks together."""

Check = Callable[[], Moment | Refused]
"""Checks everything that a DELETE rests on. Returns the time of the oldest question, or why nothing may be sent."""


@dataclass(frozen=True, slots=True)
class Stopped:
    """A throttled DELETE is not sent again. ``why`` is None where the row is no longer the sender's."""

    why: Refused | None = None
    perhaps: Attempt | None = None
    """The next attempt, where nobody knows whether its claim was written."""


NOT_STOPPED = Stopped()


def claim_and_send(deletion: Deletion, press: Press, ports: Ports, check: Check) -> Deletion | Refused | None:
    """Check, claim, send, record, post.

    Nothing was sent where it returns a refusal by the checks, or None: somebody else was first, the time was over, or
    this process takes no new work.
    Raises ``LedgerTrouble`` only for the claim itself, when nothing was sent either. Once it is ours, whatever goes
    wrong leaves the row DELETING, and reading settles it: no caller may say then that nothing was deleted.
    """
    checked = _young(check, ports)
    if isinstance(checked, Refused):
        return checked
    attempt = _new_attempt(1, secrets.token_hex(8), checked, ports)
    claimed = _claim(deletion, press.actor, attempt, ports)
    if claimed is None:
        return None
    try:
        call_off = ports.show_deleting(claimed)
        try:
            return _send(claimed, attempt, press, checked, check, ports) or claimed
        finally:
            call_off()
    except Exception:
        log.exception("sending_failed", deletion=claimed.id)
        return claimed


def _young(check: Check, ports: Ports) -> Moment | Refused:
    """Checks that are recent enough for a claim. Stale ones are made again, at most ``CHECKS`` times in all."""
    for _ in range(CHECKS):
        checked = check()
        if isinstance(checked, Refused) or age(checked, ports.clock) < CLAIM_WITHIN:
            return checked
    return Refused(Reason.CHECKS_TOO_OLD)


def _send(
    claimed: Deletion, attempt: Attempt, press: Press, checked: Moment, check: Check, ports: Ports
) -> Deletion | None:
    def may_send() -> bool:
        # Not by ``attempt.send_before``: that is wall-clock time, for the replica that takes over. A pause of this
        # process or of its whole machine, at any point since the checks, ends here.
        return age(checked, ports.clock) < SEND_WITHIN

    stopped = NOT_STOPPED
    while True:
        try:
            reply = ports.jobs.delete(claimed.job.job_id, may_send=may_send)
        except LedgerTrouble:
            # Raised before anything is sent, and never later.
            reply = Reply(Operation.DELETE, ports.clock.now(), cause=Cause.LEDGER_TROUBLE)
        if not outcomes.may_send_again(reply, attempt.number):
            break
        again = _claim_again(claimed, attempt, reply, check, ports)
        if isinstance(again, Stopped):
            stopped = again
            break
        following, checked = again
        claimed = _followed(claimed, with_reply(attempt, reply), following)
        attempt = following
    # Logged before it is written, so that it is known even if the ledger fails right now.
    log.info(
        "delete_replied",
        deletion=claimed.id,
        status=reply.status,
        code=reply.code,
        request_id=reply.request_id,
        cause=reply.cause and reply.cause.value,
        attempt=attempt.number,
    )
    answered = with_reply(attempt, reply)
    return ports.pending_writes(claimed.id, lambda: _record_and_watch(claimed, answered, reply, stopped, press, ports))


def _followed(claimed: Deletion, answered: Attempt, following: Attempt) -> Deletion:
    """The deletion with its next attempt. After a lost commit only this process knows the earlier ones."""
    return replace(claimed, attempts=(*claimed.attempts[:-1], answered, following))


def _record_and_watch(
    claimed: Deletion, attempt: Attempt, reply: Reply, stopped: Stopped, press: Press, ports: Ports
) -> Deletion | None:
    """Record the reply, and check later whether the ledger still has it: a failover may lose the last commits."""
    following = stopped.perhaps
    if following is not None and outcomes.kept(ports.ledger.deletions.get(claimed.id), following):
        # Its claim was written after all. Without a reply of its own it would look like a DELETE that was sent.
        claimed = _followed(claimed, attempt, following)
        reply = Reply(Operation.DELETE, ports.clock.now(), cause=Cause.LEDGER_TROUBLE)
        attempt = with_reply(following, reply)
    recorded = record(claimed, attempt, reply, ports, why=stopped.why, answers=press.id)
    ports.recheck(
        claimed.id, lambda: record(claimed, attempt, reply, ports, why=stopped.why, again=True, answers=press.id)
    )
    return recorded


def _new_attempt(number: int, token: str, checked: Moment, ports: Ports) -> Attempt:
    # A DELETE on stale checks is never sent, so the row need not say how stale they are.
    left = max(SEND_WITHIN - min(age(checked, ports.clock), SEND_WITHIN), NO_AGE)
    now = ports.clock.now()
    return Attempt(number, token, claimed_at=now, send_before=now + left)


def _takeover_at(attempt: Attempt, ports: Ports) -> datetime:
    return attempt.send_before + ports.config.connect_timeout + ports.config.read_timeout + GRACE


def _claim(deletion: Deletion, confirmer: Actor, attempt: Attempt, ports: Ports) -> Deletion | None:
    if ports.admission.refusal() is not None:
        return None
    now = attempt.claimed_at
    change = Change(
        Step.CLAIM,
        {
            "confirmer": confirmer,
            "confirmed_at": now,
            "claim_token": attempt.claim_token,
            "send_before": attempt.send_before,
            "takeover_at": _takeover_at(attempt, ports),
            # From here on this says whether people were reminded that the outcome is unknown.
            "reminded": False,
        },
        (event_about(Kind.CLAIMED, deletion, now, confirmer, attempt=1),),
        before_deadline=now,
        attempt=attempt,
    )
    # A COMMIT without an answer is a win only if a fresh read shows this claim.
    return apply(deletion, change, ports, find=lambda: _claimed_by(attempt, deletion, ports))


def _claimed_by(attempt: Attempt, deletion: Deletion, ports: Ports) -> Deletion | None:
    """The deletion where this attempt's claim holds it, by a fresh read."""
    found = ports.ledger.deletions.get(deletion.id)
    if found is None or found.state is not State.DELETING or found.claim_token != attempt.claim_token:
        return None
    return found if outcomes.kept(found, attempt) else None


def _claim_again(
    claimed: Deletion, attempt: Attempt, reply: Reply, check: Check, ports: Ports
) -> tuple[Attempt, Moment] | Stopped:
    """Record a throttled attempt, wait, check, and claim the next one; else why it is not sent.

    The back-off alone makes the checks of the press too old, so each DELETE rests on checks of its own. Where they
    forbid it, the throttled reply is the outcome.
    """
    following: Attempt | None = None
    try:
        throttled = Change(
            None,
            # The claim is kept during the wait for the next attempt, so that no other process takes it over.
            {"takeover_at": ports.clock.now() + LONGEST_WAIT + GRACE},
            (reply_event(Kind.REPLIED, claimed, reply, ports),),
            where={"claim_token": attempt.claim_token},
            attempt=with_reply(attempt, reply),
        )
        if apply(claimed, throttled, ports) is None:
            return Stopped()
        ports.clock.sleep(min(reply.retry_after or outcomes.BACK_OFF[attempt.number - 1], LONGEST_BACK_OFF))
        if not ports.jobs.acquire(Operation.DELETE):
            return Stopped(Refused(Reason.BUSY))
        checked = _young(check, ports)
        if isinstance(checked, Refused):
            return Stopped(checked)
        if closed := ports.admission.refusal():
            return Stopped(closed)
        following = _new_attempt(attempt.number + 1, attempt.claim_token, checked, ports)
        if not _write_claim(claimed, following, ports):
            frozen = ports.ledger.freezes.current()
            return Stopped(Refused(Reason.FROZEN, {"freeze": frozen}) if frozen else None)
    except LedgerTrouble as trouble:
        # Without a written claim nothing is sent; the throttled reply is what there is to record.
        return Stopped(Refused(Reason.LEDGER_TROUBLE), following if trouble.in_doubt else None)
    return following, checked


def _write_claim(claimed: Deletion, following: Attempt, ports: Ports) -> bool:
    """Whether this next attempt's claim is written; where its COMMIT was not answered, by a fresh read."""
    change = Change(
        Step.CLAIM_AGAIN,
        {"send_before": following.send_before, "takeover_at": _takeover_at(following, ports)},
        (event_about(Kind.CLAIMED, claimed, following.claimed_at, claimed.confirmer, attempt=following.number),),
        where={"claim_token": following.claim_token},
        attempt=following,
    )
    return apply(claimed, change, ports, find=lambda: _claimed_by(following, claimed, ports)) is not None
