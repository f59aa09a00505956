# SPDX-License-Identifier: GPL-3.0-or-later
"""Numbered migrations on real databases."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect, text

from cloud_manager.adapters.store import SqlJournal
from cloud_manager.db import Database, schema
from cloud_manager.db.models import Base
from cloud_manager.domain.power import Secret
from cloud_manager.domain.records import Records
from cloud_manager.errors import BadInput, StoreOutdated, StoreUnavailable
from watchdog.tests.contract.mariadb import MariaDB


@pytest.fixture
def database(url: Secret) -> Iterator[Database]:
    opened = Database(url)
    yield opened
    opened.close()


def test_the_migrations_make_what_the_models_say(database: Database) -> None:
    schema.migrate(database)
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, Base.metadata) == []
    assert schema.current(database) == schema.newest()


def test_every_migration_can_be_gone_up_and_down_one_by_one(database: Database) -> None:
    for number in (0, *schema.known(), *reversed(schema.known()), 0):
        assert schema.migrate(database, number) == number
        assert schema.current(database) == number
    assert inspect(database.engine).get_table_names() == ["alembic_version"]


def test_migrating_to_where_the_database_is_changes_nothing(database: Database) -> None:
    for _ in range(2):
        assert schema.migrate(database) == schema.newest()


def test_the_migrations_are_numbered_from_one_without_a_gap_and_each_says_what_it_does() -> None:
    known = schema.known()
    assert list(known) == list(range(1, len(known) + 1))
    assert all(known.values())


@pytest.mark.parametrize("number", [-1, 999])
def test_an_unknown_migration_is_refused_by_number(database: Database, number: int) -> None:
    with pytest.raises(BadInput, match=f"migration {number} "):
        schema.migrate(database, number)


def test_several_that_migrate_at_once_do_not_disturb_each_other(url: Secret) -> None:
    databases = [Database(url) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(schema.migrate, databases)) == [schema.newest()] * 4
    for database in databases:
        assert SqlJournal(database).load() == Records()
        database.close()


def test_a_database_from_a_newer_version_is_refused_with_both_numbers(database: Database) -> None:
    schema.migrate(database)
    database.write(lambda c: c.execute(text("UPDATE alembic_version SET version_num = '999'")))
    for ask in (schema.prepare, lambda d: schema.migrate(d, 0)):
        with pytest.raises(StoreOutdated, match="999"):
            ask(database)


def test_a_database_that_is_not_ours_is_said_to_be_so(database: Database) -> None:
    schema.migrate(database)
    database.write(lambda c: c.execute(text("UPDATE alembic_version SET version_num = 'af3c'")))
    with pytest.raises(StoreUnavailable, match=r"af3c.*not a database of aos-cloud-manager"):
        schema.prepare(database)


def test_the_embedded_database_is_made_with_its_folder_and_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "store.db"
    database = Database(Secret(f"sqlite:///{path}"))
    schema.prepare(database)
    schema.prepare(database)
    assert SqlJournal(database).load() == Records()
    assert {stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()} == {0o600}
    database.close()


def test_an_embedded_database_that_cannot_be_made_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnavailable, match=r"file/store\.db"):
        schema.prepare(Database(Secret(f"sqlite:///{tmp_path}/file/store.db")))


def test_a_file_that_is_no_database_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "store.db").write_text("something else " * 100)
    with pytest.raises(StoreUnavailable, match=r"store\.db.*not a database"):
        schema.prepare(Database(Secret(f"sqlite:///{tmp_path}/store.db")))


def test_a_server_is_never_migrated_by_itself_and_the_error_says_how(mariadb: MariaDB) -> None:
    database = Database(mariadb.new_database())
    with pytest.raises(StoreOutdated, match="aos-cloud-manager db migrate"):
        schema.prepare(database)
    assert schema.current(database) == 0
    with pytest.raises(StoreUnavailable, match="db migrate"):
        SqlJournal(database).load()
    schema.migrate(database)
    schema.prepare(database)
    database.close()


def test_times_are_double_precision_and_names_four_byte_text_on_the_server(mariadb: MariaDB) -> None:
    url = mariadb.new_database()
    database = Database(url)
    schema.migrate(database)
    name = url.reveal().rsplit("/", 1)[1].split("?")[0]
    columns = f"data_type, collation_name FROM information_schema.columns WHERE table_schema = '{name}'"
    ours = mariadb.root(f"SELECT {columns} AND table_name <> 'alembic_version'")
    assert "double" in {kind for kind, _ in ours}
    assert "float" not in {kind for kind, _ in ours}
    assert {collation for _, collation in ours if collation} == {"utf8mb4_bin"}
    database.close()
