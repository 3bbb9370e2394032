"""A second request ID of one answer. Only adds; a process of the version before does not write it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add a column only: SQLite can do that without its batch mode, which would drop triggers."""
    op.add_column("attempts", sa.Column("other_request_id", sa.Text))
