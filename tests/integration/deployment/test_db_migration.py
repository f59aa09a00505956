# SPDX-License-Identifier: GPL-3.0-or-later
"""db_migration and db_migration_info with the real program, on SQLite and on a real MariaDB."""

from __future__ import annotations

import sys
import typing as t
from pathlib import Path

import pytest

from ansible_collections.aos.cloud_manager.plugins.module_utils.reporting import AosError
from ansible_collections.aos.cloud_manager.plugins.modules import db_migration, db_migration_info
from cloud_manager.db import Database, schema
from cloud_manager.domain.power import Secret
from watchdog.tests.contract.mariadb import PASSWORD, MariaDB, mariadb

__all__ = ["mariadb"]

Options = dict[str, t.Any]
EXECUTABLE = str(Path(sys.executable).with_name("aos-cloud-manager"))
CONTROL = "INSERT INTO power_controls VALUES (1, 'pdu', 'snmp', 'p.test', 161, '', '', 8, '{}')"


@pytest.fixture(params=["sqlite", "mariadb"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> t.Iterator[Database]:
    server: MariaDB | None = request.getfixturevalue("mariadb") if request.param == "mariadb" else None
    opened = Database(server.new_database() if server else Secret(f"sqlite:///{tmp_path}/store.db"))
    url = opened.engine.url.render_as_string(hide_password=False).replace("$", "$$")
    (tmp_path / "cloud_manager.conf").write_text(f"[database]\nurl = {url}\n")
    yield opened
    opened.close()


@pytest.fixture
def options(tmp_path: Path) -> Options:
    return {"executable": EXECUTABLE, "config_files": [str(tmp_path / "cloud_manager.conf")]}


def move(options: Options, check_mode: bool = False, **more: t.Any) -> dict[str, t.Any]:
    return db_migration.run({"migration": None, "allow_data_loss": False, **options, **more}, check_mode)


def test_up_and_down_as_check_mode_said_it_would_be(database: Database, options: Options) -> None:
    newest = schema.newest()
    for start, end in ((0, newest), (newest, 1), (1, 0)):
        checked = move(options, check_mode=True, migration=end)
        assert schema.current(database) == start
        assert move(options, migration=end) == checked
        assert (checked["before"], checked["after"], checked["changed"]) == (start, end, True)
        assert checked["sql"]
        assert schema.current(database) == end
    again = move(options, migration=0)
    assert (again["changed"], again["sql"]) == (False, "")


def test_a_loss_is_refused_by_name_and_number_until_it_is_allowed(database: Database, options: Options) -> None:
    move(options)
    database.write(lambda connection: connection.exec_driver_sql(CONTROL))
    for check_mode in (True, False):
        with pytest.raises(AosError, match="power_controls: 1 row, controls of other protocols than ipmi") as refused:
            move(options, check_mode, migration=1)
        assert PASSWORD not in str(refused.value)
    assert schema.current(database) == schema.newest()
    assert move(options, migration=1, allow_data_loss=True)["losses"]
    assert schema.current(database) == 1


def test_the_list_is_that_of_the_program(database: Database, options: Options) -> None:
    schema.migrate(database, 1)
    found = db_migration_info.run(options)
    assert (found["current"], found["newest"]) == (1, schema.newest())
    assert found["pending"] == list(range(2, schema.newest() + 1))
    assert [step["description"] for step in found["migrations"]] == list(schema.known().values())
    assert PASSWORD not in str(found)


def test_an_unknown_number_and_a_wrong_configuration_are_told_in_the_programs_words(
    database: Database, options: Options, tmp_path: Path
) -> None:
    with pytest.raises(AosError, match=r"^migration 999 is unknown: give a number from 0"):
        move(options, migration=999)
    (tmp_path / "cloud_manager.conf").write_text("[databse]\nurl = x\n")
    with pytest.raises(AosError, match=r"did you mean database\?"):
        move(options)
