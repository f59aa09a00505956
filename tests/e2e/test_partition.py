# SPDX-License-Identifier: GPL-3.0-or-later
"""A host is parted from the network and still runs its guests. One look at a time: `once`."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tests.e2e import scenes
from tests.e2e.conftest import MakeWatchdog
from tests.e2e.journal import Row
from tests.e2e.scenes import HOST
from tests.e2e.watchdog import Watchdog
from tests.lab.client import Lab

VICTIM = "compute-04"


@dataclass(frozen=True)
class Story:
    """at_two: after the second of three looks that mutex wants."""

    lab: Lab
    watchdog: Watchdog
    servers: list[str]
    cut_at: float
    at_two: str
    steps_at_two: list[Row]
    done_at_two: list[str]
    alive_at_two: bool


@pytest.fixture(scope="module")
def story(scene: Lab, watchdogs: MakeWatchdog) -> Story:
    watchdog = watchdogs(node_tracker={"mutex": 3})
    servers = scene.nova.boot(3, VICTIM)
    watchdog.link(VICTIM)
    watchdog.command("once")
    cut_at = scenes.cut(scene, VICTIM)
    scenes.wait_down(scene, VICTIM)
    watchdog.command("once")
    watchdog.command("once")
    at_two = Story(
        scene, watchdog, servers, cut_at,
        watchdog.state(VICTIM), watchdog.steps(VICTIM), scenes.untouched(scene, VICTIM, cut_at, servers),
        scene.compute_alive(VICTIM),
    )  # fmt: skip
    watchdog.command("once")
    return at_two


def test_two_of_three_looks_that_say_down_do_nothing_but_read_the_power(story: Story) -> None:
    assert story.at_two == "SUSPECT"
    assert [step["text"] for step in story.steps_at_two if "looks say down" in step["text"]] == [
        "1 of 3 looks say down",
        "2 of 3 looks say down",
    ]
    assert any("reads on" in step["text"] for step in story.steps_at_two)
    assert story.done_at_two == []
    assert story.alive_at_two


def test_the_third_look_starts_the_recovery(story: Story) -> None:
    assert any(step["state"] == "RECOVERING" for step in story.watchdog.steps(VICTIM))
    now = scenes.servers(story.lab)
    assert all(now[server][HOST] != VICTIM and now[server]["status"] == "ACTIVE" for server in story.servers)


def test_the_guests_of_the_parted_host_were_dead_before_the_first_evacuation_was_requested(story: Story) -> None:
    [dead_at] = [at for at, operation, _ in story.lab.chassis_log(VICTIM) if operation == "dead" and at > story.cut_at]
    requested = [move["requested_at"] for move in story.watchdog.moves(VICTIM).values()]
    assert len(requested) == 3
    assert dead_at < min(requested)
    assert not story.lab.compute_alive(VICTIM)
