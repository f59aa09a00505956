# SPDX-License-Identifier: GPL-3.0-or-later
"""A real MariaDB of the tests' own: in a temporary folder, on a free port of 127.0.0.1, with a password."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pymysql
import pytest

from ansible_collections.aos.cloud_manager.plugins.module_utils.mariadb_grants import LEAST, tables_of
from cloud_manager.domain.power import Secret

USER, PASSWORD = "aos", "pässword-of-the-tests"
START_SECONDS = 60
NUMBERS = count(1)


@dataclass
class MariaDB:
    folder: Path
    port: int
    options: tuple[str, ...] = ()
    process: subprocess.Popen[bytes] | None = None

    @property
    def socket(self) -> str:
        return f"{self.folder}/socket"

    def install(self) -> None:
        options = ["--no-defaults", f"--datadir={self.folder}/data", "--auth-root-authentication-method=normal"]
        command = ["mariadb-install-db", *options, "--skip-test-db", "--user=root"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, (
            f"mariadb-install-db failed; install Debian's mariadb-server: {done.stderr}{done.stdout}"
        )

    def start(self) -> None:
        options = [f"--datadir={self.folder}/data", f"--socket={self.socket}", f"--port={self.port}", *self.options]
        quick = [
            "--skip-name-resolve",
            "--innodb-flush-log-at-trx-commit=0",
            "--innodb-buffer-pool-size=32M",
            "--innodb-log-file-size=8M",
        ]
        with (self.folder / "log").open("ab") as log:
            # It ends with the tests, however they end.
            self.process = subprocess.Popen(
                [
                    "setpriv",
                    "--pdeathsig",
                    "KILL",
                    "mariadbd",
                    "--no-defaults",
                    "--user=root",
                    "--bind-address=127.0.0.1",
                    *options,
                    *quick,
                ],
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self.root("SELECT 1")
            except pymysql.Error as error:
                ended = self.process.poll() is not None
                if ended or time.monotonic() > deadline:
                    pytest.fail(f"MariaDB doesn't start: {error}\n{(self.folder / 'log').read_text()[-3000:]}")
                time.sleep(0.1)
            else:
                return

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(timeout=60)
            self.process = None

    def root(self, *statements: str) -> list[tuple[Any, ...]]:
        """Run statements as the server's administrator; the last one's rows."""
        connection = pymysql.connect(unix_socket=self.socket, user="root", charset="utf8mb4", autocommit=True)
        with connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            return list(cursor.fetchall())

    def new_database(self) -> Secret:
        """The address of an empty database, in the guide's form, of a user who has the least rights on it."""
        name = f"cloud_manager_{next(NUMBERS)}"
        self.root(
            f"CREATE DATABASE {name}",
            f"CREATE USER IF NOT EXISTS '{USER}'@'127.0.0.1' IDENTIFIED BY '{PASSWORD}'",
            f"GRANT {', '.join(LEAST)} ON {tables_of(name)} TO '{USER}'@'127.0.0.1'",
        )
        return self.url(name)

    def url(self, database: str, password: str = PASSWORD) -> Secret:
        return Secret(f"mysql+pymysql://{USER}:{password}@127.0.0.1:{self.port}/{database}?charset=utf8")


@contextmanager
def running(*options: str) -> Iterator[MariaDB]:
    """A server with options of its own."""
    # In memory where there is a place for it; and pytest's own folders are too deep for a socket (107 characters).
    memory = Path("/dev/shm")
    place = memory if memory.is_dir() and shutil.disk_usage(memory).free > 2**30 else None
    server = MariaDB(Path(tempfile.mkdtemp(prefix="aos-mariadb-", dir=place)), _free_port(), options)
    try:
        server.install()
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(server.folder, ignore_errors=True)


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariaDB]:
    with running() as server:
        yield server


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
