# SPDX-License-Identifier: GPL-3.0-or-later
"""privileges: least is what the migrations and the program need, and not one right more.

That it is enough, the contract suite shows, whose accounts have no more (watchdog/tests/contract/mariadb.py).
"""

from __future__ import annotations

import pytest

from ansible_collections.aos.cloud_manager.plugins.module_utils.mariadb_grants import LEAST
from cloud_manager.adapters.store import SqlJournal
from cloud_manager.db import Database, schema
from cloud_manager.domain.power import Secret
from cloud_manager.errors import StoreUnavailable
from tests.integration.deployment.databases import Database as Module
from watchdog.tests.contract.mariadb import MariaDB
from watchdog.tests.contract.stories import holding, opened

# MySQL asks for it where a foreign key is made; MariaDB does not.
REFERENCES = "REFERENCES"


def live(url: Secret) -> None:
    """Go through all migrations, up, down and up again, and use what they made."""
    database = Database(url)
    try:
        for number in (*range(1, schema.newest() + 1), *range(schema.newest() - 1, -1, -1), schema.newest()):
            schema.migrate(database, number)
        journal = SqlJournal(database)
        lease = holding(journal)
        journal.save(opened(1), lease)
        assert journal.load().next_incident == 2
        journal.set_maintenance("compute-01", "fan", "anna", 0.0)
        journal.set_maintenance("compute-01", None, "anna", 0.0)
    finally:
        database.close()


def test_the_program_lives_with_what_the_module_grants_it(mariadb: MariaDB, database: Module) -> None:
    name, password = "lives_with_least", "x"
    database(name=name, user="lives", password=password, grant_hosts=["%"], privileges="least")
    live(Secret(f"mysql+pymysql://lives:{password}@127.0.0.1:{mariadb.port}/{name}?charset=utf8"))


@pytest.mark.parametrize("right", sorted({*LEAST} - {REFERENCES}))
def test_no_right_of_the_least_can_be_spared(mariadb: MariaDB, right: str) -> None:
    name = f"without_{right.lower()}"
    mariadb.root(
        f"CREATE DATABASE {name}",
        f"CREATE USER '{name}'@'%' IDENTIFIED BY 'x'",
        f"GRANT {', '.join(one for one in LEAST if one != right)} ON {name}.* TO '{name}'@'%'",
    )
    with pytest.raises(StoreUnavailable, match="denied"):
        live(Secret(f"mysql+pymysql://{name}:x@127.0.0.1:{mariadb.port}/{name}?charset=utf8"))
