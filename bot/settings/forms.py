"""Parses the text of one setting into its value, independent of its source and of other settings.

A form raises ``Wrong`` with the broken rule and the remedy. Neither ever contains the text itself: the message is shown
on terminals and in log collectors, and the text may be a secret that somebody put into the wrong setting.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Collection
from typing import Any, NamedTuple

from pydantic import BeforeValidator, SecretStr

from bot.domain.job_states import STATES

PRINTABLE = re.compile(r"[!-~]+")
SLACK_IDS = {
    "user": re.compile(r"[UW][A-Z0-9]{2,30}"),
    "user group": re.compile(r"S[A-Z0-9]{2,30}"),
    "channel": re.compile(r"[CG][A-Z0-9]{2,30}"),
}
ID_REMEDIES = {
    "user": "Copy the id in Slack from the person's profile: More, Copy member ID (it starts with U or W).",
    "user group": "Copy the id in Slack from the user group's menu: Copy group ID (it starts with S).",
    "channel": "Copy the id in Slack from the channel's details, at the bottom: Channel ID (it starts with C or G).",
}

WHERE = {
    "SLACK_BOT_TOKEN": 'Copy "Bot User OAuth Token" (xoxb-…) from the Slack app\'s page "OAuth & Permissions".',
    "SLACK_APP_TOKEN": 'Create one with the scope connections:write on the Slack app\'s page "Basic Information" '
    "(xapp-…).",
    "SLACK_SIGNING_SECRET": 'Copy "Signing Secret" from the Slack app\'s page "Basic Information".',
    "METASTUDIO_PROJECT_ID": "Copy the project id of the region from the Huawei Cloud console: My Credentials, API "
    "Credentials.",
    "HUAWEICLOUD_SDK_AK": "Set the access key of an IAM user who may delete training jobs.",
}
"""Where the value of a setting comes from, as the remedy."""

LEAVE_OUT = "Leave it out for the default."
IS_PATH = "is the path of a file, not its content"
PATH = re.compile(r"\.{0,2}/(?:[\w.-]+/)*[\w.-]+")
WITH_UNIT = re.compile(r"[0-9.]+ ?[A-Za-z]+")
"""Such as 10m."""
SHORTEST_CARD, LONGEST_CARD = 30, 604_800
SHORTEST_SETTLING, LONGEST_SETTLING = 60, 86_400
SECONDS_ALONE = "Write seconds, without a unit: 600 is ten minutes, 3600 an hour."


class Problem(NamedTuple):
    """A problem with a setting: its name, the broken rule, and the remedy."""

    setting: str
    rule: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.setting} {self.rule}. {self.remedy}"


class Wrong(ValueError):
    """A text that a form does not accept. ``rule`` continues a sentence that begins with the setting's name."""

    def __init__(self, rule: str, remedy: str) -> None:
        super().__init__(f"{rule}. {remedy}")
        self.rule = rule
        self.remedy = remedy


def form(parse: Callable[[str], Any]) -> BeforeValidator:
    """Parse text by ``parse``. A value that already has its type (a default, a test's) is left to pydantic."""
    return BeforeValidator(lambda value: parse(value) if isinstance(value, str) else value)


# Secrets.


def _no_path(text: str) -> None:
    """Raise for a path, which belongs in ``NAME_FILE``. The loader knows the name, and puts it into the remedy."""
    if PATH.fullmatch(text):
        raise Wrong(IS_PATH, "Write the value itself.")


def _unspaced(text: str, rule: str, remedy: str) -> SecretStr:
    # Secrets are sent in HTTP headers, where a line break or a curly quote fails late with an unclear error.
    if not PRINTABLE.fullmatch(text):
        raise Wrong(rule, remedy)
    return SecretStr(text)


def bot_token(text: str) -> SecretStr:
    """A bot token; refuses Slack's other kinds of tokens."""
    remedy = WHERE["SLACK_BOT_TOKEN"]
    _no_path(text)
    if text.startswith("xapp-"):
        raise Wrong("holds an app-level token (xapp-…), which belongs in SLACK_APP_TOKEN", remedy)
    if text.startswith("xoxp-"):
        raise Wrong("holds a user token (xoxp-…), with which the bot would act as that person", remedy)
    if text.startswith("xoxe"):
        raise Wrong(
            "holds a token of an app with token rotation, which ends after 12 hours",
            "Use a Slack app made from manifest.yml, which has token rotation off, and its xoxb-… token.",
        )
    if not text.startswith("xoxb-"):
        raise Wrong("must be a bot token, which starts with xoxb-", remedy)
    return _unspaced(text, "contains a character that no token has, such as a space", remedy)


def app_token(text: str) -> SecretStr:
    """An app-level token; refuses Slack's other kinds of tokens."""
    remedy = WHERE["SLACK_APP_TOKEN"]
    _no_path(text)
    if text.startswith("xoxb-"):
        raise Wrong("holds a bot token (xoxb-…), which belongs in SLACK_BOT_TOKEN", remedy)
    if not text.startswith("xapp-"):
        raise Wrong("must be an app-level token, which starts with xapp-", remedy)
    return _unspaced(text, "contains a character that no token has, such as a space", remedy)


def signing_secret(text: str) -> SecretStr:
    """The secret with which Slack signs its HTTP requests."""
    remedy = WHERE["SLACK_SIGNING_SECRET"]
    _no_path(text)
    if text.startswith(("xoxb-", "xapp-")):
        raise Wrong("holds a token, not the signing secret", remedy)
    return _unspaced(text, "contains a character that no signing secret has, such as a space", remedy)


def access_key(text: str) -> SecretStr:
    """One half of an access key. A security token may look like a path, an access key does not."""
    _no_path(text)
    return key(text)


def key(text: str) -> SecretStr:
    """An access key, its secret or a security token of Huawei Cloud."""
    return _unspaced(
        text, "contains a character that no access key has, such as a space", "Copy it again from Huawei Cloud."
    )


def password(text: str) -> SecretStr:
    """Any text without line ends, NUL, and bytes that are not UTF-8, which no request can carry."""
    if any(sign in text for sign in "\r\n\0"):
        raise Wrong("has more than one line", "Write it as one line.")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Wrong(
            "is not in UTF-8", "Set it again in UTF-8, or put it into a file that IAM_PASSWORD_FILE names."
        ) from None
    return SecretStr(text)


# Lists of ids and names.


def _items(text: str) -> list[str]:
    """Comma-separated items. Spaces around them, a trailing comma and repetition are fine. Raises Wrong without any.

    Compose expands ``${A},${B}`` to a comma alone if neither is set. That must not silently remove a restriction.
    """
    items = [item for item in (part.strip() for part in text.split(",")) if item]
    if not items:
        raise Wrong("names nothing", "Name at least one, or write none if it is meant to be unset.")
    return items


def _why_no_id(item: str, kind: str) -> str:
    if item.startswith(("@", "<@", "#", "<#", "<!")):
        return f"is a name or mention, not the id of a Slack {kind}"
    if re.match(r"[\[({\"']", item):
        return "begins with a bracket or quotation mark; write the ids alone, with commas between them"
    for other, pattern in SLACK_IDS.items():
        if pattern.fullmatch(item):
            return f"is the id of a {other}, not of a {kind}"
    if SLACK_IDS[kind].fullmatch(item.upper()):
        return "is written in small letters; Slack ids are in capitals"
    if re.search(r"\s|;", item):
        return "looks like several; they are separated by commas"
    return f"is not the id of a Slack {kind}"


def slack_ids(kind: str) -> Callable[[str], frozenset[str]]:
    """Ids of one kind, comma-separated."""

    def parse(text: str) -> frozenset[str]:
        items = _items(text)
        for number, item in enumerate(items, start=1):
            if not SLACK_IDS[kind].fullmatch(item):
                raise Wrong(f"is wrong: item {number} of {len(items)} {_why_no_id(item, kind)}", ID_REMEDIES[kind])
        return frozenset(items)

    return parse


def slack_channel(text: str) -> str:
    """One channel id."""
    if "," in text:
        raise Wrong("names several channels, but only one is possible", ID_REMEDIES["channel"])
    if not SLACK_IDS["channel"].fullmatch(text):
        raise Wrong(_why_no_id(text, "channel"), ID_REMEDIES["channel"])
    return text


def job_states(text: str) -> frozenset[str]:
    """Names of MetaStudio job states."""
    items = _items(text)
    for number, item in enumerate(items, start=1):
        if item not in STATES:
            hint = "is not in capitals" if item.upper() in STATES else "is not a documented state of a job"
            raise Wrong(
                f"is wrong: item {number} of {len(items)} {hint}",
                "docs/messages.md has them under *States of a job*, for example TRAINING_DATA_PREPROCESS_FAILED.",
            )
    return frozenset(items)


# Plain texts.


def line(limit: int) -> Callable[[str], str]:
    """One line of text that can stand on a card."""

    def parse(text: str) -> str:
        if len(text) > limit or not text.isprintable():
            raise Wrong(f"must be one line of at most {limit} printable characters", "Shorten it.")
        return text

    return parse


def header_value(text: str) -> str:
    """A value that an HTTP header can carry without an encoding."""
    if len(text) > 64 or not re.fullmatch(r"[!-~](?:[ -~]*[!-~])?", text):
        raise Wrong("must be at most 64 printable ASCII characters", "It is sent as the header X-App-UserId.")
    return text


def command(text: str) -> str:
    """A slash command. Slack allows a few more characters; these are the ones that every client can type."""
    if not re.fullmatch(r"/[a-z0-9_-]{1,31}", text):
        raise Wrong(
            "must be a slash, then 1 to 31 small letters, digits, hyphens or underscores",
            "It has to equal the command in the Slack app's manifest, for example /delete-dh-job.",
        )
    return text


def choice(*names: str) -> Callable[[str], str]:
    """One of a few words, in capitals or not."""

    def parse(text: str) -> str:
        for name in names:
            if text.casefold() == name.casefold():
                return name
        plain = re.sub(r"[\s-]+", "_", text.casefold())
        near = difflib.get_close_matches(plain, [name.casefold() for name in names], n=1, cutoff=0.7)
        meant = next((name for name in names if name.casefold() in near), None)
        raise Wrong(f"must be one of: {', '.join(names)}", f"Did you mean {meant}?" if meant else LEAVE_OUT)

    return parse


def flag(text: str) -> bool:
    """Yes or no."""
    words = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
    if text.casefold() not in words:
        raise Wrong("must be true or false", LEAVE_OUT)
    return words[text.casefold()]


# Numbers.


def whole(low: int, high: int) -> Callable[[str], int]:
    """A whole number within a range, in ASCII digits (``int`` would take others, and underscores)."""

    def parse(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", text) or not low <= int(text) <= high:
            raise Wrong(f"must be a whole number from {low} to {high}", LEAVE_OUT)
        return int(text)

    return parse


def seconds(low: int, usual: int, high: int) -> Callable[[str], int]:
    """Whole seconds. Fewer than ``usual`` are for an endpoint on this machine, which ``checks`` compares."""

    def parse(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", text) or not low <= int(text) <= high:
            remedy = SECONDS_ALONE if WITH_UNIT.fullmatch(text) else LEAVE_OUT
            raise Wrong(f"must be a whole number from {usual} to {high}", remedy)
        return int(text)

    return parse


def number(low: float, high: float) -> Callable[[str], float]:
    """A number within a range, such as 0.5."""

    def parse(text: str) -> float:
        value = float(text) if re.fullmatch(r"[0-9]{1,9}(?:\.[0-9]{1,9})?", text) else math.nan
        if not low <= value <= high:
            remedy = "Write the number alone, without a unit." if WITH_UNIT.fullmatch(text) else LEAVE_OUT
            raise Wrong(f"must be a number from {low:g} to {high:g}", remedy)
        return value

    return parse


class SettingsError(Exception):
    """The bot cannot start with these settings. The text names every problem with its remedy, and no value.

    ``hint`` is a sentence about a missing ``.env``, or empty. ``notes`` are facts that may explain a problem.
    """

    def __init__(self, problems: Collection[Problem], hint: str = "", notes: Collection[str] = ()) -> None:
        self.problems = tuple(dict.fromkeys(problems))
        self.hint = hint
        self.notes = tuple(notes)
        super().__init__(self.text_for("dh-bot run"))

    def text_for(self, command: str) -> str:
        """The text for the person who typed this command."""
        count = "1 problem" if len(self.problems) == 1 else f"{len(self.problems)} problems"
        cannot = "dh-bot cannot start" if command == "dh-bot run" else f"{command} cannot run"
        return "\n".join(
            (
                f"{cannot}: {count} with its settings.",
                *(f"  - {problem}" for problem in self.problems),
                *(f"Note: {note}" for note in self.notes),
                *([self.hint] if self.hint else []),
                "No values are shown here. Every setting is described in .env.example and in docs/settings.md.",
            )
        )
