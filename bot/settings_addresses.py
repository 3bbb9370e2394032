"""What a setting that says *where* may look like: services, proxies, listening hosts, files, databases.

The rules of ``settings_forms`` hold here too: ``Wrong`` names the rule and the remedy, never the text.
"""

from __future__ import annotations

import ipaddress
import re
import ssl
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, unquote, urlsplit

from pydantic import SecretStr

from bot.settings_forms import PRINTABLE, Wrong

if TYPE_CHECKING:
    from sqlalchemy import URL

HOST = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?")
PASSWORD_OPTIONS = ("password", "sslpassword")
"""What libpq also takes a password from, behind the question mark of a database's address."""


def is_loopback(host: str | None) -> bool:
    """Whether a host name or address means this very machine."""
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
    """Take an address apart, and refuse what is refused in all of them."""
    wrong = Wrong(f"must be an address such as {example}", "Write scheme, host and, where it differs, the port.")
    try:
        parts = urlsplit(text)
        port_is_good = parts.port != 0
    except ValueError:  # raised by .port as well; an unclosed bracket or a port that is no number
        raise wrong from None
    if not PRINTABLE.fullmatch(text) or "\\" in text or not _is_host(parts.hostname) or not port_is_good:
        raise wrong
    if parts.query or parts.fragment or text.endswith(("?", "#")):
        raise Wrong("must have no query and no fragment", f"Write it like {example}.")
    return parts


def _is_safe(parts: SplitResult) -> bool:
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname))


def _origin(parts: SplitResult) -> str:
    """Scheme, host and port in one spelling: deletions are unique per endpoint, so two spellings must not be two."""
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
    """A proxy's address; may carry a user and a password, so it is kept like a secret."""
    example = "http://proxy.example.com:3128"
    parts = _split(text, example)
    if parts.scheme not in {"http", "https"} or parts.path not in {"", "/"}:
        raise Wrong("must be an address with http:// or https:// and without a path", f"Write it like {example}.")
    return SecretStr(text)


def host(text: str) -> str:
    """A host name or address to listen on."""
    if not _is_host(text.casefold()):
        raise Wrong("must be a host name or an IP address", "For example 127.0.0.1, or 0.0.0.0 for all addresses.")
    return text


def certificates(text: str) -> Path:
    """A file with certificates in PEM form. Looked at now, so that a wrong path does not show at the first call."""
    path = Path(text)
    try:
        readable = "-----BEGIN " in path.read_text(encoding="latin-1")
        ssl.create_default_context(cafile=str(path))
    except (OSError, ValueError):  # ssl.SSLError is an OSError
        readable = False
    if not readable:
        raise Wrong("must be a readable file with certificates in PEM form", "Check the path and its permissions.")
    return path


def database_url(text: str) -> str:
    """Where the ledger is: a SQLite file, or PostgreSQL through psycopg."""
    remedy = "Write sqlite:///dh-bot.db (a file) or postgresql+psycopg://user:password@host/name."
    if text.startswith("sqlite://"):
        path = text.removeprefix("sqlite:///")
        if (
            path == text
            or not path
            or path.startswith("file:")
            or ":memory:" in path
            or "?" in path
            or "\0" in path
            or path.endswith("/")
        ):
            # A ledger in memory forgets a running deletion at the first restart, which is what it is there to prevent.
            raise Wrong("must name a file after sqlite:///, without options", remedy)
        return text
    if text.startswith(("postgres://", "postgresql://", "postgresql+")) and not text.startswith("postgresql+psycopg:"):
        raise Wrong("must name the driver psycopg", remedy)
    if not re.fullmatch(r"postgresql\+psycopg://[!-~]*/[!-~]+", text):
        raise Wrong("must name a SQLite file or a PostgreSQL database", remedy)
    if not _is_database(text):
        raise Wrong(
            "cannot be taken apart into user, password, host, port and database",
            "In user and password percent-encode @ : / # ? (for example %40 for @); the port is a number.",
        )
    return text


def _as_sqlalchemy_reads(url: str) -> URL:
    """What the ledger will make of the address. Late, because most of what reads settings opens no database."""
    from sqlalchemy import make_url  # noqa: PLC0415

    return make_url(url)


def _is_database(url: str) -> bool:
    """Whether nothing of user and password has got into host, port or name: they would stand in an error then."""
    from sqlalchemy.exc import ArgumentError  # noqa: PLC0415

    try:
        parts = _as_sqlalchemy_reads(url)
    except (ArgumentError, ValueError):
        return False
    host = parts.host or ""
    # A slash in the user's name makes the beginning of it the host, and all that follows the database.
    lost_user = parts.username is None and "@" in (parts.database or "")
    return not lost_user and not any(sign in host for sign in "@[]")


def database_passwords(url: str) -> list[str]:
    """Like ``password_in`` of the ledger's address, by SQLAlchemy's rules: with it # and ? may stand in a password."""
    if not url.startswith("postgresql"):
        return []
    parts = _as_sqlalchemy_reads(url)
    meant = [
        parts.password or "",
        *(text for name in PASSWORD_OPTIONS for text in parts.normalized_query.get(name, ())),
    ]
    written = re.findall(rf"^[^:]+://[^:/]*:([^@]*)@|[?&](?:{'|'.join(PASSWORD_OPTIONS)})=([^&]*)", url)
    return [text for text in (*meant, *(text for pair in written for text in pair)) if text]


def password_in(url: str) -> list[str]:
    """The password inside an address, as it is written and as it is meant: both have to be kept out of the logs."""
    try:
        written = urlsplit(url).password
    except ValueError:
        written = None
    return [written, unquote(written)] if written else []
