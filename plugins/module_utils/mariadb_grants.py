# Copyright (c) 2026, CloudManager contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which rights an account holds on one database, read from SHOW GRANTS.

PRIVATE to the collection aos.cloud_manager: may change in any release.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

ALL, GRANT_OPTION = "ALL PRIVILEGES", "GRANT OPTION"
# What the migrations and the program need, and not one more. MariaDB would do without REFERENCES, MySQL would not.
LEAST = ("ALTER", "CREATE", "DELETE", "DROP", "INDEX", "INSERT", "REFERENCES", "SELECT", "UPDATE")
RIGHTS = {"all": frozenset({ALL}), "least": frozenset(LEAST)}

_NAME = r"(?:\*|`(?:[^`]|``)+`)"
GRANT = re.compile(rf"GRANT (.+?) ON ({_NAME}\.{_NAME}) TO .+?( WITH GRANT OPTION)?", re.DOTALL)
BETWEEN_RIGHTS = re.compile(r", (?![^(]*\))")  # but not between the columns of one


def quoted(name: str) -> str:
    """A name as a statement needs it."""
    return "`" + name.replace("`", "``") + "`"


def pattern(database: str) -> str:
    """The database's name in a grant, where _ and % stand for other characters."""
    return re.sub(r"([\\_%])", r"\\\1", database)


def tables_of(database: str) -> str:
    """What a grant on the database, and on no other, names."""
    return f"{quoted(pattern(database))}.*"


@dataclass(frozen=True, slots=True)
class Grants:
    """rights: object -> what may be done with it. other: what is granted in another way, roles for example."""

    rights: dict[str, frozenset[str]]
    other: tuple[str, ...] = ()

    def on(self, database: str) -> dict[str, frozenset[str]]:
        """The rights on a database: with its name escaped, unescaped (as the guide has it), and on its tables."""
        escaped, plain = tables_of(database), f"{quoted(database)}."
        return {name: rights for name, rights in self.rights.items() if name == escaped or name.startswith(plain)}

    def besides(self, database: str) -> list[str]:
        """Every other right, to be shown."""
        ours = self.on(database)
        return [*lines({name: rights for name, rights in self.rights.items() if name not in ours}), *self.other]

    def with_only(self, database: str, rights: t.Iterable[str]) -> Grants:
        """These grants, with no other rights on the database than those given."""
        ours = self.on(database)
        kept = {name: held for name, held in self.rights.items() if name not in ours}
        return Grants(kept | {tables_of(database): frozenset(rights)}, self.other)


def parsed(shown: t.Iterable[str]) -> Grants:
    """The lines of SHOW GRANTS, which carry the password's hash too: nothing of it is kept."""
    rights: dict[str, frozenset[str]] = {}
    other = []
    for line in shown:
        found = GRANT.fullmatch(line)
        if not found:
            other.append(line.split(" TO ")[0])
            continue
        names = {name for name in BETWEEN_RIGHTS.split(found[1]) if name != "USAGE"}
        if found[3]:
            names.add(GRANT_OPTION)
        if names:
            rights[found[2]] = rights.get(found[2], frozenset()) | names
    return Grants(rights, tuple(other))


def lines(rights: dict[str, frozenset[str]]) -> list[str]:
    """Rights in words, one line for each object."""
    return [f"{', '.join(sorted(held))} on {name}" for name, held in sorted(rights.items())]
