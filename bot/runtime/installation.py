"""How this copy of the bot was installed, for hints on what to install more."""

from __future__ import annotations

import re
import sys
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

OF_PIPX = "pipx_metadata.json"
"""The file that pipx keeps in each of its environments."""
PACKAGE = "dh-bot"


def how_to_add(extra: str) -> str:
    """The command that adds the packages of an extra to this installation."""
    environment = Path(sys.prefix)
    if not (environment / OF_PIPX).exists():
        return f'pip install ".[{extra}]"'
    packages = " ".join(f'"{package}"' for package in _packages(extra))
    # The bot is in no registry, so pipx can only be given what the extra names, or the clone.
    return f"pipx inject {environment.name} {packages}" if packages else f'pipx install --force ".[{extra}]"'


def _packages(extra: str) -> list[str]:
    try:
        found = requires(PACKAGE) or []
    except PackageNotFoundError:
        return []
    marked = (re.fullmatch(rf"([^;]+?)\s*;\s*extra == [\"']{extra}[\"']", text) for text in found)
    return [match[1] for match in marked if match]
