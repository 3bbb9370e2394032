"""The breaker: after MetaStudio rejected the credentials, nothing signed is sent for five minutes, then one trial."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from threading import Lock
from typing import Any, NamedTuple

from sqlalchemy import Connection

from bot.domain.events import Event
from bot.domain.model import Target
from bot.ledger import breaker_rows
from bot.ledger.breaker_rows import REST
from bot.ledger.trail import rows

Run = Callable[..., Any]


class _Current(NamedTuple):
    fingerprint: str
    opened_at: datetime


class Breaker:
    """Asked before every signed call and told after it, so the common case, closed, must cost next to nothing.

    Where this process is alone on the database it remembers what stands there. With other replicas it asks each time.
    """

    def __init__(self, target: Target, read: Run, write: Run, *, is_exclusive: bool) -> None:
        self._key = breaker_rows.key(target)
        self._read = read
        self._write = write
        self._is_exclusive = is_exclusive
        self._lock = Lock()
        self._is_known = False
        self._known: _Current | None = None

    def allows(self, fingerprint: str, now: datetime) -> bool:
        """See ``Ledger.breaker_allows``."""
        current = self._current()
        if current is None or current.fingerprint != fingerprint:
            return True
        if now < current.opened_at + REST:
            return False
        return bool(self._write("breaker_allows", lambda c: breaker_rows.try_once(c, self._key, fingerprint, now)))

    def forget(self) -> None:
        """Look again what stands there: the clock was set, and with it the times in the ledger."""
        with self._lock:
            self._is_known = False

    def open(self, fingerprint: str, now: datetime, *events: Event) -> None:
        """See ``Ledger.breaker_open``."""

        def work(connection: Connection) -> None:
            if breaker_rows.stop(connection, self._key, fingerprint, now):
                rows.append(connection, events)

        with self._lock:
            self._is_known = False
            self._write("breaker_open", work)
            self._known, self._is_known = _Current(fingerprint, now), self._is_exclusive

    def close(self, fingerprint: str, *events: Event) -> None:
        """See ``Ledger.breaker_close``."""
        current = self._current()
        if current is None or current.fingerprint != fingerprint:
            return

        def work(connection: Connection) -> None:
            if breaker_rows.close(connection, self._key, fingerprint):
                rows.append(connection, events)

        with self._lock:
            self._is_known = False
            self._write("breaker_close", work)
            # Another thread may have opened it for other credentials since we looked; the next caller will look again.

    def _current(self) -> _Current | None:
        if self._is_known:
            return self._known
        with self._lock:
            row = self._read(lambda connection: breaker_rows.current(connection, self._key))
            self._known = _Current(row.fingerprint, row.opened_at) if row is not None else None
            self._is_known = self._is_exclusive
            return self._known
