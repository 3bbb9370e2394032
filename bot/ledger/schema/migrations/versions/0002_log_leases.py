"""The running log is posted by one replica at a time. Replicas of the version before ignore the lease and go on."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add columns only: SQLite can do that without its batch mode, which would drop triggers."""
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    moment = sa.String(27, collation="C") if is_postgresql else sa.String(27)
    op.add_column("log_cursors", sa.Column("lease_owner", sa.Text))
    op.add_column("log_cursors", sa.Column("lease_until", moment))
