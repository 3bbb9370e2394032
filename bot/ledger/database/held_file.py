"""The file of a SQLite ledger as this process holds it: its lock, its place, and its note.

The note is the content of the ``.lock`` file, which this process has open anyway: the process that holds the ledger,
the number and hash of its newest event, and why the bot refuses new work. The note is written after each commit without
a wait for the disk, so it may be older than the ledger. A ledger that lacks the noted event has been removed, replaced,
or restored from a copy. If the note itself was removed, this process writes it anew, also when it ends.
"""

from __future__ import annotations

import fcntl
import os
import re
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from bot.audit.chain import Head
from bot.ledger.database.trouble import LedgerHeld

HOLDER = 20
"""Bytes of the first line. Version 0.1.0 writes and reads only the process id, in as many bytes at most."""
NEWEST = 86
"""Bytes of the second line."""
NOTE = re.compile(
    rb"[ 0-9]{19}\n(?P<number>[ 0-9]{20}) (?P<hash>[0-9a-f]{64})\n(?:(?P<why>[a-z0-9_,]*) *\n)?.*", re.DOTALL
)
LONGEST_WHY = 100


class Place(NamedTuple):
    """An open file, and the path at which it was opened."""

    path: Path
    device: int
    inode: int

    @classmethod
    def of(cls, path: Path, descriptor: int) -> Place:
        """The place of this open file."""
        found = os.fstat(descriptor)
        return cls(path, found.st_dev, found.st_ino)

    def is_kept(self) -> bool:
        """Whether the path still leads to the file. While the file is open no other file gets its inode."""
        try:
            found = self.path.stat()
        except OSError:
            return False
        return (found.st_dev, found.st_ino) == (self.device, self.inode)


class Note(NamedTuple):
    """The note of a ledger."""

    head: Head
    """Its newest event when the note was written."""
    why: tuple[str, ...] = ()
    """Why the bot that holds it refuses new work, as values of ``refusals.Reason``."""


def note_beside(ledger: Path) -> Note | None:
    """The note of this ledger; None if it is missing or cannot be parsed. Needs no lock."""
    try:
        return _parsed(lock_of(ledger).read_bytes())
    except OSError:
        return None


def lock_of(ledger: Path) -> Path:
    """The lock's file."""
    return ledger.with_name(ledger.name + ".lock")


def is_held(ledger: Path) -> bool:
    """Whether a process holds this ledger. True also if the lock cannot be opened, since a process may hold it."""
    try:
        lock = os.open(lock_of(ledger), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    try:
        # Released at once below: a bot that starts meanwhile would find the ledger held.
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(lock)
    return False


def _parsed(text: bytes) -> Note | None:
    found = NOTE.fullmatch(text)
    if found is None or not found["number"].strip().isdigit():
        return None
    why = (found["why"] or b"").decode("ascii")
    return Note(Head(int(found["number"]), found["hash"].decode("ascii")), tuple(filter(None, why.split(","))))


def _line(head: Head) -> str:
    return f"{head.number:>20} {head.hash}\n"


class HeldFile:
    """A ledger's lock, held for the life of the process, and the file that was opened under it."""

    def __init__(self, path: Path) -> None:
        """Take the lock. Raises ``LedgerHeld`` if another process has it, and ``OSError``."""
        self._path = path
        self._lock = os.open(lock_of(path), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._lock, HOLDER, 0).decode("ascii", "replace").strip()
            os.close(self._lock)
            raise LedgerHeld(str(path), holder) from None
        self.found = _parsed(os.pread(self._lock, 4096, 0))
        """The note when the lock was taken."""
        self.noted: Head | None = self.found and self.found.head
        self.is_noting = True
        """False until ``take_as_it_is`` is done: until then the former note is kept."""
        self._places = [Place.of(lock_of(path), self._lock)]
        if self.found is None:
            os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, f"{os.getpid():<{HOLDER - 1}}\n".encode(), 0)

    def opened(self, descriptor: int) -> Place:
        """Remember the ledger's file, opened under the lock; returns its place."""
        self._places.append(Place.of(self._path, descriptor))
        return self._places[-1]

    def is_in_place(self) -> bool:
        """Whether the ledger and its lock are still where they were opened. Also False if the folder is gone."""
        return all(place.is_kept() for place in self._places)

    def note(self, head: Head | None) -> None:
        """Note the newest event of a committed transaction. Best effort: after a failure the note is only older."""
        if head is None or head == self.noted or not self.is_noting:
            return
        self.noted = head
        self._write(_line(head), HOLDER)

    def keep_note(self) -> None:
        """Write the note anew if its file is gone; ``rm dh-bot.db*`` removes both.

        Without the note the next start would take an empty ledger for a new one. A file that replaced the note's is
        left as it is.
        """
        if self.noted is None:
            return
        with suppress(OSError):
            descriptor = os.open(lock_of(self._path), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            try:
                os.write(descriptor, f"{os.getpid():<{HOLDER - 1}}\n{_line(self.noted)}".encode("ascii"))
            finally:
                os.close(descriptor)

    def note_why(self, reasons: tuple[str, ...]) -> None:
        """Note why the bot refuses new work, for `dh-bot doctor`; empty if it does not."""
        if self.noted is not None:
            self._write(f"{','.join(reasons):<{LONGEST_WHY}}\n", HOLDER + NEWEST)

    def _write(self, text: str, at: int) -> None:
        with suppress(OSError):
            os.pwrite(self._lock, text.encode("ascii"), at)

    def close(self) -> None:
        """Release the lock, as the end of the process does too. Its file is kept, or made anew."""
        self.note_why(())
        self.keep_note()
        # A later write to this descriptor could hit another file.
        lock, self._lock = self._lock, -1
        os.close(lock)
