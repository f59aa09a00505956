# Copyright (c) 2026, CloudManager contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The installed program's own console. Nothing of the program is imported: any Python can run the modules.

PRIVATE to the collection aos.cloud_manager: may change in any release.
"""

from __future__ import annotations

import json
import os
import typing as t

from ansible_collections.aos.cloud_manager.plugins.module_utils.program import run
from ansible_collections.aos.cloud_manager.plugins.module_utils.reporting import AosError

CONSOLE_OPTIONS: dict[str, t.Any] = {
    "executable": {"type": "path", "default": "/opt/aos/cloud-manager/current/bin/aos-cloud-manager"},
    "config_files": {"type": "list", "elements": "path", "default": []},
}
LOSES = "-- loses "


class Console:
    """Raises AosError with the program's own words where it fails."""

    def __init__(self, params: t.Mapping[str, t.Any]) -> None:
        self._executable: str = params["executable"]
        self._files = [word for file in params["config_files"] for word in ("--config-file", file)]

    def migrations(self) -> dict[str, t.Any]:
        """database, current, newest, and migrations with number, applied, description."""
        said = self._run("db", "list", "--format", "json")
        try:
            found: dict[str, t.Any] = json.loads(said)
        except ValueError as error:
            raise AosError(
                f"{self._executable} did not answer `db list` in JSON ({said[:80]!r}); correct executable"
            ) from error
        return found

    def migration_list(self) -> str:
        """What operators read: a line for each migration."""
        return self._run("db", "list")

    def migration_sql(self, number: int) -> str:
        """What migrate would run, under a comment for each loss; empty where it would run nothing."""
        return self._run("db", "migrate", "--migration", str(number), "--sql")

    def migrate(self, number: int, allow_data_loss: bool) -> None:
        self._run("db", "migrate", "--migration", str(number), *(["--allow-data-loss"] if allow_data_loss else []))

    def _run(self, *words: str) -> str:
        if not os.path.exists(self._executable):
            raise AosError(
                f"{self._executable} does not exist; install the package first (module aos.cloud_manager.package), "
                "or correct executable"
            )
        done = run([self._executable, *self._files, *words])
        if done.status:
            raise AosError(_said(done.errors) or f"{self._executable} ended with status {done.status}")
        return done.text


def losses_in(sql: str) -> list[str]:
    """What migration_sql says is lost."""
    return [line.removeprefix(LOSES) for line in sql.splitlines() if line.startswith(LOSES)]


def _said(stderr: str) -> str:
    """The program's errors without their mark; all that it said where it has none, as after a bad start."""
    lines = stderr.strip().splitlines()
    marked = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    return "\n".join(marked or lines)
