"""Alembic's script: it uses the connection and the transaction of ``bot.ledger.schema.migrations``."""

from alembic import context

from bot.ledger.schema.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # SQLite can roll back DDL, once its driver has stopped ending transactions by itself; see
    # bot/ledger/database/engine.py.
    transactional_ddl=True,
)
context.run_migrations()
