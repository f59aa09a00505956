# SPDX-License-Identifier: GPL-3.0-or-later
"""The invariants of the core, over random histories of a simulated cloud."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloud_manager.domain.policy import Policy
from cloud_manager.domain.records import State

from .world import World

# c5 is never touched
HOST = st.sampled_from(["c1", "c2", "c3", "c4"])
GAPS = st.sampled_from([0.0, 10.0, 30.0])  # shorter than settle_seconds
EVENTS = st.one_of(
    st.tuples(st.just("cycle"), st.integers(1, 4)),
    st.tuples(st.just("cycle"), st.integers(1, 4)),
    st.tuples(st.just("jobs"), st.integers(1, 3)),
    st.tuples(st.just("crash"), st.booleans()),
    st.tuples(st.just("die"), HOST),
    st.tuples(st.just("die"), HOST),
    st.tuples(st.just("power_on"), HOST),
    st.tuples(st.just("cut"), HOST),
    st.tuples(st.just("heal"), HOST),
    st.tuples(st.just("frozen"), HOST),
    st.tuples(st.just("stuck"), HOST),
    st.tuples(st.just("bmc_ok"), HOST),
    st.tuples(st.just("maintenance"), HOST),
    st.tuples(st.just("maintenance_off"), HOST),
    st.tuples(st.just("switching"), HOST),
    st.tuples(st.just("switching_over"), HOST),
    st.tuples(st.just("operator_forces_down"), HOST),
    st.tuples(st.just("operator_clears"), HOST),
    st.tuples(st.just("operator_disables"), HOST),
    st.tuples(st.just("bus_out"), st.none()),
    st.tuples(st.just("bus_back"), GAPS),
    st.tuples(st.just("outage"), st.tuples(st.integers(1, 6), GAPS, st.booleans())),
    st.tuples(st.just("api"), st.booleans()),
)
POLICIES = st.builds(
    Policy,
    mutex=st.integers(1, 3),
    mutex_up=st.integers(1, 2),
    max_down_hosts=st.integers(0, 3),
    allow_evacuate_host=st.sampled_from([True, True, True, False]),
    deny_evacuate=st.sampled_from([frozenset(), frozenset({"c2"})]),
    recover_disabled_hosts=st.booleans(),
    settle_seconds=st.just(40.0),
    retry_interval_max=st.just(80.0),
)


def cycles(world: World, count: int) -> None:
    for _ in range(count):
        world.cycle()


def jobs(world: World, count: int) -> None:
    for _ in range(count):
        world.step_jobs()


def outage(world: World, shape: tuple[int, float, bool]) -> None:
    """For so many cycles there is no message bus, and perhaps no Nova API either: the controllers restart."""
    lasts, gap, api_as_well = shape
    world.bus_up, api_up = False, world.api_up
    world.api_up = api_up and not api_as_well
    cycles(world, lasts)
    world.api_up = api_up
    world.bus_back(gap)
    cycles(world, 15)


def crash(world: World, between_record_and_act: bool) -> None:
    world.cycle(crash_before_submit=True) if between_record_and_act else world.crash()


def operator(world: World, name: str, **changes: object) -> None:
    """An operator touches only hosts that the watchdog does not have in hand."""
    if name not in world.records.hosts:
        host(world, name, **changes)


def host(world: World, name: str, **changes: object) -> None:
    for field, value in changes.items():
        setattr(world.hosts[name], field, value)


HAPPENINGS: dict[str, Callable[[World, Any], object]] = {
    "cycle": cycles,
    "jobs": jobs,
    "crash": crash,
    "bus_out": lambda world, _: setattr(world, "bus_up", False),
    "bus_back": World.bus_back,
    "outage": outage,
    "api": lambda world, up: setattr(world, "api_up", up),
    "die": partial(host, powered=False),
    "power_on": partial(host, powered=True),
    "cut": partial(host, reachable=False),
    "heal": partial(host, reachable=True),
    "frozen": partial(host, bmc="frozen"),
    "stuck": partial(host, bmc="stuck"),
    "bmc_ok": partial(host, bmc="ok"),
    "maintenance": lambda world, name: world.maintenance.update({name: "new memory"}),
    "maintenance_off": lambda world, name: world.maintenance.pop(name, None),
    "switching": lambda world, name: world.switching.update({name: "power.on by ada"}),
    "switching_over": lambda world, name: world.switching.pop(name, None),
    "operator_forces_down": partial(operator, forced_down=True, forced_by_operator=True),
    "operator_clears": partial(operator, forced_down=False, forced_by_operator=False),
    "operator_disables": partial(operator, enabled=False, reason="broken fan"),
}


def safe(events: list[tuple[str, object]], policy: Policy) -> World:
    """World.check and World._recover object to every unsafe act on the way."""
    world = World(policy=policy)
    for what, argument in events:
        HAPPENINGS[what](world, argument)
    return world


def nothing_forgotten(events: list[tuple[str, object]], policy: Policy) -> None:
    world = safe(events, policy)
    world.policy = replace(policy, max_down_hosts=5, allow_evacuate_host=True, recover_disabled_hosts=False)
    world.settle()
    assert set().union(*(one.servers for one in world.hosts.values())) == world.all_servers
    for one in world.hosts.values():
        record = world.records.hosts.get(one.name)
        explained = one.forced_by_operator or (not one.enabled and one.reason == "broken fan")
        if not one.powered and not explained:
            assert not one.servers, f"{one.name} is off and {one.servers} are still there: {record}"
        if one.powered and not explained:
            assert record is None, f"{one.name} works and is still {record}"
            assert (one.enabled, one.forced_down) == (True, False), f"{one.name} works and is out of service"
        if explained and not one.powered and one.servers:
            assert record is not None
            assert (record.state, record.reason != "") == (State.HELD, True), "a held host says why"


CASES = settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@CASES
@given(st.lists(EVENTS, max_size=40), POLICIES)
def test_no_history_leads_to_an_unsafe_act(events, policy):
    safe(events, policy)


@CASES
@given(st.lists(EVENTS, max_size=30), POLICIES)
def test_every_history_ends_well_once_the_faults_are_repaired(events, policy):
    nothing_forgotten(events, policy)
