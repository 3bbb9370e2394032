"""How every transaction on PostgreSQL begins: one table of settings, and the check that they hold.

They are sent with BEGIN, in one message, and hold for that transaction only. So they override the settings of server,
role, database and URL, and behind a pooler every server connection has them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, bindparam, event, text

from bot.domain.ledger_port import LedgerTrouble
from bot.ledger.database import trouble


@dataclass(frozen=True, slots=True)
class Pinned:
    """One setting, with the value that ``pg_settings`` then shows; so times are in milliseconds."""

    name: str
    value: str
    since: int = 0
    """The first version of PostgreSQL that knows it, as libpq numbers versions."""


PINNED = (
    # COMMIT returns only when it is durable, on a synchronous standby too if there is one. Any weaker setting may lose
    # the claim of a DELETE that was sent.
    Pinned("synchronous_commit", "on"),
    Pinned("lock_timeout", "5000"),
    Pinned("statement_timeout", "20000"),
    Pinned("idle_in_transaction_session_timeout", "30000"),
    Pinned("transaction_timeout", "0", since=170_000),
    Pinned("TimeZone", "UTC"),
)

WRITING = {"bot_begin": "ISOLATION LEVEL READ COMMITTED READ WRITE NOT DEFERRABLE"}
READING = {"bot_begin": "ISOLATION LEVEL REPEATABLE READ READ ONLY NOT DEFERRABLE"}
"""SQLAlchemy's execution options for an engine that writes, and for one whose queries see one snapshot."""

SHOWN_WHILE_WRITING = {
    "transaction_isolation": "read committed",
    "transaction_read_only": "off",
    "transaction_deferrable": "off",
}
"""The settings by BEGIN itself, as the server shows them."""

KEEPS_COMMITS = {
    "fsync": "on",
    "full_page_writes": "on",
    # "replica" runs no triggers, and triggers protect the audit trail.
    "session_replication_role": "origin",
}
"""Settings of the server that the bot may not set; without them the ledger's promises do not hold."""

_SHOWN = text("SELECT name, setting FROM pg_settings WHERE name IN :names").bindparams(
    bindparam("names", expanding=True)
)


def begin_with_settings(engine: Engine) -> None:
    """Begin every transaction of this engine, and of engines made from it, so. The driver must be in autocommit."""

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        mode = connection.get_execution_options()["bot_begin"]
        connection.exec_driver_sql(f"BEGIN {mode}{_settings(connection)}")


def _known(connection: Connection) -> list[Pinned]:
    driver: Any = connection.connection.driver_connection
    version: int = driver.info.server_version
    return [one for one in PINNED if version >= one.since]


def _settings(connection: Connection) -> str:
    return "".join(f"; SET LOCAL {one.name} = '{one.value}'" for one in _known(connection))


def differences(engine: Engine) -> dict[str, str]:
    """The settings that do not hold inside a transaction that writes, each with what the server shows.

    Empty on SQLite, whose settings are those of the connection. Raises ``LedgerTrouble``.
    """

    def ask() -> dict[str, str]:
        with engine.execution_options(**WRITING).connect() as connection, connection.begin():
            pinned = {one.name: one.value for one in _known(connection)}
            wanted = {**KEEPS_COMMITS, **SHOWN_WHILE_WRITING, **pinned}
            shown = {row.name: row.setting for row in connection.execute(_SHOWN, {"names": list(wanted)})}
        return {name: shown.get(name, "not shown") for name, value in wanted.items() if shown.get(name) != value}

    return trouble.translated(ask) if engine.dialect.name == "postgresql" else {}


def check(engine: Engine) -> None:
    """Raise ``LedgerTrouble`` for a server that cannot keep commits, or on which the pinned settings do not hold."""
    weak = differences(engine)
    if not weak:
        return
    name, shown = next(iter(weak.items()))
    diagnosis = trouble.FORGETFUL if name in KEEPS_COMMITS else trouble.NOT_PINNED
    found = LedgerTrouble(f"{diagnosis} ({name}={shown})")
    found.add_note(", ".join(f"{name} is {shown}" for name, shown in weak.items()))
    raise found
