# SPDX-License-Identifier: GPL-3.0-or-later
"""Numbered migrations: 0 is an empty database. Each file of migrations/versions is one number."""

from __future__ import annotations

import io
from pathlib import Path
from types import ModuleType

from alembic import command
from alembic.config import Config as AlembicConfig
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from cloud_manager.db.engine import Database
from cloud_manager.db.models import Base
from cloud_manager.errors import BadInput, StoreOutdated, StoreUnavailable

FOLDER = Path(__file__).with_name("migrations")
MIGRATE = "run `aos-cloud-manager db migrate`"
LOCK = "aos-cloud-manager migration"
# How long a migration waits for another one, and for another session that uses a table, seconds.
WAIT_SECONDS = 60
NUMBER_TABLE = "alembic_version"
DROP_NUMBER = f"DROP TABLE {NUMBER_TABLE}"
# There while a migration is under way, with the highest number that it has begun: MariaDB commits each statement.
UNDER_WAY = "migration_under_way"
DROP_UNDER_WAY = f"DROP TABLE {UNDER_WAY}"


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


def interrupted(database: Database) -> int | None:
    """The highest number that an interrupted migration has begun to make or to remove. Raises StoreUnavailable."""
    return None if database.embedded else database.read(_under_way)


def migrate(database: Database, to: int | None = None, allow_data_loss: bool = False) -> int:
    """Go up or down to a number (None: the newest) and return it.

    Raises BadInput for an unknown number, and where going down would lose rows unless that is allowed.
    """
    target = _wanted(to)
    database.create_file()
    with database.errors_translated(), database.migrating.connect() as connection:
        _be_alone(connection)
        found = _number(connection)
        _known_here(max(found, _under_way(connection) or 0))
        _check_ours(connection, database.name)
        if not allow_data_loss and (losses := _losses(connection, found, target)):
            raise BadInput(
                f"going down from migration {found} to {target} would lose data of database {database.name}:\n"
                + "\n".join(losses)
                + f"\nstop the watchdog and back the database up (`{database.backup_command}`), "
                "then run the command again with --allow-data-loss"
            )
        if database.embedded:
            _move(connection, found, target)
        else:
            _move_in_steps(connection, found, target)
        connection.commit()
    return target


def sql(database: Database, to: int | None = None) -> str:
    """What migrate would run, in the database's own dialect, under a comment for each loss. Changes nothing.

    "" where it would run nothing.
    """
    target, found = _wanted(to), current(database)
    if found == target:
        return ""
    _known_here(found)
    losses = database.read(lambda connection: _losses(connection, found, target)) if found > target else []
    written = io.StringIO()
    config = _alembic(written)
    config.attributes["dialect"] = database.engine.dialect.name
    if found < target:
        command.upgrade(config, f"{found}:{target}" if found else str(target), sql=True)
    else:
        command.downgrade(config, f"{found}:{target or 'base'}", sql=True)
    end = "" if target else f"\n\n{DROP_NUMBER};"
    return "".join(f"-- loses {loss}\n" for loss in losses) + f"{written.getvalue().strip()}{end}\n"


def prepare(database: Database) -> None:
    """Make the database usable: the embedded one is created and migrated, a server's must have been.

    Raises StoreOutdated with the command to run, StoreUnavailable.
    """
    database.create_file()
    found, wanted = current(database), newest()
    if (half := interrupted(database)) is not None:
        raise StoreOutdated(
            f"a migration of database {database.name} was interrupted at migration {max(half, found)}: "
            + (MIGRATE if half <= wanted else f"this version knows {wanted} at most, {MIGRATE} of the newer version")
        )
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


def _wanted(to: int | None) -> int:
    target = newest() if to is None else to
    if target != 0 and target not in known():
        raise BadInput(f"migration {target} is unknown: give a number from 0 to {newest()}")
    return target


def _known_here(found: int) -> None:
    if found > newest():
        raise StoreOutdated(f"migration {found} is unknown to this version: go back with the version that made it")


def _check_ours(connection: Connection, name: str) -> None:
    """A database without a number is empty, or its tables are another program's: ours must not go among them."""
    tables = set(inspect(connection).get_table_names())
    if NUMBER_TABLE not in tables and (others := sorted(tables & set(Base.metadata.tables))):
        raise BadInput(
            f"database {name} holds tables that aos-cloud-manager did not make ({', '.join(others)}): "
            "give [database] url a database of its own"
        )


def _losses(connection: Connection, found: int, target: int) -> list[str]:
    """What each step down loses, in their order; the first may be one that was interrupted on its way up."""
    steps = range(min(max(found, _under_way(connection) or 0), newest()), target, -1)
    return [loss for number in steps for loss in _script(number).losses(connection)]


def _under_way(connection: Connection) -> int | None:
    if UNDER_WAY not in inspect(connection).get_table_names():
        return None
    return connection.scalar(text(f"SELECT MAX(number) FROM {UNDER_WAY}")) or 0


def _move_in_steps(connection: Connection, found: int, target: int) -> None:
    """On MariaDB each statement counts at once and the number changes last: what was interrupted is settled first."""
    left = _under_way(connection)
    if left is None and found == target:
        return
    _note(connection, left, max(found, target))
    if left is not None:
        half_up = left > found >= target
        with Operations.context(MigrationContext.configure(connection)):
            if found and (half_up or found <= target):
                _script(found).upgrade()
            if half_up:
                _script(found + 1).downgrade()
    _move(connection, found, target)
    connection.execute(text(DROP_UNDER_WAY))


def _note(connection: Connection, left: int | None, highest: int) -> None:
    if left is None:
        connection.execute(text(f"CREATE TABLE {UNDER_WAY} (number INTEGER PRIMARY KEY)"))
    if left is None or left < highest:
        connection.execute(text(f"INSERT INTO {UNDER_WAY} VALUES (:number)"), {"number": highest})
        connection.commit()


def _move(connection: Connection, found: int, target: int) -> None:
    config = _alembic()
    config.attributes["connection"] = connection
    if found < target:
        command.upgrade(config, str(target))
    elif found > target:
        command.downgrade(config, str(target) if target else "base")
    if target == 0 and NUMBER_TABLE in inspect(connection).get_table_names():
        connection.execute(text(DROP_NUMBER))


def _alembic(written: io.StringIO | None = None) -> AlembicConfig:
    config = AlembicConfig(output_buffer=written) if written else AlembicConfig()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    return config


def _script(number: int) -> ModuleType:
    script = ScriptDirectory(str(FOLDER)).get_revision(str(number))
    return script.module


def _be_alone(connection: Connection) -> None:
    """One migration at a time, until the session ends.

    SQLite's transaction locks the file; MariaDB ends transactions at every CREATE TABLE.
    """
    if connection.dialect.name == "sqlite":
        return
    connection.execute(text("SET lock_wait_timeout = :seconds"), {"seconds": WAIT_SECONDS})
    if not connection.scalar(text("SELECT GET_LOCK(:name, :seconds)"), {"name": LOCK, "seconds": WAIT_SECONDS}):
        raise StoreUnavailable(
            f"another migration has been running for more than {WAIT_SECONDS} s: wait for its end, then try again"
        )
