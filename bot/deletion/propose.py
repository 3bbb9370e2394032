"""The use-case of the command: check who asks, where and what, and post the card; or only show what would happen.

Each gathers, decides and applies, in that order; the decisions are pure and stand in ``bot.domain.policy``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from bot.deletion import permission
from bot.deletion.in_doubt import found_after
from bot.deletion.post_card import EARLIER, post_card
from bot.domain import policy
from bot.domain.events import Event, Kind, event_about
from bot.domain.ledger_port import LedgerTrouble
from bot.domain.model import Ask, Deletion, Freeze, Job, Shown, State
from bot.domain.policy import Action, might_operate, unreadable
from bot.domain.ports import Ports
from bot.domain.refusals import Reason, Refused


class Rehearsed(NamedTuple):
    """The deletion that would have been offered, and the earlier ones that its card would have named."""

    deletion: Deletion
    earlier: tuple[Deletion, ...]


def propose(ask: Ask, ports: Ports) -> Deletion | Refused:
    """Check who asks, where, and the job's state; post the card. Returns the deletion that now waits, or why not."""
    shown = _examine(ask, ports)
    if isinstance(shown, Refused):
        return shown
    if shown.job is None:
        return _in_the_way(ask, ports) or unreadable(shown) or Refused(Reason.BUG)
    return _offer(ask, shown.job, ports)


def rehearse(ask: Ask, ports: Ports) -> Rehearsed | Refused:
    """Every check of ``propose`` without its effects: no deletion is kept and no card is posted."""
    shown = _examine(ask, ports)
    if isinstance(shown, Refused):
        return shown
    if no := _in_the_way(ask, ports):
        return no
    job = shown.job
    if job is None:
        return unreadable(shown) or Refused(Reason.BUG)
    if no := policy.may_be_deleted(job):
        return no
    count = ports.ledger.deletions.open_count()
    if count >= ports.config.max_open:
        return Refused(Reason.TOO_MANY_OPEN, {"open": count})
    deletion = _deletion(ask, job, ports)
    return Rehearsed(deletion, tuple(ports.ledger.deletions.earlier(deletion, deletion.asked_at - EARLIER)))


def _examine(ask: Ask, ports: Ports) -> Shown | Refused:
    """The job as it is read now, where this person may ask for it here."""
    rules = ports.config.rules
    if rules.reason_required and ask.reason is None:
        return Refused(Reason.REASON_MISSING)
    look_ups = ports.in_background(lambda: permission.look_up(ports, ask.channel, (ask.actor,), fresh=False))
    shown = ports.jobs.show(ask.job_id) if might_operate(ask.actor, ports.config.rules) else None
    conversation, (person,) = look_ups.result()
    if no := policy.may(Action.COMMAND, person, conversation, rules):
        return no
    return shown or ports.jobs.show(ask.job_id)


def _in_the_way(ask: Ask, ports: Ports) -> Refused | None:
    """A freeze, or an open deletion of the job.

    Asked after the job was read: what that shows may be the effect of the deletion that stands in the way. ``propose``
    needs this only for a job that cannot be offered, since the ledger refuses the others by the same rules.
    """
    if frozen := ports.ledger.freezes.current():
        return Refused(Reason.FROZEN, {"freeze": frozen})
    current = ports.ledger.deletions.current(ask.job_id)
    return _already_open(current) if current else None


def _deletion(ask: Ask, job: Job, ports: Ports) -> Deletion:
    rules, now = ports.config.rules, ports.clock.now()
    return Deletion(
        id=ask.id,
        target=ports.config.target,
        job=replace(job, app_user_fingerprint=ports.config.app_user_fingerprint),
        state=State.AWAITING,
        requester=ask.actor,
        channel=ask.channel,
        confirm_by=policy.who_confirms(job, rules),
        asked_at=now,
        deadline_at=now + rules.confirm_within,
        reason=ask.reason,
    )


def _offer(ask: Ask, job: Job, ports: Ports) -> Deletion | Refused:
    deletion = _deletion(ask, job, ports)
    event = event_about(
        Kind.PROPOSED, deletion, deletion.asked_at, ask.actor, state=job.state, rule=deletion.confirm_by.value
    )
    if no := policy.may_be_deleted(job):
        if other := _in_the_way(ask, ports):
            return other
        refused = replace(deletion, state=State.REFUSED, ended_at=deletion.asked_at, ended_why=no.reason)
        _write(refused, replace(event, kind=Kind.NOT_OFFERED, facts={"why": no.reason}), ports)
        return no
    current = _write(deletion, event, ports)
    if isinstance(current, Deletion):
        return _already_open(current)
    if isinstance(current, Freeze):
        return Refused(Reason.FROZEN, {"freeze": current})
    if isinstance(current, int):
        return Refused(Reason.TOO_MANY_OPEN, {"open": current})
    return post_card(deletion, ports)


def _write(deletion: Deletion, event: Event, ports: Ports) -> Deletion | Freeze | int | None:
    """As ``Deletions.propose``; where its COMMIT was not answered, None if a fresh read shows the row."""
    try:
        return ports.ledger.deletions.propose(deletion, event, max_open=ports.config.max_open)
    except LedgerTrouble as trouble:
        found_after(trouble, lambda: ports.ledger.deletions.get(deletion.id))
        return None


def _already_open(current: Deletion) -> Refused:
    return Refused(Reason.ALREADY_OFFERED if current.message_ts else Reason.BEING_OFFERED, {"deletion": current})
