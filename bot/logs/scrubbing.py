"""Masks secrets in texts for the log. Pure.

Known secrets are masked everywhere, also percent-encoded, escaped or inside JSON. Secrets that Slack and Huawei issue
while the bot runs (response_urls, trigger_ids, tickets of WebSockets, signatures) are masked by their form. Masking too
much costs a reader a minute; masking too little costs a new token.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Iterable
from functools import cache
from urllib.parse import quote

MASK = "[masked]"

SHORTEST = 4
"""Shorter secrets are not masked: masking each ``db`` would make the log unreadable, and reveal the secret."""

HEADERS = "authorization|x-auth-token|x-subject-token|x-security-token|x-slack-signature|x-app-userid|cookie"

FORMS: tuple[tuple[str, str], ...] = (
    # Every kind of Slack token, also those that the bot does not use.
    (r"\b(?:xox[a-z]|xapp|xwfp)(?:\.xox[a-z])?-[A-Za-z0-9-]+", MASK),
    # response_urls and webhooks: anybody who has one can post as the bot. The sandbox's differ in the host only.
    (r"https?://hooks\.[a-z0-9.-]+/[^\s\"'<>]*", MASK),
    (r"https?://[^\s/\"'<>]+/(?:commands|actions|workflows|services)/[^\s\"'<>]*", MASK),
    # The address of a Socket Mode connection carries its ticket.
    (r"\bwss?://[^\s\"'<>]+", MASK),
    # trigger_ids open dialogs in somebody's client.
    (r"\b[0-9]{6,}\.[0-9]{6,}\.[0-9a-f]{16,}\b", MASK),
    # Headers of a signed request, which errors of the gateway quote.
    (r"\b(Access|Credential|Signature)=[^\s,;&\"']+", rf"\1={MASK}"),
    (r"(?i)\b(bearer|basic) [a-z0-9._~+/=-]{8,}", rf"\1 {MASK}"),
    (rf"(?i)\b({HEADERS})([\"']?\s*[:=]\s*[\"']?)(?!\[masked)[^\s\"',;]+", rf"\1\2{MASK}"),
    # Errors of libraries about a port, or host and port. In an address whose password has a / ? # or a backslash, the
    # quoted text is the beginning of the password.
    (r"(integer value as |nonnumeric port: |Failed to parse: )(['\"]).*?\2", rf"\1{MASK}"),
    # User and password inside an address, with or without a scheme. A password may contain an @: libraries read up to
    # the last one, so everything before the last @ of a word is masked.
    (
        r"(?i)([a-z][a-z0-9+.-]*(?::|%3a)(?:/|%2f)+|//|%2f%2f)\S{1,2000}(?:@|%40)(?=[\w\[])",
        rf"\1{MASK}@",
    ),
    (
        r"(?<![^\s\"'=(<\[{,;])(?![a-z][a-z0-9+.-]*:/+\[masked\]@)[^\s\"'=(<\[{,;:/]+:\S{1,2000}@(?=[\w\[])",
        f"{MASK}@",
    ),
)


@cache
def _sign(sign: str) -> str:
    """A pattern for one character of a secret: as it stands, percent-encoded, and escaped in JSON, Python or HTML."""
    if sign.isascii() and (sign.isalnum() or sign in "-._~"):
        return re.escape(sign)
    escaped = {json.dumps(sign)[1:-1], repr(sign)[1:-1], html.escape(sign), sign}
    any_case = {quote(sign, safe="", errors="surrogatepass"), *(text for text in escaped if text.startswith("\\u"))}
    patterns = {*(re.escape(text) for text in escaped - any_case), *(f"(?i:{re.escape(text)})" for text in any_case)}
    if sign == " ":
        patterns.add(r"\+")
    if sign in "\"'\\":
        # A repr of a repr escapes once more.
        patterns.add(rf"\\+{re.escape(sign)}")
    return f"(?:{'|'.join(sorted(patterns, key=len, reverse=True))})"


def scrubber(secrets: Iterable[str] = ()) -> Callable[[str], str]:
    """A function that returns a text without its secrets."""
    # The longest first: a database address has to go before the password inside it.
    longest_first = sorted({secret for secret in secrets if len(secret) >= SHORTEST}, key=len, reverse=True)
    known = re.compile("|".join("".join(map(_sign, secret)) for secret in longest_first) or r"(?!)")
    forms = [(re.compile(pattern), mask) for pattern, mask in FORMS]

    def scrub(text: str) -> str:
        text = known.sub(MASK, text)
        for pattern, mask in forms:
            text = pattern.sub(mask, text)
        return text

    return scrub
