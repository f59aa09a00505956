# SPDX-License-Identifier: GPL-3.0-or-later
"""What the watchdog wrote into its database, read only and without its code: tests must not believe what they test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, create_engine, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError, ProgrammingError
from sqlalchemy.pool import NullPool

Row = dict[str, Any]


class JournalReader:
    """Names and meanings of the columns: the product's migrations. Times are seconds since the epoch."""

    def __init__(self, url: str) -> None:
        self._engine = create_engine(_read_only(url), poolclass=NullPool)

    def exists(self) -> bool:
        try:
            with self._connection() as connection:
                return inspect(connection).has_table("lease")
        except (OperationalError, ProgrammingError):
            return False

    def rows(self, statement: str, **parameters: Any) -> list[Row]:
        with self._connection() as connection:
            return [dict(row) for row in connection.execute(text(statement), parameters).mappings()]

    def states(self) -> dict[str, str]:
        """Host -> state, of every host that is not healthy."""
        return {row["name"]: row["state"] for row in self.rows("SELECT name, state FROM hosts")}

    def reason(self, host: str) -> str:
        found = self.rows("SELECT reason FROM hosts WHERE name = :host", host=host)
        return str(found[0]["reason"]) if found else ""

    def incidents(self, host: str) -> list[Row]:
        """Newest first."""
        return self.rows("SELECT * FROM incidents WHERE host = :host ORDER BY id DESC", host=host)

    def steps(self, incident: int) -> list[Row]:
        """The timeline, oldest first: at, state, text."""
        return self.rows("SELECT * FROM incident_steps WHERE incident = :incident ORDER BY id", incident=incident)

    def moves(self, incident: int) -> list[Row]:
        return self.rows("SELECT * FROM instance_moves WHERE incident = :incident", incident=incident)

    def jobs(self, incident: int, kind: str = "%") -> list[Row]:
        """In the order in which they were planned; kind: recover_host, return_host, power_host."""
        found = self.rows(
            "SELECT * FROM jobs WHERE incident = :incident AND kind LIKE :kind", incident=incident, kind=kind
        )
        return sorted(found, key=lambda job: int(job["key"].rpartition("-")[2]))

    def leader(self) -> Row | None:
        found = self.rows("SELECT * FROM lease")
        return found[0] if found else None

    def dump(self) -> str:
        """Every value of every table as text."""
        with self._connection() as connection:
            tables = inspect(connection).get_table_names()
            rows = [row for name in tables for row in connection.execute(text(f"SELECT * FROM {name}"))]
        return "\n".join(" ".join(map(str, row)) for row in rows)

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        with self._engine.connect() as connection:
            yield connection


def _read_only(url: str) -> str:
    """SQLite would make a missing file."""
    parsed = make_url(url)
    return f"sqlite:///file:{parsed.database}?mode=ro&uri=true" if parsed.drivername == "sqlite" else url
