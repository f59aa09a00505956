# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever Nova, the network and the killer do: nothing is asked for twice, nothing is forgotten, all ends."""

from __future__ import annotations

import random
import typing as t

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ansible_collections.aos.cloud_manager.plugins.module_utils.compute import Server
from ansible_collections.aos.cloud_manager.plugins.module_utils.evacuation import Settings
from ansible_collections.aos.cloud_manager.tests.unit.plugins.module_utils.evacuation_world import (
    World,
    by_name,
    faults_of,
)
from ansible_collections.aos.cloud_manager.tests.unit.plugins.module_utils.simulated_nova import (
    DEAD,
    Killed,
    SimulatedNova,
    a_server,
)

THOROUGH = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
STATUSES = ("ACTIVE", "SHUTOFF", "ERROR", "PAUSED", "SUSPENDED", "SHELVED", "VERIFY_RESIZE", "BUILD", "SOFT_DELETED")
PRIORITIES = (None, "10", "7", "1", "0", "eleven", "-1")
CALM = ("ok",)
ROUGH = ("ok", "ok", "ok", "ok", "refused", "deaf", "mute")
FAIR = ("done",)
UNFAIR = ("done", "done", "refused", "failed", "spoiled", "broken", "silent")

chances = st.integers(0, 2**32).map(random.Random)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Some servers in any state on a dead host, and settings that make runs short."""
    servers = [a_drawn_server(draw, number) for number in range(draw(st.integers(1, 7)))]
    nova = SimulatedNova(servers)
    nova.seconds = draw(st.sampled_from((0.6, 2.0, 5.0)))
    nova.limit = draw(st.integers(1, 4))
    chosen = Settings(
        parallel=nova.limit,
        retries=draw(st.integers(1, 3)),
        polls=8,
        poll_interval=1.0,
        group_interval=draw(st.sampled_from((0.0, 4.0))),
        settle=3.0,
    )
    return World(nova, chosen, draw(chances))


def a_drawn_server(draw: st.DrawFn, number: int) -> Server:
    status = draw(st.sampled_from(STATUSES[:2] + STATUSES))
    metadata: dict[str, str] = {}
    priority = draw(st.sampled_from(PRIORITIES))
    if priority is not None:
        metadata["recovery_priority"] = priority
    if draw(st.booleans()):
        metadata["evacuation_delay"] = draw(st.sampled_from(("3", "soon", "nan")))
    task = draw(st.sampled_from((None, None, "powering-off", "rebuilding", "image_snapshot")))
    return a_server(f"s{number}", status, metadata=metadata, task_state=task)


def make(world: World, fates: t.Sequence[str], weathers: t.Sequence[str]) -> None:
    world.nova.fate = lambda _server: world.chance.choice(fates)
    world.nova.weather = lambda _method: world.chance.choice(weathers)


@THOROUGH
@given(worlds())
def test_on_a_calm_day_every_server_that_may_move_has_moved(world: World) -> None:
    make(world, FAIR, CALM)
    moves = world.run()
    assert faults_of(world.nova, moves) == []
    assert {move.outcome for move in moves} <= {"evacuated", "left"}


@THOROUGH
@given(worlds())
def test_whatever_fails_nothing_is_asked_for_twice_and_every_server_is_accounted_for(world: World) -> None:
    make(world, UNFAIR, ROUGH)
    assert faults_of(world.nova, world.run()) == []


@THOROUGH
@given(worlds(), st.lists(st.integers(1, 60), min_size=1, max_size=6))
def test_killed_anywhere_the_next_run_goes_on_with_what_nova_shows(world: World, kills: list[int]) -> None:
    make(world, UNFAIR, ROUGH)
    for kill in kills:
        world.nova.kill_at = world.nova.calls + kill
        try:
            world.run()
        except Killed:
            world.nova.advance(world.chance.choice((0.0, 0.5, 5.0)))
    world.nova.kill_at = None
    assert faults_of(world.nova, world.run()) == []


@THOROUGH
@given(worlds(), st.lists(st.integers(1, 60), max_size=3))
def test_after_the_storm_a_run_brings_home_all_that_nova_has_not_swallowed(world: World, kills: list[int]) -> None:
    make(world, [fate for fate in UNFAIR if fate != "silent"], ROUGH)
    for kill in kills:
        world.nova.kill_at = world.nova.calls + kill
        try:
            world.run()
        except Killed:
            world.nova.advance(0.1)
    world.nova.kill_at = None
    make(world, FAIR, CALM)
    for _round in range(3):
        moves = world.run()
    assert faults_of(world.nova, moves) == []
    assert {move.outcome for move in moves} <= {"evacuated", "left"}


@THOROUGH
@given(worlds())
def test_two_programs_side_by_side_never_ask_for_one_server_twice(world: World) -> None:
    make(world, FAIR, CALM)
    world.nova.limit = 2 * world.settings.parallel  # each sees the other's requests a moment late
    for moves in world.run_side_by_side():
        assert faults_of(world.nova, moves) == []


@THOROUGH
@given(worlds())
def test_a_server_that_another_program_moves_meanwhile_is_watched_only(world: World) -> None:
    make(world, FAIR, CALM)
    world.nova.limit = 10**6
    others = [server.id for server in world.nova.servers_on(DEAD)]

    def weather(method: str) -> str:
        if method == "evacuations" and others and world.chance.random() < 0.3:
            world.nova.evacuate_by_another(others.pop())
        return "ok"

    world.nova.weather = weather
    assert faults_of(world.nova, world.run()) == []


@THOROUGH
@given(worlds())
def test_no_server_is_asked_for_before_all_of_higher_priority_have_been(world: World) -> None:
    make(world, UNFAIR, CALM)
    moves = by_name(world.run())
    asked: dict[str, float] = {}
    for at, server in world.nova.requests:
        asked.setdefault(server, at)
    for one, at in asked.items():
        higher = [other for other in asked if moves[other].priority > moves[one].priority and not moves[other].delay]
        assert all(asked[other] <= at for other in higher)


@THOROUGH
@given(worlds())
def test_an_interrupted_run_still_accounts_for_every_server(world: World) -> None:
    make(world, UNFAIR, ROUGH)
    plan, run, _pool = world.engine()
    stop_at = world.nova.calls + world.chance.randrange(1, 40)
    calm = world.nova.weather

    def weather(method: str) -> str:
        if world.nova.calls >= stop_at:
            run.interrupt("interrupted by a test")
        return calm(method)

    world.nova.weather = weather
    run.run()
    assert faults_of(world.nova, plan.moves) == []
