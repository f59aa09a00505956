# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole runs on a simulated Nova: what happens when something goes wrong in the middle."""

from __future__ import annotations

import dataclasses

import pytest

from ansible_collections.aos.cloud_manager.plugins.module_utils import evacuation_run
from ansible_collections.aos.cloud_manager.plugins.module_utils.compute import Migration
from ansible_collections.aos.cloud_manager.plugins.module_utils.evacuation import Move
from ansible_collections.aos.cloud_manager.tests.unit.plugins.module_utils.evacuation_world import (
    QUICK,
    World,
    by_name,
    faults_of,
)
from ansible_collections.aos.cloud_manager.tests.unit.plugins.module_utils.simulated_nova import (
    DEAD,
    SPARE,
    SimulatedNova,
    a_server,
)


def outcomes(moves: list[Move]) -> dict[str, str]:
    return {name: move.outcome for name, move in by_name(moves).items()}


def test_a_destination_that_refuses_once_is_tried_again_and_ends_well() -> None:
    nova = SimulatedNova([a_server("on"), a_server("off", "SHUTOFF")])
    fates = {"on": ["refused", "done"], "off": ["refused", "done"]}
    nova.fate = lambda server: fates[server].pop(0)
    moves = World(nova).run()
    assert faults_of(nova, moves) == []
    assert outcomes(moves) == {"on": "evacuated", "off": "evacuated"}
    assert [move.attempts for move in moves] == [2, 2]
    assert nova.all["off"].status == "SHUTOFF"


def test_one_server_that_always_fails_does_not_hold_up_the_others() -> None:
    nova = SimulatedNova([a_server(name) for name in ("a", "b", "bad", "d")])
    nova.fate = lambda server: "refused" if server == "bad" else "done"
    moves = World(nova).run()
    assert outcomes(moves) == {"a": "evacuated", "b": "evacuated", "bad": "failed", "d": "evacuated"}
    assert len([one for _at, one in nova.requests if one == "bad"]) == QUICK.retries


def test_the_api_may_be_away_for_a_minute_in_the_middle() -> None:
    nova = SimulatedNova([a_server(str(number)) for number in range(8)])
    away_from, away_until = nova.now + 1, nova.now + 61
    nova.weather = lambda _method: "refused" if away_from < nova.now < away_until else "ok"
    moves = World(nova).run()
    assert faults_of(nova, moves) == []
    assert set(outcomes(moves).values()) == {"evacuated"}
    assert [move.attempts for move in moves] == [1] * 8
    assert nova.now > away_until


def test_an_api_that_stays_away_ends_the_run_with_every_server_accounted_for() -> None:
    nova = SimulatedNova([a_server(str(number)) for number in range(5)])
    began = nova.now
    nova.weather = lambda _method: "refused" if nova.now > began + 1 else "ok"
    moves = World(nova).run()
    assert faults_of(nova, moves) == []
    assert set(outcomes(moves).values()) == {"moving", "failed"}
    assert nova.now - began < evacuation_run.BLIND_SECONDS + 60


def test_a_request_whose_answer_was_lost_is_found_in_nova_and_not_repeated() -> None:
    nova = SimulatedNova([a_server("web")])
    nova.weather = lambda method: "mute" if method == "evacuate" else "ok"
    moves = World(nova).run()
    assert outcomes(moves) == {"web": "evacuated"}
    assert len(nova.requests) == 1


def test_a_request_that_nova_begins_with_late_is_not_repeated_meanwhile() -> None:
    nova = SimulatedNova([a_server("web")])
    weather = ["late"]
    nova.weather = lambda method: weather.pop() if method == "evacuate" and weather else "ok"
    nova.seconds = 8.0
    moves = World(nova, dataclasses.replace(QUICK, polls=30)).run()
    assert faults_of(nova, moves) == []
    assert outcomes(moves) == {"web": "evacuated"}
    assert len(nova.migrations) == 1


def test_a_request_that_was_lost_on_the_way_is_repeated() -> None:
    nova = SimulatedNova([a_server("web")])
    weather = ["deaf"]
    nova.weather = lambda method: weather.pop() if method == "evacuate" and weather else "ok"
    moves = World(nova).run()
    assert outcomes(moves) == {"web": "evacuated"}
    assert len(nova.requests) == 1


def test_an_evacuation_that_failed_without_nova_saying_so_is_found_out_and_repeated() -> None:
    nova = SimulatedNova([a_server("web")])
    fates = ["broken", "done"]
    nova.fate = lambda _server: fates.pop(0)
    moves = World(nova).run()
    assert faults_of(nova, moves) == []
    assert outcomes(moves) == {"web": "evacuated"}
    assert "failed in Nova" in by_name(moves)["web"].report()["reason"]


def test_a_server_that_is_stopped_after_ends_stopped() -> None:
    nova = SimulatedNova([a_server("web", "ERROR", power_state=4)])
    nova.history["web"] = ["evacuate", "stop", "create"]
    nova.before["web"] = a_server("web", "SHUTOFF")
    nova.max_microversion = (2, 90)
    moves = World(nova).run()
    assert faults_of(nova, moves) == []
    assert (nova.all["web"].host, nova.all["web"].status) == (SPARE, "SHUTOFF")


def test_a_request_that_died_between_task_and_record_is_repeated_after_a_while() -> None:
    nova = SimulatedNova([a_server("web", task_state="rebuilding")])
    began = nova.now
    moves = World(nova).run()
    assert outcomes(moves) == {"web": "evacuated"}
    assert nova.requests[0][0] >= began + QUICK.settle


@pytest.mark.parametrize("sign", [{"updated_at": "12:00:10"}, {"forced_down": False}, {"state": "up"}])
def test_nothing_more_is_asked_for_once_the_host_shows_a_sign_of_life(sign: dict[str, object]) -> None:
    nova = SimulatedNova([a_server(str(number)) for number in range(9)])

    def fate(_server: str) -> str:
        nova.service_fields[DEAD] = sign
        return "done"

    nova.fate = fate
    moves = World(nova).run()
    assert faults_of(nova, moves) == []
    assert len(nova.requests) == QUICK.parallel
    assert sorted(outcomes(moves).values()) == ["evacuated"] * QUICK.parallel + ["failed"] * 6
    assert {"may run" in move.report()["reason"] for move in moves if move.outcome == "failed"} == {True}


def test_a_failed_attempt_is_not_repeated_on_a_host_that_shows_a_sign_of_life() -> None:
    nova = SimulatedNova([a_server("a"), a_server("b"), a_server("c")])

    def fate(_server: str) -> str:
        nova.service_fields[DEAD] = {"updated_at": "12:00:10"}
        return "refused"

    nova.fate = fate
    moves = World(nova).run()
    assert set(outcomes(moves).values()) == {"failed"}
    assert len(nova.requests) == 3


def test_a_host_that_woke_up_while_everything_was_read_is_left_alone() -> None:
    nova = SimulatedNova([a_server("a"), a_server("b")])
    plan, run, _pool = World(nova).engine()
    nova.service_fields[DEAD] = {"updated_at": "12:00:10"}
    run.run()
    assert set(outcomes(plan.moves).values()) == {"failed"}
    assert nova.requests == []


def test_nothing_is_asked_for_while_the_host_cannot_be_looked_at() -> None:
    nova = SimulatedNova([a_server(str(number)) for number in range(9)])
    away_from, away_until = nova.now + 1, nova.now + 61
    nova.weather = lambda method: "refused" if method == "service" and away_from < nova.now < away_until else "ok"
    moves = World(nova).run()
    assert set(outcomes(moves).values()) == {"evacuated"}
    unseen_from = away_from + evacuation_run.SOURCES_SECONDS
    assert [at for at, _server in nova.requests if unseen_from < at < away_until] == []


def test_an_evacuation_of_long_ago_that_never_ended_is_told_of_and_holds_up_nobody() -> None:
    nova = SimulatedNova([a_server("old", metadata={"recovery_priority": "9"}), a_server("new")])
    at = nova.now - 10_000
    nova.migrations[1] = Migration(1, "old", DEAD, None, "accepted", at, at)
    moves = World(nova).run()
    assert outcomes(moves) == {"old": "moving", "new": "evacuated"}
    assert "evacuation 1 stayed accepted" in by_name(moves)["old"].report()["reason"]


def test_an_unfinished_evacuation_away_from_another_host_does_not_keep_the_run_from_ending() -> None:
    nova = SimulatedNova([a_server("web", task_state="rebuilding")])
    at = nova.now - 10_000
    nova.migrations[1] = Migration(1, "web", SPARE, None, "accepted", at, at)
    assert outcomes(World(nova).run()) == {"web": "moving"}


def test_a_server_deleted_in_the_middle_is_left() -> None:
    nova = SimulatedNova([a_server("web")])
    nova.weather = lambda method: nova.all.clear() or "ok" if method == "evacuations" and nova.requests else "ok"  # type: ignore[func-returns-value]
    assert outcomes(World(nova).run()) == {"web": "left"}


def test_no_more_than_the_bound_are_in_flight_and_all_places_are_used() -> None:
    nova = SimulatedNova([a_server(str(number)) for number in range(12)])
    nova.limit = 4
    seen: list[int] = []
    nova.fate = lambda _server: seen.append(len(nova.in_flight())) or "done"  # type: ignore[func-returns-value]
    moves = World(nova, dataclasses.replace(QUICK, parallel=4)).run()
    assert faults_of(nova, moves) == []
    assert max(seen) == 4


@pytest.mark.parametrize("count", [1, 300])
def test_a_look_is_one_list_whatever_the_number_of_servers(count: int) -> None:
    nova = SimulatedNova([a_server(str(number)) for number in range(count)])
    calls: list[str] = []
    nova.call_seconds = 0.0
    nova.weather = lambda method: calls.append(method) or "ok"  # type: ignore[func-returns-value]
    World(nova, dataclasses.replace(QUICK, parallel=1000)).run()
    # one reading before the request and one when the evacuation has ended, or two where Nova was between two states
    assert calls.count("server") <= 3 * count
    assert calls.count("evacuations") < 100


def test_the_report_gives_every_time_in_order() -> None:
    nova = SimulatedNova([a_server("web")])
    (move,) = World(nova).run()
    report = move.report()
    assert report["requested_at"] <= report["accepted_at"] < report["finished_at"]
    assert report["migration_id"] == 1
