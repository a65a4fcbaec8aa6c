"""Alembic's entry: runs migrations on the connection that `orchestrator.db.migrate` hands over."""

from alembic import context

from orchestrator.db.accuracy_tables import DatasetRow

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=DatasetRow.metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
