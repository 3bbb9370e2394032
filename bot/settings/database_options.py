"""The options of DATABASE_URL, their values, and the messages about any other."""

from __future__ import annotations

import difflib
import re

from bot.settings.forms import Wrong

NUMBER = re.compile(r"[0-9]{1,9}")
TEXT = re.compile(r".*", re.DOTALL)
SWITCH = ("0", "1")
TLS_VERSIONS = ("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")

OPTIONS: dict[str, tuple[str, ...] | re.Pattern[str]] = {
    "sslmode": ("disable", "allow", "prefer", "require", "verify-ca", "verify-full"),
    "sslrootcert": TEXT,
    # The bot writes, so it cannot use a standby.
    "target_session_attrs": ("any", "read-write", "primary"),
    "load_balance_hosts": ("disable", "random"),
    "channel_binding": ("disable", "prefer", "require"),
    "gssencmode": ("disable", "prefer", "require"),
    "gssdelegation": SWITCH,
    "gsslib": TEXT,
    "krbsrvname": TEXT,
    "require_auth": TEXT,
    "requirepeer": TEXT,
    "sslnegotiation": ("postgres", "direct"),
    "sslcompression": SWITCH,
    "sslcert": TEXT,
    "sslkey": TEXT,
    "sslpassword": TEXT,
    "sslcertmode": ("disable", "allow", "require"),
    "sslcrl": TEXT,
    "sslcrldir": TEXT,
    "sslsni": SWITCH,
    "ssl_min_protocol_version": TLS_VERSIONS,
    "ssl_max_protocol_version": TLS_VERSIONS,
    "min_protocol_version": TEXT,
    "max_protocol_version": TEXT,
    "options": TEXT,
    "hostaddr": TEXT,
    "passfile": TEXT,
    "service": TEXT,
    # With any other encoding psycopg returns bytes.
    "client_encoding": ("utf8", "UTF8"),
    "scram_client_key": TEXT,
    "scram_server_key": TEXT,
    "oauth_issuer": TEXT,
    "oauth_client_id": TEXT,
    "oauth_client_secret": TEXT,
    "oauth_scope": TEXT,
    # The bot has its own values for these.
    "application_name": TEXT,
    "fallback_application_name": TEXT,
    "connect_timeout": NUMBER,
    "keepalives": SWITCH,
    "keepalives_idle": NUMBER,
    "keepalives_interval": NUMBER,
    "keepalives_count": NUMBER,
    "tcp_user_timeout": NUMBER,
    # An option of psycopg, often set for a pooler. The bot prepares no statements anyway.
    "prepare_threshold": TEXT,
}
"""The allowed options and their values. libpq's other options make another kind of connection, or are for its
developers."""

PLACES = ("host", "port", "user", "password", "dbname")
"""Parts of the address that libpq accepts as options too; ``database`` moves them to their fields."""
PASSWORDS = ("password", "sslpassword", "oauth_client_secret")

OF_OTHERS = {
    "ssl": "Write sslmode=require, or verify-full with sslrootcert.",
    "pgbouncer": "Leave it out: the bot works behind a pooler as it is.",
    "connection_limit": "Leave it out: DATABASE_POOL is how many connections the bot takes.",
    "pool_size": "Leave it out: DATABASE_POOL is how many connections the bot takes.",
    "schema": "Write options=-csearch_path%3D and the schema's name.",
    "currentSchema": "Write options=-csearch_path%3D and the schema's name.",
}
"""Options of other programs, with the remedy."""

NOT_TAKEN = {
    "replication": "Leave it out: the bot needs a connection with transactions.",
    "sslkeylogfile": "Leave it out: it writes down what makes the connection secret.",
}
"""Options of libpq that the bot does not support, with the remedy."""

NO_SUCH_OPTION = (
    "Leave it out. If it is the end of a password: percent-encode & ? and spaces there (%26 %3F %20); in the form "
    "keyword=value put the password into single quotes."
)


def check_option(name: str, value: str) -> None:
    """Raise ``Wrong`` unless libpq knows the option and the bot supports this value."""
    allowed = OPTIONS.get(name)
    if allowed is None:
        if name in NOT_TAKEN:
            raise Wrong(f"has the option {name}, which the bot does not take", NOT_TAKEN[name])
        # An unknown name may be the end of a password, so only known names are shown.
        shown = f"has the option {name}, which" if name in OF_OTHERS else "has an option that"
        nearest = difflib.get_close_matches(name, OPTIONS, n=1)
        known = f"Did you mean {nearest[0]}?" if nearest else NO_SUCH_OPTION
        raise Wrong(f"{shown} PostgreSQL's client does not know", OF_OTHERS.get(name, known))
    if isinstance(allowed, re.Pattern):
        if not allowed.fullmatch(value):
            raise Wrong(
                f"has the option {name} with a value that is no number", f"Write a number, or leave {name} out."
            )
    elif value not in allowed:
        rule = f"has the option {name} with a value that is none of {', '.join(allowed)}"
        raise Wrong(rule, f"Write one of these, or leave {name} out.")
