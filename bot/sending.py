"""From the claim to the recorded outcome: the only place that sends a DELETE.

The claim is one conditional update, so at most one sender wins it. The sender holds it until ``send_before``; from
``takeover_at`` on anybody may call the row unknown, but nobody may ever send again. A reply that comes after that is
still recorded, and corrected in public where it contradicts what was said.
"""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from bot import lifecycle, outcomes
from bot.lifecycle import Step
from bot.metastudio.replies import Meaning, is_clock_skew, meaning
from bot.model import Actor, Attempt, Cause, Deletion, Operation, Reply, State
from bot.ports import LedgerTrouble, Ports
from bot.trail import Event, Kind, TellKind, event_about, tells_about

log = structlog.get_logger(__name__)

SEND_WITHIN = timedelta(seconds=5)
GRACE = timedelta(seconds=10)
LONGEST_BACK_OFF = 10.0
LONGEST_WAIT = timedelta(seconds=LONGEST_BACK_OFF + 30)
"""The back-off and the wait for a place in the limiter, at most."""


def claim_and_send(deletion: Deletion, confirmer: Actor, ports: Ports) -> Deletion | None:
    """Claim, send, record, tell. None when somebody else was first or the time was over: then nothing was sent.

    Raises ``LedgerTrouble`` only for the claim itself, when nothing was sent either. Once it is ours, whatever goes
    wrong leaves the row DELETING, and reading settles it: no caller may say then that nothing was deleted.
    """
    claimed = _claim(deletion, confirmer, ports)
    if claimed is None:
        return None
    try:
        return _send(claimed, ports) or claimed
    except Exception:
        log.exception("sending_failed", deletion=claimed.id)
        return claimed


def _send(claimed: Deletion, ports: Ports) -> Deletion | None:
    attempt = claimed.attempts[-1]
    while True:
        try:
            reply = ports.jobs.delete(claimed.job.job_id, send_before=attempt.send_before)
        except LedgerTrouble:
            # Raised before anything is sent, and never later.
            reply = Reply(Operation.DELETE, ports.clock.now(), cause=Cause.LEDGER_TROUBLE)
        if not outcomes.may_send_again(reply, attempt.number):
            break
        again = _claim_again(claimed, attempt, reply, ports)
        if again is None:
            break
        attempt = again
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
    answered = _with_reply(attempt, reply)
    return ports.unwritten(claimed.id, lambda: record(claimed, answered, reply, ports))


def _new_attempt(number: int, token: str, now: datetime) -> Attempt:
    return Attempt(number, token, claimed_at=now, send_before=now + SEND_WITHIN)


def _takeover_at(attempt: Attempt, ports: Ports) -> datetime:
    return attempt.send_before + ports.terms.connect_timeout + ports.terms.read_timeout + GRACE


def _claim(deletion: Deletion, confirmer: Actor, ports: Ports) -> Deletion | None:
    now = ports.clock.now()
    attempt = _new_attempt(1, secrets.token_hex(8), now)
    try:
        return ports.ledger.change(
            deletion.id,
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
            event_about(Kind.CLAIMED, deletion, now, confirmer, attempt=1),
            before_deadline=now,
            attempt=attempt,
        )
    except LedgerTrouble as trouble:
        if not trouble.in_doubt:
            raise
        # A COMMIT without an answer is a win only if a fresh read shows our token.
        found = ports.ledger.get(deletion.id)
        if found is None or found.claim_token != attempt.claim_token or found.state is not State.DELETING:
            raise
        return found


def _claim_again(claimed: Deletion, attempt: Attempt, reply: Reply, ports: Ports) -> Attempt | None:
    """Record a throttled attempt, wait, and claim the next one. None when that is no longer ours to do."""
    try:
        ports.ledger.change(
            claimed.id,
            None,
            # The claim stays ours while we wait for the next attempt, so nobody takes it over meanwhile.
            {"takeover_at": ports.clock.now() + LONGEST_WAIT + GRACE},
            _reply_event(Kind.REPLIED, claimed, reply, ports),
            where={"claim_token": attempt.claim_token},
            attempt=_with_reply(attempt, reply),
        )
        ports.clock.sleep(min(reply.retry_after or outcomes.BACK_OFF[attempt.number - 1], LONGEST_BACK_OFF))
        if not ports.jobs.wait_turn(Operation.DELETE):
            return None
        following = _new_attempt(attempt.number + 1, attempt.claim_token, ports.clock.now())
        changed = ports.ledger.change(
            claimed.id,
            Step.CLAIM_AGAIN,
            {"send_before": following.send_before, "takeover_at": _takeover_at(following, ports)},
            event_about(Kind.CLAIMED, claimed, following.claimed_at, claimed.confirmer, attempt=following.number),
            where={"claim_token": attempt.claim_token},
            attempt=following,
        )
    except LedgerTrouble:
        # Without a written claim nothing is sent; the throttled reply is what there is to record.
        return None
    return following if changed is not None else None


def _with_reply(attempt: Attempt, reply: Reply) -> Attempt:
    return replace(
        attempt,
        replied_at=reply.at,
        status=reply.status,
        cause=reply.cause,
        code=reply.code,
        message=reply.message,
        request_id=reply.request_id,
    )


def record(claimed: Deletion, attempt: Attempt, reply: Reply, ports: Ports) -> Deletion | None:
    """Write a reply to DELETE into the ledger, with its messages, and deliver them. Safe to repeat."""
    decision = outcomes.decide(reply)
    now = ports.clock.now()
    lost = decision.step is Step.LOSE
    values: dict[str, object] = {
        "ended_why": decision.ending.value,
        "read_due_at": None if decision.read_after is None else now + decision.read_after,
    }
    if lost:
        values |= {"unknown_since": now, "answered_5xx": meaning(reply) is Meaning.SERVER_ERROR}
    else:
        values |= {"ended_at": now}
    new_state = lifecycle.target(decision.step).value
    kind = TellKind.UNKNOWN if lost else TellKind.OUTCOME
    tells = tells_about(claimed, kind, state=new_state, **_clock_facts(reply))
    changed = ports.ledger.change(
        claimed.id,
        decision.step,
        values,
        _reply_event(decision.kind, claimed, reply, ports),
        where={"claim_token": attempt.claim_token, "state": State.DELETING},
        attempt=attempt,
        tell=tells,
    )
    if changed is None:
        return _record_late(claimed, attempt, reply, decision, ports)
    ports.deliver(tells)
    return changed


def _record_late(
    claimed: Deletion, attempt: Attempt, reply: Reply, decision: outcomes.Decision, ports: Ports
) -> Deletion | None:
    """The row was taken over meanwhile. What this reply changes is a table; it is kept with its attempt in any case."""
    now = ports.clock.now()
    found = ports.ledger.get(claimed.id)
    if found is None or found.ended_why == decision.ending.value:
        return found  # Nothing to change; a repeated write has already had its effect.
    late = outcomes.LATE.get((found.state, decision.step))
    if late is None and attempt in found.attempts:
        return found  # It changes nothing, and it is recorded already.
    step, event_kind, tell_kind = late or (None, Kind.REPLIED, TellKind.LATE)
    new_state = found.state if step is None else lifecycle.target(step)
    values: dict[str, object] = {}
    if step is not None:
        read_due = None if decision.read_after is None else now + decision.read_after
        values = {
            "ended_at": now,
            "ended_why": decision.ending.value,
            "read_due_at": read_due,
            "reads_agreeing": 0,
            "verified_at": None,
        }
    tells = tells_about(claimed, tell_kind, state=new_state.value, **_clock_facts(reply))
    changed = ports.ledger.change(
        claimed.id,
        step,
        values,
        _reply_event(event_kind, claimed, reply, ports, late=True),
        where={"state": found.state},
        attempt=attempt,
        tell=tells,
    )
    if changed is None:
        # The state moved between our look and our write: look again. States only move forward, so this ends.
        return _record_late(claimed, attempt, reply, decision, ports)
    ports.deliver(tells)
    return changed


def _clock_facts(reply: Reply) -> dict[str, int]:
    """What the message about a rejected signature has to name besides: by how many seconds the bot's clock is off."""
    if not is_clock_skew(reply) or reply.clock_skew is None:
        return {}
    return {"clock_skew": round(reply.clock_skew)}


def _reply_event(kind: Kind, deletion: Deletion, reply: Reply, ports: Ports, **more: bool) -> Event:
    return event_about(
        kind,
        deletion,
        ports.clock.now(),
        deletion.confirmer,
        request_id=reply.request_id,
        status=reply.status,
        code=reply.code,
        cause=reply.cause and reply.cause.value,
        means=meaning(reply).value,
        **more,
    )
