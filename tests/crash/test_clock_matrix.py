"""The matrix of a clock that is set: by an hour, back or forward, at every boundary of every story of the crash matrix.

The process lives, and what has to be true is what has to be true after a death: nothing untrue, doubled, lost or left
without an answer, and nothing stands still for as long as the clock was set.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.crash.boundaries import Boundary
from tests.crash.scene import Stage
from tests.crash.shares import in_turn, one_in
from tests.crash.stories import STORIES, Story, clock_cell, recorded

EACH = 60
"""Of so many cells one is played in `make test`."""
HOUR = 3600.0
WAYS = (-HOUR, HOUR)
EVERY = 3
"""Of so many boundaries one is passed in `make test-long`, since neighbours are alike to a clock."""
Cells = Iterator[tuple[int, Boundary, float]]


@pytest.fixture
def stage(folder: Path) -> Iterator[Stage]:
    """The servers that all cells of a story share."""
    made = Stage(folder).start()
    try:
        yield made
    finally:
        made.stop()


def play_cells(
    story: Story, stage: Stage, share: Callable[[list[Boundary]], Cells], note: Callable[[str, object], None]
) -> None:
    """Play the cells of a story that belong to the share."""
    found: list[str] = []
    played = 0
    for number, boundary, step in share(recorded(story, stage)):
        wrong = clock_cell(story, stage, boundary, rotate=number, step=step)
        found += [f"{boundary}, {step:+.0f} s: {problem}" for problem in dict.fromkeys(wrong)]
        played += 1
    note("cells", played)
    assert not found, "\n".join([f"{len(found)} problems", *found])


@pytest.mark.parametrize("story", STORIES[::3], ids=lambda story: story.name)
def test_the_clock_is_set_here_and_there(
    story: Story, stage: Stage, record_property: Callable[[str, object], None]
) -> None:
    """One in sixty of the cells below, of every third story, other ones of each."""
    at = STORIES.index(story) * 7
    play_cells(story, stage, lambda boundaries: one_in(EACH, at, boundaries, WAYS), record_property)


@pytest.mark.long
@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_the_clock_is_set_anywhere(story: Story, stage: Stage, record_property: Callable[[str, object], None]) -> None:
    """Wherever in this story the clock is set, everything is true and comes to its end."""
    at = STORIES.index(story)
    play_cells(story, stage, lambda boundaries: in_turn(at, boundaries, WAYS, EVERY), record_property)
