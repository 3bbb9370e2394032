"""DATABASE_URL: parses the forms in which people write it into the form of SQLAlchemy.

PostgreSQL's own forms are parsed as libpq parses them, so that one text serves the bot, psql and pg_dump. A text that
two programs would parse differently is refused. As in ``bot.settings.forms``, ``Wrong`` names the part, the rule and
the remedy, never the text.
"""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote, unquote

from bot.settings.database_options import NUMBER, OPTIONS, PASSWORDS, PLACES, check_option
from bot.settings.forms import PRINTABLE, Wrong

if TYPE_CHECKING:
    from sqlalchemy import URL

SCHEME = re.compile(r"(?P<name>postgres|postgresql)(?:\+(?P<driver>\w+))?://(?P<rest>.*)", re.DOTALL)
KEYWORD = re.compile(r"\s*(?P<name>\w+)\s*=\s*(?P<value>'(?:[^'\\]|\\.)*'|(?:[^\s'\\]|\\.)*)(?=\s|\Z)", re.DOTALL)
PORT_TOO = re.compile(r"[^/,]*:[0-9]+")
HOST_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,252})")

SEVERAL = "host1:5432,host2:5432"
WRITTEN = "postgresql://user:password@host:5432/name"
HOW = f"Write sqlite:///dh-bot.db (a file) or {WRITTEN}."
ENCODED = "In user, password and name percent-encode @ : / ? # % (%40 %3A %2F %3F %23 %25)."
HOSTS = (
    f"Write host:5432, {SEVERAL} for several hosts, [::1]:5432 for an IPv6 address, or "
    "postgresql://user:password@/name?host=/var/run/postgresql for a socket."
)

KEEP_ONE = {"host": HOSTS, "options": "Write all into one, with %20 between two."}
"""The remedies for an option that is given twice. libpq uses the last one, other programs the first, or both."""


class _Host(NamedTuple):
    name: str
    port: str


class _Parts(NamedTuple):
    """A parsed address. ``login`` is as written, so that this form is masked as a secret too."""

    login: str
    hosts: list[_Host]
    name: str
    options: list[tuple[str, str]]


def database_url(text: str) -> str:
    """The address of the ledger, a SQLite file or PostgreSQL, in SQLAlchemy's form."""
    if text.startswith("sqlite://"):
        return _sqlite(text)
    if scheme := SCHEME.fullmatch(text):
        if scheme["driver"] not in {None, "psycopg"}:
            raise Wrong("must name the driver psycopg, or none", f"Write {WRITTEN}.")
        return _postgresql(_split(scheme["rest"]))
    first = KEYWORD.match(text)
    if first and (first["name"] in PLACES or first["name"] in OPTIONS):
        return _postgresql(_keywords(text))
    raise Wrong("must name a SQLite file or a PostgreSQL database", HOW)


def _sqlite(text: str) -> str:
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
        # A ledger in memory would lose a running deletion at the first restart.
        raise Wrong("must name a file after sqlite:///, without options", HOW)
    return text


def _split(rest: str) -> _Parts:
    if rest and not PRINTABLE.fullmatch(rest):
        raise Wrong("has a space or a character outside ASCII", "Percent-encode it, for example %20 for a space.")
    login, behind = _login(rest)
    before, _, query = behind.partition("?")
    hosts, _, name = before.partition("/")
    if "@" in before:
        raise Wrong("has an @ too many, so the end of user and password is ambiguous", ENCODED)
    if "+" in query:
        raise Wrong("has a + behind the question mark, which some programs take for a space", "Write %20 or %2B.")
    pairs = ("sslmode=require" if pair == "ssl=true" else pair for pair in query.split("&") if pair)  # as libpq has it
    options = [(unquote(key), text) for key, _, text in (pair.partition("=") for pair in pairs)]
    if "@" in query and any(key not in {*OPTIONS, *PLACES} for key, _ in options):
        raise Wrong("has an @ behind the question mark: user or password may have got there", ENCODED)
    user, _, password = login.partition(":")
    for part, text in (("user", user), ("password", password), ("host", hosts), ("name", name), ("options", query)):
        _check_encoding(part, text)
    return _placed(login, _hosts(hosts), unquote(name), options)


def _check_encoding(part: str, text: str) -> None:
    """Raise unless percent-encoded bytes are UTF-8 without NUL. A % that encodes nothing stands for itself."""
    try:
        meant = unquote(text, errors="strict")
    except UnicodeDecodeError:
        rule = f"has percent-encoded bytes in its {part} that are no character in UTF-8"
        raise Wrong(rule, "Encode it as UTF-8, for example %C3%BC for ü, or % itself as %25.") from None
    if "\0" in meant:
        raise Wrong(f"has %00 in its {part}, which PostgreSQL never takes", "Leave it out, or write %25 for a %.")


def _login(rest: str) -> tuple[str, str]:
    """User and password as written, and the rest."""
    login, at, behind = rest.partition("@")
    if not at:
        return "", rest
    user, _, password = login.partition(":")
    first = re.split(r"[/?]", password, maxsplit=1)[0]
    # A / or ? belongs to the password if the text before it cannot be a port.
    is_login = not re.search(r"[/?]", login) or (not re.search(r"[/?]", user) and bool(re.search(r"\D", first)))
    return (login, behind) if is_login else ("", rest)


def _keywords(text: str) -> _Parts:
    """Parse libpq's keyword form: ``host=/run/postgresql dbname=name``."""
    options, at = [], 0
    text = text.rstrip()
    if not text.isprintable():
        raise Wrong("has a character that cannot be printed", "Write it in one line.")
    while at < len(text):
        found = KEYWORD.match(text, at)
        if found is None:
            raise Wrong(
                "must have the form keyword=value throughout",
                r"Put a value with a space into single quotes, and write \' and \\ for ' and \ in it.",
            )
        written = found["value"][1:-1] if found["value"].startswith("'") else found["value"]
        value = re.sub(r"\\(.)", r"\1", written, flags=re.DOTALL)
        options.append((found["name"], quote(value, safe="/,:-")))
        at = found.end()
    return _placed("", [], "", options)


def _placed(login: str, hosts: list[_Host], name: str, options: list[tuple[str, str]]) -> _Parts:
    """The address, with user, password, host, port and name moved from the options to their fields."""
    given = Counter(key for key, _ in options)
    twice = [key for key, count in given.items() if count > 1 and key in {*OPTIONS, *PLACES}]
    if "host" in twice and all(PORT_TOO.fullmatch(unquote(text)) for key, text in options if key == "host"):
        # SQLAlchemy's form of several hosts. libpq finds no host of such a name, so the form is not ambiguous.
        twice.remove("host")
    places = {key: unquote(text) for key, text in options if key in PLACES}
    user, colon, password = login.partition(":")
    twice += [key for key, here in (("user", user), ("password", colon), ("dbname", name)) if here and key in given]
    if twice:
        raise Wrong(f"names {twice[0]} twice", KEEP_ONE.get(twice[0], f"Keep one {twice[0]}."))
    named = [_host(each, bare=True) for key, text in options if key == "host" for each in unquote(text).split(",")]
    is_socket = any(host.name.startswith("/") for host in named)
    if named and hosts and not is_socket:
        raise Wrong("names its host twice", HOSTS)
    user = user or quote(places.get("user", ""), safe="")
    password = password or quote(places.get("password", ""), safe="")
    rest = [(key, text) for key, text in options if key not in PLACES]
    for key, text in rest:
        check_option(key, unquote(text))
    # A socket in place of a host keeps that host's port, as libpq has it.
    ports = places.get("port", "") or (",".join(host.port for host in hosts) if named and hosts else "")
    hosts = _with_ports(named or hosts, ports if ports.strip(",") else "")
    return _Parts(f"{user}:{password}" if password else user, hosts, name or places.get("dbname", ""), rest)


def _hosts(text: str) -> list[_Host]:
    """Parse the hosts between @ and /."""
    return [_host(each) for each in text.split(",")] if text else []


def _host(text: str, *, bare: bool = False) -> _Host:
    """Parse one host. ``bare`` is one of ``host=``: libpq allows no port and no brackets there, SQLAlchemy both."""
    meant = text if bare else unquote(text)
    if meant.startswith("/"):
        socket, _, port = (text, "", "") if bare else text.partition(":")
        return _Host(socket if bare else unquote(socket), _port(port))
    if bare and _is_ipv6(text):
        return _Host(text, "")
    found = re.fullmatch(r"(?:\[(?P<six>[^\[\]]*)\]|(?P<name>[^:\[\]]*))(?::(?P<port>.*))?", text)
    if found is None:
        raise Wrong("has a host that cannot be parsed", f"{HOSTS} {ENCODED}")
    six = found["six"] if bare or found["six"] is None else unquote(found["six"])
    name, port = six or found["name"] or "", found["port"] or ""
    if not (_is_ipv6(name) if six is not None else HOST_NAME.fullmatch(name)):
        raise Wrong("has a host that is neither a name nor an address", f"{HOSTS} {ENCODED}")
    return _Host(name, _port(port))


def _is_ipv6(text: str) -> bool:
    address, percent, zone = text.partition("%")
    try:
        return ipaddress.ip_address(address).version == 6 and (not percent or bool(HOST_NAME.fullmatch(zone)))
    except ValueError:
        return False


def _port(text: str) -> str:
    if text and not (NUMBER.fullmatch(text) and 0 < int(text) < 65536):
        raise Wrong("has a port that is no number from 1 to 65535", f"Write host:5432. {ENCODED}")
    return text


def _with_ports(hosts: list[_Host], ports: str) -> list[_Host]:
    """The hosts with the ports of ``port=``: one for all, or one for each."""
    if not ports:
        return hosts
    if any(host.port for host in hosts):
        raise Wrong("names its port twice", "Write each port once, behind its host or in port=.")
    each = [_port(port) for port in ports.split(",")]
    each = each * max(len(hosts), 1) if len(each) == 1 else each
    if len(each) != max(len(hosts), 1):
        raise Wrong("names another number of ports than of hosts", "Write one port for all hosts, or one for each.")
    return [_Host(host.name, port) for host, port in zip(hosts or [_Host("", "")], each, strict=True)]


def _postgresql(parts: _Parts) -> str:
    """The address in SQLAlchemy's form: one host in its usual place, several hosts and sockets as options."""
    if not parts.name:
        raise Wrong("names no database", f"Write its name behind a /, as in {WRITTEN}.")
    hosts, authority, options = parts.hosts, "", list(parts.options)
    # SQLAlchemy percent-decodes options and not hosts, and the zone of an IPv6 address follows a %25.
    if len(hosts) == 1 and not (hosts[0].name.startswith("/") or "%" in hosts[0].name):
        name, port = hosts[0]
        authority = (f"[{name}]" if ":" in name else name) + (f":{port}" if port else "")
    elif hosts and not any(host.port or host.name.startswith("/") or ":" in host.name for host in hosts):
        authority = ",".join(host.name for host in hosts)
    elif hosts:
        places = [("host", ",".join(host.name for host in hosts)), ("port", ",".join(host.port for host in hosts))]
        options = [(key, quote(text, safe="/,:")) for key, text in places if text.strip(",")] + options
    login = f"{parts.login}@" if parts.login else ""
    query = "&".join(f"{key}={text}" for key, text in options)
    return f"postgresql+psycopg://{login}{authority}/{quote(parts.name)}{'?' if query else ''}{query}"


def _as_sqlalchemy_reads(url: str) -> URL:
    """Parse the address as the ledger does. Imported late: most commands that read settings open no database."""
    from sqlalchemy import make_url  # noqa: PLC0415

    return make_url(url)


def database_passwords(url: str) -> list[str]:
    """Like ``passwords_in``, by SQLAlchemy's rules, which allow # and ? in a password."""
    if not url.startswith("postgresql"):
        return []
    parts = _as_sqlalchemy_reads(url)
    meant = [parts.password or "", *(text for name in PASSWORDS for text in parts.normalized_query.get(name, ()))]
    written = re.findall(rf"^[^:]+://[^:/]*:([^@]*)@|[?&](?:{'|'.join(PASSWORDS)})=([^&]*)", url)
    return [text for text in (*meant, *(text for pair in written for text in pair)) if text]
