"""A dump of the bot's memory would hold its tokens and keys: it forbids one before it reads any of them."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from bot.cli.main import main
from tests.support.paths import ROOT

CRASH = """
import faulthandler, os, sys
from bot.cli import main
from bot.cli.shared import WrongSettings

def crash(*_):
    os.abort()

main.load_settings = crash
main.main(["run"])
"""


@pytest.mark.parametrize("command", ["run", "doctor", "audit verify", "db status"])
def test_every_command_forbids_it_first(command: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Soft and hard limit, whatever they were, before anything else is done."""
    monkeypatch.chdir(tmp_path)
    done: list[object] = []
    monkeypatch.setattr(resource, "setrlimit", lambda what, limits: done.append((what, limits)))
    main([*command.split(), "--env-file", "missing"])
    main([*command.split(), "--no-such-option"])
    main(command.split())
    assert set(done) == {(resource.RLIMIT_CORE, (0, 0))}


def test_a_crash_leaves_no_dump(tmp_path: Path) -> None:
    """A real process that allowed one, and aborts where the settings are read."""

    def allow() -> None:
        _, hard = resource.getrlimit(resource.RLIMIT_CORE)
        resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))

    done = subprocess.run(  # noqa: S603 - our own words; nothing runs between fork and exec but this.
        [sys.executable, "-c", CRASH],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT)},
        preexec_fn=allow,
        capture_output=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == -6, done.stderr
    assert list(tmp_path.iterdir()) == []
