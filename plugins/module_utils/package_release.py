# Copyright (c) 2026, CloudManager contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The folder of an installation: a release beside the other, and `current`, which points to one of them.

PRIVATE to the collection aos.cloud_manager: may change in any release.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import re
import shutil
import typing as t
from pathlib import Path

from ansible_collections.aos.cloud_manager.plugins.module_utils.file_slot import Slot
from ansible_collections.aos.cloud_manager.plugins.module_utils.mark import MADE_BY
from ansible_collections.aos.cloud_manager.plugins.module_utils.reporting import AosError

RECORD = "release.json"
PROGRAM = "aos-cloud-manager"
NAME = re.compile(r"[0-9][0-9A-Za-z.!+]*-[0-9a-f]{8}")


@dataclasses.dataclass(frozen=True, slots=True)
class Release:
    """What a release's record says of it. digest: of all that makes it what it is. python: path of the interpreter."""

    release: str
    version: str
    source: str
    digest: str
    extras: list[str]
    python: str
    made_by: str = MADE_BY


class Root:
    """The folder of an installation, which need not exist."""

    def __init__(self, path: str) -> None:
        if not os.path.isabs(path) or not os.path.normpath(path).strip("/"):
            raise AosError(f"root {path!r} is no absolute path of a folder; give one such as /opt/aos/cloud-manager")
        self.path = Path(path)
        self.releases_folder = self.path / "releases"
        self._link = self.path / "current"
        self._next_link = self.path / ".current"
        self.current_program = self._link / "bin" / PROGRAM

    def folder(self, release: str) -> Path:
        return self.releases_folder / release

    def releases(self) -> dict[str, Release]:
        """Return the whole releases by their name, the one that was used last first.

        The time of a record is when the release was made, or when `current` was last taken away from it.
        """
        found = {}
        for name in self._ours():
            record = self.folder(name) / RECORD
            if record.exists():
                found[name] = (record.stat().st_mtime_ns, _read(record))
        newest_first = sorted(found.items(), key=lambda item: item[1][0], reverse=True)
        return {name: release for name, (_time, release) in newest_first}

    def half_made(self) -> list[str]:
        """Return the names of the releases of which the making was interrupted."""
        return [name for name in self._ours() if not (self.folder(name) / RECORD).exists()]

    def current(self) -> str:
        """Return the name of the release that `current` points to; empty without one. Raises AosError."""
        try:
            return Path(os.readlink(self._link)).name
        except FileNotFoundError:
            return ""
        except OSError as error:
            raise AosError(f"{self._link} is no symbolic link; look at it and remove it") from error

    def switch(self, release: str) -> None:
        """Point `current` to a release in one step. Raises AosError."""
        left = self.folder(self.current() or release) / RECORD
        try:
            self._next_link.unlink(missing_ok=True)
            self._next_link.symlink_to(Path("releases", release))
            self._next_link.replace(self._link)
            with contextlib.suppress(FileNotFoundError):
                os.utime(left)
        except OSError as error:
            raise AosError(f"{self._link} cannot be switched: {error.strerror}; correct the rights") from error

    def record(self, release: Release) -> None:
        """Write the record that makes a release whole. Raises AosError."""
        with contextlib.closing(Slot(str(self.folder(release.release)), RECORD)) as slot:
            slot.write(json.dumps(dataclasses.asdict(release), indent=2) + "\n", 0o644)

    def remove(self, release: str) -> None:
        """Remove a release, its record first, so that what is left of an interrupted removal is not whole."""
        try:
            (self.folder(release) / RECORD).unlink(missing_ok=True)
            shutil.rmtree(self.folder(release))
        except OSError as error:
            raise AosError(f"{error.filename} cannot be removed: {error.strerror}; correct the rights") from error

    def strangers(self) -> list[str]:
        """Return the paths that were not made by us."""
        ours = {self._link, self._next_link, self.releases_folder, *(self.folder(name) for name in self._ours())}
        return [str(path) for path in (*_entries(self.path), *_entries(self.releases_folder)) if path not in ours]

    def remove_all(self) -> None:
        """Remove what we made, and the folders where nothing else is left. Raises AosError."""
        if self.current():
            self._link.unlink()
        self._next_link.unlink(missing_ok=True)
        for name in self._ours():
            self.remove(name)
        for folder in (self.releases_folder, self.path):
            with contextlib.suppress(OSError):  # something else is in it, or it is gone
                folder.rmdir()

    def _ours(self) -> list[str]:
        """Return the names of what we made: whole releases, and those of which the making was interrupted."""
        return sorted(path.name for path in _entries(self.releases_folder) if NAME.fullmatch(path.name) and _made(path))


def _entries(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _made(path: Path) -> bool:
    if path.is_symlink() or not path.is_dir():
        return False
    record = path / RECORD
    return not record.exists() or _read(record).made_by == MADE_BY


def _read(record: Path) -> Release:
    """Return a release's record; raise an AosError for one that was not written by us."""
    try:
        read: dict[str, t.Any] = json.loads(record.read_text(encoding="utf-8"))
        return Release(**{field.name: read[field.name] for field in dataclasses.fields(Release)})
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise AosError(f"{record} cannot be read: {error}; remove {record.parent} and install it again") from error
