"""PostgreSQL's troubles by their names, and limits of time towards it that have to fit together."""

from __future__ import annotations

import psycopg
import pytest

from bot.ledger.database import connections, session, trouble


def test_the_server_ends_a_statement_before_we_give_its_server_up() -> None:
    """What we cut off is in doubt; what the server ends itself is rolled back, and known to be."""
    timeout = next(float(one.value) for one in session.PINNED if one.name == "statement_timeout")
    assert timeout / 1000 < connections.LONGEST_ANSWER


SAID = [
    # What psycopg, libpq, PostgreSQL 15 and PgBouncer 1.18 say of a connection that was not made, without its server.
    ('FATAL:  password authentication failed for user "u"', trouble.PASSWORD_REFUSED),
    ("fe_sendauth: no password supplied", trouble.PASSWORD_REFUSED),
    ("FATAL:  SASL authentication failed", trouble.PASSWORD_REFUSED),
    ('FATAL:  LDAP authentication failed for user "u"', trouble.PASSWORD_REFUSED),
    ('FATAL:  PAM authentication failed for user "u"', trouble.PASSWORD_REFUSED),
    ('FATAL:  Peer authentication failed for user "u"', trouble.NO_ACCESS),
    ('FATAL:  certificate authentication failed for user "u"', trouble.NO_ACCESS),
    ('FATAL:  authentication failed for user "u": host rejected', trouble.NO_ACCESS),
    ("FATAL:  connection requires a valid client certificate", trouble.NO_ACCESS),
    (
        'FATAL:  pg_hba.conf rejects connection for host "1.2.3.4", user "u", database "d", SSL encryption',
        trouble.NO_ACCESS,
    ),
    (
        'FATAL:  pg_hba.conf rejects connection for host "1.2.3.4", user "u", database "d", no encryption',
        trouble.TLS_WANTED,
    ),
    ('FATAL:  database "d" does not exist', trouble.NO_DATABASE),
    ("FATAL:  no such database: d", trouble.NO_DATABASE),
    ('FATAL:  no pg_hba.conf entry for host "1.2.3.4", user "u", database "d", no encryption', trouble.TLS_WANTED),
    ('FATAL:  no pg_hba.conf entry for host "1.2.3.4", user "u", database "d", SSL encryption', trouble.NO_ACCESS),
    (
        'FATAL:  no pg_hba.conf entry for user "u", SSL encryption\nFATAL:  no pg_hba.conf entry, no encryption',
        trouble.NO_ACCESS,
    ),
    ('FATAL:  role "u" is not permitted to log in', trouble.NO_ACCESS),
    ('FATAL:  database "d" is not currently accepting connections', trouble.NO_ACCESS),
    ('FATAL:  permission denied for database "d"', trouble.NO_ACCESS),
    ("SSL error: certificate verify failed", trouble.CERTIFICATE),
    ('root certificate file "/home/bot/.postgresql/root.crt" does not exist', trouble.CERTIFICATE),
    ('server certificate for "a" does not match host name "b"', trouble.CERTIFICATE),
    ("server does not support SSL, but SSL was required", trouble.NO_TLS),
    ("channel binding required, but SSL not in use", trouble.NO_TLS),
    ("channel binding required but not supported by server's authentication request", trouble.NO_TLS),
    ("channel binding required, but server authenticated client without channel binding", trouble.NO_TLS),
    ("FATAL:  sorry, too many clients already", trouble.NO_CONNECTION_FREE),
    ('FATAL:  too many connections for role "u"', trouble.NO_CONNECTION_FREE),
    ("FATAL:  remaining connection slots are reserved for superusers", trouble.NO_CONNECTION_FREE),
    ("session is read-only", trouble.STANDBY),
    ("server is in hot standby mode", trouble.STANDBY),
    ("FATAL:  the database system is starting up", trouble.STARTING),
    ("failed to resolve host 'nowhere.invalid': [Errno -2] Name or service not known", trouble.NO_HOST),
    ("FATAL:  unsupported startup parameter: options", trouble.OPTION_REFUSED),
    ('FATAL:  unrecognized configuration parameter "foo"', trouble.OPTION_REFUSED),
    ('authentication method requirement "md5" failed: server requested SASL authentication', trouble.OPTION_REFUSED),
    ('connection is bad: definition of service "x" not found', trouble.OPTION_REFUSED),
    ("connection is bad: invalid SSL protocol version range", trouble.OPTION_REFUSED),
    ('connection is bad: connection to server on socket "/x/.s.PGSQL.5432" failed: No such file', trouble.UNREACHABLE),
    ("connection is bad: no error details available", trouble.UNREACHABLE),
    ("connection is bad: out of memory", trouble.UNREACHABLE),
    ("connection is bad: could not create socket: Too many open files", trouble.UNREACHABLE),
    ("Connection refused", trouble.UNREACHABLE),
]


@pytest.mark.parametrize(("text", "diagnosis"), SAID)
def test_each_refused_connection_has_its_own_name(text: str, diagnosis: str) -> None:
    """A refused connection has no code, so it is its text that is read; a remedy of its own goes with each name."""
    begins = "" if text.startswith("connection is bad") else 'connection failed: connection to server at "h" failed: '
    found = trouble.translate(psycopg.OperationalError(begins + text))
    assert found.diagnosis == diagnosis
    assert diagnosis in trouble.REMEDIES


CODES = [
    (psycopg.errors.ReadOnlySqlTransaction, trouble.STANDBY),
    (psycopg.errors.FeatureNotSupported, trouble.STANDBY),
    (psycopg.errors.InsufficientPrivilege, trouble.NO_RIGHTS),
    (psycopg.errors.LockNotAvailable, trouble.BUSY),
    (psycopg.errors.QueryCanceled, trouble.BUSY),
    (psycopg.errors.DeadlockDetected, trouble.BUSY),
    (psycopg.errors.TooManyConnections, trouble.NO_CONNECTION_FREE),
    (psycopg.errors.DiskFull, trouble.DISK_FULL),
    (psycopg.errors.AdminShutdown, trouble.STARTING),
    (psycopg.errors.CrashShutdown, trouble.STARTING),
    (psycopg.errors.CannotConnectNow, trouble.STARTING),
]


@pytest.mark.parametrize(("error", "diagnosis"), CODES)
def test_no_remedy_of_sqlite_is_told_of_postgresql(error: type[psycopg.Error], diagnosis: str) -> None:
    """Time-outs, deadlocks, read-only and full servers each have PostgreSQL's own words."""
    found = trouble.translate(error())
    assert found.diagnosis == diagnosis
    assert "SQLite" not in trouble.remedy(diagnosis)
    assert ".lock" not in trouble.remedy(diagnosis)


def test_a_pooler_that_knows_no_transactions_is_named() -> None:
    """PgBouncer in statement mode, which it says by the code of a broken protocol."""
    said = "transaction blocks not allowed in statement pooling mode"
    found = trouble.translate(psycopg.errors.ProtocolViolation(said))
    assert found.diagnosis == trouble.PER_STATEMENT
