"""A bounded pool with permits and a drain, and locks by key.

A ``ThreadPoolExecutor`` queues without a bound. So the caller first takes a permit, and without one answers "busy" at
once.
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
DRAWING_THREADS = 4
MAX_DRAWINGS = 500


class _Few:
    """A few threads for short work without a permit. Only so much of it may wait."""

    def __init__(self, name: str, threads: int, most: int, changed: threading.Condition) -> None:
        self.count = 0
        self.executor = ThreadPoolExecutor(threads, name)
        self._most = most
        self._changed = changed

    def submit(self, work: Callable[[], object]) -> bool:
        """Run the work; False when too much waits already, and after the end."""
        with self._changed:
            if self.count >= self._most:
                return False
            self.count += 1

        def body() -> None:
            try:
                work()
            except Exception:
                log.exception("work_failed")
            finally:
                self._release()

        try:
            self.executor.submit(body)
        except RuntimeError:
            self._release()
            return False
        return True

    def _release(self) -> None:
        with self._changed:
            self.count -= 1
            self._changed.notify_all()


class Pool:
    """Bounded work: ``take`` a permit, then ``run`` with it, or ``give_back``.

    ``in_background`` has two threads for each permit (a click looks up person and channel, and opens the connection for
    the DELETE), so that work never waits for other work.
    """

    def __init__(self, workers: int) -> None:
        self.permits = workers
        self._busy = 0
        self._stopping = False
        self._draining = False
        self._is_closed = False
        self._changed = threading.Condition()
        self._workers = ThreadPoolExecutor(workers, "work")
        self._background = ThreadPoolExecutor(2 * workers, "background")
        self._overflow = _Few("overflow", OVERFLOW_THREADS, MAX_OVERFLOW, self._changed)
        self._drawing = _Few("drawing", DRAWING_THREADS, MAX_DRAWINGS, self._changed)
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
        """Run the work on the permit that was taken; the permit is returned in any case."""
        context = copy_context()

        def body() -> None:
            try:
                context.run(work)
            except Exception:
                # Work handles its own failures. This logs the rest, so that no failure is silent.
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
        """The results of ``work`` for each item, run concurrently; items that fail or time out are missing.

        Best effort, in a few threads of its own: those of ``in_background`` are for clicks, which must not wait for
        this.
        """
        try:
            futures = {item: self._together.submit(copy_context().run, work, item) for item in items}
        except RuntimeError:
            # The pool is closed: the bot ends.
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
        """Run something short without a permit, such as sending "busy"; False when this pool is full too."""
        return self._overflow.submit(work)

    def draw(self, work: Callable[[], object]) -> bool:
        """Run a call that may be dropped, in threads that nobody waits for; False when it was dropped."""
        return self._drawing.submit(work)

    @property
    def in_flight(self) -> int:
        """How many permits are taken."""
        return self._busy

    def wait_idle(self, seconds: float, *, in_flight: int = 0) -> bool:
        """Wait until at most so many permits are taken and the small pools rest; True when that came in time."""
        with self._changed:
            return self._changed.wait_for(lambda: self._busy <= in_flight and self._rests(), seconds)

    @property
    def is_stopping(self) -> bool:
        """Whether the bot is about to end, also while it still takes work."""
        return self._stopping or self._draining

    def announce_stop(self) -> None:
        """Make readiness fail from now on. Work is still taken."""
        self._stopping = True

    @property
    def is_draining(self) -> bool:
        """Whether new work is refused."""
        return self._draining

    def drain(self, seconds: float) -> bool:
        """Take no new work and wait for what is in flight; True when all of it finished in time.

        ``overflow`` works until ``close``: people go on pressing buttons while the bot stops, and get "busy".
        """
        with self._changed:
            self._draining = True
            return self._changed.wait_for(lambda: self._busy == 0, seconds)

    def close(self, seconds: float) -> None:
        """End the threads; ``overflow`` and ``draw`` have so many seconds to finish what they have begun."""
        with self._changed:
            self._changed.wait_for(self._rests, seconds)
            self._is_closed = True
        few = (self._overflow.executor, self._drawing.executor)
        for executor in (self._workers, self._background, self._together, *few):
            executor.shutdown(wait=False, cancel_futures=True)

    @property
    def is_closed(self) -> bool:
        """Whether the threads have been ended. What they still do is not waited for."""
        return self._is_closed

    def _rests(self) -> bool:
        return self._overflow.count == self._drawing.count == 0


class KeyedLocks:
    """One lock for each name, such as a channel; in this process, by real time."""

    def __init__(self) -> None:
        self._locks: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()

    @contextmanager
    def __call__(self, name: str, seconds: float, /) -> Iterator[bool]:
        """Hold the lock of this name within the context; False if it was not free within so many seconds."""
        with self._lock:
            lock = self._locks.setdefault(name, threading.Lock())
        is_ours = lock.acquire(timeout=max(seconds, 0))
        try:
            yield is_ours
        finally:
            if is_ours:
                lock.release()
