# SPDX-License-Identifier: GPL-3.0-or-later
"""`aos-cloud-manager db`: the numbered migrations of the product's database, and the key of its passwords.

These commands work where the database is outdated or empty: they use nothing of the program but its configuration.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from cloud_manager.config import Config
from cloud_manager.console.table import table
from cloud_manager.db import Database, schema
from cloud_manager.db.crypto import create_key


class App(Protocol):
    """What these commands need of the program."""

    @property
    def config(self) -> Config: ...


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser("db", help="the product's database: list, migrate, create-key")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    lister = commands.add_parser("list", help="show the migrations and which of them the database has")
    lister.add_argument("--format", choices=("table", "json"), default="table", help="default: %(default)s")
    lister.set_defaults(handler=show)
    mover = commands.add_parser("migrate", help="bring the database to the newest migration, or to a given one")
    add_migrate_options(mover)
    mover.set_defaults(handler=migrate)
    key = commands.add_parser("create-key", help="make the key that encrypts the passwords of power controls")
    key.set_defaults(handler=make_key)


def add_migrate_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--migration", type=int, metavar="N", help="go up or down to this number; 0 empties the database"
    )
    parser.add_argument("--sql", action="store_true", help="show what would be run, and change nothing")
    parser.add_argument(
        "--allow-data-loss", action="store_true", help="go down also where rows are lost; back the database up first"
    )


def show(args: argparse.Namespace, app: App) -> int:
    found = listed(app.config)
    if args.format == "json":
        print(json.dumps(found, indent=2))
    else:
        rows = [
            (str(step["number"]), "yes" if step["applied"] else "no", step["description"])
            for step in found["migrations"]
        ]
        print(table(("MIGRATION", "APPLIED", "WHAT"), rows))
        if found["interrupted"] is not None:
            print(
                f"A migration was interrupted: {schema.MIGRATE}, or with --migration {found['current']} to turn it back"
            )
    return 0


def migrate(args: argparse.Namespace, app: App) -> int:
    if args.sql:
        with _opened(app.config) as database:
            print(schema.sql(database, args.migration), end="")
    else:
        print(moved(app.config, args.migration, args.allow_data_loss))
    return 0


def listed(config: Config) -> dict[str, Any]:
    """What the database has: as `db list --format json` prints it."""
    with _opened(config) as database:
        found, interrupted = schema.current(database), schema.interrupted(database)
    steps = [
        {"number": number, "applied": number <= found, "description": text} for number, text in schema.known().items()
    ]
    return {
        "database": database.name,
        "current": found,
        "newest": schema.newest(),
        "interrupted": interrupted,
        "migrations": steps,
    }


def moved(config: Config, to: int | None, allow_data_loss: bool) -> str:
    """Bring the database to a number (None: the newest); a sentence that says so."""
    with _opened(config) as database:
        number = schema.migrate(database, to, allow_data_loss)
    return f"database {database.name} has migration {number}"


def make_key(_args: argparse.Namespace, app: App) -> int:
    create_key(app.config.key_file)
    print(f"key file {app.config.key_file} made; copy it to every controller, for the same user, mode 0600")
    return 0


@contextmanager
def _opened(config: Config) -> Iterator[Database]:
    database = Database(config.database.url)
    try:
        yield database
    finally:
        database.close()
