"""The requests of Slack's that were served lately, by a digest, so that one that is posted again has no second effect.

Only adds, so a process of the version before works on; but it remembers nothing. Until the last such process is gone, a
request that it has served can be served once more.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table, and the index by which old rows are found."""
    moment = sa.String(27, collation="C") if op.get_bind().dialect.name == "postgresql" else sa.String(27)
    op.create_table(
        "served_requests",
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("at", moment, nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_served_requests"),
    )
    op.create_index("ix_served_requests_at", "served_requests", ["at"])
