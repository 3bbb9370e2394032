"""The signals that end the bot."""

from __future__ import annotations

import signal
from queue import Empty, SimpleQueue

WAKE_SECONDS = 0.5


class StopSignals:
    """SIGTERM and SIGINT (Ctrl-C). From here on each is kept for ``wait`` and interrupts nothing."""

    def __init__(self) -> None:
        # A handler may run in the middle of any line: of a queue only this one allows that (Python's documentation).
        self._received: SimpleQueue[int] = SimpleQueue()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda received, _: self._received.put(received))

    def wait(self) -> int:
        """Wait for the first one; returns its number.

        The system may hand a signal to any thread, and Python handles it in the main one, which may sleep on (seen
        with Python 3.14). So the main thread wakes by itself now and then.
        """
        while True:
            try:
                return self._received.get(timeout=WAKE_SECONDS)
            except Empty:
                continue
