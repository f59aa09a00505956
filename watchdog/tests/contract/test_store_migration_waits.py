# SPDX-License-Identifier: GPL-3.0-or-later
"""A migration beside other sessions on MariaDB, each wait in short."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pymysql
import pytest
from sqlalchemy import Connection, event

from cloud_manager.db import Database, engine, schema
from cloud_manager.errors import StoreUnavailable
from watchdog.tests.contract.mariadb import MariaDB

ANSWER_SECONDS, WAIT_SECONDS, MIGRATION_SECONDS = 1, 2, 15


@pytest.fixture
def database(mariadb: MariaDB, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """At migration 1; a migration waits for others longer than the watchdog does for an answer."""
    monkeypatch.setattr(engine, "ANSWER_SECONDS", ANSWER_SECONDS)
    monkeypatch.setattr(engine, "MIGRATION_SECONDS", MIGRATION_SECONDS)
    monkeypatch.setattr(schema, "WAIT_SECONDS", WAIT_SECONDS)
    opened = Database(mariadb.new_database())
    schema.migrate(opened, 1)
    yield opened
    opened.close()


@pytest.fixture
def another(mariadb: MariaDB, database: Database) -> Iterator[pymysql.cursors.Cursor]:
    """A session of somebody else on the same database, without limits."""
    connection = pymysql.connect(unix_socket=mariadb.socket, user="root", database=database.engine.url.database)
    with connection, connection.cursor() as cursor:
        yield cursor


def test_another_migration_is_waited_for_and_then_named(database: Database, another: pymysql.cursors.Cursor) -> None:
    another.execute("SELECT GET_LOCK(%s, 0)", [schema.LOCK])
    with pytest.raises(StoreUnavailable, match=f"another migration has been running for more than {WAIT_SECONDS} s"):
        schema.migrate(database)
    another.execute("SELECT RELEASE_LOCK(%s)", [schema.LOCK])
    assert schema.migrate(database) == schema.newest()


def test_a_session_that_keeps_using_a_table_is_said_with_the_remedy_and_the_migration_can_be_taken_up_again(
    database: Database, another: pymysql.cursors.Cursor
) -> None:
    another.execute("START TRANSACTION")
    another.execute("SELECT * FROM power_links")
    with pytest.raises(StoreUnavailable, match=r"another session uses its tables.*SHOW FULL PROCESSLIST"):
        schema.migrate(database)
    assert schema.current(database) == 1
    another.execute("COMMIT")
    assert schema.migrate(database) == schema.newest()


def test_a_statement_may_take_longer_than_the_watchdog_waits_for_an_answer(
    database: Database, another: pymysql.cursors.Cursor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "WAIT_SECONDS", 30)
    another.execute("START TRANSACTION")
    another.execute("SELECT * FROM power_links")
    ending = threading.Timer(3 * ANSWER_SECONDS, another.execute, ["COMMIT"])
    ending.start()
    began = time.monotonic()
    assert schema.migrate(database) == schema.newest()
    assert time.monotonic() - began > 2 * ANSWER_SECONDS
    ending.join()


def test_a_connection_lost_in_the_middle_is_said_and_not_what_follows_from_it(
    mariadb: MariaDB, database: Database
) -> None:
    def kill(connection: Connection, _cursor: object, statement: str, *_rest: object) -> None:
        if statement.startswith("RENAME TABLE"):
            mariadb.root(f"KILL {connection.connection.thread_id()}")  # type: ignore[attr-defined]

    event.listen(database.migrating, "before_cursor_execute", kill)
    with pytest.raises(StoreUnavailable, match=r"Lost connection|gone away|was killed"):
        schema.migrate(database)
    event.remove(database.migrating, "before_cursor_execute", kill)
    assert schema.migrate(database) == schema.newest()
