# SPDX-License-Identifier: GPL-3.0-or-later
"""The module database against a real MariaDB: what is asked for comes about, and again nothing changes."""

from __future__ import annotations

import typing as t
from concurrent.futures import ThreadPoolExecutor

import pymysql
import pytest

from ansible_collections.aos.cloud_manager.plugins.module_utils.mariadb import Change, Login, Server
from ansible_collections.aos.cloud_manager.plugins.module_utils.mariadb_grants import LEAST, RIGHTS, tables_of
from ansible_collections.aos.cloud_manager.plugins.module_utils.mariadb_plan import Wanted, look, present
from tests.integration.deployment.databases import PASSWORD, Database, exists, grants, use
from watchdog.tests.contract.mariadb import MariaDB

SHOWN_LEAST = (
    f"GRANT {', '.join(('SELECT', 'INSERT', 'UPDATE', 'DELETE', 'CREATE', 'DROP', 'REFERENCES', 'INDEX', 'ALTER'))}"
)
ODD_NAMES = [
    "cloud-manager",
    "it's",
    'a"b',
    "a`b",
    "100%",
    "%s",
    "a_b",
    "back\\slash",
    "\\_",
    "über_名前",
    "a b",
    "a.b/..",
    "x; DROP DATABASE mysql; --",
    "_" * 32,
]


def difference(outcome: dict[str, t.Any]) -> tuple[t.Any, ...]:
    return outcome["changed"], outcome["changes"], outcome["kept"], outcome["users"], outcome["diff"]


def test_everything_is_made_and_the_second_run_changes_nothing(mariadb: MariaDB, database: Database) -> None:
    options = {"name": "made_once", "user": "once", "password": PASSWORD}
    rehearsed = database(_ansible_check_mode=True, **options)
    assert not mariadb.root("SHOW DATABASES LIKE 'made_once'")
    assert not exists(mariadb, "once")
    outcome = database(**options)
    assert outcome["changes"] == [
        "create database made_once (utf8mb4, utf8mb4_general_ci)",
        "create account once@localhost",
        "grant ALL PRIVILEGES on `made\\_once`.* to once@localhost",
        "create account once@%",
        "grant ALL PRIVILEGES on `made\\_once`.* to once@%",
    ]
    assert difference(rehearsed) == difference(outcome)
    assert outcome["users"] == ["once@localhost", "once@%"]
    for by_socket in (True, False):
        with use(mariadb, "once", PASSWORD, "made_once", by_socket) as session, session.cursor() as cursor:
            cursor.execute(f"CREATE TABLE by_socket_{by_socket} (id INT)")
    again = database(**options)
    assert not again["changed"]
    assert again["diff"]["before"] == again["diff"]["after"] == outcome["diff"]["after"]


@pytest.mark.parametrize("privileges", list(RIGHTS))
@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_database_of_any_name_is_the_accounts_own_and_its_neighbour_is_not(
    mariadb: MariaDB, database: Database, name: str, privileges: str
) -> None:
    neighbour = name.replace("_", "X").replace("%", "XX")
    options = {"name": name, "user": "o'dd", "grant_hosts": ["%"], "password": PASSWORD, "privileges": privileges}
    assert database(**options)["changed"]
    assert not database(**options)["changed"]
    if neighbour != name:
        mariadb.root(f"CREATE DATABASE `{neighbour}`")
    try:
        with use(mariadb, "o'dd", PASSWORD, name, by_socket=False) as session, session.cursor() as cursor:
            cursor.execute("CREATE TABLE one (id INT)")
            cursor.execute("SHOW DATABASES")
            assert set(cursor.fetchall()) == {(name,), ("information_schema",)}
    finally:
        if neighbour != name:
            mariadb.root(f"DROP DATABASE `{neighbour}`")
    assert database(state="absent", **options)["changed"]
    assert (name,) not in mariadb.root("SHOW DATABASES")
    assert not mariadb.root("""SELECT * FROM mysql.db WHERE User = "o'dd" """)
    assert not database(state="absent", **options)["changed"]


def test_a_changed_password_is_seen_in_check_mode_and_the_old_one_is_void(mariadb: MariaDB, database: Database) -> None:
    options: dict[str, t.Any] = {"name": "changing", "user": "changing", "grant_hosts": ["localhost"]}
    database(password="first one", **options)
    kept = database(password="second one", update_password="on_create", **options)
    assert not kept["changed"]
    assert not database(**options)["changed"]
    rehearsed = database(password="second one", _ansible_check_mode=True, **options)
    use(mariadb, "changing", "first one", "changing", by_socket=True).close()
    changed = database(password="second one", **options)
    assert difference(rehearsed) == difference(changed)
    assert changed["changes"] == ["set the password of changing@localhost"]
    assert changed["diff"]["before"]["accounts"]["changing@localhost"]["password"] == "another"
    use(mariadb, "changing", "second one", "changing", by_socket=True).close()
    with pytest.raises(pymysql.OperationalError, match="Access denied"):
        use(mariadb, "changing", "first one", "changing", by_socket=True)
    assert not database(password="second one", **options)["changed"]


@pytest.mark.parametrize("plugin", ["ed25519 USING PASSWORD('known')", "unix_socket", "mysql_native_password"])
def test_an_account_with_another_plugin_ends_with_the_password_that_is_asked_for(
    mariadb: MariaDB, database: Database, plugin: str
) -> None:
    mariadb.root("INSTALL SONAME 'auth_ed25519'", f"CREATE USER 'other'@'localhost' IDENTIFIED VIA {plugin}")
    options = {"name": "other", "user": "other", "grant_hosts": ["localhost"], "password": "known"}
    try:
        assert "set the password of other@localhost" in database(**options)["changes"]
        assert not database(**options)["changed"]
        use(mariadb, "other", "known", "other", by_socket=True).close()
    finally:
        database(state="absent", force=True, **options)
        mariadb.root("UNINSTALL SONAME 'auth_ed25519'")


def test_an_account_that_can_only_be_entered_is_entered(mariadb: MariaDB) -> None:
    mariadb.root("CREATE USER 'entered'@'localhost' IDENTIFIED BY 'right'", "CREATE USER 'entered'@'%'")
    server = Server(Login("root", "", None, 0, mariadb.socket, None, 10))
    assert server.lets_in("entered", "localhost", "right")
    assert not server.lets_in("entered", "localhost", "wrong")
    assert not server.lets_in("entered", "%", "right")
    assert not server.lets_in("nobody", "localhost", "")
    server.close()


HELD = {
    "nothing": [],
    "all": ["ALL PRIVILEGES ON `held\\_db`.*"],
    "least": [f"{', '.join(LEAST)} ON `held\\_db`.*"],
    "one": ["SELECT ON `held\\_db`.*"],
    "more than least": [f"{', '.join(LEAST)}, EVENT, TRIGGER ON `held\\_db`.*"],
    "the guide's": ["ALL PRIVILEGES ON held_db.*"],
    "to be passed on": ["ALL PRIVILEGES ON `held\\_db`.*", "GRANT OPTION ON `held\\_db`.*"],
    "both forms": ["SELECT ON `held\\_db`.*", "SELECT, GRANT OPTION ON held_db.*"],
    "tables": ["SELECT (a), UPDATE, GRANT OPTION ON held_db.t", "SELECT (a, b), INSERT (b) ON held_db.u"],
}


@pytest.mark.parametrize("privileges", list(RIGHTS))
@pytest.mark.parametrize("held", HELD.values(), ids=HELD.keys())
def test_rights_become_exactly_those_asked_for_and_others_are_left_alone(
    mariadb: MariaDB, database: Database, held: list[str], privileges: str
) -> None:
    elsewhere = ["SELECT ON *.*", "INSERT ON `held\\_d`.*", "UPDATE ON `heldXdb`.*", "EXECUTE ON PROCEDURE held_db.p"]
    mariadb.root(
        "CREATE DATABASE held_db",
        "CREATE TABLE held_db.t (a INT, b INT)",
        "CREATE TABLE held_db.u (a INT, b INT)",
        "CREATE PROCEDURE held_db.p() SELECT 1",
        "CREATE USER 'held'@'localhost' IDENTIFIED BY 'x' REQUIRE X509",
        *(f"GRANT {right} TO 'held'@'localhost'" for right in [*elsewhere, *held]),
    )
    options = {"name": "held_db", "user": "held", "grant_hosts": ["localhost"], "privileges": privileges}
    try:
        rehearsed = database(_ansible_check_mode=True, **options)
        outcome = database(**options)
        assert difference(rehearsed) == difference(outcome)
        shown = {"all": "GRANT ALL PRIVILEGES", "least": SHOWN_LEAST}[privileges]
        assert grants(mariadb, "held") == {
            "GRANT SELECT ON *.*",
            "GRANT INSERT ON `held\\_d`.*",
            "GRANT UPDATE ON `heldXdb`.*",
            "GRANT EXECUTE ON PROCEDURE `held_db`.`p`",
            f"{shown} ON {tables_of('held_db')}",
        }
        assert "REQUIRE X509" in mariadb.root("SHOW CREATE USER 'held'@'localhost'")[0][0]
        assert not database(**options)["changed"]
    finally:
        mariadb.root("DROP USER 'held'@'localhost'", "DROP DATABASE held_db")


def test_charset_and_collation_are_the_servers_defaults_or_those_asked_for(
    mariadb: MariaDB, database: Database
) -> None:
    mariadb.root("CREATE DATABASE lettered CHARACTER SET latin1 COMMENT 'mine'")
    options: dict[str, t.Any] = {"name": "lettered", "user": "lettered", "password": "x"}
    assert database(**options)["changes"][0].startswith("make utf8mb4, utf8mb4_general_ci the default for new tables")
    assert not database(**options)["changed"]
    assert database(collation="utf8mb4_unicode_ci", **options)["changed"]
    assert not database(collation="utf8mb4_unicode_ci", **options)["changed"]
    assert not database(**options)["changed"]
    found = mariadb.root("SELECT * FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = 'lettered'")
    assert found == [("def", "lettered", "utf8mb4", "utf8mb4_unicode_ci", None, "mine")]
    # An alias of the server's own name for it.
    assert database(charset="utf8", **options)["changed"]
    assert not database(charset="utf8", **options)["changed"]


def test_several_controllers_may_run_it_at_once(mariadb: MariaDB) -> None:
    def run(_: int) -> None:
        server = Server(Login("root", "", None, 0, mariadb.socket, None, 10))
        now = look(server, "at_once", "at_once", ["localhost"], "x")
        plans.append(present(server, now, Wanted("at_once", ("localhost",), "x", RIGHTS["least"], "utf8mb4", None)))
        for change in plans[-1].changes:
            server.make(change)
        server.close()

    plans: list[t.Any] = []
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(run, range(4)))
    run(0)
    assert not plans[-1].changes


class BrokenOffError(Exception):
    """The module dies here."""


@pytest.mark.parametrize("state", ["present", "absent"])
def test_a_run_that_is_broken_off_after_any_statement_is_completed_by_the_next(
    mariadb: MariaDB, database: Database, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    options = {"name": "broken", "user": "broken", "password": "x", "privileges": "least"}
    whole = 0
    make = Server.make
    while True:
        database(**options | {"state": "absent" if state == "present" else "present"})
        left = [whole]

        def make_some(server: Server, change: Change, left: list[int] = left) -> None:
            if not left[0]:
                raise BrokenOffError
            left[0] -= 1
            make(server, change)

        with monkeypatch.context() as patched:
            patched.setattr(Server, "make", make_some)
            try:
                database(state=state, **options)
            except BrokenOffError:
                whole += 1
            else:
                break
        assert not database(state=state, **options)["kept"]
        assert not database(state=state, **options)["changed"]
        assert exists(mariadb, "broken") == exists(mariadb, "broken", "%") == (state == "present")
        assert bool(mariadb.root("SHOW DATABASES LIKE 'broken'")) == (state == "present")
    assert whole == {"present": 5, "absent": 3}[state]
    database(state="absent", **options)
