"""What Alembic runs: on the connection, and in the transaction, that ``bot.ledger.schema.migrations`` hands over."""

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
