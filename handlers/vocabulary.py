"""The words of the command: subcommands, options, and the words that people type instead. Pure: tables and a distance.

The bot answers a word that is nearly one of these with the word that was probably meant. So a mistyped ``freeze`` is
never taken for a job id, and the bot never acts on a guess.
"""

from __future__ import annotations

import re
import unicodedata
from enum import Enum, auto


class Takes(Enum):
    """What a subcommand accepts behind its name."""

    ANYTHING = auto()  # it is ignored
    NOTHING = auto()
    TEXT = auto()  # to search for: white space inside counts as one space
    REASON = auto()
    JOB = auto()  # or nothing
    JOB_AND_REASON = auto()


DRY_RUN, HELP = "dry-run", "help"

SUBCOMMANDS: dict[str, Takes] = {
    "help": Takes.ANYTHING,
    "history": Takes.JOB,
    "find": Takes.TEXT,
    "open": Takes.NOTHING,
    "whoami": Takes.ANYTHING,
    "freeze": Takes.REASON,
    "unfreeze": Takes.NOTHING,
    "dry-run": Takes.JOB_AND_REASON,
}
READ_ONLY = frozenset({"help", "history", "find", "open", "whoami"})
"""Subcommands that delete nothing in any case, so that their refusals need not say it."""
ALIASES = {"?": "help", "帮助": "help", "search": "find", "list": "open", "status": "open"}
NAMES = {**{name: name for name in SUBCOMMANDS}, **ALIASES}
OPTIONS = {"dry-run": DRY_RUN, "help": HELP, "h": HELP, "?": HELP}

DELETE, CANCEL = "delete", "cancel"
"""Meanings that are not subcommands: an id behind the command's name, and a button of the card."""

MEANT: dict[tuple[str, ...], tuple[str, ...]] = {
    # The meanings, and the words that people type for them. None of these words has an effect.
    (DELETE,): ("delete", "remove", "erase", "destroy", "drop", "purge", "kill", "del", "rm", "删除"),
    (CANCEL,): ("cancel", "undo", "revoke", "取消"),
    ("freeze", CANCEL): ("stop", "halt", "abort", "停止"),
    ("freeze",): ("pause", "block", "frozen", "freezing", "冻结", "暂停"),
    ("unfreeze",): ("un", "thaw", "resume", "continue", "unblock", "unpause", "unfrozen", "解冻", "恢复"),
    (DRY_RUN,): ("dry", "rehearse", "simulate", "preview"),
    ("whoami",): ("who",),
}
SPELLED: dict[str, tuple[str, ...]] = {
    **{word: (name,) for word, name in NAMES.items()},
    **{word: meant for meant, words in MEANT.items() for word in words},
}

EMERGENCY = ("freeze", "unfreeze")
"""Every word that begins with one of these is taken for a misspelling of it."""

MISSING = "there is none"
"""What is wrong with a job id that was not typed."""

HUAWEI_ID = re.compile("[0-9A-Fa-f]{32}|[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
"""The two forms of MetaStudio's ids. Use only with ``fullmatch``."""

LETTERS_OFF = ((6, 2), (4, 1), (0, 0))
"""(length, distance): a word of at least this length may be this many letters off. The first match counts."""


def probably_meant(word: str) -> tuple[str, ...]:
    """The meanings of a word that is, or nearly is, a word of ``SPELLED``. An id of MetaStudio has none."""
    if HUAWEI_ID.fullmatch(word):
        return ()
    seen = as_people_read(word)
    near: dict[int, list[str]] = {}
    for spelled in SPELLED:
        most = next(off for letters, off in LETTERS_OFF if len(spelled) >= letters)
        if abs(len(spelled) - len(seen)) <= most and (off := letters_off(seen, spelled)) <= most:
            near.setdefault(off, []).append(spelled)
    best = near[min(near)] if near else [name for name in EMERGENCY if seen.startswith(name)]
    return tuple(dict.fromkeys(meant for spelled in best for meant in SPELLED[spelled]))


def as_people_read(word: str) -> str:
    """The word without invisible characters, wide letters and case. Use for comparing only."""
    shown = "".join(char for char in word if unicodedata.category(char) not in {"Cf", "Mn"})
    return unicodedata.normalize("NFKC", shown).casefold()


def letters_off(word: str, other: str) -> int:
    """The number of insertions, deletions, replacements and swaps of neighbours between two words."""
    rows = [list(range(len(other) + 1))]
    for i, letter in enumerate(word, 1):
        row = [i]
        for j, wanted in enumerate(other, 1):
            off = min(rows[-1][j] + 1, row[-1] + 1, rows[-1][j - 1] + (letter != wanted))
            if i > 1 and j > 1 and (letter, word[i - 2]) == (other[j - 2], wanted):
                off = min(off, rows[-2][j - 2] + 1)
            row.append(off)
        rows.append(row)
    return rows[-1][-1]
