# Copyright (c) 2026, CloudManager contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The product in the system's own Python.

PRIVATE to the collection aos.cloud_manager: may change in any release.
"""

from __future__ import annotations

from pathlib import Path

from ansible_collections.aos.cloud_manager.plugins.module_utils.package_python import Pip, Python
from ansible_collections.aos.cloud_manager.plugins.module_utils.package_source import Source
from ansible_collections.aos.cloud_manager.plugins.module_utils.reporting import AosError


def installed_version(python: Python) -> str:
    """Return the version of the product that is installed; empty without it."""
    return python.installed["version"] if python.installed else ""


def holds(python: Python, digest: str) -> bool:
    """Whether install() put in what has the digest: pip records from where it took a package (PEP 610)."""
    return python.installed is not None and f"/{digest}/" in python.installed["url"]


def install(python: Python, pip: Pip, source: Source, extras: list[str], digest: str, folder: Path) -> None:
    """Install the source from a folder that is named after the digest. Raises AosError."""
    place = folder / digest
    place.mkdir()
    what = source.put(place)
    options = _options(python)
    pip.install(python.path, what, extras, *options)
    if installed_version(python) == source.version:
        # pip takes a wheel of the version that is there for the same.
        pip.install(python.path, what, [], "--no-deps", "--force-reinstall", *options)


def uninstall(python: Python, pip: Pip) -> None:
    """Uninstall the product and nothing that it needed. Raises AosError."""
    pip.uninstall(python.path, *_options(python))


def _options(python: Python) -> list[str]:
    if not python.pip:
        raise AosError(f"python {python.path} has no pip; install python3-pip (Debian, Ubuntu)")
    return ["--break-system-packages"] if python.managed else []
