""".github/ and the hooks: what they name exists, they fetch nothing, and they ask for nothing that must stay secret."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from handlers.vocabulary import SUBCOMMANDS
from tests.support.pages import ROOT, Page, make_targets

GITHUB = ROOT / ".github"
GUIDE = (GITHUB / "CONTRIBUTING.md").read_text(encoding="utf-8")
PAGES = sorted(path for path in GITHUB.rglob("*") if path.is_file())
FORMS = sorted(path for path in (GITHUB / "ISSUE_TEMPLATE").glob("*.yml") if path.name != "config.yml")
OF_THE_EXAMPLE = {"tests/flow/test_version.py", "handlers/subcommands/version.py"}
"""The first change makes these; they are not there yet."""


def names(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=names)
def test_what_a_page_names_exists(page: Path) -> None:
    """Files, links, and words of make."""
    text = page.read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:bot|handlers|sandbox|tests|deploy|docs|\.ci|\.github)/[\w./-]*)`", text))
    assert [one for one in sorted(named - OF_THE_EXAMPLE) if not (ROOT / one).exists()] == []
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        path, _, anchor = link.partition("#")
        target = (page.parent / path) if path else page
        assert target.exists(), link
        titles = re.findall(r"^#+ (.+)$", target.read_text(encoding="utf-8"), re.MULTILINE)
        assert not anchor or anchor in {title.lower().replace(" ", "-") for title in titles}, link
    targets = re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert set(re.findall(r"(?:`|^)make ([a-z-]+)", text, re.MULTILINE)) <= set(targets)


@pytest.mark.parametrize("page", PAGES, ids=names)
def test_no_page_has_an_address(page: Path) -> None:
    """No e-mail address that nobody reads, no address of a repository that may move; no line too long."""
    text = page.read_text(encoding="utf-8")
    # An action of a workflow is no address.
    assert not re.search(r"\w@\w|://", re.sub(r"uses: actions/[a-z-]+@v[\d.]+$", "", text, flags=re.MULTILINE))
    assert [line for line in text.splitlines() if len(line) > 120 and not line.startswith("|")] == []


def test_every_word_of_make_is_in_the_table() -> None:
    """What `make help` lists, and no other."""
    told = [
        row[0].strip("`").removeprefix("make ") for row in Page(".github/CONTRIBUTING.md").rows("The words of make")
    ]
    assert sorted(told) == sorted(make_targets())


def test_every_folder_of_tests_is_explained() -> None:
    """The table in CONTRIBUTING has each, and no other."""
    folders = {path.relative_to(ROOT / "tests").parts[0] for path in (ROOT / "tests").glob("*/**/*.py")}
    table = GUIDE.split("## How the tests are organised")[1].split("\n## ")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    assert set(re.findall(r"`tests/(\w+)/`", "".join(rows))) == folders


def test_the_first_change_is_still_one() -> None:
    """Its code is Python, its subcommand is not there yet, and what it tells to change is where it says."""
    blocks = re.findall(r"^   ```python\n(.*?)^   ```$", GUIDE, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        ast.parse(re.sub(r"^   ", "", block, flags=re.MULTILINE))
    assert "version" not in SUBCOMMANDS, "the first change of CONTRIBUTING.md was made; it needs another example"
    for path, word in [
        ("tests/unit/handlers/test_grammar.py", "NAMES = "),
        ("handlers/vocabulary.py", "SUBCOMMANDS: "),
        ("handlers/subcommands/__init__.py", "AT_ONCE: "),
        ("handlers/subcommands/help.py", "ALSO = "),
        ("docs/commands.md", "### What else can be typed"),
        ("tests/unit/domain/test_policy.py", "def test_the_words_for_reasons_are_fixed"),
        ("handlers/views/refusals.py", "SENTENCES: "),
        ("tests/unit/handlers/test_views_refusals.py", "def test_sentences_that_the_page_of_messages_does_not_show"),
        ("docs/generate/message_examples.py", "NEXT: "),
        ("docs/generate/message_examples.py", "FACTS: "),
    ]:
        assert re.search(f"^{re.escape(word)}", (ROOT / path).read_text(encoding="utf-8"), re.MULTILINE), path
        assert path in GUIDE
        assert word.removeprefix("def ").rstrip(" =:").removeprefix("### ") in GUIDE


def test_hooks_are_local() -> None:
    """No repository of others is fetched: each hook calls what .venv has."""
    config: dict[str, Any] = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    assert [one["repo"] for one in config["repos"]] == ["local"]
    hooks = config["repos"][0]["hooks"]
    assert {one["language"] for one in hooks} == {"system"}
    assert all(one["entry"].startswith(".venv/bin/") for one in hooks)
    assert {one["entry"].split()[0].removeprefix(".venv/bin/") for one in hooks} == {"ruff", "mypy"}


@pytest.mark.parametrize("form", FORMS, ids=names)
def test_an_issue_form_is_one(form: Path) -> None:
    """GitHub takes it, it begins with what must never be pasted, and nobody can send it without having read that."""
    loaded: dict[str, Any] = yaml.safe_load(form.read_text(encoding="utf-8"))
    assert {"name", "description", "body"} <= loaded.keys() <= {"name", "description", "title", "labels", "body"}
    body = loaded["body"]
    assert {one["type"] for one in body} <= {"markdown", "input", "textarea", "checkboxes"}
    ids = [one["id"] for one in body if one["type"] != "markdown"]
    assert len(ids) == len(set(ids))
    assert all(one["attributes"]["label"] for one in body if one["type"] != "markdown")
    said = body[0]["attributes"]["value"]
    assert all(word in said for word in ("Never paste", "tokens", "access keys", "passwords", "personal"))
    assert body[-1]["attributes"]["options"][0]["required"] is True


def test_a_bug_report_asks_for_what_helps() -> None:
    """Version, deletion id, request ID, and what the doctor prints; a weakness goes another way."""
    text = (GITHUB / "ISSUE_TEMPLATE" / "bug.yml").read_text(encoding="utf-8")
    for word in ("dh-bot --version", "Deletion id", "Request ID", "dh-bot doctor", ".github/SECURITY.md"):
        assert word in text


def test_a_weakness_is_reported_in_private() -> None:
    """By GitHub's own way, which docs/security.md leads to; where that is missing, by a form that there is."""
    page = (GITHUB / "SECURITY.md").read_text(encoding="utf-8")
    assert "private vulnerability reporting" in page
    (form,) = re.findall(r"with the form \*(.+?)\*", page)
    (loaded,) = [one for one in (yaml.safe_load(path.read_text("utf-8")) for path in FORMS) if one["name"] == form]
    assert "unless it sends you here" in " ".join(loaded["body"][0]["attributes"]["value"].split())
    assert ".github/SECURITY.md" in (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
