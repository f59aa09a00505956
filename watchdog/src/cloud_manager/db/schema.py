# SPDX-License-Identifier: GPL-3.0-or-later
"""Numbered migrations: 0 is an empty database. Each file of migrations/versions is one number."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config as AlembicConfig
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from cloud_manager.db.engine import Database
from cloud_manager.errors import BadInput, StoreOutdated, StoreUnavailable

FOLDER = Path(__file__).with_name("migrations")
MIGRATE = "run `aos-cloud-manager db migrate`"
LOCK = "aos-cloud-manager migration"
# From this number on, a migration's upgrade and downgrade do only what isn't done yet.
REPEATABLE = 2


def newest() -> int:
    return max(known())


def known() -> dict[int, str]:
    """Number -> what it does, ascending; 0 is not in it."""
    scripts = ScriptDirectory(str(FOLDER)).walk_revisions()
    return dict(sorted((int(script.revision), script.doc) for script in scripts))


def current(database: Database) -> int:
    """The database's migration number. Raises StoreUnavailable."""
    if database.path is not None and not database.path.exists():
        return 0
    return database.read(_number)


def migrate(database: Database, to: int | None = None) -> int:
    """Go up or down to a number (None: the newest) and return it. Raises BadInput for an unknown number."""
    target = newest() if to is None else to
    if target != 0 and target not in known():
        raise BadInput(f"migration {target} is unknown: give a number from 0 to {newest()}")
    database.create_file()
    engine = database.engine.execution_options(writes=True)
    with database.errors_translated(), engine.connect() as connection, _alone(connection):
        _move(connection, target)
        connection.commit()
    return target


def prepare(database: Database) -> None:
    """Make the database usable: the embedded one is created and migrated, a server's must have been.

    Raises StoreOutdated with the command to run, StoreUnavailable.
    """
    database.create_file()
    found, wanted = current(database), newest()
    if found > wanted:
        raise StoreOutdated(
            f"database {database.name} has migration {found}, this version knows {wanted} at most: "
            f"install the newer version, or run its `aos-cloud-manager db migrate --migration {wanted}`"
        )
    if found == wanted:
        return
    if not database.embedded:
        raise StoreOutdated(f"database {database.name} has migration {found}, this version needs {wanted}: {MIGRATE}")
    migrate(database)


def _number(connection: Connection) -> int:
    revision = MigrationContext.configure(connection).get_current_revision() or "0"
    if not revision.isdecimal():
        raise StoreUnavailable(f"table alembic_version says {revision!r}: this is not a database of aos-cloud-manager")
    return int(revision)


def _move(connection: Connection, target: int) -> None:
    config = AlembicConfig()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    found = _number(connection)
    if found < target:
        command.upgrade(config, str(target))
    elif found > target:
        if found not in known():
            raise StoreOutdated(f"migration {found} is unknown to this version: go back with the version that made it")
        command.downgrade(config, str(target) if target else "base")
    else:
        _settle(connection, target)


def _settle(connection: Connection, number: int) -> None:
    """Turn back a migration that was interrupted on MariaDB, where the number changes last. Else without effect."""
    scripts = ScriptDirectory(str(FOLDER))
    with Operations.context(MigrationContext.configure(connection)):
        if number + 1 in range(REPEATABLE, newest() + 1):
            scripts.get_revision(str(number + 1)).module.downgrade()
        if number >= REPEATABLE:
            scripts.get_revision(str(number)).module.upgrade()


@contextmanager
def _alone(connection: Connection) -> Iterator[None]:
    """One migration at a time. SQLite's transaction locks the file; MariaDB ends transactions at every CREATE TABLE."""
    if connection.dialect.name == "sqlite":
        yield
        return
    if not connection.scalar(text("SELECT GET_LOCK(:name, 60)"), {"name": LOCK}):
        raise StoreUnavailable(
            "another migration has been running for more than 60 s: wait for its end, then try again"
        )
    try:
        yield
    finally:
        connection.scalar(text("SELECT RELEASE_LOCK(:name)"), {"name": LOCK})
