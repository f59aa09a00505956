# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook restart_host against real ipmi_sim processes."""

from __future__ import annotations

import typing as t

import pytest

from tests.integration.power.site import HOST, POWER, Outcome, Site

LIMITS: dict[str, t.Any] = {"soft_off_timeout": 3, "power_timeout": 8, "reading_interval": 0.3}


def steps(outcome: Outcome) -> list[str]:
    return [result["power"]["result"] for result in outcome.results(POWER) if "power" in result]


def test_a_host_is_shut_down_and_comes_back(site: Site) -> None:
    site.bench.host_is("on")
    outcome = site.play("restart_host", **LIMITS)
    assert outcome.status == 0
    assert steps(outcome) == ["OFF_CONFIRMED", "ON_CONFIRMED"]
    assert site.bench.commands("set") == ["shutdown 1", "power 0", "power 1"]
    assert outcome.handed_over["power"][HOST]["result"] == "ON_CONFIRMED"


def test_an_operating_system_that_does_not_shut_down_is_left_running(site: Site) -> None:
    site.bench.host_is("on")
    site.bench.fault("deaf")
    outcome = site.play("restart_host", **LIMITS)
    assert outcome.status == 2
    assert steps(outcome) == ["STILL_ON"]
    assert site.bench.commands("set") == ["shutdown 1"]
    assert site.bench.host_state == "on"


def test_it_is_switched_off_where_that_is_allowed(site: Site) -> None:
    site.bench.host_is("on")
    site.bench.fault("deaf")
    outcome = site.play("restart_host", force_off=True, **LIMITS)
    assert outcome.status == 0
    assert steps(outcome) == ["STILL_ON", "OFF_CONFIRMED", "ON_CONFIRMED"]
    assert site.bench.commands("set") == ["shutdown 1", "power 0", "power 1"]


def test_a_host_that_is_not_confirmed_off_is_not_switched_on(site: Site) -> None:
    site.bench.host_is("on")
    site.bench.fault("deaf")
    site.bench.fault("stuck")
    outcome = site.play("restart_host", force_off=True, **LIMITS | {"power_timeout": 3})
    assert outcome.status == 2
    assert steps(outcome) == ["STILL_ON", "STILL_ON"]
    assert "power 1" not in site.bench.commands("set")


@pytest.mark.parametrize(
    ("force", "said"),
    [(False, "else left as it is (force_off is false)"), (True, "else switched off, then switched on")],
)
def test_check_mode_tells_what_would_be_switched(site: Site, force: bool, said: str) -> None:
    site.bench.host_is("on")
    outcome = site.play("restart_host", command_line="--check", force_off=force, **LIMITS)
    assert outcome.status == 0
    output = " ".join(outcome.output.split())
    for part in (
        "soft_off would be sent by bmc",
        f"{HOST} would be shut down within 3 s",
        said,
        "by bmc and confirmed",
    ):
        assert part in output
    assert site.bench.commands("set") == []


def test_an_unknown_host_is_named(site: Site) -> None:
    outcome = site.play("restart_host", host="compute-99", **LIMITS)
    assert outcome.status == 2
    assert "Unknown host compute-99" in " ".join(outcome.output.split())
