"""Gives the answers that Slack did not take, or that a crash cut off. Nobody is left without an answer."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import structlog

from bot.domain.events import Event, Kind
from bot.domain.model import State
from bot.domain.notifications import PendingRequest
from bot.domain.policy import is_late
from bot.domain.ports import Delivered, Ports, RetryLater, Undeliverable
from bot.logs import about

log = structlog.get_logger(__name__)

TELL_AGAIN = 10
TRY_AFTER = 60.0
"""Seconds between two tries, at least; Slack may ask for more."""


def run_once(ports: Ports) -> int:
    """Give the answers that are owed; returns how many were given."""
    given = 0
    for pending in ports.ledger.requests.lease(ports.clock.now(), limit=TELL_AGAIN):
        with about(pending.about):
            given += _give(pending, ports)
    return given


def _say(pending: PendingRequest, ports: Ports) -> Delivered | RetryLater | Undeliverable:
    if pending.text is not None:
        return ports.messenger.answer_late(pending)
    deletion = ports.ledger.deletions.get(pending.about) if pending.about else None
    if deletion is not None and deletion.state is State.AWAITING and is_late(deletion, ports.clock.now()):
        # The worker that expires it may not have come to it yet.
        deletion = replace(deletion, state=State.EXPIRED)
    try:
        return ports.messenger.answer_after_restart(pending, deletion)
    except Exception:
        # A newer version may have written a request that this one cannot render. It must not hold up the others.
        log.exception("answer_failed")
        return RetryLater(TRY_AFTER, "bug")


def _give(pending: PendingRequest, ports: Ports) -> bool:
    answer = _say(pending, ports)
    if isinstance(answer, RetryLater):
        pause = timedelta(seconds=max(answer.after, TRY_AFTER))
        ports.ledger.requests.answer_later(pending.id, ports.clock.now() + pause)
        return False
    facts = {"kind": pending.kind} | ({"why": answer.why} if isinstance(answer, Undeliverable) else {})
    kind = (
        Kind.NOT_DELIVERED if isinstance(answer, Undeliverable) else Kind.DELIVERED if pending.text else Kind.RESTARTED
    )
    event = Event(
        kind,
        ports.clock.now(),
        pending.actor,
        channel=pending.channel,
        deletion=pending.deletion,
        job=pending.job,
        facts=facts,
    )
    ports.ledger.requests.answered(pending.id, event)
    return True
