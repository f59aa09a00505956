# SPDX-License-Identifier: GPL-3.0-or-later
"""kill -9 of the watchdog and its playbook when a step is in the journal, for each step of recovery and return."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import cycle

import pytest

from tests.e2e import scenes
from tests.e2e.conftest import MakeWatchdog
from tests.e2e.scenes import HOST, Group
from tests.e2e.watchdog import Watchdog
from tests.lab.client import Lab

# Words of the steps, in their order. A step that fits none of them fails the test of completeness below.
STEPS = (
    "1 of 2 looks say down",
    "down: powering off",
    "confirmed power-off",
    "compute service is down, disabled, forced down",
    "evacuation: 4 evacuated",
    "evacuation complete",
    "heartbeats are back",
    "compute service is up, enabled",
)
# What else such a timeline may say: readings of the power control, and what an interruption adds.
ALSO = ("warning: ", "reads off", "reads on", "was interrupted, going on", "host is back in service", "host is up",
        "evacuation: ", "compute service is", "was lost", "will be retried", "2 of 2 looks")  # fmt: skip
BEFORE_RETURN = STEPS.index("heartbeats are back")
HALFWAY = "halfway through the evacuation"
VICTIMS = cycle(("compute-01", "compute-02"))


@pytest.fixture(scope="module")
def linked(scene: Lab, watchdogs: MakeWatchdog) -> Watchdog:
    watchdog = watchdogs()
    watchdog.link("compute-01", "compute-02")
    return watchdog


@pytest.fixture
def watchdog(linked: Watchdog) -> Iterator[Watchdog]:
    """Not running yet; afterwards ended, and the servers are gone: they would be on the next victim."""
    yield linked
    linked.kill9()
    nova = linked.lab.nova
    nova.delete([server["id"] for server in nova.servers()])
    nova.wait(lambda: not nova.servers(), 60, "the servers to be deleted")


def wait_halfway(watchdog: Watchdog, host: str, new: set[str]) -> None:
    """The first group is accepted, the second has to wait for its turn."""

    watchdog.wait(lambda: scenes.evacuations(watchdog.lab, host, new), 60, "the first evacuations to be accepted")


WITH_PLAYBOOK = [(step, False) for step in (*STEPS, HALFWAY)]
PLAYBOOK_LIVES_ON = [("confirmed power-off", True), (HALFWAY, True)]


@pytest.mark.parametrize(("step", "orphans"), WITH_PLAYBOOK + PLAYBOOK_LIVES_ON)
def test_recovery_and_return_end_right_after_a_kill_at(step: str, orphans: bool, watchdog: Watchdog) -> None:
    lab, host = watchdog.lab, next(VICTIMS)
    groups = scenes.boot(lab, host, (Group("first", 2, priority=9), Group("second", 2)))
    ids = [server for group in groups.values() for server in group]
    watchdog.start()
    lab.kill(host)
    returning = step in STEPS[BEFORE_RETURN:]
    if returning:
        watchdog.wait_state(host, "RECOVERED", 90)
        lab.power(host, "on")
    if step == HALFWAY:
        wait_halfway(watchdog, host, set(ids))
    else:
        watchdog.wait_step(host, step, 90)

    watchdog.kill9(playbooks=not orphans)
    watchdog.start()

    if not returning:
        watchdog.wait_state(host, "RECOVERED", 120)
        assert not [server for server in scenes.servers(lab).values() if server[HOST] == host], "none is forgotten"
        lab.power(host, "on")
    watchdog.wait_state(host, "HEALTHY", 120)
    watchdog.stop()
    now = scenes.servers(lab)
    assert {now[server]["status"] for server in ids} == {"ACTIVE"}
    assert host not in {now[server][HOST] for server in ids}
    asked = Counter(move["instance_uuid"] for move in scenes.evacuations(lab, host, ids))
    assert asked == dict.fromkeys(ids, 1), "each server is evacuated once"
    told = watchdog.moves(host)
    assert {server: told[server]["outcome"] for server in ids} == dict.fromkeys(ids, "evacuated")
    service = lab.nova.services()[host]
    assert (service["state"], service["status"], service["forced_down"]) == ("up", "enabled", False)
    strange = [
        line["text"] for line in watchdog.steps(host) if not any(known in line["text"] for known in STEPS + ALSO)
    ]
    assert not strange, "every step of a timeline is one that the loop kills at"
