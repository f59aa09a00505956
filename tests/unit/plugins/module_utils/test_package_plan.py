# SPDX-License-Identifier: GPL-3.0-or-later
"""Which releases are made, switched to and removed, on a folder without virtual environments."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ansible_collections.aos.cloud_manager.plugins.module_utils.package_plan import Plan, plan_change
from ansible_collections.aos.cloud_manager.plugins.module_utils.package_release import Release, Root
from ansible_collections.aos.cloud_manager.plugins.module_utils.reporting import AosError
from ansible_collections.aos.cloud_manager.plugins.module_utils.snapshot_folder import (
    Snapshot,
    SnapshotFolder,
    needed_releases,
)


def release(number: int) -> Release:
    return Release(f"0.{number}-0000000{number}", f"0.{number}", "/x.whl", str(number), [], "/usr/bin/python3")


@pytest.fixture
def root(tmp_path: Path) -> Root:
    """Three releases, of which the last is current."""
    root = Root(str(tmp_path / "opt"))
    for number in (1, 2, 3):
        made = release(number)
        root.folder(made.release).mkdir(parents=True)
        root.record(made)
        os.utime(root.folder(made.release) / "release.json", (number, number))
    root.switch(release(3).release)
    return root


def test_what_is_there_and_current_needs_nothing(root: Root) -> None:
    assert plan_change(root, release(3), True, 3) == Plan(False, release(3).release, [])


def test_a_new_release_takes_the_place_of_the_oldest_one_beyond_keep(root: Root) -> None:
    plan = plan_change(root, release(4), True, 2)
    assert plan == Plan(True, release(4).release, [release(1).release])


def test_the_previous_release_is_kept_and_the_plan_after_it_is_empty(root: Root) -> None:
    plan = plan_change(root, release(4), True, 1)
    assert plan.removed == [release(2).release, release(1).release]
    root.folder(release(4).release).mkdir()
    root.record(release(4))
    root.switch(plan.current)
    for name in plan.removed:
        root.remove(name)
    assert set(root.releases()) == {release(4).release, release(3).release}
    assert plan_change(root, release(4), True, 1) == Plan(False, release(4).release, [])


def test_a_release_that_a_snapshot_names_stays(root: Root, tmp_path: Path) -> None:
    place = SnapshotFolder(str(tmp_path / "rollback"), "x")
    assert needed_releases(str(tmp_path / "rollback")) == set()
    place.create()
    assert needed_releases(str(tmp_path / "rollback")) == set()
    place.record(Snapshot("x", "", release(1).release, "0.1", 1, "", ""))
    needed = needed_releases(str(tmp_path / "rollback"))
    assert plan_change(root, release(4), True, 1, needed).removed == [release(2).release]
    place.remove()
    assert needed_releases(str(tmp_path / "rollback")) == set()


def test_without_activate_current_stays(root: Root) -> None:
    assert plan_change(root, release(4), False, 3) == Plan(True, release(3).release, [])
    assert plan_change(root, release(1), False, 3) == Plan(False, release(3).release, [])


def test_a_release_that_current_leaves_counts_as_used_last(root: Root) -> None:
    root.switch(release(1).release)
    root.switch(release(2).release)
    assert list(root.releases())[:2] == [release(1).release, release(3).release]


def test_interrupted_releases_go_except_the_one_that_will_be_made(root: Root) -> None:
    for number in (4, 5):
        root.folder(release(number).release).mkdir()
    assert plan_change(root, release(4), True, 3) == Plan(True, release(4).release, [release(5).release])


def test_what_was_not_made_by_us_is_no_release(root: Root) -> None:
    (root.releases_folder / "by-hand").mkdir()
    (root.releases_folder / "0.9-0000000f").symlink_to("/")
    (root.releases_folder / "0.8-0000000f").write_text("")
    foreign = root.releases_folder / "0.7-0000000f"
    foreign.mkdir()
    made = (root.folder(release(1).release) / "release.json").read_text()
    (foreign / "release.json").write_text(made.replace("aos.cloud_manager", "somebody"))
    assert len(root.releases()) == 3
    assert root.half_made() == []
    assert [Path(path).name for path in root.strangers()] == ["0.7-0000000f", "0.8-0000000f", "0.9-0000000f", "by-hand"]
    root.remove_all()
    assert sorted(path.name for path in root.releases_folder.iterdir()) == [
        "0.7-0000000f", "0.8-0000000f", "0.9-0000000f", "by-hand",
    ]  # fmt: skip


def test_a_record_or_a_link_that_is_none_is_named(root: Root) -> None:
    record = root.folder(release(1).release) / "release.json"
    record.write_text("{}")
    with pytest.raises(AosError, match=r"release\.json cannot be read: .*; remove"):
        root.releases()
    (root.path / "current").unlink()
    (root.path / "current").mkdir()
    with pytest.raises(AosError, match="current is no symbolic link"):
        root.current()


@pytest.mark.parametrize("path", ["opt", "/", "//", "/opt/.."])
def test_a_root_that_is_no_folder_of_its_own_is_refused(path: str) -> None:
    with pytest.raises(AosError, match="absolute path of a folder"):
        Root(path)
