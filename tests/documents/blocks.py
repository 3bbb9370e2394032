"""What is written about the bot, taken apart: the fenced blocks of each page, and the commands in them."""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

from tests.support.paths import ROOT

PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *(ROOT / ".github").rglob("*.md")])
FENCED = re.compile(r"^( *)```([^\n]*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
"""Also those that stand in a list, and are indented for it."""


@dataclass(frozen=True)
class Block:
    """One fenced block: where it stands, its info string, and its lines without the indentation of a list."""

    page: str
    info: str
    text: str

    @property
    def name(self) -> tuple[str, str]:
        """The page and the first line, which is how the tables of tests name it."""
        return self.page, self.text.splitlines()[0]

    @property
    def commands(self) -> list[str]:
        """Its commands, one a line: continued lines joined, without comments. A loop is one command."""
        text = re.sub(r"\s+#.*$", "", self.text, flags=re.MULTILINE).replace("\\\n", " ")
        found = re.findall(r"(?s:^for .*?^done$)|^\S.*$", text, re.MULTILINE)
        return [re.sub(r" {2,}", " ", command) for command in found]


def blocks(path: Path) -> list[Block]:
    """The blocks of one page, in order."""
    page = str(path.relative_to(ROOT))
    found = FENCED.findall(path.read_text(encoding="utf-8"))
    return [Block(page, info, textwrap.dedent(text)) for _, info, text in found]


def in_sentences(path: Path) -> list[str]:
    """What a page sets as code within its sentences, in order."""
    prose = FENCED.sub("", path.read_text(encoding="utf-8"))
    return [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", prose)]
