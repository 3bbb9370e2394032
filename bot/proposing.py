"""The use-case of the command: check who asks, where and what, and offer the job on a card.

It gathers, decides and applies, in that order; the decisions are pure and stand in ``bot.policy``.
"""

from __future__ import annotations

from dataclasses import replace

from bot import policy
from bot.deletions import look_up, might_operate, unreadable
from bot.model import Ask, Deletion, Job, Refused, State
from bot.policy import Reason
from bot.ports import Ports
from bot.posting import post_card
from bot.trail import Kind, event_about


def propose(ask: Ask, ports: Ports) -> Deletion | Refused:
    """Check who asks, where, and the job's state; post the card. Returns the deletion that now waits, or why not."""
    rules = ports.terms.rules
    if rules.reason_required and ask.reason is None:
        return Refused(Reason.REASON_MISSING)
    looked = ports.beside(lambda: look_up(ports, ask.channel, (ask.actor,), fresh=False))
    shown = ports.jobs.show(ask.job_id) if might_operate(ask.actor, ports) else None
    place, (person,) = looked.result()
    if no := policy.may_be_used_in(place, rules) or policy.may_operate(person, rules):
        return no
    shown = shown or ports.jobs.show(ask.job_id)
    # Asked after the read: what the read shows may be the effect of the deletion that stands in the way.
    if standing := ports.ledger.standing(ask.job_id):
        return _in_the_way(standing)
    if shown.job is None:
        return unreadable(shown) or Refused(Reason.BUG)
    return _offer(ask, shown.job, ports)


def _offer(ask: Ask, job: Job, ports: Ports) -> Deletion | Refused:
    terms, now = ports.terms, ports.clock.now()
    deletion = Deletion(
        id=ask.id,
        target=terms.target,
        job=job,
        state=State.AWAITING,
        requester=ask.actor,
        channel=ask.channel,
        confirm_by=policy.who_confirms(job, terms.rules),
        asked_at=now,
        deadline_at=now + terms.rules.confirm_within,
        reason=ask.reason,
    )
    event = event_about(
        Kind.PROPOSED, deletion, deletion.asked_at, ask.actor, state=job.state, rule=deletion.confirm_by.value
    )
    if no := policy.may_be_deleted(job):
        refused = replace(deletion, state=State.REFUSED, ended_at=deletion.asked_at, ended_why=no.reason)
        ports.ledger.propose(
            refused, replace(event, kind=Kind.NOT_OFFERED, facts={"why": no.reason}), max_open=terms.max_open
        )
        return no
    standing = ports.ledger.propose(deletion, event, max_open=terms.max_open)
    if isinstance(standing, Deletion):
        return _in_the_way(standing)
    if isinstance(standing, int):
        return Refused(Reason.TOO_MANY_OPEN, {"open": standing})
    return post_card(deletion, ports)


def _in_the_way(standing: Deletion) -> Refused:
    return Refused(Reason.ALREADY_OFFERED if standing.message_ts else Reason.BEING_OFFERED, {"deletion": standing})
