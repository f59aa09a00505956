# Copyright (c) 2026, CloudManager contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a message broker has of ours, and what must be done to give it the rest or to take it away again.

PRIVATE to the collection aos.cloud_manager: may change in any release.

Definitions are what RabbitMQ itself exports and imports: {"vhosts": [{name, ..}], "users": [{name, ..}],
"permissions": [{vhost, user, configure, write, read}]}.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import hmac
import shlex
import typing as t

from ansible_collections.aos.cloud_manager.plugins.module_utils.mark import MADE_BY
from ansible_collections.aos.cloud_manager.plugins.module_utils.reporting import AosError

SALT_BYTES = 4
DIGESTS = {"rabbit_password_hashing_sha256": hashlib.sha256, "rabbit_password_hashing_sha512": hashlib.sha512}

Definitions = dict[str, list[dict[str, t.Any]]]
Permissions = dict[str, str]


@dataclasses.dataclass(frozen=True, slots=True)
class User:
    """A user. login: password_hash (base64 of salt and digest) and hashing_algorithm, or the password it is to have."""

    name: str
    tags: frozenset[str]
    login: dict[str, str] = dataclasses.field(repr=False)

    def has_password(self, password: str) -> bool:
        """Whether a user that the broker told of logs in with it. Raises AosError where that cannot be compared."""
        algorithm = self.login["hashing_algorithm"]
        if algorithm not in DIGESTS:
            raise AosError(
                f"the password of RabbitMQ's user {self.name} is hashed by {algorithm}, which cannot be compared; "
                f"set update_password=on_create to leave it as it is"
            )
        known = base64.b64decode(self.login["password_hash"])
        salt = known[:SALT_BYTES]
        return hmac.compare_digest(DIGESTS[algorithm](salt + password.encode()).digest(), known[SALT_BYTES:])


@dataclasses.dataclass(frozen=True, slots=True)
class Holdings:
    """Our user, its permissions by vhost, and those of our and Nova's vhost that exist, with their tags."""

    user: User | None
    vhosts: dict[str, frozenset[str]]
    permissions: dict[str, Permissions]


@dataclasses.dataclass(frozen=True, slots=True)
class Wanted:
    """What the module's options ask for. tags: None to leave those that are there."""

    user: str
    password: str = dataclasses.field(repr=False)
    tags: frozenset[str] | None
    vhost: str
    nova_vhost: str
    permissions: Permissions
    keep_password: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Change:
    """One thing to put, or to remove, of a kind of definitions, and the sentence for it."""

    kind: str
    definition: dict[str, t.Any] = dataclasses.field(repr=False)
    sentence: str
    removal: bool = False


class Broker(t.Protocol):
    """A way to a broker. Each call raises AosError."""

    via: str

    def read(self, user: str, vhosts: t.Sequence[str]) -> Holdings:
        """What it has of these."""

    def put(self, definitions: Definitions) -> None:
        """Make or change what they describe, and nothing else."""

    def remove(self, kind: str, name: str) -> None:
        """Remove one of the users or vhosts."""


def made(found: Holdings, wanted: Wanted) -> Holdings:
    """The holdings as they should be. Raises AosError where Nova's vhost is missing, which is Nova's to make."""
    if wanted.nova_vhost not in found.vhosts:
        raise AosError(
            f"RabbitMQ has no vhost {wanted.nova_vhost}, which belongs to Nova and is not made here; set nova_vhost to "
            f"the one that transport_url in nova.conf ends with"
        )
    granted = dict.fromkeys((wanted.vhost, wanted.nova_vhost), wanted.permissions)
    return Holdings(
        made_user(found.user, wanted),
        {wanted.vhost: frozenset([MADE_BY]), **found.vhosts},
        granted,
    )


def made_user(user: User | None, wanted: Wanted) -> User:
    """The user as it should be; our mark is given to nobody who was there before."""
    given = {"password": wanted.password}
    if user is None:
        return User(wanted.user, (wanted.tags or frozenset()) | {MADE_BY}, given)
    tags = user.tags if wanted.tags is None else wanted.tags | (user.tags & {MADE_BY})
    right = wanted.keep_password or user.has_password(wanted.password)
    return User(user.name, tags, user.login if right else given)


def removed(found: Holdings, wanted: Wanted, force: bool) -> tuple[Holdings, list[str]]:
    """The holdings without what is ours, and a sentence for each thing that stays. Nova's vhost always does."""
    kept: list[str] = []

    def goes(kind: str, name: str, tags: frozenset[str]) -> bool:
        if force or MADE_BY in tags:
            return True
        kept.append(f"{kind} {name} stays: it has no tag {MADE_BY}, so it was not made here; force removes it")
        return False

    user, vhosts = found.user, dict(found.vhosts)
    if user and goes("user", user.name, user.tags):
        user = None
    if wanted.vhost in vhosts and goes("vhost", wanted.vhost, vhosts[wanted.vhost]):
        del vhosts[wanted.vhost]
    left = {vhost: granted for vhost, granted in found.permissions.items() if user and vhost in vhosts}
    for vhost in left:
        kept.append(
            f"permissions of user {wanted.user} on vhost {vhost} stay: nothing shows who gave them; take them away by "
            f"rabbitmqctl clear_permissions -p {shlex.quote(vhost)} {shlex.quote(wanted.user)}"
        )
    return Holdings(user, vhosts, left), kept


def changes_between(found: Holdings, target: Holdings) -> list[Change]:
    """What makes target of found; permissions go with their user or vhost."""
    changes: list[Change] = []
    for name in target.vhosts.keys() - found.vhosts.keys():
        definition = {"name": name, "description": f"Made by {MADE_BY}", "tags": sorted(target.vhosts[name])}
        changes.append(Change("vhosts", definition, f"vhost {name} is made"))
    if target.user and target.user != found.user:
        changes.append(user_change(found.user, target.user))
    for vhost, granted in target.permissions.items():
        if target.user and found.permissions.get(vhost) != granted:
            definition = {"vhost": vhost, "user": target.user.name, **granted}
            changes.append(Change("permissions", definition, f"user {target.user.name} may use vhost {vhost}"))
    if found.user and not target.user:
        changes.append(Change("users", {"name": found.user.name}, f"user {found.user.name} is removed", removal=True))
    for name in found.vhosts.keys() - target.vhosts.keys():
        changes.append(Change("vhosts", {"name": name}, f"vhost {name} is removed", removal=True))
    return changes


def user_change(found: User | None, target: User) -> Change:
    """The change of a user; with a login, without which RabbitMQ would take the password away."""
    if found is None:
        sentence = f"user {target.name} is made"
    elif "password" in target.login:
        sentence = f"user {target.name} gets another password"
    else:
        sentence = f"user {target.name} gets the tags {', '.join(sorted(target.tags)) or '(none)'}"
    return Change("users", {"name": target.name, "tags": sorted(target.tags), **target.login}, sentence)


def apply(broker: Broker, changes: t.Sequence[Change]) -> None:
    """Make the changes. Raises AosError; what was done by then is found by the next run."""
    put: Definitions = {"vhosts": [], "users": [], "permissions": []}
    for change in changes:
        if not change.removal:
            put[change.kind].append(change.definition)
    if any(put.values()):
        broker.put(put)
    for change in changes:
        if change.removal:
            broker.remove(change.kind, change.definition["name"])


def visible(holdings: Holdings) -> dict[str, t.Any]:
    """What a diff shows; of a password only that it is set."""
    user = holdings.user
    shown = user and {"tags": sorted(user.tags), **({"password": "(set)"} if "password" in user.login else {})}
    return {"user": shown, "vhosts": sorted(holdings.vhosts), "permissions": holdings.permissions}
