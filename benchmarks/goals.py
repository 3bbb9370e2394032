"""The goals and their verdicts. Pure: figures in, rows out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import isnan, nan

from benchmarks.growing import Growth
from benchmarks.measuring import Figures, middle, p99

ERRBOT_START, ERRBOT_MIB = 1.050, 76.0
"""The figures of another well-known bot, measured once on the same machine."""


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
    what: str, goal: str, ours: float, is_met: Callable[[], bool], *, form: str = "{:.1f}", floor: float = nan
) -> Row:
    """A row if ``ours`` was measured, else an empty one."""
    if isnan(ours):
        return Row(what, goal)
    return Row(what, goal, "" if isnan(floor) else form.format(floor), form.format(ours), is_met())


def against_the_floor(ours: Figures, floor: Figures) -> list[Row]:
    """The goals for one way of reaching a bot, plain or over TLS."""
    ack, floor_ack = middle(ours.singly.acks), middle(floor.singly.acks)
    late = p99(ours.singly.acks) if ours.singly.acks else nan
    out, floor_out = middle(ours.singly.to_outcome), middle(floor.singly.to_outcome)
    rate, floor_rate = middle(ours.together.per_second), middle(floor.together.per_second)
    cpu, floor_cpu = middle(ours.together.cpu_ms), middle(floor.together.cpu_ms)
    return [
        row("ack, median", "≤ 1.5 × floor", ack, lambda: ack <= 1.5 * floor_ack, form="{:.2f} ms", floor=floor_ack),
        row("ack, 99 %", "≤ 8 ms", late, lambda: late <= 8, form="{:.2f} ms"),
        row("press to outcome without API, median", "≤ floor + 5 ms", out, lambda: out <= floor_out + 5,
            form="{:.1f} ms", floor=floor_out),
        row("deletions/s, 32 in flight", "≥ 0.6 × floor", rate, lambda: rate >= 0.6 * floor_rate,
            form="{:.0f}", floor=floor_rate),
        row("CPU for a deletion, with all that follows it", "≤ 1.6 × floor", cpu, lambda: cpu <= 1.6 * floor_cpu,
            form="{:.1f} ms", floor=floor_cpu),
    ]  # fmt: skip


def over_tls(ours: Figures, tutorial: Figures) -> Row:
    """The gain from a shared TLS context."""
    rate, theirs = middle(ours.together.per_second), middle(tutorial.together.per_second)
    return row("deletions/s over TLS, 32 in flight", "≥ 10 × tutorial", rate, lambda: rate >= 10 * theirs,
               form="{:.0f}", floor=theirs)  # fmt: skip


def of_a_burst(ours: Figures) -> list[Row]:
    """The goals for many commands in one moment, with a slow MetaStudio."""
    if ours.burst is None:
        return [Row("commands at once, API 0.5–5 s", "ack 99 % ≤ 0.5 s, none late or lost, every deletion finished")]
    many, acks = ours.burst.asked, ours.burst.acks
    late = p99(acks) if acks else nan
    lost, finished = ours.burst.late_or_lost, ours.burst.finished
    return [
        row(f"{many} commands at once, API 0.5–5 s: ack, 99 %", "≤ 0.5 s", late, lambda: late <= 0.5, form="{:.2f} s"),
        row("… acks late or lost", "0", lost, lambda: lost == 0, form="{:.0f}"),
        row("… deletions finished", f"{many}", finished, lambda: finished == many, form="{:.0f}"),
    ]


def of_the_process(ours: Figures, floor: Figures) -> list[Row]:
    """The goals for cold start and memory."""
    start, floor_start = middle(ours.starts), middle(floor.starts)
    idle, floor_idle = middle(ours.idle_mib), middle(floor.idle_mib)
    return [
        row("cold start to ready", "≤ 3 × floor, below 1,050 ms", 1000 * start,
            lambda: start <= 3 * floor_start and start < ERRBOT_START, form="{:.0f} ms", floor=1000 * floor_start),
        row("memory, idle", "≤ 2.2 × floor, below 76 MiB", idle,
            lambda: idle <= 2.2 * floor_idle and idle < ERRBOT_MIB, form="{:.0f} MiB", floor=floor_idle),
    ]  # fmt: skip


def of_one_deletion(ours: Figures) -> list[Row]:
    """The goals for the calls of one deletion."""
    calls = len(ours.on_the_way) or nan
    unfinished = nan if ours.unfinished is None else ours.unfinished
    not_acked = nan if ours.not_acked is None else ours.not_acked
    broken = len(ours.violations) if ours.deletes else nan
    twice = sum(count for number, count in ours.deletes.items() if number > 1) if ours.deletes else nan
    return [
        row("calls before the outcome, without background look-ups", "5", calls, lambda: calls == 5, form="{:.0f}"),
        row("deletions without an outcome, of all", "0", unfinished, lambda: unfinished == 0, form="{:.0f}"),
        row("acks late or lost, of all", "0", not_acked, lambda: not_acked == 0, form="{:.0f}"),
        row("rules of Slack broken", "0", broken, lambda: broken == 0, form="{:.0f}"),
        row("deletions with more than one DELETE", "0", twice, lambda: twice == 0, form="{:.0f}"),
    ]


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
                        lambda: grown <= 8 and second_half <= 2, form="{:+.1f} MiB"))  # fmt: skip
        rows.append(row("… in the second half", "flat (≤ 2 MiB)", second_half, lambda: second_half <= 2,
                        form="{:+.1f} MiB"))  # fmt: skip
    if growth.trail is None:
        return [*rows, Row("audit trail of 1,000,000 events", "append ≤ 1.2 × empty, history ≤ 10 ms, 200,000/s")]
    history, most = growth.trail["history_ms"][-1], growth.trail.at[-1]
    on_empty, on_full = growth.append_ms or (nan, nan)
    per_second = nan if growth.verified_per_second is None else growth.verified_per_second
    return [
        *rows,
        row(f"append to {most:,} events", "≤ 1.2 × empty", on_full, lambda: on_full <= 1.2 * on_empty,
            form="{:.2f} ms", floor=on_empty),
        row(f"history of {most:,} events", "≤ 10 ms", history, lambda: history <= 10, form="{:.2f} ms"),
        row(f"verify {most:,} events", "≥ 200,000 events/s of CPU", per_second, lambda: per_second >= 200_000,
            form="{:,.0f}/s of CPU"),
    ]  # fmt: skip
