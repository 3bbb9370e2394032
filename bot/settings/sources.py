"""Sources of settings: the environment, ``.env``, and for secrets a file named by ``NAME_FILE``.

The texts are only gathered here; ``bot.settings.forms`` parses them, ``bot.settings.checks`` compares them. Problems
are collected and not raised, so that one message can name all of them. Facts to know, such as which of two texts holds,
become notices. Neither ever contains a text.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from bot.settings import env_file as settings_env_file
from bot.settings.env_file import REMEDIES, Written, without_line_end
from bot.settings.forms import IS_PATH, LEAVE_OUT, Problem
from bot.settings.names import WITHOUT, nearest

ALTERNATIVES = {"HUAWEICLOUD_SDK_AK": "CLOUD_SDK_AK", "HUAWEICLOUD_SDK_SK": "CLOUD_SDK_SK", "HTTP_PORT": "PORT"}
"""Fallback names: those of Huawei's sample code, and of most hosting platforms."""

ASSIGNED = re.compile(r"(?m)^[ \t]*(?:export[ \t]+)?([A-Z_]+)[ \t]*=")
"""The name that a line would set outside quotation marks."""

KEY_PAIR = ("HUAWEICLOUD_SDK_AK", "HUAWEICLOUD_SDK_SK")

NONE = "none"
COMMENT = r"\s#"
MAY_BE_NONE = frozenset(
    {
        *("AUTHORIZED_USERS", "AUTHORIZED_USERGROUPS", "AUTHORIZED_CHANNELS", "SECOND_PERSON_STATES", "FREEZE_BY"),
        *("AUDIT_CHANNEL", "HELP_CONTACT", "ENVIRONMENT_LABEL", "OPS_PORT", "CA_BUNDLE", "METASTUDIO_PROXY"),
        *("METASTUDIO_ENDPOINT", "IAM_ENDPOINT", "METASTUDIO_APP_USER_ID", "HUAWEICLOUD_SDK_SECURITY_TOKEN"),
    }
)
"""Settings that the word ``none`` unsets, since an empty variable does not hide a value in ``.env``. The other settings
have a word for their default (``requester``, ``false``, a number), or are required."""

AS_WRITTEN = frozenset({"IAM_PASSWORD"})
"""Settings whose leading and trailing spaces belong to the value. All others are stripped."""

PROXIES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY")
"""Variables from which libraries read a proxy, whose address may contain a password. In any case of letters, since
``urllib`` accepts ``Https_Proxy`` too."""
FOR_LIBRARIES = (*PROXIES, "NO_PROXY")
"""Variables that libraries read from the environment only, in any case of letters."""
WITH_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/].*", re.DOTALL)
"""A proxy's address with its scheme. urllib accepts ``proxy:3128`` too, but the WebSocket client does not."""

FILE = "_FILE"
ABSENT, EMPTY, SET, SAME, OTHER = "absent", "empty", "set", "same", "other"
EMPTY_VARIABLE = "is empty in the environment, which sets nothing"

HOLDS: Mapping[tuple[str, str], tuple[str | None, str]] = {
    # (in the environment, in .env): which of the two holds, and the notice about it.
    (ABSENT, ABSENT): (None, ""),
    (ABSENT, EMPTY): (None, "is empty in {file}, which sets nothing"),
    (ABSENT, SET): ("file", ""),
    (EMPTY, ABSENT): (None, EMPTY_VARIABLE),
    (EMPTY, EMPTY): (None, EMPTY_VARIABLE),
    (EMPTY, SET): ("file", "is empty in the environment, so the value in {file} holds"),
    (SET, ABSENT): ("environment", ""),
    (SET, EMPTY): ("environment", "is empty in {file}, so the value in the environment holds"),
    (SET, SAME): ("environment", ""),
    (SET, OTHER): ("environment", "differs between the environment and {file}; the value in the environment holds"),
}


class Notice(NamedTuple):
    """A fact about the source of a setting; ``says`` continues a sentence that begins with the setting's name."""

    setting: str
    says: str

    def __str__(self) -> str:
        return f"{self.setting} {self.says}."


def which_holds(in_environment: str | None, in_file: str | None) -> tuple[str | None, str]:
    """The row of ``HOLDS`` for two texts; None is an absent name."""
    first, second = (ABSENT if text is None else SET if text.strip() else EMPTY for text in (in_environment, in_file))
    if (first, second) == (SET, SET):
        second = SAME if (in_environment or "").strip() == (in_file or "").strip() else OTHER
    return HOLDS[first, second]


class Surroundings(PydanticBaseSettingsSource):
    """The texts of all settings, by the names of the fields, and the problems of gathering them.

    ``secrets`` are the names that may come from a file. An empty text counts as not set, as in compose files.
    """

    def __init__(
        self,
        settings_cls: type[BaseSettings],
        environ: Mapping[str, str],
        env_file: Path | None,
        secrets: Collection[str],
    ) -> None:
        super().__init__(settings_cls)
        self.problems: list[Problem] = []
        self.notices: list[Notice] = []
        self.meant: dict[str, str] = {}
        self.names = [name.upper() for name in settings_cls.model_fields]
        self.secrets = {*secrets, *(other for name, other in ALTERNATIVES.items() if name in secrets)}
        self.known = frozenset((*self.names, *ALTERNATIVES.values(), *(name + FILE for name in self.secrets)))
        self.environ = environ
        self.env_file = env_file
        written = list(self._env_file(env_file)) if env_file is not None else []
        self.of_file = tuple(self.problems)
        self._check_file(written)
        self.in_file = {one.name: one.text for one in written if not (one.loses and one.name in self.known)}
        self.found = dict(self._combined())
        self.for_libraries = dict(self._for_libraries())
        self.written_as: dict[str, str] = {}
        self.texts = dict(self._gather())
        self.problems += self._misspelt()

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:  # noqa: ARG002 - pydantic's signature
        """One setting, for pydantic."""
        return self.texts.get(field_name.upper()), field_name, False

    def __call__(self) -> dict[str, Any]:
        return {name.lower(): text for name, text in self.texts.items()}

    def concerns(self, found: Problem | Notice, settings: Collection[str]) -> bool:
        """Whether it is about one of these settings, by its name, its ``NAME_FILE``, or a misspelt name."""
        return self.meant.get(found.setting, found.setting).removesuffix(FILE) in settings

    def notes(self, only: Collection[str]) -> tuple[str, ...]:
        """The notices as sentences; with ``only``, those about these settings."""
        return tuple(str(notice) for notice in self.notices if not only or self.concerns(notice, only))

    def better_remedy(self, problem: Problem) -> Problem:
        """The problem, with a remedy for the value's source, and for a setting that may be unset."""
        if problem.setting in self.known and re.search(COMMENT, self.environ.get(problem.setting, "")):
            return problem._replace(remedy="Take the # and what follows it away: Docker's --env-file keeps comments.")
        if problem.rule == IS_PATH and problem.setting in self.secrets:
            return problem._replace(remedy=f"Write it into {problem.setting}{FILE} instead.")
        if problem.setting in MAY_BE_NONE and problem.remedy == LEAVE_OUT:
            return problem._replace(remedy=f"Leave it out, or write {NONE}, to do without.")
        return problem

    @property
    def proxies(self) -> frozenset[str]:
        """Every proxy address in the environment and in ``.env``; it may contain a password."""
        sources = (self.environ, self.in_file)
        found = (text.strip() for source in sources for name, text in source.items() if name.upper() in PROXIES)
        return frozenset(text for text in found if text)

    def _env_file(self, path: Path) -> Iterator[Written]:
        """The values of a ``.env``. A line that python-dotenv cannot parse is a problem here, and not a warning."""
        try:
            for line in settings_env_file.lines(path):
                if isinstance(line, Written):
                    yield line
                else:
                    rule = "is not NAME=value"
                    self.problems.append(Problem(f"{path}, line {line},", rule, "Correct it, or put # before it."))
        except FileNotFoundError:
            return
        except (OSError, ValueError):
            self.problems.append(Problem(str(path), "cannot be read", "It has to be a readable text file in UTF-8."))

    def _check_file(self, written: Collection[Written]) -> None:
        """The problems of values that the bot or its libraries read. Values of other programs are ignored."""
        for name in sorted(self.known | {one.name for one in written if one.name.upper() in FOR_LIBRARIES}):
            of_name = [one for one in written if one.name == name]
            if len(of_name) > 1:
                *but_last, last = (str(one.line) for one in of_name)
                rule = f"stands more than once in {self.env_file}: in lines {', '.join(but_last)} and {last}"
                self.problems.append(Problem(name, rule, "Remove all but one."))
            for one in of_name:
                if one.loses:
                    rule = f"in line {one.line} of {self.env_file} {one.loses}"
                    self.problems.append(Problem(name, rule, REMEDIES[one.loses]))
                elif "${" in one.text:
                    # dh-bot 0.1.0 expanded it.
                    self.notices.append(Notice(name, f"has ${{…}} in {self.env_file}, which is taken as it is written"))
        for one in written:
            for name in sorted(self.known.intersection(ASSIGNED.findall(one.text))):
                rule = f"stands within the value that begins in line {one.line} of {self.env_file}, so it is not set"
                self.problems.append(Problem(name, rule, "Close that value's quotation mark in its own line."))

    def _combined(self) -> Iterator[tuple[str, str]]:
        """Each name that is set in either source, with the text that holds."""
        for name in sorted({*self.environ, *self.in_file}):
            of_environ, of_file = self.environ.get(name), self.in_file.get(name)
            source, says = which_holds(of_environ, of_file)
            # An empty line from .env.example needs no notice, unless it is a restriction.
            if says and name in (self.known if of_environ is not None else WITHOUT):
                says = says.format(file=self.env_file)
                then = f": {WITHOUT[name]}" if source is None and name in WITHOUT else ""
                self.notices.append(Notice(name, says + then))
            if source == "environment" and of_environ is not None:
                if name in self.known and re.search(COMMENT, of_environ):
                    says = "has a # behind white space in the environment, where it begins no comment"
                    self.notices.append(Notice(name, f"{says} but belongs to the value"))
                yield name, of_environ
            elif source == "file" and of_file is not None:
                yield name, of_file

    def _for_libraries(self) -> Iterator[tuple[str, str]]:
        """The variables of ``.env`` that libraries read from the environment, where ``.env`` holds.

        Two spellings of a name are one setting: ``https_proxy`` in the environment wins over ``HTTPS_PROXY`` here.
        """
        here: dict[str, str] = {}
        for name, text in self.in_file.items():
            if name.upper() not in FOR_LIBRARIES:
                continue
            first = here.setdefault(name.upper(), name) if text.strip() else name
            if self.in_file[first].strip() != text.strip():
                # Libraries differ in which spelling they read.
                rule = f"stands in {self.env_file} as {first} too, with another value"
                self.problems.append(Problem(name, rule, "Keep one of them."))
            spelt = [value for other, value in self.environ.items() if other.upper() == name.upper()]
            source, says = which_holds(next((value for value in spelt if value.strip()), next(iter(spelt), None)), text)
            if says and spelt:
                self.notices.append(Notice(name, says.format(file=self.env_file)))
            if source != "file" or text.strip().casefold() == NONE:
                continue
            if name.upper() in PROXIES and not WITH_SCHEME.fullmatch(text.strip()):
                rule = f"in {self.env_file} is no address that begins with a scheme such as http://"
                self.problems.append(Problem(name, rule, f"Write it like http://proxy.example.com:3128, or {NONE}."))
            yield name, text.strip()

    def _gather(self) -> Iterator[tuple[str, str]]:
        """Each setting that is set, under its own name."""
        # A key and a secret from different pairs would make invalid signatures without a clear error.
        pair_is_set = any(self._is_set(name) for name in KEY_PAIR)
        for name in self.names:
            other = ALTERNATIVES.get(name)
            source = name
            if other and not self._is_set(name) and not (name in KEY_PAIR and pair_is_set):
                source = other
            text = self._read(source)
            if text is None:
                continue
            if name in MAY_BE_NONE and text.casefold() == NONE:
                if name in WITHOUT:
                    self.notices.append(Notice(name, f"is {NONE}, as if it were not set: {WITHOUT[name]}"))
                continue
            self.written_as[name] = source
            yield name, text

    def _file_of(self, name: str) -> str | None:
        """The path in ``NAME_FILE``; None if that is ``none`` or not set."""
        path = self.found.get(name + FILE, "").strip() if name in self.secrets else ""
        return path if path and path.casefold() != NONE else None

    def _is_set(self, name: str) -> bool:
        return name in self.found or self._file_of(name) is not None

    def _read(self, name: str) -> str | None:
        text = self.found.get(name)
        path = self._file_of(name)
        if path is not None:
            if text is not None:
                self.problems.append(
                    Problem(
                        name, f"is set, and {name}{FILE} too", "Remove one of them, so that it is clear which counts."
                    )
                )
                return None
            text = self._read_file(name, Path(path))
        if text is None:
            return None
        if name not in AS_WRITTEN:
            text = text.strip(" \t\r\n")
        elif path is None:
            text = without_line_end(text)
        quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "\"'"
        if quoted and path is None and text == self.environ.get(name, "").strip(" \t\r\n"):
            # Docker's --env-file keeps quotation marks as part of the value; a shell and .env remove them.
            self.problems.append(Problem(name, "stands in quotation marks that belong to its value", "Remove them."))
            return None
        return text

    def _read_file(self, name: str, path: Path) -> str | None:
        """Read a secret from its file. Problems show neither path nor content."""
        remedy = "Check the path and its permissions."
        try:
            text = settings_env_file.secret(path)
        except FileNotFoundError:
            self.problems.append(Problem(name + FILE, "names a file that does not exist", remedy))
        except (OSError, ValueError):
            self.problems.append(Problem(name + FILE, "names a file that cannot be read as text", remedy))
        else:
            if text.strip():
                return text
            self.problems.append(
                Problem(name + FILE, "names a file that is empty", f"Put the value of {name} into it.")
            )
        return None

    def _misspelt(self) -> Iterator[Problem]:
        """Problems of misspelt names."""
        for name in sorted({*self.found} - self.known):
            if name.endswith(FILE) and name.removesuffix(FILE) in self.names:
                yield Problem(name, "is not supported", f"Only secrets come from files; set {name.removesuffix(FILE)}.")
                continue
            meant = nearest(name, self.known, anywhere=name in self.in_file)
            if meant is None:
                if name in self.in_file and name.upper() not in FOR_LIBRARIES:
                    self.notices.append(
                        Notice(name, f"in {self.env_file} is not a setting of dh-bot, and has no effect")
                    )
                continue
            self.meant[name] = meant
            if meant in WITHOUT or name in self.in_file or not self._is_set(meant):
                yield Problem(name, "is not a setting", f"Did you mean {meant}?")
            else:
                # Only a notice: other programs share the environment, and the setting itself is set.
                self.notices.append(Notice(name, f"is not a setting, but nearly {meant}, which is set"))
