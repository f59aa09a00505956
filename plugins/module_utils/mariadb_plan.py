# Copyright (c) 2026, CloudManager contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One database and the accounts that may use it: as they are, as they are wanted, and the statements between.

PRIVATE to the collection aos.cloud_manager: may change in any release.
"""

from __future__ import annotations

import dataclasses
import json
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
from ansible_collections.aos.cloud_manager.plugins.module_utils.mark import MADE_BY
from ansible_collections.aos.cloud_manager.plugins.module_utils.reporting import AosError

# In characters. The comment of a database that this collection created is its mark and, in JSON, the accounts.
LONGEST_COMMENT = 1024


@dataclass(frozen=True, slots=True)
class Schema:
    """A database's own settings. made: the accounts that were made with it; None where nothing shows who made it."""

    charset: str
    collation: str
    made: tuple[str, ...] | None = None


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


def look(
    server: Server, database: str, user: str, hosts: t.Iterable[str], password: str | None, with_made: bool = False
) -> State:
    """The state as it is; passwords are compared with `password` if there is one. Raises AosError.

    with_made: with the accounts that the database's comment names, for other hosts and users too.
    """
    if server.rows("SELECT @@lower_case_table_names AS folded")[0]["folded"]:
        database = database.lower()
    found = server.rows("SELECT * FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = %s", database)
    schema = None
    if found:
        names = ("DEFAULT_CHARACTER_SET_NAME", "DEFAULT_COLLATION_NAME")
        # MySQL has no comments on databases.
        schema = Schema(*(found[0][name] for name in names), _made(found[0].get("SCHEMA_COMMENT") or ""))
    named = [(user, host) for host in hosts]
    if with_made and schema and schema.made:
        named += [(name, host) for name, _at, host in (account.rpartition("@") for account in schema.made)]
    accounts = (_account(server, name, host, password) for name, host in dict.fromkeys(named))
    return State(database, schema, tuple(account for account in accounts if account))


def _made(comment: str) -> tuple[str, ...] | None:
    """The accounts that a comment of ours names; None for another's."""
    mark, _space, accounts = comment.partition(" ")
    try:
        return tuple(json.loads(accounts or "[]")) if mark == MADE_BY else None
    except (ValueError, TypeError):
        return None


def _comment(accounts: t.Iterable[str]) -> str:
    """What names the accounts, as many as find room: one that it does not name stays when the database goes."""
    named = list(accounts)
    while len(comment := f"{MADE_BY} {json.dumps(named, ensure_ascii=False)}") > LONGEST_COMMENT:
        named.pop()
    return comment


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
    return Schema(row["charset"], row["collation"])


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
    existing = {account.host: account for account in now.accounts}
    schema, changes = _database(server, now, wanted, [host for host in wanted.hosts if host not in existing])
    after = []
    for host in wanted.hosts:
        account = existing.get(host) or Account(wanted.user, host, Grants({}), knows_password=False)
        if account.knows_password is False:
            changes.append(_password_set(server, wanted, host, is_new=host not in existing))
            account = dataclasses.replace(account, knows_password=True)
        changes += _rights_set(account, now.database, wanted.rights)
        after.append(dataclasses.replace(account, grants=account.grants.with_only(now.database, wanted.rights)))
    return Plan(changes, State(now.database, schema, tuple(after)))


def _database(server: Server, now: State, wanted: Wanted, new_hosts: list[str]) -> tuple[Schema, list[Change]]:
    """The database as it is to be, and what makes it so; before an account is made its comment names it."""
    changes = []
    schema = settings(server, wanted.charset, wanted.collation)
    new = tuple(f"{wanted.user}@{host}" for host in new_hosts)
    if now.schema is None:
        schema = dataclasses.replace(schema, made=new if server.is_mariadb else None)
        return schema, [_created(now.database, schema)]
    if now.schema.charset != schema.charset or (wanted.collation and now.schema.collation != schema.collation):
        changes.append(_altered(now.database, schema))
        schema = dataclasses.replace(schema, made=now.schema.made)
    else:
        schema = now.schema
    if schema.made is not None and not set(new) <= set(schema.made):
        schema = dataclasses.replace(schema, made=tuple(dict.fromkeys(schema.made + new)))
        title = f"note in the comment of database {now.database} that {', '.join(new)} is made with it"
        statement = f"ALTER DATABASE {_literal(quoted(now.database))} COMMENT %s"
        changes.append(Change(title, statement, (_comment(schema.made),)))
    return schema, changes


def _created(database: str, schema: Schema) -> Change:
    title = f"create database {database} ({schema.charset}, {schema.collation})"
    statement = f"CREATE DATABASE IF NOT EXISTS {_literal(quoted(database))} {_settings(schema)}"
    if schema.made is None:
        return Change(title, statement)
    return Change(title, f"{statement} COMMENT %s", (_comment(schema.made),))


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
    made = now.schema.made if now.schema else ()
    if made is None and not force:
        why = (
            f"database {now.database} does not carry the comment {MADE_BY}, so this collection did not create it; "
            f"it and its accounts stay; set force to drop them"
        )
        return Plan([], now, [why])
    changes, kept, after = [], [], []
    for account in now.accounts:
        others = account.grants.besides(now.database)
        if not others and (force or str(account) in (made or ())):
            changes.append(Change(f"drop account {account}", "DROP USER IF EXISTS %s@%s", (account.user, account.host)))
            continue
        if others:
            kept.append(f"account {account} has other rights too ({'; '.join(others)}); it stays")
        else:
            kept.append(f"nothing shows that account {account} was made here; it stays; set force to drop it")
        if now.schema:
            for name, rights in account.grants.on(now.database).items():
                changes += _revoked(account, name, rights)
            account = dataclasses.replace(account, grants=Grants({}))
        after.append(account)
    if now.schema:  # last: its mark tells a later run whose the accounts are
        statement = f"DROP DATABASE IF EXISTS {_literal(quoted(now.database))}"
        changes.append(Change(f"drop database {now.database}", statement))
    return Plan(changes, State(now.database, None, tuple(after)), kept)


def _literal(text: str) -> str:
    """Text within a statement that has placeholders."""
    return text.replace("%", "%%")
