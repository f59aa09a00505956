# Copyright (c) 2026, CloudManager contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A MariaDB or MySQL server, as its administrator reaches it by PyMySQL.

PRIVATE to the collection aos.cloud_manager: may change in any release.
"""

from __future__ import annotations

import contextlib
import ssl
import typing as t
from dataclasses import dataclass, field

from ansible_collections.aos.cloud_manager.plugins.module_utils.reporting import AosError, MissingLibrary

try:
    import pymysql

    IMPORT_ERROR = None
except ImportError as error:  # the module must load to say what is missing
    IMPORT_ERROR = error

# How long the server may say nothing, and how long it waits for another session's lock: less, so that it tells of it.
ANSWER_SECONDS, LOCK_SECONDS = 60, 30

RIGHTS_REMEDY = "give login_user that right, or log in as an administrator who has it"
LOGIN_REMEDY = "correct login_user and login_password, or log in where the account is valid (login_host, login_socket)"
SERVER_REMEDY = "look whether it runs, then run this again, which goes on where it ended"
REMEDIES = {
    1040: "wait, or raise its max_connections",
    1044: RIGHTS_REMEDY,
    1045: LOGIN_REMEDY,
    1115: "give a charset that SHOW CHARACTER SET lists",
    1130: "log in from a host that it lets in, or by login_socket",
    1142: RIGHTS_REMEDY,
    1205: "end the session that uses the database (stop the program first), then run this again",
    1227: RIGHTS_REMEDY,
    1253: "give a collation that SHOW COLLATION lists for this charset",
    1273: "give a collation that SHOW COLLATION lists for this charset",
    1290: "SET GLOBAL that option OFF, run this again, and set it ON",
    1410: RIGHTS_REMEDY,
    1698: LOGIN_REMEDY,
    2003: "start it, or correct login_host and login_port, or login_socket",
    2006: SERVER_REMEDY,
    2013: SERVER_REMEDY,
    2026: "give it a certificate, or leave ca_cert out",
    3159: "give ca_cert, or log in by login_socket",
}


@dataclass(frozen=True, slots=True)
class Login:
    """Where and as whom. With a host by TCP, else by the socket; with ca_cert by TLS, the certificate checked."""

    user: str
    password: str = field(repr=False)
    host: str | None
    port: int
    socket: str
    ca_cert: str | None
    timeout: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}" if self.host else self.socket


@dataclass(frozen=True, slots=True)
class Change:
    """One statement, with what it does in an operator's words.

    values: what its %s stand for. secret: what the last one stands for; never shown.
    """

    title: str
    statement: str
    values: tuple[str, ...] = ()
    secret: str = field(default="", repr=False)


class Server:
    """A connection. Every statement holds at once."""

    def __init__(self, login: Login) -> None:
        if IMPORT_ERROR:
            raise MissingLibrary("PyMySQL") from IMPORT_ERROR
        self._login = login
        with self._errors_translated("the login"):
            self._connection = _connected(login)
        self.is_mariadb = "MariaDB" in self.rows("SELECT VERSION()")[0]["VERSION()"]

    def close(self) -> None:
        self._connection.close()

    def rows(self, statement: str, *values: str) -> list[dict[str, t.Any]]:
        """What the server answers. Raises AosError."""
        with self._errors_translated("a question"):
            return self._ask(statement, values)

    def make(self, change: Change) -> None:
        """Raises AosError."""
        with self._errors_translated(change.title, change.secret):
            self._ask(change.statement, (*change.values, *filter(None, [change.secret])))

    def lets_in(self, user: str, host: str, password: str) -> bool:
        """Whether the account is entered with this password from here; not so where another host's account is."""
        try:
            connection = _connected(self._login, user, password)
        except (pymysql.Error, OSError, RuntimeError):  # RuntimeError: the plugin needs a library that isn't there
            return False
        with connection, connection.cursor() as cursor:
            cursor.execute("SELECT CURRENT_USER()")
            return cursor.fetchall() == ((f"{user}@{host}",),)

    def _ask(self, statement: str, values: t.Sequence[str]) -> list[dict[str, t.Any]]:
        with self._connection.cursor(pymysql.cursors.DictCursor) as cursor:
            cursor.execute(statement, values)
            return list(cursor.fetchall())

    @contextlib.contextmanager
    def _errors_translated(self, what: str, secret: str = "") -> t.Iterator[None]:
        try:
            yield
        except pymysql.Error as error:
            number, said = (*error.args, "")[:2] if len(error.args) > 1 else (None, str(error))
            if isinstance(getattr(error, "original_exception", None), ssl.SSLError):
                remedy = "give the ca_cert of the authority that signed its certificate, and the login_host in it"
            else:
                remedy = REMEDIES.get(number, "correct that and run this again")
            if secret:
                said = said.replace(secret, "***")
            raise AosError(f"database server at {self._login}: {what} failed: {said} ({number}); {remedy}") from error
        except OSError as error:
            raise AosError(
                f"ca_cert {self._login.ca_cert} cannot be used: {error.strerror or error}; correct it"
            ) from error
        except RuntimeError as error:
            raise AosError(f"database server at {self._login}: {what} failed: {error}; install it") from error


def _connected(login: Login, user: str | None = None, password: str | None = None) -> t.Any:
    """A connection as the administrator, or as another user."""
    place = {"host": login.host, "port": login.port} if login.host else {"unix_socket": login.socket}
    if login.host and login.ca_cert:
        place |= {"ssl_ca": login.ca_cert, "ssl_verify_cert": True, "ssl_verify_identity": True}
    return pymysql.connect(
        user=login.user if user is None else user,
        # The driver would encode a text in Latin-1.
        password=(login.password if password is None else password).encode(),
        charset="utf8mb4",
        autocommit=True,
        connect_timeout=login.timeout,
        read_timeout=ANSWER_SECONDS,
        write_timeout=ANSWER_SECONDS,
        init_command=f"SET lock_wait_timeout = {LOCK_SECONDS}, sql_mode = 'TRADITIONAL', sql_quote_show_create = 1",
        **place,
    )
