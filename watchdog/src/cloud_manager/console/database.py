# SPDX-License-Identifier: GPL-3.0-or-later
"""`aos-cloud-manager db`: the numbered migrations of the product's database, and the key of its passwords.

These commands work where the database is outdated or empty: they use nothing of the program but its configuration.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

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
    listed = commands.add_parser("list", help="show the migrations and which of them the database has")
    listed.set_defaults(handler=show)
    moved = commands.add_parser("migrate", help="bring the database to the newest migration, or to a given one")
    moved.add_argument(
        "--migration", type=int, metavar="N", help="go up or down to this number; 0 empties the database"
    )
    moved.set_defaults(handler=migrate)
    key = commands.add_parser("create-key", help="make the key that encrypts the passwords of power controls")
    key.set_defaults(handler=make_key)


def show(_args: argparse.Namespace, app: App) -> int:
    with _opened(app.config) as database:
        found = schema.current(database)
    rows = [(str(number), "yes" if number <= found else "no", text) for number, text in schema.known().items()]
    print(table(("MIGRATION", "APPLIED", "WHAT"), rows))
    return 0


def migrate(args: argparse.Namespace, app: App) -> int:
    with _opened(app.config) as database:
        number = schema.migrate(database, args.migration)
    print(f"database {database.name} has migration {number}")
    return 0


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
