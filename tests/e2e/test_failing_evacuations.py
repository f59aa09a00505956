# SPDX-License-Identifier: GPL-3.0-or-later
"""Evacuations that fail: first because every destination refuses for a while, then because one server fits nowhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.e2e import scenes
from tests.e2e.conftest import MakeWatchdog
from tests.e2e.journal import Row
from tests.e2e.scenes import HOST
from tests.e2e.watchdog import Watchdog
from tests.lab.client import Lab

REFUSED, STUCK = "compute-01", "compute-02"
# The only host beside STUCK that PINNED may be on.
REFUGE = "compute-03"
PINNED = "pinned"
RACK = "rack"
RETRY = 3.0
RETRY_MAX = 30.0


@dataclass(frozen=True)
class Failing:
    """What was to be seen when the incident had failed three times."""

    steps: list[Row]
    moves: dict[str, Row]
    told: str
    places: dict[str, str]
    states: dict[str, str]


@pytest.fixture(scope="module")
def rack(scene: Lab) -> Iterator[str]:
    """An availability zone of STUCK and REFUGE alone; made while no server is on them, else Nova would not have it."""
    remove_rack(scene)
    made = scene.nova.request("POST", "/os-aggregates", {"aggregate": {"name": RACK, "availability_zone": RACK}})
    for host in (STUCK, REFUGE):
        scene.nova.request("POST", f"/os-aggregates/{made['aggregate']['id']}/action", {"add_host": {"host": host}})
    yield RACK
    scene.reset()
    remove_rack(scene)


def remove_rack(lab: Lab) -> None:
    for aggregate in lab.nova.request("GET", "/os-aggregates")["aggregates"]:
        if aggregate["name"] == RACK:
            path = f"/os-aggregates/{aggregate['id']}"
            for host in aggregate["hosts"]:
                lab.nova.request("POST", f"{path}/action", {"remove_host": {"host": host}})
            lab.nova.request("DELETE", path)


@pytest.fixture(scope="module")
def watchdog(scene: Lab, watchdogs: MakeWatchdog) -> Watchdog:
    watchdog = watchdogs(
        node_tracker={"max_down_hosts": 2},
        host_tasks={"evacuation_retries": 5},
        recovery={"retry_interval": RETRY, "retry_interval_max": RETRY_MAX},
    )
    watchdog.link(REFUSED, STUCK)
    watchdog.start()
    return watchdog


@pytest.fixture(scope="module")
def refused(rack: str, scene: Lab, watchdog: Watchdog) -> list[str]:
    """Servers whose first evacuation failed, because no host took them; then all did."""
    servers = scene.nova.boot(2, REFUSED, prefix="refused")
    others = [host for host in scene.hosts if host != REFUSED]
    for host in others:
        scene.refuse(host)
    scene.kill(REFUSED)
    watchdog.wait(lambda: failed_once(scene, servers), 60, "the first evacuation of every server to fail")
    for host in others:
        scene.refuse(host, False)
    watchdog.wait_state(REFUSED, "RECOVERED", 90)
    watchdog.wait_cycles(1)
    return servers


def failed_once(lab: Lab, servers: list[str]) -> bool:
    failed = [
        move["instance_uuid"] for move in scenes.evacuations(lab, REFUSED) if move["status"] in ("failed", "error")
    ]
    return set(failed) == set(servers)


@pytest.fixture(scope="module")
def stuck(refused: list[str], scene: Lab, watchdog: Watchdog, rack: str) -> dict[str, str]:
    """Name -> id of the servers on a host whose PINNED server may only go to a host that an operator disabled."""
    pinned = scene.nova.new_server(None, metadata={}) | {"name": PINNED, "availability_zone": f"{rack}:{STUCK}"}
    scene.nova.set_service(REFUGE, status="disabled", disabled_reason="fan is noisy")
    servers = {PINNED: scene.nova.create(pinned)}
    servers |= {f"free-{number}": one for number, one in enumerate(scene.nova.boot(3, STUCK, prefix="free"))}
    scene.nova.wait_status(servers.values(), "ACTIVE")
    watchdog.configure(host_tasks={"evacuation_retries": 1})
    watchdog.reload()
    scene.kill(STUCK)
    return servers


@pytest.fixture(scope="module")
def failing(stuck: dict[str, str], scene: Lab, watchdog: Watchdog) -> Failing:
    watchdog.wait(lambda: len(times(watchdog.steps(STUCK), "recovery failed")) >= 3, 120, "three failed recoveries")
    incident, now = watchdog.incident(STUCK), scenes.servers(scene)
    return Failing(
        steps=watchdog.steps(STUCK),
        moves=watchdog.moves(STUCK),
        told=watchdog.told(incident),
        places={name: now[server][HOST] for name, server in stuck.items()},
        states={name: now[server]["status"] for name, server in stuck.items()},
    )


@pytest.fixture(scope="module")
def repaired(failing: Failing, scene: Lab, watchdog: Watchdog) -> dict[str, Any]:
    scene.nova.set_service(REFUGE, status="enabled")
    watchdog.wait_state(STUCK, "RECOVERED", 90)
    watchdog.wait_cycles(1)
    return scenes.servers(scene)


def times(steps: list[Row], words: str) -> list[float]:
    return [step["at"] for step in steps if words in step["text"]]


def test_a_server_that_was_refused_is_tried_again_and_ends_active_elsewhere(refused: list[str], scene: Lab) -> None:
    now = scenes.servers(scene)
    for server in refused:
        assert now[server][HOST] != REFUSED
        assert now[server]["status"] == "ACTIVE"


def test_the_journal_counts_the_attempts(refused: list[str], watchdog: Watchdog) -> None:
    for server in refused:
        move = watchdog.moves(REFUSED)[server]
        assert move["outcome"] == "evacuated"
        assert move["attempts"] >= 2


def test_it_took_no_second_playbook(refused: list[str], watchdog: Watchdog) -> None:
    jobs = watchdog.journal.jobs(watchdog.incident(REFUSED), "recover_host")
    assert [job["status"] for job in jobs] == ["succeeded"]


def test_an_incident_fails_while_one_server_fits_nowhere_and_names_it(failing: Failing) -> None:
    failures = [step["text"] for step in failing.steps if step["state"] == "FAILED"]
    assert all(PINNED in text and STUCK in text for text in failures)


def test_the_console_shows_the_failed_server_with_its_reason(failing: Failing, stuck: dict[str, str]) -> None:
    move = failing.moves[stuck[PINNED]]
    assert move["outcome"] == "failed"
    assert move["reason"]
    assert f"failed {PINNED} ({stuck[PINNED]})" in failing.told
    assert move["reason"] in failing.told


def test_the_other_servers_are_recovered_nevertheless(failing: Failing) -> None:
    others = {name: place for name, place in failing.places.items() if name != PINNED}
    assert len(others) == 3
    assert not set(others.values()) & {REFUSED, STUCK, REFUGE}
    assert {failing.states[name] for name in others} == {"ACTIVE"}


def test_every_retry_waits_twice_as_long(failing: Failing) -> None:
    failures, retries = times(failing.steps, "recovery failed"), times(failing.steps, "retrying")
    waits = [retried - failed for failed, retried in zip(failures, retries, strict=False)]
    assert RETRY <= waits[0] < 2 * RETRY <= waits[1] < 4 * RETRY


def test_retries_never_move_the_others_again(failing: Failing, stuck: dict[str, str], scene: Lab) -> None:
    moved = [move["instance_uuid"] for move in scenes.evacuations(scene, STUCK)]
    assert all(moved.count(server) == 1 for name, server in stuck.items() if name != PINNED)


def test_once_it_fits_somewhere_the_incident_is_recovered_by_itself(
    repaired: dict[str, Any], stuck: dict[str, str], watchdog: Watchdog
) -> None:
    assert repaired[stuck[PINNED]][HOST] == REFUGE
    assert repaired[stuck[PINNED]]["status"] == "ACTIVE"
    assert watchdog.state(STUCK) == "RECOVERED"
    assert watchdog.moves(STUCK)[stuck[PINNED]]["outcome"] == "evacuated"
