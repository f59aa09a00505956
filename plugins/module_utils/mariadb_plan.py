# Copyright (c) 2026, CloudManager contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One database and the accounts that may use it: as they are, as they are wanted, and the statements between.

PRIVATE to the collection aos.cloud_manager: may change in any release.
"""

from __future__ import annotations

import dataclasses
import typing as t
from dataclasses import dataclass

from ansible_collections.aos.cloud_manager.plugins.module_utils.mariadb import Change, Server
from ansible_collections.aos.cloud_manager.plugins.module_utils.mariadb_grants import (
    ALL,
    GRANT_OPTION,
    Grants,
    parsed,
    quoted,
    tables_of,
)
from ansible_collections.aos.cloud_manager.plugins.module_utils.mariadb_passwords import Stored, stored
from ansible_collections.aos.cloud_manager.plugins.module_utils.reporting import AosError

# The comment of a database that this collection created.
MARK = "aos.cloud_manager"


@dataclass(frozen=True, slots=True)
class Schema:
    """A database's own settings."""

    charset: str
    collation: str
    is_marked: bool


@dataclass(frozen=True, slots=True)
class Account:
    """A user from one host. knows_password: whether the given password is its own; None where nobody asks."""

    user: str
    host: str
    grants: Grants
    knows_password: bool | None = None

    def __str__(self) -> str:
        return f"{self.user}@{self.host}"


@dataclass(frozen=True, slots=True)
class State:
    """What is there of it, or is to be. schema: None without the database. accounts: those that exist."""

    database: str
    schema: Schema | None
    accounts: tuple[Account, ...]

    def shown(self) -> dict[str, t.Any]:
        """For the diff."""
        schema = {"charset": self.schema.charset, "collation": self.schema.collation} if self.schema else None
        passwords = {None: "not compared", True: "as given", False: "another"}
        return {
            "database": schema,
            "accounts": {
                str(account): {
                    "password": passwords[account.knows_password],
                    "rights": {name: sorted(held) for name, held in account.grants.on(self.database).items()},
                }
                for account in self.accounts
            },
        }


@dataclass(frozen=True, slots=True)
class Plan:
    """The statements in their order, the state after them, and why something stays that was to go."""

    changes: list[Change]
    after: State
    kept: list[str] = dataclasses.field(default_factory=list)


def look(server: Server, database: str, user: str, hosts: t.Iterable[str], password: str | None) -> State:
    """The state as it is; passwords are compared with `password` if there is one. Raises AosError."""
    if server.rows("SELECT @@lower_case_table_names AS folded")[0]["folded"]:
        database = database.lower()
    found = server.rows("SELECT * FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = %s", database)
    schema = None
    if found:
        names = ("DEFAULT_CHARACTER_SET_NAME", "DEFAULT_COLLATION_NAME")
        # MySQL has no comments on databases.
        schema = Schema(*(found[0][name] for name in names), is_marked=found[0].get("SCHEMA_COMMENT") == MARK)
    accounts = (_account(server, user, host, password) for host in hosts)
    return State(database, schema, tuple(account for account in accounts if account))


def _account(server: Server, user: str, host: str, password: str | None) -> Account | None:
    """The account as it is, or None."""
    question = "SELECT plugin, authentication_string AS text FROM mysql.user WHERE User = %s AND Host = %s"
    found = server.rows(question, user, host)
    if not found:
        return None
    knows = None
    if password is not None:
        knows = Stored(found[0]["plugin"], found[0]["text"] or "").answers(password)
        if knows is None:
            knows = server.lets_in(user, host, password)
    shown = server.rows("SHOW GRANTS FOR %s@%s", user, host)
    return Account(user, host, parsed(text for row in shown for text in row.values()), knows)


def settings(server: Server, charset: str, collation: str | None) -> Schema:
    """What the server makes of a charset and a collation (None: its default). Raises AosError if it knows none such."""
    text = f"CONVERT('' USING {charset})" + (f" COLLATE {collation}" if collation else "")
    (row,) = server.rows(f"SELECT CHARSET({text}) AS charset, COLLATION({text}) AS collation")
    return Schema(row["charset"], row["collation"], is_marked=server.is_mariadb)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What state present asks for. password: for accounts that don't know it, or don't exist."""

    user: str
    hosts: tuple[str, ...]
    password: str | None
    rights: frozenset[str]
    charset: str
    collation: str | None


def present(server: Server, now: State, wanted: Wanted) -> Plan:
    """From the state as it is to the one that is wanted. Raises AosError."""
    changes = []
    schema = settings(server, wanted.charset, wanted.collation)
    if now.schema is None:
        changes.append(_created(server, now.database, schema))
    elif now.schema.charset != schema.charset or (wanted.collation and now.schema.collation != schema.collation):
        changes.append(_altered(now.database, schema))
        schema = dataclasses.replace(schema, is_marked=now.schema.is_marked)
    else:
        schema = now.schema
    existing = {account.host: account for account in now.accounts}
    after = []
    for host in wanted.hosts:
        account = existing.get(host) or Account(wanted.user, host, Grants({}), knows_password=False)
        if account.knows_password is False:
            changes.append(_password_set(server, wanted, host, is_new=host not in existing))
            account = dataclasses.replace(account, knows_password=True)
        changes += _rights_set(account, now.database, wanted.rights)
        after.append(dataclasses.replace(account, grants=account.grants.with_only(now.database, wanted.rights)))
    return Plan(changes, State(now.database, schema, tuple(after)))


def _created(server: Server, database: str, schema: Schema) -> Change:
    statement = f"CREATE DATABASE IF NOT EXISTS {_literal(quoted(database))} {_settings(schema)}"
    if server.is_mariadb:
        statement += f" COMMENT '{MARK}'"
    return Change(f"create database {database} ({schema.charset}, {schema.collation})", statement)


def _altered(database: str, schema: Schema) -> Change:
    title = f"make {schema.charset}, {schema.collation} the default for new tables of database {database}"
    return Change(title, f"ALTER DATABASE {_literal(quoted(database))} {_settings(schema)}")


def _settings(schema: Schema) -> str:
    return f"CHARACTER SET {schema.charset} COLLATE {schema.collation}"


def _password_set(server: Server, wanted: Wanted, host: str, is_new: bool) -> Change:
    """The hash is sent, never the password: statements stand in the server's logs and process list."""
    name = f"{wanted.user}@{host}"
    if wanted.password is None:
        raise AosError(f"account {name} does not exist and has no password to be created with; give password")
    secret = stored(wanted.password, server.is_mariadb)
    verb = "CREATE USER IF NOT EXISTS" if is_new else "ALTER USER"
    return Change(
        f"create account {name}" if is_new else f"set the password of {name}",
        f"{verb} %s@%s IDENTIFIED WITH {secret.plugin} AS %s",
        (wanted.user, host),
        secret.text,
    )


def _rights_set(account: Account, database: str, rights: frozenset[str]) -> list[Change]:
    """Exactly these rights on the database, and none by another form of its name or on single tables."""
    held = account.grants.on(database)
    ours = tables_of(database)
    has = held.pop(ours, frozenset())
    extra = has - rights
    if ALL in rights:
        extra &= {GRANT_OPTION}
    changes = _revoked(account, ours, extra)
    if rights - has:
        changes.append(_right(account, ours, rights - has, "grant", "to"))
    for name, other in held.items():
        changes += _revoked(account, name, other)
    return changes


def _revoked(account: Account, name: str, rights: frozenset[str]) -> list[Change]:
    """ALL PRIVILEGES on tables too takes back what is granted on single columns; it stands alone in its statement."""
    if not rights:
        return []
    is_all = ALL in rights or not name.endswith(".*")
    parts = [frozenset({ALL}), rights & {GRANT_OPTION}] if is_all else [rights]
    return [_right(account, name, part, "revoke", "from") for part in parts if part]


def _right(account: Account, name: str, rights: frozenset[str], verb: str, to: str) -> Change:
    listed = ", ".join(sorted(rights))
    return Change(
        f"{verb} {listed} on {name} {to} {account}",
        f"{verb.upper()} {listed} ON {_literal(name)} {to.upper()} %s@%s",
        (account.user, account.host),
    )


def absent(now: State, force: bool) -> Plan:
    """Without the database and its accounts, as far as this collection made them."""
    if now.schema and not now.schema.is_marked and not force:
        why = (
            f"database {now.database} does not carry the comment {MARK}, so this collection did not create it; "
            f"it and its accounts stay; set force to drop them"
        )
        return Plan([], now, [why])
    changes, kept, after = [], [], []
    for account in now.accounts:
        others = account.grants.besides(now.database)
        held = account.grants.on(now.database)
        if others:
            kept.append(f"account {account} has other rights too ({'; '.join(others)}); it stays")
            for name, rights in held.items():
                changes += _revoked(account, name, rights)
            after.append(dataclasses.replace(account, grants=Grants({})))
        elif held or now.schema or force:
            changes.append(Change(f"drop account {account}", "DROP USER IF EXISTS %s@%s", (account.user, account.host)))
        else:
            kept.append(
                f"account {account} has no right on database {now.database}, so nothing shows that it was made for it; "
                f"it stays; set force to drop it"
            )
            after.append(account)
    if now.schema:  # last: its mark tells a later run whose the accounts are
        statement = f"DROP DATABASE IF EXISTS {_literal(quoted(now.database))}"
        changes.append(Change(f"drop database {now.database}", statement))
    return Plan(changes, State(now.database, None, tuple(after)), kept)


def _literal(text: str) -> str:
    """Text within a statement that has placeholders."""
    return text.replace("%", "%%")
