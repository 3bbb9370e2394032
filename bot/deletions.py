"""The use-cases behind the card's two buttons: confirm and cancel. What follows the claim is ``bot.sending``.

Each one gathers, decides and applies, in that order; the decisions are pure and stand in ``bot.policy``.
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

from bot import permission, policy, reconcile, sending
from bot.evidence import Finding
from bot.lifecycle import Step
from bot.metastudio import replies
from bot.model import (
    Actor,
    Cause,
    ConfirmBy,
    Deletion,
    DeletionId,
    Operation,
    Press,
    Refused,
    Shown,
    State,
)
from bot.outcomes import Ending
from bot.permission import LookedUp
from bot.policy import Card, Deed, Reason
from bot.ports import Ports
from bot.trail import Kind, TellKind, event_about, tells_about

FRESH = timedelta(seconds=5)
"""So old may an answer about a person, a place or the job be when a DELETE is sent on it."""
ASKED_ANEW = 2
"""How often what grew too old meanwhile is asked again before the click is told that the bot is busy."""


def new_id() -> DeletionId:
    """An id that nobody can guess and anybody can read out: 16 hexadecimal digits."""
    return DeletionId(secrets.token_hex(8))


# -- what the decisions need to know ---------------------------------------------------------------------------------


def might_operate(actor: Actor, ports: Ports) -> bool:
    """Whether the cloud may be asked beside Slack's look-ups: a stranger's command must not use up the limiter."""
    return actor.user in ports.terms.rules.users


def _might_confirm(actor: Actor, deletion: Deletion, ports: Ports) -> bool:
    """The same for a click on *Delete permanently*: what the ids alone say, before Slack is asked."""
    is_requester = actor == deletion.requester
    allowed = {
        ConfirmBy.REQUESTER: is_requester,
        ConfirmBy.ANY_OPERATOR: True,
        ConfirmBy.SECOND_PERSON: not is_requester,
    }
    return might_operate(actor, ports) and allowed[deletion.confirm_by]


def unreadable(shown: Shown) -> Refused | None:
    """None when the job was read; else why not. Each cause has its own sentence."""
    if shown.job is not None:
        return None
    reply = shown.reply
    if reply.cause is Cause.LIMITED:
        return Refused(Reason.BUSY)
    if reply.cause is Cause.BREAKER_OPEN:
        return Refused(Reason.BREAKER_OPEN)
    # Other 4xx may also mean "no such job", but only a 404 by MetaStudio itself says so alone.
    if replies.says_no_such_job(reply):
        return Refused(Reason.JOB_NOT_FOUND, {"reply": reply})
    return Refused(Reason.JOB_NOT_READ, {"reply": reply})


# -- a pressed button -------------------------------------------------------------------------------------------------


def stands_on(press: Press, deletion: Deletion) -> bool:
    """Whether the button stood on this deletion's card, and not on another message that carries its id.

    A second copy, posted because Slack had not answered the first time, is told by what stands on it.
    """
    if press.message_ts is None or press.channel != deletion.channel:
        return False
    return press.message_ts == deletion.message_ts or press.is_copy


def _adopt(deletion: Deletion, press: Press, ports: Ports) -> Deletion | None:
    """A click proves that the card stands, even if Slack's answer to the post was lost or is not written down yet."""
    if deletion.state is not State.AWAITING or deletion.message_ts:
        return deletion
    adopted = ports.ledger.change(
        deletion.id,
        None,
        {"message_ts": press.message_ts},
        event_about(Kind.CARD_POSTED, deletion, ports.clock.now(), ts=press.message_ts, by_click=True),
        where={"state": State.AWAITING, "message_ts": None},
    )
    return adopted or ports.ledger.get(deletion.id)


def pressed_deletion(press: Press, ports: Ports) -> Deletion | None:
    """The deletion whose button was pressed, as it stands. A button on anything but its card is none of ours."""
    found = ports.ledger.get(press.deletion)
    return _adopt(found, press, ports) if found is not None and stands_on(press, found) else None


def withdraw(deletion: Deletion, no: Refused, actor: Actor | None, ports: Ports) -> Deletion | None:
    """Close a waiting deletion as refused and say so on its card and in its thread, if it has them."""
    now = ports.clock.now()
    tells = tells_about(deletion, TellKind.REFUSED, state=State.REFUSED.value, **facts_for_tell(no))
    closed = ports.ledger.change(
        deletion.id,
        Step.REFUSE,
        {"ended_at": now, "ended_why": no.reason, "ended_by": actor},
        event_about(Kind.NOT_OFFERED, deletion, now, actor, why=no.reason),
        # A click may have made a card known that the caller does not know of; it would be left with its buttons.
        where={"message_ts": deletion.message_ts},
        tell=tells,
    )
    ports.deliver(tells)
    return closed


# -- confirm ----------------------------------------------------------------------------------------------------------


def confirm(press: Press, ports: Ports) -> Deletion | Refused:
    """Check everything afresh, win the claim, send the DELETE, record and tell the outcome.

    Returns the deletion as it stands afterwards, or why this click did not delete. Only a job that differs from the
    card, or a requester who lost the right, closes the deletion; after any other no, the card still waits.
    """
    deletion = pressed_deletion(press, ports)
    if no := not_awaiting(deletion, ports):
        return no
    assert deletion is not None  # noqa: S101 - not_awaiting answers for None; this tells the type checker so.
    result = _confirm(deletion, press, ports)
    return _as_it_stands(result, press, ports) if isinstance(result, Refused) else result


def _confirm(deletion: Deletion, press: Press, ports: Ports) -> Deletion | Refused:
    # Neither a place in the limiter nor a read is spent on somebody who may not confirm, or while nothing may be sent.
    frozen = ports.ledger.freezes.standing()
    if frozen or not _might_confirm(press.actor, deletion, ports):
        no = _may_press(press, deletion, _who_and_where(press, deletion, ports), ports)
        if no or frozen:
            return no or Refused(Reason.FROZEN, {"freeze": frozen})
    # The place comes first: waiting for it later would let the checks grow old.
    if not ports.jobs.wait_turn(Operation.DELETE):
        return Refused(Reason.BUSY)
    no = _check_afresh(deletion, press, ports)
    return no or sending.claim_and_send(deletion, press.actor, ports) or _not_claimed(ports)


def _who_and_where(press: Press, deletion: Deletion, ports: Ports) -> LookedUp:
    return permission.look_up(ports, press.channel, (press.actor, deletion.requester), fresh=True)


def _check_afresh(deletion: Deletion, press: Press, ports: Ports) -> Refused | None:
    """Look at place, people and job until all that was found is fresh at the same time, a bounded number of times.

    People are asked about beside the read. Their answers count from the question, since that long ago they may have
    been decided; the read counts from its answer, or a slow MetaStudio could never be asked to delete.
    """

    def is_old(moment: datetime) -> bool:
        return ports.clock.now() - moment >= FRESH

    asked_at = ports.clock.now()
    looked = ports.beside(lambda: _who_and_where(press, deletion, ports))
    shown = ports.jobs.show(deletion.job.job_id)
    found = looked.result()
    for again in range(ASKED_ANEW + 1):
        # A no is a no, however old: nothing is asked again after one, least of all where Slack hangs.
        if no := _may_press(press, deletion, found, ports) or _still_the_job(press, deletion, shown, ports):
            return no
        if not is_old(asked_at) and not is_old(shown.reply.at):
            return None
        if is_old(asked_at) and again < ASKED_ANEW:
            asked_at, found = ports.clock.now(), _who_and_where(press, deletion, ports)
        if is_old(shown.reply.at) and again < ASKED_ANEW:
            shown = ports.jobs.show(deletion.job.job_id)
    return Refused(Reason.BUSY)


def _not_claimed(ports: Ports) -> Refused:
    """Why the claim was not won, where the card still waits: a freeze may have come after we looked for one."""
    frozen = ports.ledger.freezes.standing()
    return Refused(Reason.FROZEN, {"freeze": frozen}) if frozen else Refused(Reason.BUSY)


def _as_it_stands(no: Refused, press: Press, ports: Ports) -> Refused:
    """How the deletion stands, where it no longer waits: a refusal may rest on what was read too late.

    Somebody else's click may have had its effect meanwhile, and what this one read may be that very effect.
    """
    found = ports.ledger.get(press.deletion)
    closed_by_this = found is not None and found.state is State.REFUSED and found.ended_by == press.actor
    return no if closed_by_this else not_awaiting(found, ports) or no


def not_awaiting(deletion: Deletion | None, ports: Ports) -> Refused | None:
    """Why a deletion does not wait for a button: unknown to this installation, another project's, over, or late."""
    if deletion is None:
        return Refused(Reason.UNKNOWN_DELETION)
    if deletion.target != ports.terms.target:
        return Refused(Reason.OTHER_PROJECT, {"deletion": deletion})
    if deletion.state in {State.DELETING, State.UNKNOWN}:
        return Refused(Reason.ALREADY_CONFIRMED, {"deletion": deletion})
    if deletion.state is State.EXPIRED and deletion.ended_why != Ending.RESTORED:
        return Refused(Reason.EXPIRED, {"deletion": deletion})
    if deletion.state is not State.AWAITING:
        return Refused(Reason.ALREADY_ENDED, {"deletion": deletion})
    if deletion.message_ts is None or deletion.deadline_at is None:
        return Refused(Reason.NOT_POSTED_YET)
    if is_late(deletion, ports.clock.now()):
        return Refused(Reason.EXPIRED, {"deletion": deletion})
    return None


def is_late(deletion: Deletion, now: datetime) -> bool:
    """Whether the card's time is over. That of a card that is not known to stand has not begun."""
    return deletion.message_ts is not None and deletion.deadline_at is not None and now >= deletion.deadline_at


def _may_press(press: Press, deletion: Deletion, found: LookedUp, ports: Ports) -> Refused | None:
    place, (presser, requester) = found
    card = Card(requester, deletion.confirm_by)
    no = policy.may(Deed.CONFIRM, presser, place, ports.terms.rules, card)
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
        # Only what is gone closes a card, and that takes two witnesses: a 404 may be a page by something in between.
        if reconcile.witnessed(shown, deletion.job, ports) is Finding.GONE:
            earlier = reconcile.may_have_removed(deletion, ports)
            return Refused(Reason.JOB_GONE, {"reply": shown.reply, "earlier": earlier and earlier.id})
        no = unreadable(shown)
        return Refused(Reason.JOB_NOT_READ, no.facts) if no and no.reason == Reason.JOB_NOT_FOUND else no
    if differs := policy.differences(deletion.job, shown.job):
        return Refused(Reason.JOB_CHANGED, {"differs": differs})
    return policy.may_be_deleted(shown.job)


# -- cancel -----------------------------------------------------------------------------------------------------------


def cancel(press: Press, ports: Ports) -> Deletion | Refused:
    """Close the card without deleting. The requester may always; anybody else has to be authorized."""
    deletion = pressed_deletion(press, ports)
    if no := not_awaiting(deletion, ports):
        return no
    assert deletion is not None  # noqa: S101 - as in confirm.
    # The requester always may, so nothing has to be looked up for them: that works also while Slack is unwell.
    if press.actor != deletion.requester:
        place, (presser, requester) = permission.look_up(
            ports, press.channel, (press.actor, deletion.requester), fresh=True
        )
        card = Card(requester, deletion.confirm_by)
        if no := policy.may(Deed.CANCEL, presser, place, ports.terms.rules, card):
            return _as_it_stands(no, press, ports)
    now = ports.clock.now()
    tells = tells_about(deletion, TellKind.CANCELLED, state=State.CANCELLED.value)
    cancelled = ports.ledger.change(
        deletion.id,
        Step.CANCEL,
        {"ended_at": now, "ended_why": Kind.CANCELLED.value, "ended_by": press.actor},
        event_about(Kind.CANCELLED, deletion, now, press.actor),
        before_deadline=now,
        tell=tells,
    )
    if cancelled is None:
        return _as_it_stands(Refused(Reason.BUSY), press, ports)
    ports.deliver(tells)
    return cancelled


def facts_for_tell(no: Refused) -> dict[str, object]:
    """What a message about a refusal needs to remember, in JSON's types."""
    facts: dict[str, object] = {"reason": str(no.reason)}
    if "differs" in no.facts:
        facts["differs"] = [list(row) for row in no.facts["differs"]]
    for name in ("why", "earlier"):
        if name in no.facts:
            facts[name] = no.facts[name]
    reply = no.facts.get("reply")
    if reply is not None:
        facts |= {"status": reply.status, "code": reply.code, "request_id": reply.request_id}
    return facts
