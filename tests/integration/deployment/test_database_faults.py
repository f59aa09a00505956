# SPDX-License-Identifier: GPL-3.0-or-later
"""The module database when the server refuses, is away, or is stricter than usual: one sentence with the remedy."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import typing as t
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.aos.cloud_manager.plugins.module_utils import mariadb as connection
from ansible_collections.aos.cloud_manager.plugins.module_utils.mariadb_passwords import native
from tests.integration.deployment.databases import PASSWORD, Database, exists, grants, run_database, use
from watchdog.tests.contract.mariadb import MariaDB, running

ROOT = Path(__file__).resolve().parents[3]
ADMIN = {"login_user": "boss", "login_password": "admin's password"}
HALF_ADMIN = {"login_user": "half", "login_password": "x"}


@pytest.fixture
def administrators(mariadb: MariaDB) -> Iterator[None]:
    """One with a password, and one who may do nothing but read the accounts and create databases."""
    mariadb.root(
        "CREATE USER 'boss'@'localhost' IDENTIFIED BY 'admin\\'s password'",
        "GRANT ALL PRIVILEGES ON *.* TO 'boss'@'localhost' WITH GRANT OPTION",
        "CREATE USER 'half'@'localhost' IDENTIFIED BY 'x'",
        "GRANT CREATE, DROP ON *.* TO 'half'@'localhost'",
        "GRANT SELECT ON mysql.* TO 'half'@'localhost'",
        "CREATE USER 'none'@'localhost' IDENTIFIED BY 'x'",
    )
    yield
    mariadb.root(*(f"DROP USER '{name}'@'localhost'" for name in ("boss", "half", "none")))


def refused(database: Database, *parts: str, **options: t.Any) -> None:
    outcome = database(**{"name": "refused", "user": "refused", "password": PASSWORD} | options)
    assert outcome["failed"]
    for part in parts:
        assert part in outcome["msg"]
    assert "\n" not in outcome["msg"]
    for secret in (PASSWORD, native(PASSWORD), "wrong one"):
        assert secret not in outcome["msg"]


@pytest.mark.usefixtures("administrators")
def test_a_wrong_administrator_is_told_what_to_correct(mariadb: MariaDB, database: Database) -> None:
    for login in (ADMIN | {"login_password": "wrong one"}, {"login_user": "nobody", "login_password": "wrong one"}):
        refused(database, mariadb.socket, "the login failed", "correct login_user and login_password", **login)
    assert database(name="by_boss", user="by_boss", password="x", **ADMIN)["changed"]
    assert database(name="by_boss", user="by_boss", state="absent", **ADMIN)["changed"]


def test_an_administrator_known_by_the_socket_needs_no_password(mariadb: MariaDB, database: Database) -> None:
    mariadb.root(
        "ALTER USER 'root'@'localhost' IDENTIFIED VIA unix_socket",
        "CREATE USER 'toor'@'localhost' IDENTIFIED VIA unix_socket",
    )
    try:
        assert not database(name="refused", user="refused", state="absent")["changed"]
        refused(database, "1698", "correct login_user", login_user="toor")
    finally:
        mariadb.root("ALTER USER 'root'@'localhost' IDENTIFIED BY ''", "DROP USER 'toor'@'localhost'")


@pytest.mark.usefixtures("administrators")
def test_an_administrator_without_a_right_is_told_which_and_another_completes_the_work(
    mariadb: MariaDB, database: Database
) -> None:
    refused(database, "SELECT command denied", "give login_user that right", login_user="none", login_password="x")
    refused(database, "create account refused@localhost failed", "give login_user that right", **HALF_ADMIN)
    mariadb.root("GRANT CREATE USER ON *.* TO 'half'@'localhost'")
    refused(database, "grant ALL PRIVILEGES", "to refused@localhost failed", "give login_user that right", **HALF_ADMIN)
    options = {"name": "refused", "user": "refused", "password": PASSWORD}
    assert database(**options, **ADMIN)["changed"]
    assert not database(**options)["changed"]
    use(mariadb, "refused", PASSWORD, "refused", by_socket=True).close()
    database(state="absent", **options)


def test_a_server_that_is_not_there_is_named(database: Database) -> None:
    refused(database, "/nowhere/socket", "start it, or correct", login_socket="/nowhere/socket")
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        refused(database, f"127.0.0.1:{port}", "start it, or correct", login_host="127.0.0.1", login_port=port)
    refused(database, "nowhere.invalid:3306", "start it, or correct", login_host="nowhere.invalid")


def test_a_server_that_says_nothing_is_given_up(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "ANSWER_SECONDS", 1)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        port = silent.getsockname()[1]
        refused(database, f"127.0.0.1:{port}", "look whether it runs", login_host="127.0.0.1", login_port=port)


def test_a_database_in_use_is_not_waited_for_without_end(
    mariadb: MariaDB, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"name": "in_use", "user": "in_use", "password": "x"}
    database(**options)
    mariadb.root("CREATE TABLE in_use.t (id INT)")
    monkeypatch.setattr(connection, "LOCK_SECONDS", 1)
    with use(mariadb, "in_use", "x", "in_use", by_socket=True) as session, session.cursor() as cursor:
        cursor.execute("SELECT * FROM t")
        refused(database, "drop database in_use failed", "stop the program first", state="absent", **options)
    assert database(state="absent", **options)["changes"] == ["drop database in_use"]


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        ({"charset": "utf9"}, ["utf9", "SHOW CHARACTER SET"]),
        ({"collation": "utf8mb4_klingon"}, ["utf8mb4_klingon", "SHOW COLLATION"]),
        ({"collation": "latin1_bin"}, ["latin1_bin", "SHOW COLLATION"]),
        ({"password": None}, ["account refused@localhost does not exist", "give password"]),
    ],
)
@pytest.mark.parametrize("check_mode", [True, False])
def test_what_cannot_be_is_told_before_anything_is_made(
    mariadb: MariaDB, database: Database, options: dict[str, t.Any], parts: list[str], check_mode: bool
) -> None:
    refused(database, *parts, **options, _ansible_check_mode=check_mode)
    assert not mariadb.root("SHOW DATABASES LIKE 'refused'")
    assert not exists(mariadb, "refused")


def test_the_servers_log_shows_no_password(mariadb: MariaDB, database: Database) -> None:
    mariadb.root("SET GLOBAL log_output = 'TABLE'", "SET GLOBAL general_log = ON")
    options = {"name": "logged", "user": "logged", "grant_hosts": ["localhost"]}
    try:
        database(password="first-secret", **options)
        database(password="second-secret", **options)
        database(state="absent", **options)
    finally:
        mariadb.root("SET GLOBAL general_log = OFF")
    log = str(mariadb.root("SELECT argument FROM mysql.general_log"))
    for statement in ("CREATE USER", "ALTER USER", "DROP DATABASE"):
        assert statement in log
    assert "-secret" not in log


def test_ansible_shows_neither_password_nor_hash_and_takes_the_passwords_from_the_environment(mariadb: MariaDB) -> None:
    secrets = {"AOS_DATABASE_PASSWORD": "first-secret", "AOS_DATABASE_ADMIN_PASSWORD": "boss-secret"}
    mariadb.root(
        "CREATE USER 'shown_boss'@'localhost' IDENTIFIED BY 'boss-secret'",
        "GRANT ALL PRIVILEGES ON *.* TO 'shown_boss'@'localhost' WITH GRANT OPTION",
        "CREATE USER 'shown'@'localhost' IDENTIFIED BY 'other-secret'",
        "GRANT USAGE ON *.* TO 'shown'@'localhost' WITH MAX_USER_CONNECTIONS 5",
    )
    arguments = f"name=shown user=shown login_user=shown_boss login_socket={mariadb.socket}"
    command = [
        Path(sys.executable).with_name("ansible"),
        "localhost",
        "-vvv",
        "--diff",
        "-m",
        "aos.cloud_manager.database",
    ]
    environment = {**os.environ, **secrets, "ANSIBLE_PYTHON_INTERPRETER": sys.executable}
    done = subprocess.run(
        [*command, "-a", arguments], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    assert "set the password of shown@localhost" in done.stdout
    for secret in ("-secret", *map(native, (*secrets.values(), "other-secret"))):
        assert secret not in done.stdout + done.stderr
    use(mariadb, "shown", "first-secret", "shown", by_socket=True).close()


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """ca.pem, and server.pem with server.key for 127.0.0.1."""
    folder = tmp_path_factory.mktemp("certificates")
    made = "-newkey rsa:2048 -nodes"
    for command in (
        f"req -x509 {made} -subj /CN=authority -keyout ca.key -out ca.pem",
        f"req {made} -subj /CN=server -addext subjectAltName=IP:127.0.0.1 -keyout server.key -out csr",
        "x509 -req -in csr -CA ca.pem -CAkey ca.key -copy_extensions copy -out server.pem",
    ):
        subprocess.run(["openssl", *command.split()], cwd=folder, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def strict_server(certificates: Path) -> Iterator[MariaDB]:
    """Encrypted logins, names without case, and no password that it hasn't seen in clear."""
    options = [f"--ssl-{name}={certificates}/{file}" for name, file in (("cert", "server.pem"), ("key", "server.key"))]
    strict = ["--require-secure-transport", "--lower-case-table-names=1", "--plugin-load-add=simple_password_check"]
    with running(*options, *strict) as server:
        server.root(
            "CREATE USER 'boss'@'%' IDENTIFIED VIA unix_socket OR mysql_native_password USING PASSWORD('Long-Enough-1')"
        )
        server.root("GRANT ALL PRIVILEGES ON *.* TO 'boss'@'%' WITH GRANT OPTION")
        yield server


def test_a_strict_server_is_reached_encrypted_and_says_what_stands_in_the_way(
    strict_server: MariaDB, certificates: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def database(**options: t.Any) -> dict[str, t.Any]:
        place = {"login_host": "127.0.0.1", "login_port": strict_server.port, "login_user": "boss"}
        return run_database(capsys, place | {"login_password": "Long-Enough-1"} | options)

    encrypted = {"ca_cert": str(certificates / "ca.pem")}
    refused(database, "the login failed", "give the ca_cert of the authority", ca_cert=str(certificates / "server.pem"))
    refused(database, "the login failed", "and the login_host in it", login_host="localhost", **encrypted)
    refused(database, "/nowhere.pem cannot be used", ca_cert="/nowhere.pem")
    refused(database, "server.key cannot be used", ca_cert=str(certificates / "server.key"))
    refused(database, "create account", "strict-password-validation", "SET GLOBAL that option OFF", **encrypted)
    strict_server.root("SET GLOBAL strict_password_validation = OFF")
    options = {"name": "Refused", "user": "refused", "password": PASSWORD, **encrypted}
    outcome = database(**options)
    assert outcome["database"] == "refused"
    assert not database(**options)["changed"]
    assert "GRANT ALL PRIVILEGES ON `refused`.*" in grants(strict_server, "refused", "%")
    assert database(state="absent", **options)["changes"][-1] == "drop database refused"


def test_a_server_without_encryption_is_told_of(mariadb: MariaDB, database: Database, certificates: Path) -> None:
    refused(
        database,
        "leave ca_cert out",
        login_host="127.0.0.1",
        login_port=mariadb.port,
        ca_cert=str(certificates / "ca.pem"),
    )
