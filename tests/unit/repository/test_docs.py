"""docs/: the pages say what the code says, name only what exists, and build into a site without a broken link."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from bot.cli.main import EXIT_STATUS, main
from bot.domain.events import Kind
from bot.domain.model import Cause
from bot.domain.notifications import NotificationKind
from bot.domain.outcomes import Ending
from bot.domain.refusals import Reason
from bot.domain.replies import CONSEQUENCES, Meaning
from bot.ledger.database.trouble import REMEDIES
from bot.settings.schema import Settings
from docs.generate import messages as messages_page
from tests.support.pages import ROOT, Page

DOCS = ROOT / "docs"
PAGES = {path.name: path.read_text(encoding="utf-8") for path in sorted(DOCS.glob("*.md"))}
RUNBOOK = PAGES["runbook.md"]
OF_HUAWEI = re.compile(r"(?:HUAWEICLOUD|CLOUD)_SDK_[A-Z_]+")
METRICS = set(re.findall(r"^\| `(dh_bot_[a-z_]+)` \|", PAGES["operating.md"], re.MULTILINE))
"""The table that tests/unit/ops/test_metrics.py keeps in step with the code."""
IGNORED = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
"""Folders that whoever follows a page makes."""
NO_SETTINGS = re.compile(
    r"(?:[A-Z]+_PROXY|NO_PROXY|NO_COLOR|NAME_FILE|EMPTY_DATABASE|AUTHORISED_USERS|REQUIRE_REASON|ALLOWED_USERS)"
)


def spans(text: str) -> list[str]:
    """What a page sets as code: the lines of its blocks, and the code in its sentences."""
    blocks = re.findall(r"^```[^\n]*\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    return [*(line for block in blocks for line in block.splitlines()), *re.findall(r"`([^`\n]+)`", prose)]


def test_the_page_of_messages_is_what_the_code_says() -> None:
    """docs/messages.md is what `make docs` writes."""
    assert PAGES["messages.md"] == messages_page.page(), "run `make docs`"


def test_the_page_of_messages_has_everything() -> None:
    """Each reason, ending, message, meaning, cause and diagnosis has its row, and a next step."""
    assert list(messages_page.NEXT) == list(Reason)
    assert list(messages_page.ENDINGS) == list(Ending)
    assert list(messages_page.ON_CAUSE) == list(Cause)
    told = {kind for kind, *_ in messages_page.LATER} | {kind for _, kind, _ in messages_page.ENDINGS.values()}
    # A card is drawn; a refusal has its own table.
    assert told == set(NotificationKind) - {NotificationKind.CARD, NotificationKind.REFUSED}
    assert set(messages_page.AFTER_DELETE) == set(CONSEQUENCES) == set(Meaning)
    page = PAGES["messages.md"]
    words = [f"`{word}`" for word in (*(one.value for one in (*Reason, *Ending)), *REMEDIES)]
    words += [one.value for one in (*Meaning, *Cause)]
    assert [word for word in words if f"\n| {word} |" not in page] == []


def test_every_page_is_in_the_lists() -> None:
    """The first page of docs/ and README lead to each of the others."""
    others = PAGES.keys() - {"index.md"}
    assert set(re.findall(r"^\| \[[^]]+\]\((.+?)\) \|", PAGES["index.md"], re.MULTILINE)) == others
    pages = Page("README.md").section("Pages")
    assert set(re.findall(r"^\| \[[^]]+\]\(docs/(.+?)\) \|", pages, re.MULTILINE)) == others
    rows = [line.replace("](docs/", "](") for line in pages.splitlines() if line.startswith("|")]
    assert rows == [line for line in PAGES["index.md"].splitlines() if line.startswith("|")], "two lists of the same"
    assert "](docs/index.md)" in pages


def test_every_diagnosis_of_the_ledger_is_in_the_table() -> None:
    """Each that has a remedy, and no other."""
    rows = Page("docs/messages.md").rows("Diagnoses of the ledger")
    assert {row[0].strip("`") for row in rows} == REMEDIES.keys()


@pytest.mark.parametrize("name", PAGES)
def test_pictures_are_there(name: str) -> None:
    """Light and dark; mkdocs does not look at HTML."""
    for picture in re.findall(r'(?:src|srcset)="([^"]+)"', PAGES[name]):
        assert (DOCS / picture).exists(), picture


def test_the_site_builds_strictly(tmp_path: Path) -> None:
    """Every link and anchor leads somewhere, every page is in the menu; a warning is an error."""
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)  # noqa: S603
    assert built.returncode == 0, built.stderr
    assert (tmp_path / "site" / "messages.html").exists()
    config = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    assert config["strict"] is True


def test_the_site_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    """No page fetches a script, a style or a font from another host, and none shows a fence that was not understood."""
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--site-dir", str(tmp_path / "site")]
    subprocess.run(command, cwd=ROOT, capture_output=True, check=True, timeout=120)  # noqa: S603 - our own words
    for path in (tmp_path / "site").glob("*.html"):
        html = path.read_text(encoding="utf-8")
        assert "```" not in html, path
        assert re.findall(r"""<(?:script|link|img|source)\b[^>]*(?:src|href)=["'](?:https?:)?//""", html) == []


@pytest.mark.parametrize("name", PAGES)
def test_what_a_page_names_exists(name: str) -> None:
    """Settings, make targets, metrics, kinds of events and files: those of this repository."""
    text = PAGES[name]
    settings = {field.upper() for field in Settings.model_fields}
    targets = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for span in spans(text):
        assert set(re.findall(r"(?:^|\s)make(?: [A-Z]+=\S+)* ([a-z-]+)", span)) <= targets, span
        assert set(re.findall(r"dh_bot_[a-z_]+", span)) <= METRICS, span
        for kind in re.findall(r"--kind (\S+)", span):
            assert kind in set(Kind), span
        if re.fullmatch(r"(?:bot|handlers|sandbox|tests|deploy|docs)/[\w./-]*", span):
            assert (ROOT / span).exists() or f"/{span}/" in IGNORED, span
        if re.fullmatch(r"[A-Z]+(?:_[A-Z]+)+", span) and not re.fullmatch(OF_HUAWEI, span):
            known = settings | set(messages_page.job_states.STATES)
            assert span in known or span.removesuffix("_FILE") in known or re.fullmatch(NO_SETTINGS, span), span


def commands() -> set[str]:
    """Every `dh-bot …` that a page tells to type: its words and options."""
    told = {line for text in PAGES.values() for line in spans(text)}
    # In what is typed for other programs it is the name of a namespace or a unit.
    ours = {line for line in told if not re.match(r"(?:kubectl|systemctl|journalctl|docker) ", line.strip())}
    return {found for line in ours for found in re.findall(r"\bdh-bot((?: (?:--)?[a-z][a-z-]*)+)", line)}


@pytest.mark.parametrize("command", sorted(commands()))
def test_every_command_exists(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The command line accepts what the pages tell to type."""
    words = [word for word in command.split() if not word.startswith("--")]
    assert main([*words[:2], "--help"]) == 0
    told = capsys.readouterr().out
    assert all(option in told for option in command.split() if option.startswith("--"))


def test_the_runbook_has_every_alert() -> None:
    """Each alert of deploy/prometheus leads to a section and names it itself; no other is listed."""
    alerts = yaml.safe_load((ROOT / "deploy" / "prometheus" / "alerts.yml").read_text(encoding="utf-8"))
    named = {
        rule["alert"]: rule["annotations"]["runbook"].removeprefix("docs/runbook.md")
        for group in alerts["groups"]
        for rule in group["rules"]
    }
    rows = dict(re.findall(r"^\| `(DhBot\w+)` \|(.*)\|$", RUNBOOK, re.MULTILINE))
    # Where the row leads out of the runbook, the table itself is the section.
    leads = {alert: next(iter(re.findall(r"\]\((#[^)]+)\)", row)), "#alerts") for alert, row in rows.items()}
    assert named == leads


def test_the_runbook_has_every_line_of_the_log_that_is_trouble() -> None:
    """Each warning and error that the code logs is explained, and no other."""
    said: set[str] = set()
    for folder in ("bot", "handlers"):
        for path in (ROOT / folder).rglob("*.py"):
            calls = r"\.(?:warning|error|exception|critical)\(\s*\"([a-z_]+)\""
            said |= set(re.findall(calls, path.read_text(encoding="utf-8")))
    lines = RUNBOOK.split("## Lines of the log", maxsplit=1)[1]
    assert set(re.findall(r"^\| `([a-z_]+)` \|", lines, re.MULTILINE)) == said


def test_the_runbook_knows_why_the_bot_does_not_start() -> None:
    """Its statuses are those of the command line, and what it quotes is what the bot says then."""
    table = RUNBOOK.split("## The bot does not start")[1].split("\n## ")[0]
    seen = re.findall(r"^\| (\d[^|]*) \|", table, re.MULTILINE)
    assert {one.split(",")[0] for one in seen} == {"2", "3"}
    assert {"2 usage or settings", "3 cannot start"} <= set(
        re.split(r"[:,.] ?", EXIT_STATUS.replace("Exit status: ", ""))
    )
    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "bot").rglob("*.py"))
    quoted = [words for one in seen for words in re.findall(r'"([^"]+)"', one)]
    assert quoted
    assert [words for words in quoted if words not in code] == []


def test_nothing_of_the_place_they_were_written_on() -> None:
    """No path of a machine, and no address but public ones and examples."""
    public = {"api.slack.com", "slack.com", "metastudio.cn-north-4.myhuaweicloud.com"}
    public |= {"bot.example.com", "proxy.example.com:3128", "127.0.0.1:9090"}
    for text in PAGES.values():
        assert set(re.findall(r"https?://([^/\s)>`]+)", text)) <= public
        assert not re.search(r"(?<![\w.])/(?:work|home|root|tmp|opt)/", text)
