"""Time in the test's hand, and work that can be stopped anywhere: paused and woken later, or killed with its process.

Only one strand runs at any moment, so every run is deterministic: a strand that is to be paused has a thread of its
own, and whoever started or woke it waits until it has ended or has paused.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

STUCK_AFTER = 30.0
"""Real seconds. Nothing here waits for anything real, so a strand that takes so long is a deadlock."""


class Killed(BaseException):
    """The process ended here. No product code may catch it, as none could."""


@dataclass(frozen=True)
class Stop:
    """Where a strand is stopped: the ``nth`` time that it comes to this boundary, for a while or for good."""

    boundary: str
    nth: int = 0
    kill: bool = False


class Strand:
    """One piece of work of one replica: a command, a click, or a round of a worker."""

    def __init__(self, name: str, replica: Any, work: Callable[[], object], stop: Stop | None) -> None:
        self.name = name
        self.replica = replica
        self.saw: list[tuple[Any, ...]] = []
        """What this strand was told about people, the place and the job, for the judge of its DELETE."""
        self.press: Any = None
        """The click behind this strand, if there is one."""
        self.has_sent = False
        """Whether a DELETE left that may have had an effect."""
        self.is_parked = False
        self.is_done = False
        self._work = work
        self._stop = stop
        self._counts: Counter[str] = Counter()
        self._is_doomed = False
        self._error: BaseException | None = None
        self._ours = threading.Semaphore(0)
        self._theirs = threading.Semaphore(0)
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Run until the end or the pause. Raises ``Killed`` when the process ended meanwhile, and what went wrong."""
        if self._stop is None or self._stop.kill:
            try:
                self._work()
            finally:
                self.is_done = True
            return
        self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)
        self._thread.start()
        self._wait()

    def wake(self, *, doomed: bool = False) -> None:
        """Go on after the pause; ``doomed`` means that there is no process any more to go on in."""
        self._is_doomed = doomed
        self.is_parked = False
        self._ours.release()
        self._wait()

    def reach(self, boundary: str) -> bool:
        """Called by the doubles wherever the strand might be stopped; whether it was paused here."""
        number = self._counts[boundary]
        self._counts[boundary] += 1
        stop = self._stop
        if stop is None or stop.boundary != boundary or stop.nth != number:
            return False
        self._stop = None
        if stop.kill:
            raise Killed
        self.is_parked = True
        self._theirs.release()
        self._ours.acquire()
        if self._is_doomed:
            raise Killed
        return True

    def _run(self) -> None:
        try:
            self._work()
        except BaseException as error:  # noqa: BLE001 - handed to the thread that waits for this one.
            self._error = error
        finally:
            self.is_done = True
            self._theirs.release()

    def _wait(self) -> None:
        if not self._theirs.acquire(timeout=STUCK_AFTER):
            raise AssertionError(f"{self.name} neither ended nor paused: a deadlock")
        if self.is_done and self._thread is not None:
            self._thread.join()
            if self._error is not None:
                raise self._error
