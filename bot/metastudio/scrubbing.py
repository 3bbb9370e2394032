"""Removes secrets and personal data from MetaStudio's messages. Pure."""

from __future__ import annotations

import re

LONGEST_MESSAGE = 500


_LONGEST_RAW_MESSAGE = 8000


_GAP = "[…]"


_SECRETIVE = (
    # A gateway that rejects a signature quotes the signed text: everything after its name is removed.
    (re.compile(r"(?is)\b(canonical[ _-]?request|string[ _-]?to[ _-]?sign)\b.*"), rf"\1 {_GAP}"),
    (re.compile(r"(?s)\b(GET|PUT|POST|DELETE|PATCH|HEAD|OPTIONS)\s*[\n|].*"), rf"\1 {_GAP}"),
    # Links are bearer secrets here; in a message from outside they may be phishing.
    (re.compile(r"(?i)\b[a-z][a-z0-9+.-]{1,20}://\S+"), _GAP),
    (
        re.compile(
            r"(?ix)\b((?:x-)? (?:ak|sk|access|signature|credential|authorization|password|passwd|pwd"
            r"|access[ _-]?key(?:[ _-]?id)?|secret(?:[ _-]?(?:key|access[ _-]?key))?"
            r"|(?:auth|subject|security)?[ _-]?token))"
            r"[\"']? \s*[:=]\s* (?:\"[^\"]*\"|'[^']*'|(?:bearer|basic|sdk-hmac-sha256)\s+\S+|[^\s,;]+)"
        ),
        rf"\1={_GAP}",
    ),
    # By shape: access keys (20 capitals and digits), secret keys (40), and longer runs: tokens, signatures.
    (re.compile(r"(?<![A-Za-z0-9])[A-Z0-9]{20}(?![A-Za-z0-9])"), _GAP),
    (re.compile(r"(?<![A-Za-z0-9+/=_-])(?:[A-Za-z0-9+/]{40}|[A-Za-z0-9+/=_-]{60,})(?![A-Za-z0-9+/=_-])"), _GAP),
)


def scrub(message: str, secrets: tuple[str, ...] = ()) -> str:
    """A message of the cloud without keys, signatures, tokens, links and control characters, at most 500 characters.

    Known secrets are removed first. A text that is too long is then cut at a space, so that no half of a secret stays
    at the cut.
    """
    text = message
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, _GAP)
    if len(text) > _LONGEST_RAW_MESSAGE:
        text = text[: text.rfind(" ", 0, _LONGEST_RAW_MESSAGE) + 1]
    for pattern, instead in _SECRETIVE:
        text = pattern.sub(instead, text)
    text = " ".join("".join(" " if not c.isprintable() else c for c in text).split())
    return text if len(text) <= LONGEST_MESSAGE else text[: LONGEST_MESSAGE - 1] + "…"
