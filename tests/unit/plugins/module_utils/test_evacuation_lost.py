# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import dataclasses
import typing as t

import pytest

from ansible_collections.aos.cloud_manager.plugins.module_utils.compute import Compute, Migration, Service
from ansible_collections.aos.cloud_manager.plugins.module_utils.evacuation_lost import why_lost

ACCEPTED = Migration(7, "web", "dead-01", None, "accepted", 1000.0, 1000.0)
MOVING = dataclasses.replace(ACCEPTED, status="pre-migrating", destination="c2")
RAN = {"event": "conductor_rebuild", "finish_time": "2026-03-01T12:00:00", "result": "Success"}
RUNS = {"event": "compute_rebuild_instance", "finish_time": None, "result": None}
BROKE = RAN | {"result": "Error"}


class Nova:
    """What is read to judge an evacuation."""

    def __init__(self, events: list[dict[str, t.Any]], forced_down: bool = False) -> None:
        self._events = events
        self._forced_down = forced_down

    def service(self, host: str, patience: float | None = None) -> Service:
        return Service("x", host, "down", "disabled", None, self._forced_down, None, None)

    def actions(self, server_id: str) -> list[dict[str, t.Any]]:
        return [{"action": "evacuate", "request_id": "r1"}, {"action": "create", "request_id": "r0"}]

    def action_events(self, server_id: str, request_id: str) -> list[dict[str, t.Any]]:
        assert request_id == "r1"
        return self._events


def judged(nova: Nova, flying: Migration, ended: Migration | None = None) -> str:
    return why_lost(t.cast(Compute, nova), "web", flying, ended)


@pytest.mark.parametrize(("events", "flying"), [([], ACCEPTED), ([RAN], ACCEPTED), ([RAN, RUNS], MOVING), ([], MOVING)])
def test_an_evacuation_that_nova_may_still_end_is_left_to_it(events: list[dict[str, t.Any]], flying: Migration) -> None:
    assert judged(Nova(events), flying) == ""


def test_one_that_failed_while_something_still_runs_is_left_to_it() -> None:
    assert judged(Nova([BROKE, RUNS]), ACCEPTED) == ""


def test_one_whose_work_failed_is_lost() -> None:
    assert "failed in Nova (conductor_rebuild)" in judged(Nova([BROKE]), ACCEPTED)


def test_one_whose_destination_was_forced_down_is_lost() -> None:
    assert "died with its destination c2" in judged(Nova([RAN, RUNS], forced_down=True), MOVING)


def test_one_that_stands_behind_a_later_one_is_lost() -> None:
    later = dataclasses.replace(ACCEPTED, id=8, status="error", updated_at=1500.0)
    assert "left behind by evacuation 8" in judged(Nova([]), ACCEPTED, later)
    assert judged(Nova([]), ACCEPTED, dataclasses.replace(later, updated_at=900.0)) == ""
    assert judged(Nova([RUNS]), MOVING, later) == ""
