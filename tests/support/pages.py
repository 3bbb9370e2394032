"""A page of the repository, taken apart: its blocks, its sections, and the tables in them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tests.support.paths import ROOT

FENCED = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Page:
    """One Markdown file, by its path below the root."""

    def __init__(self, path: str) -> None:
        self.path = ROOT / path
        self.text = self.path.read_text(encoding="utf-8")
        self.prose = FENCED.sub("", self.text)
        self.spans = re.findall(r"`([^`\n]+)`", self.prose)
        """What its sentences set as code."""

    def block(self, info: str) -> str:
        """The one code block with this info string."""
        (found,) = [text for marked, text in FENCED.findall(self.text) if marked == info]
        return str(found)

    def code_lines(self) -> Iterator[str]:
        """Everything that it sets as code, line by line; what it shows of Slack is not something to type."""
        for info, text in FENCED.findall(self.text):
            if not info.startswith("text"):
                yield from text.splitlines()
        yield from self.spans

    def section(self, title: str) -> str:
        """The text below a heading, up to the next heading of any level."""
        return self.text.split(f"# {title}\n", maxsplit=1)[1].split("\n#", maxsplit=1)[0]

    def rows(self, title: str) -> list[list[str]]:
        """The cells of the table below a heading, without its head."""
        lines = [line for line in self.section(title).splitlines() if line.startswith("|")]
        return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def make_targets() -> list[str]:
    """What `make help` lists."""
    return re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
