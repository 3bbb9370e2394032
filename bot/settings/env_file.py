"""Reads ``.env`` and secret files literally: no value is expanded, and none is cut silently.

python-dotenv parses the lines. Comparing a value with the text of its line shows what the parser would drop.
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
    """One ``NAME=value``; ``loses`` is the rule by which the parser changed the value, or empty."""

    name: str
    text: str
    line: int
    loses: str


def without_line_end(text: str) -> str:
    """The text without one final line end, which editors and ``echo`` add."""
    return re.sub(r"(?:\r\n|\n|\r)\Z", "", text)


def secret(path: Path) -> str:
    """The value in a secret file, without byte order mark, final line end and a pair of quotation marks.

    Raises the errors of ``lines``.
    """
    text = without_line_end(path.read_text(encoding="utf-8-sig"))
    pair = PAIR.fullmatch(text.strip(" \t\r\n"))
    return pair[2] if pair else text


def is_open_to_others(path: Path) -> bool:
    """Whether other users may read or change this file. False for a file that this user does not own.

    A file that a container mounts usually has another owner and is read-only.
    """
    try:
        found = path.stat()
    except OSError:
        return False
    return stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid() and bool(found.st_mode & 0o077)


def lines(path: Path) -> Iterator[Written | int]:
    """Each value of the file, and the number of each line that cannot be parsed.

    Raises FileNotFoundError, or another OSError or a ValueError if the file is no readable text in UTF-8.
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
        # The parser starts a comment at any white space, also at a no-break space that belongs to a password.
        return LOSES_REST
    quote = written[0]
    inner = quoted[1] if quote == "'" else quoted[2]
    # A backslash is needed before a quotation mark inside the value, so there it is no loss.
    return "" if inner.replace(f"\\{quote}", quote) == value else LOSES_BACKSLASH
