"""The App Home: drawn when a person opens it, from the ledger and the permalinks of the cards.

Drawing is idempotent, so an event may be delivered twice. Without a permit the event is dropped, and Slack goes on
showing the last page.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import structlog

from bot.domain import policy
from bot.domain.ledger_port import LedgerTrouble
from bot.domain.model import Actor, Deletion, Person, State
from bot.domain.ports import Delivered, Ports
from handlers.dispatch import Dispatcher
from handlers.views.blocks import Block
from handlers.views.home import HomeData, closed_blocks, home_blocks, stranger_blocks, trouble_blocks

log = structlog.get_logger(__name__)

MOST_OPEN = 200
MOST_DELETED = 100
"""Limits of the queries. The view shows fewer of each kind and the number of the others."""


def opened(dispatcher: Dispatcher, ack: Callable[..., Any], body: Mapping[str, Any]) -> None:
    """The listener: take a permit, submit, ack. The messages tab sends the same event, which needs only the ack."""
    event = body["event"]
    if event.get("tab") == "home":
        # ``team_id`` is the installation's; users.info returns the person's own.
        actor = Actor(event["user"], body.get("team_id") or "")
        if no := dispatcher.permit():
            log.info("home_not_drawn", why=str(no.reason))
        else:
            dispatcher.pool.run(partial(_draw, dispatcher, actor))
    ack()


def _draw(dispatcher: Dispatcher, actor: Actor) -> None:
    try:
        blocks = _blocks(dispatcher, actor)
    except LedgerTrouble as trouble:
        log.error("ledger_trouble", diagnosis=trouble.diagnosis, step="home")
        blocks = trouble_blocks(trouble.diagnosis, dispatcher.wording)
    shown = dispatcher.ports.messenger.show_home(actor.user, blocks)
    if not isinstance(shown, Delivered):
        # The next opening draws it again, so this is no error.
        log.info("home_not_drawn", why=shown.why)


def _blocks(dispatcher: Dispatcher, actor: Actor) -> list[Block]:
    if closed := dispatcher.ports.admission.refusal():
        return closed_blocks(closed, dispatcher.wording)
    person = dispatcher.ports.people.person(actor)
    operator = policy.operator(person, dispatcher.ports.config.rules)
    if isinstance(operator, Person):
        found = home_data(operator, dispatcher)
        return home_blocks(found, dispatcher.links(found.shown()), dispatcher.wording)
    may_freeze = policy.may_freeze(person, dispatcher.ports.config.rules) is None
    return stranger_blocks(operator, dispatcher.wording, may_freeze=may_freeze)


def home_data(person: Person, dispatcher: Dispatcher) -> HomeData:
    """The data of the page of a person who may delete jobs."""
    ports = dispatcher.ports
    overview = ports.ledger.overview
    open_ones = overview.open(limit=MOST_OPEN)
    deleted = overview.deleted(limit=MOST_DELETED)
    mine = [one for one in deleted if _is_by(one, person)]
    return HomeData(
        target=ports.config.target,
        now=ports.clock.now(),
        waiting=[one for one in open_ones if policy.waits_for(one, person)],
        unknown=[one for one in open_ones if one.state in {State.UNKNOWN, State.DELETING}],
        mine=mine,
        team=[one for one in deleted if not _is_by(one, person)],
        freeze=ports.ledger.freezes.current(),
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
