"""The floors of the benchmark: they make the calls that they stand for, and nothing cheaper is known."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import measuring
from benchmarks.arena import FLOOR_5, FLOOR_12, OURS, Arena, Way
from benchmarks.measuring import Figures, Pace

FIVE = ["GET job", "chat.postMessage", "GET job", "DELETE job", "chat.postMessage"]


def counted(way: Way, folder: Path) -> Figures:
    """The calls and connections of a few deletions."""
    arena, figures = Arena(way, folder), Figures()
    arena.start()
    measuring.warm_up({arena: figures}, Pace(warm_up=3, counted=4))
    measuring.end(arena, figures)
    return figures


@pytest.mark.parametrize("tls", [False, True])
def test_floor_5(tmp_path: Path, tls: bool) -> None:  # noqa: FBT001 - a parameter
    """Five calls, on connections that stay open, and one connection for the DELETE."""
    found = counted(Way(FLOOR_5, tls=tls), tmp_path)
    assert found.on_the_way == FIVE
    assert sum(found.calls.values()) == 5
    # The next flow begins when the outcome stands in the thread, which may be before its post was answered. So one
    # connection more may be needed once; without keeping them each deletion would open four.
    assert sum(found.opened.values()) < 1
    assert found.deletes == {1: 7}
    assert found.violations == []


def without_look_ups(figures: Figures) -> dict[str, float]:
    """How many there are depends on how long ago the last ones were."""
    return {name: number for name, number in figures.calls.items() if not name.endswith(".info")}


@pytest.mark.long
def test_floor_12(tmp_path: Path) -> None:
    """The calls of dh-bot for one deletion, all of them, by name and number; no more look-ups; connections are kept."""
    found, ours = counted(Way(FLOOR_12), tmp_path / "floor"), counted(Way(OURS), tmp_path / "ours")
    assert found.on_the_way == FIVE
    assert without_look_ups(found) == without_look_ups(ours)
    assert sum(without_look_ups(found).values()) == 12
    assert sum(found.calls.values()) <= sum(ours.calls.values())
    assert sum(found.opened.values()) < 1
    assert found.violations == []
