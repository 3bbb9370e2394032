"""Takes secrets out of whatever is about to be written to the log. Pure.

Known secrets are masked wherever they appear, also percent-encoded or inside JSON. What Slack and Huawei hand out while
the bot runs (response_urls, trigger_ids, tickets of WebSockets, signatures) cannot be known beforehand and is masked by
its form. Masking too much costs a puzzled reader a minute; masking too little costs a new token.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from urllib.parse import quote, quote_plus

MASK = "[masked]"

SHORTEST = 4
"""Shorter secrets are left alone: masking each ``db`` would make the log unreadable, and betray the secret."""

HEADERS = "authorization|x-auth-token|x-subject-token|x-security-token|x-slack-signature|x-app-userid|cookie"

FORMS: tuple[tuple[str, str], ...] = (
    # Every kind of Slack token, also those that the bot does not use.
    (r"\b(?:xox[a-z]|xapp|xwfp)(?:\.xox[a-z])?-[A-Za-z0-9-]+", MASK),
    # response_urls and webhooks: who has one can post as the bot. The sandbox's have another host, the same path.
    (r"https?://hooks\.[a-z0-9.-]+/[^\s\"'<>]*", MASK),
    (r"https?://[^\s/\"'<>]+/(?:commands|actions|workflows|services)/[^\s\"'<>]*", MASK),
    # The address of a Socket Mode connection carries its ticket.
    (r"\bwss?://[^\s\"'<>]+", MASK),
    # trigger_ids open dialogs in somebody's client.
    (r"\b[0-9]{6,}\.[0-9]{6,}\.[0-9a-f]{16,}\b", MASK),
    # What a signed request carries; gateway errors like to quote it.
    (r"\b(Access|Credential|Signature)=[^\s,;&\"']+", rf"\1={MASK}"),
    (r"(?i)\b(bearer|basic) [a-z0-9._~+/=-]{8,}", rf"\1 {MASK}"),
    (rf"(?i)\b({HEADERS})([\"']?\s*[:=]\s*[\"']?)(?!\[masked)[^\s\"',;]+", rf"\1\2{MASK}"),
    # A user and password inside an address.
    (r"(://)[^\s/@\"'<>]+@", rf"\1{MASK}@"),
)


def _spellings(secret: str) -> set[str]:
    """A secret as it stands, and as it looks inside an address, in JSON and in a Python literal."""
    return {
        secret,
        quote(secret, safe=""),
        quote_plus(secret),
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        repr(secret)[1:-1],
    }


def scrubber(secrets: Iterable[str] = ()) -> Callable[[str], str]:
    """A function that takes a text and gives it back without secrets."""
    spellings = {spelling for secret in secrets if len(secret) >= SHORTEST for spelling in _spellings(secret)}
    # The longest first: a database address has to go before the password inside it.
    known = re.compile("|".join(re.escape(text) for text in sorted(spellings, key=len, reverse=True)) or r"(?!)")
    forms = [(re.compile(pattern), mask) for pattern, mask in FORMS]

    def scrub(text: str) -> str:
        text = known.sub(MASK, text)
        for pattern, mask in forms:
            text = pattern.sub(mask, text)
        return text

    return scrub
