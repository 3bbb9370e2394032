"""Nobody is left without an answer: what could not be given, or was cut off by a crash, is given here."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from bot.deletions import is_late
from bot.logs import about
from bot.model import State
from bot.ports import Again, Gone, Ports
from bot.trail import Event, Kind, Waiting

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


def _give(waiting: Waiting, ports: Ports) -> bool:
    if waiting.text is not None:
        answer = ports.teller.answer(waiting, waiting.text, None)
    else:
        deletion = ports.ledger.get(waiting.about) if waiting.about else None
        if deletion is not None and deletion.state is State.AWAITING and is_late(deletion, ports.clock.now()):
            # The worker that expires it may not have come to it yet.
            deletion = replace(deletion, state=State.EXPIRED)
        answer = ports.teller.answer_after_restart(waiting, deletion)
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
