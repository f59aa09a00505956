# SPDX-License-Identifier: GPL-3.0-or-later
"""The adapter on a real Nova: what it reads is what the lab has made."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from cloud_manager.adapters.cloud_access import open_access
from cloud_manager.adapters.compute_api import ComputeApi
from cloud_manager.adapters.nova import NovaCloud
from cloud_manager.config.own import Cloud as CloudOptions
from cloud_manager.domain.facts import Observation
from cloud_manager.errors import CloudUnavailable
from tests.lab.client import Lab


@pytest.fixture
def victim(lab: Lab) -> Iterator[str]:
    """The last host; sound again afterwards."""
    lab.reset()
    yield lab.hosts[-1]
    lab.reset()


@pytest.fixture
def cloud(lab: Lab) -> NovaCloud:
    access = open_access(CloudOptions(cloud="lab", clouds_yaml=str(lab.clouds_yaml)), "2.79")
    return NovaCloud(ComputeApi(access.adapter, access.label, 5.0, 10.0))


def test_hosts_and_control_plane_are_seen_up(lab: Lab, cloud: NovaCloud, victim: str) -> None:
    view = cloud.look()
    assert set(view.hosts) == set(lab.hosts)
    assert {host.observation for host in view.hosts.values()} == {Observation.UP}
    assert view.control_plane["nova-scheduler"] >= 1
    assert view.control_plane["nova-conductor"] >= 1
    assert view.nova_now is not None
    assert abs(view.nova_now - time.time()) < 30


def test_a_dead_host_is_down_and_its_servers_and_evacuations_are_listed(
    lab: Lab, cloud: NovaCloud, victim: str
) -> None:
    ids = set(lab.nova.boot(3, victim, prefix="seen"))
    assert {server.id for server in cloud.servers_on(victim)} == ids
    began = time.time()
    lab.kill(victim)
    lab.nova.wait(lambda: cloud.look().hosts[victim].observation is Observation.DOWN, 60, "the host to be down")
    for server in ids:
        lab.nova.evacuate(server)
    lab.nova.wait(
        lambda: {move.outcome for move in cloud.moves_from(victim, began)} == {"evacuated"}, 90, "the evacuations"
    )
    moves = cloud.moves_from(victim, began)
    assert {move.server_id for move in moves} == ids
    assert victim not in {move.destination for move in moves}
    assert cloud.servers_on(victim) == ()
    assert cloud.moves_from(victim, time.time() + 3600) == ()


def test_an_operators_forced_down_is_seen(lab: Lab, cloud: NovaCloud, victim: str) -> None:
    lab.nova.set_service(victim, forced_down=True)
    host = cloud.look().hosts[victim]
    assert (host.observation, host.forced_down, host.marked) == (Observation.DOWN, True, False)


def test_a_stopped_nova_is_unavailable_and_seen_again_when_it_is_back(lab: Lab, cloud: NovaCloud, victim: str) -> None:
    cloud.look()
    lab.stop("nova-api")
    with pytest.raises(CloudUnavailable, match="nova-api"):
        cloud.look()
    lab.start("nova-api")
    lab.nova.wait(lambda: bool(cloud.look().hosts), 60, "nova-api")


def test_a_stopped_keystone_is_unavailable_only_for_who_must_log_in(lab: Lab, victim: str, cloud: NovaCloud) -> None:
    lab.stop("keystone")
    try:
        with pytest.raises(CloudUnavailable, match="cloud lab"):
            cloud.look()
    finally:
        lab.start("keystone")
    lab.nova.wait(lambda: bool(cloud.look().hosts), 60, "keystone")
