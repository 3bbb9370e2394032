"""Which unit tests `make quick` runs: those of the rooms that changed, or all of them where that cannot be said.

What counts is what `git` knows as changed since the last commit that main has too, and what it does not know yet.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from tests.support.paths import ROOT

UNIT = "tests/unit"
REPOSITORY = f"{UNIT}/repository"
"""Holds documents, tables and code in step, so every change needs it."""


def folders(changed: Iterable[str]) -> list[str]:
    """The folders of tests for these paths; that of all unit tests where a path belongs to no room or to several."""
    paths = list(changed)
    found = {REPOSITORY}
    for path in paths:
        match Path(path).parts:
            case ("bot", room, _, *_) | ("tests", "unit", room, _, *_):
                folder = f"{UNIT}/{room}"
            case ("handlers", *_):
                folder = f"{UNIT}/handlers"
            case ("docs" | "deploy" | ".github" | ".ci" | "benchmarks" | "sandbox", *_) | (_,):
                folder = REPOSITORY
            case ("tests", room, _, *_) if room != "support":
                folder = REPOSITORY
            case _:
                return [UNIT]
        # A room without a folder of tests, such as doctor/, is tested by what has one.
        found.add(folder if (ROOT / folder).is_dir() else UNIT)
    return [UNIT] if UNIT in found or not paths else sorted(found)


def changed_paths() -> list[str]:
    """What has changed. Raises ``CalledProcessError`` outside a git repository."""

    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603, S607

    base = "HEAD"
    if git("branch", "--list", "main"):
        base = git("merge-base", "HEAD", "main")
    return [
        *git("diff", "--name-only", base).splitlines(),
        *git("ls-files", "--others", "--exclude-standard").splitlines(),
    ]


if __name__ == "__main__":
    print(*folders(changed_paths()))
    sys.exit(0)
