# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import time
from itertools import pairwise
from pathlib import Path

import pytest

from ansible_collections.aos.cloud_manager.plugins.module_utils.power_status import believed, observe
from ansible_collections.aos.cloud_manager.plugins.module_utils.power_switch import Limits
from ansible_collections.aos.cloud_manager.tests.unit.plugins.module_utils.fake_power import FakeBench


@pytest.fixture
def benches(tmp_path: Path) -> list[FakeBench]:
    folders = [tmp_path / name for name in ("a", "b", "c")]
    for folder in folders:
        folder.mkdir()
    return [FakeBench(folder) for folder in folders]


def test_every_control_is_read_as_often_as_asked(benches: list[FakeBench]) -> None:
    benches[1].host_is("off")
    seen = [one.facts() for one in observe([bench.device for bench in benches], Limits(5, 3, 0.1))]
    assert [power["state"] for power in seen] == ["on", "off", "on"]
    assert {power["result"] for power in seen} == {"READ"}
    for power in seen:
        times = [reading["at"] for reading in power["readings"]]
        assert len(times) == 3
        assert all(later - earlier >= 0.1 for earlier, later in pairwise(times))
        assert power["confirmed_at"] == times[-1]


def test_a_silent_control_does_not_hold_up_the_others(benches: list[FakeBench]) -> None:
    benches[0].fault("silent")
    started = time.monotonic()
    silent, *others = [one.facts() for one in observe([bench.device for bench in benches], Limits(1, 1, 0.1))]
    assert time.monotonic() - started < 2.0
    assert (silent["state"], silent["result"], silent["confirmed_at"]) == ("unknown", "UNKNOWN", None)
    assert "gave no answer" in silent["message"]
    assert [power["state"] for power in others] == ["on", "on"]


def test_a_wrong_password_is_an_observation_and_is_not_tried_again(benches: list[FakeBench]) -> None:
    (power,) = [one.facts() for one in observe([benches[0].imposter], Limits(5, 3, 0.1))]
    assert power["result"] == "UNKNOWN"
    assert "refuses the login; correct the password" in power["message"]
    assert [reading["state"] for reading in power["readings"]] == ["unknown"]


def test_readings_that_differ_are_no_state(benches: list[FakeBench]) -> None:
    (seen,) = observe([benches[0].device], Limits(5, 1, 0.1))
    seen.readings.append({"at": 0.0, "state": "off"})
    power = seen.facts()
    assert (power["state"], power["result"]) == ("unknown", "UNKNOWN")
    assert "in turn" in power["message"]


@pytest.mark.parametrize(
    ("fault", "state", "believed_state"), [("none", "on", "unknown"), ("none", "off", "off"), ("silent", "off", "off")]
)
def test_a_relay_that_reads_off_is_not_believed_against_what_sees_the_host(
    benches: list[FakeBench], fault: str, state: str, believed_state: str
) -> None:
    relay, bmc = benches[0], benches[1]
    relay.device.cuts_supply = True
    relay.host_is("off")
    bmc.host_is(state)
    bmc.fault(fault)
    seen = observe([relay.device, bmc.device], Limits(1, 2, 0.1))
    power = believed(seen[0], seen)
    assert power["state"] == believed_state
    assert (power["result"] == "READ") is (power["confirmed_at"] is not None) is (believed_state == "off")
    if believed_state == "unknown":
        assert "reads off (2 reading(s)), but host c1: power control bmc" in power["message"]


def test_a_controller_that_refuses_the_login_still_has_a_supply(benches: list[FakeBench]) -> None:
    relay, bmc = benches[0], benches[1]
    relay.device.cuts_supply = True
    relay.host_is("off")
    seen = observe([relay.device, bmc.imposter], Limits(5, 2, 0.1))
    assert "still speaks (refuses the login)" in believed(seen[0], seen)["message"]


def test_what_sees_the_host_is_believed_against_a_relay(benches: list[FakeBench]) -> None:
    bmc, relay = benches[0], benches[1]
    relay.device.cuts_supply = True
    bmc.host_is("off")
    seen = observe([bmc.device, relay.device], Limits(5, 2, 0.1))
    assert believed(seen[0], seen)["state"] == "off"


def test_a_silent_control_takes_no_time_from_what_the_others_still_have_to_say(benches: list[FakeBench]) -> None:
    benches[0].fault("silent")
    benches[1].tells("A-1")
    _silent, seen = observe([bench.device for bench in benches[:2]], Limits(3, 2, 0.1), identity=True)
    assert [reading["state"] for reading in seen.readings] == ["on", "on"]
    assert seen.identity == "A-1"
