"""All metrics. ``bot.ops.instrumentation`` counts them. Imported only where OPS_PORT is set.

Labels come from closed sets: never an id, a name or a text from outside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry, Counter, Histogram, Info, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.process_collector import ProcessCollector

from bot.domain.events import Kind
from bot.domain.model import Operation, State
from bot.domain.refusals import Reason

ACK_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 3)
"""Slack waits three seconds."""
CALL_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)

OPERATIONS = {Operation.SHOW: "show", Operation.LIST: "list", Operation.DELETE: "delete"}
RETRIED = (*OPERATIONS.values(), "message", "answer")
NOT_COUNTED = frozenset({Kind.BREAKER_OPENED, Kind.BREAKER_CLOSED})
"""The breaker's gauge shows them."""

Value = float | Mapping[str, float]

GAUGES: Mapping[str, tuple[str, str | None]] = {
    # Name -> help text, and its label if it has one.
    "dh_bot_slack_connected": ("1 while Slack's requests can arrive: socket heard from lately, or HTTP serving.", None),
    "dh_bot_ledger_writable": ("1 while the newest trial write to the ledger succeeded, and lately.", None),
    "dh_bot_refuses_work": ("1 while every command and click is refused; /readyz and the log say why.", None),
    "dh_bot_draining": ("1 while the bot stops.", None),
    "dh_bot_work_in_flight": ("Commands and clicks being worked on in this process.", None),
    "dh_bot_workers": ("How many may be worked on at the same time (WORKERS).", None),
    "dh_bot_unwritten": ("Writes that this process keeps in memory because the ledger refused them.", None),
    "dh_bot_open_deletions": ("Open deletions in the ledger: awaiting (cards that wait), deleting, unknown.", "state"),
    "dh_bot_oldest_unknown_seconds": ("How long the oldest unknown outcome has been unknown; 0 without one.", None),
    "dh_bot_outbox_messages": ("Messages in the ledger that Slack still has to take.", None),
    "dh_bot_oldest_outbox_message_seconds": ("How long the oldest of them has waited; 0 without one.", None),
    "dh_bot_answers_owed": ("People in the ledger who wait for an answer.", None),
    "dh_bot_breaker_open": ("1 while nothing is sent because MetaStudio rejected the credentials.", None),
}
"""Values that are read at each scrape. A value that is unknown then has no sample, since a stale one would mislead."""


class GaugeCollector:
    """A collector of the gauges at the moment of the scrape."""

    def __init__(self, sample: Callable[[], Mapping[str, Value]]) -> None:
        self._sample = sample

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """One family for each of ``GAUGES``."""
        values = self._sample()
        for name, (text, label) in GAUGES.items():
            family = GaugeMetricFamily(name, text, labels=[label] if label else None)
            found = values.get(name)
            if isinstance(found, Mapping):
                for key, value in found.items():
                    family.add_metric([key], value)
            elif found is not None:
                family.add_metric([], found)
            yield family


class Process:
    """A collector of CPU, memory and open files of this process, as of the newest sample.

    Reading them takes a dozen system calls. Each releases the interpreter lock and under load may wait five
    milliseconds to get it back, and a scrape must not wait.
    """

    def __init__(self) -> None:
        self._collector = ProcessCollector(registry=None)
        self._newest: tuple[Metric, ...] = ()

    def sample(self) -> int:
        """Take a sample. Returns 0: there is never more to do at once."""
        self._newest = tuple(self._collector.collect())
        return 0

    def collect(self) -> Iterator[Metric]:
        """The newest sample; nothing before the first."""
        return iter(self._newest)


class Metrics:
    """The registry of this process with its counters and histograms."""

    def __init__(self, version: str) -> None:
        self._registry = CollectorRegistry()
        self.process = Process()
        self._registry.register(self.process)
        self.acks = self._histogram("ack_seconds", "From Slack's request to its ack.", ACK_BUCKETS, "kind", "result")
        self.slack = self._histogram("slack_seconds", "Calls of Slack's Web API.", CALL_BUCKETS, "method", "result")
        self.metastudio = self._histogram(
            "metastudio_seconds", "Calls of MetaStudio, their repeats included.", CALL_BUCKETS, "operation", "result"
        )
        self.deletions = self._counter("deletions_total", "Deletions that this process brought into a state.", "state")
        self.events = self._counter("events_total", "Events that this process wrote to the audit trail.", "kind")
        self.refusals = self._counter("refusals_total", "Commands and clicks that were answered with no.", "reason")
        self.retries = self._counter("retries_total", "What was sent, or is to be sent, once more.", "what")
        Info("dh_bot", "The version that runs.", registry=self._registry).info({"version": version})
        self._begin_at_zero()

    def _begin_at_zero(self) -> None:
        """Create all series at 0: a rate sees the first event only in a series that existed before it."""
        for state in set(State) - {State.NEW}:
            self.deletions.labels(state.value)
        for kind in set(Kind) - NOT_COUNTED:
            self.events.labels(kind.value)
        for reason in Reason:
            self.refusals.labels(reason.value)
        for what in RETRIED:
            self.retries.labels(what)

    def _counter(self, name: str, text: str, label: str) -> Counter:
        return Counter(f"dh_bot_{name}", text, [label], registry=self._registry)

    def _histogram(self, name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(f"dh_bot_{name}", text, labels, buckets=buckets, registry=self._registry)

    def show(self, gauges: GaugeCollector) -> None:
        """Add the gauges."""
        self._registry.register(gauges)

    def page(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return generate_latest(self._registry)
