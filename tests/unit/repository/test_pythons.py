"""Which Pythons the bot is for: what pyproject.toml names, the locks hold for, and the documents say is the same."""

from __future__ import annotations

import os
import re
import subprocess
import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.paths import ROOT

WHOLE = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = WHOLE["project"]
PYTHONS = re.findall(r"Python :: (3\.\d+)", "\n".join(PROJECT["classifiers"]))
LOCKS = {"requirements.lock": ("sandbox", "postgres"), "requirements-dev.lock": ("sandbox", "postgres", "dev")}


def surroundings(python: str) -> dict[str, str]:
    """What conditions are about, on this machine with that Python."""
    return {**default_environment(), "python_version": python, "python_full_version": f"{python}.1", "extra": ""}


def locked(lock: str, python: str) -> dict[str, str]:
    """The version of each package that the lock has for that Python."""
    lines = re.findall(r"^([a-z0-9].*?) *\\$", (ROOT / lock).read_text(encoding="utf-8"), re.MULTILINE)
    found = [Requirement(line) for line in lines]
    here = surroundings(python)
    return {
        canonicalize_name(one.name): str(one.specifier).removeprefix("==")
        for one in found
        if one.marker is None or one.marker.evaluate(here)
    }


def wanted(names: list[str], python: str) -> Iterator[Requirement]:
    """These and whatever they ask for on that Python, as far as it is installed here."""
    seen: set[tuple[str, str]] = set()
    ahead = [Requirement(name) for name in names]
    while ahead:
        one = ahead.pop()
        for extra in ("", *one.extras):
            if (one.name, extra) in seen:
                continue
            seen.add((one.name, extra))
            here = {**surroundings(python), "extra": extra}
            try:
                asked = [Requirement(line) for line in requires(one.name) or ()]
            except PackageNotFoundError:  # Another Python than this one needs it.
                continue
            ahead += [each for each in asked if each.marker is None or each.marker.evaluate(here)]
        yield one


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_has_all_that_is_wanted(lock: str, python: str) -> None:
    """On each Python that is claimed; pip refuses whatever comes without a hash, so one that is missing stops it."""
    groups = [PROJECT["dependencies"], *(PROJECT["optional-dependencies"][extra] for extra in LOCKS[lock])]
    names = [*(name for group in groups for name in group), *WHOLE["build-system"]["requires"]]
    have = locked(lock, python)
    found = {str(one): (one.specifier, have.get(canonicalize_name(one.name))) for one in wanted(names, python)}
    assert [one for one, (fit, version) in found.items() if version is None or version not in fit] == []


def test_the_locks_agree() -> None:
    """Whoever installs the second over the first, as make does, changes no version."""
    for python in PYTHONS:
        assert locked("requirements.lock", python).items() <= locked("requirements-dev.lock", python).items()


def test_what_builds_the_project_is_what_is_locked() -> None:
    """`make lock` takes it from a group, and pip from [build-system]."""
    assert WHOLE["dependency-groups"]["build"] == WHOLE["build-system"]["requires"]


def test_the_documents_name_the_pythons_that_are_claimed() -> None:
    """The oldest and the newest, in one sentence wherever somebody sets the bot up."""
    first, last = PYTHONS[0], PYTHONS[-1]
    assert PROJECT["requires-python"] == f">={first}"
    for page in ("README.md", "docs/install.md", ".github/CONTRIBUTING.md"):
        text = (ROOT / page).read_text(encoding="utf-8")
        assert f"Python {first} or newer (tested up to {last})" in text, page


def test_the_newest_python_has_a_debian() -> None:
    """`make test-newest` takes the newest one that is claimed, and knows where Debian has it."""
    text = (ROOT / "tests" / "newest.sh").read_text(encoding="utf-8")
    assert PYTHONS[-1] in re.findall(r"^(3\.\d+)\) release=[a-z]+ ;;$", text, re.MULTILINE)


NO_ANSWER = "== Debian's archive does not answer: nothing is tested on Python"
NO_SPACE = "E: cannot write: No space left on device"
NO_MOUNT = "E: cannot mount /proc"
NO_PACKAGE = "E: Unable to locate package python3.99"
FAILED = "but mmdebstrap failed: E: cannot mount /proc"


@pytest.mark.parametrize(
    ("failed", "has", "ci", "status", "says"),
    [
        # What mmdebstrap ends with, the releases that the archive hands out, and what is said.
        ("E: apt-get update failed", "stable", "true", 1, "Debian's archive answers, but there is no "),
        ("E: apt-get update failed", "", "true", 0, NO_ANSWER),
        ("E: apt-get update failed", "", "", 1, NO_ANSWER),
        (NO_PACKAGE, "stable forky", "true", 1, "Debian's archive answers, but its forky has no Python 3.14."),
        (NO_MOUNT, "stable forky", "true", 1, FAILED),
        (NO_SPACE, "", "true", 1, "there is no space left for it in "),
        # Where no source of Debian is named on this machine, nobody can be asked.
        (NO_MOUNT, None, "true", 0, NO_ANSWER),
    ],
)
def test_why_there_is_no_such_debian_is_said_once(
    tmp_path: Path, failed: str, has: str | None, ci: str, status: int, says: str
) -> None:
    """`make test-newest` ends well in CI alone, and only where the archive was asked and does not answer."""
    archive = "http://mirror.invalid/debian"
    helper = (
        f"""for one in {has or ""}; do [ "$2" != {archive}/dists/$one/InRelease ] || exec touch "$3"; done; exit 100"""
    )
    programs = {
        "mmdebstrap": f"echo '{failed}'; exit 1",
        "apt-helper": helper,
        "apt-get": "touch $0.ran",
        "id": "echo 0",
    }
    for name, does in programs.items():
        program = tmp_path / name
        program.write_text(f"#!/bin/sh\n{does}\n", encoding="utf-8")
        program.chmod(0o755)
    list_of_sources = tmp_path / "debian.sources"
    if has is not None:
        list_of_sources.write_text(f"URIs: {archive}", encoding="utf-8")
    script = (ROOT / "tests" / "newest.sh").read_text(encoding="utf-8")
    assert "\nsources=/etc/apt/sources.list.d/debian.sources\n" in script
    script = script.replace("/etc/apt/sources.list.d/debian.sources", str(list_of_sources))
    environ = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "TMPDIR": str(tmp_path), "CI": ci}
    done = subprocess.run(  # noqa: S603 - our own script
        ["/bin/sh", "-c", script, "newest.sh", "3.14"],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == status, done.stderr
    assert says in done.stdout.splitlines()[-1]
    assert not [*tmp_path.glob("dh-bot-*")]
    assert not (tmp_path / "apt-get.ran").exists(), "apt's lists of this machine are none of the script's business"
