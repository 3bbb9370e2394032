"""Placeholders of the examples in README.md, ``docs/`` and ``deploy/`` that somebody left in the settings."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from urllib.parse import urlsplit

from bot.settings.addresses import is_loopback
from bot.settings.forms import ID_REMEDIES, WHERE, Problem

PEOPLE = frozenset({"U012AB3CD", "U045EF6GH"})
CHANNELS = frozenset({"C078IJ9KL"})

EXAMPLES: Mapping[str, tuple[Collection[str], str]] = {
    # The values of the examples, and what belongs there.
    "SLACK_BOT_TOKEN": ({"xoxb-your-bot-token"}, WHERE["SLACK_BOT_TOKEN"]),
    "SLACK_APP_TOKEN": ({"xapp-your-app-level-token"}, WHERE["SLACK_APP_TOKEN"]),
    "SLACK_SIGNING_SECRET": ((), WHERE["SLACK_SIGNING_SECRET"]),
    "METASTUDIO_PROJECT_ID": ({"0123456789abcdef0123456789abcdef"}, WHERE["METASTUDIO_PROJECT_ID"]),
    "HUAWEICLOUD_SDK_AK": ({"YOURACCESSKEY"}, WHERE["HUAWEICLOUD_SDK_AK"]),
    "HUAWEICLOUD_SDK_SK": ({"yoursecretkey"}, "Set the access key's other half, its secret."),
    "AUTHORIZED_USERS": (PEOPLE, ID_REMEDIES["user"]),
    "AUTHORIZED_CHANNELS": (CHANNELS, ID_REMEDIES["channel"]),
    "AUDIT_CHANNEL": (CHANNELS, ID_REMEDIES["channel"]),
    "HELP_CONTACT": (CHANNELS, "Write whom the refused may ask: a text, or a Slack id of your workspace."),
    "FREEZE_BY": (PEOPLE, ID_REMEDIES["user"]),
    "DATABASE_URL": (
        {"postgresql://user:password@host:5432/name", "postgresql://user:password@host/name"},
        "Put your own user, password, host and name there.",
    ),
}

STAND_INS = re.compile(
    r"(?:xoxb-|xapp-)?(?:your[a-z_-]*|<[^<>]*>|x{3,}(?:-x+)*|\.{3}|…|change[_-]?me|replace[_-]?me|placeholder|todo)",
    re.IGNORECASE,
)
"""Other texts that stand in for a token or a key, and never are one."""
TOKENS = frozenset(name for name in EXAMPLES if name.startswith(("SLACK_", "HUAWEICLOUD_")))


def _is_local(endpoint: str) -> bool:
    try:
        return is_loopback(urlsplit(endpoint).hostname)
    except ValueError:  # The form of the endpoint reports it.
        return False


def placeholders(texts: Mapping[str, str]) -> Iterator[Problem]:
    """A problem for each setting that still has a placeholder."""
    for name, (examples, remedy) in EXAMPLES.items():
        text = texts.get(name, "")
        items = {item.strip() for item in text.split(",")}
        if name == "METASTUDIO_PROJECT_ID" and _is_local(texts.get("METASTUDIO_ENDPOINT", "")):
            # The sandbox's project has this id.
            continue
        if not items.isdisjoint(examples) or (name in TOKENS and STAND_INS.fullmatch(text)):
            yield Problem(name, "still has the placeholder of the example", remedy)
