"""Freeze and unfreeze: stop all deletions of this target, until somebody allows them again.

The ledger enforces it: no claim is won while a freeze stands. A DELETE that was claimed before is not called back; it
is sent within seconds, or never.
"""

from __future__ import annotations

import secrets

from bot.deletion import permission
from bot.deletion.in_doubt import found_after
from bot.domain.events import Event, Kind
from bot.domain.ledger_port import LedgerTrouble
from bot.domain.model import Actor, Deletion, DeletionId, Freeze
from bot.domain.notifications import Notification, NotificationKind
from bot.domain.policy import Action
from bot.domain.ports import Ports
from bot.domain.refusals import Reason, Refused

ABOUT_NO_DELETION = DeletionId("")


def freeze(actor: Actor, channel: str, reason: str, ports: Ports) -> Freeze | Refused:
    """Stop all deletions from now on. Posted here, in the audit channel and in the threads of the cards that wait.

    ``reason`` may be empty: in an emergency nobody has to type one first.
    """
    if no := permission.may(Action.FREEZE, actor, channel, ports, fresh=True):
        return no
    made = Freeze(secrets.token_hex(8), actor, ports.clock.now(), channel, reason)
    notification = _notification(Kind.FROZEN, made, actor, channel, ports)
    try:
        current = ports.ledger.freezes.begin(made, notification, _event(Kind.FROZEN, actor, channel, ports))
    except LedgerTrouble as trouble:
        current = found_after(trouble, ports.ledger.freezes.current)
    if current is not None and current.id != made.id:
        return Refused(Reason.ALREADY_FROZEN, {"freeze": current, "is_reason_dropped": bool(reason)})
    ports.deliver((notification,))
    return made


def unfreeze(actor: Actor, channel: str, ports: Ports) -> Freeze | Refused:
    """Allow deletions again; the freeze that was lifted."""
    if no := permission.may(Action.FREEZE, actor, channel, ports, fresh=True):
        return no
    current = ports.ledger.freezes.current()
    if current is None:
        return Refused(Reason.NOT_FROZEN)
    now = ports.clock.now()
    notification = _notification(Kind.UNFROZEN, current, actor, channel, ports)
    event = _event(Kind.UNFROZEN, actor, channel, ports)
    try:
        is_lifted = ports.ledger.freezes.lift(current, actor, now, notification, event)
    except LedgerTrouble as trouble:
        is_lifted = found_after(trouble, lambda: ports.ledger.freezes.current() is None)
    if not is_lifted:
        return Refused(Reason.NOT_FROZEN)
    ports.deliver((notification,))
    return current


def freeze_for_lost_commits(deletion: Deletion, ports: Ports) -> None:
    """The bot's own freeze: nothing more is deleted until an operator has found out why the ledger lost commits.

    An earlier freeze that still stands has the same effect.
    """
    reason = f"the ledger lost commits about deletion {deletion.id}; `dh-bot doctor` says more"
    made = Freeze(secrets.token_hex(8), None, ports.clock.now(), deletion.channel, reason)
    notification = _notification(Kind.FROZEN, made, None, deletion.channel, ports)
    if ports.ledger.freezes.begin(made, notification, _event(Kind.FROZEN, None, deletion.channel, ports)) is None:
        ports.deliver((notification,))


def _event(kind: Kind, actor: Actor | None, channel: str, ports: Ports) -> Event:
    # The reason is what somebody typed, so it stays in its own table and is no part of the trail.
    return Event(kind, ports.clock.now(), actor, channel=channel)


def _notification(kind: Kind, about: Freeze, actor: Actor | None, channel: str, ports: Ports) -> Notification:
    # A version that knows no freeze takes a NOTICE too, and drops one that is about no deletion.
    user = actor.user if actor else None
    facts = {"about": kind.value, "user": user, "at": ports.clock.now().timestamp(), "reason": about.reason}
    return Notification(NotificationKind.NOTICE, ABOUT_NO_DELETION, channel, None, facts)
