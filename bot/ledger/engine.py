"""Opening the ledger: its file, its lock, and how each connection is set up."""

from __future__ import annotations

import fcntl
import os
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError

from bot.ledger import trouble
from bot.ledger.trouble import LedgerHeld
from bot.ledger.writer import PooledWriter, SharedWriter, Writer
from bot.ports import LedgerTrouble

SQLITE_PRAGMAS = (
    # WAL lets readers read while one writes; FULL makes a commit wait for the disk, without which an outcome could be
    # told and then lost with the power.
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA fullfsync=ON",
    "PRAGMA foreign_keys=ON",
    "PRAGMA busy_timeout=5000",
    "PRAGMA trusted_schema=OFF",
    "PRAGMA journal_size_limit=67108864",
)
POSTGRES_OPTIONS = (
    "-c timezone=UTC -c lock_timeout=5s -c statement_timeout=20s -c idle_in_transaction_session_timeout=30s"
)


@dataclass
class Database:
    """An opened database. ``is_alone``: nobody else uses it, so whatever another owner holds is void."""

    reading: Engine
    writing: Engine
    writer: Writer
    is_alone: bool
    lock: int | None = None

    def close(self) -> None:
        """Close every connection, then give up the lock."""
        self.writer.close()
        self.writing.dispose()
        self.reading.dispose()
        if self.lock is not None:
            os.close(self.lock)
            self.lock = None


def connect(url: str, *, read_only: bool = False) -> Database:
    """Open the database behind the URL. Raises ``LedgerHeld`` when another process has this SQLite file."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        # Its text quotes what it took for the port, which may be the end of a password.
        raise ValueError("the ledger is at an address that cannot be taken apart") from None
    backend = parsed.get_backend_name()
    if backend == "sqlite":
        return _sqlite(parsed, read_only=read_only)
    if backend == "postgresql":
        return _postgresql(parsed, read_only=read_only)
    raise ValueError("the ledger is SQLite or PostgreSQL")


def _sqlite(url: URL, *, read_only: bool) -> Database:
    if not url.database or url.database == ":memory:" or url.database.startswith("file:"):
        raise ValueError("a SQLite ledger is a file: sqlite:///path")
    # Two names of one file must meet at one lock, so links are followed first.
    path = Path(url.database).resolve()
    found: LedgerTrouble | None = None
    lock = None
    try:
        if not read_only:
            lock = _hold(path)
        # SQLite gives its -wal and -shm files the mode of the database, which must therefore be right from the start.
        create = 0 if read_only else os.O_CREAT
        os.close(os.open(path, os.O_RDWR | create | os.O_CLOEXEC, 0o600))
        if not read_only:
            path.chmod(0o600)
    except OSError as error:
        found = trouble.translate(error)
    if found is not None:
        if lock is not None:
            os.close(lock)
        raise found
    resolved = url.set(database=str(path))
    reading = _sqlite_engine(resolved, "BEGIN", size=8)
    writing = _sqlite_engine(resolved, "BEGIN IMMEDIATE", size=1)
    if read_only:
        _on_connect(writing, ("PRAGMA query_only=ON",))
    return Database(reading, writing, SharedWriter(writing), is_alone=not read_only, lock=lock)


def _hold(path: Path) -> int:
    """Take the lock for life. It goes with the process, however that ends; the file itself stays."""
    lock = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(lock, 20, 0).decode("ascii", "replace").strip()
        os.close(lock)
        raise LedgerHeld(str(path), holder) from None
    os.ftruncate(lock, 0)
    os.pwrite(lock, str(os.getpid()).encode(), 0)
    return lock


def _sqlite_engine(url: URL, begin: str, *, size: int) -> Engine:
    engine = create_engine(
        url,
        hide_parameters=True,
        connect_args={"check_same_thread": False},
        pool_size=size,
        max_overflow=0,
        pool_timeout=30,
    )

    @event.listens_for(engine, "connect")
    def leave_transactions_to_us(connection: Any, record: Any) -> None:  # noqa: ARG001
        # Python's sqlite3 would begin transactions by itself, deferred and not before the first write.
        connection.isolation_level = None

    @event.listens_for(engine, "begin")
    def begin_transaction(connection: Connection) -> None:
        # Straight to the driver: SQLAlchemy's own way there costs ten times what the statement does.
        connection.connection.driver_connection.execute(begin)  # type: ignore[union-attr]

    _on_connect(engine, SQLITE_PRAGMAS)
    return engine


def _on_connect(engine: Engine, statements: tuple[str, ...]) -> None:
    @event.listens_for(engine, "connect")
    def set_up(connection: Any, record: Any) -> None:  # noqa: ARG001
        cursor = connection.cursor()
        for statement in statements:
            cursor.execute(statement)
        cursor.close()


def _postgresql(url: URL, *, read_only: bool) -> Database:
    if find_spec("psycopg") is None:
        raise LedgerTrouble(trouble.NO_DRIVER)
    given = url.query.get("options", "")
    options = " ".join([POSTGRES_OPTIONS, given if isinstance(given, str) else " ".join(given)]).strip()
    engine = create_engine(
        url.difference_update_query(["options"]).set(drivername="postgresql+psycopg"),
        hide_parameters=True,
        connect_args={"options": options, "connect_timeout": 5, "application_name": "dh-bot"},
        # Transactions are short, so sixteen serve hundreds of threads; PostgreSQL allows a hundred in all by default.
        pool_size=16,
        max_overflow=0,
        pool_timeout=10,
        pool_pre_ping=True,
    )
    # A look with several queries sees one moment, as it does on SQLite. The options share the pool.
    reading = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    writing = engine.execution_options(postgresql_readonly=True) if read_only else engine
    return Database(reading, writing, PooledWriter(writing), is_alone=False)
