"""README.md: short, and what it says about names, commands, files and dependencies is what the repository has."""

from __future__ import annotations

import re
import tomllib

import pytest

from bot.cli.main import main
from tests.support.pages import ROOT, Page, make_targets

README = Page("README.md")


def test_it_is_short() -> None:
    """What a newcomer reads; everything else has its page."""
    assert len(README.text.splitlines()) <= 180


def test_every_make_target_exists() -> None:
    """What README tells to make is in the Makefile, and is explained by `make help`."""
    told = {word for line in README.code_lines() for word in re.findall(r"\bmake(?: [A-Z]+=\S+)* ([a-z-]+)", line)}
    assert told >= {"sandbox", "test"}
    assert told <= set(make_targets())


def commands() -> set[str]:
    typed = re.compile(r"(?<!ADDRESS )\bdh-bot((?: (?:--)?[a-z][a-z-]*)+)")
    return {told for line in README.code_lines() for told in typed.findall(line)}


@pytest.mark.parametrize("command", sorted(commands()))
def test_every_command_exists(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The command line accepts what README tells to type: its words, and its options."""
    words = [word for word in command.split() if not word.startswith("-")]
    assert main([*words, "--help"]) == 0
    told = capsys.readouterr().out
    assert all(option in told for option in command.split() if option.startswith("--"))


def test_each_dependency_has_its_reason() -> None:
    """The runtime dependencies of pyproject.toml, and no other."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = [re.split(r"[\[>=<]", text)[0] for text in project["dependencies"]]
    table = README.rows("Dependencies")
    assert sorted(row[0].strip("`") for row in table) == sorted(needed)
    assert all(row[1] for row in table)


def anchors(page: Page) -> set[str]:
    """What its headings are linked by."""
    titles = re.findall(r"^#+ (.+)$", page.prose, re.MULTILINE)
    return {re.sub(r"[^a-z0-9 _-]", "", title.lower()).replace(" ", "-") for title in titles}


def test_links_lead_somewhere() -> None:
    """Links to files, links to headings here and in other pages, and paths named in the text."""
    for link in re.findall(r"\]\(([^)\s]+)\)", README.prose):
        path, _, anchor = link.partition("#")
        if "://" not in link:
            assert (ROOT / path).exists(), link
            assert not anchor or anchor in anchors(Page(path) if path else README), link
    for picture in re.findall(r'(?:src|srcset)="([^"]+)"', README.text):
        assert (ROOT / picture).exists(), picture
    for span in README.spans:
        if re.fullmatch(r"(?:bot|handlers|sandbox|tests|benchmarks|docs|deploy|\.ci)/[\w./]*", span):
            assert (ROOT / span).exists(), span


def test_nothing_of_the_place_it_was_written_on() -> None:
    """No path of a machine, and no address but public ones."""
    hosts = set(re.findall(r"https?://([^/\s)>`]+)", README.text))
    public = {"api.slack.com", "slack.com", "metastudio.cn-north-4.myhuaweicloud.com"}
    assert hosts <= public | {"proxy.example.com:3128", "bot.example.com"}
    assert not re.search(r"(?<![\w.])/(?:work|home|root|tmp|opt)/", README.text)
