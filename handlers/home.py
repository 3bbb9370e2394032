"""The App Home: drawn when somebody opens it, from the ledger alone but for links. Nobody waits for an answer here.

An event that is delivered again draws the same once more, which is harmless; one that finds no permit is let go, and
Slack goes on showing what was drawn last.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import structlog

from bot.domain import policy
from bot.domain.ledger_port import LedgerTrouble
from bot.domain.model import Actor, Deletion, Person, State
from bot.domain.ports import Ports, Told
from bot.domain.refusals import Refused
from handlers.dispatch import Desk
from handlers.views.blocks import Block
from handlers.views.home import Look, closed_blocks, home_blocks, stranger_blocks, trouble_blocks

log = structlog.get_logger(__name__)

MOST_OPEN = 200
MOST_DELETED = 100
"""So many are looked at; the view shows fewer of each kind and says how many more there are."""


def opened(desk: Desk, ack: Callable[..., Any], body: Mapping[str, Any]) -> None:
    """The listener: permit, ack, submit. The messages tab sends the same event and needs nothing."""
    event = body["event"]
    if event.get("tab") == "home":
        # The team is that of the installation; users.info says whose this person is.
        actor = Actor(event["user"], body.get("team_id") or "")
        if no := desk.permit():
            log.info("home_not_drawn", why=str(no.reason))
        else:
            desk.pool.run(partial(_draw, desk, actor))
    ack()


def _draw(desk: Desk, actor: Actor) -> None:
    try:
        blocks = _blocks(desk, actor)
    except LedgerTrouble as trouble:
        log.error("ledger_trouble", diagnosis=trouble.diagnosis, step="home")
        blocks = trouble_blocks(trouble.diagnosis, desk.wording)
    shown = desk.ports.teller.show_home(actor.user, blocks)
    if not isinstance(shown, Told):
        # It is drawn anew the next time somebody opens it, so this is nothing to wake anybody for.
        log.info("home_not_drawn", why=shown.why)


def _blocks(desk: Desk, actor: Actor) -> list[Block]:
    if closed := desk.ports.admission.refusal():
        return closed_blocks(closed, desk.wording)
    person = desk.ports.people.person(actor)
    no = policy.may_operate(person, desk.ports.terms.rules)
    if isinstance(person, Person) and no is None:
        found = look(person, desk)
        return home_blocks(found, desk.links(found.shown()), desk.wording)
    may_freeze = policy.may_freeze(person, desk.ports.terms.rules) is None
    return stranger_blocks(no or Refused(""), desk.wording, may_freeze=may_freeze)


def look(person: Person, desk: Desk) -> Look:
    """What the Home tells an operator."""
    ports = desk.ports
    looks = ports.ledger.looks
    open_ones = looks.open(limit=MOST_OPEN)
    deleted = looks.deleted(limit=MOST_DELETED)
    mine = [one for one in deleted if _is_by(one, person)]
    return Look(
        target=ports.terms.target,
        now=ports.clock.now(),
        waiting=[one for one in open_ones if policy.waits_for(one, person)],
        unknown=[one for one in open_ones if one.state in {State.UNKNOWN, State.DELETING}],
        mine=mine,
        team=[one for one in deleted if not _is_by(one, person)],
        freeze=ports.ledger.freezes.standing(),
        stopped_since=ports.jobs.stopped_since(),
        cannot_write=_cannot_write(ports),
    )


def _is_by(deletion: Deletion, person: Person) -> bool:
    return any(actor is not None and actor.user in person.ids for actor in (deletion.requester, deletion.confirmer))


def _cannot_write(ports: Ports) -> str | None:
    try:
        ports.ledger.ping_writable()
    except LedgerTrouble as trouble:
        return trouble.diagnosis
    return None
