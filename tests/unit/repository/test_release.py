"""Releases: the changelog keeps its form, the version stands in one place, and what is not ready is stopped.

The script is deploy/release.py; what it builds is tried in tests/release.
"""

from __future__ import annotations

import re
from importlib.metadata import version as installed
from itertools import pairwise

import pytest

from bot.cli.main import main
from tests.support.paths import ROOT
from tests.support.scripts import script

CHANGELOG = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
KINDS = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"]
"""The sections of Keep a Changelog, in its order."""


RELEASE = script("release")
VERSION = RELEASE.version()


def numbers(name: str) -> tuple[int, ...]:
    return tuple(int(part) for part in name.split("."))


def faults(changelog: str) -> list[str]:
    """Where a changelog leaves the form of Keep a Changelog 1.1.0."""
    found = []
    if not changelog.startswith("# Changelog\n"):
        found.append("title")
    headings = re.findall(r"^## .*$", changelog, re.MULTILINE)
    form = re.compile(r"## \[(?:Unreleased\]|\d+\.\d+\.\d+\] - \d{4}-\d{2}-\d{2}(?: \[YANKED\])?)")
    found += [f"heading: {one}" for one in headings if not form.fullmatch(one)]
    sections = RELEASE.sections(changelog)
    names = list(sections)
    if len(headings) != len(names):
        found.append("a version twice")
    if not names or "Unreleased" in names[1:]:
        found.append("[Unreleased] is not on top")
    versions = [name for name in names if RELEASE.VERSION.fullmatch(name)]
    if any(numbers(newer) <= numbers(older) for newer, older in pairwise(versions)):
        found.append("order of versions")
    dates = [sections[name][0] for name in versions]
    if any(newer < older for newer, older in pairwise(dates)):
        found.append("order of dates")
    for name, (_, text) in sections.items():
        if not text and name != "Unreleased":
            found.append(f"nothing in {name}")
        kinds = re.findall(r"^### (.*)$", text, re.MULTILINE)
        if kinds != [kind for kind in KINDS if kind in kinds]:
            found.append(f"sections of {name}: {kinds}")
        before, *parts = re.split(r"^### .*$", text, flags=re.MULTILINE)
        if before.strip() or not all(re.match(r"\s*- \S", part) for part in parts):
            found.append(f"{name}: each change is an item below a section")
    return found


def test_the_changelog_has_the_form_that_it_names() -> None:
    """Title, versions with dates from the newest down, the six sections in their order, items below them."""
    assert faults(CHANGELOG) == []
    assert "https://keepachangelog.com/en/1.1.0/" in CHANGELOG
    assert "https://semver.org/" in CHANGELOG


READERS = ["people in Slack", "those who install and operate", "those who build"]


def test_the_changelog_is_grouped_by_reader() -> None:
    """Each section has one item for each reader it concerns, in this order, and their changes below it."""
    for _, text in RELEASE.sections(CHANGELOG).values():
        for part in re.split(r"^### .*$", text, flags=re.MULTILINE)[1:]:
            groups = re.findall(r"^- (.*)$", part, re.MULTILINE)
            assert groups == [f"**For {reader}**" for reader in READERS if f"**For {reader}**" in groups]
            assert all(re.match(r"\s*  - \S", below) for below in re.split(r"^- .*$", part, flags=re.MULTILINE)[1:])


def test_the_newest_version_is_the_one_of_the_project() -> None:
    """Or changes are being gathered: [Unreleased] is on top, and what was released is no newer than the project."""
    names = list(RELEASE.sections(CHANGELOG))
    released = [name for name in names if name != "Unreleased"]
    assert names[0] in {"Unreleased", VERSION}
    assert all(numbers(name) <= numbers(VERSION) for name in released)


GOOD = """# Changelog

## [Unreleased]

## [0.2.0] - 2026-02-01

### Added

- Something.

### Fixed

- Something else.

## [0.1.0] - 2026-01-01

### Added

- The first.
"""


def test_a_good_changelog_passes() -> None:
    """So that the next test shows the change, and not something else, to be the fault."""
    assert faults(GOOD) == []


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("# Changelog", "# History"),
        ("## [0.2.0] - 2026-02-01", "## 0.2.0 - 2026-02-01"),
        ("## [0.2.0] - 2026-02-01", "## [0.2.0] - February"),
        ("## [0.2.0] - 2026-02-01", "## [0.2.0]"),
        ("## [0.2.0] - 2026-02-01", "## [0.0.9] - 2026-02-01"),
        ("## [0.2.0] - 2026-02-01", "## [0.1.0] - 2026-02-01"),
        ("## [0.2.0] - 2026-02-01", "## [0.2.0] - 2025-02-01"),
        ("## [0.1.0] - 2026-01-01", "## [Unreleased]"),
        ("### Fixed", "### Mended"),
        ("### Fixed", "### Added"),
        ("- The first.", "The first."),
        ("### Added\n\n- The first.\n", ""),
    ],
)
def test_what_leaves_the_form_is_found(right: str, wrong: str) -> None:
    """One fault at a time."""
    assert faults(GOOD.replace(right, wrong, 1)) != []


def test_the_version_stands_in_one_place(capsys: pytest.CaptureFixture[str]) -> None:
    """The command line asks what is installed, the code names no version, and the example image has the same one."""
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"dh-bot {installed('dh-bot')}\n"
    literal = re.compile(rf"__version__|[\"']{re.escape(VERSION)}[\"']")
    code = [path for folder in ("bot", "handlers", "sandbox") for path in (ROOT / folder).rglob("*.py")]
    assert [path for path in code if literal.search(path.read_text(encoding="utf-8"))] == []
    image = re.search(r"/dh-bot:(\S+)", (ROOT / "deploy" / "kubernetes.yaml").read_text(encoding="utf-8"))
    assert image is not None
    assert image[1] == VERSION


RELEASED = GOOD.replace("## [Unreleased]\n\n", "")


def test_what_is_ready_has_no_obstacle() -> None:
    """With an empty [Unreleased] on top or without one; tags of other versions do not matter."""
    assert RELEASE.obstacles("0.2.0", RELEASED, "", {"v0.1.0"}) == []
    assert RELEASE.obstacles("0.2.0", GOOD, "", {"v0.1.0"}) == []


@pytest.mark.parametrize(
    ("wanted", "changelog", "dirty", "tags", "says"),
    [
        ("0.2.0", GOOD, " M bot/app.py\n", set(), "bot/app.py"),
        ("0.3.0", GOOD, "", set(), "no section for 0.3.0"),
        ("0.2", GOOD.replace("0.2.0", "0.2"), "", set(), "no x.y.z"),
        ("0.2.0", GOOD.replace(" - 2026-02-01", ""), "", set(), "has no date"),
        ("0.2.0", GOOD.replace("[Unreleased]\n", "[Unreleased]\n\n### Added\n\n- More.\n"), "", set(), "[Unreleased]"),
        ("0.2.0", GOOD, "", {"v0.2.0"}, "tag v0.2.0"),
    ],
)
def test_what_is_not_ready_is_named(wanted: str, changelog: str, dirty: str, tags: set[str], says: str) -> None:
    """Exactly the one thing that is in the way, in words that say what to do."""
    (found,) = RELEASE.obstacles(wanted, changelog, dirty, tags)
    assert says in found


def test_it_knows_no_way_to_push() -> None:
    """It asks git, copies and builds; a tag and a push are words that it prints."""
    text = (ROOT / "deploy" / "release.py").read_text(encoding="utf-8")
    asked = re.findall(r'_git\("([a-z-]+)"(?:, "([a-z-]+)")?', text)
    reading = {("status", "--porcelain"), ("tag", "--list"), ("rev-parse", "--short"), ("checkout-index", "--all")}
    assert set(asked) == reading
    assert text.count("subprocess.run") == 2
