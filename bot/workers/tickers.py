"""The workers' threads: what each does, and how often."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from bot.domain.ports import Ports
from bot.runtime.ticker import Ticker
from bot.workers import answer, expire, read, remind, take_over
from bot.workers import deliver as outbox
from bot.workers.clock_watch import ClockWatch
from bot.workers.report import DailyHead, RunningLog
from bot.workers.retry_writes import PendingWrites

READERS = 4
"""Maximum number of deletions that are read at the same time. The limiter bounds their requests."""


def tickers_of(ports: Ports, pending_writes: PendingWrites) -> Iterable[Ticker]:
    """A thread for each of the workers; ``pending_writes`` has the writes that the ledger refused."""
    watch = ClockWatch(ports)

    def by_the_clock(work: Callable[[], int]) -> Callable[[], int]:
        # The clock first, so that no work is done by a due time that a step of the clock has made wrong.
        return lambda: work() if watch.run_once() else 0

    yield Ticker("expire", by_the_clock(lambda: expire.run_once(ports, watch.jumped)), every=1)
    yield Ticker("remind", partial(remind.run_once, ports), every=5)

    def write_and_take_over() -> int:
        # One thread for both: a known reply is written before its deletion could be called unknown.
        return pending_writes.run_once() + (0 if pending_writes else take_over.take_over(ports))

    yield Ticker("takeover", by_the_clock(write_and_take_over), every=1)
    # Threads of their own, since a read may hang for a minute; the leases give each deletion to one of them.
    for number in range(READERS):
        yield Ticker(f"reader-{number + 1}", by_the_clock(partial(read.read_next, ports)), every=1)
    yield Ticker("outbox", partial(outbox.run_once, ports), every=0.5)
    yield Ticker("answers", partial(answer.run_once, ports), every=2)
    channel = ports.config.audit_channel
    if channel:
        yield Ticker("running-log", RunningLog(ports, channel).run_once, every=2)
        yield Ticker("daily-head", DailyHead(ports, channel).run_once, every=60)
