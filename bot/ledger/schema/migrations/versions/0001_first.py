"""The first schema: deletions, attempts, open answers, the audit trail, the outbox, the breaker."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bot.audit.chain import GENESIS
from bot.ledger.schema import triggers

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
OPEN = sa.text("state IN ('awaiting', 'deleting', 'unknown')")


def moment() -> sa.String:
    """A UTC time as text that sorts by bytes."""
    return sa.String(27, collation="C") if op.get_bind().dialect.name == "postgresql" else sa.String(27)


def upgrade() -> None:
    """Make everything, the triggers last, because the first head could not be inserted under them."""
    deletions()
    answers()
    trail()
    outbox()
    triggers.create(op.get_bind())


def deletions() -> None:
    """Deletions and their attempts."""
    op.create_table(
        "deletions",
        sa.Column("id", sa.String(16), nullable=False),
        sa.Column("endpoint", sa.Text, nullable=False),
        sa.Column("region", sa.Text, nullable=False),
        sa.Column("project_id", sa.Text, nullable=False),
        sa.Column("job_id", sa.String(64), nullable=False),
        sa.Column("job_state", sa.Text, nullable=False),
        sa.Column("job_name", sa.Text, nullable=False),
        sa.Column("asset_id", sa.Text, nullable=False),
        sa.Column("last_update_time", sa.Text, nullable=False),
        sa.Column("job", sa.Text, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("requester_user", sa.Text, nullable=False),
        sa.Column("requester_team", sa.Text, nullable=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("confirm_by", sa.Text, nullable=False),
        sa.Column("asked_at", moment(), nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("message_ts", sa.Text),
        sa.Column("deadline_at", moment()),
        sa.Column("confirmer_user", sa.Text),
        sa.Column("confirmer_team", sa.Text),
        sa.Column("confirmed_at", moment()),
        sa.Column("claim_token", sa.Text),
        sa.Column("send_before", moment()),
        sa.Column("takeover_at", moment()),
        sa.Column("ended_at", moment()),
        sa.Column("ended_why", sa.Text),
        sa.Column("ended_by_user", sa.Text),
        sa.Column("ended_by_team", sa.Text),
        sa.Column("unknown_since", moment()),
        sa.Column("answered_5xx", sa.Boolean, nullable=False),
        sa.Column("reads_agreeing", sa.Integer, nullable=False),
        sa.Column("reads_first_at", moment()),
        sa.Column("reads_last", sa.Text),
        sa.Column("read_due_at", moment()),
        sa.Column("verified_at", moment()),
        sa.Column("reminded", sa.Boolean, nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("claim_owner", sa.Text),
        sa.Column("lease_owner", sa.Text),
        sa.Column("lease_until", moment()),
        sa.PrimaryKeyConstraint("id", name="pk_deletions"),
    )
    index("uq_deletions_open", "deletions", ["endpoint", "project_id", "job_id"], OPEN, unique=True)
    index("ix_deletions_expire", "deletions", ["deadline_at"], sa.text("state = 'awaiting'"))
    index("ix_deletions_takeover", "deletions", ["takeover_at"], sa.text("state = 'deleting'"))
    index("ix_deletions_read", "deletions", ["read_due_at"], sa.text("read_due_at IS NOT NULL"))
    index("ix_deletions_job", "deletions", ["job_id", "asked_at"])
    index("ix_deletions_channel", "deletions", ["channel", "asked_at"])
    op.create_table(
        "attempts",
        sa.Column("deletion", sa.String(16), nullable=False),
        sa.Column("number", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("claim_token", sa.Text, nullable=False),
        sa.Column("claimed_at", moment(), nullable=False),
        sa.Column("send_before", moment(), nullable=False),
        sa.Column("replied_at", moment()),
        sa.Column("status", sa.Integer),
        sa.Column("cause", sa.Text),
        sa.Column("code", sa.Text),
        sa.Column("message", sa.Text),
        sa.Column("request_id", sa.Text),
        sa.PrimaryKeyConstraint("deletion", "number", name="pk_attempts"),
        sa.ForeignKeyConstraint(["deletion"], ["deletions.id"], name="fk_attempts_deletion"),
    )


def answers() -> None:
    """Who waits for an answer, and which processes live."""
    op.create_table(
        "answers",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("actor_user", sa.Text, nullable=False),
        sa.Column("actor_team", sa.Text, nullable=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("since", moment(), nullable=False),
        sa.Column("thread_ts", sa.Text),
        sa.Column("job", sa.Text),
        sa.Column("deletion", sa.Text),
        sa.Column("text", sa.Text),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("lease_owner", sa.Text),
        sa.Column("lease_until", moment()),
        sa.PrimaryKeyConstraint("id", name="pk_answers"),
    )
    op.create_table(
        "owners",
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("seen_at", moment(), nullable=False),
        sa.PrimaryKeyConstraint("owner", name="pk_owners"),
    )


def trail() -> None:
    """The events, their head, their checkpoints, and how far the running logs have come."""
    op.create_table(
        "events",
        sa.Column("number", NUMBER, autoincrement=False, nullable=False),
        sa.Column("at", sa.String(27), nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("actor_user", sa.Text),
        sa.Column("actor_team", sa.Text),
        sa.Column("channel", sa.Text),
        sa.Column("deletion", sa.Text),
        sa.Column("job", sa.Text),
        sa.Column("request_id", sa.Text),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("previous_hash", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_events"),
    )
    index("ix_events_deletion", "events", ["deletion"], sa.text("deletion IS NOT NULL"))
    head = op.create_table(
        "chain_head",
        sa.Column("id", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("number", NUMBER, nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_chain_head"),
    )
    op.bulk_insert(head, [{"id": 1, "number": 0, "hash": GENESIS}])
    op.create_table(
        "checkpoints",
        sa.Column("number", NUMBER, autoincrement=False, nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("at", moment(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_checkpoints"),
    )
    op.create_table(
        "log_cursors",
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("number", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("channel", name="pk_log_cursors"),
    )


def outbox() -> None:
    """What Slack still has to take, and the breaker."""
    op.create_table(
        "outbox",
        sa.Column("number", NUMBER, sa.Identity(always=True), nullable=False),
        sa.Column("thread", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("deletion", sa.Text, nullable=False),
        sa.Column("recipient", sa.Text, nullable=False),
        sa.Column("thread_ts", sa.Text),
        sa.Column("facts", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("written_at", moment(), nullable=False),
        sa.Column("due_at", moment()),
        sa.Column("lease_owner", sa.Text),
        sa.Column("lease_until", moment()),
        sa.PrimaryKeyConstraint("number", name="pk_outbox"),
        sqlite_autoincrement=True,
    )
    index("ix_outbox_thread", "outbox", ["thread", "number"])
    op.create_table(
        "breakers",
        sa.Column("target", sa.Text, nullable=False),
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("opened_at", moment(), nullable=False),
        sa.Column("trial_until", moment()),
        sa.PrimaryKeyConstraint("target", name="pk_breakers"),
    )


def index(
    name: str, table: str, columns: list[str], where: sa.TextClause | None = None, *, unique: bool = False
) -> None:
    """An index over part of a table, spelled for both databases."""
    op.create_index(name, table, columns, unique=unique, sqlite_where=where, postgresql_where=where)
