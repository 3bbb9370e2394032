"""manifest.yml: Slack would accept it, and its scopes are exactly what the code needs."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from slack_sdk import WebClient

from bot.doctor import slack as doctor
from bot.settings.schema import Settings
from tests.support.paths import ROOT, SHARED
from tests.support.scripts import script

SCHEMA = SHARED / "reference" / "slack-manifest-schema" / "manifest.schema.2.0.0.json"

SCOPES: dict[str, frozenset[str]] = {
    # Web API method -> the bot scopes it needs, from the methods' reference pages.
    "auth.test": frozenset(),
    "chat.postMessage": frozenset({"chat:write"}),
    "chat.postEphemeral": frozenset({"chat:write"}),
    "chat.update": frozenset({"chat:write"}),
    "chat.getPermalink": frozenset(),
    "users.info": frozenset({"users:read"}),
    # im:read and mpim:read are left out: a conversation that cannot be looked up is refused, and those would be anyway.
    "conversations.info": frozenset({"channels:read", "groups:read"}),
    # Only with AUTHORIZED_USERGROUPS; without the scope the bot says so, and listed people go on working.
    "usergroups.users.list": frozenset({"usergroups:read"}),
    # Any one scope is enough, and the Home tab has to be switched on.
    "views.publish": frozenset(),
    # Called with the app-level token, whose scope connections:write is not part of a manifest.
    "apps.connections.open": frozenset(),
}
WITHOUT_A_CALL = frozenset({"commands"})
"""Needed to receive, not to call."""


@pytest.fixture(scope="module")
def manifest() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "manifest.yml").read_text(encoding="utf-8"))
    return loaded


def called_methods() -> Iterator[str]:
    """The Web API methods that bot and handlers name, as attribute of a client or as text."""
    known = {name for name in vars(WebClient) if "_" in name and not name.startswith("_")} - {"api_call"}
    for folder in ("bot", "handlers"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Attribute) and node.attr in known:
                    yield node.attr.replace("_", ".")
                elif (
                    isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "api_call"
                ):
                    first = node.args[0] if node.args else None
                    assert isinstance(first, ast.Constant), f"{path}:{node.lineno}: name the method as a constant"
                    yield str(first.value)


def test_scopes_are_exactly_those_of_the_calls(manifest: dict[str, Any]) -> None:
    """Nothing more than needed is asked of whoever installs the app, and nothing is missing at the first call."""
    methods = set(called_methods())
    assert methods >= {"auth.test", "chat.postMessage", "chat.update", "users.info", "conversations.info"}
    assert methods <= SCOPES.keys(), f"add to SCOPES, and to manifest.yml: {methods - SCOPES.keys()}"
    needed = WITHOUT_A_CALL.union(*(SCOPES[method] for method in methods))
    assert set(manifest["oauth_config"]["scopes"]["bot"]) == needed
    assert manifest["oauth_config"]["scopes"].keys() == {"bot"}


def test_the_doctor_asks_for_the_same_scopes(manifest: dict[str, Any]) -> None:
    """The code's own list, which it compares with those of the token, is that of the manifest."""
    assert sorted((*doctor.SCOPES, doctor.WITH_GROUPS)) == sorted(manifest["oauth_config"]["scopes"]["bot"])


def reasons() -> dict[str, str]:
    """Each scope with the comment beside it."""
    text = (ROOT / "manifest.yml").read_text(encoding="utf-8")
    return dict(re.findall(r"^      - ([a-z:]+)  # (.+)$", text.partition("    bot:\n")[2], re.MULTILINE))


def test_every_scope_has_its_reason(manifest: dict[str, Any]) -> None:
    """A comment beside each says why the bot asks for it."""
    assert [*reasons()] == manifest["oauth_config"]["scopes"]["bot"]


def test_the_installing_page_has_every_scope_with_its_reason() -> None:
    """Whoever approves the app reads there what the manifest says."""
    page = (ROOT / "docs" / "install.md").read_text(encoding="utf-8")
    assert dict(re.findall(r"^\| `([a-z:]+)` \| (.+) \|$", page, re.MULTILINE)) == reasons()


@pytest.mark.skipif(not SCHEMA.exists(), reason=f"Slack's schema is not beside this repository ({SCHEMA.name})")
def test_slack_accepts_it(manifest: dict[str, Any]) -> None:
    """It is valid by Slack's own schema."""
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    problems = [error.message for error in jsonschema.Draft7Validator(schema).iter_errors(manifest)]
    assert problems == []


def test_what_the_schema_does_not_check(manifest: dict[str, Any]) -> None:
    """Slack refuses these, its schema does not; or the bot would not work."""
    (command,) = manifest["features"]["slash_commands"]
    assert command["command"] == Settings.model_fields["slack_command"].default
    assert "url" not in command
    assert command["should_escape"] is False
    assert manifest["settings"]["socket_mode_enabled"] is True
    assert manifest["settings"]["interactivity"] == {"is_enabled": True}
    assert manifest["settings"]["token_rotation_enabled"] is False
    assert manifest["settings"]["org_deploy_enabled"] is False
    assert manifest["features"]["app_home"]["messages_tab_enabled"] is True
    assert manifest["features"]["app_home"]["home_tab_enabled"] is True
    assert manifest["settings"]["event_subscriptions"] == {"bot_events": ["app_home_opened"]}
    assert len(manifest["display_information"]["name"]) <= 35
    assert len(manifest["display_information"]["description"]) <= 140


# The variant for HTTP mode.

URL = "https://bot.example.com"
EVENTS = f"{URL}/slack/events"


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The text that `make manifest-http` writes."""
    http = script("manifest_http")
    monkeypatch.setattr(http, "MADE", tmp_path / "manifest-http.yml")
    assert http.main([URL]) == 0
    return (tmp_path / "manifest-http.yml").read_text(encoding="utf-8")


def test_the_http_variant_has_every_request_url_and_no_socket_mode(made: str, manifest: dict[str, Any]) -> None:
    """Without Socket Mode Slack refuses a manifest that lacks one (rulebook 9.4). All else stays as it is."""
    http = yaml.safe_load(made)
    assert http["settings"]["socket_mode_enabled"] is False
    for command in http["features"]["slash_commands"]:
        assert command.pop("url") == EVENTS
    for name in {"interactivity", "event_subscriptions"} & http["settings"].keys():
        assert http["settings"][name].pop("request_url") == EVENTS
    assert http["settings"]["interactivity"]["is_enabled"] is True
    http["settings"]["socket_mode_enabled"] = True
    assert http == manifest


def test_the_http_variant_keeps_the_comments(made: str) -> None:
    """They give the reason of each scope to whoever installs the app."""
    comments = [line.partition("# ")[2] for line in (ROOT / "manifest.yml").read_text(encoding="utf-8").splitlines()]
    assert [line.partition("# ")[2] for line in made.splitlines() if "# " in line] == [
        text for text in comments if text
    ]


@pytest.mark.skipif(not SCHEMA.exists(), reason=f"Slack's schema is not beside this repository ({SCHEMA.name})")
def test_slack_accepts_the_http_variant(made: str) -> None:
    """It is valid by Slack's own schema too."""
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    assert [error.message for error in jsonschema.Draft7Validator(schema).iter_errors(yaml.safe_load(made))] == []


def test_event_subscriptions_get_their_request_url_too() -> None:
    """And so does each command, when there are more of them."""
    text = (ROOT / "manifest.yml").read_text(encoding="utf-8")
    more = text.replace("settings:\n", "settings:\n  event_subscriptions:\n    bot_events: [app_home_opened]\n", 1)
    more = more.replace("  slash_commands:\n", "  slash_commands:\n    - command: /other\n      description: x\n", 1)
    http = yaml.safe_load(script("manifest_http").for_http(more, EVENTS))
    assert http["settings"]["event_subscriptions"]["request_url"] == EVENTS
    assert [command["url"] for command in http["features"]["slash_commands"]] == [EVENTS, EVENTS]


def test_a_manifest_in_another_form_is_refused_rather_than_half_changed() -> None:
    """What the text means afterwards is compared with what it has to mean."""
    text = (ROOT / "manifest.yml").read_text(encoding="utf-8")
    flow = text.replace("  socket_mode_enabled: true", "  'socket_mode_enabled': true")
    with pytest.raises(ValueError, match="its own line"):
        script("manifest_http").for_http(flow, EVENTS)


@pytest.mark.parametrize(
    ("url", "rule"),
    [
        ("", "https://"),
        ("http://bot.example.com", "https://"),
        ("bot.example.com", "https://"),
        ("https://bot.example.com/slack/events", "without path"),
        ("https://bot.example.com?x=1", "without path"),
        ("https://bot.example.com?", "without path"),
        ("https://bot.example.com#top", "without path"),
        ("https://", "public host"),
        ("https://localhost", "public host"),
        ("https://u:p@bot.example.com", "public host"),
        ("https://bot.example.com, https://b.example.com", "without path"),
        ("https://bot .example.com", "public host"),
        ("https://b\u00f6t.example.com", "public host"),
    ],
)
def test_a_url_that_slack_could_not_use_is_refused(url: str, rule: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The message names the rule and the remedy, and nothing is written."""
    http = script("manifest_http")
    assert http.main([url]) == 2
    told = capsys.readouterr().err
    assert rule in told
    assert "URL=https://bot.example.com" in told


@pytest.mark.parametrize("url", ["https://bot.example.com/", "https://bot.example.com:8443", "https://BOT.example.com"])
def test_urls_that_can_be_used(url: str) -> None:
    """A slash at the end, a port, and capital letters do no harm."""
    assert script("manifest_http").request_url(url).endswith("/slack/events")
    assert "//slack" not in script("manifest_http").request_url(url)
