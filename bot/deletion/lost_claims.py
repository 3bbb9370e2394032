"""A sender that finds its row without its claim: the ledger has lost commits, by a failover or a copy put in its place.

The reply that the sender holds is then the only trace of a DELETE. It is recorded under an attempt of its own and
posted, in whatever state the row is by now. No other claim is overwritten. The target is frozen until an operator has
found out why.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import structlog

from bot.deletion import freeze
from bot.deletion.apply import apply
from bot.domain import lifecycle, outcomes
from bot.domain.change import Change
from bot.domain.events import Event, Kind, event_about
from bot.domain.lifecycle import Step
from bot.domain.model import OPEN_STATES, Attempt, Deletion, Reply, State
from bot.domain.notifications import Notification, NotificationKind, notifications_about
from bot.domain.outcomes import Decision, Ending
from bot.domain.ports import Ports

log = structlog.get_logger(__name__)

GONE, OVERRULED = "gone", "overruled"
"""How the row stood, where its state does not say it: the row was missing, or another claim had replaced this one."""


@dataclass(frozen=True, slots=True)
class Held:
    """What the sender holds.

    Its reply, and what ``bot.deletion.send`` makes of it. ``values`` are those of its outcome.
    """

    claimed: Deletion
    attempt: Attempt
    reply: Reply
    decision: Decision
    values: Mapping[str, object]
    event: Callable[[Kind], Event]
    facts: Mapping[str, Any]
    answers: str | None = None
    """The request of the press: where the commit that ended it is lost, this one ends it."""


def record(held: Held, found: Deletion | None, ports: Ports) -> Deletion | None:
    """Write and post the reply, and freeze the target. Returns how the deletion stands then. Safe to repeat."""
    claimed = held.claimed
    stood = GONE if found is None else found.state.value
    if found is not None and found.claim_token != held.attempt.claim_token and outcomes.kept(found, held.attempt):
        # Nothing of this claim was lost: the sender of a lost one has put its own in its place.
        stood = OVERRULED
    else:
        _freeze(held, stood, ports)
    while True:
        row = found or _written_again(claimed, ports)
        if recorded := apply(claimed, _change(held, row, stood, ports), ports):
            return recorded
        # Another writer has moved the row since it was read.
        found = ports.ledger.deletions.get(claimed.id)


def _freeze(held: Held, stood: str, ports: Ports) -> None:
    """First of all, so that no press has an effect between here and the end."""
    claimed, reply = held.claimed, held.reply
    log.error(
        "ledger_lost_commits",
        deletion=claimed.id,
        job=claimed.job.job_id,
        state=stood,
        attempt=held.attempt.number,
        status=reply.status,
        code=reply.code,
        request_id=reply.request_id,
        cause=reply.cause and reply.cause.value,
    )
    freeze.freeze_for_lost_commits(claimed, ports)


def _written_again(claimed: Deletion, ports: Ports) -> Deletion:
    """The row itself is gone: it is inserted as a closed one, which no unique index refuses, and goes on from there."""
    row = replace(
        claimed,
        state=State.EXPIRED,
        ended_at=ports.clock.now(),
        ended_why=Ending.LOST_COMMITS.value,
        confirmer=None,
        confirmed_at=None,
        claim_token=None,
        send_before=None,
        takeover_at=None,
        attempts=(),
    )
    ports.ledger.deletions.propose(row, max_open=ports.config.max_open)
    return row


def _change(held: Held, row: Deletion, stood: str, ports: Ports) -> Change:
    """The change that records what the sender holds. Lost attempts before it are written first, by themselves."""
    claimed, now = held.claimed, ports.clock.now()
    is_ours = row.claim_token == held.attempt.claim_token
    step = _step(held, row, is_ours=is_ours)
    values: dict[str, object] = {} if step is None else dict(held.values)
    if step is not None and not is_ours:
        values = _claim_of(claimed) | values
    if _is_in_the_way(step, row, ports):
        # The doubt cannot be an open one, since the job has another open deletion; the card says so without a state.
        step, values = None, {"ended_why": Ending.LOST_COMMITS.value}
    for earlier in claimed.attempts:
        if earlier.claimed_at != held.attempt.claimed_at and outcomes.kept(row, earlier) is None:
            apply(claimed, Change(None, {}, attempt=earlier), ports)
    attempt = held.attempt
    claim = event_about(Kind.CLAIMED, claimed, attempt.claimed_at, claimed.confirmer, attempt=attempt.number)
    events = (
        *((event_about(Kind.LOST_COMMITS, claimed, now, stood=stood),) * (stood != OVERRULED)),
        # The event of a lost claim was lost with it. It is dated by when that was.
        *((claim,) * (outcomes.kept(row, attempt) is None)),
        held.event(_kind(step, row, held)),
    )
    return Change(
        step,
        values,
        events,
        _notifications(held, row, step, stood, is_ours=is_ours),
        where={"state": row.state, "claim_token": row.claim_token},
        attempt=held.attempt,
        answers=held.answers,
    )


def _step(held: Held, row: Deletion, *, is_ours: bool) -> Step | None:
    wanted = held.decision.step
    if not is_ours:
        return outcomes.CLAIM_LOST.get((row.state, wanted))
    if row.state is State.DELETING:
        return wanted
    late = outcomes.LATE.get((row.state, wanted))
    return late and late[0]


def _kind(step: Step | None, row: Deletion, held: Held) -> Kind:
    if step is None or lifecycle.target(step) is row.state:
        return Kind.REPLIED
    return Kind.CORRECTED if row.state in {State.DELETED, State.FAILED} else held.decision.kind


def _claim_of(claimed: Deletion) -> dict[str, object]:
    """The claim as it was, and nothing of what others did with the row since."""
    return {
        "message_ts": claimed.message_ts,
        "deadline_at": claimed.deadline_at,
        "confirmer": claimed.confirmer,
        "confirmed_at": claimed.confirmed_at,
        "claim_token": claimed.claim_token,
        "send_before": claimed.send_before,
        "takeover_at": claimed.takeover_at,
        "ended_at": None,
        "ended_by": None,
        "unknown_since": None,
        "answered_5xx": False,
        "reads_agreeing": 0,
        "reads_first_at": None,
        "reads_last": None,
        "verified_at": None,
        "reminded": False,
    }


def _is_in_the_way(step: Step | None, row: Deletion, ports: Ports) -> bool:
    """Whether the row cannot be opened again because the job has been asked for anew and that one is open."""
    if step is None or lifecycle.target(step) not in OPEN_STATES or row.state in OPEN_STATES:
        return False
    other = ports.ledger.deletions.current(row.job.job_id)
    return other is not None and other.id != row.id


def _notifications(
    held: Held, row: Deletion, step: Step | None, stood: str, *, is_ours: bool
) -> tuple[Notification, ...]:
    claimed, reply = held.claimed, held.reply
    facts = {
        "about": Kind.LOST_COMMITS.value,
        "stood": stood,
        "by_another": row.confirmer.user if row.confirmer and not is_ours and row.claim_token else None,
        "outcome": lifecycle.target(held.decision.step).value,
        "has_changed": step is not None,
        "confirmer": claimed.confirmer.user if claimed.confirmer else None,
        "confirmed_at": claimed.confirmed_at.timestamp() if claimed.confirmed_at else None,
        "status": reply.status,
        "code": reply.code,
        "request_id": reply.request_id,
        "cause": reply.cause and reply.cause.value,
    }
    notice, *card = notifications_about(claimed, NotificationKind.NOTICE, **facts)
    if step is None or lifecycle.target(step) is row.state:
        return (notice, *card)
    new = lifecycle.target(step)
    if row.state in {State.DELETED, State.FAILED} and new is not State.UNKNOWN:
        kind = NotificationKind.CORRECTION
    else:
        kind = NotificationKind.UNKNOWN if new is State.UNKNOWN else NotificationKind.OUTCOME
    return (notice, *notifications_about(claimed, kind, state=new.value, **held.facts))
