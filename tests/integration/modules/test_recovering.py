# SPDX-License-Identifier: GPL-3.0-or-later
"""A host loses its power; the playbooks bring its servers back and, later, the host."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from tests.integration.modules.playing import Played, fail, play
from tests.lab.client import Lab

HOST = "compute-01"
QUICK = {"prioritized_evacuation_timeout": 2, "poll_interval": 0.5}


@dataclasses.dataclass
class Story:
    """What was on the host, and what the playbooks made of it, in order."""

    lab: Lab
    folder: Path
    servers: dict[str, str]
    rehearsed: Played
    recovered: Played
    again: Played
    too_early: Played
    returned: Played
    second_return: Played

    def server(self, name: str) -> dict[str, Any]:
        """The last report of recover_host on one server."""
        reports = self.recovered.of("host_evacuate")["evacuation"]["servers"]
        return next(report for report in reports if report["id"] == self.servers[name])


@pytest.fixture(scope="module")
def story(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Story:
    lab.reset()
    folder = tmp_path_factory.mktemp("story")
    servers: dict[str, str] = {}
    for name, options in {
        "high": {"priority": 9},
        "plain": {},
        "off": {"shutoff": 1},
        "never": {"priority": 0},
        "garbled": {"metadata": {"recovery_priority": "urgent"}},
        "paused": {},
        "stuck": {"shutoff": 1},
        "locked": {},
    }.items():
        (servers[name],) = lab.nova.boot(1, HOST, prefix=name, **options)  # type: ignore[arg-type]
    lab.nova.action(servers["paused"], pause=None)
    lab.nova.wait(lambda: lab.nova.server(servers["paused"])["status"] == "PAUSED", 30, "the server to be paused")
    lab.nova.action(servers["locked"], lock=None)
    servers["unborn"] = lab.nova_boot_unlaunched(HOST)  # the last: the compute builds nothing else after it
    fail(lab, HOST)
    rehearsed = play(lab, folder, "recover_host", host=HOST, check=True, **QUICK)
    lab.sql(f"update nova_cell1.instances set task_state='powering-on' where uuid='{servers['stuck']}'")
    recovered = play(lab, folder, "recover_host", host=HOST, incident="42", **QUICK)
    again = play(lab, folder, "recover_host", host=HOST, incident="42", **QUICK)
    too_early = play(lab, folder, "return_host", host=HOST, wait_timeout=4)
    lab.power(HOST, "on")
    returned = play(lab, folder, "return_host", host=HOST)
    second_return = play(lab, folder, "return_host", host=HOST)
    return Story(lab, folder, servers, rehearsed, recovered, again, too_early, returned, second_return)


def test_a_rehearsal_shows_the_plan_and_changes_nothing(story: Story) -> None:
    assert story.rehearsed.rc == 0, story.rehearsed.output
    assert story.rehearsed.of("power")["power"]["result"] == "NOT_SENT"
    assert story.rehearsed.of("host_evacuate")["evacuation"]["counts"]["planned"] == 7


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("high", "ACTIVE"),
        ("plain", "ACTIVE"),
        ("off", "SHUTOFF"),
        ("garbled", "ACTIVE"),
        ("paused", "ACTIVE"),
        ("stuck", "SHUTOFF"),
        ("locked", "ACTIVE"),
    ],
)
def test_every_server_that_may_move_is_elsewhere_in_the_state_it_was_in(story: Story, name: str, status: str) -> None:
    report = story.server(name)
    assert (report["outcome"], report["status"]) == ("evacuated", status)
    server = story.lab.nova.server(story.servers[name])
    assert server["OS-EXT-SRV-ATTR:host"] == report["destination"] != HOST
    assert server["status"] == status


def test_what_was_done_to_a_server_on_the_way_is_told(story: Story) -> None:
    assert "was PAUSED" in story.server("paused")["reason"]
    assert "powering-on was stuck" in story.server("stuck")["reason"]


def test_servers_that_are_left_are_listed_with_their_reason(story: Story) -> None:
    assert (story.server("never")["outcome"], story.server("never")["reason"]) == ("left", "has priority 0")
    assert story.server("unborn")["outcome"] == "left"
    assert "never launched" in story.server("unborn")["reason"]


def test_a_lock_stays(story: Story) -> None:
    assert story.lab.nova.server(story.servers["locked"])["locked"]


def test_a_priority_that_is_none_is_warned_of(story: Story) -> None:
    assert story.server("garbled")["priority"] == 5
    assert any("'urgent'" in text for text in story.recovered.of("host_evacuate")["evacuation"]["warnings"])


def test_the_higher_priority_is_asked_for_first_and_the_next_group_after_its_interval(story: Story) -> None:
    first = story.server("high")["requested_at"]
    others = [story.server(name)["requested_at"] for name in ("plain", "off", "paused", "stuck", "locked")]
    assert min(others) >= first + QUICK["prioritized_evacuation_timeout"]


def test_the_host_was_confirmed_off_before_anything_was_asked_for(story: Story) -> None:
    assert story.recovered.rc == 0, story.recovered.output
    power = story.recovered.of("power")["power"]
    evacuation = story.recovered.of("host_evacuate")["evacuation"]
    assert power["result"] == "OFF_CONFIRMED"
    assert power["confirmed_at"] < evacuation["started_at"] < evacuation["first_accepted_at"]


def test_nova_was_told_with_our_mark(story: Story) -> None:
    service = story.recovered.of("compute_service")["service"]
    assert service["forced_down"]
    assert service["disabled_reason"] == "aos-cloud-manager: incident 42: powered off, servers evacuated"


def test_a_second_run_moves_nothing_and_still_accounts_for_every_server(story: Story) -> None:
    result = story.again.of("host_evacuate")
    assert not result["changed"]
    assert result["evacuation"]["counts"] == {"evacuated": 7, "left": 2, "failed": 0, "moving": 0}
    assert len(story.lab.nova.migrations(migration_type="evacuation", source_compute=HOST)) == 7


def test_a_host_without_heartbeat_is_not_given_back(story: Story) -> None:
    assert story.too_early.rc != 0
    assert not story.too_early.ran("compute_service")


def test_a_host_that_is_back_is_given_back(story: Story) -> None:
    assert story.returned.rc == 0, story.returned.output
    service = story.returned.of("compute_service")["service"]
    assert (service["state"], service["status"], service["forced_down"]) == ("up", "enabled", False)


def test_giving_it_back_twice_changes_nothing(story: Story) -> None:
    assert story.second_return.rc == 0, story.second_return.output
    assert not story.second_return.ran("compute_service")


def test_no_password_is_in_what_the_playbooks_said_or_left_behind(story: Story) -> None:
    secrets = [secret.encode() for secret in story.lab.secrets()]
    places = [place for place in (story.folder / "runner" / "artifacts").rglob("*") if place.is_file()]
    assert places
    for place in places:
        assert not any(secret in place.read_bytes() for secret in secrets), place
