# SPDX-License-Identifier: GPL-3.0-or-later
"""The module database takes away what it made and nothing else."""

from __future__ import annotations

import pytest

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


def test_an_account_that_was_there_before_loses_its_rights_and_stays(mariadb: MariaDB, database: Database) -> None:
    mariadb.root("CREATE USER 'early'@'localhost' IDENTIFIED BY 'x'")
    options = {"name": "with_early", "user": "early", "password": "x"}
    database(**options)
    outcome = database(state="absent", **options)
    assert outcome["changes"] == [
        "revoke ALL PRIVILEGES on `with\\_early`.* from early@localhost",
        "drop account early@%",
        "drop database with_early",
    ]
    assert "nothing shows that account early@localhost was made here" in outcome["kept"][0]
    assert outcome["users"] == ["early@localhost"]
    assert grants(mariadb, "early") == {"GRANT USAGE ON *.*"}
    again = database(state="absent", **options)
    assert (again["changed"], again["kept"]) == (False, outcome["kept"])
    assert database(state="absent", force=True, **options)["changes"] == ["drop account early@localhost"]


def test_an_account_of_a_host_that_is_named_no_more_goes_too(mariadb: MariaDB, database: Database) -> None:
    options = {"name": "moved", "user": "moved", "password": "x", "collation": "utf8mb4_unicode_ci"}
    database(grant_hosts=["localhost"], **options)
    outcome = database(grant_hosts=["192.0.2.1"], **options)
    assert outcome["changes"][0] == "note in the comment of database moved that moved@192.0.2.1 is made with it"
    assert not database(grant_hosts=["192.0.2.1"], **options)["changed"]
    database(user="renamed", name="moved", password="x", grant_hosts=["localhost"])
    database(state="absent", grant_hosts=["%"], **options)
    assert not any(exists(mariadb, *account) for account in (("moved",), ("moved", "192.0.2.1"), ("renamed",)))


def test_an_account_that_found_no_room_in_the_comment_is_named(mariadb: MariaDB, database: Database) -> None:
    hosts = [f"controller-{number}.{'long' * 20}.example.org" for number in range(12)]
    options = {"name": "crowded", "user": "crowded", "grant_hosts": hosts, "password": "x"}
    database(**options)
    assert not database(**options)["changed"]
    outcome = database(state="absent", **options)
    assert outcome["kept"]
    assert len(outcome["users"]) == len(outcome["kept"]) < len(hosts)
    assert "crowded" not in names(mariadb)
    database(state="absent", force=True, **options)
    assert not any(exists(mariadb, "crowded", host) for host in hosts)


@pytest.mark.parametrize("comment", ["aos.cloud_manager", "aos.cloud_manager, of the DBA", "aos.cloud_manager 5"])
def test_a_comment_that_names_no_account_drops_none(mariadb: MariaDB, database: Database, comment: str) -> None:
    mariadb.root(
        f"CREATE DATABASE unnamed COMMENT '{comment}'",
        "GRANT ALL PRIVILEGES ON unnamed.* TO 'unnamed'@'localhost' IDENTIFIED BY 'x'",
    )
    database(name="unnamed", user="unnamed", state="absent")
    assert exists(mariadb, "unnamed")
    assert ("unnamed" in names(mariadb)) == (comment != "aos.cloud_manager")
    database(name="unnamed", user="unnamed", state="absent", force=True)


def test_an_account_without_a_database_stays_until_it_is_forced(mariadb: MariaDB, database: Database) -> None:
    mariadb.root("GRANT SELECT ON `never\\_was`.* TO 'whose'@'localhost' IDENTIFIED BY 'x'")
    options = {"name": "never_was", "user": "whose", "state": "absent"}
    outcome = database(**options)
    assert not outcome["changed"]
    assert "nothing shows that account whose@localhost was made here" in outcome["kept"][0]
    assert database(force=True, **options)["changes"] == ["drop account whose@localhost"]
