"""The parts of the ``Ledger`` port that are no part of a deletion's life: freezes, and reading for people. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from bot.model import Actor, Deletion, Freeze
from bot.trail import Event, Tell


class Freezes(Protocol):
    """Freezes of this target. While one stands, ``change`` carries out no claim: that test is part of its UPDATE.

    On SQLite no claim follows a freeze. On PostgreSQL a claim that began just before a freeze was committed may be
    committed just after it, as if the click had come a moment earlier. A DELETE that is claimed is sent within seconds.
    """

    def standing(self) -> Freeze | None: ...

    def begin(self, freeze: Freeze, tell: Tell, *events: Event) -> Freeze | None:
        """Stop all deletions; None means done, else the freeze that stands already.

        ``tell`` is written with it, and once more for the thread of each card that waits.
        """
        ...

    def lift(self, freeze: Freeze, by: Actor, at: datetime, tell: Tell, *events: Event) -> bool:
        """Allow deletions again, telling the same places; False when somebody was faster."""
        ...


class Looks(Protocol):
    """Reading for people. Only this target's deletions, attempts included."""

    def history(
        self, *, job: str | None = None, channel: str | None = None, before: Deletion | None = None, limit: int = 20
    ) -> Sequence[Deletion]:
        """The newest deletions, of one job or asked in one channel; with ``before``, the ones that follow it."""
        ...

    def open(self, *, limit: int) -> Sequence[Deletion]:
        """The open deletions, oldest first."""
        ...

    def deleted(self, *, limit: int) -> Sequence[Deletion]:
        """What was deleted lately, newest first."""
        ...

    def breaker_opened_at(self, fingerprint: str) -> datetime | None: ...
