"""The grammar of the command: parses the text behind its name. Pure.

    typed  = {option} ( subcommand {option} argument | id {id | option} [reason] )
    option = dashes of any kind and number, and a name of ``OPTIONS``; dashes alone begin the reason

White space of any kind separates words; before the reason, commas and semicolons do as well. The bot never repairs a
job id: a word that is no id is refused with the rule that it breaks. ``handlers.vocabulary`` has the words.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from string import hexdigits

from bot.domain.model import JOB_ID_PATTERN, REASON_LIMIT, JobId
from bot.domain.refusals import Reason
from handlers.vocabulary import (
    DELETE,
    DRY_RUN,
    HELP,
    HUAWEI_ID,
    MISSING,
    NAMES,
    OPTIONS,
    SUBCOMMANDS,
    Takes,
    as_people_read,
    probably_meant,
)

SPACES = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f"
    "\u205f\u3000"
)
"""Unicode's White_Space. Other control characters and zero-width characters are not in it."""
MARKS = ",;，；、"
SEPARATORS = SPACES + MARKS
COLONS = (":", "：")
DASHES = (
    "-\u058a\u05be\u1806\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u2e3a\u2e3b\u301c\u3030\ufe31\ufe32\ufe58\ufe63"
    "\uff0d"
)
"""Every dash begins an option: phones turn two hyphens into one dash, and keyboards have several dashes."""
FORMATTING = (("`", "`"), ('"', '"'), ("'", "'"), ("*", "*"), ("<", ">"), ("“”„", "“”"), ("‘’‚", "‘’"))
"""Characters that may open and close the one pair around a word; the pair is not part of the word."""

DASH_LOOK_ALIKES = DASHES + "\u02d7\u2043\u2500\u2501\u2796\u2e40\u30fc\u4e00"
"""Taken for a dash only in order to refuse: a minus of another script, the lines of boxes, 一 and ー."""

_OPENING = DASHES + "".join(opens for opens, _ in FORMATTING)
_WORD = re.compile(f"[^{SEPARATORS}]+")
_GLUED = re.compile(f"[{MARKS}]+([^{SEPARATORS}]+)")
_ENTITY = re.compile("&(amp|lt|gt);")
_DECODED = {"amp": "&", "lt": "<", "gt": ">"}

NEARLY_AS_LONG_AS_AN_ID = range(30, 41)
"""MetaStudio's ids have 32 characters, or 36 with hyphens."""
LEAST_HEX_DIGITS = 24
"""A word of such a length with this many hexadecimal digits is nearly an id; an id has 32."""
QUESTION_MARK = "?"
"""The one mark that is a word of its own: it asks for help."""

NO_JOB = JobId("")
NEARLY = "it is nearly one of Huawei's (put `--` before it if it is the reason)"
OPTIONS_COME_FIRST = "An option stands before the reason; a reason that contains one begins with `--` and a space"


@dataclass(frozen=True, slots=True)
class Command:
    """A valid command. ``name`` is one of ``SUBCOMMANDS``, or ``DELETE`` for an id alone."""

    name: str
    job_id: JobId = NO_JOB
    text: str = ""
    """The reason, or the text to search for; Slack's entities are decoded."""


@dataclass(frozen=True, slots=True)
class UsageError:
    """The input breaks a rule. Only its length is kept, since the input may contain a secret."""

    rule: Reason
    length: int
    detail: str = ""
    meant: tuple[str, ...] = ()
    """What was probably meant: subcommands, ``DELETE`` or ``CANCEL``."""
    subcommand: str = ""
    """The subcommand that was typed, if one was."""


class _BrokenRule(Exception):
    """Ends the parsing of a line; ``parse`` returns it as a ``UsageError``."""

    def __init__(self, rule: Reason, detail: str = "", meant: tuple[str, ...] = ()) -> None:
        super().__init__(rule)
        self.rule, self.detail, self.meant = rule, detail, meant


def parse(text: str, *, reason_required: bool = False) -> Command | UsageError:
    """Parse the text behind the command's name. An empty text means ``help``. Never raises."""
    line = _Line(decoded(text))
    try:
        line.read_name()
        return _command(line, reason_required=reason_required)
    except _BrokenRule as broken:
        return UsageError(broken.rule, len(text), broken.detail, broken.meant, line.subcommand)


def decoded(text: str) -> str:
    """The text with Slack's three entities decoded, once: ``&amp;lt;`` becomes ``&lt;``."""
    return _ENTITY.sub(lambda entity: _DECODED[entity[1]], text)


def _command(line: _Line, *, reason_required: bool) -> Command:
    name = line.subcommand or (HELP if line.is_empty else DELETE)
    takes = SUBCOMMANDS.get(name, Takes.JOB_AND_REASON)
    ids = line.read_job_ids() if takes in {Takes.JOB, Takes.JOB_AND_REASON} else []
    if HELP in line.options or name == HELP:
        return Command(HELP)
    if unknown := line.options - {HELP, DRY_RUN}:
        raise AssertionError(f"options that nothing is done about: {unknown}")
    if DRY_RUN in line.options:
        if takes is not Takes.JOB_AND_REASON:
            raise _BrokenRule(Reason.MISPLACED_OPTION, f"`--dry-run` goes with a job id, not with `{name}`")
        line.subcommand = name = DRY_RUN
    if takes is Takes.JOB_AND_REASON and not ids:
        raise _BrokenRule(Reason.BAD_JOB_ID, broken_rule(""))
    if len(ids) > 1:
        raise _BrokenRule(Reason.ONE_JOB_AT_A_TIME)
    text = _argument(line, takes)
    if takes is Takes.JOB_AND_REASON and reason_required and not text:
        raise _BrokenRule(Reason.REASON_MISSING)
    return Command(name, JobId(ids[0]) if ids else NO_JOB, text)


def _argument(line: _Line, takes: Takes) -> str:
    """The text behind the options and ids; raises if it is not allowed there."""
    rest = line.rest()
    if takes is Takes.ANYTHING:
        return ""
    if takes is Takes.TEXT:
        return " ".join(re.findall(f"[^{SPACES}]+", bare(rest)))
    if takes in {Takes.NOTHING, Takes.JOB} and rest:
        raise _BrokenRule(Reason.UNEXPECTED_TEXT, str(len(rest)))
    if takes is Takes.JOB_AND_REASON and not line.is_ended and any(map(_asks_like_an_option, _WORD.findall(rest))):
        raise _BrokenRule(Reason.MISPLACED_OPTION, OPTIONS_COME_FIRST)
    if takes is Takes.JOB_AND_REASON and (asked := _asked_for("-".join(_WORD.findall(rest)))):
        # Dashes and a space begin the reason, but the person may have meant an option.
        raise _BrokenRule(Reason.NEAR_MISS, meant=(asked,))
    if len(rest) > REASON_LIMIT:
        raise _BrokenRule(Reason.REASON_TOO_LONG)
    return rest


class _Line:
    """A decoded line, read from left to right."""

    def __init__(self, text: str) -> None:
        self._text, self._at = text, 0
        self.options: set[str] = set()
        self.subcommand = ""
        self.is_ended = False
        """Whether dashes alone were read; the rest of the line is the reason."""

    def read_name(self) -> None:
        """Read the subcommand, if there is one, and the options around it."""
        self._read_options()
        head, length = _head(self._word())
        self.subcommand = _name(head)
        if self.subcommand:
            self._pass(length)
            self._read_options()

    @property
    def is_empty(self) -> bool:
        """Whether the line is empty."""
        return not (self._word() or self.options or self.is_ended)

    def read_job_ids(self) -> list[str]:
        """Read up to the reason: job ids, options, and ``help`` or ``dry-run`` without dashes."""
        found: list[str] = []
        while word := self._word():
            head, length = _head(word)
            if (asked := _name(head)) in {HELP, DRY_RUN}:
                self.options.add(asked)
                self._pass(length)
            elif not found or HUAWEI_ID.fullmatch(bare(word)):
                found.append(_job_id(word, self._glued_to(word)))
                self._pass(len(word))
            else:
                self._check_that_the_reason_may_begin(word)
                break
            self._read_options()
        return found

    def rest(self) -> str:
        """The rest of the line, not read yet."""
        text = self._text[self._at :].strip(SPACES)
        return text if self.is_ended else text.lstrip(SEPARATORS)

    def _check_that_the_reason_may_begin(self, word: str) -> None:
        """Refuse a reason that begins with a word that people read as an id, as ``dry-run`` or as ``help``."""
        words = _WORD.findall(self.rest())
        # Skip words of marks alone, for example the & between two ids.
        read = next((each for each in words if _core(each)), word)
        core = _core(read)
        if HUAWEI_ID.fullmatch(core) and read.isascii():
            raise _BrokenRule(Reason.ONE_JOB_AT_A_TIME)
        if HUAWEI_ID.fullmatch(core) or _is_like_an_id(core):
            raise _BrokenRule(
                Reason.BAD_JOB_ID, NEARLY if JOB_ID_PATTERN.fullmatch(bare(read)) else broken_rule(bare(read))
            )
        asked = _asked_for(word) or _asked_for("-".join(words[:2])) or ("" if words[1:] else _nearly_asked_for(core))
        if asked:
            raise _BrokenRule(Reason.NEAR_MISS, meant=(asked,))

    def _glued_to(self, word: str) -> str:
        """The text glued to the next word; "" if the word is an id of MetaStudio, or if the glued text is one.

        Every other id ends at white space, so ``1;DROP`` is not an id.
        """
        start = self._text.index(word, self._at)
        glued = _GLUED.match(self._text, start + len(word))
        if not glued or HUAWEI_ID.fullmatch(bare(word)) or HUAWEI_ID.fullmatch(bare(glued[1])):
            return ""
        return glued[0]

    def _word(self) -> str:
        found = None if self.is_ended else _WORD.search(self._text, self._at)
        return found[0] if found else ""

    def _pass(self, length: int) -> None:
        found = _WORD.search(self._text, self._at)
        self._at = (found.start() if found else len(self._text)) + length

    def _read_options(self) -> None:
        while _is_dashed(word := self._word()):
            head, length = _head(word)
            if name := head.lstrip(DASHES):
                if name.lower() not in OPTIONS:
                    raise _BrokenRule(Reason.UNKNOWN_OPTION, meant=probably_meant(name))
                self.options.add(OPTIONS[name.lower()])
            self._pass(length)
            self.is_ended = not name


def bare(word: str) -> str:
    """The word without one pair of formatting around it: ``*job-1*`` becomes ``job-1``, and ``**a**`` ``*a*``."""
    is_pair = len(word) > 1 and any(word[0] in opens and word[-1] in closes for opens, closes in FORMATTING)
    return word[1:-1] if is_pair else word


def _head(word: str) -> tuple[str, int]:
    """The word up to its first colon, without formatting; and the length of that in the line, with the colon.

    ``job-1:late`` becomes ``job-1`` and 6; ``*help:*`` becomes ``help`` and 7.
    """
    if (inner := bare(word)) != word:
        return inner[:-1] if inner.endswith(COLONS) else inner, len(word)
    at = min((word.find(colon) for colon in COLONS if colon in word), default=len(word))
    return bare(word[:at]), min(at + 1, len(word))


def _name(head: str) -> str:
    """The subcommand of that name, or "": ``Search`` becomes ``find``, and ``job-1`` "".

    Only ASCII is lowered: casefold() turns other letters into ASCII ones.
    """
    return NAMES.get(head.lower() if head.isascii() else head, "")


def _job_id(word: str, glued: str) -> str:
    """The word with the text glued to it, if that is a job id and nothing else was meant; else raises.

    ``*job-1*`` becomes ``job-1``; ``job-1`` with ``;x`` raises, and so does ``freze``.
    """
    if meant := probably_meant(_head(word)[0]):
        raise _BrokenRule(Reason.NEAR_MISS, meant=meant)
    job_id = bare(word) + glued
    if not JOB_ID_PATTERN.fullmatch(job_id):
        raise _BrokenRule(Reason.BAD_JOB_ID, broken_rule(job_id))
    return job_id


def _is_dashed(word: str) -> bool:
    """Whether people see a dash at its beginning, even behind one half of a pair of formatting, as in ``"—help``."""
    seen = as_people_read(word)
    return any(dash in seen[: len(seen) - len(seen.lstrip(_OPENING))] for dash in DASHES)


def _core(word: str) -> str:
    """The word as people read it, with plain hyphens and without the marks around it. Use for refusing only.

    ``(—Dry–Run!)`` becomes ``dry-run``. Marks alone become "", or ``?`` if one of them is a question mark.
    """
    seen = "".join("-" if char in DASHES else char for char in as_people_read(word))
    begins = next((at for at, char in enumerate(seen) if char.isalnum() and char not in DASH_LOOK_ALIKES), len(seen))
    ends = max((at for at, char in enumerate(seen) if char.isalnum()), default=-1) + 1
    return seen[begins:ends] or (QUESTION_MARK if QUESTION_MARK in seen else "")


def _asked_for(word: str) -> str:
    """``HELP`` or ``DRY_RUN`` if the word, or words joined by dashes, ask for it in any spelling of dashes; else "".

    ``dry__run`` and ``dryrun`` become ``dry-run``, since a word close to it asks for a dry run. ``?`` becomes ``help``.
    A word close to *help* becomes "": *held* may begin a reason.
    """
    core = _core(word)
    if core != QUESTION_MARK:
        core = re.sub(r"[\W_]+", "-", core)
    if NAMES.get(core) in {HELP, DRY_RUN}:
        return NAMES[core]
    return DRY_RUN if DRY_RUN in probably_meant(core) else ""


def _nearly_asked_for(core: str) -> str:
    """``HELP`` or ``DRY_RUN`` if the core is close to it, else "": ``helpp`` becomes ``help``."""
    return next((name for name in probably_meant(core) if name in {HELP, DRY_RUN}), "")


def _is_like_an_id(core: str) -> bool:
    """Whether it is nearly an id of MetaStudio: a character lost, added, or of another alphabet."""
    return len(core) in NEARLY_AS_LONG_AS_AN_ID and sum(char in hexdigits for char in core) >= LEAST_HEX_DIGITS


def _asks_like_an_option(word: str) -> bool:
    """Whether a word of a reason looks like a known option, as ``(--dry-run)`` does."""
    core = _core(word)
    before = as_people_read(word).partition(core)[0] if core else ""
    is_dashed = any(dash in before for dash in DASH_LOOK_ALIKES)
    return is_dashed and (core in OPTIONS or bool(_asked_for(word) or _nearly_asked_for(core)))


def broken_rule(word: str) -> str:
    """The part of the rule that a mistyped job id breaks, without repeating any of the id."""
    if not word:
        return MISSING
    if any(colon in word for colon in COLONS):
        return "it contains a colon (put a space between an id and its reason)"
    if not word.isascii():
        return "it contains a character outside ASCII (perhaps an invisible space or a look-alike letter)"
    if any(not char.isprintable() for char in word):
        return "it contains a control character"
    if not all(char.isalnum() or char in "_-" for char in word):
        return "it contains a character other than letters, digits, hyphen and underscore"
    if not word[0].isalnum():
        return "it does not begin with a letter or a digit"
    return "it is longer than 64 characters"
