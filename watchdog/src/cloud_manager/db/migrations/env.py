# SPDX-License-Identifier: GPL-3.0-or-later
"""Run by Alembic with the connection that cloud_manager.db.schema gives it; that also commits."""

from alembic import context

from cloud_manager.db.models import Base

context.configure(
    connection=context.config.attributes["connection"], target_metadata=Base.metadata, transaction_per_migration=False
)
with context.begin_transaction():
    context.run_migrations()
