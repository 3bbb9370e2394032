"""The use-cases of a deletion up to the claim: propose, confirm, cancel. What follows the claim is ``bot.sending``.

Each one gathers, decides and applies, in that order; the decisions are pure and stand in ``bot.policy``.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from bot import policy, reconcile, sending
from bot.evidence import Finding
from bot.lifecycle import Step
from bot.metastudio import replies
from bot.model import (
    Actor,
    Ask,
    Cause,
    Deletion,
    DeletionId,
    Job,
    LookupFailed,
    Operation,
    Person,
    Place,
    Press,
    Refused,
    Shown,
    State,
)
from bot.outcomes import Ending
from bot.policy import Reason
from bot.ports import Gone, Ports, Told
from bot.trail import Kind, Tell, TellKind, event_about, tells_about

EARLIER = timedelta(hours=24)
FRESH = timedelta(seconds=5)
"""So old may an answer about a person or a place be when a DELETE is sent on it."""
POST_PAUSES = (1.0, 3.0, 10.0)
"""Seconds before each further try to post the card; Slack's own Retry-After goes before."""
LONGEST_POST_PAUSE = 30.0
"""Where Slack asks for more patience than that, there is no card: nobody waits so long."""
POST_WITHIN = timedelta(seconds=60)
"""So long a card is tried to be posted; well below the time after which others would call it orphaned."""


def new_id() -> DeletionId:
    """An id that nobody can guess and anybody can read out: 16 hexadecimal digits."""
    return DeletionId(secrets.token_hex(8))


# -- what the decisions need to know ---------------------------------------------------------------------------------


def _might_operate(actor: Actor, ports: Ports) -> bool:
    """Whether the cloud may be asked beside Slack's look-ups: a stranger's click must not use up the limiter."""
    return actor.user in ports.terms.rules.users


LookedUp = tuple[Place | LookupFailed, tuple[Person | LookupFailed, ...]]


def _look_up(ports: Ports, channel: str, actors: Sequence[Actor], *, fresh: bool) -> LookedUp:
    place = ports.people.place(channel, fresh=fresh)
    return place, tuple(ports.people.person(actor, fresh=fresh) for actor in actors)


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


# -- propose ----------------------------------------------------------------------------------------------------------


def propose(ask: Ask, ports: Ports) -> Deletion | Refused:
    """Check who asks, where, and the job's state; post the card. Returns the deletion that now waits, or why not."""
    rules = ports.terms.rules
    if rules.reason_required and ask.reason is None:
        return Refused(Reason.REASON_MISSING)
    looked = ports.beside(lambda: _look_up(ports, ask.channel, (ask.actor,), fresh=False))
    shown = ports.jobs.show(ask.job_id) if _might_operate(ask.actor, ports) else None
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
        job=replace(job, seen_as=terms.seen_as),
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
    return _post_card(deletion, ports)


def _in_the_way(standing: Deletion) -> Refused:
    return Refused(Reason.ALREADY_OFFERED if standing.message_ts else Reason.BEING_OFFERED, {"deletion": standing})


def _post_card(deletion: Deletion, ports: Ports) -> Deletion | Refused:
    earlier = ports.ledger.earlier(deletion, deletion.asked_at - EARLIER)
    pauses = iter(POST_PAUSES)
    shown = deletion
    while True:
        answer = ports.teller.post_card(shown, earlier)
        if isinstance(answer, Told):
            return _card_stands(shown, answer.ts or "", ports)
        pause = None if isinstance(answer, Gone) or answer.after > LONGEST_POST_PAUSE else next(pauses, None)
        now = ports.clock.now()
        if isinstance(answer, Gone) or pause is None or now - deletion.asked_at > POST_WITHIN:
            break
        ports.clock.sleep(max(answer.after, pause))
        # The deadline counts from the post. It is written first: a click on a card whose post was never answered makes
        # that card count, with the deadline that it shows.
        shown = replace(deletion, deadline_at=ports.clock.now() + ports.terms.rules.confirm_within)
        ports.ledger.change(deletion.id, None, {"deadline_at": shown.deadline_at}, where={"message_ts": None})
    no = Refused(Reason.CARD_NOT_POSTED, {"why": answer.why})
    if withdraw(deletion, no, deletion.requester, ports):
        return no
    # A click on a card whose post was never answered was faster, and made that card count.
    found = ports.ledger.get(deletion.id)
    return no if found is None else found


def _card_stands(deletion: Deletion, ts: str, ports: Ports) -> Deletion | Refused:
    posted = ports.ledger.change(
        deletion.id,
        None,
        {"message_ts": ts, "deadline_at": deletion.deadline_at},
        event_about(Kind.CARD_POSTED, deletion, ports.clock.now(), ts=ts),
        where={"state": State.AWAITING, "message_ts": None},
    )
    if posted is not None:
        return posted
    # Somebody was faster: a click that came before this line made the card known, or the row was closed as an orphan
    # while Slack was slow. A second card, or one of a closed deletion, must not keep its buttons.
    found = ports.ledger.get(deletion.id)
    if found is None or (found.state is State.REFUSED and found.message_ts is None):
        found = ports.ledger.change(deletion.id, None, {"message_ts": ts})
    if found is not None and found.state is not State.AWAITING:
        redraw = Tell(TellKind.CARD, deletion.id, deletion.channel, ts)
        ports.ledger.tell(redraw)
        ports.deliver((redraw,))
    if found is None or found.state is State.REFUSED:
        return Refused(Reason.RESTARTED)
    return found


def _adopt(deletion: Deletion, press: Press, ports: Ports) -> Deletion | None:
    """A click proves that the card stands, even if Slack's answer to the post was lost or is not written down yet."""
    if deletion.state is not State.AWAITING or deletion.message_ts or not press.message_ts:
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
    """The deletion whose button was pressed, as it stands. A card in another channel than its own is none of ours."""
    found = ports.ledger.get(press.deletion)
    if found is None or found.channel != press.channel:
        return None
    return _adopt(found, press, ports)


def withdraw(deletion: Deletion, no: Refused, actor: Actor | None, ports: Ports) -> Deletion | None:
    """Close a waiting deletion as refused and say so on its card and in its thread, if it has them."""
    now = ports.clock.now()
    tells = tells_about(deletion, TellKind.REFUSED, state=State.REFUSED.value, **facts_for_tell(no))
    closed = ports.ledger.change(
        deletion.id,
        Step.REFUSE,
        {"ended_at": now, "ended_why": no.reason, "ended_by": actor},
        event_about(Kind.NOT_OFFERED, deletion, now, actor, why=no.reason),
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
    def look_up() -> LookedUp:
        return _look_up(ports, press.channel, (press.actor, deletion.requester), fresh=True)

    # Neither a place in the limiter nor a read is spent on a stranger.
    if not _might_operate(press.actor, ports) and (no := _may_press(press, deletion, look_up(), ports)):
        return no
    # The place comes first: waiting for it later would let the checks grow old.
    if not ports.jobs.wait_turn(Operation.DELETE):
        return Refused(Reason.BUSY)
    since = ports.clock.now()
    looked = ports.beside(look_up)
    shown = ports.jobs.show(deletion.job.job_id)
    found = looked.result()
    # Slack's answers were asked for beside the read; where that took long they are asked for again.
    if no := _may_press(press, deletion, found if ports.clock.now() - since < FRESH else look_up(), ports):
        return no
    if no := _still_the_job(deletion, shown, ports):
        if no.reason in {Reason.JOB_CHANGED, Reason.JOB_GONE}:
            withdraw(deletion, no, press.actor, ports)
        return no
    return sending.claim_and_send(deletion, press.actor, ports) or Refused(Reason.BUSY)


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
    """Whether the card's time is over."""
    return deletion.deadline_at is not None and now >= deletion.deadline_at


def _may_press(press: Press, deletion: Deletion, found: LookedUp, ports: Ports) -> Refused | None:
    rules = ports.terms.rules
    place, (presser, requester) = found
    if no := policy.may_be_used_in(place, rules):
        return no
    # On Enterprise Grid one person may press from another workspace than they asked from, so Slack's ids decide.
    by_requester = (
        isinstance(presser, Person)
        and isinstance(requester, Person)
        and presser.is_own
        and bool(presser.ids & requester.ids)
    )
    if not by_requester and (no := policy.may_operate(presser, rules)):
        return no
    if no := policy.may_operate(requester, rules):
        if no.reason == Reason.PERSON_UNKNOWN:
            return no
        lost = Refused(Reason.REQUESTER_LOST_RIGHT, {"why": no.reason, "deletion": deletion})
        withdraw(deletion, lost, press.actor, ports)
        return no if by_requester else lost
    assert isinstance(presser, Person)  # noqa: S101 - both were just found to be allowed to operate.
    assert isinstance(requester, Person)  # noqa: S101
    return policy.may_confirm(presser, requester, deletion.confirm_by)


def _still_the_job(deletion: Deletion, shown: Shown, ports: Ports) -> Refused | None:
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
    if press.actor != deletion.requester:
        place, (person,) = _look_up(ports, press.channel, (press.actor,), fresh=True)
        if no := policy.may_be_used_in(place, ports.terms.rules) or policy.may_operate(person, ports.terms.rules):
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
