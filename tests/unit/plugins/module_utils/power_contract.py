# SPDX-License-Identifier: GPL-3.0-or-later
"""What every power control does, whatever its protocol: one suite for the fake and for real controllers.

A subclass gives the fixture `bench`: a host in a state of choice behind a control with a fault of choice. Protocols
whose devices have outlets run SeveralOutletsContract too.
"""

from __future__ import annotations

import os
import time
import typing as t
from pathlib import Path
from types import MappingProxyType

import pytest

from ansible_collections.aos.cloud_manager.plugins.module_utils.power_driver import ControlError
from ansible_collections.aos.cloud_manager.plugins.module_utils.power_gang import Gang
from ansible_collections.aos.cloud_manager.plugins.module_utils.power_process import Device
from ansible_collections.aos.cloud_manager.plugins.module_utils.power_switch import (
    STEADY_SECONDS,
    Limits,
    NeverReached,
    Reachable,
    Switching,
)

SECONDS = 5.0


class Bench(t.Protocol):
    """A control on the test bench. device: with the right password. imposter: with a wrong one."""

    device: Device
    imposter: Device

    def host_is(self, state: str) -> None: ...

    def fault(self, name: str) -> None:
        """Faults: `stuck` (accepts and does nothing), `silent`, and `none`."""


def children() -> list[int]:
    """Return the process ids of this process's children."""
    return [int(pid) for pid in Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()]


def eventually(device: Device, state: str) -> bool:
    """Whether the control reads `state` within a few seconds."""
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        if device.read(SECONDS) == state:
            return True
        time.sleep(0.2)
    return False


def switched(device: Reachable, state: str, limits: Limits) -> dict[str, t.Any]:
    """Run the whole sequence with one control; return `power`, whether it was reached or not."""
    switching = Switching(device, state, limits)
    switching.look()
    try:
        return switching.apply()
    except NeverReached as error:
        return t.cast("dict[str, t.Any]", error.facts["power"])


def switch(device: Reachable, state: str, timeout: float = 10.0) -> dict[str, t.Any]:
    return switched(device, state, Limits(timeout, 2, 0.2))


def refusal(device: Device, action: str = "") -> ControlError:
    """Return what the control says instead of obeying."""
    with pytest.raises(ControlError) as caught:
        device.send(action, SECONDS) if action else device.read(SECONDS)
    return caught.value


class ComesOn:
    """The bench's control; its host comes on after the second off reading, the first that follows a command."""

    shown: t.Mapping[str, str] = MappingProxyType({})

    def __init__(self, bench: Bench) -> None:
        self.control = bench.device.control
        self.cuts_supply = bench.device.cuts_supply
        self._bench = bench
        self._offs = 0

    def read(self, seconds: float) -> str:
        state = self._bench.device.read(seconds)
        self._offs += state == "off"
        if self._offs == 2:
            self._bench.host_is("on")
        return state

    def send(self, action: str, seconds: float) -> None:
        self._bench.device.send(action, seconds)


class PowerControlContract:
    """patience: seconds within which the slowest of the protocol's sequences surely comes to three readings."""

    patience = SECONDS

    @pytest.mark.parametrize("state", ["on", "off"])
    def test_a_reading_shows_the_state_of_the_host(self, bench: Bench, state: str) -> None:
        bench.host_is(state)
        assert bench.device.read(SECONDS) == state

    @pytest.mark.parametrize(("before", "action"), [("on", "off"), ("off", "on")])
    def test_an_accepted_command_is_obeyed(self, bench: Bench, before: str, action: str) -> None:
        bench.host_is(before)
        bench.device.send(action, SECONDS)
        assert eventually(bench.device, action)

    def test_a_soft_off_is_obeyed_by_a_healthy_host(self, bench: Bench) -> None:
        bench.host_is("on")
        bench.device.send("soft_off", SECONDS)
        assert eventually(bench.device, "off")

    @pytest.mark.parametrize("action", ["reset", "cycle"])
    def test_a_restarted_host_is_on_again_in_the_end(self, bench: Bench, action: str) -> None:
        bench.host_is("on")
        bench.device.send(action, SECONDS)
        assert eventually(bench.device, "on")

    @pytest.mark.parametrize("state", ["on", "off"])
    def test_a_command_for_the_present_state_changes_nothing_and_may_be_refused(self, bench: Bench, state: str) -> None:
        bench.host_is(state)
        try:
            bench.device.send(state, SECONDS)
        except ControlError as error:
            assert (error.refused, error.final) == (True, False)  # noqa: PT017 - both are right
        assert bench.device.read(SECONDS) == state

    def test_a_host_that_is_off_already_is_confirmed_off(self, bench: Bench) -> None:
        bench.host_is("off")
        assert (
            switched(bench.device, "off", Limits(STEADY_SECONDS + self.patience, 2, 0.2))["result"] == "OFF_CONFIRMED"
        )

    def test_a_stuck_control_accepts_and_goes_on_reading_the_truth(self, bench: Bench) -> None:
        bench.host_is("on")
        bench.fault("stuck")
        bench.device.send("off", SECONDS)
        assert bench.device.read(SECONDS) == "on"

    def test_a_device_that_answers_off_and_then_on_is_not_off(self, bench: Bench) -> None:
        """One off reading after the command, then the host is on and stays so, whatever the control is told."""
        bench.host_is("off")
        bench.fault("stuck")
        power = switched(ComesOn(bench), "off", Limits(self.patience, 2, 0.2))
        assert [reading["state"] for reading in power["readings"]][:3] == ["off", "off", "on"]
        assert (power["result"], power["confirmed_at"]) == ("STILL_ON", None)

    @pytest.mark.parametrize("act", ["read", "send"])
    def test_silence_ends_at_the_deadline_and_may_be_temporary(self, bench: Bench, act: str) -> None:
        bench.host_is("on")
        bench.fault("silent")
        started = time.monotonic()
        with pytest.raises(ControlError, match=r"answer.*; check") as caught:
            bench.device.read(1.0) if act == "read" else bench.device.send("on", 1.0)
        assert time.monotonic() - started < 2.0
        assert not caught.value.final
        bench.fault("none")
        assert eventually(bench.device, "on")

    @pytest.mark.parametrize("act", ["read", "send"])
    def test_a_wrong_password_is_said_at_once_and_is_final(self, bench: Bench, act: str) -> None:
        bench.host_is("on")
        started = time.monotonic()
        with pytest.raises(ControlError, match="refuses the login") as caught:
            bench.imposter.read(SECONDS) if act == "read" else bench.imposter.send("off", SECONDS)
        assert time.monotonic() - started < 2.0
        assert caught.value.final
        assert bench.imposter.control.password not in str(caught.value)
        assert bench.device.read(SECONDS) == "on"

    def test_nothing_runs_on_after_an_exchange(self, bench: Bench) -> None:
        before = children()
        bench.host_is("off")
        bench.device.read(SECONDS)
        bench.fault("silent")
        with pytest.raises(ControlError):
            bench.device.read(0.5)
        bench.fault("none")
        assert children() == before


class OutletsBench(t.Protocol):
    """A host with two supplies on two outlets. outlets: the device of each, with the right password."""

    outlets: list[Device]

    def host_is(self, state: str) -> None:
        """Set both outlets."""

    def fault(self, name: str, outlet: int | None = None) -> None:
        """As Bench.fault, of one outlet (its number on the device) or of all; `silent` is needed of the whole only."""


class SeveralOutletsContract:
    """The fixture `bench` is an OutletsBench. patience: as in PowerControlContract."""

    patience = SECONDS

    @pytest.mark.parametrize("state", ["on", "off"])
    def test_all_outlets_together_show_a_state(self, bench: OutletsBench, state: str) -> None:
        bench.host_is(state)
        assert Gang(bench.outlets).read(SECONDS) == state

    def test_a_command_reaches_every_outlet(self, bench: OutletsBench) -> None:
        bench.host_is("on")
        assert switched(Gang(bench.outlets), "off", Limits(self.patience, 2, 0.2))["result"] == "OFF_CONFIRMED"
        assert [device.read(SECONDS) for device in bench.outlets] == ["off", "off"]
        assert switched(Gang(bench.outlets), "on", Limits(self.patience, 2, 0.2))["result"] == "ON_CONFIRMED"
        assert [device.read(SECONDS) for device in bench.outlets] == ["on", "on"]

    def test_half_of_the_outlets_stuck_is_still_on_and_names_them(self, bench: OutletsBench) -> None:
        bench.host_is("on")
        stuck = bench.outlets[1].control.outlet
        bench.fault("stuck", stuck)
        power = switched(Gang(bench.outlets), "off", Limits(self.patience, 2, 0.2))
        assert (power["result"], power["state"], power["confirmed_at"]) == ("STILL_ON", "partly", None)
        assert f"{bench.outlets[1].place} on" in power["message"]
        assert [device.read(SECONDS) for device in bench.outlets] == ["off", "on"]

    def test_silence_of_all_outlets_ends_at_the_deadline(self, bench: OutletsBench) -> None:
        bench.fault("silent")
        started = time.monotonic()
        with pytest.raises(ControlError, match=r"failed at 2 of 2 outlets: outlet .*answer") as caught:
            Gang(bench.outlets).read(1.0)
        assert time.monotonic() - started < 2.0
        assert not caught.value.final
