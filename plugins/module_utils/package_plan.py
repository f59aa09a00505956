# Copyright (c) 2026, CloudManager contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an installation shall be, and what makes it so.

PRIVATE to the collection aos.cloud_manager: may change in any release.
"""

from __future__ import annotations

import dataclasses
import hashlib
import typing as t
from pathlib import Path

from ansible_collections.aos.cloud_manager.plugins.module_utils.package_release import Release, Root
from ansible_collections.aos.cloud_manager.plugins.module_utils.package_source import Source, collection_digest

Params = dict[str, t.Any]


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """build: the release is not there, or not whole. current: what `current` will point to. removed: what goes."""

    build: bool
    current: str
    removed: list[str]


def identity(params: Params, source: Source, python: str) -> str:
    """Return the digest of all that makes a release what it is. python: its version, as 3.11."""
    collection = collection_digest(Path(params["collection"])) if params["collection"] else ""
    parts = [source.digest, collection, python, *sorted(params["extras"])]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def release_name(version: str, digest: str) -> str:
    return f"{version}-{digest[:8]}"


def plan_change(root: Root, wanted: Release, activate: bool, keep: int, needed: t.Container[str] = ()) -> Plan:
    """Plan to make the wanted release, to point `current` to it, and to remove the releases beyond keep.

    needed: releases that stay all the same.
    """
    current, known = root.current(), root.releases()
    after = wanted.release if activate else current
    others = [name for name in known if name not in (current, wanted.release)]
    # The release that `current` leaves is kept, as the one that was used last.
    spare = keep - 1 if current not in ("", after) else keep
    half_made = [name for name in root.half_made() if name != wanted.release]
    beyond = [name for name in others[spare:] if name not in needed]
    return Plan(wanted.release not in known, after, [*beyond, *half_made])
