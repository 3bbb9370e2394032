"""Forms of settings that name a place: regions, services, proxies, listening hosts, files.

As in ``bot.settings.forms``, ``Wrong`` names the rule and the remedy, never the text.
"""

from __future__ import annotations

import difflib
import ipaddress
import re
import ssl
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from pydantic import SecretStr

from bot.settings.forms import PRINTABLE, Wrong

HOST = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?")
_SCHEME = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*:(?=/)|(?:https?|socks[45]?[ah]?):)?/*", re.IGNORECASE)

KNOWN_REGIONS = frozenset({"cn-north-4", "cn-east-3", "ap-southeast-3"})
"""The regions that MetaStudio is documented for."""
SIMILAR = 0.8
"""Likeness to one of them from which on another name is a misspelling."""


def is_loopback(host: str | None) -> bool:
    """Whether a host name or address means this machine."""
    if host is None:
        return False
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_host(name: str | None) -> bool:
    if name is None:
        return False
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return bool(HOST.fullmatch(name))
    return True


def _split(text: str, example: str) -> SplitResult:
    """Parse an address, with the rules that hold for all of them."""
    wrong = Wrong(f"must be an address such as {example}", "Write scheme, host and, where it differs, the port.")
    try:
        parts = urlsplit(text)
        port_is_good = parts.port != 0
    except ValueError:  # an unclosed bracket, or by .port a port that is no number
        raise wrong from None
    if not PRINTABLE.fullmatch(text) or "\\" in text or not _is_host(parts.hostname) or not port_is_good:
        raise wrong
    if parts.query or parts.fragment or text.endswith(("?", "#")):
        raise Wrong("must have no query and no fragment", f"Write it like {example}.")
    return parts


def _is_safe(parts: SplitResult) -> bool:
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname))


def _origin(parts: SplitResult) -> str:
    """Scheme, host and port, normalized: deletions are unique per endpoint, so two spellings must be one."""
    host = parts.hostname or ""
    default = {"https": 443, "http": 80}[parts.scheme]
    port = "" if parts.port in {None, default} else f":{parts.port}"
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}{port}"


def endpoint(text: str) -> str:
    """The address of a Huawei Cloud service: https, or http on this machine; no path."""
    example = "https://metastudio.cn-north-4.myhuaweicloud.com"
    parts = _split(text, example)
    if not _is_safe(parts):
        raise Wrong("must begin with https:// (http:// only for this machine itself)", f"Write it like {example}.")
    if parts.path not in {"", "/"} or "@" in parts.netloc:
        raise Wrong("must have no path, user or password", f"Write it like {example}.")
    return _origin(parts)


def slack_api_url(text: str) -> str:
    """The base of Slack's Web API; ends with a slash, since slack_sdk joins the method's name to it."""
    example = "https://slack.com/api/"
    parts = _split(text, example)
    if not _is_safe(parts):
        raise Wrong("must begin with https:// (http:// only for this machine itself)", f"Write it like {example}.")
    if "@" in parts.netloc:
        raise Wrong("must have no user or password", f"Write it like {example}.")
    return f"{_origin(parts)}{parts.path.rstrip('/')}/"


def proxy(text: str) -> SecretStr:
    """A proxy's address; a secret, since it may contain a user and a password."""
    example = "http://proxy.example.com:3128"
    parts = _split(text, example)
    if parts.scheme not in {"http", "https"} or parts.path not in {"", "/"}:
        raise Wrong("must be an address with http:// or https:// and without a path", f"Write it like {example}.")
    return SecretStr(text)


def region(text: str) -> str:
    """The name of a Huawei Cloud region; it becomes part of a host name."""
    meant = _region_meant(text)
    if meant is not None:
        raise Wrong("is not the name of a region", f"Did you mean {meant}?")
    if len(text) > 40 or not re.fullmatch(r"[a-z]+(?:-[a-z0-9]+)+", text):
        raise Wrong("must be the name of a region, such as cn-north-4", "It is shown in the console's address.")
    return text


def _region_meant(text: str) -> str | None:
    """The documented region of which a text is a misspelling. Another number makes another region, not a slip."""
    plain = re.sub(r"[\s_-]+", "-", text.casefold())
    meant = next(iter(difflib.get_close_matches(plain, sorted(KNOWN_REGIONS), n=1, cutoff=SIMILAR)), None)
    is_other = meant is not None and re.fullmatch(re.sub(r"[0-9]+", "[0-9]+", meant), text) is not None
    return None if is_other else meant


def project_id(text: str) -> str:
    """A project id; it becomes part of a path. Huawei's have 32 hexadecimal digits; others only cause a notice."""
    if not re.fullmatch(r"[0-9A-Za-z_-]{1,64}", text):
        raise Wrong("must be a project id, which has 32 hexadecimal digits", "See the console: My Credentials.")
    return text


def host(text: str) -> str:
    """A host name or address to listen on."""
    if not _is_host(text.casefold()):
        raise Wrong("must be a host name or an IP address", "For example 127.0.0.1, or 0.0.0.0 for all addresses.")
    return text


def certificates(text: str) -> Path:
    """A file with certificates in PEM form. Read at the start, so that a wrong path does not fail at the first call."""
    path = Path(text)
    try:
        readable = "-----BEGIN " in path.read_text(encoding="latin-1")
        ssl.create_default_context(cafile=str(path))
    except (OSError, ValueError):  # ssl.SSLError is an OSError
        readable = False
    if not readable:
        raise Wrong("must be a readable file with certificates in PEM form", "Check the path and its permissions.")
    return path


def passwords_in(address: str) -> list[str]:
    """Every text that a library may take for the password in an address, both as written and percent-decoded.

    ``urllib``, and with it slack_sdk, reads up to the last @ before the path, which begins at the first / after an @.
    ``urlsplit`` stops at the first / ? #, ``requests`` and urllib3 also at a backslash. If the password contains one of
    those, they take its beginning for a port and the text after an @ for a host, and their errors quote that piece. So
    the pieces are returned too. A scheme may be missing.
    """
    rest = _SCHEME.sub("", address.strip(), count=1)
    path = rest.find("/", rest.find("@"))
    found: dict[str, None] = {}
    for authority in (rest if path < 0 else rest[:path], rest):
        password = authority.rpartition("@")[0].partition(":")[2]
        for text in (password, *re.split(r"[/?#@:\\]", password)):
            found |= dict.fromkeys((text, unquote(text)))
    return [text for text in found if text]
