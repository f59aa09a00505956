# Copyright (c) 2026, CloudManager contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The root of a TFTP server and what lies below it.

PRIVATE to the collection aos.cloud_manager: may change in any release.
"""

from __future__ import annotations

import os

from ansible_collections.aos.cloud_manager.plugins.module_utils.reporting import AosError


def relative_name(name: str) -> str:
    """Return a name below the root without slashes in front; raise an AosError for one that climbs."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in parts or "\0" in name:
        raise AosError(f"{name!r} climbs out of its folder; give a name below the TFTP root, without ..")
    if not parts:
        raise AosError(f"{name!r} names no file; give a name below the TFTP root")
    return "/".join(parts)


class Root:
    """The root of a TFTP server."""

    def __init__(self, path: str) -> None:
        if not os.path.isabs(path):
            raise AosError(f"root {path!r} is no absolute path; give the whole path of the TFTP root")
        self.path = _real(path)
        if not os.path.isdir(self.path):
            raise AosError(f"TFTP root {path} is no folder; create it or correct root")

    def require_file(self, name: str) -> None:
        """Raise an AosError unless the name is a file that a TFTP server confined to the root can send."""
        found = self._below(name)
        if not os.path.isfile(found):
            raise AosError(f"{name} does not exist below the TFTP root {self.path}; put it there or correct its name")
        if not os.access(found, os.R_OK):
            raise AosError(f"{name} below the TFTP root {self.path} cannot be read; correct its rights")

    def folder(self, name: str) -> str:
        """Return the path of a folder below the root; raise an AosError."""
        found = self._below(name)
        if not os.path.isdir(found):
            raise AosError(f"folder {name} does not exist below {self.path}; create it, or correct root or config_dir")
        return found

    def _below(self, name: str) -> str:
        found = _real(os.path.join(self.path, relative_name(name)))
        if os.path.commonpath([self.path, found]) != self.path:
            raise AosError(f"{name} leads out of the TFTP root {self.path} to {found}; remove the symbolic link")
        return found


def _real(path: str) -> str:
    """Return a path without symbolic links; raise an AosError for text that no path can be."""
    try:
        return os.path.realpath(path)
    except ValueError as error:
        raise AosError(f"{path!r} cannot be a path: {error}; correct it") from error
