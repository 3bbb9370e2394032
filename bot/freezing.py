"""Freeze and unfreeze: stop all deletions of this target, until somebody allows them again.

What holds is the ledger's: no claim is won while a freeze stands. A DELETE that was claimed before is not called back;
it is sent within seconds, or never.
"""

from __future__ import annotations

import secrets

from bot import permission
from bot.model import REASON_LIMIT, Actor, DeletionId, Freeze, Refused
from bot.policy import Deed, Reason
from bot.ports import Ports
from bot.trail import Event, Kind, Tell, TellKind

ABOUT_NO_DELETION = DeletionId("")


def freeze(actor: Actor, channel: str, reason: str, ports: Ports) -> Freeze | Refused:
    """Stop all deletions from now on; told here, in the audit channel and in the threads of the cards that wait."""
    if no := permission.may(Deed.FREEZE, actor, channel, ports, fresh=True):
        return no
    if not reason:
        return Refused(Reason.FREEZE_NEEDS_REASON)
    if len(reason) > REASON_LIMIT:
        return Refused(Reason.REASON_TOO_LONG, {"length": len(reason)})
    made = Freeze(secrets.token_hex(8), actor, ports.clock.now(), channel, reason)
    tell = _tell(Kind.FROZEN, made, actor, channel, ports)
    if standing := ports.ledger.freezes.begin(made, tell, _event(Kind.FROZEN, actor, channel, ports)):
        return Refused(Reason.ALREADY_FROZEN, {"freeze": standing})
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
    if not ports.ledger.freezes.lift(standing, actor, now, tell, event):
        return Refused(Reason.NOT_FROZEN)
    ports.deliver((tell,))
    return standing


def _event(kind: Kind, actor: Actor, channel: str, ports: Ports) -> Event:
    # The reason is what somebody typed, so it stays in its own table and is no part of the trail.
    return Event(kind, ports.clock.now(), actor, channel=channel)


def _tell(kind: Kind, about: Freeze, actor: Actor, channel: str, ports: Ports) -> Tell:
    # A version that knows no freeze takes a NOTICE too, and drops one that is about no deletion.
    facts = {"about": kind.value, "user": actor.user, "at": ports.clock.now().timestamp(), "reason": about.reason}
    return Tell(TellKind.NOTICE, ABOUT_NO_DELETION, channel, None, facts)
