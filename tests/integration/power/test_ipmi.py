# SPDX-License-Identifier: GPL-3.0-or-later
"""IPMI against real ipmi_sim processes: the contract of every protocol, and what only a real session can show."""

from __future__ import annotations

import time
import typing as t
from pathlib import Path

import pytest

from ansible_collections.aos.cloud_manager.plugins.module_utils.power_driver import ControlError
from ansible_collections.aos.cloud_manager.plugins.module_utils.power_gang import Gang
from ansible_collections.aos.cloud_manager.plugins.module_utils.power_switch import Limits, NeverReached, Switching
from ansible_collections.aos.cloud_manager.tests.unit.plugins.module_utils.power_contract import (
    PowerControlContract,
    children,
    eventually,
    switched,
)
from tests.integration.power.bmc import Bmc, Relay
from tests.integration.power.fru import inventory


class TestIpmi(PowerControlContract):
    """The fixture `bench` is the one of conftest.py."""


def switch(bmc: Bmc, state: str, timeout: float = 10.0, **fields: object) -> dict[str, t.Any]:
    return switched(bmc.device_with(bmc.password, **fields), state, Limits(timeout, 2, 0.3))


def test_off_is_confirmed_in_half_a_second(bench: Bmc) -> None:
    """The best of five, since the machine may be busy."""
    durations = []
    for _turn in range(5):
        bench.host_is("on")
        power = switch(bench, "off")
        assert power["result"] == "OFF_CONFIRMED"
        assert bench.host_state == "off"
        durations.append(power["duration"])
    assert min(durations) < 0.8


def test_no_answer_is_slept_over(bench: Bmc) -> None:
    """pyghmi alone loses a wake-up in one exchange of eight, and then half a second at least.

    Two may be the machine's fault.
    """
    durations = []
    for _turn in range(60):
        started = time.monotonic()
        bench.device.read(5)
        durations.append(time.monotonic() - started)
    assert sum(seconds > 0.45 for seconds in durations) <= 2


def test_every_reading_logs_in_anew(bench: Bmc) -> None:
    """A session has its own source port; a relay that serves one login's packets has none left for a second one."""
    bench.host_is("on")
    relay = Relay(bench, packets=8)  # capabilities, two open requests, two RAKP, privilege, status, logout
    try:
        device = bench.device_with(bench.password, address=relay.address, port=relay.port)
        assert device.read(5) == "on"
        with pytest.raises(ControlError, match="answer"):
            device.read(1)
    finally:
        relay.close()


@pytest.mark.parametrize("packets", range(7))
def test_a_controller_that_dies_in_the_middle_of_the_login_is_unknown_in_time(bench: Bmc, packets: int) -> None:
    bench.host_is("on")
    relay = Relay(bench, packets)
    try:
        started = time.monotonic()
        power = switch(bench, "off", timeout=3.0, address=relay.address, port=relay.port)
        assert time.monotonic() - started < 4.0
        assert (power["result"], power["state"]) == ("UNKNOWN", "unknown")
        assert "answer" in power["message"]
        assert "check its address" in power["message"]
    finally:
        relay.close()
    assert bench.host_state == "on"


def test_an_off_cancels_an_on_that_is_pending(bench: Bmc) -> None:
    """The simulator's power cycle reads off for some seconds and then comes on, unless an off was sent meanwhile."""
    bench.host_is("on")
    assert switch(bench, "cycle")["result"] == "ACCEPTED"
    assert eventually(bench.device, "off")
    assert switch(bench, "off")["result"] == "OFF_CONFIRMED"
    time.sleep(5)
    assert bench.host_state == "off"


def test_without_an_off_the_pending_on_comes(bench: Bmc) -> None:
    bench.host_is("on")
    switch(bench, "cycle")
    assert eventually(bench.device, "off")
    assert eventually(bench.device, "on")


def test_a_slow_controller_is_confirmed_and_not_asked_twice(bench: Bmc) -> None:
    bench.host_is("on")
    bench.slow(2.5)
    bench.forget_commands()
    power = switch(bench, "off", timeout=30)
    assert power["result"] == "OFF_CONFIRMED"
    assert bench.commands("set") == ["power 0"]
    assert len(bench.commands("get")) == 3


def test_a_controller_too_slow_for_the_timeout_is_unknown(bench: Bmc) -> None:
    bench.host_is("on")
    bench.slow(4)
    started = time.monotonic()
    power = switch(bench, "off", timeout=6)
    assert time.monotonic() - started < 7.0
    assert power["result"] == "UNKNOWN"


def test_an_off_reading_before_an_on_reading_is_no_proof(bench: Bmc) -> None:
    bench.host_is("on")
    bench.answers("on", "off", "on")
    power = switch(bench, "off", timeout=20)
    assert [reading["state"] for reading in power["readings"]] == ["on", "off", "on", "off", "off"]
    assert power["result"] == "OFF_CONFIRMED"


def test_a_control_frozen_after_an_off_reading_is_unknown(bench: Bmc) -> None:
    bench.host_is("on")
    device = bench.device_with(bench.password)
    switching = Switching(device, "off", Limits(8, 2, 1.0))
    switching.look()
    take = device.read

    def freeze_after_one(seconds: float) -> str:
        state = take(seconds)
        bench.fault("silent")
        return state

    device.read = freeze_after_one
    with pytest.raises(NeverReached, match=r"off readings|answer") as caught:
        switching.apply()
    assert caught.value.facts["power"]["result"] == "UNKNOWN"
    assert caught.value.facts["power"]["duration"] < 9.0


def test_an_operating_system_that_ignores_a_soft_off_is_still_on(bench: Bmc) -> None:
    bench.host_is("on")
    bench.fault("deaf")
    bench.forget_commands()
    assert switch(bench, "soft_off", timeout=7)["result"] == "STILL_ON"
    assert bench.commands() == ["shutdown 1"]


def test_an_unknown_user_is_refused_at_once(bench: Bmc) -> None:
    started = time.monotonic()
    power = switch(bench, "off", username="nobody")
    assert time.monotonic() - started < 2
    assert power["result"] == "UNKNOWN"
    assert "refuses the login" in power["message"]


def test_an_address_that_does_not_resolve_is_said(bench: Bmc) -> None:
    power = switch(bench, "off", timeout=2, address="bmc.invalid")
    assert power["result"] == "UNKNOWN"
    assert "bmc.invalid" in power["message"]


def test_the_identity_is_the_system_guid(bench: Bmc) -> None:
    assert bench.device.start_identifying(5).result() == str(bench.guid)


@pytest.mark.parametrize(
    ("content", "identity"),
    [
        (inventory(product="SN-7", board="B-7"), "SN-7"),
        (inventory(product="", board="B-7"), "B-7"),
        (inventory(product="", board=""), ""),
        (b"garbage" * 30, ""),
        (bytes([1, 0, 0, 9, 9, 0, 0, 237]), ""),
    ],
    ids=["product", "board", "none", "garbage", "truncated"],
)
def test_without_a_guid_the_identity_is_the_serial_number(tmp_path: Path, content: bytes, identity: str) -> None:
    bmc = Bmc(tmp_path, "c1", number=2, fru=content)
    try:
        assert bmc.device.start_identifying(5).result() == identity
    finally:
        bmc.close()


def test_the_device_that_was_recorded_is_switched(bench: Bmc) -> None:
    bench.host_is("on")
    assert switch(bench, "off", identity=str(bench.guid).upper())["result"] == "OFF_CONFIRMED"


def test_another_device_is_neither_believed_nor_switched(bench: Bmc) -> None:
    bench.host_is("off")
    bench.forget_commands()
    power = switch(bench, "off", identity="0f0c6ba0-0000-4cdb-9b6f-0f0c6ba0bbd1")
    assert (power["result"], power["state"]) == ("UNKNOWN", "unknown")
    for part in ("0f0c6ba0-0000-4cdb-9b6f-0f0c6ba0bbd1", str(bench.guid), "nothing was sent", "record its identity"):
        assert part in power["message"]
    assert bench.commands("set") == bench.commands("get") == []


def test_several_controllers_as_outlets_with_one_of_them_stuck(bench: Bmc, tmp_path: Path) -> None:
    """A host with several supplies, on real controllers: what is half off is on."""
    other = Bmc(tmp_path, "c1", number=2)
    try:
        gang = Gang([bench.device, other.device])
        bench.host_is("on")
        other.host_is("on")
        other.fault("stuck")
        power = switched(gang, "off", Limits(6, 2, 0.3))
        assert (power["result"], power["state"]) == ("STILL_ON", "partly")
        assert f"of {other.address}:{other.port} on" in power["message"]
        assert f"of {bench.address}:{bench.port} off" in power["message"]
        other.fault("none")
        assert switched(gang, "off", Limits(6, 2, 0.3))["result"] == "OFF_CONFIRMED"
    finally:
        other.close()


def test_many_fences_leave_no_process_behind(bench: Bmc) -> None:
    for state in ("on", "off") * 5:
        assert switch(bench, state)["state"] == state
    assert children() != []  # ipmi_sim itself
    assert len(children()) == 1
