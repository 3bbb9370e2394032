"""A Debian of the release that this machine has, from Debian's archive, and how pip works in it."""

from __future__ import annotations

import re
from pathlib import Path

from tests.real.parts import need, run

CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"


def debian(target: Path, *packages: str) -> None:
    """Make it as a folder, or as an archive where the name says so, with these packages and what they need."""
    need("mmdebstrap", "mmdebstrap")
    run(
        "mmdebstrap", "--variant=minbase", f"--include={','.join(packages)}", "--mode=root",
        _release(), target, *_debian_sources(), seconds=900,
    )  # fmt: skip


def pip_settings(folder: Path) -> Path:
    """Write what pip has to know there to reach Python's packages as this machine does."""
    path = folder / "pip.conf"
    path.write_text(f"[global]\ncert = {CERTIFICATES}\n", encoding="utf-8")
    return path


def _release() -> str:
    found = re.search(r"^VERSION_CODENAME=(\w+)", Path("/etc/os-release").read_text(encoding="utf-8"), re.MULTILINE)
    assert found, "this machine does not say which Debian it is"
    return found[1]


def _debian_sources() -> list[Path]:
    """Where this machine gets Debian's packages from."""
    folder = Path("/etc/apt/sources.list.d")
    found = [path for path in (folder / "debian.sources", Path("/etc/apt/sources.list")) if path.exists()]
    assert found, "this machine does not say where Debian's packages come from"
    return found[:1]
