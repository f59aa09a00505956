# Copyright (c) 2026, CloudManager contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The folder of one snapshot, which nobody else may write.

PRIVATE to the collection aos.cloud_manager: may change in any release.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import re
import stat
import typing as t
from pathlib import Path

from ansible_collections.aos.cloud_manager.plugins.module_utils.file_slot import Slot
from ansible_collections.aos.cloud_manager.plugins.module_utils.reporting import AosError

LABEL = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")
RECORD = "snapshot.json"
BEFORE, AFTER, MIGRATIONS = "pip_before.txt", "pip_after.txt", "migrations.txt"
DUMPS = {"sqlite": "database.sqlite", "mysql": "database.sql"}
# In the folder as long as the data is being brought back.
RESTORING = "restoring"
# The record first: what is left of an interrupted removal is no whole snapshot.
FILES = (RECORD, BEFORE, AFTER, MIGRATIONS, RESTORING, *DUMPS.values())


@dataclasses.dataclass(frozen=True, slots=True)
class Snapshot:
    """What a snapshot's record says. release, version, python: empty where nothing was installed.

    migration: number, None where it could not be asked. dump: name of the file with the database's data, or empty.
    """

    label: str
    made_at: str
    release: str
    version: str
    migration: int | None
    python: str
    dump: str


class SnapshotFolder:
    """The folder of the snapshot with a label. Raises AosError for a label or a place that cannot be trusted."""

    def __init__(self, folder: str, label: str) -> None:
        if not LABEL.fullmatch(label):
            raise AosError(f"label {label!r} is no name; use letters, digits, dots, hyphens and underscores")
        if not os.path.isabs(folder):
            raise AosError(f"folder {folder!r} is no absolute path; give the whole path")
        self.path = Path(os.path.normpath(folder), label)
        for place in reversed((self.path, *self.path.parents)):
            _require_trust(place)

    def snapshot(self) -> Snapshot | None:
        """Return the record; None where there is no whole snapshot. Raises AosError."""
        text = self.read(RECORD)
        if not text:
            return None
        try:
            read: dict[str, t.Any] = json.loads(text)
            return Snapshot(**{field.name: read[field.name] for field in dataclasses.fields(Snapshot)})
        except (ValueError, TypeError, KeyError) as error:
            raise AosError(
                f"{self.path / RECORD} cannot be read: {error}; remove the snapshot with state=absent"
            ) from error

    def create(self) -> None:
        """Make the folder, and those above it, for us alone. Raises AosError."""
        try:
            for place in reversed((self.path, *self.path.parents)):
                with contextlib.suppress(FileExistsError):
                    place.mkdir(mode=0o700)
                _require_trust(place)
            self.path.chmod(0o700)
        except OSError as error:
            raise AosError(f"folder {self.path} cannot be made: {error.strerror}; correct its rights") from error

    def read(self, name: str) -> str:
        """Return the text of a file; empty where there is none."""
        if not self.path.is_dir():
            return ""
        with contextlib.closing(Slot(str(self.path), name)) as slot:
            return slot.read().text or ""

    def write(self, name: str, text: str) -> None:
        with contextlib.closing(Slot(str(self.path), name)) as slot:
            slot.write(text, 0o600)

    def record(self, snapshot: Snapshot) -> None:
        """Write the record that makes a snapshot whole. Raises AosError."""
        self.write(RECORD, json.dumps(dataclasses.asdict(snapshot), indent=2) + "\n")

    @contextlib.contextmanager
    def restoring(self) -> t.Iterator[None]:
        """Leave a mark, which goes only when what is done meanwhile succeeds."""
        self.write(RESTORING, "The data of this snapshot has not yet been brought back whole.\n")
        yield
        with contextlib.closing(Slot(str(self.path), RESTORING)) as slot:
            slot.remove()

    def ours(self) -> list[str]:
        """Return the names of our files in the folder."""
        return sorted(name for name in FILES if (self.path / name).exists())

    def strangers(self) -> list[str]:
        """Return the paths in the folder that were not made by us."""
        found = self.path.iterdir() if self.path.is_dir() else ()
        return sorted(str(path) for path in found if path.name not in FILES)

    def remove(self) -> None:
        """Remove our files, and the folder if nothing else is in it. Raises AosError."""
        try:
            for name in FILES:
                (self.path / name).unlink(missing_ok=True)
            if not self.strangers():
                self.path.rmdir()
        except OSError as error:
            raise AosError(f"{error.filename} cannot be removed: {error.strerror}; correct the rights") from error


def snapshot_folders(folder: str) -> dict[str, SnapshotFolder]:
    """Return the folders of all snapshots by their labels. Raises AosError for a place that cannot be trusted."""
    places = sorted(Path(folder).iterdir()) if os.path.isdir(folder) else []
    labels = [place.name for place in places if LABEL.fullmatch(place.name) and place.is_dir()]
    return {label: SnapshotFolder(folder, label) for label in labels}


def unfinished_restore(folder: str) -> str:
    """Return the label of the snapshot of which the data was brought back only in part; empty without one."""
    return next((label for label, one in snapshot_folders(folder).items() if one.read(RESTORING)), "")


def needed_releases(folder: str) -> set[str]:
    """Return the releases that the snapshots name. Raises AosError for a record that cannot be read."""
    found = (one.snapshot() for one in snapshot_folders(folder).values())
    return {snapshot.release for snapshot in found if snapshot}


def _require_trust(place: Path) -> None:
    """Raise an AosError for a link, and for a folder in which somebody else may exchange what is ours."""
    try:
        status = place.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISDIR(status.st_mode):
        raise AosError(f"{place} is no folder, perhaps a symbolic link; give the real path of another folder")
    if status.st_uid not in (0, os.geteuid()):
        raise AosError(f"folder {place} belongs to another user ({status.st_uid}); remove it or give another folder")
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not status.st_mode & stat.S_ISVTX:
        raise AosError(f"folder {place} can be written by others; run chmod go-w {place}, or give another folder")
