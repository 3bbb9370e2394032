"""Reads ``.env`` and secret files as they are written: nothing is replaced in a value, and nothing cut off in silence.

python-dotenv takes the lines apart. What its rules would take away from a value is found by comparing the value with
the text of its line.
"""

from __future__ import annotations

import io
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from dotenv.parser import Binding, parse_stream

QUOTED = re.compile(r"'((?:\\.|[^'\\])*)'|\"((?:\\.|[^\"\\])*)\"", re.DOTALL)
PAIR = re.compile(r"(?s)(['\"])(.*)\1")

IS_CUT = (
    "would lose a part of its value: without quotation marks, a # behind white space begins a comment, and white space "
    "other than plain spaces around a value is cut off"
)
LOSES_BACKSLASH = "would lose a backslash that stands within its quotation marks"
LOSES_REST = "would lose what stands right behind its closing quotation mark"
REMEDIES = {
    IS_CUT: "Put quotation marks around the value, or a comment on a line of its own.",
    LOSES_BACKSLASH: "Leave the quotation marks out.",
    LOSES_REST: "Write a backslash before a quotation mark that belongs to the value, and a space before a comment.",
}


class Written(NamedTuple):
    """One ``NAME=value``; ``loses`` is the rule by which the value would not be what is written, or empty."""

    name: str
    text: str
    line: int
    loses: str


def without_line_end(text: str) -> str:
    """A text without one final line end, which editors and ``echo`` put there."""
    return re.sub(r"(?:\r\n|\n|\r)\Z", "", text)


def secret(path: Path) -> str:
    """The one value that a file holds, without byte order mark, final line end and a pair of quotation marks.

    Raises like ``lines``.
    """
    text = without_line_end(path.read_text(encoding="utf-8-sig"))
    pair = PAIR.fullmatch(text.strip(" \t\r\n"))
    return pair[2] if pair else text


def is_open_to_others(path: Path) -> bool:
    """Whether others than its owner may read or change this file, where that is this user's to mend.

    What a container mounts belongs to somebody else, as a rule, and is read-only.
    """
    try:
        found = path.stat()
    except OSError:
        return False
    return stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid() and bool(found.st_mode & 0o077)


def lines(path: Path) -> Iterator[Written | int]:
    """Each value of the file, and for each line that is none its number.

    Raises FileNotFoundError, or another OSError or a ValueError where it cannot be read as text in UTF-8.
    """
    content = path.read_text(encoding="utf-8-sig")
    for binding in parse_stream(io.StringIO(content)):
        string = binding.original.string
        line = binding.original.line + string[: len(string) - len(string.lstrip())].count("\n")
        if binding.error or (binding.key is not None and binding.value is None):
            yield line
        elif binding.key is not None and binding.value is not None:
            yield Written(binding.key, binding.value, line, _loses(binding, binding.value))


def _loses(binding: Binding, value: str) -> str:
    written = binding.original.string.partition("=")[2].strip(" \t\r\n\f\v")
    quoted = QUOTED.match(written)
    if quoted is None:
        return "" if written == value else IS_CUT
    rest = written[quoted.end() :]
    if rest and re.match(r"[ \t]+#", rest) is None:
        # To the parser every kind of white space begins a comment, also a no-break space that belongs to a password.
        return LOSES_REST
    quote = written[0]
    inner = quoted[1] if quote == "'" else quoted[2]
    # Before the quotation mark itself a backslash is the only way to write that mark.
    return "" if inner.replace(f"\\{quote}", quote) == value else LOSES_BACKSLASH
