"""Prepares a release: ``make release``. It checks and builds; it tags nothing and pushes nothing.

The version stands in pyproject.toml and nowhere else. The last commit is built, not the folder: so no untracked file of
the folder, such as deploy/secrets/, gets into a published file.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DIST = ROOT / "dist"
VERSION = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")
HEADING = re.compile(r"^## \[([^\]\n]+)\](.*)$", re.MULTILINE)


def version(root: Path = ROOT) -> str:
    """The version in pyproject.toml."""
    text = (root / "pyproject.toml").read_text(encoding="utf-8")
    return str(tomllib.loads(text)["project"]["version"])


def sections(changelog: str) -> dict[str, tuple[str, str]]:
    """For each version in the changelog, in its order: the rest of its heading, and the text below."""
    found = list(HEADING.finditer(changelog))
    ends = [one.start() for one in found[1:]] + [len(changelog)]
    return {one[1]: (one[2], changelog[one.end() : end].strip()) for one, end in zip(found, ends, strict=True)}


def obstacles(wanted: str, changelog: str, dirty: str, tags: set[str]) -> list[str]:
    """Why this version cannot be released, each with its remedy; ``dirty`` is the output of ``git status``."""
    found = []
    if dirty:
        found.append(f"There are changes that no commit has. Commit them or take them back:\n{dirty.rstrip()}")
    if not VERSION.fullmatch(wanted):
        found.append(f"The version in pyproject.toml is no x.y.z: {wanted}")
    behind, text = sections(changelog).get(wanted, ("", ""))
    if not text:
        found.append(
            f"CHANGELOG.md has no section for {wanted}, the version of pyproject.toml. "
            f"Put the heading ## [{wanted}] - <date> below ## [Unreleased], above what has changed."
        )
    elif not re.fullmatch(r" - \d{4}-\d{2}-\d{2}", behind):
        found.append(f"The section {wanted} of CHANGELOG.md has no date: ## [{wanted}] - 2026-01-31")
    if sections(changelog).get("Unreleased", ("", ""))[1]:
        found.append("CHANGELOG.md still has something under [Unreleased]. It belongs to this version or out of it.")
    if f"v{wanted}" in tags:
        found.append(f"There is a tag v{wanted} already. Raise the version in pyproject.toml.")
    return found


def build(tree: Path, out: Path) -> list[Path]:
    """Source distribution and wheel of that tree; the wheel is built from the source distribution."""
    before = {path: path.stat().st_mtime_ns for path in out.glob("*")}
    words = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(tree)]
    built = subprocess.run(words, capture_output=True, text=True, check=False)  # noqa: S603 - our own words
    if built.returncode:
        sys.exit(f"{built.stdout}{built.stderr}\nThe build failed.")
    return sorted(path for path in out.glob("*") if before.get(path) != path.stat().st_mtime_ns)


def _git(*words: str) -> bytes:
    return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, check=True).stdout  # noqa: S603, S607


def _check() -> int:
    found = obstacles(
        version(),
        (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"),
        _git("status", "--porcelain").decode(),
        set(_git("tag", "--list").decode().split()),
    )
    for one in found:
        print(f"- {one}", file=sys.stderr)
    if found:
        print(f"Nothing was built: {version()} cannot be released like this.", file=sys.stderr)
    return 1 if found else 0


def _build() -> int:
    DIST.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        # The index is the last commit, since ``check`` refuses a folder with changes.
        _git("checkout-index", "--all", f"--prefix={folder}/")
        made = build(Path(folder), DIST)
    for path in made:
        print(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(ROOT)}")
    tag, commit = f"v{version()}", _git("rev-parse", "--short", "HEAD").decode().strip()
    print(
        f"\nNothing was tagged, pushed or published. What is left to do, in this order:\n"
        f"1. See that CI is green for this commit, {commit}.\n"
        f'2. git tag --annotate {tag} --message "dh-bot {version()}"\n'
        f"3. git push origin {tag}\n"
        f"4. Make a release of the tag {tag}, with its section of CHANGELOG.md as the text and these files attached:\n"
        + "\n".join(f"   {path.relative_to(ROOT)}" for path in made)
    )
    return 0


def main(words: list[str]) -> int:
    """Run ``check`` before the tests, ``build`` after them."""
    steps = {"check": _check, "build": _build}
    if len(words) != 1 or words[0] not in steps:
        print("usage: release.py check | build", file=sys.stderr)
        return 2
    return _check() or (_build() if words[0] == "build" else 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
