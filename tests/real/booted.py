"""A Debian of its own that is booted by its own systemd: systemd-nspawn starts it, and it has this machine's network.

So the local Slack and MetaStudio are on its loopback, too. Nothing of the unit is stood in for: PID 1 is systemd.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.documents.blocks import ROOT
from tests.documents.machine import Shell
from tests.real.debian import CERTIFICATES, debian, pip_settings
from tests.real.parts import need, need_root, run
from tests.support.memory import in_memory

UP_WITHIN = 60.0
ROOM = 2 * 2**30
CGROUPS = Path("/sys/fs/cgroup")
ENVIRON = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LANG": "C.UTF-8"}
"""What root's shell has there."""


class Booted(Shell):
    """The machine, its files in the folder `root`; what is typed there is typed by root, beside a clone."""

    def __init__(self, root: Path, leader: int) -> None:
        super().__init__(root, root / "root")
        self._leader = leader

    def moved(self, text: str) -> str:
        """A path of that machine, as it is on this one."""
        return f"{self.root}{text}" if text.startswith("/") else text

    def words(self, command: str) -> list[str]:
        """As `docker exec` does it."""
        folder = f"/{self.folder.relative_to(self.root)}"
        namespaces = ("--mount", "--uts", "--ipc", "--pid", "--cgroup")
        enter = ("nsenter", f"--target={self._leader}", *namespaces, "--root", f"--wdns={folder}")
        return [*enter, "/bin/bash", "-ec", command]

    def environ(self) -> dict[str, str]:
        return dict(ENVIRON)

    def asks(self, command: str) -> str:
        """What a command says that is on no page, however it ends."""
        done = subprocess.run(  # the test's own words
            self.words(command), cwd="/", env=self.environ(), capture_output=True, text=True, check=False, timeout=120
        )
        return done.stdout


@contextmanager
def booted() -> Iterator[Booted]:
    """Make it, with a clone in root's home; boot it, and power it off. Its files are gone then."""
    need_root()
    nspawn = need("systemd-nspawn", "systemd-container")
    top = Path(tempfile.mkdtemp(prefix="dhbot-machine-", dir=in_memory(ROOM)))
    root = top / "root"
    try:
        debian(root, "systemd", "systemd-sysv", "dbus", "python3", "python3-venv", "ca-certificates")
        shutil.copy(pip_settings(top), root / "etc/pip.conf")
        _clone(root / "root/dh-bot")
        with _powered(nspawn, root, top / "console") as leader:
            made = Booted(root, leader)
            give_up = time.monotonic() + UP_WITHIN
            while (state := made.asks("systemctl is-system-running").strip()) != "running":
                assert state in {"", "offline", "initializing", "starting"}, made.asks("systemctl --failed")
                assert time.monotonic() < give_up, state
                time.sleep(0.1)
            made.folder = root / "root/dh-bot"
            yield made
    finally:
        shutil.rmtree(top, ignore_errors=True)


@contextmanager
def _powered(nspawn: str, root: Path, log: Path) -> Iterator[int]:
    """Run it, and power it off at the end; its PID 1, as it is called on this machine."""
    name = f"dhbot{os.getpid()}"
    with _cgroup(name) as joined, log.open("w", encoding="utf-8") as console:
        machine = subprocess.Popen(
            ["/bin/sh", "-ec", f'{joined} exec "$@"', "sh", nspawn, "--boot", f"--directory={root}",
             f"--machine={name}", "--register=no", "--keep-unit", "--console=pipe", "--settings=no",
             "--timezone=off", "--resolv-conf=copy-host", f"--bind-ro={CERTIFICATES}"],
            stdin=subprocess.DEVNULL, stdout=console, stderr=console,
        )  # fmt: skip
        try:
            yield _leader(machine, log)
        finally:
            machine.terminate()
            try:
                machine.wait(90)
            finally:
                machine.kill()
                machine.wait()


def _clone(target: Path) -> None:
    """The files that a clone has, and those that are not committed yet."""
    git = ("git", "-c", f"safe.directory={ROOT}", "-C", ROOT)
    for name in run(*git, "ls-files", "--cached", "--others", "--exclude-standard").splitlines():
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)


def _leader(machine: subprocess.Popen[bytes], console: Path) -> int:
    """PID 1 of the machine, as it is called on this one."""
    give_up = time.monotonic() + UP_WITHIN
    while time.monotonic() < give_up:
        assert machine.poll() is None, console.read_text(encoding="utf-8")
        children = Path(f"/proc/{machine.pid}/task/{machine.pid}/children").read_text(encoding="ascii").split()
        for child in children:
            with suppress(FileNotFoundError, ProcessLookupError):
                if Path(f"/proc/{child}/comm").read_text(encoding="utf-8").strip() == "systemd":
                    return int(child)
        time.sleep(0.05)
    raise AssertionError(console.read_text(encoding="utf-8"))


@contextmanager
def _cgroup(name: str) -> Iterator[str]:
    """Groups of its own in the hierarchies that systemd uses, so that all that it makes there can go; how to join."""
    known = dict(line.split(":")[1:] for line in Path("/proc/self/cgroup").read_text(encoding="ascii").splitlines())
    mounts = {
        "": CGROUPS / "unified" if (CGROUPS / "unified").is_dir() else CGROUPS,
        "name=systemd": CGROUPS / "systemd",
    }
    made = [mounts[kind] / known[kind].strip("/") / name for kind in mounts if kind in known]
    for path in made:
        path.mkdir()
    try:
        yield "".join(f"echo $$ > {path}/cgroup.procs; " for path in made)
    finally:
        for path in made:
            for below in sorted(path.rglob("*/"), reverse=True):
                below.rmdir()
            path.rmdir()
