# SPDX-License-Identifier: GPL-3.0-or-later
"""Where targets are follows from the slot, and their names are safe as host names and paths."""

from __future__ import annotations

import pytest

from tests.lab.errors import LabError
from tests.targets.plan import Plan


@pytest.fixture
def plan(tmp_path):
    return Plan(3, tmp_path / "targets", tmp_path / "cache")


def test_slots_share_a_cache_and_nothing_else(tmp_path):
    one, two = (Plan.from_environment(None, {"AOS_LAB_SLOT": slot, "AOS_CACHE": str(tmp_path)}) for slot in "12")
    assert one.cache == two.cache == tmp_path
    assert one.folder != two.folder
    assert one.cgroup_prefix != two.cgroup_prefix


@pytest.mark.parametrize("name", ["", "../up", "Upper", "under_score", "9lives", "a" * 41, "two words"])
def test_a_name_that_is_no_host_name_is_refused(plan, name):
    with pytest.raises(LabError, match="a name has up to 40 small letters, digits and dashes"):
        plan.instance(name)


def test_the_targets_of_a_slot_are_listed_by_name(plan):
    assert plan.names() == []
    for name in ("web", "controller-2"):
        plan.instance(name).mkdir(parents=True)
    assert plan.names() == ["controller-2", "web"]
