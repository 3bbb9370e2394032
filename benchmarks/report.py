"""A run as tables and curves: for the terminal, and as the page of docs/."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from math import isnan
from pathlib import Path

from benchmarks import goals
from benchmarks.arena import FLOOR_5, FLOOR_12, OURS, TUTORIAL, Way
from benchmarks.bots.counting import LOOKS
from benchmarks.goals import Row
from benchmarks.growing import Curve, Growth
from benchmarks.measuring import Figures, middle, p99

TITLES = {
    "memory_mib": "memory, MiB", "threads": "threads", "file_mib": "ledger file, MiB", "append_ms": "append, ms",
    "history_ms": "history, ms", "home_ms": "what Home shows, ms", "story_ms": "the story of one deletion, ms",
    "to_outcome_ms": "press to outcome, ms", "list_ms": "the list, ms", "idle_cpu_percent": "CPU while idle, %",
    "find_ms": "find without MetaStudio, ms", "metastudio_ms": "MetaStudio (ours, played), ms",
}  # fmt: skip


@dataclass
class Run:
    """All figures of one run."""

    began: datetime
    figures: dict[Way, Figures] = field(default_factory=dict)
    growth: Growth = field(default_factory=Growth)
    profile: dict[str, tuple[float, float]] = field(default_factory=dict)
    """CPU in milliseconds, and calls, of each part of dh-bot for one deletion."""
    ledger: dict[str, float] = field(default_factory=dict)
    """Transactions that write, by name, and looks for one deletion of dh-bot."""
    minutes: float = 0.0

    def of(self, program: str, **way: bool) -> Figures:
        """The figures of one bot; empty if it did not run."""
        return self.figures.get(Way(program, **way), Figures())


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table with aligned columns, readable in a terminal as well."""
    lines = [list(head), *(list(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |"

    return "\n".join([line(lines[0]), line(["-" * width for width in widths]), *map(line, lines[1:])])


def number(value: float, form: str) -> str:
    """A figure, or a dash if there is none."""
    return "–" if isnan(value) else form.format(value)


def goal_rows(run: Run) -> list[tuple[str, list[Row]]]:
    """Every goal with its row, by part."""
    ours, five, twelve = run.of(OURS), run.of(FLOOR_5), run.of(FLOOR_12)
    on_postgresql = run.of(OURS, postgresql=True)
    tls, five_tls, twelve_tls = run.of(OURS, tls=True), run.of(FLOOR_5, tls=True), run.of(FLOOR_12, tls=True)
    on_postgresql_tls = run.of(OURS, tls=True, postgresql=True)
    far, five_far = run.of(OURS, tls=True, far=True), run.of(FLOOR_5, tls=True, far=True)
    return [
        ("Plain", [*goals.of_acks(ours, five), goals.of_the_outcome(ours, five, 4), *goals.of_the_load(ours, twelve)]),
        ("PostgreSQL", [goals.of_the_outcome(on_postgresql, five, 8), *goals.of_the_load_on_postgresql(on_postgresql)]),
        ("TLS", [*goals.of_acks(tls, five_tls), goals.of_the_outcome(tls, five_tls, 4)]),
        ("TLS", [*goals.of_the_load(tls, twelve_tls), goals.over_tls(tls, run.of(TUTORIAL, tls=True))]),
        ("TLS, PostgreSQL", [goals.of_the_outcome(on_postgresql_tls, five_tls, 8)]),
        ("TLS, 100 ms away", goals.from_afar(far, five_far)),
        ("Many at once", goals.of_a_burst(ours)),
        ("One deletion", [*goals.of_one_deletion(ours), *goals.of_the_ledger(run.ledger)]),
        ("One deletion", [goals.of_connections(ours, twelve)]),
        ("Many jobs", [goals.MANY_JOBS]),
        ("The process", goals.of_the_process(ours, five)),
        ("Growth", goals.of_growth(run.growth)),
    ]


def goals_table(run: Run) -> str:
    """The goals table."""
    rows = [
        (f"{part}: {row.what}", row.goal, row.floor, row.ours, row.verdict)
        for part, rows in goal_rows(run)
        for row in rows
    ]
    return table(("what", "goal", "floor or other", "dh-bot", "verdict"), rows)


def missed(run: Run) -> list[str]:
    """The goals that were missed, in plain words."""
    return [
        f"{part}, {row.what}: {row.ours} instead of {row.goal}{f' (there {row.floor})' if row.floor else ''}."
        for part, rows in goal_rows(run)
        for row in rows
        if row.is_met is False
    ]


def bots_table(run: Run) -> str:
    """Every bot in every way, one line each."""
    lines = []
    for way, found in run.figures.items():
        acks, burst = found.singly.acks, found.burst
        lines.append(
            (
                str(way),
                number(middle(acks), "{:.2f}"),
                number(p99(acks), "{:.2f}") if acks else "–",
                number(middle(found.singly.to_card), "{:.1f}"),
                number(middle(found.singly.to_outcome), "{:.1f}"),
                number(middle(found.together.per_second), "{:.1f}"),
                number(middle(found.together.cpu_ms), "{:.1f}"),
                number(100 * middle(found.together.load_share), "{:.0f} %"),
                number(1000 * middle(found.starts), "{:.0f}"),
                number(middle(found.idle_mib), "{:.0f}"),
                f"{sum(found.opened.values()):.1f}" if found.opened else "–",
                "–" if burst is None else f"{p99(burst.acks) if burst.acks else float('nan'):.2f}",
                "–" if burst is None else f"{burst.late_or_lost}",
                "–" if burst is None else f"{burst.finished}/{burst.asked}",
            )
        )
    head = (
        "bot", "ack ms", "99 %", "to card ms", "to outcome ms", "per second", "CPU ms", "load side", "start ms", "MiB",
        "connections", "burst ack 99 % s", "late or lost", "finished",
    )  # fmt: skip
    return table(head, lines)


def calls_text(run: Run) -> str:
    """The calls of one deletion."""
    lines = []
    for program in (FLOOR_5, FLOOR_12, OURS):
        found = run.of(program)
        if not found.calls:
            continue
        in_background = f"; in the background {', '.join(found.in_background)}" if found.in_background else ""
        before = f"{', '.join(found.on_the_way)}{in_background}"
        in_all = ", ".join(f"{name} {times:.1f}" for name, times in found.calls.items())
        lines.append(
            f"- {Way(program)}: before the outcome {before}. In all {sum(found.calls.values()):.1f}: {in_all}."
        )
    return "\n".join(lines)


def ledger_table(run: Run) -> str:
    """The transactions and looks of one deletion of dh-bot."""
    names = sorted(run.ledger, key=lambda name: (name == LOOKS, name))
    return table(("transaction that writes", "times"), [(name, f"{run.ledger[name]:.1f}") for name in names])


def profile_table(run: Run) -> str:
    """Where the CPU of one deletion goes, the costliest part first."""
    whole = run.profile.get("all", (0.0, 0.0))[0]
    parts = {name: found for name, found in run.profile.items() if name != "all"}
    parts["everything else: workers, threads, the socket"] = (whole - sum(cpu for cpu, _ in parts.values()), 0.0)
    ranked = sorted(parts.items(), key=lambda part: -part[1][0])
    rows = [
        (name, f"{cpu:.1f}", f"{cpu / whole:.0%}", f"{calls:.1f}" if calls else "") for name, (cpu, calls) in ranked
    ]
    return table(("part", "CPU ms", "share", "times"), [*rows, ("all", f"{whole:.1f}", "100%", "")])


def curve_table(curve: Curve) -> str:
    """The points of a curve."""
    names = list(curve.values)
    rows = [(f"{place:,}", *(f"{curve[name][index]:.2f}" for name in names)) for index, place in enumerate(curve.at)]
    return table((curve.along, *(TITLES[name] for name in names)), rows)


def curves(growth: Growth) -> Mapping[str, Curve]:
    """The curves that were measured, by the names of their plots."""
    found = {"flows": growth.flows, "trail": growth.trail, "open": growth.open, "jobs": growth.jobs}
    return {name: curve for name, curve in found.items() if curve is not None}


def plot(curve: Curve, file: Path) -> None:
    """A curve as SVG, one panel for each quantity, since their units differ."""
    # Imported late: it takes a second to load, and only a run that writes a page needs it.
    import matplotlib as mpl  # noqa: PLC0415

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = file.name
    from matplotlib import pyplot as plt  # noqa: PLC0415

    names = list(curve.values)
    figure, panels = plt.subplots(1, len(names), figsize=(3.4 * len(names), 2.8), squeeze=False, layout="constrained")
    for panel, name in zip(panels[0], names, strict=True):
        panel.plot(curve.at, curve[name], marker="o", markersize=3, color="#1264a3")
        panel.set_title(TITLES[name], fontsize=10)
        panel.set_xlabel(curve.along, fontsize=9)
        panel.set_ylim(bottom=0, top=1.15 * max(*curve[name], 0.01))
        panel.tick_params(labelsize=8)
        panel.grid(alpha=0.3)
    figure.savefig(file, metadata={"Date": None})
    plt.close(figure)


def machine() -> str:
    """The machine and the versions that the figures depend on."""
    cpu = next(
        (line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), "unknown"
    )
    memory = next((int(line.split()[1]) / 2**20 for line in _lines("/proc/meminfo") if line.startswith("MemTotal")), 0)
    return (
        f"{os.cpu_count()} cores ({cpu}), {memory:.0f} GiB, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}"
    )


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(encoding="utf-8").splitlines()
    except OSError:
        return []


def revision() -> str:
    """The commit that was measured."""
    git = shutil.which("git")
    if git is None:
        return "unknown"
    command = [git, "rev-parse", "--short", "HEAD"]
    found = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parent)  # noqa: S603
    return found.stdout.strip() or "unknown"


def terminal(run: Run) -> str:
    """The text that `make bench` prints at the end."""
    parts = [
        f"{run.began:%Y-%m-%d %H:%M} UTC, {run.minutes:.0f} minutes, {machine()}",
        bots_table(run),
        calls_text(run),
        goals_table(run),
        *([ledger_table(run)] if run.ledger else ()),
        *([profile_table(run)] if run.profile else ()),
        *(curve_table(curve) for curve in curves(run.growth).values()),
        "Not reached:\n" + "\n".join(f"- {one}" for one in missed(run))
        if missed(run)
        else "Every goal measured was reached.",
    ]
    return "\n\n".join(parts)


BEGIN, END = "<!-- measured -->", "<!-- end of what was measured -->"


def write_page(run: Run, page: Path) -> None:
    """Write the tables and plots of this run into the page, between its two marks."""
    pictures = page.parent / "pictures"
    text = page.read_text(encoding="utf-8")
    before, after = text.partition(BEGIN)[0], text.partition(END)[2]
    parts = [
        f"One run at commit `{revision()}`, {run.began:%Y-%m-%d}, {run.minutes:.0f} minutes on {machine()}.",
        "## The goals", goals_table(run),
        *(("Not reached:", "\n".join(f"- {one}" for one in missed(run))) if missed(run) else ()),
        "## The bots", bots_table(run), calls_text(run),
        *(("## What a deletion writes and looks up", ledger_table(run)) if run.ledger else ()),
        *(("## Where the CPU of a deletion goes", profile_table(run)) if run.profile else ()),
        "## What grows",
    ]  # fmt: skip
    for name, curve in curves(run.growth).items():
        plot(curve, pictures / f"growth-{name}.svg")
        titles = ", ".join(TITLES[each] for each in curve.values)
        parts += [f"![{titles}, along {curve.along}](pictures/growth-{name}.svg)", curve_table(curve)]
    page.write_text(f"{before}{BEGIN}\n\n" + "\n\n".join(parts) + f"\n\n{END}{after}", encoding="utf-8")
