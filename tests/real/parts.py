"""Real parts from Debian's packages, and what is done where one of them is not on this machine.

`.ci/run` installs them. Where Debian's archive itself did not answer, it says so once and sets
``DHBOT_PARTS_UNREACHABLE``; then, and on a developer's machine, the tests of a missing part are skipped with the name
of its package. Otherwise a part that is missing in CI is a failure.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SYSTEM = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"))
"""Debian keeps servers where a plain user's PATH does not look."""


def need(program: str, package: str) -> str:
    """The path of a program of that Debian package."""
    found = shutil.which(program, path=SYSTEM)
    if found is not None:
        return found
    missing = f"{program} is not on this machine; Debian's package {package} has it"
    if os.environ.get("CI") and not os.environ.get("DHBOT_PARTS_UNREACHABLE"):
        pytest.fail(missing)
    pytest.skip(missing)


def need_root() -> None:
    """Containers and network namespaces are made by root."""
    if os.geteuid() != 0:
        pytest.skip("this test makes containers or network namespaces, which takes root")


def run(*command: str | Path, cwd: Path | None = None, seconds: float = 300, **environ: str) -> str:
    """Run a command to its end; what it printed. A failure shows all of it."""
    words = [str(word) for word in command]
    done = subprocess.run(
        words, cwd=cwd, env={**os.environ, **environ}, capture_output=True, text=True, check=False, timeout=seconds
    )
    assert done.returncode == 0, f"{words} ended with {done.returncode}:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout
