"""The tables for SQLAlchemy Core. ``migrations`` make them; a test proves that both define the same schema.

Ids and times are text, so that both databases return exactly the stored value. JSON is text of our own, not a type
that the database rewrites.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Dialect,
    ForeignKey,
    Identity,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    literal_column,
)
from sqlalchemy.types import TypeEngine

from bot.audit.chain import cleaned, utc_text, utc_time
from bot.domain.model import State


class UtcText(TypeDecorator[datetime]):
    """A UTC time as text of fixed width, so that both databases sort it right and never convert it."""

    impl = String(27)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[str]:
        """Text that PostgreSQL compares by bytes, in any language of the database."""
        return String(27, collation="C") if dialect.name == "postgresql" else String(27)

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Refuses a time without a time zone, because a guessed one would move deadlines by hours."""
        return None if value is None else utc_text(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """The aware UTC time."""
        return None if value is None else utc_time(value)


class FreeText(TypeDecorator[str]):
    """Text from outside, which may hold characters that no database takes."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """See ``chain.cleaned``."""
        return cleaned(value)


NUMBER = BigInteger().with_variant(Integer(), "sqlite")
"""On SQLite the type must be called INTEGER, or the column is not the row number."""

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

deletions = Table(
    "deletions",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("endpoint", Text, nullable=False),
    Column("region", Text, nullable=False),
    Column("project_id", Text, nullable=False),
    # Five fields are columns because they are compared or searched; ``job`` is the whole snapshot that the card shows.
    Column("job_id", String(64), nullable=False),
    Column("job_state", Text, nullable=False),
    Column("job_name", FreeText, nullable=False),
    Column("asset_id", FreeText, nullable=False),
    Column("last_update_time", FreeText, nullable=False),
    Column("job", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("requester_user", Text, nullable=False),
    Column("requester_team", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("confirm_by", Text, nullable=False),
    Column("asked_at", UtcText, nullable=False),
    Column("reason", FreeText),
    Column("message_ts", Text),
    Column("deadline_at", UtcText),
    Column("confirmer_user", Text),
    Column("confirmer_team", Text),
    Column("confirmed_at", UtcText),
    Column("claim_token", Text),
    Column("send_before", UtcText),
    Column("takeover_at", UtcText),
    Column("ended_at", UtcText),
    Column("ended_why", FreeText),
    Column("ended_by_user", Text),
    Column("ended_by_team", Text),
    Column("unknown_since", UtcText),
    Column("answered_5xx", Boolean, nullable=False),
    Column("reads_agreeing", Integer, nullable=False),
    Column("reads_first_at", UtcText),
    Column("reads_last", FreeText),
    Column("read_due_at", UtcText),
    Column("verified_at", UtcText),
    Column("reminded", Boolean, nullable=False),
    # The process that made the row, the one that holds the claim, and the one that has leased it, until when.
    Column("owner", Text, nullable=False),
    Column("claim_owner", Text),
    Column("lease_owner", Text),
    Column("lease_until", UtcText),
)


def in_states(*states: State) -> ColumnElement[bool]:
    """A condition with literal constants, because no planner matches a bound parameter with a partial index."""
    return deletions.c.state.in_([literal_column(f"'{state.value}'", String) for state in states])


is_open = in_states(State.AWAITING, State.DELETING, State.UNKNOWN)
is_awaiting = deletions.c.state == literal_column("'awaiting'", String)
is_deleting = deletions.c.state == literal_column("'deleting'", String)
is_readable = in_states(State.UNKNOWN, State.DELETED, State.FAILED)
has_read_due = deletions.c.read_due_at.is_not(None)

one_open_per_job = Index(
    "uq_deletions_open",
    deletions.c.endpoint,
    deletions.c.project_id,
    deletions.c.job_id,
    unique=True,
    sqlite_where=is_open,
    postgresql_where=is_open,
)
Index("ix_deletions_expire", deletions.c.deadline_at, sqlite_where=is_awaiting, postgresql_where=is_awaiting)
Index("ix_deletions_takeover", deletions.c.takeover_at, sqlite_where=is_deleting, postgresql_where=is_deleting)
Index("ix_deletions_read", deletions.c.read_due_at, sqlite_where=has_read_due, postgresql_where=has_read_due)
is_deleted = deletions.c.state == literal_column("'deleted'", String)
Index(
    "ix_deletions_deleted",
    deletions.c.endpoint,
    deletions.c.project_id,
    deletions.c.ended_at,
    sqlite_where=is_deleted,
    postgresql_where=is_deleted,
)
Index("ix_deletions_job", deletions.c.job_id, deletions.c.asked_at)
Index("ix_deletions_channel", deletions.c.channel, deletions.c.asked_at)

attempts = Table(
    "attempts",
    metadata,
    Column("deletion", String(16), ForeignKey("deletions.id"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("claim_token", Text, nullable=False),
    Column("claimed_at", UtcText, nullable=False),
    Column("send_before", UtcText, nullable=False),
    Column("replied_at", UtcText),
    Column("status", Integer),
    Column("cause", Text),
    Column("code", FreeText),
    Column("message", FreeText),
    Column("request_id", FreeText),
    Column("other_request_id", FreeText),
)

pending_requests = Table(
    "answers",
    metadata,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("actor_user", Text, nullable=False),
    Column("actor_team", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("since", UtcText, nullable=False),
    Column("thread_ts", Text),
    Column("job", Text),
    Column("deletion", Text),
    Column("text", FreeText),
    Column("owner", Text, nullable=False),
    Column("lease_owner", Text),
    Column("lease_until", UtcText),
)

served_requests = Table(
    "served_requests",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("at", UtcText, nullable=False),
)
Index("ix_served_requests_at", served_requests.c.at)

events = Table(
    "events",
    metadata,
    Column("number", NUMBER, primary_key=True, autoincrement=False),
    Column("at", String(27), nullable=False),
    Column("kind", Text, nullable=False),
    Column("actor_user", Text),
    Column("actor_team", Text),
    Column("channel", Text),
    Column("deletion", Text),
    Column("job", Text),
    Column("request_id", Text),
    Column("text", Text, nullable=False),
    Column("previous_hash", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
)
has_deletion = events.c.deletion.is_not(None)
Index("ix_events_deletion", events.c.deletion, sqlite_where=has_deletion, postgresql_where=has_deletion)

chain_head = Table(
    "chain_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("number", NUMBER, nullable=False),
    Column("hash", String(64), nullable=False),
)

checkpoints = Table(
    "checkpoints",
    metadata,
    Column("number", NUMBER, primary_key=True, autoincrement=False),
    Column("hash", String(64), nullable=False),
    Column("at", UtcText, nullable=False),
)

outbox = Table(
    "outbox",
    metadata,
    # AUTOINCREMENT, so that the number of a removed message is never used again.
    Column("number", NUMBER, Identity(always=True), primary_key=True),
    Column("thread", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("deletion", Text, nullable=False),
    Column("recipient", Text, nullable=False),
    Column("thread_ts", Text),
    Column("facts", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("written_at", UtcText, nullable=False),
    Column("due_at", UtcText),
    Column("lease_owner", Text),
    Column("lease_until", UtcText),
    sqlite_autoincrement=True,
)
Index("ix_outbox_thread", outbox.c.thread, outbox.c.number)

log_cursors = Table(
    "log_cursors",
    metadata,
    Column("channel", Text, primary_key=True),
    Column("number", NUMBER, nullable=False),
    Column("lease_owner", Text),
    Column("lease_until", UtcText),
)

breakers = Table(
    "breakers",
    metadata,
    Column("target", Text, primary_key=True),
    Column("fingerprint", Text, nullable=False),
    Column("opened_at", UtcText, nullable=False),
    Column("trial_until", UtcText),
)

freezes = Table(
    "freezes",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("endpoint", Text, nullable=False),
    Column("project_id", Text, nullable=False),
    Column("by_user", Text, nullable=False),
    Column("by_team", Text, nullable=False),
    Column("at", UtcText, nullable=False),
    Column("channel", Text, nullable=False),
    Column("reason", FreeText, nullable=False),
    # A lifted freeze is kept, because people ask long afterwards who stopped all deletions, and why.
    Column("lifted_by_user", Text),
    Column("lifted_by_team", Text),
    Column("lifted_at", UtcText),
)
stands = freezes.c.lifted_at.is_(None)
one_freeze_per_target = Index(
    "uq_freezes_standing",
    freezes.c.endpoint,
    freezes.c.project_id,
    unique=True,
    sqlite_where=stands,
    postgresql_where=stands,
)

owners = Table(
    "owners",
    metadata,
    Column("owner", Text, primary_key=True),
    Column("seen_at", UtcText, nullable=False),
)
