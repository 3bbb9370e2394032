"""Nobody is left without an answer: what could not be given, or was cut off by a crash, is given here."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import structlog

from bot.domain.events import Event, Kind
from bot.domain.model import State
from bot.domain.notifications import Waiting
from bot.domain.policy import is_late
from bot.domain.ports import Again, Gone, Ports, Told
from bot.logs import about

log = structlog.get_logger(__name__)

TELL_AGAIN = 10
TRY_AFTER = 60.0
"""Seconds between two tries, at least; Slack may ask for more."""


def run_once(ports: Ports) -> int:
    """Give the answers that are owed; returns how many were given."""
    given = 0
    for waiting in ports.ledger.lease_answers(ports.clock.now(), limit=TELL_AGAIN):
        with about(waiting.about):
            given += _give(waiting, ports)
    return given


def _say(waiting: Waiting, ports: Ports) -> Told | Again | Gone:
    if waiting.text is not None:
        return ports.teller.answer(waiting, waiting.text, None)
    deletion = ports.ledger.get(waiting.about) if waiting.about else None
    if deletion is not None and deletion.state is State.AWAITING and is_late(deletion, ports.clock.now()):
        # The worker that expires it may not have come to it yet.
        deletion = replace(deletion, state=State.EXPIRED)
    try:
        return ports.teller.answer_after_restart(waiting, deletion)
    except Exception:
        # It may hold what this version has no words for, written by a newer one. It must not hold up the others.
        log.exception("answer_failed")
        return Again(TRY_AFTER, "bug")


def _give(waiting: Waiting, ports: Ports) -> bool:
    answer = _say(waiting, ports)
    if isinstance(answer, Again):
        pause = timedelta(seconds=max(answer.after, TRY_AFTER))
        ports.ledger.answer_later(waiting.id, ports.clock.now() + pause)
        return False
    facts = {"kind": waiting.kind} | ({"why": answer.why} if isinstance(answer, Gone) else {})
    kind = Kind.NOT_TOLD if isinstance(answer, Gone) else Kind.TOLD if waiting.text else Kind.RESTARTED
    event = Event(
        kind,
        ports.clock.now(),
        waiting.actor,
        channel=waiting.channel,
        deletion=waiting.deletion,
        job=waiting.job,
        facts=facts,
    )
    ports.ledger.answered(waiting.id, event)
    return True
