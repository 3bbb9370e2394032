"""DATABASE_URL as people paste it: what is understood, what is refused with which words, and what libpq knows."""

from __future__ import annotations

import pytest
from psycopg.pq import Conninfo
from sqlalchemy import make_url
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

from bot.settings.database_options import OPTIONS, PASSWORDS, PLACES
from bot.settings.forms import SettingsError
from bot.settings.load import read_settings


def load(text: str) -> str:
    return read_settings({"DATABASE_URL": text}, None, only={"DATABASE_URL"}).database_url


DATABASES = [
    # As people write PostgreSQL's address, and as SQLAlchemy takes it, without the scheme.
    ("postgresql+psycopg://u:a%40b@[::1]:5432/d", "u:a%40b@[::1]:5432/d"),
    ("postgresql://u:p@h:5432/d?sslmode=require", "u:p@h:5432/d?sslmode=require"),
    ("postgres://u:p@a_host/d", "u:p@a_host/d"),
    ("postgresql:///d", "/d"),
    # Several hosts, in libpq's spelling and in SQLAlchemy's.
    ("postgresql+psycopg://u:p@h1,h2/d", "u:p@h1,h2/d"),
    (
        "postgresql://u:p@h1:5432,h2:5433/d?target_session_attrs=read-write",
        "u:p@/d?host=h1,h2&port=5432,5433&target_session_attrs=read-write",
    ),
    ("postgresql://u:p@h1:5433,h2/d", "u:p@/d?host=h1,h2&port=5433,"),
    ("postgresql://u:p@[::1]:5432,h2:5433/d", "u:p@/d?host=::1,h2&port=5432,5433"),
    ("postgresql://u:p@/d?host=h1,h2&port=5433", "u:p@/d?host=h1,h2&port=5433,5433"),
    ("postgresql://u:p@h1,h2/d?port=5432,5433", "u:p@/d?host=h1,h2&port=5432,5433"),
    # The zone of an IPv6 address.
    ("postgresql://u:p@[fe80::1%25eth0]/d", "u:p@/d?host=fe80::1%25eth0"),
    ("postgresql://u:p@[fe80::1%25ab]:5433/d", "u:p@/d?host=fe80::1%25ab&port=5433"),
    ("postgresql://u:p@h,[fe80::1%25ab]/d", "u:p@/d?host=h,fe80::1%25ab"),
    ("host=fe80::1%ab dbname=d", "/d?host=fe80::1%25ab"),
    # A socket's folder.
    ("postgresql+psycopg://u@/d?host=/run/pg", "u@/d?host=/run/pg"),
    ("postgresql:///d?host=%2Frun%2Fpg", "/d?host=/run/pg"),
    ("postgresql:///d?host=/run/%2541", "/d?host=/run/%2541"),
    ("postgresql://%2Fvar%2Frun%2Fpg/d", "/d?host=/var/run/pg"),
    ("postgresql://u@%2Frun%2Fpg:5433/d", "u@/d?host=/run/pg&port=5433"),
    ("postgresql://u:p@localhost/d?host=/cloudsql/a:b:c", "u:p@/d?host=/cloudsql/a:b:c"),
    ("postgresql://u:p@localhost:5433/d?host=/run/pg", "u:p@/d?host=/run/pg&port=5433"),
    # Keywords and values.
    ("host=/run/pg dbname=d", "/d?host=/run/pg"),
    ("host=h1,h2 port=5432 dbname=d user=u", "u@/d?host=h1,h2&port=5432,5432"),
    (r"dbname=d user = 'u' password='a \'b\\@/'  sslmode=require", "u:a%20%27b%5C%40%2F@/d?sslmode=require"),
    (r"host=h dbname=d user=u password=p\'", "u:p%27@h/d"),
    (r"host=h dbname=d user=u password=p\ \\q", "u:p%20%5Cq@h/d"),
    (r"host=h dbname=d user=u password='\'p\''", "u:%27p%27@h/d"),
    ("postgresql://h/d?user=u&password=a%40b", "u:a%40b@h/d"),
    ("postgresql://u:p@h?dbname=d", "u:p@h/d"),
    # What has one meaning only, although it should be percent-encoded.
    ("postgresql://u:a#b@h/d", "u:a#b@h/d"),
    ("postgresql://u:a:b@h/d", "u:a:b@h/d"),
    # Options.
    ("postgresql://u@h/d?ssl=true", "u@h/d?sslmode=require"),
    ("postgresql://u@h/d?sslrootcert=/a%20b.pem&connect_timeout=9", "u@h/d?sslrootcert=/a%20b.pem&connect_timeout=9"),
]

ONLY_OURS = [
    # What libpq refuses or takes for another thing, and has one meaning for whoever knows SQLAlchemy or the rules.
    (
        "postgresql+psycopg://u:p@/d?host=h1:5432&host=h2:5433&target_session_attrs=read-write",
        "u:p@/d?host=h1,h2&port=5432,5433&target_session_attrs=read-write",
    ),
    ("postgresql://u:a%b@h/d", "u:a%b@h/d"),
    ("postgresql://u:a/b?c@h/d", "u:a/b?c@h/d"),
    ("postgresql://u@h/d?prepare_threshold=0", "u@h/d?prepare_threshold=0"),
]


@pytest.mark.parametrize(("text", "taken"), [*DATABASES, *ONLY_OURS])
def test_an_address_as_it_is_pasted(text: str, taken: str) -> None:
    """Each form that has one meaning works, with and without the driver's name, and is taken as it is a second time."""
    assert load(text) == f"postgresql+psycopg://{taken}" == load(load(text))
    with_driver = text.replace("postgresql://", "postgresql+psycopg://")
    assert load(with_driver) == load(text)


@pytest.mark.parametrize("text", [text for text, _ in DATABASES])
def test_it_means_what_libpq_means_by_it(text: str) -> None:
    """So that one text serves the bot, psql and pg_dump, but for the driver's name."""
    taken = PGDialect_psycopg().create_connect_args(make_url(load(text)))[1]
    theirs = {
        option.keyword.decode(): (option.val or b"").decode()
        for option in Conninfo.parse(text.replace("+psycopg", "").encode())
    }
    assert _whole({name: str(value) for name, value in taken.items()}) == _whole(theirs)


def _whole(options: dict[str, str]) -> dict[str, str]:
    """With a port for each host, where libpq takes one for all."""
    hosts, ports = options.get("host", "").split(","), options.get("port", "").split(",")
    each = ports * len(hosts) if len(ports) == 1 else ports
    return {name: text for name, text in (options | {"port": ",".join(each).strip(",")}).items() if text}


NO_DATABASES = [
    ("postgresql+psycopg2://u:hunter22@h/d", "driver psycopg"),
    ("mysql://u:hunter22@h/d", "SQLite file or a PostgreSQL"),
    ("jdbc:postgresql://h/d?password=hunter22", "SQLite file or a PostgreSQL"),
    # Where one thing ends and another begins cannot be told.
    ("postgresql://u:hun@ter:22@h/d", "percent-encode @"),
    ("postgresql://u:hunter@22@h/d", "an @ too many"),
    ("postgresql://u/x:hunter22@h/d", "an @ too many"),
    ("postgresql://u:22/hunter@h/d", "an @ too many"),
    ("postgresql://u:22?hunter@h/d", "an @ behind the question mark"),
    ("postgresql://u:a@b?hunter22=c@h/d", "an @ behind the question mark"),
    ("postgresql://u:hunter 22@h/d", "a space or a character outside ASCII"),
    ("postgresql://u@h/d?password=hunter+22", "a + behind the question mark"),
    # One part is wrong.
    ("postgresql+psycopg://u:hunter22@[::1/d", "a host that cannot be parsed"),
    ("postgresql://u:hunter22@::1/d", "neither a name nor an address"),
    ("postgresql+psycopg://u:hunter22@[/d", "a host that cannot be parsed"),
    ("postgresql://u:hunter22@[h]/d", "neither a name nor an address"),
    ("postgresql://u:hunter22@h1,/d", "neither a name nor an address"),
    ("postgresql+psycopg://u:hunter22@h:x/d", "no number from 1 to 65535"),
    ("postgresql://u:hunter22@h:65536/d", "no number from 1 to 65535"),
    ("postgresql://u:hunter22@h1:5432/d?host=h2", "its host twice"),
    ("postgresql://u:hunter22@/d?host=h1&host=h2", "names host twice. Write host:5432, host1:5432,host2:5432"),
    ("postgresql://u:hunter22@/d?host=h1:5432&host=h2", "names host twice"),
    ("postgresql://u:hunter22@/d?host=/run/a&host=/run/b:1", "names host twice"),
    ("host=h1 host=h2 dbname=d password=hunter22", "names host twice"),
    ("postgresql://u:hunter22@h/d?options=-csearch_path%3Dx&options=-cjit%3Doff", "names options twice"),
    ("postgresql://u:hunter22@[fe80::1%25a%2Cb]/d", "neither a name nor an address"),
    # What is percent-encoded is no character, or none that PostgreSQL takes.
    ("postgresql://u:hunter22%00@h/d", "has %00 in its password"),
    ("postgresql://u:hunter22%ff@h/d", "percent-encoded bytes in its password that are no character in UTF-8"),
    ("postgresql://hunter%E4%BD:22@h/d", "bytes in its user"),
    ("postgresql://u:hunter22@h/d%00", "%00 in its name"),
    ("postgresql://u:hunter22@h/d?options=%ff", "bytes in its options"),
    ("postgresql://u:hunter22@h1:5432,h2/d?port=5433", "its port twice"),
    ("host=h1,h2 port=1,2,3 dbname=d password=hunter22", "another number of ports than of hosts"),
    ("postgresql://u:hunter22@h", "no database"),
    ("postgresql://u:hunter22@h/?sslmode=require", "no database"),
    ("host=h user=u password=hunter22", "no database"),
    ("host=h dbname=d password='hunter22", "keyword=value"),
    ("host=h dbname=d\npassword=hunter22\x07", "cannot be printed"),
    # Options by their names, with the values that there are.
    ("postgresql://u:hunter22@h/d?sslmod=require", "has an option that PostgreSQL's client does not know"),
    ("postgresql://u:hunter22@h/d?sslmod=require", "Did you mean sslmode?"),
    ("postgresql://u:hunter22@h/d?sslmode=yes", "none of disable, allow, prefer, require, verify-ca, verify-full"),
    ("postgresql://u:hunter22@h/d?sslmode=", "sslmode with a value"),
    ("host=h dbname=d password=hunter22 sslmod=require", "Did you mean sslmode?"),
    ("postgresql://u:hunter22@h/d?target_session_attrs=standby", "none of any, read-write, primary"),
    ("postgresql://u:hunter22@h/d?client_encoding=SQL_ASCII", "none of utf8"),
    ("postgresql://u:hunter22@h/d?connect_timeout=soon", "connect_timeout with a value that is no number"),
    ("postgresql://u:hunter22@h/d?ssl=1", "has the option ssl, which PostgreSQL's client does not know. Write sslmode"),
    ("host=h dbname=d password=hunter22 ssl=true", "Write sslmode=require"),
    ("postgresql://u:hunter22@h/d?ssl=true&sslmode=disable", "names sslmode twice"),
    ("postgresql://u:hunter22@h/d?pgbouncer=true", "behind a pooler as it is"),
    ("postgresql://u:hunter22@h/d?replication=database", "has the option replication, which the bot does not take"),
    # The end of a password, where a sign in it was not encoded.
    ("postgresql://h/d?user=u&password=abc&hunter", "percent-encode & ? and spaces there (%26 %3F %20)"),
    ("postgresql://h/d?user=u&password=abc&hunterpw=x", "has an option that PostgreSQL's client does not know"),
    ("host=h dbname=d user=u password=abc hunterpw=x", "put the password into single quotes"),
    ("postgresql://u:12?hunterpw=3%40h/d", "percent-encode & ? and spaces there"),
    ("postgresql://u:hunter22@h/d?sslmode=require&sslmode=disable", "names sslmode twice"),
    ("postgresql://u@h/d?password=hunter22&password=hunter22", "names password twice"),
    ("postgresql://u:hunter22@h/d?user=x", "names user twice"),
    ("postgresql://u:hunter22@h/d?dbname=x", "names dbname twice"),
]


@pytest.mark.parametrize(("text", "why"), NO_DATABASES)
def test_what_cannot_be_understood(text: str, why: str) -> None:
    """It is refused at the start; the part, the rule and the form to write are named, and nothing of it is shown."""
    with pytest.raises(SettingsError) as refused:
        load(text)
    assert [problem.setting for problem in refused.value.problems] == ["DATABASE_URL"]
    assert why in str(refused.value)
    assert "hunter" not in str(refused.value)


def test_the_options_of_an_address_are_those_of_libpq() -> None:
    """Every option that this libpq knows is accepted, stands in the address's own places, or is left out by choice."""
    known = {option.keyword.decode() for option in Conninfo.get_defaults()}
    assert known - {*OPTIONS, *PLACES} == {"replication", "sslkeylogfile"}
    assert {*OPTIONS, *PLACES} - known == {"prepare_threshold"}
    hidden = {option.keyword.decode() for option in Conninfo.get_defaults() if option.dispchar == b"*"}
    assert hidden == set(PASSWORDS)
