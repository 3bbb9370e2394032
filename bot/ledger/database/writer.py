"""How a transaction is run, and how writers take turns.

On SQLite one connection writes. Whoever finds it free serves, in one transaction and in the order of arrival, all who
have come to wait; so a commit's wait for the disk is shared, nobody starves, and the connection never idles while the
interpreter decides who wakes up. On PostgreSQL everybody has a connection and the database orders them.
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
"""So many share one transaction at most, which bounds what one of them waits for the others."""

PAUSES = (0.02, 0.05, 0.1, 0.2, 0.4, 0.8)
"""Seconds, at most, before a transaction that the server rolled back in favour of others is run again."""


def no_hook(name: str) -> None:
    """What the hooks are outside of tests."""


class Hooks:
    """Called with the name of the transaction, so that a test can stop the world at its boundaries."""

    def __init__(self) -> None:
        self.before_commit: Hook = no_hook
        self.after_commit: Hook = no_hook


class Writer(Protocol):
    """Runs transactions that write."""

    hooks: Hooks

    def run(self, name: str, work: Work[Result], *, lasting: bool = True) -> Result:
        """All of ``work`` or nothing of it. It may be run again after a rollback, so it must not keep a memory.

        What is not ``lasting`` may be undone by a power cut, though not by the end of this process. A lease may: nobody
        is left then who could rely on it, so its transaction need not wait for the disk.
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

    def run(self, name: str, work: Work[Result], *, lasting: bool = True) -> Result:  # noqa: ARG002
        """One transaction on a connection of the pool; all of them last, since saying otherwise takes a round trip.

        What the server rolled back in favour of others is run again, a bounded number of times.
        """
        for pause in (*PAUSES, None):
            try:
                return self._once(name, work)
            except LedgerTrouble as found:
                if pause is None or not found.is_rolled_back:
                    raise
                # Of those that met, each waits another time, or they would meet again.
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
        # Raised outside of the handler: the foreign error, whose text may quote a row, is not to hang on to it.
        raise found

    def close(self) -> None:
        """The engine is its opener's."""


class _Turn:
    """One caller's transaction while it waits."""

    __slots__ = ("error", "is_done", "is_to_serve", "lasting", "name", "result", "wake", "work")

    def __init__(self, name: str, work: Work[Any], *, lasting: bool) -> None:
        self.name = name
        self.work = work
        self.lasting = lasting
        self.result: Any = None
        self.error: BaseException | None = None
        self.is_done = False
        self.is_to_serve = False
        self.wake = Lock()
        self.wake.acquire()


class SharedWriter:
    """One connection for all; SQLite. ``committed`` is called after each COMMIT, and must not raise."""

    def __init__(self, engine: Engine, committed: Callable[[Connection], None] = lambda _: None) -> None:
        self.hooks = Hooks()
        self._engine = engine
        self._committed = committed
        self._connection: Connection | None = None
        self._is_lasting: bool | None = None
        """Whether that connection waits for the disk at a COMMIT; None while that is not known."""
        self._mutex = Lock()
        self._waiting: deque[_Turn] = deque()
        self._is_served = False

    def run(self, name: str, work: Work[Result], *, lasting: bool = True) -> Result:
        """Wait for a turn, or serve all who wait."""
        turn = _Turn(name, work, lasting=lasting)
        with self._mutex:
            self._waiting.append(turn)
            is_serving = not self._is_served
            self._is_served = True
        if not is_serving:
            try:
                turn.wake.acquire()
            except BaseException:
                # Ctrl-C while we wait. Nobody must wait for us to serve.
                self._leave(turn)
                raise
        if not turn.is_done:
            self._serve()
        if turn.error is not None:
            raise turn.error
        self.hooks.after_commit(name)
        return turn.result  # type: ignore[no-any-return]

    def _serve(self) -> None:
        """Serve those who wait now, the caller first among them, then wake the next server."""
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
        """The first of those who wait serves next, if there is one."""
        self._is_served = bool(self._waiting)
        if self._waiting:
            self._waiting[0].is_to_serve = True
            self._waiting[0].wake.release()

    def _leave(self, turn: _Turn) -> None:
        """Wait no longer. If somebody is about to run our transaction already, it runs without us."""
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
        # Somebody's trouble is not to be everybody's: nothing has happened yet, so each tries alone.
        for turn in together:
            turn.error = self._try([turn])
        if isinstance(error, KeyboardInterrupt):
            raise error

    def _try(self, together: list[_Turn]) -> BaseException | None:
        """One transaction for all of them; what went wrong, after it was rolled back."""
        committing = False
        try:
            if self._connection is None:
                self._connection, self._is_lasting = self._engine.connect(), None
            self._wait_for_the_disk(self._connection, lasting=any(turn.lasting for turn in together))
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
        except BaseException as error:  # noqa: BLE001 - it is handed to the thread whose work it came from.
            return self._undo(error, committing=committing)
        return None

    def _wait_for_the_disk(self, connection: Connection, *, lasting: bool) -> None:
        """Whether the next COMMIT returns only when the disk has it."""
        if self._is_lasting is not lasting:
            # Straight to the driver, as SQLAlchemy would begin a transaction first, and there it has no effect.
            driver: Any = connection.connection.driver_connection
            self._is_lasting = None
            driver.execute(f"PRAGMA synchronous={'FULL' if lasting else 'NORMAL'}")
            self._is_lasting = lasting

    def _undo(self, error: BaseException, *, committing: bool) -> BaseException:
        """Roll back for certain. A COMMIT that failed leaves SQLite's transaction open, and SQLAlchemy forgets it."""
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
        except Exception as second:  # noqa: BLE001 - whatever it is, this connection is not to be used again.
            self._connection = None
            connection.invalidate()
            connection.close()
            doubt = trouble.translate(second)
            doubt.in_doubt = committing
            return doubt
        return error

    def close(self) -> None:
        """Give the connection back; the caller sees to it that nobody writes any more."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
