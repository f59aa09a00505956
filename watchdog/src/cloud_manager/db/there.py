# SPDX-License-Identifier: GPL-3.0-or-later
"""What a migration finds. Where its SQL is only written down, the answer is that of a database never interrupted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op


def has_table(table: str, undisturbed: bool) -> bool:
    return undisturbed if _written_down() else table in _inspector().get_table_names()


def has_column(table: str, name: str, undisturbed: bool) -> bool:
    if _written_down():
        return undisturbed
    return any(found["name"] == name for found in _inspector().get_columns(table))


def has_index(table: str, name: str, undisturbed: bool) -> bool:
    if _written_down():
        return undisturbed
    return any(found["name"] == name for found in _inspector().get_indexes(table))


def lost(connection: sa.Connection, table: str, what: str, condition: str = "1 = 1", column: str = "") -> list[str]:
    """A sentence with the number of rows that fulfil a condition in SQL; none for no row, or without table or column.

    column: the one that the condition needs, where an interrupted migration may have removed it already.
    """
    inspector = sa.inspect(connection)
    if table not in inspector.get_table_names():
        return []
    if column and not any(found["name"] == column for found in inspector.get_columns(table)):
        return []
    number = connection.scalar(sa.text(f"SELECT COUNT(*) FROM {table} WHERE {condition}"))
    return [f"table {table}: {number} {'row' if number == 1 else 'rows'}, {what}"] if number else []


def _written_down() -> bool:
    return op.get_context().as_sql


def _inspector() -> sa.Inspector:
    return sa.inspect(op.get_bind())
