"""What happens behind every ack: note that somebody waits, run the use-case, answer. One function for all listeners."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial

import structlog

from bot.domain.events import Event, Kind
from bot.domain.ledger_port import LedgerTrouble
from bot.domain.model import Deletion, DeletionId
from bot.domain.notifications import PendingRequest
from bot.domain.ports import Delivered, Ports, RetryLater
from bot.domain.refusals import Reason, Refused
from bot.logs import about
from bot.runtime.pool import Pool
from handlers.redraws import Redraws
from handlers.views.blocks import Block, Message
from handlers.views.refusals import refusal_text
from handlers.views.wording import Wording

log = structlog.get_logger(__name__)

Result = Deletion | Refused | Message | str | None
"""A use-case ends with a deletion (told in its thread), a refusal, something to say to the person, or nothing more."""


@dataclass(frozen=True, slots=True)
class Dispatcher:
    """Everything a listener may touch. Built in ``bot.app``."""

    ports: Ports
    pool: Pool
    wording: Wording
    link: Callable[[Deletion], str | None]
    """A permalink to a deletion's card, or None when Slack does not give one."""
    redraws: Redraws = field(default_factory=Redraws)

    def links(self, deletions: Iterable[Deletion]) -> dict[DeletionId, str | None]:
        """The links of several cards, asked of Slack side by side; None where it gives none."""
        asked = {one.id: self.ports.in_background(partial(self.link, one)) for one in deletions if one.message_ts}
        return {id_: future.result() for id_, future in asked.items()}

    def permit(self) -> Refused | None:
        """Take a permit; else why there is none."""
        if self.pool.take():
            return None
        return Refused(Reason.STOPPING if self.pool.is_draining else Reason.BUSY)

    def reject(self, say: Callable[[str], None], no: Refused, event: Event, request: str | None) -> None:
        """Answer a command by its ack alone."""
        say(self._text(_with_subcommand(no, event), "command"))
        self.record(replace(event, kind=Kind.REFUSED, facts={**event.facts, "reason": str(no.reason)}), request)

    def begin(
        self,
        say: Callable[[str], None],
        first: str,
        pending: PendingRequest,
        use_case: Callable[[], Result],
        response_url: str | None,
        **facts: object,
    ) -> None:
        """What every command does that needs more than its ack: permit, ack ``first``, submit; or ack "busy".

        ``say`` is the ack. What follows it comes by ``response_url`` or another way. ``facts`` go into the trail.
        """
        event = Event(Kind.COMMAND, pending.since, pending.actor, channel=pending.channel, job=pending.job, facts=facts)
        if no := self.permit():
            self.reject(say, no, event, pending.request)
            return
        say(first)
        event = replace(event, deletion=pending.about)
        self.pool.run(partial(self.serve, pending, event, use_case, response_url))

    def serve(
        self, pending: PendingRequest, event: Event, use_case: Callable[[], Result], response_url: str | None
    ) -> None:
        """Run behind the ack, on the pool, on a permit that was taken. Never raises.

        Whatever has an effect comes through here or through ``refuse``, and both count the request as served. One that
        was served before has no second effect. If its first process died before the effect, the answer that it owed is
        given after the restart, so "already handled" is true of it as well.
        """
        with about(pending.about):
            try:
                is_first = self.ports.ledger.note_request(pending, event)
            except LedgerTrouble as trouble:
                log.error("ledger_trouble", diagnosis=trouble.diagnosis, step="note_request")
                # Nothing is noted, so nothing would repeat this answer; it is tried once by every way there is.
                no = _with_subcommand(Refused(Reason.LEDGER_TROUBLE), event)
                self.ports.messenger.answer(pending, self._text(no, pending.kind), response_url)
                return
            if not is_first:
                self._turn_away(pending, _with_subcommand(Refused(Reason.ALREADY_HANDLED), event), response_url)
                return
            result = self._run(use_case)
            if isinstance(result, Refused):
                result = _with_subcommand(result, event)
            try:
                self._finish(pending, result, response_url)
            except LedgerTrouble as trouble:
                # The open answer stays in the ledger and is given when the ledger is back.
                log.error("ledger_trouble", diagnosis=trouble.diagnosis, step="answer")
            except Exception:
                log.exception("answer_failed")
                no = _with_subcommand(Refused(Reason.BUG), event)
                self._give(pending, self._text(no, pending.kind), response_url)

    def refuse(self, pending: PendingRequest, response_url: str | None, no: Refused) -> bool:
        """Say why there is no permit; False when even that is too much. Nobody waits for it here."""

        def say() -> None:
            with about(pending.about):
                self._turn_away(pending, no, response_url)

        return self.pool.overflow(say)

    def _turn_away(self, pending: PendingRequest, no: Refused, response_url: str | None) -> None:
        """Refuse what the ledger knows nothing of."""
        event = self._refused_event(pending, no)
        self._give(pending, self._text(no, pending.kind), response_url, event, is_noted=False)

    def record(self, event: Event, request: str | None = None) -> None:
        """Record something that changes nothing, behind the ack. With no thread left for it, the log alone has it."""
        if not self.pool.overflow(lambda: self._record(event, request)):
            with about(event.deletion):
                log.warning("not_recorded", kind=event.kind.value)

    def _record(self, event: Event, request: str | None) -> None:
        with about(event.deletion):
            try:
                self.ports.ledger.record(event, request=request)
            except LedgerTrouble as trouble:
                log.error("ledger_trouble", diagnosis=trouble.diagnosis, step="record")

    def _run(self, use_case: Callable[[], Result]) -> Result:
        try:
            return use_case()
        except LedgerTrouble as trouble:
            log.error("ledger_trouble", diagnosis=trouble.diagnosis, step="use_case")
            return Refused(Reason.LEDGER_IN_DOUBT if trouble.in_doubt else Reason.LEDGER_TROUBLE)
        except Exception:
            log.exception("use_case_failed")
            return Refused(Reason.BUG)

    def _finish(self, pending: PendingRequest, result: Result, response_url: str | None) -> None:
        if isinstance(result, Refused):
            text = self._text(result, pending.kind)
            self._give(pending, text, response_url, self._refused_event(pending, result))
        elif isinstance(result, str):
            self._give(pending, result, response_url)
        elif isinstance(result, Message):
            self._give(pending, result.text, response_url, blocks=result.blocks)
        else:
            self._note(pending, lambda: self.ports.ledger.answered(pending.id))

    def _give(
        self,
        pending: PendingRequest,
        text: str,
        response_url: str | None,
        *events: Event,
        blocks: Sequence[Block] = (),
        is_noted: bool = True,
    ) -> None:
        delivery = self.ports.messenger.answer(pending, text, response_url, blocks)

        def write() -> None:
            if isinstance(delivery, Delivered) and not is_noted:
                # Somebody who was told that nothing was done must not find it done when the same request comes again.
                self.ports.ledger.record(*events, request=pending.request)
            elif isinstance(delivery, Delivered):
                self.ports.ledger.answered(pending.id, *events)
            else:
                log.warning("answer_not_taken", why=delivery.why)
                wait = delivery.after if isinstance(delivery, RetryLater) else 0
                not_before = self.ports.clock.now() + timedelta(seconds=wait)
                self.ports.ledger.keep_answer(pending, text, *events, not_before=not_before)

        if is_noted:
            self._note(pending, write)
            return
        try:
            write()
        except LedgerTrouble as trouble:
            log.error("ledger_trouble", diagnosis=trouble.diagnosis, step="answered")

    def _note(self, pending: PendingRequest, write: Callable[[], None]) -> None:
        """Write how the answer went, now or when the ledger is back: otherwise it is owed until the next start.

        What waits in memory is bounded, since the ledger has taken a first note of each of these answers.
        """
        self.ports.pending_writes(pending.about, write)

    def _text(self, no: Refused, kind: str) -> str:
        """The sentence for a refusal of a command or a click, with a link to the card that it speaks of."""
        current = no.facts.get("deletion")
        if no.reason == Reason.ALREADY_OFFERED and isinstance(current, Deletion):
            no = Refused(no.reason, {**no.facts, "link": self.link(current)})
        return refusal_text(no, self.wording.for_(kind))

    def _refused_event(self, pending: PendingRequest, no: Refused) -> Event:
        reply = no.facts.get("reply")
        facts = {"reason": str(no.reason), "kind": pending.kind}
        if reply is not None:
            facts |= {"status": reply.status, "code": reply.code}
        return Event(
            Kind.REFUSED,
            self.ports.clock.now(),
            pending.actor,
            channel=pending.channel,
            deletion=pending.deletion,
            job=pending.job,
            request_id=reply.request_id if reply is not None else None,
            facts=facts,
        )


def _with_subcommand(no: Refused, event: Event) -> Refused:
    """The refusal with the subcommand that it answers, if it was one: its text may have to say what was not done."""
    name = event.facts.get("subcommand")
    return Refused(no.reason, {**no.facts, "subcommand": name}) if name else no


def new_id() -> DeletionId:
    """An id that nobody can guess and anybody can read out: 16 hexadecimal digits."""
    return DeletionId(secrets.token_hex(8))
