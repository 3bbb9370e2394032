"""The work behind every ack: record the pending request, run the use-case, answer. The same for all listeners."""

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
from bot.domain.notifications import PendingRequest, ResponseUrl
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
"""A use-case returns a deletion (the thread has the outcome), a refusal, an answer for the person, or None."""

Progress = Callable[[str], object]
"""Shows the person a text while the work goes on; the answer takes its place."""


@dataclass(frozen=True, slots=True)
class Dispatcher:
    """Everything that a listener may use. Built in ``bot.app``."""

    ports: Ports
    pool: Pool
    wording: Wording
    link: Callable[[Deletion], str | None]
    """The permalink to a deletion's card, or None if Slack does not return one."""
    redraws: Redraws = field(default_factory=Redraws)

    def links(self, deletions: Iterable[Deletion]) -> dict[DeletionId, str | None]:
        """The permalinks of several cards, looked up in parallel; None where Slack does not return one."""
        asked = {one.id: self.ports.in_background(partial(self.link, one)) for one in deletions if one.message_ts}
        return {id_: future.result() for id_, future in asked.items()}

    def permit(self) -> Refused | None:
        """Take a permit and return None, or return why there is none."""
        if self.pool.take():
            return None
        return Refused(Reason.STOPPING if self.pool.is_draining else Reason.BUSY)

    def reject(self, say: Callable[[str], None], no: Refused, event: Event, request: str | None) -> None:
        """Refuse a command in its ack."""
        say(self._text(_with_subcommand(no, event), "command"))
        self.record(replace(event, kind=Kind.REFUSED, facts={**event.facts, "reason": str(no.reason)}), request)

    def begin(
        self,
        say: Callable[[str], None],
        first: str,
        pending: PendingRequest,
        use_case: Callable[[], Result],
        response_url: ResponseUrl | None,
        **facts: object,
    ) -> None:
        """Start a command that needs more than its ack: take a permit, ack ``first``, submit; or ack "busy".

        ``say`` is the ack. The answer follows by ``response_url`` or another way. ``facts`` go into the audit trail.
        """
        event = Event(Kind.COMMAND, pending.since, pending.actor, channel=pending.channel, job=pending.job, facts=facts)
        if no := self.permit():
            self.reject(say, no, event, pending.request)
            return
        say(first)
        event = replace(event, deletion=pending.about)
        self.pool.run(partial(self.serve, pending, event, use_case, response_url))

    def serve(
        self, pending: PendingRequest, event: Event, use_case: Callable[[], Result], response_url: ResponseUrl | None
    ) -> None:
        """Run behind the ack, on the pool, on a permit that the caller has taken. Never raises.

        This and ``refuse`` record the request as served, so that a second delivery has no second effect. If the first
        process died before the effect, the answer is sent after the restart: "already handled" is true then as well.
        """
        with about(pending.about):
            try:
                is_first = self.ports.ledger.requests.note(pending, event)
            except LedgerTrouble as trouble:
                log.error("ledger_trouble", diagnosis=trouble.diagnosis, step="note_waiting")
                # The pending request is not recorded, so nothing repeats this answer. It is tried once, by each way.
                no = _with_subcommand(Refused(Reason.LEDGER_TROUBLE), event)
                self.ports.messenger.answer(pending, self._text(no, pending.kind), response_url)
                return
            if not is_first:
                # The answer to the first delivery may stand where the ack was.
                url = response_url and response_url.for_a_new_message()
                self._turn_away(pending, _with_subcommand(Refused(Reason.ALREADY_HANDLED), event), url)
                return
            result = self._run(use_case)
            if isinstance(result, Refused):
                result = _with_subcommand(result, event)
            try:
                self._finish(pending, result, response_url)
            except LedgerTrouble as trouble:
                # The pending request stays in the ledger, and its answer is sent when the ledger is back.
                log.error("ledger_trouble", diagnosis=trouble.diagnosis, step="answer")
            except Exception:
                log.exception("answer_failed")
                no = _with_subcommand(Refused(Reason.BUG), event)
                self._give(pending, self._text(no, pending.kind), response_url)

    def refuse(self, pending: PendingRequest, response_url: ResponseUrl | None, no: Refused) -> bool:
        """Answer in the background why there is no permit; False if the small pool is full too."""

        def say() -> None:
            with about(pending.about):
                self._turn_away(pending, no, response_url)

        return self.pool.overflow(say)

    def _turn_away(self, pending: PendingRequest, no: Refused, response_url: ResponseUrl | None) -> None:
        """Refuse a request that is not recorded in the ledger."""
        event = self._refused_event(pending, no)
        self._give(pending, self._text(no, pending.kind), response_url, event, is_noted=False)

    def record(self, event: Event, request: str | None = None) -> None:
        """Record an event without effect, behind the ack. If no thread is free, only the log has it."""
        if not self.pool.overflow(lambda: self._record(event, request)):
            with about(event.deletion):
                log.warning("not_recorded", kind=event.kind.value)

    def _record(self, event: Event, request: str | None) -> None:
        with about(event.deletion):
            try:
                self.ports.ledger.trail.record(event, request=request)
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

    def _finish(self, pending: PendingRequest, result: Result, response_url: ResponseUrl | None) -> None:
        if isinstance(result, Refused):
            text = self._text(result, pending.kind)
            self._give(pending, text, response_url, self._refused_event(pending, result))
        elif isinstance(result, str):
            self._give(pending, result, response_url)
        elif isinstance(result, Message):
            self._give(pending, result.text, response_url, blocks=result.blocks)
        else:
            self._note(pending, lambda: self.ports.ledger.requests.answered(pending.id))

    def _give(
        self,
        pending: PendingRequest,
        text: str,
        response_url: ResponseUrl | None,
        *events: Event,
        blocks: Sequence[Block] = (),
        is_noted: bool = True,
    ) -> None:
        delivery = self.ports.messenger.answer(pending, text, response_url, blocks)

        def write() -> None:
            if isinstance(delivery, Delivered) and not is_noted:
                # The person has read that nothing was done, so a second delivery must do nothing.
                self.ports.ledger.trail.record(*events, request=pending.request)
            elif isinstance(delivery, Delivered):
                self.ports.ledger.requests.answered(pending.id, *events)
            else:
                log.warning("answer_not_taken", why=delivery.why)
                wait = delivery.after if isinstance(delivery, RetryLater) else 0
                not_before = self.ports.clock.now() + timedelta(seconds=wait)
                self.ports.ledger.requests.keep_answer(pending, text, *events, not_before=not_before)

        if is_noted:
            self._note(pending, write)
            return
        try:
            write()
        except LedgerTrouble as trouble:
            log.error("ledger_trouble", diagnosis=trouble.diagnosis, step="answered")

    def _note(self, pending: PendingRequest, write: Callable[[], None]) -> None:
        """Record what became of the answer, now or when the ledger is back; else it is pending until a restart.

        The writes kept in memory are bounded, since each of these requests is in the ledger.
        """
        self.ports.pending_writes(pending.about, write)

    def _text(self, no: Refused, kind: str) -> str:
        """The sentence for a refusal of a command or a click, with a link to the card if it names one."""
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
    """The refusal with its subcommand, if there is one: the text may have to say what was not done."""
    name = event.facts.get("subcommand")
    return Refused(no.reason, {**no.facts, "subcommand": name}) if name else no


def new_id() -> DeletionId:
    """A random id that people can read aloud: 16 hexadecimal digits."""
    return DeletionId(secrets.token_hex(8))
