"""What is released: built from the files that git has, installed into an empty environment, and used there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import zipfile
from dataclasses import dataclass
from email.parser import Parser
from email.policy import default
from pathlib import Path

import pytest

from tests.support.paths import ROOT

pytestmark = pytest.mark.long

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
NAME = f"dh_bot-{PROJECT['version']}"
CODE = ("bot", "handlers", "sandbox")


def run(*words: str | Path, cwd: Path = ROOT, **environ: str) -> str:
    """What a command prints; it has to end well. PYTHONPATH would let the checkout stand in for what is installed."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PIP_"))}
    told = subprocess.run(  # noqa: S603 - our own words
        words, cwd=cwd, env={**env, **environ}, capture_output=True, text=True, check=False, timeout=240
    )
    assert told.returncode == 0, f"{words}\n{told.stdout}\n{told.stderr}"
    return told.stdout


@dataclass(frozen=True)
class Built:
    """The two files, and what went into them."""

    sdist: Path
    wheel: Path
    tracked: frozenset[str]

    def in_sdist(self) -> set[str]:
        with tarfile.open(self.sdist) as archive:
            return {one.name.removeprefix(f"{NAME}/") for one in archive.getmembers() if one.isfile()}

    def in_wheel(self) -> set[str]:
        with zipfile.ZipFile(self.wheel) as archive:
            return set(archive.namelist())


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Built as `make release` builds them: the wheel from the source distribution, with the tools that are here."""
    if not (ROOT / ".git").exists():
        pytest.skip("only git knows which files belong to the project, and this is no clone")
    folder = tmp_path_factory.mktemp("release")
    listed = run("git", "-c", f"safe.directory={ROOT}", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    tracked = frozenset(name for name in listed.split("\0") if name and (ROOT / name).is_file())
    for name in tracked:
        target = folder / "tree" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target)
    for secret in ("deploy/secrets/slack-bot-token", "deploy/settings.env", ".env", "deploy/.env", "tests/dh-bot.db"):
        path = folder / "tree" / secret
        path.parent.mkdir(exist_ok=True)
        path.write_text("a secret that must stay here", encoding="utf-8")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder / "dist", folder / "tree", cwd=folder)
    return Built(folder / "dist" / f"{NAME}.tar.gz", folder / "dist" / f"{NAME}-py3-none-any.whl", tracked)


@pytest.fixture(scope="module")
def installed(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment that has the wheel; what the bot needs comes from this environment."""
    venv = tmp_path_factory.mktemp("installed") / "venv"
    run(sys.executable, "-m", "venv", "--without-pip", venv)
    python = venv / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--python", python, "--disable-pip-version-check")
    run(*pip, "install", "--quiet", "--no-deps", "--no-index", built.wheel)
    # A folder named by a .pth file is searched last, and its own .pth files, an editable install's too, do not count.
    (site,) = venv.glob("lib/python*/site-packages")
    (site / "needed.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return venv / "bin"


def test_the_source_distribution_has_all_that_git_has(built: Built) -> None:
    """Manifest, sample settings, lock files, deploy, docs, tests: what README tells to do can be done in it."""
    made = {"PKG-INFO", "setup.cfg"}
    found = {name for name in built.in_sdist() - made if not name.startswith("dh_bot.egg-info/")}
    assert found == built.tracked
    with tarfile.open(built.sdist) as archive:
        assert archive.getmember(f"{NAME}/.ci/run").mode & 0o111, "what can be started stays so"
    assert {"manifest.yml", ".env.example", "requirements.lock", "Makefile", "CHANGELOG.md", "LICENSE"} <= found


def test_the_wheel_has_all_of_the_three_packages_and_nothing_else(built: Built) -> None:
    """Migrations and the page's files among them; no tests, and nothing that lay about where it was built."""
    ours = {name for name in built.tracked if name.startswith(tuple(f"{one}/" for one in CODE))}
    found = {name for name in built.in_wheel() if ".dist-info/" not in name}
    assert found == ours
    assert {
        "bot/ledger/schema/migrations/script.py.mako",
        "bot/ledger/schema/migrations/versions/0001_first.py",
    } <= found
    assert {f"sandbox/page/static/{name}" for name in ("index.html", "app.js", "style.css", "icon.svg")} <= found
    assert f"{NAME}.dist-info/licenses/LICENSE" in built.in_wheel()


def test_the_wheel_asks_for_what_the_project_asks_for(built: Built) -> None:
    """Version, Python and dependencies are those of pyproject.toml."""
    with zipfile.ZipFile(built.wheel) as archive:
        text = archive.read(f"{NAME}.dist-info/METADATA").decode()
    metadata = Parser(policy=default).parsestr(text)
    assert (metadata["Name"], metadata["Version"]) == ("dh-bot", PROJECT["version"])
    assert metadata["Requires-Python"] == PROJECT["requires-python"]
    asked = [one for one in metadata.get_all("Requires-Dist") or [] if "extra ==" not in one]
    assert sorted(asked) == sorted(PROJECT["dependencies"])


def test_what_is_installed_answers(installed: Path, tmp_path: Path) -> None:
    """`dh-bot --version` tells the version of the project, `--help` the commands; the code is the wheel's."""
    assert run(installed / "dh-bot", "--version", cwd=tmp_path) == f"dh-bot {PROJECT['version']}\n"
    assert "sandbox" in run(installed / "dh-bot", "--help", cwd=tmp_path)
    where = "import bot, handlers, sandbox; print(bot.__file__, handlers.__file__, sandbox.__file__)"
    for path in run(installed / "python", "-c", where, cwd=tmp_path).split():
        assert path.startswith(str(installed.parent)), path


def test_what_is_installed_makes_a_ledger(installed: Path, tmp_path: Path) -> None:
    """The migrations are there: a ledger is made, and is then up to date."""
    address = f"sqlite:///{tmp_path / 'ledger.db'}"
    run(installed / "dh-bot", "db", "upgrade", cwd=tmp_path, DATABASE_URL=address)
    run(installed / "dh-bot", "db", "status", cwd=tmp_path, DATABASE_URL=address)


def test_what_is_installed_tells_its_story(installed: Path, tmp_path: Path) -> None:
    """`dh-bot sandbox --terminal` carries its two deletions through, and leaves nothing behind."""
    told = run(installed / "dh-bot", "sandbox", "--terminal", cwd=tmp_path)
    assert "DELETE requests that arrived: 2, one for each job." in told
    assert list(tmp_path.iterdir()) == []
