"""Freeze and unfreeze: stop all deletions of this target, until somebody allows them again.

What holds is the ledger's: no claim is won while a freeze stands. A DELETE that was claimed before is not called back;
it is sent within seconds, or never.
"""

from __future__ import annotations

import secrets

from bot.deletion import permission
from bot.deletion.in_doubt import found_after
from bot.domain.events import Event, Kind
from bot.domain.ledger_port import LedgerTrouble
from bot.domain.model import Actor, Deletion, DeletionId, Freeze
from bot.domain.notifications import Tell, TellKind
from bot.domain.policy import Deed
from bot.domain.ports import Ports
from bot.domain.refusals import Reason, Refused

ABOUT_NO_DELETION = DeletionId("")


def freeze(actor: Actor, channel: str, reason: str, ports: Ports) -> Freeze | Refused:
    """Stop all deletions from now on; told here, in the audit channel and in the threads of the cards that wait.

    ``reason`` may be empty: in an emergency nobody is asked for words first.
    """
    if no := permission.may(Deed.FREEZE, actor, channel, ports, fresh=True):
        return no
    made = Freeze(secrets.token_hex(8), actor, ports.clock.now(), channel, reason)
    tell = _tell(Kind.FROZEN, made, actor, channel, ports)
    try:
        standing = ports.ledger.freezes.begin(made, tell, _event(Kind.FROZEN, actor, channel, ports))
    except LedgerTrouble as trouble:
        standing = found_after(trouble, ports.ledger.freezes.standing)
    if standing is not None and standing.id != made.id:
        return Refused(Reason.ALREADY_FROZEN, {"freeze": standing, "is_reason_dropped": bool(reason)})
    ports.deliver((tell,))
    return made


def unfreeze(actor: Actor, channel: str, ports: Ports) -> Freeze | Refused:
    """Allow deletions again; the freeze that was lifted."""
    if no := permission.may(Deed.FREEZE, actor, channel, ports, fresh=True):
        return no
    standing = ports.ledger.freezes.standing()
    if standing is None:
        return Refused(Reason.NOT_FROZEN)
    now = ports.clock.now()
    tell = _tell(Kind.UNFROZEN, standing, actor, channel, ports)
    event = _event(Kind.UNFROZEN, actor, channel, ports)
    try:
        is_lifted = ports.ledger.freezes.lift(standing, actor, now, tell, event)
    except LedgerTrouble as trouble:
        is_lifted = found_after(trouble, lambda: ports.ledger.freezes.standing() is None)
    if not is_lifted:
        return Refused(Reason.NOT_FROZEN)
    ports.deliver((tell,))
    return standing


def freeze_for_lost_commits(deletion: Deletion, ports: Ports) -> None:
    """The bot's own freeze: until somebody has looked why its ledger lost commits, nothing more is deleted.

    A freeze that stands already is as good.
    """
    reason = f"the ledger lost commits about deletion {deletion.id}; `dh-bot doctor` says more"
    made = Freeze(secrets.token_hex(8), None, ports.clock.now(), deletion.channel, reason)
    tell = _tell(Kind.FROZEN, made, None, deletion.channel, ports)
    if ports.ledger.freezes.begin(made, tell, _event(Kind.FROZEN, None, deletion.channel, ports)) is None:
        ports.deliver((tell,))


def _event(kind: Kind, actor: Actor | None, channel: str, ports: Ports) -> Event:
    # The reason is what somebody typed, so it stays in its own table and is no part of the trail.
    return Event(kind, ports.clock.now(), actor, channel=channel)


def _tell(kind: Kind, about: Freeze, actor: Actor | None, channel: str, ports: Ports) -> Tell:
    # A version that knows no freeze takes a NOTICE too, and drops one that is about no deletion.
    user = actor.user if actor else None
    facts = {"about": kind.value, "user": user, "at": ports.clock.now().timestamp(), "reason": about.reason}
    return Tell(TellKind.NOTICE, ABOUT_NO_DELETION, channel, None, facts)
