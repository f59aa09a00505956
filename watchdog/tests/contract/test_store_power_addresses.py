# SPDX-License-Identifier: GPL-3.0-or-later
"""One device is known once, and switches one host, however its address is written: in every store."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cloud_manager.domain.power import ControlChange, PowerControl, Secret
from cloud_manager.errors import BadInput
from cloud_manager.ports import PowerControls

HERE = "192.0.2.11"
BMC = PowerControl("bmc", "ipmi", HERE, 623, "admin", Secret("one"))
REDFISH = PowerControl("redfish", "redfish", HERE, 443, "admin", Secret("two"))
AMT = PowerControl("amt", "amt", HERE, 16993, "admin", Secret("three"))
BOARD = PowerControl("board", "snmp", HERE, 161, "", Secret("private"), outlets=8)
RELAY = PowerControl("relay", "modbus", HERE, 502, "", Secret(""), outlets=8)
LAB = PowerControl("lab", "ssh", HERE, 22, "root", Secret(""), outlets=0)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("192.0.2.11", " 192.0.2.11\n"),
        ("bmc.example", "BMC.Example"),
        ("2001:db8::11", "2001:DB8:0:0::11"),
    ],
)
def test_an_address_is_the_same_however_it_is_written(controls: PowerControls, first: str, second: str) -> None:
    controls.add(replace(BMC, address=second))
    assert controls.get("bmc").address == first
    controls.add(replace(BMC, title="other", address="192.0.2.99"))
    with pytest.raises(BadInput, match=r"bmc is at .* port 623 already"):
        controls.add(replace(BMC, title="third", address=first))
    with pytest.raises(BadInput, match=r"bmc is at .* port 623 already"):
        controls.change("other", ControlChange(address=second))
    with pytest.raises(BadInput, match="bmc is so already"):
        controls.change("bmc", ControlChange(address=second))


@pytest.mark.parametrize(
    ("first", "mine", "second", "yours"),
    [
        (BMC, {}, REDFISH, {}),
        (BMC, {}, AMT, {}),
        (BMC, {}, REDFISH, {"options": {"system": "1"}}),
        (REDFISH, {"options": {"system": "1"}}, replace(REDFISH, title="x", port=8443), {"options": {"system": "1"}}),
        (BMC, {}, replace(BMC, title="x", port=6230), {}),
        (BOARD, {"outlet": 3}, RELAY, {"outlet": 3}),
        (LAB, {"options": {"domain": "a"}}, replace(LAB, title="x", port=2222), {"options": {"domain": "a"}}),
    ],
)
def test_two_hosts_are_not_switched_by_one_device(
    controls: PowerControls,
    first: PowerControl,
    mine: dict[str, Any],
    second: PowerControl,
    yours: dict[str, Any],
) -> None:
    controls.add(first)
    controls.link("c1", first.title, **mine)
    controls.add(second)
    with pytest.raises(BadInput, match=f"{second.title} is at {HERE} as power control {first.title} is.*host c1"):
        controls.link("c2", second.title, **yours)
    controls.link("c1", second.title, **yours)
    assert controls.titles() == {"c1": (first.title, second.title)}


@pytest.mark.parametrize(
    ("first", "mine", "second", "yours"),
    [
        (BMC, {}, replace(REDFISH, address="192.0.2.12"), {}),
        (replace(BMC, port=6230), {}, replace(BMC, title="x", port=6231), {}),
        (replace(BMC, port=6230), {}, replace(REDFISH, port=8000), {}),
        (REDFISH, {"options": {"system": "1"}}, replace(REDFISH, title="x", port=8443), {"options": {"system": "2"}}),
        (BOARD, {"outlet": 3}, RELAY, {"outlet": 4}),
        (LAB, {"options": {"domain": "a"}}, replace(LAB, title="x", port=2222), {"options": {"domain": "b"}}),
        (LAB, {"options": {"domain": "a"}}, BMC, {}),
        (BMC, {}, BOARD, {"outlet": 3}),
    ],
)
def test_two_hosts_may_share_an_address_where_each_is_named(
    controls: PowerControls,
    first: PowerControl,
    mine: dict[str, Any],
    second: PowerControl,
    yours: dict[str, Any],
) -> None:
    for host, control, place in (("c1", first, mine), ("c2", second, yours)):
        controls.add(control)
        controls.link(host, control.title, **place)
    assert len(controls.titles()) == 2


def test_a_control_is_not_moved_to_the_device_of_another_host(controls: PowerControls) -> None:
    controls.add(BMC)
    controls.link("c1", "bmc")
    controls.add(replace(REDFISH, address="192.0.2.12"))
    controls.link("c2", "redfish")
    with pytest.raises(BadInput, match=r"redfish is at .* as power control bmc is"):
        controls.change("redfish", ControlChange(address=HERE))
    assert controls.get("redfish").address == "192.0.2.12"
    controls.change("redfish", ControlChange(title="other", address="192.0.2.13"))
