"""Freezes: while one stands for a target, no DELETE of it is claimed. The test is part of the claim's own UPDATE."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from bot.domain.events import Event
from bot.domain.model import Actor, Freeze, Target
from bot.domain.notifications import Notification
from bot.ledger import freeze_rows, outbox
from bot.ledger.trail import rows

Run = Callable[..., Any]


class Freezes:
    """Begin, lift, ask. Each is one transaction, with its event and its messages."""

    def __init__(self, target: Target, read: Run, write: Run, now: Callable[[], datetime]) -> None:
        self._target = target
        self._read = read
        self._write = write
        self._now = now

    def current(self) -> Freeze | None:
        """See ``bot.domain.ports.Freezes``."""
        found: Freeze | None = self._read(lambda connection: freeze_rows.current(connection, self._target))
        return found

    def begin(self, freeze: Freeze, notification: Notification, *events: Event) -> Freeze | None:
        """See ``bot.domain.ports.Freezes``."""

        def work(connection: Connection) -> Freeze | None:
            while not freeze_rows.begin(connection, self._target, freeze):
                # Another replica may lift the one in the way between our INSERT and our SELECT; then ours goes in.
                if found := freeze_rows.current(connection, self._target):
                    return found
            self._say(connection, notification, events)
            return None

        in_the_way: Freeze | None = self._write("freeze", work)
        return in_the_way

    def lift(self, freeze: Freeze, by: Actor, at: datetime, notification: Notification, *events: Event) -> bool:
        """See ``bot.domain.ports.Freezes``."""

        def work(connection: Connection) -> bool:
            if not freeze_rows.lift(connection, freeze, by, at):
                return False
            self._say(connection, notification, events)
            return True

        return bool(self._write("unfreeze", work))

    def _say(self, connection: Connection, notification: Notification, events: tuple[Event, ...]) -> None:
        cards = freeze_rows.for_waiting_cards(connection, self._target, notification)
        outbox.write(connection, [notification, *cards], self._now())
        rows.append(connection, events)
