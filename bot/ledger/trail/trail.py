"""``Trail``: the audit trail for the running bot. ``reader`` is for the command line."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from bot.audit.chain import Verdict
from bot.domain.events import Event, Recorded
from bot.domain.model import DeletionId
from bot.ledger.served import is_first
from bot.ledger.trail import rows
from bot.ledger.trail import verify as verifying
from bot.ledger.transactions import Transactions


class Trail:
    """See ``bot.domain.ledger_port.Trail``."""

    def __init__(self, run: Transactions) -> None:
        self._run = run

    def record(self, *events: Event, request: str | None = None) -> None:
        """See the port."""

        def work(connection: Connection) -> None:
            is_first(connection, request, events[0].at)
            rows.append(connection, events)

        if events:
            self._run.write("record", work)

    def events(self, *, after: int = 0, limit: int = 500) -> Sequence[Recorded]:
        """See the port."""
        return self._run.read(lambda connection: rows.read(connection, after=after, limit=limit))

    def events_of(self, deletion: DeletionId) -> Sequence[Recorded]:
        """The events of one deletion."""
        return self._run.read(lambda connection: rows.of_deletion(connection, deletion))

    def head(self) -> tuple[int, str]:
        """See the port."""
        return self._run.read(rows.head)

    def verify(self) -> Verdict:
        """Check the whole trail, from the newest checkpoint to the head, in one snapshot."""
        return self._run.read(verifying.verify)

    def missing_triggers(self) -> frozenset[str]:
        """The triggers that should protect the trail and are missing."""
        return self._run.read(verifying.missing_triggers)
