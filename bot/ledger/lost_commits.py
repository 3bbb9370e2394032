"""The trail's events about lost commits. The sender that noticed wrote one for each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, select

from bot.domain.events import Kind, Recorded
from bot.ledger import freezes
from bot.ledger.schema.tables import events
from bot.ledger.trail import rows

_EVENTS = select(events).where(events.c.kind == Kind.LOST_COMMITS.value).order_by(events.c.number.desc()).limit(100)


class Found(NamedTuple):
    """The newest event first. ``is_frozen``: a freeze that the bot made for them still stands."""

    events: Sequence[Recorded]
    is_frozen: bool


def find(connection: Connection) -> Found:
    """For ``TrailReader.read``."""
    return Found(rows.recorded(connection.execute(_EVENTS)), freezes.stands_by_itself(connection))
