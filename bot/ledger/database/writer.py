"""How a transaction is run, and how writers take turns.

On SQLite one connection writes. A thread that finds it free runs the work of all waiting threads in one transaction, in
the order of arrival. So a commit's wait for the disk is shared, no thread starves, and the connection never idles while
threads wake up. On PostgreSQL each transaction has a connection of its own, and the database orders them.
"""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Callable
from threading import Lock
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection, Engine

from bot.domain.ledger_port import LedgerTrouble
from bot.ledger.database import trouble
from bot.ledger.database.trouble import FOREIGN

Result = TypeVar("Result")
Work = Callable[[Connection], Result]
Hook = Callable[[str], None]

MOST_TOGETHER = 32
"""The maximum that share one transaction, which bounds how long one of them waits for the others."""

PAUSES = (0.02, 0.05, 0.1, 0.2, 0.4, 0.8)
"""The maximum delays, in seconds, before the retries of a transaction that the server rolled back."""


def no_hook(name: str) -> None:
    """The hooks' default, outside of tests."""


class Hooks:
    """Called with the name of the transaction, so that a test can stop a process at its boundaries."""

    def __init__(self) -> None:
        self.before_commit: Hook = no_hook
        self.after_commit: Hook = no_hook


class Writer(Protocol):
    """Runs transactions that write."""

    hooks: Hooks

    def run(self, name: str, work: Work[Result], *, durable: bool = True) -> Result:
        """Run ``work`` in one transaction. It may be run again after a rollback, so it must be idempotent.

        ``durable=False`` skips the wait for the disk: a power cut may undo the commit, a crash of this process cannot.
        Leases use it, because after a power cut no process relies on them.
        """
        ...

    def close(self) -> None:
        """Give the connections back."""
        ...


class PooledWriter:
    """A connection per transaction; PostgreSQL."""

    def __init__(self, engine: Engine) -> None:
        self.hooks = Hooks()
        self._engine = engine

    def run(self, name: str, work: Work[Result], *, durable: bool = True) -> Result:  # noqa: ARG002
        """One transaction on a connection of the pool. All are durable, since another setting costs a round trip.

        A transaction that the server rolled back in favour of others is retried, a bounded number of times.
        """
        for pause in (*PAUSES, None):
            try:
                return self._once(name, work)
            except LedgerTrouble as found:
                if pause is None or not found.is_rolled_back:
                    raise
                # A random delay, or the transactions that collided would collide again.
                time.sleep(random.uniform(pause / 2, pause))  # noqa: S311 - no secret # nosec B311
        raise AssertionError("the last round returns or raises")

    def _once(self, name: str, work: Work[Result]) -> Result:
        found: LedgerTrouble
        committing = False
        try:
            with self._engine.connect() as connection, connection.begin() as transaction:
                result = work(connection)
                self.hooks.before_commit(name)
                committing = True
                transaction.commit()
        except FOREIGN as error:
            found = trouble.translate(error, committing=committing)
        else:
            self.hooks.after_commit(name)
            return result
        # Raised outside of the handler, so that the foreign error, whose text may quote a row, is not its context.
        raise found

    def close(self) -> None:
        """Nothing to do: the engine belongs to its opener."""


class _Turn:
    """One caller's work while it waits."""

    __slots__ = ("durable", "error", "is_done", "is_to_serve", "name", "result", "wake", "work")

    def __init__(self, name: str, work: Work[Any], *, durable: bool) -> None:
        self.name = name
        self.work = work
        self.durable = durable
        self.result: Any = None
        self.error: BaseException | None = None
        self.is_done = False
        self.is_to_serve = False
        self.wake = Lock()
        self.wake.acquire()


class SharedWriter:
    """One connection for all threads; SQLite. ``committed`` is called after each COMMIT and must not raise."""

    def __init__(self, engine: Engine, committed: Callable[[Connection], None] = lambda _: None) -> None:
        self.hooks = Hooks()
        self._engine = engine
        self._committed = committed
        self._connection: Connection | None = None
        self._is_durable: bool | None = None
        """Whether that connection waits for the disk at a COMMIT; None if unknown."""
        self._mutex = Lock()
        self._waiting: deque[_Turn] = deque()
        self._is_served = False

    def run(self, name: str, work: Work[Result], *, durable: bool = True) -> Result:
        """Wait until another thread has run the work, or run the work of all waiting threads."""
        turn = _Turn(name, work, durable=durable)
        with self._mutex:
            self._waiting.append(turn)
            is_serving = not self._is_served
            self._is_served = True
        if not is_serving:
            try:
                turn.wake.acquire()
            except BaseException:
                # Ctrl-C while this thread waits. No other thread may wait for it to serve.
                self._leave(turn)
                raise
        if not turn.is_done:
            self._serve()
        if turn.error is not None:
            raise turn.error
        self.hooks.after_commit(name)
        return turn.result  # type: ignore[no-any-return]

    def _serve(self) -> None:
        """Serve the threads that wait now, beginning with this one, then wake the next server."""
        with self._mutex:
            together = [self._waiting.popleft() for _ in range(min(len(self._waiting), MOST_TOGETHER))]
        mine = together[0]
        try:
            self._transact(together)
        finally:
            for turn in together:
                turn.is_done = True
                if turn is not mine:
                    turn.wake.release()
            with self._mutex:
                self._pass_on()

    def _pass_on(self) -> None:
        """Let the first waiting thread, if there is one, serve next."""
        self._is_served = bool(self._waiting)
        if self._waiting:
            self._waiting[0].is_to_serve = True
            self._waiting[0].wake.release()

    def _leave(self, turn: _Turn) -> None:
        """Stop waiting. If another thread is already running this work, it is run without this thread."""
        with self._mutex:
            if turn in self._waiting:
                self._waiting.remove(turn)
                if turn.is_to_serve:
                    self._pass_on()

    def _transact(self, together: list[_Turn]) -> None:
        error = self._try(together)
        if error is None:
            return
        if len(together) == 1 or (isinstance(error, LedgerTrouble) and error.in_doubt):
            for turn in together:
                turn.error = error
            return
        # One caller's error must not fail the others. Nothing was committed, so each is run alone.
        for turn in together:
            turn.error = self._try([turn])
        if isinstance(error, KeyboardInterrupt):
            raise error

    def _try(self, together: list[_Turn]) -> BaseException | None:
        """One transaction for all of them; returns the error, after the rollback."""
        committing = False
        try:
            if self._connection is None:
                self._connection, self._is_durable = self._engine.connect(), None
            self._wait_for_the_disk(self._connection, durable=any(turn.durable for turn in together))
            transaction = self._connection.begin()
            for turn in together:
                turn.result = turn.work(self._connection)
            for turn in together:
                self.hooks.before_commit(turn.name)
            committing = True
            transaction.commit()
            self._committed(self._connection)
        except FOREIGN as error:
            return self._undo(trouble.translate(error), committing=committing)
        except BaseException as error:  # noqa: BLE001 - raised in the thread whose work it came from.
            return self._undo(error, committing=committing)
        return None

    def _wait_for_the_disk(self, connection: Connection, *, durable: bool) -> None:
        """Set whether the next COMMIT waits for the disk."""
        if self._is_durable is not durable:
            # Directly through the driver: SQLAlchemy would begin a transaction first, where the PRAGMA has no effect.
            driver: Any = connection.connection.driver_connection
            self._is_durable = None
            driver.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
            self._is_durable = durable

    def _undo(self, error: BaseException, *, committing: bool) -> BaseException:
        """Roll back. After a COMMIT that failed SQLite's transaction is still open, although SQLAlchemy dropped it."""
        connection = self._connection
        if connection is None:
            return error
        try:
            connection.info.clear()
            # sqlite3 sends ROLLBACK only when a transaction is open, so this is right in every state.
            connection.connection.rollback()
            transaction = connection.get_transaction()
            if transaction is not None:
                transaction.rollback()
        except Exception as second:  # noqa: BLE001 - after any error this connection is not to be used again.
            self._connection = None
            connection.invalidate()
            connection.close()
            doubt = trouble.translate(second)
            doubt.in_doubt = committing
            return doubt
        return error

    def close(self) -> None:
        """Return the connection. The caller has made sure that no thread writes any more."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
