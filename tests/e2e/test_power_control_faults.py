# SPDX-License-Identifier: GPL-3.0-or-later
"""Four hosts fail together with their power controls. None is evacuated until its control is repaired."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tests.e2e import scenes
from tests.e2e.conftest import MakeWatchdog
from tests.e2e.scenes import HOST
from tests.e2e.watchdog import Watchdog
from tests.lab.client import Lab

# host -> what is wrong with its BMC, result of fencing
FAULTS = {
    "compute-01": ("frozen", "UNKNOWN"),
    "compute-02": ("stuck", "STILL_ON"),
    "compute-03": ("wrong-password", "UNKNOWN"),
    "compute-04": ("slow", "UNKNOWN"),
}
HOSTS = pytest.mark.parametrize("host", FAULTS)


@dataclass(frozen=True)
class Held:
    """When all four had been held for some cycles."""

    lab: Lab
    watchdog: Watchdog
    servers: dict[str, list[str]]
    failed_at: float
    reasons: dict[str, str]
    evacuated: dict[str, int]
    alive: bool


@pytest.fixture(scope="module")
def held(scene: Lab, watchdogs: MakeWatchdog) -> Held:
    """compute-02 is parted from the network instead: its BMC says that it is still on, and it is."""
    watchdog = watchdogs(node_tracker={"max_down_hosts": 4}, fencing={"timeout": 4}, executor={"max_jobs": 4})
    servers = scenes.boot_on(scene, list(FAULTS), 2)
    watchdog.link(*FAULTS)
    for host, (fault, _) in FAULTS.items():
        scene.bmc(host, fault)
    watchdog.start()
    failed_at = scenes.cut(scene, "compute-02")
    scenes.kill(scene, "compute-01", "compute-03", "compute-04")

    def all_held() -> bool:
        return all("did not confirm power-off" in watchdog.journal.reason(host) for host in FAULTS)

    watchdog.wait(all_held, 150, "all four to be held by their power controls")
    reasons = {host: watchdog.journal.reason(host) for host in FAULTS}
    watchdog.wait_cycles(3)
    evacuated = {host: len(scenes.evacuations(scene, host)) for host in FAULTS}
    return Held(scene, watchdog, servers, failed_at, reasons, evacuated, scene.compute_alive("compute-02"))


@pytest.fixture(scope="module")
def repaired(held: Held) -> Held:
    for host in FAULTS:
        held.lab.bmc(host, "ok")
    for host in FAULTS:
        held.watchdog.wait_state(host, "RECOVERED", 150)
    return held


@HOSTS
def test_the_hold_names_the_control_its_answer_and_the_result(held: Held, host: str) -> None:
    title = str(held.lab.bmc_control(host)["title"])
    assert title in held.reasons[host]
    assert f"({FAULTS[host][1]})" in held.reasons[host]


@HOSTS
def test_nothing_is_evacuated_while_the_power_may_be_on(held: Held, host: str) -> None:
    assert held.evacuated[host] == 0


def test_the_host_whose_control_lies_was_indeed_still_running(held: Held) -> None:
    assert held.alive


@HOSTS
def test_recovery_goes_on_by_itself_once_the_control_is_repaired(repaired: Held, host: str) -> None:
    now = scenes.servers(repaired.lab)
    assert {now[server]["status"] for server in repaired.servers[host]} == {"ACTIVE"}
    assert not {now[server][HOST] for server in repaired.servers[host]} & FAULTS.keys()


def test_the_parted_host_was_dead_before_its_first_evacuation_was_requested(repaired: Held) -> None:
    log = repaired.lab.chassis_log("compute-02")
    [dead_at] = [at for at, operation, _ in log if operation == "dead" and at > repaired.failed_at]
    assert dead_at < min(move["requested_at"] for move in repaired.watchdog.moves("compute-02").values())


@HOSTS
def test_hold_and_recovery_are_both_in_the_timeline(repaired: Held, host: str) -> None:
    texts = [step["text"] for step in repaired.watchdog.steps(host)]
    hold = next(n for n, text in enumerate(texts) if "did not confirm power-off" in text)
    off = next(n for n, text in enumerate(texts) if "confirmed power-off by" in text)
    assert hold < off
    assert "evacuation complete" in texts[-1]
