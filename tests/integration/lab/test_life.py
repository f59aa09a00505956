# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab is made beside others, survives nothing of a crash, and leaves nothing behind."""

from __future__ import annotations

import subprocess

import pytest

from tests.lab import network, processes
from tests.lab.client import Lab
from tests.lab.errors import LabError
from tests.lab.plan import SLOTS


def lab_in(folder, slot):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AOS_LAB_DIR", str(folder))
        return Lab(slot)


def free_slot(folder, lab):
    """One that no lab uses, whoever made it: every lab has a bridge. Those who begin take the lower ones."""
    for slot in reversed(SLOTS):
        if slot != lab.plan.slot and not network.bridge_exists(lab_in(folder, slot).plan):
            return slot
    raise AssertionError("all slots are in use: take a lab down")


@pytest.fixture
def beside(lab, tmp_path):
    """A lab yet to be made, on another slot than the session's."""
    beside = lab_in(tmp_path / "lab", free_slot(tmp_path, lab))
    yield beside
    beside.down()


def remnants(lab):
    """What is left of a lab, by name."""
    plan = lab.plan
    bmcs = subprocess.run(
        ["ss", "-Hlun", f"src 127.0.{20 + plan.slot}.0/24"], capture_output=True, text=True, check=True
    )
    listed = subprocess.run(["ip", "-br", "link"], capture_output=True, text=True, check=True).stdout
    interfaces = [line.split()[0] for line in listed.splitlines()]
    return {
        "processes": list(processes.of_lab(str(plan.folder))),
        "namespaces": network.namespaces(plan),
        "bridge": network.bridge_exists(plan),
        "rules": network.nat_rules(plan),
        "folder": plan.folder.exists(),
        "bmcs": bmcs.stdout.splitlines(),
        "interfaces": [name for name in interfaces if name.startswith((plan.bridge, f"aos{plan.slot}-"))],
    }


def test_a_lab_is_made_with_other_heartbeats_and_down_leaves_nothing(beside):
    beside.up(hosts=1, report_interval=1, service_down_time=5)
    assert all(remnants(beside).values())
    beside.kill("compute-01")
    beside.nova.wait(lambda: beside.nova.services()["compute-01"]["state"] == "down", 9, "compute-01 to be down")
    with pytest.raises(LabError, match="take it down first"):
        beside.up(hosts=1, service_down_time=7)
    beside.down()
    assert not any(remnants(beside).values())


def test_a_lab_that_crashed_is_cleaned_up_and_made_anew(beside):
    beside.up(hosts=1)
    old = beside.secrets()
    processes.kill_lab(str(beside.plan.folder))
    assert not beside.is_up()
    beside.up(hosts=1)
    assert beside.nova.services()["compute-01"]["state"] == "up"
    assert not set(beside.secrets()[1:]) & set(old)
    beside.down()
    beside.down()
    assert not any(remnants(beside).values())


@pytest.mark.parametrize("act", [lambda stranger: stranger.up(hosts=1), lambda stranger: stranger.down()])
def test_a_slot_that_others_use_is_refused_and_theirs_lives_on(lab, tmp_path, act):
    with pytest.raises(LabError, match="choose another slot"):
        act(lab_in(tmp_path, lab.plan.slot))
    assert lab.is_up()
    assert len(network.namespaces(lab.plan)) == len(lab.hosts)
