"""docs/settings.md and .env.example: made from the table of settings, and saying what the settings are."""

from __future__ import annotations

import re
from enum import Enum
from typing import Any, get_args

import pytest

from bot.settings.forms import Problem, SettingsError
from bot.settings.load import read_settings
from bot.settings.schema import GROUPS, SECRET_NAMES, Settings
from docs.generate import settings as generator
from tests.support.paths import ROOT

PAGE = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
EXAMPLE = (ROOT / ".env.example").read_text(encoding="utf-8")
TABLE = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for table in re.findall(r"^\| setting \|.*\n\|[-|]+\|\n((?:\|.*\n)+)", PAGE, re.MULTILINE)
    for line in table.splitlines()
]
"""The rows of all groups."""
NAMES = [name.upper() for name in Settings.model_fields]


def shown(value: Any) -> str:
    """A default as the table shows it; nothing at all for "not set"."""
    if value is None or value == frozenset():
        return ""
    text = str(value.value if isinstance(value, Enum) else value)
    text = text.lower() if isinstance(value, bool) else text
    return f"`{text}`" if text else ""


def refused(name: str) -> list[Problem]:
    """What the start has against the first of the generator's wrong values that it does not take."""
    for text in generator.WRONG:
        try:
            read_settings({name: text}, None, (name,))
        except SettingsError as error:
            return [one for one in error.problems if one.setting == name]
    return []


def test_both_files_are_what_the_settings_say() -> None:
    """They are what `make docs` writes."""
    assert generator.page() == PAGE, "run `make docs`"
    assert generator.example() == EXAMPLE, "run `make docs`"


def test_every_setting_is_described() -> None:
    """In whole sentences, without a link, which .env.example could not show."""
    for name, field in Settings.model_fields.items():
        assert field.description, name
        assert re.fullmatch(r"[A-Z].*\.", field.description), name
        assert "](" not in field.description, name


def test_the_table_has_every_setting_and_no_other() -> None:
    """Each setting once, by its name, in the order of the code."""
    assert [row[0].strip("`") for row in TABLE] == NAMES


def test_the_groups_have_all_settings() -> None:
    """Each group begins with a setting that there is, and each is a section of the page and of .env.example."""
    assert set(GROUPS) <= set(Settings.model_fields)
    assert [
        title for title in GROUPS.values() if f"\n## {title}\n" not in PAGE or f"# --- {title} -" not in EXAMPLE
    ] == []


def test_the_table_shows_the_defaults() -> None:
    """Those of the code; the endpoints follow the region, and a secret has none."""
    for name, _, default, _ in TABLE:
        field = name.strip("`").lower()
        if field.endswith("_endpoint"):
            assert default == "by region"
        elif field.upper() in SECRET_NAMES - {"DATABASE_URL"}:
            assert default == "", field
        elif field == "metastudio_project_id":
            assert default == ""
        else:
            assert default == shown(Settings.model_fields[field].default), field


def test_the_table_marks_secrets() -> None:
    """Exactly those that may come from a file; .env.example marks the same."""
    assert {row[0].strip("`") for row in TABLE if row[1].startswith("Secret.")} == SECRET_NAMES
    marked = re.findall(r"^# Secret\.(?:.*\n#)*?.*\n#?([A-Z_]+)=", EXAMPLE, re.MULTILINE)
    assert set(marked) == SECRET_NAMES


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row[0])
def test_a_wrong_value_is_refused_in_these_words(row: list[str]) -> None:
    """What the page says of a wrong value is what the start says."""
    name, said = row[0].strip("`"), row[3]
    (problem,) = refused(name)
    assert problem.rule.replace("is wrong: item 1 of 1 is", "has an item that is") == said


def test_the_ways_to_sign_in_are_those_of_the_setting() -> None:
    """Each value of METASTUDIO_AUTH has its row, and no other."""
    rows = PAGE.split("## Signing in to Huawei Cloud")[1].split("|---|---|---|\n")[1].split("\n\n")[0]
    assert re.findall(r"^\| `(\w+)` \|", rows, re.MULTILINE) == [
        *get_args(Settings.model_fields["metastudio_auth"].annotation)
    ]
