# SPDX-License-Identifier: GPL-3.0-or-later
"""What the watchdog sees with fails, not the hosts: the message bus, then Nova's API in the middle of an evacuation."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass

import pytest

from tests.e2e import scenes
from tests.e2e.conftest import MakeWatchdog
from tests.e2e.scenes import HOST, Group
from tests.e2e.watchdog import Watchdog
from tests.lab.client import Lab

DIES_MEANWHILE = "compute-01"
LATER = "compute-02"
API_OUTAGE_SECONDS = 60


@dataclass(frozen=True)
class BusOutage:
    """Until the bus was back: states: host -> what Nova said of it. told: host -> what its power control was told."""

    lab: Lab
    watchdog: Watchdog
    servers: list[str]
    began: float
    states: dict[str, str]
    told: dict[str, list[list[str]]]
    log: str


@pytest.fixture(scope="module")
def watchdog(scene: Lab, watchdogs: MakeWatchdog) -> Watchdog:
    """With mutex 1 nothing but sight of the outage itself stands between a heartbeat that is late and a power-off.

    settle_seconds has its default: hosts take their time to find the message bus again.
    """
    watchdog = watchdogs(
        node_tracker={"mutex": 1, "max_down_hosts": 6},
        host_tasks={"prioritized_evacuation_timeout": 6},
        recovery={"settle_seconds": 60},
    )
    watchdog.link(*scene.hosts)
    watchdog.start()
    return watchdog


@pytest.fixture(scope="module")
def bus(watchdog: Watchdog) -> BusOutage:
    """The bus stops; a host dies meanwhile; the bus is back."""
    lab = watchdog.lab
    servers = lab.nova.boot(2, DIES_MEANWHILE)
    began = time.time()
    lab.stop("rabbitmq")
    all_down = lambda: {service["state"] for service in lab.nova.services().values()} == {"down"}  # noqa: E731
    lab.nova.wait(all_down, 60, "all hosts to look down")
    watchdog.wait_cycles(5)
    states = {host: str(service["state"]) for host, service in lab.nova.services().items()}
    lab.kill(DIES_MEANWHILE)
    told = {host: scenes.commands(lab, host, began) for host in lab.hosts}
    lab.start("rabbitmq")
    watchdog.wait_state(DIES_MEANWHILE, "RECOVERED", 240)
    return BusOutage(lab, watchdog, servers, began, states, told, watchdog.tail(4000))


@pytest.fixture(scope="module")
def api(bus: BusOutage) -> list[str]:
    """Another host dies, and Nova's API is gone for a minute after the first of its servers was accepted."""
    lab, watchdog = bus.lab, bus.watchdog
    groups = scenes.boot(lab, LATER, (Group("first", 2, priority=9), Group("second", 3)))
    ids = [server for group in groups.values() for server in group]
    lab.kill(LATER)
    watchdog.wait(lambda: scenes.evacuations(lab, LATER, ids), 60, "the first evacuation to be accepted")
    lab.stop("nova-api")
    time.sleep(API_OUTAGE_SECONDS)
    lab.start("nova-api")
    watchdog.wait_state(LATER, "RECOVERED", 180)
    return ids


def test_without_the_bus_all_hosts_look_down(bus: BusOutage) -> None:
    assert set(bus.states.values()) == {"down"}


def test_and_none_is_powered_off(bus: BusOutage) -> None:
    assert bus.told == {host: [] for host in bus.lab.hosts}


def test_the_log_says_that_the_watchdog_is_blind_and_why(bus: BusOutage) -> None:
    assert "no host is up: message bus or Nova" in bus.log


def test_the_host_that_died_meanwhile_is_recovered_once_the_bus_is_back(bus: BusOutage) -> None:
    now = scenes.servers(bus.lab)
    assert all(now[server]["status"] == "ACTIVE" and now[server][HOST] != DIES_MEANWHILE for server in bus.servers)


def test_and_no_other_host_was_ever_powered_off(bus: BusOutage) -> None:
    told = {host: scenes.commands(bus.lab, host, bus.began) for host in bus.lab.hosts if host != DIES_MEANWHILE}
    assert told == {host: [] for host in told}


def test_an_outage_of_novas_api_in_the_middle_of_an_evacuation_is_outlived(api: list[str], bus: BusOutage) -> None:
    now = scenes.servers(bus.lab)
    assert all(now[server]["status"] == "ACTIVE" and now[server][HOST] != LATER for server in api)


def test_no_server_was_evacuated_twice_and_none_forgotten(api: list[str], bus: BusOutage) -> None:
    asked = Counter(move["instance_uuid"] for move in scenes.evacuations(bus.lab, LATER, api))
    assert asked == dict.fromkeys(api, 1)
    told = bus.watchdog.moves(LATER)
    assert {server: told[server]["outcome"] for server in api} == dict.fromkeys(api, "evacuated")
