# SPDX-License-Identifier: GPL-3.0-or-later
"""A target's control group is made in every hierarchy that its systemd needs, whatever the machine has."""

from __future__ import annotations

import pytest

from tests.lab.errors import LabError
from tests.targets import cgroups


@pytest.fixture
def machine(tmp_path):
    """Return a function that makes the folders of hierarchies."""

    def made(*hierarchies):
        for name in hierarchies:
            (tmp_path / name).mkdir(exist_ok=True)
            (tmp_path / name / "cgroup.procs").write_text("")
        return tmp_path

    return made


def test_a_unified_machine_has_one_hierarchy(machine):
    root = machine("")
    assert cgroups.hierarchies(root) == [root]


def test_a_hybrid_machine_has_the_unified_and_the_named_one(machine):
    root = machine("unified", "systemd", "memory")
    assert cgroups.hierarchies(root) == [root / "unified", root / "systemd"]


def test_a_machine_without_the_unified_one_is_told_what_to_mount(machine):
    with pytest.raises(LabError, match="mount cgroup2 on"):
        cgroups.hierarchies(machine("memory"))


def test_a_group_is_made_in_all_of_them_and_found_by_its_prefix(machine):
    root = machine("unified", "systemd")
    entries = cgroups.create("aos-targets-1-web", root)
    assert entries == [root / name / "aos-targets-1-web" / "cgroup.procs" for name in ("unified", "systemd")]
    assert cgroups.named("aos-targets-1-", root) == {"aos-targets-1-web"}
    assert cgroups.named("aos-targets-2-", root) == set()
