"""The image of deploy/Dockerfile, built as it is, on a stand-in for its base; and containers of it.

No registry of images is asked. The base is made with Debian's packages (mmdebstrap) under the name that the Dockerfile
asks for, buildah builds with runc, and runc runs the containers: with a read-only root, no capabilities, no new
privileges and the network of this machine, where the local Slack and MetaStudio are.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.real.debian import CERTIFICATES, debian, pip_settings
from tests.real.parts import need, need_root, run
from tests.support.paths import ROOT

DOCKERFILE = ROOT / "deploy" / "Dockerfile"
STORE = {"STORAGE_DRIVER": "vfs"}
"""The one driver that works inside of a container, too."""
MEBIBYTE = 1024 * 1024
TMP = "/tmp"  # noqa: S108 - a path in the container


@dataclass(frozen=True)
class Image:
    """A built image, its files laid out in a folder."""

    root: Path
    config: Mapping[str, Any]
    size: int
    """Bytes of all files that the Dockerfile adds to its base."""

    @property
    def environ(self) -> dict[str, str]:
        return dict(pair.split("=", 1) for pair in self.config["Env"])


@contextmanager
def built(folder: Path) -> Iterator[Image]:
    """Make the base, build the image on it, and lay its files out."""
    need_root()
    for program, package in (("buildah", "buildah"), ("runc", "runc")):
        need(program, package)
    (base,) = set(re.findall(r"^FROM (\S+)", DOCKERFILE.read_text(encoding="utf-8"), re.MULTILINE))
    store = ("--root", str(folder / "images"), "--runroot", str(folder / "run"))
    _make_base(folder, f"docker.io/library/{base}", store)
    # How this machine reaches Python's packages is its own business, so it is mounted and not built in.
    pip = pip_settings(folder)
    run(
        "buildah", *store, "bud", "--isolation", "oci", "--runtime", "runc", "--format", "docker", "--network", "host",
        "--volume", f"{CERTIFICATES}:{CERTIFICATES}:ro", "--volume", f"{pip}:/etc/pip.conf:ro",
        "--pull-never", "--tag", "dh-bot", "--file", DOCKERFILE, ROOT,
        seconds=900, **STORE,
    )  # fmt: skip
    container = run("buildah", *store, "from", "--pull-never", "dh-bot", **STORE).strip()
    plain = run("buildah", *store, "from", "--pull-never", f"docker.io/library/{base}", **STORE).strip()
    try:
        root, below = (Path(run("buildah", *store, "mount", name, **STORE).strip()) for name in (container, plain))
        described = json.loads(run("buildah", *store, "inspect", "--type", "image", "dh-bot", **STORE))
        added = _added(root, below)
        yield Image(root, described["Docker"]["config"], added)
    finally:
        run("buildah", *store, "rm", "--all", **STORE)
        run("buildah", *store, "rmi", "--all", "--force", **STORE)


def _make_base(folder: Path, name: str, store: Sequence[str]) -> None:
    """A Debian with the Python of this test run's version, as the official image has it: under /usr/local, with pip."""
    archive = folder / "base.tar"
    debian(archive, "python3", "python3-venv", "ca-certificates")
    container = run("buildah", *store, "from", "scratch", **STORE).strip()
    run("buildah", *store, "add", container, archive, "/", **STORE)
    run(
        "buildah", *store, "run", "--isolation", "oci", "--runtime", "runc", "--network", "host", container, "--",
        "python3", "-m", "venv", "/usr/local", **STORE,
    )  # fmt: skip
    run("buildah", *store, "config", "--env", "PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin",
        container, **STORE)  # fmt: skip
    run("buildah", *store, "commit", "--quiet", "--rm", container, name, **STORE)
    archive.unlink()


def _added(root: Path, below: Path) -> int:
    """How many bytes there are in files that the base does not have, or has otherwise."""
    size = 0
    for folder, _, names in os.walk(root):
        for name in names:
            path = Path(folder, name)
            known = below / path.relative_to(root)
            found = path.lstat()
            if not os.path.lexists(known) or known.lstat().st_size != found.st_size:
                size += found.st_size
    return size


class Container:
    """One container of the image, running."""

    def __init__(
        self,
        image: Image,
        folder: Path,
        environ: Mapping[str, str],
        *,
        command: Sequence[str] = (),
        user: tuple[int, int] = (10001, 10001),
        data: Path | None = None,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.name = f"dh-bot-{os.getpid()}-{folder.name}"
        self._folder = folder
        self._config = _bundle(image, environ, (*image.config["Entrypoint"], *(command or image.config["Cmd"])), user)
        if data is not None:
            self._config["mounts"].append(
                {"destination": "/data", "type": "bind", "source": str(data), "options": ["bind", "rw"]}
            )
        (folder / "config.json").write_text(json.dumps(self._config), encoding="utf-8")
        self._log = (folder / "log").open("w", encoding="utf-8")
        self.popen = subprocess.Popen(
            ["runc", "run", "--bundle", str(folder), self.name],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )

    @property
    def log(self) -> str:
        """What it has printed so far."""
        return (self._folder / "log").read_text(encoding="utf-8")

    def wait_for(self, text: str, seconds: float = 60) -> None:
        """Wait until that stands in its log."""
        give_up = time.monotonic() + seconds
        while text not in self.log:
            assert self.popen.poll() is None, f"it ended with {self.popen.returncode}:\n{self.log}"
            assert time.monotonic() < give_up, f"{text!r} did not come:\n{self.log}"
            time.sleep(0.05)

    def inside(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command in it, as `docker exec` does."""
        environ = [word for pair in self._config["process"]["env"] for word in ("--env", pair)]
        words = ["runc", "exec", *environ, "--cwd", "/data", self.name, *command]
        return subprocess.run(words, capture_output=True, text=True, check=False, timeout=120)

    def signal(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Send a signal to process 1 of it, as `docker stop` does."""
        run("runc", "kill", self.name, str(int(number)))

    def wait(self, seconds: float = 70) -> int:
        """The exit status."""
        return self.popen.wait(seconds)

    def remove(self) -> None:
        """End it, if it still runs."""
        if self.popen.poll() is None:
            subprocess.run(["runc", "kill", self.name, "KILL"], check=False, capture_output=True)
            self.popen.wait(30)
        subprocess.run(["runc", "delete", "--force", self.name], check=False, capture_output=True)
        self._log.close()


def _bundle(image: Image, environ: Mapping[str, str], command: Sequence[str], user: tuple[int, int]) -> dict[str, Any]:
    """What runc is told: as `docker run --read-only --cap-drop ALL --security-opt no-new-privileges --network host`."""
    here = {**image.environ, **environ}
    nothing: list[str] = []
    return {
        "ociVersion": "1.0.2",
        "root": {"path": str(image.root), "readonly": True},
        "hostname": "dh-bot",
        "process": {
            "terminal": False,
            "user": {"uid": user[0], "gid": user[1]},
            "args": list(command),
            "env": [f"{name}={text}" for name, text in here.items()],
            "cwd": image.config["WorkingDir"],
            "noNewPrivileges": True,
            "capabilities": dict.fromkeys(("bounding", "effective", "inheritable", "permitted", "ambient"), nothing),
        },
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc"},
            {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"]},
            {"destination": TMP, "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "nodev", "mode=1777"]},
        ],
        "linux": {"namespaces": [{"type": kind} for kind in ("pid", "ipc", "uts", "mount")]},
    }
