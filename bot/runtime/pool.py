"""Permits, the pool, the drain, and the clock's own workers. Nothing here knows what the work is.

A ``ThreadPoolExecutor`` never says that it is full; so a permit is taken first, and where there is none the caller says
"busy" at once. Nothing queues without a bound.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from contextvars import copy_context
from typing import TypeVar

import structlog

log = structlog.get_logger(__name__)
K = TypeVar("K")
T = TypeVar("T")

OVERFLOW_THREADS = 4
TOGETHER_THREADS = 8
MAX_OVERFLOW = 500


class Pool:
    """Bounded work: ``take`` a permit, then ``run`` with it, or ``give_back``.

    What is done beside the work has threads of its own, two for each (a click looks up people and place, and opens the
    connection for the DELETE), so that work never waits for work.
    """

    def __init__(self, workers: int) -> None:
        self.permits = workers
        self._busy = 0
        self._stopping = False
        self._draining = False
        self._changed = threading.Condition()
        self._workers = ThreadPoolExecutor(workers, "work")
        self._background = ThreadPoolExecutor(2 * workers, "background")
        self._overflow = ThreadPoolExecutor(OVERFLOW_THREADS, "overflow")
        self._overflow_count = 0
        self._together = ThreadPoolExecutor(TOGETHER_THREADS, "together")

    def take(self) -> bool:
        """Take a permit; False when all are taken or the bot is stopping. Never waits."""
        with self._changed:
            if self._draining or self._busy >= self.permits:
                return False
            self._busy += 1
            return True

    def give_back(self) -> None:
        """Return a permit that was not used."""
        with self._changed:
            self._busy -= 1
            self._changed.notify_all()

    def run(self, work: Callable[[], None]) -> None:
        """Do the work on the permit that was taken; the permit comes back whatever happens."""
        context = copy_context()

        def body() -> None:
            try:
                context.run(work)
            except Exception:
                # Work answers for its own failures; this is the last net, so that a thread never dies unheard.
                log.exception("work_failed")
            finally:
                self.give_back()

        try:
            self._workers.submit(body)
        except RuntimeError:
            self.give_back()
            raise

    def in_background(self, work: Callable[[], T]) -> Future[T]:
        """Run something while the caller goes on."""
        return self._background.submit(copy_context().run, work)

    def together(self, work: Callable[[K], T], items: Iterable[K], seconds: float) -> dict[K, T]:
        """What ``work`` returns for each item, side by side; items that fail or are not done in time are missing.

        Best effort, in a few threads of its own: ``beside`` belongs to clicks, which must not wait for this.
        """
        try:
            futures = {item: self._together.submit(copy_context().run, work, item) for item in items}
        except RuntimeError:
            # The bot ends, and its threads are gone.
            return {}
        done, late = wait(futures.values(), seconds)
        for future in late:
            future.cancel()
        found = {}
        for item, future in futures.items():
            if future not in done:
                continue
            if (error := future.exception()) is None:
                found[item] = future.result()
            else:
                log.error("work_failed", exc_info=error)
        return found

    def overflow(self, work: Callable[[], object]) -> bool:
        """Run something short although there is no permit, such as saying "busy"; False when even that is too much."""
        with self._changed:
            if self._overflow_count >= MAX_OVERFLOW:
                return False
            self._overflow_count += 1

        def body() -> None:
            try:
                work()
            except Exception:
                log.exception("work_failed")
            finally:
                self._release_overflow()

        try:
            self._overflow.submit(body)
        except RuntimeError:
            self._release_overflow()
            return False
        return True

    def _release_overflow(self) -> None:
        with self._changed:
            self._overflow_count -= 1
            self._changed.notify_all()

    @property
    def in_flight(self) -> int:
        """How many permits are taken."""
        return self._busy

    @property
    def is_stopping(self) -> bool:
        """Whether the bot is about to end, also while it still takes work."""
        return self._stopping or self._draining

    def announce_stop(self) -> None:
        """Say that the end is near, to those who ask for readiness. Work is still taken."""
        self._stopping = True

    @property
    def is_draining(self) -> bool:
        """Whether no new work is taken any more."""
        return self._draining

    def drain(self, seconds: float) -> bool:
        """Take no new work and wait for what is in flight; True when all of it finished in time.

        "Busy" can still be said afterwards, until ``close``: people go on pressing buttons while the bot stops.
        """
        with self._changed:
            self._draining = True
            return self._changed.wait_for(lambda: self._busy == 0, seconds)

    def close(self, seconds: float) -> None:
        """End the threads; what is being said gets so many seconds to be said."""
        with self._changed:
            self._changed.wait_for(lambda: self._overflow_count == 0, seconds)
        for executor in (self._workers, self._background, self._overflow, self._together):
            executor.shutdown(wait=False, cancel_futures=True)


class KeyedLocks:
    """One at a time for each name, such as a channel; in this process, by real time."""

    def __init__(self) -> None:
        self._locks: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()

    @contextmanager
    def __call__(self, name: str, seconds: float, /) -> Iterator[bool]:
        """Wait for one's turn, at most so long, and keep it within the context; False means that it did not come."""
        with self._lock:
            lock = self._locks.setdefault(name, threading.Lock())
        is_ours = lock.acquire(timeout=max(seconds, 0))
        try:
            yield is_ours
        finally:
            if is_ours:
                lock.release()
