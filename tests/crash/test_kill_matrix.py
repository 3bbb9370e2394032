"""A real process, really killed: `dh-bot run` gets SIGKILL once at each kind of boundary of the crash matrix.

The boundaries are those that the stories pass, each by its name once. At a call of Slack or a request to MetaStudio the
sandbox kills the process; at a commit of the ledger the process kills itself. What follows is the same as in the
matrix: a new one starts on the same file, people go on, and the same has to be true.
"""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bot.domain.events import Kind
from sandbox.slack.invocation import COMMAND
from tests.crash.boundaries import Boundary, Died, Life
from tests.crash.scene import Stage
from tests.crash.stories import STORIES, Story, recorded
from tests.crash.truth import problems
from tests.flow.process import Process
from tests.support.ledger_files import folder_in_memory

ENTRY = """
import os, signal, sys
from pathlib import Path
import bot.app
from bot.cli.main import main

when, name, armed = sys.argv[1:]
open_ledger = bot.app.open_ledger

def doomed(*args, **options):
    ledger = open_ledger(*args, **options)
    def hook(passing):
        if passing == name and Path(armed).exists():
            os.kill(os.getpid(), signal.SIGKILL)
    setattr(ledger, f"{when}_commit", hook)
    return ledger

bot.app.open_ledger = doomed
main(["run"])
"""
"""`dh-bot run`, but that it kills itself at a transaction once the file `armed` is there."""

QUICK = {"SETTLE_AFTER_SECONDS": "6"}
QUICK_TO_EXPIRE = {"CONFIRM_WITHIN_SECONDS": "3"}
PASSED_ONCE = {"ledger log_cursor", "ledger follow_clock"}
"""What a process passes once, as soon as it starts."""
OUT_OF_REACH = "closed by hand"
"""What takes a day of the real time."""
DIES_WITHIN = 75.0
"""Seconds. The slowest worker, which tells the head once a day, looks once a minute."""

pytestmark = pytest.mark.long


@dataclass
class RealLife(Life):
    """A process that is one. The sandbox tells where it passes, but for its ledger."""

    popen: subprocess.Popen[str] | None = None

    def passes(self, when: str, name: str, end: type[BaseException] = Died) -> None:
        try:
            super().passes(when, name, end)
        except end:
            if self.popen is not None:
                self.popen.kill()
                self.popen.wait()
            raise

    def has_ended(self) -> bool:
        self.dead = self.dead or (self.popen is not None and self.popen.poll() is not None)
        return self.dead


def start(stage: Stage, boundary: Boundary) -> tuple[RealLife, Process, Path]:
    """Start a process that ends at the boundary: of the ledger, once the file that is returned is there."""
    armed = stage.folder / "armed"
    where, _, name = boundary.name.partition(" ")
    # What a process owes it does as soon as it starts, so its end is known before it is there.
    life = RealLife(stage.life.number + 1, ends_at=None if where == "ledger" else boundary)
    stage.life, stage.in_process = life, False
    command = [sys.executable, "-c", ENTRY, boundary.when, name if where == "ledger" else "", str(armed)]
    popen = subprocess.Popen

    def start_doomed(_: object, **how: Any) -> subprocess.Popen[str]:
        life.popen = popen(command, **how)
        return life.popen

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(subprocess, "Popen", start_doomed)
        process = Process(stage)
    return life, process, armed


def play_until_killed(story: Story, stage: Stage, boundary: Boundary) -> None:
    """The story, in real time, up to the kill."""
    if story.died_at is not None:
        stage.live(story.died_at)
        with pytest.raises(Died):
            story.play(stage)
        stage.bury()
        (stage.folder / "armed").touch()
    if boundary.name in PASSED_ONCE:
        (stage.folder / "armed").touch()
    life, process, armed = start(stage, boundary)
    if story.died_at is None:
        if "ledger lease_" not in boundary.name:
            armed.touch()
        story.ask(stage)
        stage.slack.wait_for(lambda: life.has_ended() or stage.card_with("dh_confirm") or story.ends_without_card, 20)
        armed.touch()
        if not life.has_ended() and stage.card_with("dh_confirm"):
            story.act(stage)
    process.wait(DIES_WITHIN)
    life.dead = True


def note_who_was_noted(stage: Stage) -> None:
    """Mark what was cut off before the bot could note that somebody waits for an answer."""
    noted = Counter((event.kind, event.actor.user) for event in (r.event for r in stage.trail()) if event.actor)
    for done in stage.done:
        who = (Kind.COMMAND if done.invocation.kind == COMMAND else Kind.CLICK, done.invocation.user)
        done.unnoted = noted[who] == 0
        noted[who] -= 1


def killed(story: Story, stage: Stage, boundary: Boundary) -> list[str]:
    """Kill it there, start again, and see what is wrong then and in the end."""
    stage.new_cell(story.settings | QUICK | (QUICK_TO_EXPIRE if story.name == "expired" else {}))
    stage.clock.run()
    story.prepare(stage)
    play_until_killed(story, stage, boundary)
    stage.clock.hold()
    stage.in_process = True
    stage.live()
    note_who_was_noted(stage)
    stage.settle()
    found = problems(stage)
    story.go_on(stage)
    return [*found, *problems(stage), *story.is_over(stage)]


@pytest.fixture(scope="module")
def kinds() -> dict[str, list[Boundary]]:
    """Each kind of boundary with the first story that passes it."""
    found: dict[str, list[Boundary]] = {}
    seen: set[tuple[str, str]] = set()
    with folder_in_memory() as folder:
        stage = Stage(folder).start()
        for story in STORIES:
            passed = {(b.when, b.name): None for b in recorded(story, stage) if OUT_OF_REACH not in b.name}
            found[story.name] = [Boundary(when, name, 1) for when, name in passed if (when, name) not in seen]
            seen |= passed.keys()
        stage.stop()
    return found


@pytest.fixture
def stage(folder: Path) -> Iterator[Stage]:
    """The servers that all cells of a story share."""
    made = Stage(folder).start()
    try:
        yield made
    finally:
        for process in made.processes:
            if process.popen.poll() is None:
                process.kill()
        made.stop()


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_killed(
    story: Story, stage: Stage, kinds: dict[str, list[Boundary]], record_property: Callable[[str, object], None]
) -> None:
    """Killed at each kind of boundary that this story is the first to pass: the same is true as in the matrix."""
    found = [
        f"{boundary}: {problem}"
        for boundary in kinds[story.name]
        for problem in dict.fromkeys(killed(story, stage, boundary))
    ]
    record_property("kills", len(kinds[story.name]))
    assert not found, "\n".join([f"{len(found)} problems", *found])
