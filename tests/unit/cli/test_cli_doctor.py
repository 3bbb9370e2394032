"""``dh-bot doctor``: colours, and what it says of wrong settings. What it checks: tests/flow/test_doctor.py."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.paths import ROOT

RED = "\x1b[31m"


def at_a_terminal(folder: Path, **environ: str) -> str:
    """What doctor prints at a terminal, in a folder without settings."""
    ours, its = os.openpty()
    done = subprocess.Popen(
        [sys.executable, "-m", "bot", "doctor"],
        cwd=folder,
        env={"PATH": os.defpath, "PYTHONPATH": str(ROOT), "TERM": "xterm", **environ},
        stdin=subprocess.DEVNULL,
        stdout=its,
        stderr=its,
    )
    os.close(its)
    said = b""
    try:
        while read := os.read(ours, 4096):
            said += read
    except OSError:  # Linux's way to say that the other end is closed
        pass
    os.close(ours)
    assert done.wait(60) == 2
    return said.decode()


def in_a_pipe(folder: Path, **environ: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "bot", "doctor"],
        cwd=folder,
        env={"PATH": os.defpath, "PYTHONPATH": str(ROOT), "TERM": "xterm", **environ},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr == ""
    return done.stdout


def test_it_is_in_colour_at_a_terminal(tmp_path: Path) -> None:
    """What is wrong in red, in its line and in the last one."""
    *lines, last = at_a_terminal(tmp_path).splitlines()
    assert lines[0] == "Checking …"
    assert lines[1].startswith(f"{RED}wrong")
    assert last.startswith(f"{RED}4 wrong")


@pytest.mark.parametrize("environ", [{"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=str)
def test_colours_can_be_switched_off(tmp_path: Path, environ: dict[str, str]) -> None:
    """By the variable that many programs obey; a terminal that has none gets none."""
    assert "\x1b" not in at_a_terminal(tmp_path, **environ)


def test_there_is_no_colour_in_a_pipe(tmp_path: Path) -> None:
    """Nor a word about progress. What is wrong comes first, and one line says that nothing else was checked."""
    lines = in_a_pipe(tmp_path).splitlines()
    assert "\x1b" not in "".join(lines)
    assert [line.partition(" ")[0] for line in lines] == ["wrong"] * 4 + ["not", "note", "4"]
    assert lines[4].endswith("Nothing else was checked, and no service was called. First correct the settings.")
    assert lines[5].endswith("in this folder: go to the one that has it, or name it with --env-file.")
    assert lines[-1] == "4 wrong, 1 not checked"


def test_a_name_without_effect_is_a_note_beside_wrong_settings(tmp_path: Path) -> None:
    """It may be the name under which the missing setting stands."""
    (tmp_path / ".env").write_text("MY_BOT_TOKEN=x\n", encoding="utf-8")
    assert "note         settings: MY_BOT_TOKEN in .env is not a setting of dh-bot" in in_a_pipe(tmp_path)
