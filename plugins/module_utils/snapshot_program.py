# Copyright (c) 2026, CloudManager contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the installed product says of itself by its console, and its Python of its packages.

PRIVATE to the collection aos.cloud_manager: may change in any release.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

from ansible_collections.aos.cloud_manager.plugins.module_utils.console import Console
from ansible_collections.aos.cloud_manager.plugins.module_utils.package_release import Root
from ansible_collections.aos.cloud_manager.plugins.module_utils.program import run
from ansible_collections.aos.cloud_manager.plugins.module_utils.reporting import AosError


@dataclasses.dataclass(frozen=True, slots=True)
class Migrations:
    """text: the list as operators read it. current: the number, None where it is not known. note: why not; or empty."""

    text: str = ""
    current: int | None = None
    note: str = ""


def installed_packages(root: Root) -> str:
    """Return the packages of the current release, a NAME==VERSION a line; empty without one. Raises AosError."""
    release = root.current()
    if not release:
        return ""
    python = root.folder(release) / "bin" / "python"
    done = run([str(python), "-m", "pip", "list", "--format=freeze"], {"PIP_DISABLE_PIP_VERSION_CHECK": "1"})
    if done.status:
        raise AosError(f"the packages of {release} cannot be listed: {done.reason}; install the release again")
    return done.text


def listed_migrations(executable: str, config_files: list[str]) -> Migrations:
    """Return what `db list` says; nothing where the program is not installed."""
    if not Path(executable).exists():
        return Migrations()
    console = Console({"executable": executable, "config_files": config_files})
    try:
        return Migrations(console.migration_list(), console.migrations()["current"])
    except AosError as error:
        return Migrations(note=f"the migration is not known, since {executable} db list failed: {error}")
