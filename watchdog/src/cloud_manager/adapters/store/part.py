# SPDX-License-Identifier: GPL-3.0-or-later
"""What the parts of the store have in common."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TypeVar

from cloud_manager.db import Database

T = TypeVar("T")

# SQLite before 3.32 takes 999 parameters in a statement.
CHUNK = 500


class Part:
    def __init__(self, database: Database) -> None:
        self._database = database


def chunks(items: Collection[T]) -> Iterator[list[T]]:
    """The items in lists short enough for one statement's IN (...)."""
    ordered = list(items)
    for start in range(0, len(ordered), CHUNK):
        yield ordered[start : start + CHUNK]
