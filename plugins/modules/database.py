#!/usr/bin/python
# Copyright (c) 2026, CloudManager contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: database
short_description: Create the program's database, its accounts and their rights on MariaDB or MySQL
version_added: 0.1.0
author:
  - CloudManager contributors (@aos)
description:
  - Creates one database, one account for each host that the program comes from, and grants them rights on it.
  - The accounts' rights on this database are made exactly what is asked for. Their other rights, other accounts and
    other databases are left alone.
  - A run that was broken off is completed by the next one.
extends_documentation_fragment:
  - aos.cloud_manager.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  name:
    description:
      - Name of the database.
      - At most 64 characters, where each C(_), C(%) and backslash counts twice, because a grant names it so.
    type: str
    default: cloud_manager
  user:
    description: User name of the accounts, not the one of O(login_user).
    type: str
    default: aos
  password:
    description:
      - Password of the accounts. Needed where one has to be created.
      - Without it, E(AOS_DATABASE_PASSWORD).
      - The server is sent its hash, so it does not stand in the server's logs.
    type: str
  update_password:
    description: Whether the password of an account that exists is made O(password), or left as it is.
    type: str
    choices: [always, on_create]
    default: always
  grant_hosts:
    description: The hosts from which the program comes, as the server sees them. Each gets an account.
    type: list
    elements: str
    default: [localhost, "%"]
  privileges:
    description:
      - What the accounts may do with the database.
      - V(least) is what the migrations and the program need, which is C(ALTER), C(CREATE), C(DELETE), C(DROP),
        C(INDEX), C(INSERT), C(REFERENCES), C(SELECT), C(UPDATE).
    type: str
    choices: [all, least]
    default: all
  state:
    description:
      - V(absent) drops the database and the accounts that this module created for it.
      - They are named in the comment C(aos.cloud_manager ["aos@localhost"]) of a database that this module creates.
        Without that it stays, with its accounts. MySQL has no such comments, so there it always stays unless
        O(force=true).
      - An account that was there before, has other rights, or found no room in the comment (1024 characters), loses its
        rights on this database only, and stays.
    type: str
    choices: [present, absent]
    default: present
  force:
    description: With O(state=absent), drop them although nothing shows that this module made them.
    type: bool
    default: false
  charset:
    description: Character set of the database. On one that exists, of the tables that are created from now on.
    type: str
    default: utf8mb4
  collation:
    description: Collation of the database. Without it, the server's default for O(charset); one that it has is kept.
    type: str
  login_host:
    description: Host of the database server, reached by TCP. Without it, by O(login_socket).
    type: str
  login_port:
    description: Port of the database server at O(login_host).
    type: int
    default: 3306
  login_socket:
    description: Socket of the database server on the machine where the module runs. Not used with O(login_host).
    type: path
    default: /run/mysqld/mysqld.sock
  login_user:
    description: The administrator that may create databases and accounts, grant rights, and read the accounts.
    type: str
    default: root
  login_password:
    description:
      - The administrator's password. Without it, E(AOS_DATABASE_ADMIN_PASSWORD).
      - None is needed where the server knows the administrator by the socket, as Debian's does.
    type: str
  ca_cert:
    description:
      - File with the certificate of the authority that signed the certificate of O(login_host).
      - With it the connection is encrypted, and both the certificate and the host's name are checked.
    type: path
  connect_timeout:
    description: Seconds after which the attempt to connect is given up. Every answer may then take 60 seconds.
    type: int
    default: 10
requirements:
  - PyMySQL >= 1.1
notes:
  - The hash is of C(mysql_native_password) on MariaDB, of C(caching_sha2_password) on MySQL, which must be 8.0 or
    newer. An account that compares its password by another plugin is entered to see whether the password is right;
    where this does not tell, the password is set by one of these two.
  - The unescaped name in a grant, as in C(GRANT ALL ON cloud_manager.*), covers C(cloudXmanager) too. It is
    replaced by the escaped one.
  - Between taking C(ALL PRIVILEGES) back and granting O(privileges=least) new sessions have no rights for a moment.
"""

EXAMPLES = r"""
- name: Create the database on the machine that runs MariaDB
  aos.cloud_manager.database:
    password: "{{ aos_database_password }}"
    grant_hosts: [localhost, 192.0.2.11, 192.0.2.12]
    privileges: least

- name: Create it on another server, by an encrypted connection
  aos.cloud_manager.database:
    password: "{{ aos_database_password }}"
    login_host: db.example.org
    login_user: admin
    login_password: "{{ aos_database_admin_password }}"
    ca_cert: /etc/ssl/certs/db.example.org.pem

- name: Drop it, with its accounts
  aos.cloud_manager.database:
    state: absent
"""

RETURN = r"""
database:
  description: Name of the database.
  returned: success
  type: str
  sample: cloud_manager
users:
  description:
    - The accounts of O(user) for O(grant_hosts) that exist now; in check mode that would.
    - With O(state=absent) also others that this module created for the database.
  returned: success
  type: list
  elements: str
  sample: ["aos@localhost", "aos@%"]
changes:
  description: What was done, in its order; in check mode what would be.
  returned: success
  type: list
  elements: str
  sample:
    - create database cloud_manager (utf8mb4, utf8mb4_general_ci)
    - create account aos@localhost
    - grant ALL PRIVILEGES on `cloud\_manager`.* to aos@localhost
kept:
  description: What O(state=absent) left, and why.
  returned: success
  type: list
  elements: str
  sample:
    - account aos@localhost has other rights too (SELECT on `nova`.*); it stays
"""

import contextlib
import re
import typing as t

from ansible.module_utils.basic import env_fallback

from ansible_collections.aos.cloud_manager.plugins.module_utils.mariadb import Login, Server
from ansible_collections.aos.cloud_manager.plugins.module_utils.mariadb_grants import RIGHTS, pattern
from ansible_collections.aos.cloud_manager.plugins.module_utils.mariadb_plan import Plan, Wanted, absent, look, present
from ansible_collections.aos.cloud_manager.plugins.module_utils.reporting import AosError, AosModule

ARGUMENTS: dict[str, t.Any] = {
    "name": {"type": "str", "default": "cloud_manager"},
    "user": {"type": "str", "default": "aos"},
    "password": {"type": "str", "no_log": True, "fallback": (env_fallback, ["AOS_DATABASE_PASSWORD"])},
    "update_password": {"type": "str", "choices": ["always", "on_create"], "default": "always", "no_log": False},
    "grant_hosts": {"type": "list", "elements": "str", "default": ["localhost", "%"]},
    "privileges": {"type": "str", "choices": list(RIGHTS), "default": "all"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "force": {"type": "bool", "default": False},
    "charset": {"type": "str", "default": "utf8mb4"},
    "collation": {"type": "str"},
    "login_host": {"type": "str"},
    "login_port": {"type": "int", "default": 3306},
    "login_socket": {"type": "path", "default": "/run/mysqld/mysqld.sock"},
    "login_user": {"type": "str", "default": "root"},
    "login_password": {"type": "str", "no_log": True, "fallback": (env_fallback, ["AOS_DATABASE_ADMIN_PASSWORD"])},
    "ca_cert": {"type": "path"},
    "connect_timeout": {"type": "int", "default": 10},
}
# In characters. MariaDB's users; MySQL's are shorter and refused by itself.
LONGEST_DATABASE = 64
LONGEST_USER = 80
LONGEST_HOST = 255
SYSTEM = ("information_schema", "mysql", "performance_schema", "sys")


def check(params: dict[str, t.Any]) -> None:
    """Raise AosError for what no server could take, or should not."""
    check_name("name", params["name"], LONGEST_DATABASE)
    needed = len(pattern(params["name"]))
    if needed > LONGEST_DATABASE:
        raise AosError(
            f"name {params['name']!r} takes {needed} characters in a grant, where each _, % and backslash counts "
            f"twice; at most {LONGEST_DATABASE} are possible, give a shorter one"
        )
    if params["name"].lower() in SYSTEM:
        raise AosError(f"name {params['name']!r} is a database of the server itself; give the program one of its own")
    check_name("user", params["user"], LONGEST_USER)
    if params["user"] == params["login_user"]:
        raise AosError(f"user {params['user']!r} is the administrator of login_user; give the program one of its own")
    if not params["grant_hosts"]:
        raise AosError("grant_hosts is empty; name at least one host from which the program comes")
    for host in params["grant_hosts"]:
        check_name("grant_hosts", host, LONGEST_HOST)
    for option in ("charset", "collation"):
        if params[option] is not None and not re.fullmatch("[A-Za-z0-9_]+", params[option]):
            raise AosError(f"{option} {params[option]!r} is no name of one; correct it")
    if params["password"] == "":
        raise AosError("password is empty, with which everybody could log in; give one")


def check_name(option: str, text: str, longest: int) -> None:
    """Raise AosError unless text can be a name on the server, which stores three bytes of UTF-8 at most."""
    if not text or len(text) > longest:
        raise AosError(f"{option} {text!r} has {len(text)} characters; give 1 to {longest}")
    if not text.isprintable() or max(text) > "\uffff" or text != text.strip():
        raise AosError(
            f"{option} {text!r} has a character that no name may have there: an unprintable one, one beyond U+FFFF, or "
            f"a space at its start or end; correct it"
        )


def run(params: dict[str, t.Any], check_mode: bool) -> dict[str, t.Any]:
    """Look, plan, make; what the module returns. Raises AosError."""
    check(params)
    with contextlib.closing(Server(login_of(params))) as server:
        compared = params["password"] if params["update_password"] == "always" else None
        hosts = tuple(dict.fromkeys(host.lower() for host in params["grant_hosts"]))
        is_absent = params["state"] == "absent"
        now = look(server, params["name"], params["user"], hosts, compared, with_made=is_absent)
        plan = absent(now, params["force"]) if is_absent else present(server, now, wanted(params, hosts))
        if not check_mode:
            for change in plan.changes:
                server.make(change)
    return result(plan) | {"diff": {"before": now.shown(), "after": plan.after.shown()}}


def login_of(params: dict[str, t.Any]) -> Login:
    return Login(
        params["login_user"],
        params["login_password"] or "",
        params["login_host"],
        params["login_port"],
        params["login_socket"],
        params["ca_cert"],
        params["connect_timeout"],
    )


def wanted(params: dict[str, t.Any], hosts: tuple[str, ...]) -> Wanted:
    rights = RIGHTS[params["privileges"]]
    return Wanted(params["user"], hosts, params["password"], rights, params["charset"], params["collation"])


def result(plan: Plan) -> dict[str, t.Any]:
    return {
        "changed": bool(plan.changes),
        "database": plan.after.database,
        "users": [str(account) for account in plan.after.accounts],
        "changes": [change.title for change in plan.changes],
        "kept": plan.kept,
    }


def main() -> None:
    module = AosModule(ARGUMENTS, supports_check_mode=True)
    with module.errors_reported():
        module.exit_json(**run(module.params, module.check_mode))


if __name__ == "__main__":
    main()
