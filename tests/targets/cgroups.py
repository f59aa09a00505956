# SPDX-License-Identifier: GPL-3.0-or-later
"""A control group for each target: systemd-nspawn keeps its processes below the one it is started in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tests.lab import processes
from tests.lab.errors import LabError
from tests.lab.progress import wait

ROOT = Path("/sys/fs/cgroup")


def hierarchies(root: Path = ROOT) -> list[Path]:
    """The unified one alone, or on a hybrid machine that and the one in which systemd names its units."""
    if (root / "cgroup.procs").exists():
        return [root]
    if (root / "unified" / "cgroup.procs").exists():
        return [root / name for name in ("unified", "systemd") if (root / name).is_dir()]
    raise LabError(f"{root} has no unified hierarchy, which systemd needs: mount cgroup2 on {root}/unified")


def create(name: str, root: Path = ROOT) -> list[Path]:
    """Make the group in every hierarchy; returns the files that take the pid of who enters."""
    groups = [hierarchy / name for hierarchy in hierarchies(root)]
    for group in groups:
        group.mkdir(exist_ok=True)
    return [group / "cgroup.procs" for group in groups]


def named(prefix: str, root: Path = ROOT) -> set[str]:
    """The names of the groups that begin so."""
    return {group.name for hierarchy in hierarchies(root) for group in hierarchy.glob(f"{prefix}*")}


def remove(name: str, root: Path = ROOT) -> None:
    """End what is left in the group and remove it with all below it."""
    for hierarchy in hierarchies(root):
        group = hierarchy / name
        processes.kill(lambda group=group: list(members(group)), f"control group {group}")
        wait(lambda group=group: _emptied(group), 10, f"control group {group} to be empty", every=0.01)


def members(group: Path) -> Iterator[int]:
    for file in group.rglob("cgroup.procs"):
        try:
            yield from map(int, file.read_text().split())
        except OSError:
            continue  # its group ended meanwhile


def _emptied(group: Path) -> bool:
    """Whether all of it could be removed: the kernel refuses while the dead are still being counted."""
    try:
        for folder in sorted((file.parent for file in group.rglob("cgroup.procs")), reverse=True):
            folder.rmdir()
    except FileNotFoundError:
        return False
    except OSError:
        return False
    return not group.exists()
