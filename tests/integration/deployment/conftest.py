# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from tests.integration.deployment.databases import Database, run_database
from watchdog.tests.contract.mariadb import MariaDB, mariadb

__all__ = ["mariadb"]


@pytest.fixture
def database(mariadb: MariaDB, capsys: pytest.CaptureFixture[str]) -> Database:
    """Run the module database on the tests' server, by its socket."""

    def run(**options: object) -> dict[str, object]:
        return run_database(capsys, {"login_socket": mariadb.socket} | options)

    return run
