"""Every setting, from the table in ``bot/settings/schema.py``; `make docs` writes .env.example and docs/settings.md.

What a setting means is its description there. What is refused is asked of the settings themselves, by a wrong value.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from enum import Enum
from pathlib import Path

from pydantic import ValidationError

from bot.settings.forms import Wrong
from bot.settings.schema import GROUPS, SECRET_NAMES, Settings

PAGE = Path(__file__).parents[1] / "settings.md"
TEMPLATE = Path(__file__).with_suffix(".md")
"""The page without its tables."""
EXAMPLE = Path(__file__).parents[2] / ".env.example"
WIDTH = 120

NEEDED = {
    *("SLACK_BOT_TOKEN", "SLACK_APP_TOKEN", "METASTUDIO_PROJECT_ID", "HUAWEICLOUD_SDK_AK", "HUAWEICLOUD_SDK_SK"),
    "AUTHORIZED_USERS",
}
"""Those that .env.example leaves open to be filled in; for all others the default may hold."""
BY_REGION = {"METASTUDIO_ENDPOINT", "IAM_ENDPOINT"}
"""Those whose default is made from another setting."""
WRONG = ("?", "two words", "two\nlines")
"""Texts of which every setting refuses one."""

HEAD = """\
# Every setting of dh-bot; made by `make docs`, as docs/settings.md is, which says more. Copy this file to .env and fill
# in what is not a comment; a # before a name means that the default shown holds. The environment wins over .env. An
# empty value counts as not set, and hides no value that stands elsewhere; the word none unsets what may be unset.
# Values are taken as written: no ${NAME} is replaced. A comment stands on a line of its own. Each name stands once.
# Any secret (marked so) may come from a file instead: NAME_FILE=/run/secrets/name.
"""


def default(name: str) -> str:
    """As it is written in .env; nothing for a secret, and for what is not set."""
    value = Settings.model_fields[name.lower()].default
    if value is None or value == frozenset() or (name in SECRET_NAMES and name != "DATABASE_URL"):
        return ""
    text = str(value.value if isinstance(value, Enum) else value)
    return text.lower() if isinstance(value, bool) else text


def meaning(name: str) -> str:
    """Its description, with the mark of a secret."""
    text = Settings.model_fields[name.lower()].description
    assert text, f"{name} has no description"
    return f"Secret. {text}" if name in SECRET_NAMES else text


def refusal(name: str) -> str:
    """What the start says of a wrong value, behind the setting's name."""
    for text in WRONG:
        try:
            Settings.model_validate({name.lower(): text})
        except ValidationError as error:
            wrong = error.errors()[0]["ctx"]["error"]
            assert isinstance(wrong, Wrong)
            return wrong.rule.replace("is wrong: item 1 of 1 is", "has an item that is")
    raise AssertionError(f"{name} refuses nothing of {WRONG}")


def groups() -> Iterator[tuple[str, list[str]]]:
    """The title of each group and its settings, in the order of the table."""
    names = list(Settings.model_fields)
    starts = [names.index(first) for first in GROUPS]
    assert starts == sorted(starts)
    assert starts[0] == 0
    for title, start, end in zip(GROUPS.values(), starts, [*starts[1:], len(names)], strict=True):
        yield title, [name.upper() for name in names[start:end]]


def example() -> str:
    """The text of .env.example."""
    lines = [HEAD]
    for title, names in groups():
        lines += [f"# --- {title} ".ljust(WIDTH - 1, "-"), ""]
        for name in names:
            rule = refusal(name)
            # "Must be a whole number from 1 to 65535", where the description does not say it already.
            last = rule.rpartition(" ")[2]
            more = f" M{rule[1:]}." if rule.startswith("must ") and last not in meaning(name) else ""
            text = re.sub(r"\*(.+?)\*", r'"\1"', meaning(name).replace("`", "")) + more
            lines += textwrap.wrap(f"# {text}", WIDTH, subsequent_indent="# ", break_on_hyphens=False)
            lines.append(f"{'' if name in NEEDED else '#'}{name}={default(name)}")
        lines.append("")
    return "\n".join(lines)


def page() -> str:
    """The page, in Markdown."""
    lines = []
    for title, names in groups():
        lines += [f"## {title}", "", "| setting | meaning | default | wrong value |", "|---|---|---|---|"]
        for name in names:
            text = re.sub(r"\bdocs/([\w-]+\.md)", r"[\1](\1)", meaning(name))
            shown = "by region" if name in BY_REGION else f"`{default(name)}`" if default(name) else ""
            lines.append(f"| {' | '.join((f'`{name}`', text, shown, refusal(name)))} |".replace("|  |", "| |"))
        lines.append("")
    return TEMPLATE.read_text(encoding="utf-8").replace("{tables}", "\n".join(lines).rstrip("\n"))


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    EXAMPLE.write_text(example(), encoding="utf-8")
