"""A button that was pressed: whether it stood on the card of this deletion, and how that one stands."""

from __future__ import annotations

from bot.deletion.apply import apply
from bot.domain.change import Change
from bot.domain.events import Kind, event_about
from bot.domain.model import Deletion, Press, State
from bot.domain.policy import awaiting
from bot.domain.ports import Ports
from bot.domain.refusals import Refused


def stands_on(press: Press, deletion: Deletion) -> bool:
    """Whether the button stood on this deletion's card, and not on another message that carries its id.

    A second copy, posted because Slack had not answered the first post, is recognized by its content.
    """
    if press.message_ts is None or press.channel != deletion.channel:
        return False
    return press.message_ts == deletion.message_ts or press.is_copy


def _adopt(deletion: Deletion, press: Press, ports: Ports) -> Deletion | None:
    """A click proves that the card stands, even if Slack's answer to the post was lost or is not written down yet."""
    if deletion.state is not State.AWAITING or deletion.message_ts:
        return deletion
    change = Change(
        None,
        {"message_ts": press.message_ts},
        (event_about(Kind.CARD_POSTED, deletion, ports.clock.now(), ts=press.message_ts, by_click=True),),
        where={"state": State.AWAITING, "message_ts": None},
    )
    return apply(deletion, change, ports) or ports.ledger.deletions.get(deletion.id)


def pressed_deletion(press: Press, ports: Ports) -> Deletion | None:
    """The deletion whose button was pressed, as it stands. None for a button on a message that is not its card."""
    found = ports.ledger.deletions.get(press.deletion)
    return _adopt(found, press, ports) if found is not None and stands_on(press, found) else None


def as_it_stands(no: Refused, press: Press, ports: Ports) -> Refused:
    """How the deletion stands, where it no longer waits: a refusal may rest on a read that came too late.

    Another person's click may have had its effect meanwhile, and this one may have read that very effect.
    """
    found = ports.ledger.deletions.get(press.deletion)
    closed_by_this = found is not None and found.state is State.REFUSED and found.ended_by == press.actor
    stands = awaiting(found, ports.config.target, ports.clock.now())
    return stands if isinstance(stands, Refused) and not closed_by_this else no
