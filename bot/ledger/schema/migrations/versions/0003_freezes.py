"""Freezes, and what the App Home asks for.

Only adds, so a process of the version before works on; but it knows no freeze and claims through one. Until the last
such process is gone, a freeze holds only for clicks that reach a new one.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def moment() -> sa.String:
    """A UTC time as text that sorts by bytes."""
    return sa.String(27, collation="C") if op.get_bind().dialect.name == "postgresql" else sa.String(27)


def upgrade() -> None:
    """Make the table, with at most one standing freeze per target, and the index for what was deleted lately."""
    op.create_table(
        "freezes",
        sa.Column("id", sa.String(16), nullable=False),
        sa.Column("endpoint", sa.Text, nullable=False),
        sa.Column("project_id", sa.Text, nullable=False),
        sa.Column("by_user", sa.Text, nullable=False),
        sa.Column("by_team", sa.Text, nullable=False),
        sa.Column("at", moment(), nullable=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("lifted_by_user", sa.Text),
        sa.Column("lifted_by_team", sa.Text),
        sa.Column("lifted_at", moment()),
        sa.PrimaryKeyConstraint("id", name="pk_freezes"),
    )
    stands = sa.text("lifted_at IS NULL")
    op.create_index(
        "uq_freezes_standing",
        "freezes",
        ["endpoint", "project_id"],
        unique=True,
        sqlite_where=stands,
        postgresql_where=stands,
    )
    is_deleted = sa.text("state = 'deleted'")
    op.create_index(
        "ix_deletions_deleted",
        "deletions",
        ["endpoint", "project_id", "ended_at"],
        sqlite_where=is_deleted,
        postgresql_where=is_deleted,
    )
