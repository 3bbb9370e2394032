"""The crash matrix, generated: the bot dies at every boundary of every story, and is started again.

A story is played once and its boundaries are written down: before and after every commit of the ledger, every request
to MetaStudio and every call of Slack. Then it is played once more for each of them, up to there. The process dies, a
new one starts on the same ledger file, with the same Slack and the same MetaStudio, and people go on.

In every cell: what was said was true when it was said, at most one DELETE per confirmed deletion can have arrived,
everyone was answered, the trail is complete and verifies, and nothing is left over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.crash.boundaries import Boundary
from tests.crash.scene import Stage
from tests.crash.shares import in_turn, one_in
from tests.crash.stories import STORIES, Story, cell, recorded

EACH = 40
"""Of so many cells one is played in `make test`."""


@pytest.fixture
def stage(folder: Path) -> Iterator[Stage]:
    """The servers that all cells of a story share."""
    made = Stage(folder).start()
    try:
        yield made
    finally:
        made.stop()


WAYS = (False, True)
"""Whether people press at once what there is to press, or wait until the new process has found its feet."""
Cells = Iterator[tuple[int, Boundary, bool]]


def play_cells(
    story: Story, stage: Stage, share: Callable[[list[Boundary]], Cells], note: Callable[[str, object], None]
) -> None:
    """Play the cells of a story that belong to the share, and say how many there were."""
    boundaries = recorded(story, stage)
    found: list[str] = []
    played = strays = unnoted = 0
    for number, boundary, at_once in share(boundaries):
        wrong = cell(story, stage, boundary, rotate=number, at_once=at_once)
        if wrong is None:
            continue
        found += [f"{boundary}{', at once' if at_once else ''}: {problem}" for problem in dict.fromkeys(wrong)]
        played += 1
        strays += stage.strays
        unnoted += any(done.unnoted for done in stage.done)
    note("cells", played)
    note("boundaries", len(boundaries))
    note("cells in which a card stayed that the ledger does not know of", strays)
    note("cells in which the bot died before it could note who waits", unnoted)
    assert not found, "\n".join([f"{len(found)} problems", *found])


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_died_here_and_there(story: Story, stage: Stage, record_property: Callable[[str, object], None]) -> None:
    """One in forty of the cells below, other ones of each story."""
    at = STORIES.index(story)
    play_cells(story, stage, lambda boundaries: one_in(EACH, at, boundaries, WAYS), record_property)


@pytest.mark.long
@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_died_anywhere(story: Story, stage: Stage, record_property: Callable[[str, object], None]) -> None:
    """Wherever the bot dies in this story, nothing is untrue, doubled, lost or left without an answer."""
    at = STORIES.index(story)
    play_cells(story, stage, lambda boundaries: in_turn(at, boundaries, WAYS), record_property)
