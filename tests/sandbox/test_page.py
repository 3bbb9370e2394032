"""The sandbox's page without a browser: who may come in, what is told and what is not, where the bot may go."""

from __future__ import annotations

import http.client
import re
import tomllib
from collections.abc import Iterator
from datetime import timedelta
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest

from bot.domain import evidence
from bot.domain.evidence import Finding
from bot.settings.schema import Settings
from sandbox.bot_process import shut_in
from sandbox.page import waiting
from sandbox.page.main import has_display
from sandbox.page.scene import SETTLE_AFTER, Scene
from sandbox.page.server import Page
from tests.sandbox.page_window import Window, open_window
from tests.support.paths import ROOT

STATIC = ROOT / "sandbox" / "page" / "static"


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    """The page alone; its Slack, MetaStudio and bot are not started."""
    with Page(Scene(tmp_path)) as made:
        yield made
        assert made.errors == []
        made.scene.stopping.set()


@pytest.fixture
def window(tmp_path: Path) -> Iterator[Window]:
    """A window of a whole sandbox."""
    scene = Scene(tmp_path)
    with Page(scene) as made:
        scene.start()
        try:
            with open_window(made.url) as opened:
                yield opened
        finally:
            scene.stop()
        assert made.errors == scene.slack.front.errors == scene.cloud.errors == []
        assert scene.slack.violations == []


def get(page: Page, path: str, **headers: str) -> tuple[int, dict[str, str], str]:
    """One request, with exactly these headers besides Host."""
    connection = http.client.HTTPConnection("127.0.0.1", page.port, timeout=10)
    connection.request("GET", path, headers={"Host": f"127.0.0.1:{page.port}", **headers})
    response = connection.getresponse()
    told = response.status, dict(response.headers), response.read().decode()
    connection.close()
    return told


@pytest.mark.parametrize(
    ("host", "status"),
    [("127.0.0.1:{port}", 200), ("localhost:{port}", 200), ("127.0.0.1", 421), ("evil.example:{port}", 421), ("", 421)],
)
def test_only_its_own_address_is_answered(page: Page, host: str, status: int) -> None:
    """Another name that was made to lead here (DNS rebinding) gets nothing."""
    assert get(page, "/", Host=host.format(port=page.port))[0] == status


def test_under_another_address_it_says_how_to_reach_it(page: Page) -> None:
    """Whoever has forwarded another port reads which address to open, and how to forward from another machine."""
    body = get(page, "/", Host="devbox:8080")[2]
    assert f"http://localhost:{page.port}" in body
    assert f"ssh -L {page.port}:localhost:{page.port}" in body


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://127.0.0.1:{port}", 426),
        ("http://127.0.0.1:1", 403),
        ("https://evil.example", 403),
        ("null", 403),
        ("", 403),
    ],
)
def test_no_other_site_opens_a_window(page: Page, origin: str, status: int) -> None:
    """The WebSocket is for the page's own origin; a browser always names the true one."""
    assert get(page, "/window", Origin=origin.format(port=page.port))[0] == status
    assert get(page, "/window")[0] == 403


@pytest.mark.parametrize("path", ["/nowhere", "/../scene.py", "/%2e%2e/scene.py", "/static/app.js", "/app.js/"])
def test_only_the_page_s_files_are_given(page: Page, path: str) -> None:
    """Nothing else of the disk."""
    assert get(page, path)[0] == 404


def test_nothing_of_elsewhere_may_be_loaded_or_run(page: Page) -> None:
    """The policy is strict, and the page needs no exception: no inline script or style, no HTML from strings."""
    _, headers, html = get(page, "/")
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'self';")
    assert "unsafe" not in policy
    assert not re.search(r"<script(?![^>]* src=)|<style|\son\w+=|\sstyle=", html)
    for file in STATIC.iterdir():
        text = file.read_text(encoding="utf-8")
        addresses = set(re.findall(r"https?://[^\s\"'`/)]+", text)) - {
            "http://www.w3.org",
            "https://${store.hello.team_domain}.slack.com",
        }
        assert not addresses, file.name
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", text), file.name


def test_a_wheel_has_the_page() -> None:
    """Every file of it is package data."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    patterns = project["tool"]["setuptools"]["package-data"]["sandbox"]
    for file in STATIC.iterdir():
        assert any(fnmatch(str(file.relative_to(ROOT / "sandbox")), pattern) for pattern in patterns), file.name


NONSENSE = ["", "no json", "[]", "{}", '{"do": "nothing"}', '{"do": "__class__", "id": 1}', '{"do": []}', "7"]


def test_nonsense_is_ignored(window: Window) -> None:
    """The window stays open and goes on working."""
    for text in NONSENSE:
        window.send(text)
    assert "error" not in window.ask("say", channel=window.channel, text="still here")
    window.said("still here")


IMPOSSIBLE: list[dict[str, Any]] = [
    {"what": "act_as", "user": "U0NOBODY"},
    {"what": "click", "channel": "C0NOWHERE", "ts": "1", "action": "x"},
    {"what": "trouble", "key": "nonsense", "on": True},
    {"what": "command", "channel": "C0NOWHERE", "text": "x"},
    {"what": "say", "text": "x"},
]


def test_what_cannot_be_done_is_answered(window: Window) -> None:
    """With an error, and no more."""
    for asked in IMPOSSIBLE:
        assert window.ask(**asked)["error"], asked


def test_no_secret_is_told(window: Window, tmp_path: Path) -> None:
    """Tokens, keys, signatures, answer addresses, and what MetaStudio keeps about people are not told to a window."""
    job = window.job()
    card = window.card(job)
    window.press(card, "dh_confirm")
    window.said("*Deleted:*")
    window.until(lambda: any(row["what"].startswith("DELETE") for row in window.rows.values()))
    told = "\n".join(window.heard)
    assert "Signature=[redacted]" in told
    assert '\\"response_url\\": \\"[redacted]\\"' in told
    secrets = (
        *(r"xoxb-[^\[]", r"xapp-[^\[]", r"Signature=[^\[]", r"Access=[^\[]", r"sandboxSecretKey", r"SANDBOXACCESSKEY"),
        *(r"/commands/T", r"/actions/T", r"ticket=", r"13800138000", r"customer-4711", r"bearer-"),
    )
    for secret in secrets:
        assert not re.search(secret, told), secret


def test_people_see_what_is_theirs(window: Window) -> None:
    """Private answers, and channels in which somebody is not, are not even sent to that person's window."""
    window.ask("command", channel=window.channel, text="no id!")
    private = window.until(lambda: next((m for m in window.messages.values() if m["private"]), None))
    before = len(window.heard)
    carla = next(person["id"] for person in window.hello["people"] if person["name"] == "Carla")
    assert "error" not in window.ask("act_as", user=carla)
    window.until(lambda: window.known["as"] == carla and window.known["channels"])
    assert [channel["name"] for channel in window.known["channels"]] == ["dh-on-call"]
    since = "\n".join(window.heard[before:])
    assert f'"ts": "{private["ts"]}"' not in since


@pytest.mark.parametrize(
    ("name", "value", "fits"),
    [
        ("SLACK_API_URL", "http://127.0.0.1:9/api/", True),
        ("SLACK_API_URL", "https://slack.com/api/", False),
        ("METASTUDIO_ENDPOINT", "http://127.0.0.1.evil.example", False),
        ("METASTUDIO_ENDPOINT", "http://127.0.0.1@evil.example", False),
        ("DATABASE_URL", "sqlite:////somewhere/ledger.db", True),
        ("DATABASE_URL", "postgresql+psycopg://db.example/x", False),
        ("DATABASE_URL", "postgresql://u:p@127.0.0.1:5432,127.0.0.1:5433/x", True),
        ("DATABASE_URL", "postgresql://u@/x?host=127.0.0.1:5432&host=127.0.0.1:5433", True),
        ("DATABASE_URL", "postgresql://u@%2Frun%2Fpg/x", True),
        ("DATABASE_URL", "postgresql://u:p@127.0.0.1:5432,db.example:5432/x", False),
        ("DATABASE_URL", "postgresql://127.0.0.1/x?host=127.0.0.1,db.example", False),
        ("DATABASE_URL", "postgresql://127.0.0.1/x?hostaddr=10.0.0.1", False),
        ("DATABASE_URL", "dbname=x host=db.example", False),
        ("METASTUDIO_PROXY", "127.0.0.1:3128", False),
        ("HTTPS_PROXY", "anything", False),
    ],
)
def test_the_bot_is_sent_nowhere_else(tmp_path: Path, name: str, value: str, *, fits: bool) -> None:
    """A setting that leads off this machine is refused before the bot starts."""
    if fits:
        assert shut_in(tmp_path, {name: value})[name] == value
    else:
        with pytest.raises(ValueError, match=name):
            shut_in(tmp_path, {name: value})


def test_the_bot_s_environment_is_made_from_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the shell holds, the bot gets PATH, a home of its own, and its settings."""
    for name in (
        "SLACK_BOT_TOKEN",
        "HUAWEICLOUD_SDK_AK",
        "CLOUD_SDK_SK",
        "IAM_USER",
        "HTTPS_PROXY",
        "METASTUDIO_REGION",
    ):
        monkeypatch.setenv(name, "poison")
    environ = shut_in(tmp_path, {"LOG_LEVEL": "INFO"})
    assert environ.keys() == {"PATH", "HOME", "PYTHONPATH", "LOG_LEVEL"}
    assert Path(environ["HOME"]).is_relative_to(tmp_path)


@pytest.mark.parametrize(
    ("platform", "environ", "shows"),
    [
        ("linux", {"DISPLAY": ":0"}, True),
        ("linux", {"WAYLAND_DISPLAY": "wayland-0"}, True),
        ("linux", {"DISPLAY": ""}, False),
        ("linux", {}, False),
        ("darwin", {}, True),
    ],
)
def test_a_browser_is_opened_where_one_can_show(
    platform: str, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch, *, shows: bool
) -> None:
    """On a server no browser is started, and no text browser takes the terminal."""
    monkeypatch.setattr("sys.platform", platform)
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert has_display() is shows


@pytest.mark.parametrize("answered", [False, True], ids=["the reply was lost", "MetaStudio answered"])
def test_what_decides_is_what_the_bot_waits_for(*, answered: bool) -> None:
    """The page imports nothing of the bot, so its numbers are compared: how many checks, and over what time."""
    enough = evidence.patience(answered=answered, settle_after=timedelta(seconds=SETTLE_AFTER))
    gone, present = enough[Finding.GONE], enough[Finding.PRESENT]
    assert gone.over == present.over == timedelta(seconds=SETTLE_AFTER)
    said = waiting.enough(answered=answered)
    assert [int(number) for number in re.findall(r"\d+", said)] == [gone.reads, present.reads, SETTLE_AFTER]


def test_the_page_knows_how_long_the_bot_really_waits() -> None:
    """After a lost reply ten minutes by default, which the page names beside its own seconds."""
    minutes = Settings.model_fields["settle_after_seconds"].default // 60
    assert f"instead of {minutes} min." in (STATIC / "backstage.js").read_text(encoding="utf-8")
