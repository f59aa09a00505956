# SPDX-License-Identifier: GPL-3.0-or-later
"""Running the module database in this process, and what the server itself says of its work."""

from __future__ import annotations

import json
import typing as t
from collections.abc import Callable

import pymysql
import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.aos.cloud_manager.plugins.modules import database
from watchdog.tests.contract.mariadb import MariaDB

Outcome = dict[str, t.Any]
Database = Callable[..., Outcome]
PASSWORD = "pässwörd 'of' \"the\" tests%s"


def run_database(capsys: pytest.CaptureFixture[str], options: dict[str, object]) -> Outcome:
    with patch_module_args(options), pytest.raises(SystemExit):
        database.main()
    return t.cast(Outcome, json.loads(capsys.readouterr().out))


def use(server: MariaDB, user: str, password: str, name: str | None, by_socket: bool) -> pymysql.Connection[t.Any]:
    """A session of the program's: by the socket as user@localhost, by TCP as user@%. Raises OperationalError."""
    place: dict[str, t.Any] = (
        {"unix_socket": server.socket} if by_socket else {"host": "127.0.0.1", "port": server.port}
    )
    return pymysql.connect(user=user, password=password.encode(), database=name, charset="utf8mb4", **place)  # type: ignore[arg-type]


def grants(server: MariaDB, user: str, host: str = "localhost") -> set[str]:
    """What SHOW GRANTS says, without the account and its hash."""
    return {line.split(" TO ")[0] for (line,) in server.root(f"SHOW GRANTS FOR '{user}'@'{host}'")}


def exists(server: MariaDB, user: str, host: str = "localhost") -> bool:
    return bool(server.root(f"SELECT 1 FROM mysql.user WHERE User = '{user}' AND Host = '{host}'"))
