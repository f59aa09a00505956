# SPDX-License-Identifier: GPL-3.0-or-later
"""The module database takes away what it made and nothing else."""

from __future__ import annotations

from tests.integration.deployment.databases import Database, exists, grants
from watchdog.tests.contract.mariadb import MariaDB


def names(mariadb: MariaDB) -> set[str]:
    return {name for (name,) in mariadb.root("SHOW DATABASES")}


def test_what_it_made_goes_and_the_server_is_as_before(mariadb: MariaDB, database: Database) -> None:
    tables = ("global_priv", "db", "tables_priv", "columns_priv", "procs_priv")
    questions = [f"SELECT * FROM mysql.{table}" for table in tables] + ["SHOW DATABASES"]
    before = [mariadb.root(question) for question in questions]
    options = {"name": "gone", "user": "gone", "password": "x"}
    database(**options)
    assert [mariadb.root(question) for question in questions] != before
    outcome = database(state="absent", **options)
    assert outcome["changes"] == ["drop account gone@localhost", "drop account gone@%", "drop database gone"]
    assert outcome["users"] == outcome["kept"] == []
    assert outcome["diff"]["after"] == {"database": None, "accounts": {}}
    assert [mariadb.root(question) for question in questions] == before
    assert not database(state="absent", **options)["changed"]


def test_what_was_made_by_hand_stays_until_it_is_forced(mariadb: MariaDB, database: Database) -> None:
    mariadb.root(
        "CREATE DATABASE by_hand",
        "GRANT ALL PRIVILEGES ON by_hand.* TO 'by_hand'@'localhost' IDENTIFIED BY 'x'",
    )
    options = {"name": "by_hand", "user": "by_hand", "state": "absent"}
    outcome = database(**options)
    assert not outcome["changed"]
    assert "by_hand does not carry the comment aos.cloud_manager" in outcome["kept"][0]
    assert outcome["users"] == ["by_hand@localhost"]
    rehearsed = database(force=True, _ansible_check_mode=True, **options)
    assert {"by_hand"} <= names(mariadb)
    forced = database(force=True, **options)
    assert rehearsed["changes"] == forced["changes"] == ["drop account by_hand@localhost", "drop database by_hand"]
    assert "by_hand" not in names(mariadb)
    assert not exists(mariadb, "by_hand")


def test_an_account_with_other_rights_loses_only_those_on_the_database(mariadb: MariaDB, database: Database) -> None:
    others = [
        "GRANT SELECT ON `nova`.* TO 'shared'@'localhost'",
        "GRANT role_of_shared TO 'shared'@'%'",
    ]
    mariadb.root("CREATE ROLE role_of_shared")
    options = {"name": "shared_one", "user": "shared", "password": "x"}
    database(**options)
    mariadb.root(*others)
    outcome = database(state="absent", force=True, **options)
    assert outcome["users"] == ["shared@localhost", "shared@%"]
    assert outcome["kept"] == [
        "account shared@localhost has other rights too (SELECT on `nova`.*); it stays",
        "account shared@% has other rights too (GRANT `role_of_shared`); it stays",
    ]
    assert grants(mariadb, "shared") == {"GRANT USAGE ON *.*", "GRANT SELECT ON `nova`.*"}
    assert grants(mariadb, "shared", "%") == {"GRANT USAGE ON *.*", "GRANT `role_of_shared`"}
    assert "shared_one" not in names(mariadb)
    again = database(state="absent", **options)
    assert not again["changed"]
    assert again["kept"] == outcome["kept"]


def test_an_account_of_which_nothing_shows_whose_it_is_stays(mariadb: MariaDB, database: Database) -> None:
    mariadb.root("CREATE USER 'whose'@'localhost' IDENTIFIED BY 'x'")
    outcome = database(name="never_was", user="whose", state="absent")
    assert not outcome["changed"]
    assert "nothing shows that it was made for it" in outcome["kept"][0]
    mariadb.root("GRANT SELECT ON `never\\_was`.* TO 'whose'@'localhost'")
    assert database(name="never_was", user="whose", state="absent")["changes"] == ["drop account whose@localhost"]
