# SPDX-License-Identifier: GPL-3.0-or-later
"""The stores that the contract suite runs against: in memory, on SQLite, on MariaDB."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from cloud_manager.adapters.store import SqlJournal, SqlPowerControls
from cloud_manager.db import Database, PasswordBox, schema
from cloud_manager.domain.power import Secret
from cloud_manager.ports import Journal, PowerControls
from watchdog.tests.contract.mariadb import MariaDB, mariadb
from watchdog.tests.fakes.journal import FakeJournal, FakePowerControls

__all__ = ["mariadb"]


@dataclass
class Store:
    """Each call of journal() and power_controls() is another process's view of the same store.

    database is None for the fake.
    """

    journal: Callable[[], Journal]
    power_controls: Callable[[], PowerControls]
    database: Database | None = None


def sql_store(url: Secret, folder: Path) -> Iterator[Store]:
    opened = []

    def another() -> Database:
        opened.append(Database(url))
        return opened[-1]

    def power_controls() -> SqlPowerControls:
        return SqlPowerControls(another(), PasswordBox(folder / "key", creates=True), who="operator")

    first = another()
    schema.migrate(first)
    yield Store(lambda: SqlJournal(another()), power_controls, first)
    for database in opened:
        database.close()


@pytest.fixture
def sqlite_url(tmp_path: Path) -> Secret:
    return Secret(f"sqlite:///{tmp_path}/store.db")


@pytest.fixture(params=["sqlite", "mariadb"])
def url(request: pytest.FixtureRequest) -> Secret:
    """An empty database of each kind."""
    if request.param == "sqlite":
        return request.getfixturevalue("sqlite_url")
    server: MariaDB = request.getfixturevalue("mariadb")
    return server.new_database()


@pytest.fixture(params=["fake", "sqlite", "mariadb"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "fake":
        journal = FakeJournal()
        controls = FakePowerControls(journal)
        yield Store(lambda: journal, lambda: controls)
    elif request.param == "sqlite":
        yield from sql_store(request.getfixturevalue("sqlite_url"), tmp_path)
    else:
        server: MariaDB = request.getfixturevalue("mariadb")
        yield from sql_store(server.new_database(), tmp_path)


@pytest.fixture
def journal(store: Store) -> Journal:
    return store.journal()


@pytest.fixture
def controls(store: Store) -> PowerControls:
    return store.power_controls()
