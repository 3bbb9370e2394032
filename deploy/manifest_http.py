"""Makes the manifest for HTTP mode from manifest.yml, its comments included: ``make manifest-http URL=https://…``.

There is one manifest, so the two variants cannot drift apart. HTTP mode differs in two things: Socket Mode is off, and
the manifest names the request URLs. Without them Slack refuses the manifest.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

ROOT = Path(__file__).resolve().parents[1]
MADE = ROOT / "manifest-http.yml"
PATH = "/slack/events"
HOST = re.compile(r"(?=.{1,253}(?::|\Z))[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63})+(?::[0-9]{1,5})?", re.IGNORECASE)


def request_url(base: str) -> str:
    """Return the address for all of Slack's requests; raises ``ValueError`` with the rule and the remedy."""
    remedy = "Give the address under which Slack reaches the bot, such as URL=https://bot.example.com"
    parts = urlsplit(base)
    if parts.scheme != "https":
        raise ValueError(f"URL has to begin with https://, since Slack sends to nothing else. {remedy}")
    if parts.path.strip("/") or parts.query or parts.fragment or "?" in base or "#" in base:
        raise ValueError(f"URL has to end after the host, without path or query; {PATH} is added. {remedy}")
    if not HOST.fullmatch(parts.netloc):
        raise ValueError(f"URL has to name a public host, without a user name. {remedy}")
    return f"https://{parts.netloc}{PATH}"


def for_http(manifest: str, url: str) -> str:
    """Return the manifest with these request URLs and Socket Mode off; raises ``ValueError`` if that fails."""
    text = re.sub(r"(?m)^( *)- command:.*$", rf"\g<0>\n\1  url: {url}", manifest)
    text = re.sub(r"(?m)^( *)(?:interactivity|event_subscriptions):.*$", rf"\g<0>\n\1  request_url: {url}", text)
    text = re.sub(r"(?m)^( *socket_mode_enabled:) true\b", r"\1 false", text)
    if yaml.safe_load(text) != _changed(yaml.safe_load(manifest), url):
        raise ValueError(
            "manifest.yml is written in a form that this script does not know; write each key on its own line"
        )
    return text


def _changed(loaded: dict[str, Any], url: str) -> dict[str, Any]:
    """The parsed manifest that the new text must be equal to, made from the parsed one for Socket Mode."""
    for command in loaded["features"]["slash_commands"]:
        command["url"] = url
    settings = loaded["settings"]
    settings["socket_mode_enabled"] = False
    for name in {"interactivity", "event_subscriptions"} & settings.keys():
        settings[name]["request_url"] = url
    return loaded


def main(arguments: list[str]) -> int:
    """Write the file; exit status 2 for an unusable URL."""
    try:
        url = request_url(arguments[0] if arguments else "")
        made = for_http((ROOT / "manifest.yml").read_text(encoding="utf-8"), url)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    MADE.write_text(made, encoding="utf-8")
    print(f"{MADE.name} is written, for {url}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
