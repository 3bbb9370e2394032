"""The first change of CONTRIBUTING, made in a copy of the tree as the page says: each step shows what it promises."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.documents.blocks import ROOT, blocks, in_sentences

GUIDE = ROOT / ".github" / "CONTRIBUTING.md"
COPIED = ("bot", "docs", "handlers", "sandbox", "tests", "pyproject.toml")
OF_THIS_RUN = ("PYTEST", "PYTHON", "COV")


class Tree:
    """The copy."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        for name in COPIED:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, folder)

    def write(self, path: str, text: str) -> None:
        """A new file."""
        assert not (self._folder / path).exists(), path
        (self._folder / path).write_text(text, encoding="utf-8")

    def put(self, path: str, after: str, text: str) -> None:
        """Put a text behind the one place with this one."""
        file = self._folder / path
        before, found, behind = file.read_text(encoding="utf-8").partition(after)
        assert found, f"{after} is not in {path}"
        file.write_text(f"{before}{found}{text}{behind}", encoding="utf-8")

    def passes(self, path: str) -> bool:
        """Whether the tests of this file pass; that they run at all is another matter."""
        environ = {name: text for name, text in os.environ.items() if not name.startswith(OF_THIS_RUN)}
        command = [sys.executable, "-m", "pytest", path, "-q", "-p", "no:cacheprovider", "-p", "no:randomly"]
        done = subprocess.run(  # noqa: S603 - our own words
            command, cwd=self._folder, env=environ, capture_output=True, text=True, check=False, timeout=300
        )
        assert done.returncode in {0, 1}, done.stdout + done.stderr
        return done.returncode == 0


@pytest.mark.long
def test_the_first_change_of_contributing_is_made(tmp_path: Path) -> None:
    """The code of the page, where the page puts it: its test fails before and passes after, as do those it names."""
    promise, code = (block.text for block in blocks(GUIDE) if block.info == "python")
    (entry,) = [span for span in in_sentences(GUIDE) if span.startswith('"version": lambda')]
    (name,) = re.findall(r"^def (\w+)\(", code, re.MULTILINE)
    tree = Tree(tmp_path)

    tree.write("tests/flow/test_version.py", promise)
    assert not tree.passes("tests/flow/test_version.py")

    tree.put("tests/unit/handlers/test_grammar.py", "NAMES = {", '"version", ')
    assert not tree.passes("tests/unit/handlers/test_grammar.py")
    tree.put("handlers/vocabulary.py", "SUBCOMMANDS: dict[str, Takes] = {\n", '    "version": Takes.NOTHING,\n')
    assert tree.passes("tests/unit/handlers/test_grammar.py")

    tree.write("handlers/subcommands/version.py", code)
    tables = "handlers/subcommands/__init__.py"
    tree.put(tables, "import open_ones\n", f"from handlers.subcommands.version import {name}\n")
    tree.put(tables, "AT_ONCE: dict[str, Callable[[Dispatcher], str]] = {\n", f"    {entry}\n")
    assert tree.passes("tests/flow/test_version.py")

    line = '    ("version", "says which version of the bot answers."),\n'
    tree.put("handlers/subcommands/help.py", '"says what you may do here, and by which rule."),\n', line)
    assert tree.passes("tests/unit/handlers/test_views_refusals.py")
