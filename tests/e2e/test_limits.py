# SPDX-License-Identifier: GPL-3.0-or-later
"""Two hosts die together; what the watchdog may do is widened step by step by SIGHUP, as an operator would do it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from tests.e2e import scenes
from tests.e2e.conftest import MakeWatchdog
from tests.e2e.scenes import HOST
from tests.e2e.watchdog import Watchdog
from tests.lab.client import Lab

FIRST, SECOND = DEAD = ("compute-01", "compute-02")


@dataclass(frozen=True)
class Seen:
    """host -> state, reason, what was done to it since it died in words, where its servers are."""

    states: dict[str, str]
    reasons: dict[str, str]
    done: dict[str, list[str]]
    places: dict[str, set[str]]


@dataclass(frozen=True)
class Story:
    lab: Lab
    watchdog: Watchdog
    servers: dict[str, list[str]]
    killed_at: float

    def permit(self, max_down_hosts: int, deny: Sequence[str] = ()) -> None:
        self.watchdog.configure(
            node_tracker={"max_down_hosts": max_down_hosts}, host_tasks={"deny_evacuate": list(deny)}
        )
        self.watchdog.reload()

    def wait_held(self, reason: str) -> None:
        held = f"{reason} to hold both"
        self.watchdog.wait(lambda: all(reason in self.watchdog.journal.reason(host) for host in DEAD), 60, held)
        self.watchdog.wait_cycles(4)

    def see(self) -> Seen:
        now = scenes.servers(self.lab)
        return Seen(
            states={host: self.watchdog.state(host) for host in DEAD},
            reasons={host: self.watchdog.journal.reason(host) for host in DEAD},
            done={host: scenes.untouched(self.lab, host, self.killed_at, self.servers[host]) for host in DEAD},
            places={host: {now[server][HOST] for server in self.servers[host]} for host in DEAD},
        )


@pytest.fixture(scope="module")
def story(scene: Lab, watchdogs: MakeWatchdog) -> Story:
    watchdog = watchdogs(node_tracker={"max_down_hosts": 0})
    servers = scenes.boot_on(scene, DEAD, 2)
    watchdog.link(*DEAD)
    watchdog.start()
    return Story(scene, watchdog, servers, scenes.kill(scene, *DEAD))


@pytest.fixture(scope="module")
def at_zero(story: Story) -> Seen:
    story.wait_held("max_down_hosts is 0")
    return story.see()


@pytest.fixture(scope="module")
def at_one(at_zero: Seen, story: Story) -> Seen:
    story.permit(1)
    story.wait_held("max_down_hosts is 1")
    return story.see()


@pytest.fixture(scope="module")
def at_two_with_one_denied(at_one: Seen, story: Story) -> Seen:
    story.permit(2, deny=[SECOND])
    story.watchdog.wait_state(FIRST, "RECOVERED", 90)
    story.watchdog.wait_cycles(3)
    return story.see()


@pytest.fixture(scope="module")
def at_two(at_two_with_one_denied: Seen, story: Story) -> Seen:
    story.permit(2)
    story.watchdog.wait_state(SECOND, "RECOVERED", 90)
    return story.see()


@pytest.mark.parametrize("host", DEAD)
def test_with_max_down_hosts_0_nothing_is_done(at_zero: Seen, host: str) -> None:
    assert at_zero.states[host] == "HELD"
    assert "automatic recovery is off" in at_zero.reasons[host]
    assert at_zero.done[host] == []


@pytest.mark.parametrize("host", DEAD)
def test_with_max_down_hosts_1_both_are_held_and_the_reason_names_them(at_one: Seen, host: str) -> None:
    assert at_one.states[host] == "HELD"
    assert at_one.reasons[host] == f"2 hosts are down ({FIRST}, {SECOND}), [node_tracker] max_down_hosts is 1"
    assert at_one.done[host] == []


def test_a_host_in_deny_evacuate_is_held(at_two_with_one_denied: Seen) -> None:
    assert at_two_with_one_denied.states[SECOND] == "HELD"
    assert "deny_evacuate" in at_two_with_one_denied.reasons[SECOND]
    assert at_two_with_one_denied.done[SECOND] == []


def test_the_other_host_is_recovered_meanwhile(at_two_with_one_denied: Seen) -> None:
    assert at_two_with_one_denied.states[FIRST] == "RECOVERED"
    assert not at_two_with_one_denied.places[FIRST] & set(DEAD)


@pytest.mark.parametrize("host", DEAD)
def test_with_max_down_hosts_2_both_are_recovered(at_two: Seen, host: str) -> None:
    assert at_two.states[host] == "RECOVERED"
    assert not at_two.places[host] & set(DEAD)


def test_every_change_of_the_hold_is_in_the_timeline(at_two: Seen, story: Story) -> None:
    held = [step["text"] for step in story.watchdog.steps(SECOND) if step["state"] == "HELD"]
    assert [words for words in ("is 0", "is 1", "deny_evacuate") if any(words in text for text in held)] == [
        "is 0",
        "is 1",
        "deny_evacuate",
    ]
    assert len(held) == 3
