# SPDX-License-Identifier: GPL-3.0-or-later
"""A host with 20 servers loses its power: one story, told once, looked at from all sides."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pytest

from tests.e2e import leaks, scenes
from tests.e2e.conftest import MakeWatchdog
from tests.e2e.journal import Row
from tests.e2e.scenes import HOST, Group, Server
from tests.e2e.watchdog import Watchdog
from tests.lab.client import Lab

VICTIM = "compute-01"
INTERVAL = 3
GROUPS = (
    Group("urgent", 6, priority=10, shutoff=1),
    Group("early", 6, priority=7, shutoff=1),
    Group("plain", 6, shutoff=2),
    Group("never", 1, priority=0),
)
ORDER = ("urgent", "early", "plain")
PRIORITIES = {"urgent": 10, "early": 7, "plain": 5}


@dataclass(frozen=True)
class Story:
    """groups: name -> ids. before, after: servers at the power cut and once the incident was RECOVERED."""

    lab: Lab
    watchdog: Watchdog
    groups: dict[str, list[str]]
    unlaunched: str
    killed_at: float
    before: dict[str, Server]
    after: dict[str, Server]
    service: dict[str, Any]
    moves: dict[str, Row]
    steps: list[Row]
    told: str
    report: Any

    @property
    def movable(self) -> list[str]:
        return [server for group in ORDER for server in self.groups[group]]

    def of(self, group: str, column: str) -> list[float]:
        return [float(self.moves[server][column]) for server in self.groups[group]]


@pytest.fixture(scope="module")
def story(scene: Lab, watchdogs: MakeWatchdog) -> Story:
    watchdog = watchdogs(DEFAULT={"log_level": "DEBUG"}, host_tasks={"prioritized_evacuation_timeout": INTERVAL})
    groups = scenes.boot(scene, VICTIM, GROUPS)
    unlaunched = scene.nova_boot_unlaunched(VICTIM)
    watchdog.link(VICTIM, verify=True)
    watchdog.start()
    before = scenes.servers(scene)
    killed_at = scene.kill(VICTIM)
    watchdog.wait_state(VICTIM, "RECOVERED", 120)
    incident = watchdog.incident(VICTIM)
    watchdog.wait_cycles(1)  # the servers' last states are written after the state of the host
    return Story(
        lab=scene,
        watchdog=watchdog,
        groups=groups,
        unlaunched=unlaunched,
        killed_at=killed_at,
        before=before,
        after=scenes.servers(scene),
        service=scene.nova.services()[VICTIM],
        moves=watchdog.moves(VICTIM),
        steps=watchdog.steps(VICTIM),
        told=watchdog.told(incident),
        report=watchdog.report(incident),
    )


@pytest.fixture(scope="module")
def returned(story: Story) -> Story:
    """The power is back, and the host is in service again."""
    story.lab.power(VICTIM, "on")
    story.watchdog.wait_state(VICTIM, "HEALTHY", 120)
    return story


@pytest.fixture(scope="module")
def ended(returned: Story) -> Story:
    returned.watchdog.stop()
    return returned


def test_every_server_that_may_move_is_on_another_host_in_the_state_that_it_had(story: Story) -> None:
    assert len(story.before) == 20
    assert len(story.movable) == 18
    for server in story.movable:
        assert story.after[server][HOST] != VICTIM
        assert story.after[server]["status"] == story.before[server]["status"]


def test_stopped_servers_are_among_them_and_were_not_started(story: Story) -> None:
    stopped = [server for server in story.movable if story.before[server]["status"] == "SHUTOFF"]
    assert len(stopped) == 4
    assert {story.after[server]["OS-EXT-STS:power_state"] for server in stopped} == {4}


@pytest.mark.parametrize(("earlier", "later"), list(pairwise(ORDER)))
def test_a_group_starts_one_interval_after_the_one_before_and_when_all_of_that_is_accepted(
    story: Story, earlier: str, later: str
) -> None:
    begun = min(story.of(later, "requested_at"))
    assert begun >= min(story.of(earlier, "requested_at")) + INTERVAL
    assert begun >= max(story.of(earlier, "accepted_at"))


@pytest.mark.parametrize(("earlier", "later"), list(pairwise(ORDER)))
def test_nova_saw_the_groups_begin_in_this_order_too(story: Story, earlier: str, later: str) -> None:
    started = {move["instance_uuid"]: move["created_at"] for move in scenes.evacuations(story.lab, VICTIM)}
    first = {group: min(started[server] for server in story.groups[group]) for group in (earlier, later)}
    assert first[earlier] < first[later]


def test_each_server_was_evacuated_once(story: Story) -> None:
    moved = [move["instance_uuid"] for move in scenes.evacuations(story.lab, VICTIM)]
    assert sorted(moved) == sorted(story.movable)


@pytest.mark.parametrize("group", ORDER)
def test_the_journal_tells_where_each_server_came_from_where_it_is_and_its_state(story: Story, group: str) -> None:
    for server in story.groups[group]:
        move, after = story.moves[server], story.after[server]
        assert (move["name"], move["source"], move["destination"]) == (after["name"], VICTIM, after[HOST])
        assert (move["outcome"], move["attempts"], move["priority"]) == ("evacuated", 1, PRIORITIES[group])
        assert (move["status_before"], move["status"]) == (story.before[server]["status"], after["status"])
        assert story.killed_at < move["requested_at"] <= move["accepted_at"] <= move["finished_at"]


def test_priority_zero_is_left_and_listed_with_its_reason(story: Story) -> None:
    [server] = story.groups["never"]
    assert story.after[server][HOST] == VICTIM
    assert story.moves[server]["outcome"] == "left"
    assert "priority 0" in story.moves[server]["reason"]


def test_a_server_that_never_ran_is_left_and_listed_with_its_reason(story: Story) -> None:
    assert story.after[story.unlaunched][HOST] == VICTIM
    assert story.moves[story.unlaunched]["outcome"] == "left"
    assert "never launched" in story.moves[story.unlaunched]["reason"]


def test_every_server_is_accounted_for(story: Story) -> None:
    assert story.moves.keys() == story.before.keys()


def test_the_service_is_forced_down_and_disabled_with_our_mark(story: Story) -> None:
    incident = story.watchdog.incident(VICTIM)
    assert story.service["forced_down"] is True
    assert story.service["status"] == "disabled"
    assert story.service["disabled_reason"].startswith(f"aos-cloud-manager: incident {incident}: ")


def test_the_power_was_switched_off_and_read_off_twice_before_the_first_evacuation(story: Story) -> None:
    first_request = min(min(story.of(group, "requested_at")) for group in ORDER)
    log = [entry for entry in story.lab.chassis_log(VICTIM) if story.killed_at < entry[0] < first_request]
    told = [at for at, operation, arguments in log if (operation, arguments) == ("set", ["power", "0"])]
    assert len(told) == 1
    assert sum(operation == "get" and at > told[0] for at, operation, _ in log) >= 2


def test_the_timeline_tells_every_step_in_order(story: Story) -> None:
    wanted = [
        ("SUSPECT", "1 of 2 looks say down"),
        ("RECOVERING", "down: powering off, then evacuating"),
        ("RECOVERING", f"power control BMC of {VICTIM} confirmed power-off by "),
        ("RECOVERING", "compute service is down, disabled, forced down"),
        ("RECOVERING", "evacuation: 18 evacuated, 2 left, 0 failed"),
        ("RECOVERED", "evacuation complete, 2 servers left on purpose"),
    ]
    rest = iter(story.steps)
    for state, words in wanted:
        assert any(step["state"] == state and words in step["text"] for step in rest), f"{state}: {words}"
    assert all(story.killed_at < step["at"] for step in story.steps)


def test_the_console_tells_the_same(story: Story) -> None:
    for step in story.steps:
        assert step["text"] in story.told
    for server in story.before.values():
        assert f"{server['name']} ({server['id']})" in story.told
    assert "18 servers evacuated, 2 left, 0 failed" in story.told
    assert {move["server_id"] for move in story.report["moves"]} == story.before.keys()
    assert story.report["summary"]["state"] == "RECOVERED"


def test_a_host_that_comes_back_is_given_back_to_nova(returned: Story) -> None:
    service = returned.lab.nova.services()[VICTIM]
    assert (service["state"], service["forced_down"], service["status"]) == ("up", False, "enabled")
    assert not service["disabled_reason"]


def test_its_return_closes_the_incident(returned: Story) -> None:
    [incident] = returned.watchdog.journal.incidents(VICTIM)
    assert incident["closed_at"] > returned.steps[-1]["at"]
    returning, *_, last = returned.watchdog.steps(VICTIM)[len(returned.steps) :]
    assert returning["state"] == "RETURNING"
    assert (last["state"], last["text"]) == ("HEALTHY", "host is back in service; incident closed")


def test_its_return_moves_no_server(returned: Story) -> None:
    now = scenes.servers(returned.lab)
    assert {server: now[server][HOST] for server in returned.movable} == {
        server: returned.after[server][HOST] for server in returned.movable
    }


def test_no_password_is_in_a_file_a_log_the_database_or_a_command_line(ended: Story) -> None:
    assert ended.watchdog.leak_check() == []


def test_the_search_for_passwords_has_seen_what_it_searches(ended: Story) -> None:
    watchdog = ended.watchdog
    assert any(b"aos.cloud_manager.recover_host" in line for line in watchdog.command_lines())
    artifacts = {path.parent.name for path in watchdog.folder.rglob("stdout")}
    assert {job["key"] for job in watchdog.journal.jobs(watchdog.incident(VICTIM))} <= artifacts
    assert "job.said" in watchdog.log.read_text()
    user = str(ended.lab.bmc_control(VICTIM)["username"])
    assert leaks.leaks([user], watchdog.folder, {}), "what does not find the user name finds nothing at all"
