# Copyright (c) 2026, CloudManager contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""RabbitMQ by rabbitmqctl, on a machine where the broker runs.

PRIVATE to the collection aos.cloud_manager: may change in any release.

Definitions go through its standard input and output, for three reasons: no password stands in a process list, Debian's
rabbitmqctl hands its arguments to a shell, and each call takes a second.
"""

from __future__ import annotations

import json
import subprocess
import typing as t

from ansible_collections.aos.cloud_manager.plugins.module_utils.rabbitmq import Definitions, Holdings
from ansible_collections.aos.cloud_manager.plugins.module_utils.rabbitmq_api import GRANTS, user_of
from ansible_collections.aos.cloud_manager.plugins.module_utils.reporting import AosError

TIMEOUT = 120.0
REMOVALS = {"users": "delete_user", "vhosts": "delete_vhost"}


class Rabbitmqctl:
    """A broker by its command. Implements Broker."""

    via = "rabbitmqctl"

    def __init__(self, path: str) -> None:
        self._path = path

    def read(self, user: str, vhosts: t.Sequence[str]) -> Holdings:
        """As Broker.read."""
        text = self._call("--quiet", "export_definitions", "-")
        try:
            exported = json.loads(text)
        except ValueError as error:
            raise AosError(f"{self._path} export_definitions gave no JSON; it needs RabbitMQ 3.8.2 or newer") from error
        accounts = [item for item in exported["users"] if item["name"] == user]
        return Holdings(
            user_of(accounts[0]) if accounts else None,
            {item["name"]: tags_of(item) for item in exported["vhosts"] if item["name"] in vhosts},
            {
                item["vhost"]: {kind: item[kind] for kind in GRANTS}
                for item in exported["permissions"]
                if item["user"] == user and item["vhost"] in vhosts
            },
        )

    def put(self, definitions: Definitions) -> None:
        """As Broker.put."""
        self._call("import_definitions", given=json.dumps(definitions))

    def remove(self, kind: str, name: str) -> None:
        """As Broker.remove."""
        self._call(REMOVALS[kind], name)

    def _call(self, *arguments: str, given: str = "") -> str:
        """What it prints. Its messages name no password, since none is an argument."""
        try:
            done = subprocess.run(
                [self._path, *arguments], input=given, capture_output=True, text=True, check=False, timeout=TIMEOUT
            )
        except subprocess.TimeoutExpired as error:
            raise AosError(f"{self._path} {arguments[0]} took over {TIMEOUT:.0f} s; see RabbitMQ's log") from error
        except OSError as error:
            raise AosError(f"{self._path} cannot be run: {error.strerror}; set rabbitmqctl to its path") from error
        if done.returncode:
            said = " ".join((done.stderr or done.stdout).split())[:300] or f"exit status {done.returncode}"
            raise AosError(
                f"{self._path} {' '.join(arguments)} failed: {said}; run the task as root (become) on a machine where "
                f"RabbitMQ runs"
            )
        return done.stdout


def tags_of(vhost: dict[str, t.Any]) -> frozenset[str]:
    """The tags of an exported vhost."""
    return frozenset((vhost.get("metadata") or vhost).get("tags") or [])
