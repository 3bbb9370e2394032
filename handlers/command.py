"""``/delete-dh-job``: parse, take a permit, ack, submit, return. No I/O before the ack, and none in this thread."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from bot.deletions import new_id
from bot.model import Actor, Ask, Refused
from bot.policy import Reason
from bot.proposing import propose
from bot.trail import Event, Kind, Waiting
from handlers import subcommands
from handlers.desk import Desk
from handlers.payloads import DeleteCommand, Subcommand, UsageError, command_actor, parse_text
from handlers.views.parts import code
from handlers.views.refusals import refusal_text

Ack = Callable[..., Any]


def delete_dh_job(desk: Desk, ack: Ack, body: Mapping[str, Any]) -> None:
    """The listener of the slash command."""
    typed = parse_text(body.get("text") or "", reason_required=desk.ports.terms.rules.reason_required)
    actor, channel = command_actor(body), body["channel_id"]
    match typed:
        case UsageError():
            no = Refused(typed.rule, {"detail": typed.detail, "length": typed.length})
            say(ack, refusal_text(no, desk.wording.for_("command")))
            facts = {"reason": typed.rule.value, "length": typed.length}
            desk.record(Event(Kind.REFUSED, desk.ports.clock.now(), actor, channel=channel, facts=facts))
        case Subcommand():
            waiting = Waiting(new_id(), "command", actor, channel, desk.ports.clock.now())
            subcommands.run(desk, partial(say, ack), waiting, typed, body.get("response_url"))
        case DeleteCommand():
            _delete(desk, ack, actor, channel, typed, body.get("response_url"))


def say(ack: Ack, text: str) -> None:
    """Acknowledge with a text that only the person sees. It is final: nothing replaces it later."""
    ack(text=text, response_type="ephemeral")


def _delete(desk: Desk, ack: Ack, actor: Actor, channel: str, typed: DeleteCommand, response_url: str | None) -> None:
    ask = Ask(new_id(), actor, channel, typed.job_id, typed.reason)
    waiting = Waiting(ask.id, "command", actor, channel, desk.ports.clock.now(), job=ask.job_id)
    first = f"Checking {code(typed.job_id)} …"
    desk.begin(partial(say, ack), first, waiting, partial(propose, ask, desk.ports), response_url)


def crashed(ack: Ack, desk: Desk) -> None:
    """What is acknowledged when a listener fails: an exception would be no ack at all."""
    say(ack, refusal_text(Refused(Reason.BUG), desk.wording))
