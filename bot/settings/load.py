"""Reads the settings of this process, or raises all problems at once."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from bot.settings import checks
from bot.settings.forms import Problem, SettingsError, Wrong
from bot.settings.placeholders import placeholders
from bot.settings.schema import ENV_FILE, EVERYTHING, SECRET_NAMES, Settings
from bot.settings.sources import Surroundings


def _with_endpoints(settings: Settings) -> Settings:
    """Set the region's endpoints where none are configured."""
    return settings.model_copy(
        update={
            f"{service}_endpoint": f"https://{service}.{settings.metastudio_region}.myhuaweicloud.com"
            for service in ("metastudio", "iam")
            if f"{service}_endpoint" not in settings.model_fields_set
        }
    )


def _without_env_file(problems: list[Problem], env_file: Path | None) -> str:
    """The hint if settings are missing and the folder has no ``.env``: people run the command in the wrong folder."""
    if env_file == ENV_FILE and not env_file.exists() and any("missing" in problem.rule for problem in problems):
        return f"There is no file {ENV_FILE} in this folder: go to the one that has it, or name it with --env-file."
    return ""


def _swapped(problems: list[Problem]) -> list[Problem]:
    """Merge the two problems of swapped tokens into one."""
    rules = {problem.setting: problem.rule for problem in problems}
    if "belongs in SLACK_APP_TOKEN" in rules.get("SLACK_BOT_TOKEN", "") and "belongs in SLACK_BOT_TOKEN" in rules.get(
        "SLACK_APP_TOKEN", ""
    ):
        rest = [problem for problem in problems if problem.setting not in {"SLACK_BOT_TOKEN", "SLACK_APP_TOKEN"}]
        swapped = Problem("SLACK_BOT_TOKEN", "and SLACK_APP_TOKEN hold each other's token", "Exchange their values.")
        return [swapped, *rest]
    return problems


def read_settings(
    environ: Mapping[str, str] | None = None,
    env_file: Path | None = ENV_FILE,
    only: Collection[str] = EVERYTHING,
) -> Settings:
    """Read all settings, or raise ``SettingsError`` with every problem.

    ``only`` limits the problems to those settings, for commands that need no others; other settings take their default
    if they are wrong or missing. Problems of ``.env`` itself, and of names that are nearly one of those settings, are
    raised anyway: otherwise the command could open another ledger than the configured one.
    """
    around = Surroundings(Settings, os.environ if environ is None else environ, env_file, SECRET_NAMES)
    left = {problem.setting: problem for problem in placeholders(around.texts)}
    texts = {name: text for name, text in around().items() if name.upper() not in left}
    settings, others = _build(texts)
    malformed = [*left.values(), *others]
    spelt = [problem._replace(setting=around.written_as[problem.setting]) for problem in malformed]
    bad = {problem.setting.removesuffix("_FILE") for problem in (*malformed, *around.problems)}
    found = [*around.problems, *_swapped(spelt), *checks.problems(settings, around.found, bad)]
    if only:
        found = [problem for problem in found if problem in around.of_file or around.concerns(problem, only)]
    found = [around.better_remedy(problem) for problem in found]
    if found:
        raise SettingsError(found, _without_env_file(found, env_file), around.notes(only))
    of_checks = tuple(checks.notices(settings))
    return settings.found_in(around, only, of_checks, partial(read_settings, environ, env_file, ("DATABASE_URL",)))


def _build(texts: dict[str, Any]) -> tuple[Settings, list[Problem]]:
    """Settings from the well-formed texts, and the problems of the others."""
    problems: list[Problem] = []
    while True:
        try:
            return _with_endpoints(Settings(**texts)), problems
        except ValidationError as error:
            for detail in error.errors(include_url=False, include_input=False):
                name = str(detail["loc"][0])
                wrong = detail.get("ctx", {}).get("error")
                if not isinstance(wrong, Wrong):
                    wrong = Wrong("is not of the form expected", "See its description.")
                problems.append(Problem(name.upper(), wrong.rule, wrong.remedy))
                texts = {other: text for other, text in texts.items() if other != name}
