"""Records the outcome that a reply to DELETE gives a deletion, also where the reply is late or a commit was lost."""

from __future__ import annotations

from dataclasses import replace

from bot.deletion import lost_claims
from bot.deletion.apply import apply
from bot.domain import lifecycle, outcomes
from bot.domain.change import Change
from bot.domain.events import Event, Kind, event_about
from bot.domain.lifecycle import Step
from bot.domain.model import Attempt, Deletion, Reply, State
from bot.domain.notifications import NotificationKind, notifications_about, refusal_facts
from bot.domain.ports import Ports
from bot.domain.refusals import Refused
from bot.domain.replies import is_clock_skew, meaning


def with_reply(attempt: Attempt, reply: Reply) -> Attempt:
    """The attempt with what MetaStudio answered."""
    return replace(
        attempt,
        replied_at=reply.at,
        status=reply.status,
        cause=reply.cause,
        code=reply.code,
        message=reply.message,
        request_id=reply.request_id,
        other_request_id=reply.other_request_id,
    )


def record(
    claimed: Deletion,
    attempt: Attempt,
    reply: Reply,
    ports: Ports,
    *,
    why: Refused | None = None,
    again: bool = False,
    answers: str | None = None,
) -> Deletion | None:
    """Write a reply to DELETE into the ledger, with its messages, and deliver them. Safe to repeat.

    ``why`` says why a throttled DELETE was not sent again, if it could have been.
    ``again``: it was recorded before, and this call checks whether the ledger has lost it since.
    ``answers``: the request of the person who pressed. The thread is their answer, since it has the outcome.
    """
    decision, facts = outcomes.decide(reply, attempt.number), _facts(reply, why)
    now = ports.clock.now()
    is_unknown = decision.step is Step.LOSE
    values: dict[str, object] = {
        "ended_why": decision.ending.value,
        "read_due_at": None if decision.read_after is None else now + decision.read_after,
    }
    values |= {"unknown_since": now, "answered_5xx": decision.is_answer} if is_unknown else {"ended_at": now}
    held = lost_claims.Held(
        claimed,
        attempt,
        reply,
        decision,
        values,
        lambda kind: reply_event(kind, claimed, reply, ports, late=True),
        facts,
        answers,
    )
    if again or attempt.number > 1:
        # The conditional update below would not see that a later claim of the same sender is missing.
        row = ports.ledger.deletions.get(claimed.id)
        found = _with_its_commits(row, attempt, again=again)
        if found is None:
            return lost_claims.record(held, row, ports)
        if again:
            return found
    kind = NotificationKind.UNKNOWN if is_unknown else NotificationKind.OUTCOME
    change = Change(
        decision.step,
        values,
        (reply_event(decision.kind, claimed, reply, ports),),
        notifications_about(claimed, kind, state=lifecycle.target(decision.step).value, **facts),
        where={"claim_token": attempt.claim_token, "state": State.DELETING},
        attempt=attempt,
        answers=answers,
    )
    return apply(claimed, change, ports) or _record_late(held, ports)


def _with_its_commits(row: Deletion | None, attempt: Attempt, *, again: bool = False) -> Deletion | None:
    """The row, or None if the ledger has lost a commit of it: this attempt's claim, or its reply if that was recorded.

    Also None where another claim holds the row, since the sender of a lost claim has put its own back.
    """
    kept = outcomes.kept(row, attempt)
    if row is None or kept is None:
        return None
    is_lost = kept.replied_at is None and (again or row.claim_token != attempt.claim_token)
    return None if is_lost else row


def _record_late(held: lost_claims.Held, ports: Ports) -> Deletion | None:
    """The row was taken over meanwhile. ``outcomes.LATE`` says what the reply changes; its attempt keeps it always."""
    now = ports.clock.now()
    attempt, decision = held.attempt, held.decision
    row = ports.ledger.deletions.get(held.claimed.id)
    found = _with_its_commits(row, attempt)
    if found is None:
        return lost_claims.record(held, row, ports)
    if found.claim_token != attempt.claim_token or found.ended_why == decision.ending.value:
        return found  # Nothing to change; a repeated write has already had its effect.
    late = outcomes.LATE.get((found.state, decision.step))
    if late is None and attempt in found.attempts:
        return found  # It changes nothing, and it is recorded already.
    step, event_kind, notification_kind = late or (None, Kind.REPLIED, NotificationKind.LATE)
    new_state = found.state if step is None else lifecycle.target(step)
    values: dict[str, object] = {}
    if step is not None:
        read_due = None if decision.read_after is None else now + decision.read_after
        values = {
            "ended_at": now,
            "ended_why": decision.ending.value,
            "read_due_at": read_due,
            "reads_agreeing": 0,
            "reads_first_at": None,
            "reads_last": None,
            "verified_at": None,
        }
    change = Change(
        step,
        values,
        (held.event(event_kind),),
        notifications_about(held.claimed, notification_kind, state=new_state.value, **held.facts),
        where={"state": found.state},
        attempt=attempt,
    )
    # Where the state moved between the read and the write it is read again. States only move forward, so this ends.
    return apply(held.claimed, change, ports) or _record_late(held, ports)


def _facts(reply: Reply, why: Refused | None) -> dict[str, object]:
    """More facts for the message about the reply.

    For a rejected signature: by how many seconds the bot's clock is off. For a throttled DELETE: why it was not sent
    again.
    """
    facts: dict[str, object] = {}
    if is_clock_skew(reply) and reply.clock_skew is not None:
        facts["clock_skew"] = round(reply.clock_skew)
    if why is not None:
        facts["not_again"] = refusal_facts(why)
    return facts


def reply_event(kind: Kind, deletion: Deletion, reply: Reply, ports: Ports, **more: bool) -> Event:
    """An event that carries a reply to DELETE."""
    other = {"other_request_id": reply.other_request_id} if reply.other_request_id else {}
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
        **other,
        **more,
    )
