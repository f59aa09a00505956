# SPDX-License-Identifier: GPL-3.0-or-later
"""Run by Alembic with what cloud_manager.db.schema gives it: a connection, which that commits, or a dialect's name."""

from alembic import context

from cloud_manager.db.models import Base

given = context.config.attributes
context.configure(
    connection=given.get("connection"),
    dialect_name=given.get("dialect"),
    target_metadata=Base.metadata,
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()
