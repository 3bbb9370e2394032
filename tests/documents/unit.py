"""What systemd makes of the unit: its words, its folders and its environment, below a folder of the test.

Only what the unit uses of systemd.exec is known here: a setting of another form fails. What the hardening does to the
process is left out; tests/real/test_systemd.py shows that.
"""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

from tests.documents.machine import Machine

NAME = "dh-bot.service"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin"
"""What systemd gives a service."""


class Unit:
    """The unit as it is installed on a machine."""

    def __init__(self, machine: Machine) -> None:
        self._m = machine
        path = machine.root / "etc/systemd/system" / NAME
        self.lines = re.findall(r"^([A-Za-z]+)=(.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
        self._state = machine.root / "var/lib"
        self._credentials = machine.root / "run/credentials" / NAME

    def all(self, name: str) -> list[str]:
        """The values of a setting that may be given several times."""
        return [text for key, text in self.lines if key == name]

    def one(self, name: str) -> str:
        """The value of one that is given once."""
        (text,) = self.all(name)
        return self._expanded(text)

    def _expanded(self, text: str) -> str:
        """Paths moved, and specifiers filled in; an unknown one fails."""
        text = self._m.moved(text).replace("%S", str(self._state)).replace("%d", str(self._credentials))
        assert "%" not in text, text
        return text

    def words(self) -> list[str]:
        """What is started."""
        return shlex.split(self.one("ExecStart"))

    def prepare(self) -> Path:
        """Make what systemd makes before a start: the state directory and the credentials. The working folder."""
        (self._state / self.one("StateDirectory")).mkdir(mode=int(self.one("StateDirectoryMode"), 8))
        self._credentials.mkdir(parents=True, mode=0o500)
        for credential in self.all("LoadCredential"):
            name, _, source = credential.partition(":")
            path = Path(self._m.moved(source))
            assert path.stat().st_mode & 0o777 == 0o600, f"{path} can be read by others"
            shutil.copyfile(path, self._credentials / name)
        return Path(self.one("WorkingDirectory"))

    def environ(self) -> dict[str, str]:
        """The environment of the service: that of the file wins, as systemd.exec has it."""
        given = dict(self._expanded(line).split("=", 1) for line in self.all("Environment"))
        text = Path(self.one("EnvironmentFile")).read_text(encoding="utf-8")
        return {"PATH": PATH, **given, **dict(re.findall(r"^([A-Z_]+)=(.*)$", text, re.MULTILINE))}
