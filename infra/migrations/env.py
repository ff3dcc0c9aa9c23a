"""Alembic's entry: the connection is handed in, never made here."""

from alembic import context

connection = context.config.attributes["connection"]
context.configure(
    connection=connection, version_table_schema="ledger", transaction_per_migration=True
)
with context.begin_transaction():
    context.run_migrations()
