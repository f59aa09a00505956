# SPDX-License-Identifier: GPL-3.0-or-later
"""One host with several supplies: what its outlets say together."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.aos.cloud_manager.plugins.module_utils.power_driver import Control, ControlError
from ansible_collections.aos.cloud_manager.plugins.module_utils.power_gang import Gang
from ansible_collections.aos.cloud_manager.plugins.module_utils.power_process import Device
from ansible_collections.aos.cloud_manager.plugins.module_utils.power_switch import Limits
from ansible_collections.aos.cloud_manager.tests.unit.plugins.module_utils.fake_power import (
    PASSWORD,
    WRONG_PASSWORD,
    FakeBench,
    FakeDriver,
)
from ansible_collections.aos.cloud_manager.tests.unit.plugins.module_utils.power_contract import switched

SECONDS = 2.0


@pytest.fixture
def bench(tmp_path: Path) -> FakeBench:
    return FakeBench(tmp_path, outlets=3)


def test_one_outlet_that_is_on_keeps_the_host_from_being_off(bench: FakeBench) -> None:
    bench.host_is("off")
    (bench.folder / "power-2").write_text("on")
    gang = Gang(bench.outlets)
    assert gang.read(SECONDS) == "partly"
    assert gang.shown == {"outlet 1": "off", "outlet 2": "on", "outlet 3": "off"}


def test_off_readings_of_different_rounds_are_no_proof(bench: FakeBench) -> None:
    """Outlet 1 is off while 2 is on, and the other way round: each was off twice, the host never."""
    gang, rounds = Gang(bench.outlets), iter(range(100))
    read = gang.read

    def see_saw(seconds: float) -> str:
        odd = next(rounds) % 2
        for outlet, state in zip((1, 2, 3), ("on", "off", "off") if odd else ("off", "on", "off"), strict=True):
            (bench.folder / f"power-{outlet}").write_text(state)
        return read(seconds)

    gang.read = see_saw  # type: ignore[method-assign]
    power = switched(gang, "off", Limits(1.5, 2, 0.1))
    assert (power["result"], power["state"]) == ("STILL_ON", "partly")
    assert all(set(reading.get("outlets", "")) != {"off"} for reading in power["readings"])


def test_on_means_all_of_them(bench: FakeBench) -> None:
    bench.host_is("off")
    bench.fault("stuck", 3)
    power = switched(Gang(bench.outlets), "on", Limits(1.0, 2, 0.1))
    assert power["result"] == "STILL_OFF"
    assert "accepted on but still reads outlet 1 on, outlet 2 on, outlet 3 off" in power["message"]


def test_a_command_that_fails_at_one_outlet_failed_and_says_where(bench: FakeBench) -> None:
    members = [*bench.outlets[:2], refusing(bench, 3)]
    with pytest.raises(ControlError) as caught:
        Gang(members).send("off", SECONDS)
    assert str(caught.value) == (
        "failed at 1 of 3 outlets: outlet 3 refuses the login, outlet 1 accepted the command, "
        "outlet 2 accepted the command; correct the password"
    )
    assert caught.value.final
    assert bench.commands() == ["off", "off"]


def test_a_reading_that_fails_at_one_outlet_shows_the_others(bench: FakeBench) -> None:
    bench.fault("silent", 1)
    gang = Gang(bench.outlets)
    with pytest.raises(ControlError, match=r"1 of 3 outlets: outlet 1 gave no answer .*, outlet 2 tells on") as caught:
        gang.read(0.5)
    assert not caught.value.final
    assert gang.shown == {"outlet 1": "unknown", "outlet 2": "on", "outlet 3": "on"}


def test_the_same_outlet_number_of_two_devices_is_told_apart(tmp_path: Path) -> None:
    benches = [FakeBench(tmp_path / name, outlets=1) for name in ("a", "b")]
    gang = Gang([bench.outlets[0] for bench in benches])
    gang.read(SECONDS)
    assert list(gang.shown) == [f"outlet 1 of {bench.folder}:1" for bench in benches]


def test_one_foreign_device_among_them_is_foreign(bench: FakeBench) -> None:
    bench.tells("pdu-8")
    control = bench.outlets[0].control
    wrong = Device(
        Control("c1", "bmc", "fake", control.address, 1, outlet=1, password=PASSWORD, identity="pdu-7"), FakeDriver()
    )
    with pytest.raises(ControlError, match="tells identity pdu-8, recorded is pdu-7") as caught:
        Gang([wrong, *bench.outlets[1:]]).read(SECONDS)
    assert caught.value.foreign


def refusing(bench: FakeBench, outlet: int) -> Device:
    return Device(
        Control("c1", "bmc", "fake", str(bench.folder), 1, outlet=outlet, password=WRONG_PASSWORD), FakeDriver()
    )
