"""Foreign errors become ``LedgerTrouble`` here, once, and leave their texts behind.

A driver's message may quote a whole row ("Failing row contains …"), so what goes on is a diagnosis of ours and a note
with the error's class, code and constraint: nothing that a person typed. For the same reason ``LedgerTrouble`` is
raised without the foreign error as its cause; the note says what the engineer needs.
"""

from __future__ import annotations

import errno

from sqlalchemy import exc as sa_exc

from bot.ports import LedgerTrouble

DISK_FULL = "disk full"
READ_ONLY = "read-only"
LOCKED = "locked by another process"
DAMAGED = "damaged"
NOT_THERE = "not there"
FILE_TROUBLE = "file in trouble"
UNREACHABLE = "unreachable"
TOO_NEW = "schema too new"
TOO_OLD = "schema too old"
CONSTRAINT = "constraint"
NO_DRIVER = "PostgreSQL's driver is not installed"


class LedgerHeld(LedgerTrouble):
    """Another process holds this SQLite ledger; two bots on one file would each believe that they hold it alone."""

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
    READ_ONLY: "Make the ledger's file, the `.lock` beside it, its folder and its disk readable and writable for the "
    "user that runs the bot.",
    LOCKED: "One process may use a SQLite ledger: end the other one.",
    DAMAGED: "The file is no ledger or is damaged: keep it for analysis, restore the newest backup, then run "
    "`dh-bot db expire-open` before the bot.",
    NOT_THERE: "There is no ledger at DATABASE_URL. A relative path counts from the folder in which the command is "
    "run. `dh-bot db upgrade` makes a new one, in a folder that is there.",
    FILE_TROUBLE: "Check that DATABASE_URL names a file, not a folder, that the user that runs the bot may open it and "
    "the `-wal` and `-shm` beside it, and that its disk is well.",
    UNREACHABLE: "Check DATABASE_URL, the database server and the network.",
    NO_DRIVER: 'Install the bot with its extra "postgres": pip install ".[postgres]".',
    TOO_NEW: "A newer version of the bot has migrated this ledger: run that version.",
    TOO_OLD: "Bring the ledger up to date with `dh-bot db upgrade`; `dh-bot run` does the same.",
}


def remedy(diagnosis: str) -> str:
    """What the person who runs the bot can do about a trouble."""
    return REMEDIES.get(diagnosis, "Check DATABASE_URL and the database.")


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
    "08": UNREACHABLE,
    "23": CONSTRAINT,
    "25006": READ_ONLY,
    "28": UNREACHABLE,
    "3D000": UNREACHABLE,
    "40P01": LOCKED,
    "53100": DISK_FULL,
    "53300": UNREACHABLE,
    "55P03": LOCKED,
    "57014": LOCKED,
    "57P": UNREACHABLE,
    "XX001": DAMAGED,
    "XX002": DAMAGED,
}
"""SQLSTATEs, by their longest known beginning."""

OS_CODES = {
    errno.ENOENT: NOT_THERE,
    errno.ENOTDIR: NOT_THERE,
    errno.EACCES: READ_ONLY,
    errno.EPERM: READ_ONLY,
    errno.EROFS: READ_ONLY,
    errno.ENOSPC: DISK_FULL,
    errno.EDQUOT: DISK_FULL,
}
"""What the system says of the ledger's file, its lock and its folder, before the database has a word."""

LEAVES_COMMIT_OPEN = ("08", "57P", "40003")
"""After these nobody knows whether a COMMIT that was sent has been carried out."""


def translate(error: BaseException, *, committing: bool = False) -> LedgerTrouble:
    """The trouble behind a foreign error. ``committing``: it was the answer to a COMMIT that was sent."""
    if isinstance(error, LedgerTrouble):
        return error
    origin = error.orig if isinstance(error, sa_exc.StatementError) and error.orig is not None else error
    code, diagnosis = _diagnose(origin)
    in_doubt = committing and (not code or code.startswith(LEAVES_COMMIT_OPEN))
    trouble = LedgerTrouble(diagnosis, in_doubt=in_doubt)
    constraint = getattr(getattr(origin, "diag", None), "constraint_name", None)
    said = [type(error).__name__, type(origin).__name__, code, constraint]
    trouble.add_note(", ".join(dict.fromkeys(part for part in said if part)))
    return trouble


def _diagnose(origin: BaseException) -> tuple[str, str]:
    """The driver's code, where there is one, and our word for it."""
    number = getattr(origin, "sqlite_errorcode", None)
    if isinstance(number, int):
        name = str(getattr(origin, "sqlite_errorname", number))
        return name, SQLITE_CODES.get(number & 0xFF, type(origin).__name__)
    if hasattr(origin, "sqlstate"):
        state = origin.sqlstate or ""
        for length in (5, 3, 2):
            if state[:length] in POSTGRES_CODES:
                return state, POSTGRES_CODES[state[:length]]
        # psycopg reports a connection that broke, or was never made, without any SQLSTATE.
        if not state and type(origin).__name__ in {"OperationalError", "InterfaceError", "ConnectionTimeout"}:
            return "", UNREACHABLE
        return state, type(origin).__name__
    if isinstance(origin, OSError):
        return "", OS_CODES.get(origin.errno or 0, FILE_TROUBLE)
    if isinstance(origin, sa_exc.TimeoutError):
        return "", UNREACHABLE
    return "", type(origin).__name__
