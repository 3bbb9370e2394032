"""The card's first button: check everything afresh and win the claim. What follows is ``bot.deletion.send``.

It gathers, decides and applies, in that order; the decisions are pure and stand in ``bot.domain.policy``.
"""

from __future__ import annotations

from bot.deletion import inspect_job, permission, send
from bot.deletion.permission import LookUps
from bot.deletion.pressed import as_it_stands, pressed_deletion
from bot.deletion.withdraw import withdraw
from bot.domain import policy
from bot.domain.age import Moment, moment, oldest
from bot.domain.model import Deletion, Operation, Press, Shown
from bot.domain.policy import Action, CardRule, awaiting, might_confirm, unreadable
from bot.domain.ports import Ports
from bot.domain.refusals import Reason, Refused


def confirm(press: Press, ports: Ports) -> Deletion | Refused:
    """Check everything afresh, win the claim, send the DELETE, record and post the outcome.

    Returns the deletion as it stands afterwards, or why this click did not delete. Only a job that differs from the
    card, or a requester who lost the right, closes the deletion; after any other no, the card still waits.
    """
    deletion = awaiting(pressed_deletion(press, ports), ports.config.target, ports.clock.now())
    if isinstance(deletion, Refused):
        return deletion
    result = _confirm(deletion, press, ports)
    return as_it_stands(result, press, ports) if isinstance(result, Refused) else result


def _confirm(deletion: Deletion, press: Press, ports: Ports) -> Deletion | Refused:
    # A click that cannot confirm, by an unauthorized user or during a freeze, takes no slot of the limiter and no read.
    frozen = ports.ledger.freezes.current()
    if frozen or not might_confirm(press.actor, deletion, ports.config.rules):
        no = _may_press(press, deletion, _who_and_where(press, deletion, ports), ports)
        if no or frozen:
            return no or Refused(Reason.FROZEN, {"freeze": frozen})
    # The slot of the limiter comes first: waiting for it later would let the checks grow old.
    if not ports.jobs.acquire(Operation.DELETE):
        return Refused(Reason.BUSY)
    anew: Moment | None = None

    def check() -> Moment | Refused:
        nonlocal anew
        since, anew = anew, moment(ports.clock)
        return _check(deletion, press, ports, since)

    return send.claim_and_send(deletion, press, ports, check) or _not_claimed(ports)


def _who_and_where(press: Press, deletion: Deletion, ports: Ports, since: Moment | None = None) -> LookUps:
    return permission.look_up(ports, press.channel, (press.actor, deletion.requester), fresh=True, since=since)


def _check(deletion: Deletion, press: Press, ports: Ports, since: Moment | None) -> Moment | Refused:
    """Check conversation, people and job: the time of the oldest question, or why this press does not delete.

    The look-ups run in parallel, and all of them after ``since`` if it is given. The age of an answer counts from its
    question, since Slack or MetaStudio may have decided it then.
    """
    began = moment(ports.clock)
    look_ups = ports.in_background(lambda: _who_and_where(press, deletion, ports, since))
    connected = ports.in_background(lambda: ports.jobs.prepare_delete(deletion.job.job_id))
    shown = ports.jobs.show(deletion.job.job_id)
    found = look_ups.result()
    connected.result()
    if no := _may_press(press, deletion, found, ports) or _still_the_job(press, deletion, shown, ports):
        return no
    conversation, people = found
    answers = (conversation, *people, shown.reply)
    # A look-up that failed has no time. It was a refusal above.
    return oldest(*(getattr(answer, "asked", None) or began for answer in answers))


def _not_claimed(ports: Ports) -> Refused:
    """Why the claim was not won although the card still waits. A freeze may have begun after the checks."""
    if no := ports.admission.refusal():
        return no
    frozen = ports.ledger.freezes.current()
    return Refused(Reason.FROZEN, {"freeze": frozen}) if frozen else Refused(Reason.BUSY)


def _may_press(press: Press, deletion: Deletion, found: LookUps, ports: Ports) -> Refused | None:
    conversation, (presser, requester) = found
    card = CardRule(requester, deletion.confirm_by)
    no = policy.may(Action.CONFIRM, presser, conversation, ports.config.rules, card)
    if no is None or no.reason != Reason.REQUESTER_LOST_RIGHT:
        return Refused(no.reason, {**no.facts, "deletion": deletion}) if no else None
    lost = Refused(no.reason, {**no.facts, "deletion": deletion})
    withdraw(deletion, lost, press.actor, ports)
    return Refused(no.facts["why"]) if policy.is_same(presser, requester) else lost


def _still_the_job(press: Press, deletion: Deletion, shown: Shown, ports: Ports) -> Refused | None:
    no = _job_refused(deletion, shown, ports)
    if no is not None and no.reason in {Reason.JOB_CHANGED, Reason.JOB_GONE}:
        withdraw(deletion, no, press.actor, ports)
    return no


def _job_refused(deletion: Deletion, shown: Shown, ports: Ports) -> Refused | None:
    if shown.job is None:
        # Only a missing job closes a card, and that takes Show and List: a 404 may come from a proxy in between.
        # Closing it after one read is safe: nothing is sent, and the message says only what MetaStudio answered.
        if inspect_job.is_gone(shown, deletion.job, ports):
            earlier = inspect_job.may_have_removed(deletion, ports)
            return Refused(Reason.JOB_GONE, {"reply": shown.reply, "earlier": earlier and earlier.id})
        no = unreadable(shown)
        return Refused(Reason.JOB_NOT_READ, no.facts) if no and no.reason == Reason.JOB_NOT_FOUND else no
    if differs := policy.differences(deletion.job, shown.job):
        return Refused(Reason.JOB_CHANGED, {"differs": differs})
    return policy.may_be_deleted(shown.job)
