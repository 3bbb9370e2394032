"""A machine with nothing on it but Python, make and git, on which somebody types what a page says.

Its home is empty, and `/srv`, `/etc` and `/var/lib` are folders of the test. `docker`, `kubectl`, `systemctl`,
`journalctl` and `pipx` are stood in for by programs that write down what they were told; what that has to be is for the
test to say. pip goes where it goes on the real machine: packages have to come from somewhere.
"""

from __future__ import annotations

import json
import os
import pwd
import re
import shutil
import subprocess
import sys
from abc import ABC, abstractmethod
from pathlib import Path

ABSENT = ("docker", "kubectl", "systemctl", "journalctl", "pipx")
STAND_IN = """\
#!{python} -I
import json, sys
with open({told!r}, "a", encoding="utf-8") as told:
    told.write(json.dumps([{name!r}, *sys.argv[1:]]) + "\\n")
"""


class Shell(ABC):
    """What somebody types on a machine, whose files are in the folder `root`. `typed` is every command that was."""

    def __init__(self, root: Path, home: Path) -> None:
        self.root, self.home = root, home
        self.folder = home
        self.typed: list[str] = []

    @abstractmethod
    def moved(self, text: str) -> str:
        """The same with the absolute paths of that machine, which are below a folder of the test."""

    @abstractmethod
    def words(self, command: str) -> list[str]:
        """What is started on this machine so that the command runs on that one."""

    @abstractmethod
    def environ(self) -> dict[str, str]:
        """What a shell has there."""

    def types(self, command: str, answers: str = "", **more: str) -> str:
        """Type one command, which has to end well; what it printed."""
        self.typed.append(command)
        if command.startswith("cd "):
            self.folder /= self.moved(command.removeprefix("cd "))
            assert self.folder.is_dir()
            return ""
        return self.runs_to_its_end(self.words(command), answers, **more)

    def runs_to_its_end(self, words: list[str], answers: str = "", **more: str) -> str:
        """The same without anybody having read it on the page."""
        done = subprocess.run(  # noqa: S603 - what the page says
            words,
            cwd=self.folder,
            env=self.environ() | more,
            input=answers,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == 0, f"{words}\n{done.stdout}"
        return done.stdout

    def starts(self, command: str, **more: str) -> subprocess.Popen[str]:
        """Type a command that goes on until it is ended, in a process group of its own, as a terminal has it."""
        self.typed.append(command)
        return self.runs(self.words(f"exec {command}"), self.folder, self.environ() | more)

    @staticmethod
    def runs(words: list[str], folder: Path, environ: dict[str, str]) -> subprocess.Popen[str]:
        """A process that nobody typed, such as one that the system starts."""
        return subprocess.Popen(  # noqa: S603 - what the page or the unit says
            words,
            cwd=folder,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )


class Machine(Shell):
    """The machine that is described above."""

    def __init__(self, top: Path) -> None:
        super().__init__(top / "root", top / "home")
        self._programs, self._told = top / "programs", top / "told"
        for folder in (self.root / "etc/systemd/system", self.root / "var/lib", self.home, self._programs):
            folder.mkdir(parents=True)
        self._told.touch()
        for name in ABSENT:
            path = self._programs / name
            path.write_text(STAND_IN.format(python=sys.executable, told=str(self._told), name=name), encoding="utf-8")
            path.chmod(0o755)
        for name in (".config/pip", ".pip"):
            if (_real_home() / name).is_dir():
                shutil.copytree(_real_home() / name, self.home / name)

    def told(self) -> list[list[str]]:
        """What the stand-ins were told since this was asked last: the words of each call."""
        calls = [json.loads(line) for line in self._told.read_text(encoding="utf-8").splitlines()]
        self._told.write_text("", encoding="utf-8")
        return calls

    def moved(self, text: str) -> str:
        """The same with the absolute paths of this machine, which are below a folder of the test."""
        return re.sub(r"/(srv|etc/dh-bot|etc/systemd|var/lib)\b", rf"{self.root}/\1", text)

    def environ(self) -> dict[str, str]:
        """What a shell has here: of the real environment only what tells pip where packages are."""
        pip = {name: text for name, text in os.environ.items() if name.startswith("PIP_")}
        return {
            "PIP_CACHE_DIR": str(_real_home() / ".cache/pip"),
            **pip,
            "PATH": f"{self._programs}:{sys.base_prefix}/bin:{os.defpath}",
            "HOME": str(self.home),
            # `make sandbox` opens a browser, which is not what this is about.
            "BROWSER": "true",
        }

    def words(self, command: str) -> list[str]:
        """In a shell here, with the paths moved: bash, as in a terminal; plain sh has no `read -s`."""
        return ["/bin/bash", "-ec", self.moved(command)]

    def clones(self, command: str, source: Path) -> None:
        """Type the command that clones, with the address put in; what is not committed yet comes along."""
        self.typed.append(command)
        git = ("git", "-c", f"safe.directory={source}")
        command = command.replace("ADDRESS", str(source)).replace("git ", " ".join([*git, ""]), 1)
        self.runs_to_its_end(["/bin/sh", "-ec", command])
        listed = self.runs_to_its_end(
            [*git, "-C", str(source), "ls-files", "--others", "--modified", "--exclude-standard"]
        )
        clone = self.folder / command.split()[-1]
        for name in listed.split("\n"):
            if (source / name).is_file():
                (clone / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source / name, clone / name)


def _real_home() -> Path:
    """That of whoever runs the tests; HOME is another one meanwhile."""
    return Path(pwd.getpwuid(os.getuid()).pw_dir)
