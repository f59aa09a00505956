# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import concurrent.futures
import dataclasses
import typing as t

import pytest

from ansible_collections.aos.cloud_manager.plugins.module_utils.compute import Compute, Migration
from ansible_collections.aos.cloud_manager.plugins.module_utils.evacuation_survey import WINDOW_SECONDS, Survey, survey
from ansible_collections.aos.cloud_manager.tests.unit.plugins.module_utils.simulated_nova import (
    DEAD,
    SPARE,
    SimulatedNova,
    a_server,
)


def surveyed(nova: SimulatedNova) -> Survey:
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        return survey(t.cast(Compute, nova), [DEAD], pool, nova.now)


def a_nova(status: str, host: str = SPARE, age: float = 0.0) -> SimulatedNova:
    """A server on host, with one evacuation away from the dead host."""
    nova = SimulatedNova([a_server("here"), a_server("moved", host=host)])
    at = nova.now - age
    nova.migrations[1] = Migration(1, "moved", DEAD, SPARE, status, at, at)
    return nova


@pytest.mark.parametrize("status", ["done", "pre-migrating", "accepted"])
def test_a_server_that_has_left_the_host_in_this_outage_is_accounted_for(status: str) -> None:
    found = surveyed(a_nova(status))
    assert [server.name for server in found.servers] == ["here"]
    assert [server.name for server, _migration in found.moved] == ["moved"]


def test_an_evacuation_that_is_done_is_of_this_outage_however_long_it_lasts() -> None:
    assert surveyed(a_nova("done", age=10**6)).moved


@pytest.mark.parametrize("status", ["completed", "failed", "error"])
def test_evacuations_of_other_outages_and_failed_ones_are_none_of_it(status: str) -> None:
    assert surveyed(a_nova(status)).moved == []


def test_a_server_is_listed_once_whatever_its_evacuations() -> None:
    nova = a_nova("done", host=DEAD)
    found = surveyed(nova)
    assert [server.name for server in found.servers] == ["here", "moved"]
    assert found.moved == []
    nova = a_nova("done")
    nova.migrations[2] = dataclasses.replace(nova.migrations[1], id=2)
    assert [migration.id for _server, migration in surveyed(nova).moved] == [2]


def test_a_server_deleted_since_is_no_concern() -> None:
    nova = a_nova("done")
    del nova.all["moved"]
    assert surveyed(nova).moved == []


def test_only_the_services_asked_for_are_kept() -> None:
    assert [service.host for service in surveyed(a_nova("done")).services] == [DEAD]


def test_an_unfinished_evacuation_of_long_ago_is_of_another_outage_unless_its_server_is_here() -> None:
    nova = a_nova("accepted", age=10_000.0)
    began = nova.now
    found = surveyed(nova)
    assert (found.moved, found.since) == ([], began - WINDOW_SECONDS)
    assert surveyed(a_nova("accepted", host=DEAD, age=10_000.0)).since == began - 10_000.0
