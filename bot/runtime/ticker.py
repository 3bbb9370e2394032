"""Threads that call a function periodically."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable

import structlog

log = structlog.get_logger(__name__)


class Ticker:
    """A thread that calls ``work`` periodically: at once while it finds something to do, else after ``every`` seconds.

    ``work`` returns how much it did. Its exceptions are logged and end the round, never the thread. ``every`` may be a
    function, which is asked after each round.
    """

    def __init__(self, name: str, work: Callable[[], int], every: float | Callable[[], float]) -> None:
        self.work = work
        self.name = name
        self._every = every
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, name=name, daemon=True)
        self._round_began: float | None = None

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def is_stuck(self, seconds: float) -> bool:
        """Whether its thread is gone, or its round takes longer than that. False before the start and at the end."""
        if self._round_began is None or self._stop.is_set():
            return False
        return not self._thread.is_alive() or time.monotonic() - self._round_began > seconds

    def wake(self) -> None:
        """Call ``work`` now."""
        self._wake.set()

    def ask_to_stop(self) -> None:
        """Ask the thread to end after its round; does not wait."""
        self._stop.set()
        self._wake.set()

    def join(self, seconds: float) -> None:
        """Wait for the end, at most so many seconds."""
        if self._thread.is_alive():
            self._thread.join(seconds)

    def _loop(self) -> None:
        while not self._stop.is_set():
            done = 0
            self._round_began = time.monotonic()
            try:
                done = self.work()
            except Exception:
                log.exception("ticker_failed", worker=self.name)
            if not done:
                self._wake.wait(self._every() if callable(self._every) else self._every)
                self._wake.clear()


def stop_all(tickers: Iterable[Ticker], seconds: float) -> None:
    """End all of them, within so many seconds in total; a round that takes longer ends with the process."""
    stopping = list(tickers)
    for ticker in stopping:
        ticker.ask_to_stop()
    deadline = time.monotonic() + seconds
    for ticker in stopping:
        ticker.join(max(deadline - time.monotonic(), 0))
