# Copyright (c) 2026, CloudManager contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The data of the product's database, saved to a file and brought back.

PRIVATE to the collection aos.cloud_manager: may change in any release.
"""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import tempfile
import typing as t
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from ansible_collections.aos.cloud_manager.plugins.module_utils.file_slot import Slot
from ansible_collections.aos.cloud_manager.plugins.module_utils.program import run
from ansible_collections.aos.cloud_manager.plugins.module_utils.reporting import AosError
from ansible_collections.aos.cloud_manager.plugins.module_utils.snapshot_folder import DUMPS

# The last is what says which migration a database has: of a restore that broke off the daemon finds none, and refuses.
TABLES = (
    "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE' "
    "ORDER BY table_name = 'alembic_version', table_name"
)
DROP_ALL = (
    "SELECT CONCAT('DROP TABLE IF EXISTS `', REPLACE(table_name, '`', '``'), '`;') FROM information_schema.tables "
    "WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE'"
)
# LOCK TABLES is a right that the product needs for nothing else, as is that of MySQL's dumps to set GTIDs.
DUMP_OPTIONS = ("--single-transaction", "--skip-add-locks", "--loose-set-gtid-purged=OFF")
# How a dump ends, and the bytes in which that is found.
WHOLE, LAST_LINES = b"-- Dump completed", 200


class Database(t.Protocol):
    """dump_name: name of the file in the snapshot's folder. missing: why it cannot be dumped; empty if it can.

    Each method raises AosError.
    """

    dump_name: str

    @property
    def missing(self) -> str: ...

    def dump(self, target: Path) -> None: ...

    def require_whole(self, dump: Path) -> None: ...

    def restore(self, source: Path) -> None: ...


@dataclass(frozen=True, slots=True)
class Sqlite:
    """A database in a file."""

    path: Path
    dump_name: str = DUMPS["sqlite"]

    @property
    def missing(self) -> str:
        return "" if self.path.is_file() else f"the database {self.path} does not exist yet"

    def dump(self, target: Path) -> None:
        target.unlink(missing_ok=True)
        target.touch(mode=0o600)
        try:
            with (
                contextlib.closing(sqlite3.connect(f"{self.path.as_uri()}?mode=ro", uri=True)) as source,
                contextlib.closing(sqlite3.connect(target)) as copy,
            ):
                source.backup(copy)
        except sqlite3.Error as error:
            raise AosError(f"database {self.path} cannot be saved to {target}: {error}; look at both") from error

    def require_whole(self, dump: Path) -> None:
        try:
            with contextlib.closing(sqlite3.connect(f"{dump.as_uri()}?mode=ro", uri=True)) as copy:
                ((found,),) = copy.execute("PRAGMA quick_check(1)")
        except sqlite3.Error as error:
            found = str(error)
        if found != "ok":
            raise AosError(f"{dump} is not whole ({found}); give another snapshot")

    def restore(self, source: Path) -> None:
        """Exchange the file; who uses it must have been stopped."""
        try:
            for suffix in ("-wal", "-shm", "-journal"):
                self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
        except OSError as error:
            raise AosError(f"database {self.path} cannot be restored: {error.strerror}; correct its rights") from error
        # The daemon's user may write the folder, and must not lead root elsewhere.
        with contextlib.closing(Slot(str(self.path.parent), self.path.name)) as slot:
            slot.copy(source)


@dataclass(frozen=True, slots=True)
class Mysql:
    """A database of MariaDB or MySQL. settings: what its client programs read from a file."""

    name: str
    settings: dict[str, str] = field(repr=False)
    dump_name: str = DUMPS["mysql"]

    @property
    def missing(self) -> str:
        return "" if _program("dump") else "neither mariadb-dump nor mysqldump is installed (Debian: mariadb-client)"

    def dump(self, target: Path) -> None:
        target.unlink(missing_ok=True)
        target.touch(mode=0o600)
        tables = self._run("client", "--batch", "--skip-column-names", f"--execute={TABLES}", self.name).splitlines()
        self._run("dump", *DUMP_OPTIONS, f"--result-file={target}", self.name, *tables)

    def require_whole(self, dump: Path) -> None:
        try:
            with dump.open("rb") as file:
                file.seek(max(0, dump.stat().st_size - LAST_LINES))
                whole = WHOLE in file.read()
        except OSError as error:
            raise AosError(f"{dump} cannot be read: {error.strerror}; correct that") from error
        if not whole:
            raise AosError(f"{dump} is not whole (its last line is missing); give another snapshot")

    def restore(self, source: Path) -> None:
        """Replace all tables; those that came after the dump go."""
        try:
            with source.open("rb") as file:
                drops = self._run("client", "--batch", "--skip-column-names", f"--execute={DROP_ALL}", self.name)
                emptying = f"SET FOREIGN_KEY_CHECKS = 0; {' '.join(drops.splitlines())}"
                self._run("client", f"--execute={emptying}", self.name)
                # Of what it reads itself, by `source`, the client takes no error for one.
                self._run("client", self.name, reads=file)
        except OSError as error:
            raise AosError(f"{source} cannot be read: {error.strerror}; correct that") from error

    def _run(self, kind: str, *arguments: str, reads: t.BinaryIO | None = None) -> str:
        program = _program(kind)
        if not program:
            raise AosError(f"database {self.name}: the client programs are missing; install mariadb-client (Debian)")
        # Only this file knows the password; no other file counts, as that of the user's home would before it.
        with tempfile.NamedTemporaryFile("w", prefix="aos-client-", suffix=".cnf") as options:
            options.write("".join(("[client]\n", *(f"{key}={_quoted(text)}\n" for key, text in self.settings.items()))))
            options.flush()
            done = run([program, f"--defaults-file={options.name}", *arguments], reads=reads)
        if done.status:
            raise AosError(f"database {self.name}: {Path(program).name} failed: {done.reason}; correct that")
        return done.text


def find_database(url: str) -> Database:
    """Return the database that a URL of the configuration names. Raises AosError, which shows no password."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    kind = parts.scheme.split("+")[0]
    path = unquote(parts.path[1:])
    if kind not in ("sqlite", "mysql", "mariadb") or not path:
        raise AosError("database_url names no database that can be saved; write sqlite:////path or mysql+pymysql://..")
    if kind == "sqlite":
        return Sqlite(Path(path).absolute())
    query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
    known = {
        "host": parts.hostname,
        "port": str(port) if port else None,
        "user": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
        "socket": query.get("unix_socket"),
        "ssl-ca": query.get("ssl_ca"),
        # Who holds a table is not waited for for a day, which is what the server does.
        "loose-init-command": "SET SESSION lock_wait_timeout = 60",
        # For the client localhost means its socket, for the daemon's library it does not.
        "protocol": "socket" if "unix_socket" in query else "tcp",
        # From 11.4 on MariaDB's clients want TLS of every server; the daemon's library wants it where it has an
        # authority. loose: MySQL's clients do not know the setting.
        "loose-ssl-verify-server-cert": None if "ssl_ca" in query else "0",
    }
    return Mysql(path, {key: text for key, text in known.items() if text})


def _program(kind: str) -> str | None:
    names = ("mariadb-dump", "mysqldump") if kind == "dump" else ("mariadb", "mysql")
    return next((found for name in names if (found := shutil.which(name))), None)


def _quoted(text: str) -> str:
    """Return a value as option files want it: in quotes, where a backslash begins an escape."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
