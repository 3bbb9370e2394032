"""The goals and their verdicts. Pure: figures in, rows out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isnan, nan

from benchmarks.bots.counting import LOOKS
from benchmarks.far import ROUND_TRIP
from benchmarks.growing import Growth
from benchmarks.measuring import Figures, middle, p99


@dataclass(frozen=True)
class Row:
    """One goal and the figure for it; empty if it was not measured."""

    what: str
    goal: str
    floor: str = ""
    ours: str = ""
    is_met: bool | None = None

    @property
    def verdict(self) -> str:
        """The verdict in one word."""
        return {True: "met", False: "**missed**", None: "not measured"}[self.is_met]


def row(
    what: str,
    goal: str,
    ours: float,
    is_met: Callable[[], bool],
    *,
    form: Callable[[float], str] = "{:.1f}".format,
    floor: float = 0.0,
    beside: float = nan,
) -> Row:
    """A row if ``ours`` was measured, and the floor that it is judged by; else an empty one.

    ``beside`` is the figure of another bot that is only shown.
    """
    if isnan(ours) or isnan(floor):
        return Row(what, goal)
    shown = floor or beside
    return Row(what, goal, "" if isnan(shown) else form(shown), form(ours), is_met())


def trips(ms: float) -> str:
    """Milliseconds as round trips of the long line."""
    return f"{ms / (1000 * ROUND_TRIP):.2f} ({ms:.0f} ms)"


def of_acks(ours: Figures, five: Figures) -> list[Row]:
    """The goals for acks, one at a time."""
    ack, floor_ack = middle(ours.singly.acks), middle(five.singly.acks)
    late = p99(ours.singly.acks) if ours.singly.acks else nan
    return [
        row("ack, median", "≤ 1.3 × floor-5", ack, lambda: ack <= 1.3 * floor_ack, form="{:.2f} ms".format,
            floor=floor_ack),
        row("ack, 99 %", "≤ 6 ms", late, lambda: late <= 6, form="{:.2f} ms".format),
    ]  # fmt: skip


def of_the_outcome(ours: Figures, five: Figures, more: float) -> Row:
    """The goal for the time from the press to the outcome: ``more`` milliseconds more than floor-5."""
    out, floor_out = middle(ours.singly.to_outcome), middle(five.singly.to_outcome)
    return row("press to outcome without API, median", f"≤ floor-5 + {more:.0f} ms", out,
               lambda: out <= floor_out + more, form="{:.1f} ms".format, floor=floor_out)  # fmt: skip


def of_the_load(ours: Figures, twelve: Figures) -> list[Row]:
    """The goals with many in flight, on SQLite."""
    rate, floor_rate = middle(ours.together.per_second), middle(twelve.together.per_second)
    cpu, floor_cpu = middle(ours.together.cpu_ms), middle(twelve.together.cpu_ms)
    return [
        row("deletions/s, 32 in flight", "≥ 0.6 × floor-12", rate, lambda: rate >= 0.6 * floor_rate,
            form="{:.0f}".format, floor=floor_rate),
        row("CPU for a deletion, with all that follows it", "≤ 1.6 × floor-12", cpu, lambda: cpu <= 1.6 * floor_cpu,
            form="{:.1f} ms".format, floor=floor_cpu),
    ]  # fmt: skip


def of_the_load_on_postgresql(ours: Figures) -> list[Row]:
    """The goals with many in flight, on PostgreSQL."""
    rate, cpu = middle(ours.together.per_second), middle(ours.together.cpu_ms)
    return [
        row("deletions/s, 32 in flight", "≥ 50", rate, lambda: rate >= 50, form="{:.0f}".format),
        row("CPU for a deletion, with all that follows it", "≤ 25 ms", cpu, lambda: cpu <= 25,
            form="{:.1f} ms".format),
    ]  # fmt: skip


def over_tls(ours: Figures, tutorial: Figures) -> Row:
    """The gain from a shared TLS context."""
    rate, theirs = middle(ours.together.per_second), middle(tutorial.together.per_second)
    return row("deletions/s beside the tutorial, 32 in flight", "≥ 6 × tutorial", rate, lambda: rate >= 6 * theirs,
               form="{:.0f}".format, floor=theirs)  # fmt: skip


def from_afar(ours: Figures, five: Figures) -> list[Row]:
    """The goals at 100 ms round trip, counted in round trips."""
    card, floor_card = middle(ours.singly.to_card), middle(five.singly.to_card)
    out, floor_out = middle(ours.singly.to_outcome), middle(five.singly.to_outcome)
    trip = 1000 * ROUND_TRIP
    return [
        row("command to card, in round trips", "≤ 2.2", card, lambda: card <= 2.2 * trip,
            form=trips, beside=floor_card),
        row("press to outcome, in round trips", "≤ 3.2", out, lambda: out <= 3.2 * trip,
            form=trips, beside=floor_out),
    ]  # fmt: skip


def of_a_burst(ours: Figures) -> list[Row]:
    """The goals for many commands in one moment, with a slow MetaStudio."""
    if ours.burst is None:
        return [Row("commands at once, API 0.5–5 s", "ack 99 % ≤ 0.4 s, none late or lost, every deletion finished")]
    many, acks = ours.burst.asked, ours.burst.acks
    late = p99(acks) if acks else nan
    lost, finished = ours.burst.late_or_lost, ours.burst.finished
    return [
        row(
            f"{many} commands at once, API 0.5–5 s: ack, 99 %",
            "≤ 0.4 s",
            late,
            lambda: late <= 0.4,
            form="{:.2f} s".format,
        ),
        row("… acks late or lost", "0", lost, lambda: lost == 0, form="{:.0f}".format),
        row("… deletions finished", f"{many}", finished, lambda: finished == many, form="{:.0f}".format),
    ]


def of_the_process(ours: Figures, five: Figures) -> list[Row]:
    """The goals for cold start and memory."""
    start, floor_start = middle(ours.starts), middle(five.starts)
    idle, floor_idle = middle(ours.idle_mib), middle(five.idle_mib)
    return [
        row("cold start to ready", "≤ 2.2 × floor-5", 1000 * start, lambda: start <= 2.2 * floor_start,
            form="{:.0f} ms".format, floor=1000 * floor_start),
        row("memory, idle", "≤ 70 MiB", idle, lambda: idle <= 70, form="{:.0f} MiB".format, beside=floor_idle),
    ]  # fmt: skip


def of_the_ledger(counted: Mapping[str, float]) -> list[Row]:
    """The goals for what one deletion writes and reads."""
    looks = counted.get(LOOKS, nan)
    writes = sum(number for name, number in counted.items() if name != LOOKS) or nan
    return [
        row("transactions that write", "≤ 10", writes, lambda: writes <= 10),
        row("looks at the ledger", "≤ 4", looks, lambda: looks <= 4),
    ]


def of_connections(ours: Figures, twelve: Figures) -> Row:
    """The goal for connections to Slack and MetaStudio."""
    opened = sum(ours.opened.values()) if ours.opened else nan
    beside = sum(twelve.opened.values()) if twelve.opened else nan
    return row("connections opened, beside the DELETE's own", "≤ 0.1", opened, lambda: opened <= 0.1,
               form="{:.2f}".format, beside=beside)  # fmt: skip


MANY_JOBS = Row(
    "one card with 20 jobs, limiter off",
    "CPU per job ≤ a single deletion's, at most one card update in three seconds",
    ours="one card has one job so far",
)


def of_one_deletion(ours: Figures) -> list[Row]:
    """The goals for the calls of one deletion."""
    calls = len(ours.on_the_way) or nan
    unfinished = nan if ours.unfinished is None else ours.unfinished
    not_acked = nan if ours.not_acked is None else ours.not_acked
    broken = len(ours.violations) if ours.deletes else nan
    confirmed = sum(jobs for times, jobs in ours.deletes.items() if times) or nan
    deletes = sum(times * jobs for times, jobs in ours.deletes.items()) / confirmed
    return [
        row("calls before the outcome, without background look-ups", "5", calls, lambda: calls == 5,
            form="{:.0f}".format),
        row("DELETEs for a confirmed deletion", "1", deletes, lambda: deletes == 1, form="{:.4g}".format),
        row("deletions without an outcome, of all", "0", unfinished, lambda: unfinished == 0, form="{:.0f}".format),
        row("acks late or lost, of all", "0", not_acked, lambda: not_acked == 0, form="{:.0f}".format),
        row("rules of Slack broken", "0", broken, lambda: broken == 0, form="{:.0f}".format),
    ]  # fmt: skip


def of_growth(growth: Growth) -> list[Row]:
    """The goals for growth: what may grow, and what must not."""
    rows = []
    if growth.flows is None:
        rows.append(Row("memory over 10,000 deletions", "≤ 8 MiB more, flat in the second half"))
    else:
        memory, most = growth.flows["memory_mib"], growth.flows.at[-1]
        grown, second_half = memory[-1] - memory[0], memory[-1] - memory[len(memory) // 2]
        # Flat: the second half may add only the few pages that an allocator takes and returns.
        rows.append(row(f"memory over {most:,} deletions", "≤ 8 MiB more, flat in the second half", grown,
                        lambda: grown <= 8 and second_half <= 2, form="{:+.1f} MiB".format))  # fmt: skip
        rows.append(row("… in the second half", "flat (≤ 2 MiB)", second_half, lambda: second_half <= 2,
                        form="{:+.1f} MiB".format))  # fmt: skip
    if growth.trail is None:
        return [*rows, Row("audit trail of 1,000,000 events", "append ≤ 1.2 × empty, history ≤ 10 ms, 200,000/s")]
    history, most = growth.trail["history_ms"][-1], growth.trail.at[-1]
    on_empty, on_full = growth.append_ms or (nan, nan)
    per_second = nan if growth.verified_per_second is None else growth.verified_per_second
    return [
        *rows,
        row(f"append to {most:,} events", "≤ 1.2 × empty", on_full, lambda: on_full <= 1.2 * on_empty,
            form="{:.2f} ms".format, floor=on_empty),
        row(f"history of {most:,} events", "≤ 10 ms", history, lambda: history <= 10, form="{:.2f} ms".format),
        row(f"verify {most:,} events", "≥ 200,000 events/s of CPU", per_second, lambda: per_second >= 200_000,
            form="{:,.0f}/s of CPU".format),
    ]  # fmt: skip
