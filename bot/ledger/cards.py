"""Turns for drawings of cards that may be lost: a row of the outbox that is born with a lease.

The row keeps the order: while it is there, no later redraw of the card is leased by any process. Nobody but its writer
sends it, so a crash leaves no message, only a row that the outbox drops when its lease has run out.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, insert, select

from bot.domain.notifications import Due, Notification
from bot.ledger import outbox as messages
from bot.ledger.schema.mapping import notification_columns
from bot.ledger.schema.tables import deletions, is_deleting, outbox
from bot.ledger.transactions import Transactions

_IS_DELETING = (
    select(deletions.c.id)
    .where(deletions.c.id == bindparam("wanted"), is_deleting)
    # A change of the deletion locks its row first and writes its redraw then. So on PostgreSQL either this waits for
    # the change and finds another state, or the change waits for this and its redraw comes behind this turn.
    .with_for_update()
)
_IS_WAITED_FOR = select(outbox.c.number).where(outbox.c.thread == bindparam("of_thread")).limit(1)
_HOLD = insert(outbox).returning(outbox.c.number)


class Cards:
    """See ``bot.domain.ledger_port.Cards``. Its transactions need not be durable."""

    def __init__(self, run: Transactions) -> None:
        self._run = run

    def hold(self, drawing: Notification, now: datetime, *, seconds: float) -> Due | None:
        """See the port."""
        written_at = self._run.now()
        (columns,) = notification_columns([drawing], written_at)
        columns |= {"lease_owner": self._run.instance, "lease_until": now + timedelta(seconds=seconds)}

        def work(connection: Connection) -> Due | None:
            if connection.execute(_IS_DELETING, {"wanted": drawing.deletion}).first() is None:
                return None
            if connection.execute(_IS_WAITED_FOR, {"of_thread": drawing.thread}).first() is not None:
                return None
            return Due(connection.execute(_HOLD, columns).scalar_one(), drawing, 0, written_at)

        return self._run.lease("hold_card", None, work, None)

    def release(self, due: Due) -> None:
        """See the port."""
        self._run.lease("release_card", None, lambda connection: messages.gone(connection, due), nothing=False)
