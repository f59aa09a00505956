# SPDX-License-Identifier: GPL-3.0-or-later
"""Transactions on SQLite and MariaDB, with the library's errors turned into ours."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event, exc
from sqlalchemy.engine import make_url
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from cloud_manager.db import private
from cloud_manager.domain.power import Secret
from cloud_manager.errors import BadInput, StoreUnavailable

T = TypeVar("T")

# How long a writer waits for another one, seconds.
BUSY_SECONDS = 10
# How long a transaction may say nothing on a server: less than a waiting writer's patience.
IDLE_SECONDS = 5
# How long a database server may be silent, seconds.
CONNECT_SECONDS, ANSWER_SECONDS = 5, 30
# How long one statement of a migration may take, seconds: it fills tables, however many rows there are.
MIGRATION_SECONDS = 3600
ATTEMPTS = 4
# How long a transaction may take against a server that says nothing, with the waits between its attempts, seconds.
SILENT_SECONDS = ATTEMPTS * (CONNECT_SECONDS + ANSWER_SECONDS + 1)

# MariaDB error numbers after which the server has rolled back: lock wait timeout, deadlock.
ROLLED_BACK = (1205, 1213)

# A transaction whose machine died must not keep the lease locked for hours (the /*M! */ part is MariaDB's only).
SESSION = (
    f"SET time_zone = '+00:00', sql_mode = 'TRADITIONAL', innodb_lock_wait_timeout = {BUSY_SECONDS} "
    f"/*M!100300 , idle_transaction_timeout = {IDLE_SECONDS} */"
)

REMEDIES = {
    1044: "grant the user of [database] url all privileges on it",
    1045: "correct user and password in [database] url",
    1049: "create it, or correct its name in [database] url",
    1054: "run `aos-cloud-manager db migrate`",
    1146: "run `aos-cloud-manager db migrate`",
    1205: "another session uses its tables, a backup or an idle client: end it (the server's administrator finds it by "
    "`SHOW FULL PROCESSLIST`), or wait for its end, then try again",
    2003: "start it, or correct host and port in [database] url",
}


class Database:
    """One database. `read` and `write` run a piece of work in one transaction, again where that is harmless.

    Work may run more than once: it must have no other effect than on its connection.
    name: the address without the password. migrating: the engine of migrations, whose sessions end with their work.
    """

    def __init__(self, url: Secret) -> None:
        parsed = make_url(url.reveal())
        self.embedded = parsed.get_backend_name() == "sqlite"
        self.path = Path(parsed.database or "").absolute() if self.embedded else None
        self.name = parsed.render_as_string(hide_password=True)
        self.engine = _sqlite(parsed) if self.embedded else _mariadb(parsed, ANSWER_SECONDS)
        # A reader sees one moment, whatever is committed meanwhile; SQLite does so by itself.
        self._reading = (
            self.engine if self.embedded else self.engine.execution_options(isolation_level="REPEATABLE READ")
        )
        self._writing = self.engine.execution_options(writes=True)
        self.migrating = self._writing if self.embedded else _mariadb(parsed, MIGRATION_SECONDS, poolclass=NullPool)

    def read(self, work: Callable[[Connection], T]) -> T:
        return self._retried(work, self._reading)

    def write(self, work: Callable[[Connection], T]) -> T:
        return self._retried(work, self._writing)

    @property
    def backup_command(self) -> str:
        """For an operator to type while no watchdog runs; asks for the password by itself."""
        if self.path is not None:
            return shlex.join(["cp", "-p", str(self.path), f"{self.path}.backup"])
        url = self.engine.url
        place = [f"--host={url.host}", f"--port={url.port or 3306}", f"--user={url.username}", "--password"]
        dump = ["mariadb-dump", *place, "--single-transaction", str(url.database)]
        return f"{shlex.join(dump)} > {shlex.quote(f'{url.database}.sql')}"

    def create_file(self) -> None:
        """Make the embedded database's file and folder: only its owner may read it."""
        if self.path is None:
            return
        try:
            os.close(private.create(self.path))
        except FileExistsError:
            return
        except OSError as error:
            raise StoreUnavailable(
                f"database file {self.path} can't be made ({error.strerror}): "
                "give [database] url a path that this user may write"
            ) from error

    def close(self) -> None:
        self.engine.dispose()

    @contextmanager
    def errors_translated(self) -> Iterator[None]:
        """Raise StoreUnavailable for the library's errors, BadInput for a value that the database refuses.

        Neither repeats the statement with its values.
        """
        try:
            yield
        except CommitUnclearError as error:
            raise StoreUnavailable(f"database {self.name}: {error}") from error
        except (exc.DataError, exc.IntegrityError) as error:
            raise BadInput(f"database {self.name} refused: {_said(error)}") from error
        except UnicodeError as error:
            raise BadInput(f"database {self.name}: a name or text isn't valid UTF-8: write it anew") from error
        except exc.SQLAlchemyError as error:
            raise StoreUnavailable(f"database {self.name}: {_said(error)}") from error

    def _retried(self, work: Callable[[Connection], T], engine: Engine) -> T:
        attempts = Retrying(
            retry=retry_if_exception(_harmless),
            stop=stop_after_attempt(ATTEMPTS),
            wait=wait_random_exponential(multiplier=0.05, max=1),
            reraise=True,
        )
        with self.errors_translated():
            result: T = attempts(_transaction, engine, work)
            return result


class CommitUnclearError(Exception):
    """The connection was lost during COMMIT: it may have counted. Never run again by itself."""


def _transaction(engine: Engine, work: Callable[[Connection], T]) -> T:
    with engine.connect() as connection:
        result = work(connection)
        try:
            connection.commit()
        except exc.DBAPIError as error:
            if error.connection_invalidated:
                raise CommitUnclearError("the connection was lost while the change was being committed") from error
            raise
        return result


def _harmless(error: BaseException) -> bool:
    """Nothing was written, and a second run may succeed.

    IntegrityError: somebody inserted the same row meanwhile; the second run sees it.
    """
    if not isinstance(error, exc.DBAPIError):
        return False
    if error.connection_invalidated or isinstance(error, exc.IntegrityError):
        return True
    return _number(error) in ROLLED_BACK or "database is locked" in str(error.orig)


def _number(error: exc.DBAPIError) -> object:
    arguments = getattr(error.orig, "args", ())
    return arguments[0] if arguments else None


def _said(error: exc.SQLAlchemyError) -> str:
    if not isinstance(error, exc.DBAPIError):
        return type(error).__name__
    number = _number(error)
    text = str(error.orig.args[-1]) if error.orig is not None and error.orig.args else type(error).__name__
    remedy = REMEDIES.get(number) if isinstance(number, int) else None
    return f"{text}: {remedy}" if remedy else text


def _sqlite(url: URL) -> Engine:
    engine = create_engine(url, hide_parameters=True, connect_args={"timeout": BUSY_SECONDS})

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: object) -> None:
        # We begin transactions ourselves: the driver would do it late, and without the lock that a writer needs.
        connection.isolation_level = None
        for setting in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
            connection.execute(f"PRAGMA {setting}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _mariadb(url: URL, answer_seconds: int, **options: Any) -> Engine:
    # The guide's `charset=utf8` means the server's old 3-byte form, in which not every name can be written.
    url = url.set(drivername="mysql+pymysql").update_query_dict({"charset": "utf8mb4"})
    # The driver would encode a password given as text in Latin-1.
    password = {"password": str(url.password).encode()} if url.password else {}
    return create_engine(
        url,
        hide_parameters=True,
        pool_pre_ping=True,
        pool_recycle=600,
        isolation_level="READ COMMITTED",
        connect_args={
            "connect_timeout": CONNECT_SECONDS,
            "read_timeout": answer_seconds,
            "write_timeout": answer_seconds,
            "init_command": SESSION,
            **password,
        },
        **options,
    )
