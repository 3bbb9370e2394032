"""Connections to PostgreSQL: their timeouts, when the pool is dropped, and the password of a new one.

Every wait for an answer has a timeout, because a server may go away without closing its connections. The first sign
that another server answers drops every connection of the pool.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.pq import TransactionStatus
from sqlalchemy import Engine, event

if TYPE_CHECKING:
    from psycopg.abc import RV, PQGen
    from sqlalchemy.engine import ExceptionContext

LONGEST_ANSWER = 25.0
"""Seconds. The server itself ends a statement after 20, so a server that does not answer for longer is gone."""
FIRST_ANSWER = 8.0
"""Seconds for the first answer of a transaction, which costs a server no work. So a pooler without a free connection,
or a server that is gone, is noticed early enough to answer a user within 30 s."""

ANOTHER_SERVER = frozenset({"0A000", "25006", "57P01", "57P02", "57P03", "57P05"})
"""SQLSTATEs that make every connection of the pool useless: the server became a standby (25006 and, at the beginning of
a transaction, 0A000), or it shuts down, crashed, starts up, or ended the session."""


class BoundedConnection(psycopg.Connection[Any]):
    """A connection that is closed after a timeout."""

    def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
        """Wait for an answer for a bounded time; raises ``psycopg.OperationalError`` after that."""
        is_first = self.pgconn.transaction_status == TransactionStatus.IDLE
        longest = FIRST_ANSWER if is_first else LONGEST_ANSWER
        try:
            return super().wait(gen, interval, longest if timeout is None else timeout)
        except psycopg.Error:
            if self.pgconn.transaction_status != TransactionStatus.ACTIVE:
                raise
        self.pgconn.finish()
        raise psycopg.OperationalError("the server did not answer in time")


def bind(engine: Engine, password: Callable[[], str | None]) -> None:
    """Use such connections for this engine. ``password`` is called for each; None leaves the URL's own."""

    @event.listens_for(engine, "do_connect")
    def connect(_dialect: object, _record: object, arguments: list[Any], parameters: dict[str, Any]) -> Any:
        renewed = password()
        if renewed is not None:
            parameters["password"] = renewed
        return BoundedConnection.connect(*arguments, **parameters)

    @event.listens_for(engine, "handle_error")
    def drop_the_pool(context: ExceptionContext) -> None:
        if getattr(context.original_exception, "sqlstate", None) in ANOTHER_SERVER:
            context.is_disconnect = True
