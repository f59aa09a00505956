# SPDX-License-Identifier: GPL-3.0-or-later
"""What is looked at, and what a look that failed leaves out."""

from __future__ import annotations

import pytest

from cloud_manager.domain.actions import Recover
from cloud_manager.domain.facts import JobStatus, Observation, Server, Switching
from cloud_manager.domain.records import Decision, HostRecord, Records, State
from cloud_manager.errors import CloudUnavailable
from watchdog.tests.fakes.cloud import FakeCloud
from watchdog.tests.service.house import House


class OnlyLooks(FakeCloud):
    """Lists hosts; the list of servers fails."""

    def servers_on(self, host: str) -> tuple[Server, ...]:
        raise CloudUnavailable("nova-api answers 503")


def remembered(state: State) -> Records:
    return Records({"c1": HostRecord("c1", state, incident=1, job="1-recover-1")})


def test_a_nova_that_is_away_is_a_fact_and_what_operators_said_still_counts() -> None:
    house = House()
    house.cloud.error = "nova-api does not answer"
    house.journal.set_maintenance("c1", "new memory", "ada", 1.0)
    facts = house.observer().observe(Records())
    assert (facts.error, facts.hosts, facts.maintenance) == (house.cloud.error, {}, {"c1": "new memory"})
    assert facts.controls["c2"] == ("bmc-c2",)


@pytest.mark.parametrize("state", [State.RECOVERING, State.FAILED, State.RECOVERED])
def test_servers_of_a_host_under_recovery_are_seen(state: State) -> None:
    house = House()
    house.cloud.servers["c1"] = (Server("s1", "web", "ACTIVE"),)
    assert house.observer().observe(remembered(state)).servers == {"c1": (Server("s1", "web", "ACTIVE"),)}


def test_servers_that_can_not_be_listed_are_unknown_not_gone() -> None:
    house = House()
    house.cloud = OnlyLooks(house.clock, "c1", "c2", "c3")
    assert house.observer().observe(remembered(State.RECOVERING)).servers == {}


@pytest.mark.parametrize(("forced_down", "asked"), [(False, False), (True, True)])
def test_a_hold_before_anything_was_done_costs_no_requests(forced_down: bool, asked: bool) -> None:
    house = House()
    house.cloud.change("c1", observation=Observation.DOWN, forced_down=forced_down)
    house.observer().observe(remembered(State.HELD))
    assert ("servers_on c1" in house.cloud.asked) is asked


@pytest.mark.parametrize(("status", "asked"), [(JobStatus.RUNNING, False), (JobStatus.LOST, True)])
def test_servers_that_a_playbook_moves_just_now_cost_no_requests(status: JobStatus, asked: bool) -> None:
    house = House()
    lease = house.journal.acquire_lease("one", 60.0, lambda _holder: True)
    assert lease is not None
    records = remembered(State.RECOVERING)
    plan = Recover("1-recover-1", "c1", 1, disable_service=True, override="")
    house.journal.save(Decision(records, tuple(records.hosts.values()), (plan,)), lease)
    house.journal.write_job("1-recover-1", status)
    house.observer().observe(remembered(State.RECOVERING))
    assert ("servers_on c1" in house.cloud.asked) is asked


@pytest.mark.parametrize("nova", ["", "nova-api does not answer"])
def test_a_switching_counts_while_it_may_last(nova: str) -> None:
    house = House()
    house.cloud.error = nova
    at = house.clock.now()
    house.journal.switchings = {
        1: Switching("c1", "power.off", "ada", at - 300, 30.0),
        2: Switching("c2", "power.on", "ada", at - 300, 300.0),
    }
    assert house.observer().observe(Records()).switching == {"c2": "power.on by ada since 1970-01-12 13:41:40 UTC"}
