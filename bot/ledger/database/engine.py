"""Opening the database: its file, its lock, and the set-up of each connection."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, make_url
from sqlalchemy.exc import ArgumentError

from bot.audit.chain import BEGINNING, Head
from bot.audit.witness import short
from bot.domain.ledger_port import LedgerTrouble
from bot.ledger.database import session, trouble
from bot.ledger.database.held_file import HeldFile, Note, Place, note_beside
from bot.ledger.database.writer import PooledWriter, SharedWriter, Writer
from bot.ledger.trail import rows

Result = TypeVar("Result")

SQLITE_PRAGMAS = (
    # WAL lets others read while one writes. FULL makes a commit durable: without it a power cut could lose an outcome
    # that was already posted.
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA fullfsync=ON",
    "PRAGMA foreign_keys=ON",
    "PRAGMA busy_timeout=5000",
    "PRAGMA trusted_schema=OFF",
    "PRAGMA journal_size_limit=67108864",
)
POOL_SIZE = 8
"""Connections to PostgreSQL. Transactions are short, so eight serve hundreds of threads. The server allows a hundred in
all by default, and a rolling update of three replicas needs four times this number."""

KEEPALIVES = {
    "connect_timeout": 5,
    # A server that vanished is noticed after half a minute on an idle connection, and after 20 seconds on one with
    # unacknowledged data. The server notices a bot that vanished by idle_in_transaction_session_timeout, which frees
    # its locks.
    "keepalives": 1,
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
"""libpq's connection parameters; seconds, but for the last, which is in milliseconds."""

DRIVERS_OWN = ("autocommit", "context", "cursor_factory", "prepare_threshold", "row_factory")
"""Parameters of the URL that are dropped: psycopg would take them for its own options, as text that it cannot use."""


UNSET = "dh-bot.db"
"""The file of the ledger where DATABASE_URL is not set."""

COPY = 1
"""``PRAGMA user_version`` of a copy by `dh-bot db backup`, until ``take_as_it_is``: a copy lacks all later events. Any
other ledger has 0."""


@dataclass
class Database:
    """An opened database. ``is_exclusive``: no other process uses it, so another owner's claims and leases are void."""

    reading: Engine
    writing: Engine
    writer: Writer
    is_exclusive: bool
    file: HeldFile | None = None
    """The SQLite file; None on PostgreSQL, and when opened read-only."""
    note: Note | None = None
    """The note of the SQLite file before it was opened."""
    is_new_file: bool = False
    """Whether the SQLite file did not exist before."""

    def read(self, work: Callable[[Connection], Result]) -> Result:
        """Run queries on one snapshot; raises ``LedgerTrouble``."""

        def on_a_connection() -> Result:
            with self.reading.connect() as connection:
                return work(connection)

        return trouble.translated(on_a_connection)

    def close(self) -> None:
        """Close every connection, then give up the lock."""
        self.writer.close()
        self.writing.dispose()
        self.reading.dispose()
        if self.file is not None:
            self.file.close()
            self.file = None


def connect(
    url: str,
    *,
    read_only: bool = False,
    as_it_is: bool = False,
    existing: bool = False,
    pool_size: int = POOL_SIZE,
    renewed: Callable[[], str] | None = None,
) -> Database:
    """Open the database behind the URL.

    ``as_it_is``, for `dh-bot db expire-open`: also open a SQLite ledger that lacks the event of its note. The note is
    then not changed before ``take_as_it_is``. ``read_only`` opens such a ledger too; callers can ask ``lost_events``.
    ``existing``: do not make a SQLite file that is missing. ``as_it_is`` makes it only if the note has an event.
    ``pool_size`` is the maximum number of connections to PostgreSQL. ``renewed`` is called at each new connection to
    PostgreSQL and returns the present URL, of which only the password is used.
    Raises ``LedgerHeld`` if another process has this SQLite file.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        # The error's text quotes the presumed port, which may be the end of a password.
        raise ValueError("the ledger is at an address that cannot be taken apart") from None
    backend = parsed.get_backend_name()
    if backend == "sqlite":
        return _sqlite(parsed, read_only=read_only, as_it_is=as_it_is, existing=existing)
    if backend == "postgresql":
        return _postgresql(parsed, read_only=read_only, pool_size=pool_size, renewed=renewed)
    raise ValueError("the ledger is SQLite or PostgreSQL")


def _sqlite(url: URL, *, read_only: bool, as_it_is: bool, existing: bool) -> Database:
    if not url.database or url.database == ":memory:" or url.database.startswith("file:"):
        raise ValueError("a SQLite ledger is a file: sqlite:///path")
    # Links are resolved first, so that two names of one file share one lock.
    path = Path(url.database).resolve()
    found: LedgerTrouble | None = None
    file = place = note = None
    is_new_file = False
    if (existing or as_it_is) and not path.exists() and not is_remembered(note_beside(path)):
        # Before the lock is made, so that no file is left in a wrong folder.
        raise _not_there(url)
    try:
        if not read_only:
            file = HeldFile(path)
        note = file.found if file is not None else note_beside(path)
        if note is not None and is_remembered(note) and not as_it_is and not path.exists():
            found = lacks(note.head, BEGINNING)
        else:
            is_new_file = not path.exists()
            place = _open(path, file)
    except FileNotFoundError:
        found = _not_there(url)
    except OSError as error:
        found = trouble.translate(error)
    if found is not None:
        if file is not None:
            file.close()
        raise found
    resolved = url.set(database=str(path))
    reading = _sqlite_engine(resolved, "BEGIN", size=8, place=place)
    writing = _sqlite_engine(resolved, "BEGIN IMMEDIATE", size=1, place=place)
    if file is None:
        _on_connect(writing, ("PRAGMA query_only=ON",))
        return Database(reading, writing, SharedWriter(writing), is_exclusive=False, note=note)
    held = file
    writer = SharedWriter(writing, lambda connection: held.note(connection.info.get(rows.KNOWN_HEAD)))
    opened = Database(reading, writing, writer, is_exclusive=True, file=file, note=note, is_new_file=is_new_file)
    return _noted(opened, file, as_it_is=as_it_is)


def is_remembered(note: Note | None) -> bool:
    """Whether the note says that the ledger had events."""
    return note is not None and note.head.number > 0


def _not_there(url: URL) -> LedgerTrouble:
    """Names the place, but not the value of DATABASE_URL: somebody may have pasted a password into it."""
    found = LedgerTrouble(trouble.NOT_THERE)
    if url.database == UNSET:
        found.add_note(str(Path(UNSET).resolve()))
    elif not Path(url.database or "").is_absolute():
        found.add_note(f"DATABASE_URL is relative to {Path.cwd()}")
    return found


def _open(path: Path, file: HeldFile | None) -> Place | None:
    """Make the file if need be; returns its place if we hold its lock."""
    # The mode must be right from the start, because SQLite gives its -wal and -shm files the mode of the database.
    descriptor = os.open(path, os.O_RDWR | (0 if file is None else os.O_CREAT) | os.O_CLOEXEC, 0o600)
    try:
        if file is None:
            return None
        os.fchmod(descriptor, 0o600)
        return file.opened(descriptor)
    finally:
        os.close(descriptor)


def _noted(database: Database, file: HeldFile, *, as_it_is: bool) -> Database:
    """Check that the ledger has the event of its note; from now on its own newest event is noted."""
    lost = None
    try:
        lost = None if as_it_is else lost_events(database)
        file.note_why(())
        file.is_noting = lost is None and not as_it_is
        file.note(newest_event(database))
    except BaseException:
        database.close()
        raise
    if lost is not None:
        database.close()
        raise lost
    return database


def newest_event(database: Database) -> Head:
    """The ledger's newest event; the beginning if there is no trail yet."""
    return database.read(
        lambda connection: rows.head(connection) if inspect(connection).has_table("chain_head") else BEGINNING
    )


def lost_events(database: Database) -> LedgerTrouble | None:
    """The trouble of a ledger that lacks the event of its note; None if it has the event, or if there is no note."""
    if database.reading.dialect.name != "sqlite":
        return None
    if is_copy(database):
        found = LedgerTrouble(trouble.LOST_EVENTS)
        found.add_note("it is a copy by `dh-bot db backup`, which has not got what came after it")
        return found
    noted = database.file.noted if database.file is not None else database.note and database.note.head
    if noted is None or noted.number == 0:
        return None
    newest = newest_event(database)
    has_it = newest.number >= noted.number and database.read(lambda connection: rows.has(connection, noted))
    return None if has_it else lacks(noted, newest)


def is_copy(database: Database) -> bool:
    """Whether this is a copy by `dh-bot db backup` on which ``take_as_it_is`` was not called."""
    if database.reading.dialect.name != "sqlite":
        return False
    version = database.read(lambda connection: connection.exec_driver_sql("PRAGMA user_version").scalar())
    return bool(version == COPY)


def is_kept_copy(database: Database) -> bool:
    """Whether this is such a copy in storage: no bot has had a ledger at this path."""
    return not is_remembered(database.note) and is_copy(database)


def take_as_it_is(database: Database) -> None:
    """Accept a SQLite ledger as it is: it no longer counts as a copy, and its own newest event is noted."""
    if database.file is not None:
        database.writer.run("take_as_it_is", lambda connection: connection.exec_driver_sql("PRAGMA user_version=0"))
        database.file.is_noting = True
        database.file.note(newest_event(database))


def lacks(noted: Head, newest: Head) -> LedgerTrouble:
    """The trouble of a ledger without the noted event."""
    found = LedgerTrouble(trouble.LOST_EVENTS)
    found.add_note(f"event {short(*noted)} is noted next to it; its newest is {short(*newest)}")
    return found


def _sqlite_engine(url: URL, begin: str, *, size: int, place: Place | None) -> Engine:
    address = f"{Path(url.database or '').as_uri()}?mode=rw"

    def connect_to_file() -> sqlite3.Connection:
        # By default SQLite would make a missing file, and would use a file that replaced ours.
        connection = sqlite3.connect(address, uri=True, check_same_thread=False)
        if place is None or place.is_kept():
            return connection
        connection.close()
        raise LedgerTrouble(trouble.REPLACED)

    engine = create_engine(
        url,
        creator=connect_to_file,
        hide_parameters=True,
        pool_size=size,
        max_overflow=0,
        pool_timeout=30,
    )

    @event.listens_for(engine, "connect")
    def leave_transactions_to_us(connection: Any, record: Any) -> None:  # noqa: ARG001
        # By default Python's sqlite3 begins transactions itself, deferred and not before the first write.
        connection.isolation_level = None

    @event.listens_for(engine, "begin")
    def begin_transaction(connection: Connection) -> None:
        # Directly through the driver, because SQLAlchemy's own way costs ten times as much as the statement.
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


def _postgresql(url: URL, *, read_only: bool, pool_size: int, renewed: Callable[[], str] | None) -> Database:
    if find_spec("psycopg") is None:
        raise LedgerTrouble(trouble.NO_DRIVER)
    given = url.query.get("options")
    if isinstance(given, tuple):
        url = url.update_query_dict({"options": " ".join(given)})
    engine = create_engine(
        url.difference_update_query(DRIVERS_OWN).set(drivername="postgresql+psycopg"),
        hide_parameters=True,
        # No start-up options of ours, because poolers refuse them; those in the URL are kept. No prepared statements,
        # because a pooler may give each transaction another server connection.
        connect_args={
            **KEEPALIVES,
            "application_name": "dh-bot",
            "autocommit": True,
            "prepare_threshold": None,
        },
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=10,
        pool_pre_ping=True,
    )
    # Imported late, because SQLite does not need psycopg.
    from bot.ledger.database import connections  # noqa: PLC0415

    connections.bind(engine, lambda: make_url(renewed()).password if renewed is not None else None)
    session.begin_with_settings(engine)
    # Several queries of one read see one snapshot, as on SQLite. Both engines share the pool.
    reading = engine.execution_options(**session.READING)
    writing = reading if read_only else engine.execution_options(**session.WRITING)
    return Database(reading, writing, PooledWriter(writing), is_exclusive=False)
