# SPDX-License-Identifier: GPL-3.0-or-later
"""Several labs side by side never share a port, an address, a name or a folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lab.errors import LabError
from tests.lab.plan import PORTS, SLOTS, Plan


def plan(slot: int) -> Plan:
    return Plan.from_environment(slot, {"TMPDIR": "unused", "HOME": "/nowhere"})


def test_no_two_slots_share_anything():
    seen: list[object] = []
    for slot in SLOTS:
        one = plan(slot)
        seen += [one.folder, one.bridge, one.gateway, *(one.port(service) for service in PORTS)]
        for host in one.hosts(3):
            seen += [host.namespace, host.veth, host.address, host.bmc_address, host.folder]
    assert len(seen) == len(set(seen))


def test_a_slots_namespaces_are_not_taken_for_another_slots():
    for slot in SLOTS:
        for other in SLOTS:
            mine = all(host.namespace.startswith(plan(slot).namespace_prefix) for host in plan(other).hosts(2))
            assert mine == (slot == other)


def test_addresses_are_those_of_the_contract():
    host = plan(3).hosts(2)[1]
    assert (host.name, host.address, host.bmc_address) == ("compute-02", "10.99.3.12", "127.0.23.2")
    assert plan(3).gateway == "10.99.3.1"


def test_interface_names_fit_into_the_kernels_fifteen_characters():
    one = plan(9)
    assert all(len(name) <= 15 for name in [one.bridge, *(host.veth for host in one.hosts(100))])


def test_ports_stay_below_those_that_the_kernel_hands_out():
    assert all(1024 < plan(slot).port(service) < 32768 for slot in SLOTS for service in PORTS)


def test_the_folder_is_in_the_temporary_folder_unless_the_environment_says_otherwise(monkeypatch):
    monkeypatch.setattr("tempfile.gettempdir", lambda: "/elsewhere")
    assert Plan.from_environment(2, {}).folder == Path("/elsewhere/aos-lab-2")
    assert Plan.from_environment(2, {"AOS_LAB_DIR": "/here"}).folder == Path("/here")


def test_the_slot_given_wins_over_the_environment():
    environment = {"AOS_LAB_SLOT": "5"}
    assert Plan.from_environment(None, environment).slot == 5
    assert Plan.from_environment(7, environment).slot == 7
    assert Plan.from_environment(None, {}).slot == 0


@pytest.mark.parametrize("slot", ["ten", "10", "-1", "1.5"])
def test_a_bad_slot_is_named(slot):
    with pytest.raises(LabError, match=f"slot '{slot}'.*from 0 to 9"):
        Plan.from_environment(None, {"AOS_LAB_SLOT": slot})


@pytest.mark.parametrize("count", [0, -1, 101])
def test_an_impossible_number_of_hosts_is_named(count):
    with pytest.raises(LabError, match=f"{count} hosts"):
        plan(0).hosts(count)
