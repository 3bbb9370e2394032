"""What happens behind every ack: note that somebody waits, run the use-case, answer. One function for all listeners."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial

import structlog

from bot.logs import about
from bot.model import Deletion, DeletionId, Refused
from bot.policy import Reason
from bot.ports import Again, LedgerTrouble, Ports, Told
from bot.trail import Event, Kind, Waiting
from bot.work import Pool
from handlers.views.parts import Block, Message
from handlers.views.refusals import refusal_text
from handlers.views.wording import Wording

log = structlog.get_logger(__name__)

Result = Deletion | Refused | Message | str | None
"""A use-case ends with a deletion (told in its thread), a refusal, something to say to the person, or nothing more."""


@dataclass(frozen=True, slots=True)
class Desk:
    """Everything a listener may touch. Built in ``bot.app``."""

    ports: Ports
    pool: Pool
    wording: Wording
    link: Callable[[Deletion], str | None]
    """A permalink to a deletion's card, or None when Slack does not give one."""

    def links(self, deletions: Iterable[Deletion]) -> dict[DeletionId, str | None]:
        """The links of several cards, asked of Slack side by side; None where it gives none."""
        asked = {one.id: self.ports.beside(partial(self.link, one)) for one in deletions if one.message_ts}
        return {id_: future.result() for id_, future in asked.items()}

    def busy(self) -> Reason:
        """Why there is no permit."""
        return Reason.STOPPING if self.pool.is_draining else Reason.BUSY

    def begin(
        self,
        say: Callable[[str], None],
        first: str,
        waiting: Waiting,
        use_case: Callable[[], Result],
        response_url: str | None,
        **facts: object,
    ) -> None:
        """What every command does that needs more than its ack: permit, ack ``first``, submit; or ack "busy".

        ``say`` is the ack. What follows it comes by ``response_url`` or another way. ``facts`` go into the trail.
        """
        event = Event(Kind.COMMAND, waiting.since, waiting.actor, channel=waiting.channel, job=waiting.job, facts=facts)
        if not self.pool.take():
            no = Refused(self.busy())
            say(self._text(no, waiting.kind))
            self.record(replace(event, kind=Kind.REFUSED, facts={**facts, "reason": str(no.reason)}))
            return
        say(first)
        event = replace(event, deletion=waiting.about)
        self.pool.run(partial(self.serve, waiting, event, use_case, response_url))

    def serve(self, waiting: Waiting, event: Event, use_case: Callable[[], Result], response_url: str | None) -> None:
        """Run behind the ack, on the pool, on a permit that was taken. Never raises."""
        with about(waiting.about):
            try:
                self.ports.ledger.note_waiting(waiting, event)
            except LedgerTrouble as trouble:
                log.error("ledger_trouble", diagnosis=trouble.diagnosis, step="note_waiting")
                # Nothing is noted, so nothing would repeat this answer; it is tried once by every way there is.
                self.ports.teller.answer(
                    waiting, self._text(Refused(Reason.LEDGER_TROUBLE), waiting.kind), response_url
                )
                return
            result = self._run(use_case)
            try:
                self._finish(waiting, result, response_url)
            except LedgerTrouble as trouble:
                # The open answer stays in the ledger and is given when the ledger is back.
                log.error("ledger_trouble", diagnosis=trouble.diagnosis, step="answer")
            except Exception:
                log.exception("answer_failed")
                self._give(waiting, self._text(Refused(Reason.BUG), waiting.kind), response_url)

    def refuse(self, waiting: Waiting, response_url: str | None) -> bool:
        """Say "busy" although there is no permit; False when even that is too much. Nobody waits for it here."""
        no = Refused(self.busy())

        def say() -> None:
            with about(waiting.about):
                event = self._refused_event(waiting, no)
                self._give(waiting, self._text(no, waiting.kind), response_url, event, is_noted=False)

        return self.pool.spare(say)

    def record(self, event: Event) -> None:
        """Record something that changes nothing, behind the ack. With no thread left for it, the log alone has it."""
        if not self.pool.spare(lambda: self._record(event)):
            with about(event.deletion):
                log.warning("not_recorded", kind=event.kind.value)

    def _record(self, event: Event) -> None:
        with about(event.deletion):
            try:
                self.ports.ledger.record(event)
            except LedgerTrouble as trouble:
                log.error("ledger_trouble", diagnosis=trouble.diagnosis, step="record")

    def _run(self, use_case: Callable[[], Result]) -> Result:
        try:
            return use_case()
        except LedgerTrouble as trouble:
            log.error("ledger_trouble", diagnosis=trouble.diagnosis, step="use_case")
            return Refused(Reason.LEDGER_TROUBLE)
        except Exception:
            log.exception("use_case_failed")
            return Refused(Reason.BUG)

    def _finish(self, waiting: Waiting, result: Result, response_url: str | None) -> None:
        if isinstance(result, Refused):
            text = self._text(result, waiting.kind)
            self._give(waiting, text, response_url, self._refused_event(waiting, result))
        elif isinstance(result, str):
            self._give(waiting, result, response_url)
        elif isinstance(result, Message):
            self._give(waiting, result.text, response_url, blocks=result.blocks)
        else:
            self._note(waiting, lambda: self.ports.ledger.answered(waiting.id))

    def _give(
        self,
        waiting: Waiting,
        text: str,
        response_url: str | None,
        *events: Event,
        blocks: Sequence[Block] = (),
        is_noted: bool = True,
    ) -> None:
        told = self.ports.teller.answer(waiting, text, response_url, blocks)

        def write() -> None:
            if isinstance(told, Told):
                self.ports.ledger.answered(waiting.id, *events)
            else:
                log.warning("answer_not_taken", why=told.why)
                wait = told.after if isinstance(told, Again) else 0
                not_before = self.ports.clock.now() + timedelta(seconds=wait)
                self.ports.ledger.keep_answer(waiting, text, *events, not_before=not_before)

        if is_noted:
            self._note(waiting, write)
            return
        try:
            write()
        except LedgerTrouble as trouble:
            log.error("ledger_trouble", diagnosis=trouble.diagnosis, step="answered")

    def _note(self, waiting: Waiting, write: Callable[[], None]) -> None:
        """Write how the answer went, now or when the ledger is back: otherwise it is owed until the next start.

        What waits in memory is bounded, since the ledger has taken a first note of each of these answers.
        """
        self.ports.unwritten(waiting.about, write)

    def _text(self, no: Refused, kind: str) -> str:
        """The sentence for a refusal of a command or a click, with a link to the card that it speaks of."""
        standing = no.facts.get("deletion")
        if no.reason == Reason.ALREADY_OFFERED and isinstance(standing, Deletion):
            no = Refused(no.reason, {**no.facts, "link": self.link(standing)})
        return refusal_text(no, self.wording.for_(kind))

    def _refused_event(self, waiting: Waiting, no: Refused) -> Event:
        reply = no.facts.get("reply")
        facts = {"reason": str(no.reason), "kind": waiting.kind}
        if reply is not None:
            facts |= {"status": reply.status, "code": reply.code}
        return Event(
            Kind.REFUSED,
            self.ports.clock.now(),
            waiting.actor,
            channel=waiting.channel,
            deletion=waiting.deletion,
            job=waiting.job,
            request_id=reply.request_id if reply is not None else None,
            facts=facts,
        )
