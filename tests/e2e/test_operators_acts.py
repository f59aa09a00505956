# SPDX-License-Identifier: GPL-3.0-or-later
"""What operators did to hosts is kept.

One was disabled before it died, one is forced down while it runs, one is forced down and dead.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from tests.e2e import scenes
from tests.e2e.conftest import MakeWatchdog
from tests.e2e.scenes import HOST
from tests.e2e.watchdog import Watchdog
from tests.lab.client import Lab

DISABLED, FORCED, FORCED_AND_DEAD = "compute-01", "compute-02", "compute-03"
REASON = "disk is replaced on Monday, ask Anna"


@dataclass(frozen=True)
class Story:
    """at_recovery: DISABLED's service when its servers had left it."""

    lab: Lab
    watchdog: Watchdog
    servers: dict[str, list[str]]
    killed_at: float
    at_recovery: dict[str, Any]

    def service(self, host: str) -> dict[str, Any]:
        return self.lab.nova.services()[host]


@pytest.fixture(scope="module")
def story(scene: Lab, watchdogs: MakeWatchdog) -> Story:
    """All three are looked at for long enough; then the power of the disabled one comes back."""
    hosts = (DISABLED, FORCED, FORCED_AND_DEAD)
    watchdog = watchdogs(node_tracker={"max_down_hosts": 3}, recovery={"recover_disabled_hosts": True})
    servers = scenes.boot_on(scene, hosts, 1)
    scene.nova.set_service(DISABLED, status="disabled", disabled_reason=REASON)
    for host in (FORCED, FORCED_AND_DEAD):
        scene.nova.set_service(host, forced_down=True)
    watchdog.link(*hosts)
    watchdog.start()
    killed_at = scenes.kill(scene, DISABLED, FORCED_AND_DEAD)
    watchdog.wait_state(DISABLED, "RECOVERED")
    at_recovery = scene.nova.services()[DISABLED]
    watchdog.wait_cycles(5)
    scene.power(DISABLED, "on")
    watchdog.wait_state(DISABLED, "HEALTHY", 120)
    return Story(scene, watchdog, servers, killed_at, at_recovery)


def test_a_disabled_host_is_recovered_where_that_is_allowed_and_keeps_the_operators_reason(story: Story) -> None:
    [server] = story.servers[DISABLED]
    assert story.lab.nova.server(server)[HOST] not in (DISABLED, FORCED, FORCED_AND_DEAD)
    assert story.at_recovery["forced_down"] is True
    assert (story.at_recovery["status"], story.at_recovery["disabled_reason"]) == ("disabled", REASON)


def test_it_stays_disabled_after_its_return(story: Story) -> None:
    service = story.service(DISABLED)
    assert (service["state"], service["forced_down"]) == ("up", False)
    assert (service["status"], service["disabled_reason"]) == ("disabled", REASON)


@pytest.mark.parametrize("host", [FORCED, FORCED_AND_DEAD])
def test_a_host_that_an_operator_forced_down_is_neither_fenced_nor_evacuated(story: Story, host: str) -> None:
    assert scenes.untouched(story.lab, host, story.killed_at, story.servers[host]) == []


@pytest.mark.parametrize("host", [FORCED, FORCED_AND_DEAD])
def test_it_is_neither_disabled_nor_given_back(story: Story, host: str) -> None:
    service = story.service(host)
    assert (service["forced_down"], service["status"]) == (True, "enabled")


def test_one_that_still_runs_is_left_running(story: Story) -> None:
    assert story.lab.compute_alive(FORCED)


@pytest.mark.parametrize("host", [FORCED, FORCED_AND_DEAD])
def test_the_hold_says_who_has_to_do_what(story: Story, host: str) -> None:
    assert story.watchdog.state(host) == "HELD"
    assert "an operator forced the service down" in story.watchdog.journal.reason(host)
    assert host in story.watchdog.command("status")


def test_no_playbook_was_ever_started_for_it(story: Story) -> None:
    assert story.watchdog.journal.jobs(story.watchdog.incident(FORCED)) == []
    assert story.watchdog.journal.jobs(story.watchdog.incident(FORCED_AND_DEAD)) == []
