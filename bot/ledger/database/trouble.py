"""Foreign errors become ``LedgerTrouble`` here, without their texts.

A driver's message may quote a whole row ("Failing row contains …"). So the trouble has only a diagnosis of ours and a
note with the error's class, code and constraint: nothing that a person typed. For the same reason ``LedgerTrouble`` is
raised without the foreign error as its cause.
"""

from __future__ import annotations

import errno
import re
import sqlite3
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import exc as sa_exc

from bot.domain.ledger_port import LedgerTrouble
from bot.runtime.installation import how_to_add

DISK_FULL = "disk full"
READ_ONLY = "read-only"
LOCKED = "locked by another process"
DAMAGED = "damaged"
NOT_THERE = "not there"
EMPTY = "empty"
FILE_TROUBLE = "file in trouble"
REPLACED = "removed or replaced"
LOST_EVENTS = "lost events"
UNREACHABLE = "unreachable"
NO_ANSWER = "no answer in time"
STARTING = "starting or shutting down"
PASSWORD_REFUSED = "password refused"  # noqa: S105 - a diagnosis
NO_ACCESS = "access not allowed"
NO_RIGHTS = "rights missing"
NO_HOST = "host not found"
OPTION_REFUSED = "an option of the address refused"
PER_STATEMENT = "a pooler in statement mode"
NO_DATABASE = "no such database"
NO_CONNECTION_FREE = "no connection free"
TLS_WANTED = "TLS demanded"
NO_TLS = "TLS not offered"
CERTIFICATE = "certificate not trusted"
BUSY = "a lock or statement took too long"
STANDBY = "a standby, or read-only"
TOO_NEW = "schema too new"
TOO_OLD = "schema too old"
CONSTRAINT = "constraint"
FORGETFUL = "the server cannot keep commits"
NOT_PINNED = "session settings do not hold"
NO_DRIVER = "PostgreSQL's driver is not installed"


class LedgerHeld(LedgerTrouble):
    """Another process holds this SQLite ledger. Two bots on one file would each assume exclusive use."""

    def __init__(self, path: str, holder: str) -> None:
        super().__init__(LOCKED)
        self.path = path
        self.holder = holder
        self.add_note(f"{path} is held by process {holder or 'unknown'}")


class LedgerTooNew(LedgerTrouble):
    """The ledger was written by a newer version, whose rules this one does not know."""

    def __init__(self, revision: str) -> None:
        super().__init__(TOO_NEW)
        self.revision = revision
        self.add_note(f"the ledger is at revision {revision!r}, which this version does not know")


REMEDIES = {
    DISK_FULL: "Make room on the disk of the ledger. A running bot goes on by itself then.",
    READ_ONLY: "Make the ledger's file, the `.lock` next to it, its folder and its disk readable and writable for the "
    "user that runs the bot.",
    LOCKED: "One process may use a SQLite ledger: end the other one.",
    DAMAGED: "The file is no ledger or is damaged: keep it for analysis, restore the newest backup, then run "
    "`dh-bot db expire-open` before the bot.",
    NOT_THERE: "There is no ledger at DATABASE_URL. A relative path counts from the folder in which the command is "
    "run. `dh-bot db upgrade` makes a new one, in a folder that is there.",
    EMPTY: "There is no ledger in the database or file that DATABASE_URL names. Correct DATABASE_URL, or let "
    "`dh-bot run` or `dh-bot db upgrade` make one there.",
    FILE_TROUBLE: "Check that DATABASE_URL names a file, not a folder, that the user that runs the bot may open it and "
    "the `-wal` and `-shm` next to it, and that its disk is well.",
    REPLACED: "The ledger's file, the `.lock` next to it or its folder was removed or replaced while the bot runs. "
    "Stop the bot. If the file was only moved, move it back; else run `dh-bot db expire-open`. Then start the bot.",
    LOST_EVENTS: "The file was removed, replaced or restored from a copy, so the ledger has forgotten what came after. "
    "If the right file is still there, put it back; else run `dh-bot db expire-open`, which closes every open card and "
    "takes the ledger as it is. Then start the bot.",
    UNREACHABLE: "Check host and port in DATABASE_URL, or the socket's folder, the database server and the network.",
    NO_HOST: "The host in DATABASE_URL has no address here: correct it, or the DNS of this machine or container.",
    NO_ANSWER: "The server, or a pooler in front of it, took the connection and said nothing. The server behind a "
    "pooler may be down. Behind a pooler in session mode DATABASE_POOL, times the number of bots, must not be more "
    "than it has server connections.",
    STARTING: "Wait until PostgreSQL is up. A running bot goes on by itself then.",
    PASSWORD_REFUSED: "Correct user and password in DATABASE_URL. With DATABASE_URL_FILE a running bot reads a new one "
    "by itself.",
    NO_ACCESS: "PostgreSQL's pg_hba.conf, the role or the database does not let this user in from here: allow "
    "it there.",
    NO_RIGHTS: "The user in DATABASE_URL has to own the ledger's tables, and to be allowed to make tables: on the "
    "server run `ALTER DATABASE name OWNER TO user`, or `GRANT CREATE, USAGE ON SCHEMA public TO user`.",
    OPTION_REFUSED: "The client, the server or a pooler does not take an option behind the question mark of "
    "DATABASE_URL, or not its value. Poolers refuse `options`. Leave out what is not needed.",
    PER_STATEMENT: "The bot needs transactions: let the pooler work in transaction or session mode.",
    NO_DATABASE: "Create the database that DATABASE_URL names, or correct the name.",
    NO_CONNECTION_FREE: "Lower DATABASE_POOL, or raise max_connections of the server: each bot takes DATABASE_POOL of "
    "them, and a rolling update runs one bot more.",
    TLS_WANTED: "Add ?sslmode=require to DATABASE_URL, or verify-full with sslrootcert.",
    NO_TLS: "DATABASE_URL demands TLS, and the server, or a pooler in front of it, has none: turn it on there, or "
    "leave sslmode and channel_binding out.",
    CERTIFICATE: "sslrootcert in DATABASE_URL has to name the authority of the server's certificate, and the host has "
    "to be the certificate's.",
    BUSY: "Something holds a lock in the database, or it is overloaded: look into pg_stat_activity. A running bot goes "
    "on by itself then.",
    STANDBY: "Connect to the primary: a standby can only be read. With several hosts in DATABASE_URL add "
    "?target_session_attrs=read-write, and a running bot finds the primary after a switchover by itself.",
    FORGETFUL: "After a crash this server may have lost commits, and a job could be deleted twice. Set what is named "
    "here on the server: `fsync` and `full_page_writes` to `on`, `session_replication_role` to `origin`; reload it, "
    "then start the bot again.",
    NOT_PINNED: "The bot sets this with each transaction, and the server shows another value: a pooler or proxy "
    "between the two takes it away. Let the bot connect to PostgreSQL past it.",
    NO_DRIVER: 'Install the bot with its extra "postgres": pip install ".[postgres]".',  # ``remedy`` knows pipx too
    TOO_NEW: "A newer version of the bot has migrated this ledger: run that version.",
    TOO_OLD: "Make a backup, which this version can: `dh-bot db backup FILE`, or pg_dump. Then bring the ledger up to "
    "date with `dh-bot db upgrade`; `dh-bot run` does the same.",
}


def remedy(diagnosis: str) -> str:
    """What an operator can do about a trouble."""
    if diagnosis == NO_DRIVER:
        return f'Install the bot with its extra "postgres": {how_to_add("postgres")}.'
    # The diagnosis may end with one setting in brackets.
    return REMEDIES.get(diagnosis.partition(" (")[0], "Check DATABASE_URL and the database.")


SQLITE_CODES = {
    5: LOCKED,  # SQLITE_BUSY
    6: LOCKED,  # SQLITE_LOCKED
    8: READ_ONLY,  # SQLITE_READONLY
    10: FILE_TROUBLE,  # SQLITE_IOERR
    11: DAMAGED,  # SQLITE_CORRUPT
    13: DISK_FULL,  # SQLITE_FULL
    14: FILE_TROUBLE,  # SQLITE_CANTOPEN
    15: LOCKED,  # SQLITE_PROTOCOL
    19: CONSTRAINT,  # SQLITE_CONSTRAINT
    26: DAMAGED,  # SQLITE_NOTADB
}
"""Primary result codes; the extended ones carry them in their low byte."""

POSTGRES_CODES = {
    "0A000": STANDBY,  # "cannot set transaction read-write mode during recovery"
    "08": UNREACHABLE,
    "23": CONSTRAINT,
    "25006": STANDBY,
    "28": NO_ACCESS,
    "28P01": PASSWORD_REFUSED,
    "3D000": NO_DATABASE,
    "3F000": NO_RIGHTS,
    "40001": BUSY,
    "40P01": BUSY,
    "42501": NO_RIGHTS,
    "53100": DISK_FULL,
    "53300": NO_CONNECTION_FREE,
    "55P03": BUSY,
    "57014": BUSY,
    "57P": STARTING,
    "XX001": DAMAGED,
    "XX002": DAMAGED,
}
"""SQLSTATEs, by their longest known beginning."""

REFUSALS = (
    # These methods authenticate without a password.
    (r"(?:Peer|Ident|certificate|GSSAPI|SSPI|\"trust\") authentication failed|host rejected", NO_ACCESS),
    (r"\w+ authentication failed|no password supplied", PASSWORD_REFUSED),
    (r"server does not support SSL|channel binding required|method that supports channel binding", NO_TLS),
    (r"statement pooling mode", PER_STATEMENT),
    (r"failed to resolve host|could not translate host name|could not parse network address", NO_HOST),
    # If TLS was refused in this way, libpq retried without TLS, and the text reports both.
    (r"(?:no pg_hba\.conf entry|rejects connection) .*, SSL encryption", NO_ACCESS),
    (r"no encryption|SSL required|requires SSL|SSL off", TLS_WANTED),
    (r"certificate verify failed|does not match host name|root certificate file", CERTIFICATE),
    (r"no pg_hba\.conf entry|is not permitted to log in|role \S+ does not exist", NO_ACCESS),
    (r"not currently accepting connections|permission denied for database", NO_ACCESS),
    (r"rejects connection|valid client certificate", NO_ACCESS),
    (r"database \S+ does not exist|no such database", NO_DATABASE),
    (r"too many clients|connection slots are reserved|too many connections|no more connections allowed",
     NO_CONNECTION_FREE),
    (r"session is read-only|could not make a writable connection|server is in hot standby", STANDBY),
    (r"cannot set transaction read-write", STANDBY),
    (r"the database system is|query_wait_timeout|terminating connection", STARTING),
    (r"did not answer in time", NO_ANSWER),
    # libpq's complaints about the URL before it connects, and those of the server or a pooler about start-up options.
    (r"connection is bad: (?!connection to server|no error details|out of memory|could not create socket)",
     OPTION_REFUSED),
    (r"invalid connection option", OPTION_REFUSED),
    (r"startup parameter|value for parameter|configuration parameter", OPTION_REFUSED),
    (r"authentication method requirement|did not request an SSL certificate", OPTION_REFUSED),
)  # fmt: skip
"""The diagnosis of a refused connection, by its text, because libpq passes on no SQLSTATE for it. A text in another
language means only that there is no connection."""

OS_CODES = {
    errno.ENOENT: NOT_THERE,
    errno.ENOTDIR: NOT_THERE,
    errno.EACCES: READ_ONLY,
    errno.EPERM: READ_ONLY,
    errno.EROFS: READ_ONLY,
    errno.ENOSPC: DISK_FULL,
    errno.EDQUOT: DISK_FULL,
}
"""Errors of the system about the ledger's file, its lock and its folder."""

PROTOCOL_VIOLATION = "08P01"
"""A pooler uses this code for every refusal."""

LEAVES_COMMIT_OPEN = ("08", "57P", "40003")
"""After these it is unknown whether a COMMIT that was sent has been carried out."""


ROLLED_BACK = frozenset({"40001", "40P01"})
"""Serialization failure and deadlock: the server rolled the transaction back in favour of others, also at COMMIT."""


Result = TypeVar("Result")

FOREIGN = (sa_exc.SQLAlchemyError, sqlite3.Error, OSError, UnicodeError)
"""The errors of a database access that are the ledger's trouble, not a programming error of ours."""


def translated(work: Callable[[], Result]) -> Result:
    """Run it; a foreign error becomes ``LedgerTrouble``."""
    try:
        return work()
    except FOREIGN as error:
        found = translate(error)
    # Raised outside of the handler, so that the foreign error, whose text may quote a row, is not its context.
    raise found


def translate(error: BaseException, *, committing: bool = False) -> LedgerTrouble:
    """The trouble of a foreign error. ``committing``: the error came after a COMMIT was sent."""
    if isinstance(error, LedgerTrouble):
        return error
    origin = error.orig if isinstance(error, sa_exc.StatementError) and error.orig is not None else error
    code, diagnosis = _diagnose(origin)
    in_doubt = committing and (not code or code.startswith(LEAVES_COMMIT_OPEN))
    trouble = LedgerTrouble(diagnosis, in_doubt=in_doubt, is_rolled_back=code in ROLLED_BACK)
    constraint = getattr(getattr(origin, "diag", None), "constraint_name", None)
    said = [type(error).__name__, type(origin).__name__, code, constraint]
    trouble.add_note(", ".join(dict.fromkeys(part for part in said if part)))
    return trouble


def _diagnose(origin: BaseException) -> tuple[str, str]:
    """The driver's code, if there is one, and our word for it."""
    number = getattr(origin, "sqlite_errorcode", None)
    if isinstance(number, int):
        name = str(getattr(origin, "sqlite_errorname", number))
        return name, SQLITE_CODES.get(number & 0xFF, type(origin).__name__)
    if hasattr(origin, "sqlstate"):
        state = origin.sqlstate or ""
        if state == PROTOCOL_VIOLATION:
            return state, _refusal(str(origin))
        for length in (5, 3, 2):
            if state[:length] in POSTGRES_CODES:
                return state, POSTGRES_CODES[state[:length]]
        # psycopg reports a connection that broke, or was never made, without a SQLSTATE.
        if not state and type(origin).__name__ in {"OperationalError", "InterfaceError", "ConnectionTimeout"}:
            return "", _refusal(str(origin))
        return state, type(origin).__name__
    if isinstance(origin, OSError):
        return "", OS_CODES.get(origin.errno or 0, FILE_TROUBLE)
    if isinstance(origin, sa_exc.TimeoutError):
        # Every connection of the pool was in use until the timeout.
        return "", NO_ANSWER
    return "", type(origin).__name__


def _refusal(text: str) -> str:
    return next((diagnosis for pattern, diagnosis in REFUSALS if re.search(pattern, text)), UNREACHABLE)
