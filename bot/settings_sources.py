"""Where settings come from: the environment, ``.env``, and for secrets a file named by ``NAME_FILE``.

The texts are only gathered here; what they may look like is in ``settings_forms``, how they belong together in
``settings_checks``. All that is wrong is collected and nothing is raised, so that one message can name everything.
"""

from __future__ import annotations

import difflib
import io
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from dotenv import dotenv_values
from dotenv.parser import parse_stream
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from bot.settings_forms import Problem

ALTERNATIVES = {"HUAWEICLOUD_SDK_AK": "CLOUD_SDK_AK", "HUAWEICLOUD_SDK_SK": "CLOUD_SDK_SK", "HTTP_PORT": "PORT"}
"""Names that are taken where the first one is not set: those of Huawei's sample code, and of most hosting platforms."""

KEY_PAIR = ("HUAWEICLOUD_SDK_AK", "HUAWEICLOUD_SDK_SK")

FOREIGN = frozenset(
    {
        # Close to a setting's name, but known to mean something else to other programs.
        *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SLACK_CLIENT_ID", "SLACK_CLIENT_SECRET"),
        *("SLACK_USER_TOKEN", "SLACK_WEBHOOK_URL", "SLACK_VERIFICATION_TOKEN"),
        *("HUAWEICLOUD_SDK_CREDENTIALS_FILE", "HUAWEICLOUD_SDK_PROJECT_ID", "HUAWEICLOUD_SDK_DOMAIN_ID"),
        *("HUAWEICLOUD_SDK_IDP_ID", "HUAWEICLOUD_SDK_ID_TOKEN_FILE"),
    }
)

MEANT = {
    # What people write instead, where the spelling alone does not tell.
    "METASTUDIO_AK": "HUAWEICLOUD_SDK_AK",
    "METASTUDIO_SK": "HUAWEICLOUD_SDK_SK",
    "METASTUDIO_URL": "METASTUDIO_ENDPOINT",
    "HUAWEICLOUD_AK": "HUAWEICLOUD_SDK_AK",
    "HUAWEICLOUD_SK": "HUAWEICLOUD_SDK_SK",
    "SLACK_TOKEN": "SLACK_BOT_TOKEN",
    "ALLOWED_USERS": "AUTHORIZED_USERS",
    "ALLOWED_CHANNELS": "AUTHORIZED_CHANNELS",
    "AUTHORIZED_GROUPS": "AUTHORIZED_USERGROUPS",
    "FREEZE_USERS": "FREEZE_BY",
}

OURS = ("SLACK_", "METASTUDIO_", "HUAWEICLOUD_SDK_", "AUTHORI", "CONFIRM_", "SECOND_PERSON_", "SETTLE_", "IAM_")
"""Names in the environment are compared only if they begin like ours, since it is full of other programs' settings.
``.env`` is our own file, so each of its names is compared."""

FILE = "_FILE"
CLOSE = 0.86


def nearest(name: str, known: Collection[str], *, anywhere: bool) -> str | None:
    """The setting that somebody probably meant by a name that is none."""
    upper = name.upper()
    if upper in FOREIGN or upper.startswith("HUAWEICLOUD_SDK_REGION_"):
        return None
    if not anywhere and not upper.startswith(OURS) and upper not in MEANT:
        return None
    if upper in MEANT:
        return MEANT[upper]
    if upper in known:
        return upper
    return next(iter(difflib.get_close_matches(upper, known, n=1, cutoff=CLOSE)), None)


class Surroundings(PydanticBaseSettingsSource):
    """The texts of all settings as they are found, by the names of the fields; and what was wrong with finding them.

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
        self.meant: dict[str, str] = {}
        self.names = [name.upper() for name in settings_cls.model_fields]
        self.secrets = {*secrets, *(other for name, other in ALTERNATIVES.items() if name in secrets)}
        self.environ = environ
        self.in_file = dict(self._env_file(env_file)) if env_file is not None else {}
        self.of_file = tuple(self.problems)
        self.found = {name: text for name, text in {**self.in_file, **environ}.items() if text.strip()}
        self.written_as: dict[str, str] = {}
        self.texts = dict(self._gather())
        self.problems += self._misspelt()

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:  # noqa: ARG002 - pydantic's signature
        """One setting, for pydantic."""
        return self.texts.get(field_name.upper()), field_name, False

    def __call__(self) -> dict[str, Any]:
        return {name.lower(): text for name, text in self.texts.items()}

    def concerns(self, problem: Problem, settings: Collection[str]) -> bool:
        """Whether it is about one of these settings: by its name, its file's, or a name that is nearly one of these."""
        return self.meant.get(problem.setting, problem.setting).removesuffix(FILE) in settings

    def _env_file(self, path: Path) -> Iterator[tuple[str, str]]:
        """The pairs of a ``.env``; python-dotenv only warns of lines that it cannot read, and we stop at them."""
        try:
            content = path.read_text(encoding="utf-8-sig")
        except FileNotFoundError:
            return
        except (OSError, ValueError):
            self.problems.append(Problem(str(path), "cannot be read", "It has to be a readable text file in UTF-8."))
            return
        for binding in parse_stream(io.StringIO(content)):
            if binding.error or (binding.key is not None and binding.value is None):
                string = binding.original.string
                start = binding.original.line + string[: len(string) - len(string.lstrip())].count("\n")
                self.problems.append(
                    Problem(f"{path}, line {start},", "is not NAME=value", "Correct it, or put # before it.")
                )
        readable = "".join(b.original.string for b in parse_stream(io.StringIO(content)) if not b.error)
        for name, text in dotenv_values(stream=io.StringIO(readable)).items():
            if text is not None:
                yield name, text

    def _gather(self) -> Iterator[tuple[str, str]]:
        """Each setting that is set, under its own name."""
        # A key and a secret from different pairs would be a signature that nobody can explain.
        pair_is_set = any(self._is_set(name) for name in KEY_PAIR)
        for name in self.names:
            other = ALTERNATIVES.get(name)
            source = name
            if other and not self._is_set(name) and not (name in KEY_PAIR and pair_is_set):
                source = other
            text = self._read(source)
            if text is not None:
                self.written_as[name] = source
                yield name, text

    def _is_set(self, name: str) -> bool:
        return name in self.found or (name in self.secrets and name + FILE in self.found)

    def _read(self, name: str) -> str | None:
        text = self.found.get(name)
        if name in self.secrets and name + FILE in self.found:
            if text is not None:
                self.problems.append(
                    Problem(
                        name, f"is set, and {name}{FILE} too", "Remove one of them, so that it is clear which counts."
                    )
                )
                return None
            return self._read_file(name)
        if text is None:
            return None
        text = text.strip(" \t\r\n")
        quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "\"'"
        if quoted:
            # Docker's --env-file keeps quotation marks as part of the value; a shell and .env take them away.
            self.problems.append(Problem(name, "stands in quotation marks that belong to its value", "Remove them."))
            return None
        return text

    def _read_file(self, name: str) -> str | None:
        """A secret from its file, without the line end that editors put there. Neither path nor content is shown."""
        remedy = "Check the path and its permissions."
        try:
            text = Path(self.found[name + FILE].strip()).read_text(encoding="utf-8").rstrip("\r\n")
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
        """Names that are no setting but nearly one. Ignoring AUTHORISED_CHANNELS would silently allow more."""
        known = [*self.names, *ALTERNATIVES.values(), *(name + FILE for name in self.secrets)]
        for name in sorted(self.found):
            if name in known:
                continue
            if name.endswith(FILE) and name.removesuffix(FILE) in self.names:
                yield Problem(name, "is not supported", f"Only secrets come from files; set {name.removesuffix(FILE)}.")
                continue
            meant = nearest(name, known, anywhere=name in self.in_file)
            if meant and not self._is_set(meant):
                self.meant[name] = meant
                yield Problem(name, "is not a setting", f"Did you mean {meant}?")
