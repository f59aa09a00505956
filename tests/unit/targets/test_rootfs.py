# SPDX-License-Identifier: GPL-3.0-or-later
"""A rootfs is made from this machine's mirror, whole or not at all."""

from __future__ import annotations

import pytest

from tests.lab.errors import LabError
from tests.lab.progress import Progress
from tests.targets import rootfs

URIS = """'http://mirror.example.org/debian/dists/bookworm/InRelease' mirror_InRelease 0
'http://mirror.example.org/debian/dists/bookworm-updates/InRelease' mirror_updates_InRelease 0
'http://other.example.org/tool/dists/stable/InRelease' other_InRelease 0
"""


@pytest.fixture
def bake(monkeypatch):
    """Make a folder in place of a Debian; fails while `bake.fails`."""

    def bake(folder, suite):
        bake.made.append(suite)
        (folder / "etc/systemd/system").mkdir(parents=True)
        (folder / "etc/hostname").write_text("ours\n")
        if bake.fails:
            raise LabError("no mirror")

    bake.made, bake.fails = [], False
    monkeypatch.setattr(rootfs, "_bake", bake)
    return bake


def made(cache, debian="12"):
    return rootfs.made(cache, debian, Progress(quiet=True))


def test_the_mirror_is_the_one_that_apt_has_this_debian_from():
    assert rootfs.mirror_in(URIS, "bookworm") == "http://mirror.example.org/debian"


@pytest.mark.parametrize("codename", ["trixie", "book", ""])
def test_a_machine_whose_apt_knows_no_mirror_of_it_is_told_so(codename):
    with pytest.raises(LabError, match=r"apt has no source of .*sources\.list"):
        rootfs.mirror_in(URIS, codename)


def test_a_rootfs_is_made_once_for_each_release(tmp_path, bake):
    assert made(tmp_path) == made(tmp_path) != made(tmp_path, "13")
    assert bake.made == ["bookworm", "trixie"]


def test_a_rootfs_that_was_made_half_is_made_anew(tmp_path, bake):
    bake.fails = True
    with pytest.raises(LabError, match="no mirror"):
        made(tmp_path)
    assert not rootfs.location(tmp_path, "12").exists()
    bake.fails = False
    assert not (made(tmp_path) / "etc/hostname").exists()
    assert bake.made == ["bookworm", "bookworm"]


def test_nothing_in_a_target_configures_the_network_or_runs_by_the_clock(tmp_path, bake):
    units = made(tmp_path) / "etc/systemd/system"
    masked = {unit.name for unit in units.iterdir() if str(unit.readlink()) == "/dev/null"}
    assert {"systemd-networkd.service", "systemd-resolved.service", "systemd-timesyncd.service"} <= masked
    assert {"apt-daily.timer", "getty.target"} <= masked


def test_a_release_without_targets_is_refused(tmp_path):
    with pytest.raises(LabError, match="Debian '11': there are targets of 12 and 13"):
        rootfs.location(tmp_path, "11")
