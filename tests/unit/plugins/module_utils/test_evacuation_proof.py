# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest

from ansible_collections.aos.cloud_manager.plugins.module_utils.compute import Service, service_of
from ansible_collections.aos.cloud_manager.plugins.module_utils.evacuation_proof import Proof, sign_of_life
from ansible_collections.aos.cloud_manager.plugins.module_utils.reporting import AosError
from ansible_collections.aos.cloud_manager.tests.unit.plugins.module_utils.scripted_api import a_service

NOW = 5000.0
CONFIRMED = {"host": "c1", "result": "OFF_CONFIRMED", "state": "off", "confirmed_at": NOW - 10, "readings": []}
OFF = {"at": NOW - 1, "state": "off"}
READ = {"host": "c1", "result": "READ", "state": "off", "confirmed_at": NOW - 1, "readings": [OFF, OFF]}


def proof(power: t.Any, override: str | None = None, rehearsal: bool = False) -> Proof:
    return Proof({"c1": power} if power is not None else {}, override, 900.0, rehearsal)


@pytest.mark.parametrize("power", [CONFIRMED, READ, CONFIRMED | {"confirmed_at": str(NOW)}])
def test_a_confirmed_power_off_is_proof(power: dict[str, t.Any]) -> None:
    assert proof(power).check_power(["c1"], NOW) == []


@pytest.mark.parametrize(
    "power",
    [
        None,
        {},
        "OFF_CONFIRMED",
        [CONFIRMED],
        CONFIRMED | {"result": "STILL_ON"},
        CONFIRMED | {"result": "UNKNOWN"},
        CONFIRMED | {"result": "NOT_SENT"},
        CONFIRMED | {"result": "ON_CONFIRMED"},
        CONFIRMED | {"result": "ACCEPTED"},
        CONFIRMED | {"host": "c2"},
        CONFIRMED | {"confirmed_at": None},
        CONFIRMED | {"confirmed_at": "recently"},
        CONFIRMED | {"confirmed_at": NOW - 901},
        CONFIRMED | {"confirmed_at": NOW + 60},
        CONFIRMED | {"confirmed_at": float("nan")},
        READ | {"readings": [OFF]},
        READ | {"readings": [OFF, {"at": NOW, "state": "on"}]},
        READ | {"readings": [OFF, "off"]},
        READ | {"readings": None},
        READ | {"state": "on"},
        READ | {"state": "unknown", "result": "UNKNOWN"},
    ],
)
def test_nothing_else_is_proof(power: t.Any) -> None:
    with pytest.raises(AosError, match="not proven to be off: c1"):
        proof(power).check_power(["c1"], NOW)


def test_every_host_needs_its_own_proof() -> None:
    with pytest.raises(AosError, match="not proven to be off: c2") as raised:
        proof(CONFIRMED).check_power(["c1", "c2"], NOW)
    assert "c1:" not in str(raised.value)


def test_an_operators_word_stands_in_and_is_told_of() -> None:
    assert proof(CONFIRMED, "Jo: unplugged").check_power(["c1"], NOW) == []
    (warning,) = proof(None, "Jo: unplugged").check_power(["c1"], NOW)
    assert "c1" in warning
    assert "Jo: unplugged" in warning


@pytest.mark.parametrize("override", ["yes", "Jo:", ": because", "Jo: ", " : x", "true"])
def test_a_word_that_does_not_say_whose_it_is_and_why_is_refused(override: str) -> None:
    with pytest.raises(AosError, match="'NAME: reason'"):
        proof(CONFIRMED, override).check_power(["c1"], NOW)


def test_a_rehearsal_needs_only_a_rehearsed_power_off() -> None:
    assert proof(CONFIRMED | {"result": "NOT_SENT"}, rehearsal=True).check_power(["c1"], NOW) == []
    with pytest.raises(AosError):
        proof(None, rehearsal=True).check_power(["c1"], NOW)
    with pytest.raises(AosError):
        proof(CONFIRMED | {"result": "STILL_ON"}, rehearsal=True).check_power(["c1"], NOW)


def services(**fields: t.Any) -> list[Service]:
    return [service_of(a_service("c1", **fields)), service_of(a_service("c2", state="down"))]


@pytest.mark.parametrize("fields", [{"state": "down"}, {"state": "up", "forced_down": True}])
def test_a_host_that_nova_takes_for_down_may_be_evacuated(fields: dict[str, t.Any]) -> None:
    assert proof(CONFIRMED).check_services(["c1", "c2"], services(**fields)) == []


def test_a_host_that_is_up_is_named() -> None:
    with pytest.raises(AosError, match=r"not show nova-compute as down on c1 \(up\)"):
        proof(CONFIRMED).check_services(["c1", "c2"], services())
    assert proof(CONFIRMED, rehearsal=True).check_services(["c1"], services())


@pytest.mark.parametrize(
    ("now", "shows"),
    [
        ({}, False),
        ({"updated_at": None, "state": "unknown", "forced_down": False}, False),  # its cell is out of reach
        ({"updated_at": "2026-03-01T12:00:17.000000"}, True),
        ({"forced_down": False}, True),
        ({"state": "up"}, True),
    ],
)
def test_a_heartbeat_or_a_change_of_the_service_is_a_sign_of_life(now: dict[str, t.Any], shows: bool) -> None:
    dead = {"state": "down", "forced_down": True}
    sign = sign_of_life(service_of(a_service("c1", **dead)), service_of(a_service("c1", **dead | now)))
    assert bool(sign) is shows


def test_a_host_whose_cell_is_out_of_reach_is_not_down() -> None:
    with pytest.raises(AosError, match=r"c9 \(unknown\)"):
        proof(CONFIRMED).check_services(["c9"], [service_of({"host": "c9", "status": "UNKNOWN"})])


def test_a_host_that_nova_does_not_know_is_named() -> None:
    with pytest.raises(AosError, match="no nova-compute service on c7, c8"):
        proof(CONFIRMED).check_services(["c7", "c1", "c8"], services(state="down"))
