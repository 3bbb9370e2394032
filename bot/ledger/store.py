"""``Store``: the port ``bot.domain.ledger_port.Ledger`` on SQLite or PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import Connection

from bot.domain.ledger_port import Longest
from bot.domain.model import Target
from bot.ledger import clock, processes
from bot.ledger.breaker import Breaker
from bot.ledger.cards import Cards
from bot.ledger.database.engine import Database
from bot.ledger.deletions import Deletions
from bot.ledger.freezes import Freezes
from bot.ledger.outbox import Outbox
from bot.ledger.overview import Overview
from bot.ledger.pending_requests import PendingRequests
from bot.ledger.running_log import RunningLog
from bot.ledger.trail.trail import Trail
from bot.ledger.transactions import Transactions


class Store(Transactions):
    """The ledger. Safe to use from any thread; every method is one transaction and raises only ``LedgerTrouble``.

    It holds the parts. Its own methods concern all of them.
    """

    def __init__(self, database: Database, target: Target, instance: str, now: Callable[[], datetime]) -> None:
        super().__init__(database, instance, now)
        self._is_leaving = False
        self.deletions = Deletions(self, target)
        self.requests = PendingRequests(self)
        self.outbox = Outbox(self)
        self.cards = Cards(self)
        self.freezes = Freezes(self, target)
        self.breaker = Breaker(self, target)
        self.trail = Trail(self)
        self.running_log = RunningLog(self)
        self.overview = Overview(self, target)

    def follow_clock(self, now: datetime, step: timedelta, longest: Longest) -> int | None:
        """See the port."""

        def work(connection: Connection) -> int | None:
            # A clock that is off would give the due times of all replicas wrong values.
            is_off = self._is_off(connection, now)
            return None if is_off else clock.set_right(connection, now, step, longest, self.instance)

        count = self.write("follow_clock", work)
        self.breaker.forget()
        return count

    def ping_writable(self) -> datetime | None:
        """See the port. SQLite has no time of its own: it uses this machine's."""

        def work(connection: Connection) -> datetime | None:
            return processes.seen(connection, self.instance, self.now(), lambda: self._is_leaving)

        return self.write("ping_writable", work)

    def leave(self) -> None:
        """Stop counting as a live process, for good, even if this process still works for a while.

        The processes of a SQLite ledger are not counted.
        """
        self._is_leaving = True
        if not self.is_exclusive:
            self.ping_writable()
