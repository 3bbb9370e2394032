"""``/delete-dh-job``: parse, take a permit, ack, submit, return. This thread does no I/O."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from bot.deletion.propose import propose
from bot.domain.events import Event, Kind
from bot.domain.model import Ask
from bot.domain.notifications import PendingRequest, ResponseUrl
from bot.domain.refusals import Reason, Refused
from handlers import subcommands
from handlers.dispatch import Dispatcher, new_id
from handlers.grammar import Command, UsageError, parse
from handlers.payloads import command_actor, request_digest
from handlers.views.blocks import code
from handlers.views.refusals import refusal_text
from handlers.vocabulary import DELETE

Ack = Callable[..., Any]


def delete_dh_job(dispatcher: Dispatcher, ack: Ack, body: Mapping[str, Any]) -> None:
    """The listener of the slash command."""
    actor, channel = command_actor(body), body["channel_id"]
    if closed := dispatcher.ports.admission.refusal():
        event = Event(Kind.REFUSED, dispatcher.ports.clock.now(), actor, channel=channel)
        dispatcher.reject(partial(say, ack), closed, event, request_digest(body))
        return
    typed = parse(body.get("text") or "", reason_required=dispatcher.ports.config.rules.reason_required)
    match typed:
        case UsageError():
            # This has no effect, so Slack may deliver it again: the request is not recorded as served.
            no = {"detail": typed.detail, "meant": typed.meant, "subcommand": typed.subcommand}
            say(ack, refusal_text(Refused(typed.rule, no), dispatcher.wording.for_("command")))
            facts = {"reason": typed.rule.value, "length": typed.length}
            dispatcher.record(Event(Kind.REFUSED, dispatcher.ports.clock.now(), actor, channel=channel, facts=facts))
        case Command() if typed.name == DELETE:
            _delete(dispatcher, ack, Ask(new_id(), actor, channel, typed.job_id, typed.text or None), body)
        case Command():
            pending = PendingRequest(
                new_id(), "command", actor, channel, dispatcher.ports.clock.now(), request=request_digest(body)
            )
            subcommands.run(dispatcher, partial(say, ack), pending, typed, _response_url(body))


def say(ack: Ack, text: str) -> None:
    """Ack with a text that only the person sees. It has to be true by itself: Slack may not let it be replaced."""
    ack(text=text, response_type="ephemeral")


def _delete(dispatcher: Dispatcher, ack: Ack, ask: Ask, body: Mapping[str, Any]) -> None:
    now, request = dispatcher.ports.clock.now(), request_digest(body)
    pending = PendingRequest(ask.id, "command", ask.actor, ask.channel, now, job=ask.job_id, request=request)
    first = f"Checking {code(ask.job_id)} …"
    use_case = partial(propose, ask, dispatcher.ports)
    dispatcher.begin(partial(say, ack), first, pending, use_case, _response_url(body))


def _response_url(body: Mapping[str, Any]) -> ResponseUrl | None:
    url = body.get("response_url")
    return ResponseUrl(url, replaces_ack=True) if url else None


def crashed(ack: Ack, dispatcher: Dispatcher) -> None:
    """Ack for a listener that failed: an exception would leave the command without an ack."""
    say(ack, refusal_text(Refused(Reason.BUG), dispatcher.wording))
