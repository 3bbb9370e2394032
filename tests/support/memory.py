"""A folder in this machine's memory: what is written there is not waited for, and none of it outlives the machine."""

from __future__ import annotations

import shutil
from pathlib import Path


def in_memory(room: int) -> str | None:
    """Where to make a folder for so many bytes, or None where there is no room for them."""
    shared = Path("/dev/shm")  # noqa: S108 - not for a name that could be guessed: mkdtemp makes a folder in it.
    return str(shared) if shared.is_dir() and shutil.disk_usage(shared).free > room else None
