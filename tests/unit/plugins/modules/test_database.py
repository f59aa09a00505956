# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import typing as t

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.aos.cloud_manager.plugins.module_utils import mariadb
from ansible_collections.aos.cloud_manager.plugins.module_utils.mariadb_plan import Wanted, absent, look, present
from ansible_collections.aos.cloud_manager.plugins.modules import database


def refusal(capsys: pytest.CaptureFixture[str], **options: t.Any) -> str:
    with patch_module_args(options), pytest.raises(SystemExit):
        database.main()
    outcome = json.loads(capsys.readouterr().out)
    assert outcome["failed"]
    return str(outcome["msg"])


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"name": ""}, "name '' has 0 characters"),
        ({"name": "x" * 65}, "65 characters; give 1 to 64"),
        ({"name": "x_" * 22}, "takes 66 characters in a grant"),
        ({"name": "a\nb"}, "an unprintable one"),
        ({"name": "a "}, "a space at its start or end"),
        ({"name": "a\N{GRINNING FACE}"}, "one beyond U+FFFF"),
        ({"name": "MySQL"}, "a database of the server itself"),
        ({"user": "x" * 81}, "81 characters; give 1 to 80"),
        ({"user": "root"}, "the administrator of login_user"),
        ({"grant_hosts": []}, "name at least one host"),
        ({"grant_hosts": ["localhost", ""]}, "grant_hosts '' has 0 characters"),
        ({"charset": "utf8mb4'; --"}, "charset"),
        ({"collation": "x y"}, "collation 'x y'"),
        ({"password": ""}, "password is empty"),
    ],
)
def test_bad_options_are_named_before_the_server_is_asked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], options: dict[str, t.Any], part: str
) -> None:
    monkeypatch.setattr(database, "Server", None)
    assert part in refusal(capsys, **options)


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(mariadb, "IMPORT_ERROR", ImportError("No module named 'pymysql'"))
    assert "PyMySQL" in refusal(capsys, password="x")


class MySQL(mariadb.Server):
    """An empty MySQL 8: no comments on databases, no mysql_native_password."""

    is_mariadb = False

    def __init__(self, schema: dict[str, str] | None = None) -> None:
        self._schema = schema

    def rows(self, statement: str, *values: str) -> list[dict[str, t.Any]]:
        if "lower_case_table_names" in statement:
            return [{"folded": 0}]
        if "SCHEMATA" in statement:
            return [self._schema] if self._schema else []
        if "CHARSET" in statement:
            return [{"charset": "utf8mb4", "collation": "utf8mb4_0900_ai_ci"}]
        assert "mysql.user" in statement
        return []


def test_mysql_gets_statements_that_it_understands() -> None:
    server = MySQL()
    now = look(server, "a_b", "aos", ["%"], "x")
    wanted = Wanted("aos", ("%",), "x", frozenset({"SELECT"}), "utf8mb4", None)
    changes = present(server, now, wanted).changes
    assert [change.statement for change in changes] == [
        "CREATE DATABASE IF NOT EXISTS `a_b` CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_ai_ci",
        "CREATE USER IF NOT EXISTS %s@%s IDENTIFIED WITH caching_sha2_password AS %s",
        r"GRANT SELECT ON `a\_b`.* TO %s@%s",
    ]
    assert changes[1].secret.startswith("$A$005$")
    assert changes[1].secret not in repr(changes)


def test_on_mysql_where_no_mark_can_be_made_a_database_stays_until_it_is_forced() -> None:
    schema = {"DEFAULT_CHARACTER_SET_NAME": "utf8mb4", "DEFAULT_COLLATION_NAME": "utf8mb4_0900_ai_ci"}
    now = look(MySQL(schema), "aos", "aos", ["%"], None)
    assert not absent(now, force=False).changes
    assert [change.title for change in absent(now, force=True).changes] == ["drop database aos"]
