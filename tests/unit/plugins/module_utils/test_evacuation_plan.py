# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import dataclasses

from ansible_collections.aos.cloud_manager.plugins.module_utils.compute import Migration, Server
from ansible_collections.aos.cloud_manager.plugins.module_utils.evacuation import Answer, Move, Phase, Said, Settings
from ansible_collections.aos.cloud_manager.plugins.module_utils.evacuation_plan import EvacuationPlan
from ansible_collections.aos.cloud_manager.tests.unit.plugins.module_utils.simulated_nova import DEAD, SPARE, a_server

NOW = 1000.0
SETTINGS = Settings(parallel=2, retries=2, polls=3, poll_interval=2.0, group_interval=60.0)
ALL = 100


def of_priority(name: str, priority: int, **metadata: str) -> Server:
    return a_server(name, metadata={"recovery_priority": str(priority), **metadata})


def a_flight(number: int, server: str, status: str = "accepted", at: float = NOW, **fields: object) -> Migration:
    one = Migration(number, server, DEAD, None, status, at, at)
    return dataclasses.replace(one, **fields)  # type: ignore[arg-type]


def names(moves: list[Move]) -> list[str]:
    return [move.server.name for move in moves]


def accept(plan: EvacuationPlan, now: float) -> list[str]:
    """Request what is due, and let Nova accept all of it."""
    moves = plan.requests(now, ALL)
    for move in moves:
        plan.answered(move, Answer(Said.ACCEPTED), now)
    return names(moves)


def end(plan: EvacuationPlan, now: float) -> None:
    """Let Nova end everything that was accepted, well."""
    for number, move in enumerate(plan.moves):
        if move.phase is Phase.WATCHING:
            plan.looked([a_flight(100 + number, move.server.id, "done", now)], now)
            plan.checked(move, dataclasses.replace(move.server, host=SPARE), now)


def test_groups_go_by_priority_at_their_interval() -> None:
    servers = [of_priority("low", 1), of_priority("high", 10), of_priority("middle", 5)]
    plan = EvacuationPlan(dataclasses.replace(SETTINGS, parallel=10), servers, NOW)
    plan.looked([], NOW)
    assert accept(plan, NOW) == ["high"]
    assert accept(plan, NOW + 59.9) == []
    assert accept(plan, NOW + 60) == ["middle"]
    assert accept(plan, NOW + 119.9) == []
    assert accept(plan, NOW + 120) == ["low"]


def test_priority_zero_is_left_and_listed() -> None:
    plan = EvacuationPlan(SETTINGS, [of_priority("never", 0), of_priority("high", 10)], NOW)
    plan.looked([], NOW)
    assert accept(plan, NOW) == ["high"]
    assert [(move.outcome, move.notes) for move in plan.moves if move.server.name == "never"] == [
        ("left", ["has priority 0"])
    ]


def test_the_next_group_waits_until_all_requests_of_the_one_before_were_accepted() -> None:
    servers = [of_priority(name, 9) for name in ("a", "b", "c")] + [of_priority("low", 1)]
    plan = EvacuationPlan(SETTINGS, servers, NOW)
    plan.looked([], NOW)
    assert accept(plan, NOW) == ["a", "b"]
    assert accept(plan, NOW + 70) == []  # c waits for a place, so low waits for c
    end(plan, NOW + 71)
    assert accept(plan, NOW + 71) == ["c"]
    assert accept(plan, NOW + 72) == ["low"]


def test_a_request_that_was_refused_for_good_does_not_hold_the_next_group() -> None:
    plan = EvacuationPlan(SETTINGS, [of_priority("high", 9), of_priority("low", 1)], NOW)
    plan.looked([], NOW)
    (high,) = plan.requests(NOW, ALL)
    plan.answered(high, Answer(Said.REFUSED, "no"), NOW)
    assert accept(plan, NOW + 59) == []
    assert accept(plan, NOW + 60) == ["low"]


def test_a_delay_holds_back_one_server_and_not_the_next_group() -> None:
    servers = [of_priority("later", 9, evacuation_delay="300"), of_priority("high", 9), of_priority("low", 1)]
    plan = EvacuationPlan(SETTINGS, servers, NOW)
    plan.looked([], NOW)
    assert accept(plan, NOW) == ["high"]
    end(plan, NOW + 10)
    assert accept(plan, NOW + 60) == ["low"]
    end(plan, NOW + 70)
    assert accept(plan, NOW + 299) == []
    assert accept(plan, NOW + 300) == ["later"]


def test_the_places_are_those_of_the_whole_installation() -> None:
    plan = EvacuationPlan(SETTINGS, [a_server("a"), a_server("b")], NOW)
    plan.looked([a_flight(1, "somebody-elses", source="other-01")], NOW)
    assert accept(plan, NOW) == ["a"]


def test_what_was_just_accepted_takes_a_place_before_nova_lists_it() -> None:
    plan = EvacuationPlan(SETTINGS, [a_server(name) for name in "abc"], NOW)
    plan.looked([], NOW)
    assert accept(plan, NOW) == ["a", "b"]
    assert accept(plan, NOW + 1) == []


def test_an_evacuation_that_stands_still_gives_its_place_back_in_the_end() -> None:
    plan = EvacuationPlan(dataclasses.replace(SETTINGS, parallel=1), [a_server("a")], NOW)
    forgotten = a_flight(1, "somebody-elses", source="other-01")
    plan.looked([forgotten], NOW)
    assert accept(plan, NOW) == []
    plan.looked([forgotten], NOW + SETTINGS.attempt_seconds)
    assert accept(plan, NOW + SETTINGS.attempt_seconds) == ["a"]


def test_an_evacuation_that_runs_already_is_watched_and_not_asked_for() -> None:
    plan = EvacuationPlan(SETTINGS, [a_server("a")], NOW)
    plan.looked([a_flight(7, "a", "pre-migrating", destination=SPARE)], NOW)
    assert accept(plan, NOW) == []
    plan.looked([a_flight(7, "a", "done", destination=SPARE)], NOW + 2)
    (move,) = plan.to_check(NOW + 2)
    plan.checked(move, a_server("a", host=SPARE), NOW + 2)
    assert (move.outcome, move.destination, move.attempts) == ("evacuated", SPARE, 0)
    assert move.migration is not None
    assert move.migration.id == 7


def test_a_host_that_is_up_again_is_not_asked_for_any_more() -> None:
    plan = EvacuationPlan(SETTINGS, [a_server("a"), a_server("b"), a_server("c"), a_server("d", host="dead-02")], NOW)
    plan.looked([], NOW)
    first = plan.requests(NOW, 1)[0]
    plan.answered(first, Answer(Said.HOST_UP, "still in use"), NOW)
    assert {move.server.name: move.outcome for move in plan.moves} == {
        "a": "failed",
        "b": "failed",
        "c": "failed",
        "d": "",
    }
    assert all("may run" in move.notes[0] for move in plan.moves if move.source == DEAD)


def test_a_failed_attempt_waits_before_the_next_and_the_last_one_fails() -> None:
    plan = EvacuationPlan(SETTINGS, [a_server("a")], NOW)
    now = NOW
    for attempt in (1, 2):
        plan.looked([], now)
        assert accept(plan, now) == ["a"]
        plan.looked([a_flight(attempt, "a", "error", now)], now + 1)
        (move,) = plan.to_check(now + 1)
        plan.checked(move, a_server("a", "ERROR", fault="No valid host was found."), now + 1)
        assert accept(plan, now + 1) == []
        now += 10
    assert (move.outcome, move.attempts) == ("failed", 2)
    assert "attempt 1: the evacuation ended as error; the server is ERROR (No valid host was found.)" in move.notes
    assert move.notes[-1].startswith("given up after 2 attempts")


def test_an_evacuation_that_nova_does_not_end_is_reported_as_moving_and_never_asked_for_again() -> None:
    plan = EvacuationPlan(SETTINGS, [a_server("a")], NOW)
    plan.looked([], NOW)
    accept(plan, NOW)
    for tick in range(1, 10):
        now = NOW + tick
        plan.looked([a_flight(1, "a", "pre-migrating", destination=SPARE)], now)
        for move in plan.to_check(now):
            plan.checked(move, a_server("a", task_state="rebuild_spawning"), now)
        assert accept(plan, now) == []
    assert plan.moves[0].outcome == "moving"
    assert plan.finished


def test_an_evacuation_found_lost_is_asked_for_again_although_nova_lists_it_for_ever() -> None:
    plan = EvacuationPlan(SETTINGS, [a_server("a")], NOW)
    lost = a_flight(1, "a", at=NOW - 1000)
    plan.looked([lost], NOW)
    plan.looked([lost], NOW + 1)
    (move,) = plan.to_check(NOW + 1)
    plan.checked(move, a_server("a", task_state="rebuilding"), NOW + 1, lost="failed in Nova")
    plan.looked([lost], NOW + 10)
    assert accept(plan, NOW + 10) == ["a"]


def test_a_server_that_was_moved_before_keeps_its_group_begun() -> None:
    plan = EvacuationPlan(SETTINGS, [of_priority("low", 1)], NOW)
    moved = dataclasses.replace(of_priority("high", 10), host=SPARE)
    plan.add_moved(moved, a_flight(1, "high", "done", NOW - 50, destination=SPARE), NOW)
    plan.looked([], NOW)
    assert accept(plan, NOW) == []
    assert accept(plan, NOW + 10) == ["low"]
    assert plan.moves[0].report()["outcome"] == "evacuated"


def test_two_evacuations_of_one_server_are_warned_of() -> None:
    plan = EvacuationPlan(SETTINGS, [a_server("a")], NOW)
    for _look in range(2):
        plan.looked([a_flight(1, "a"), a_flight(2, "a")], NOW)
    assert len(plan.warnings) == 1
    assert "two programs" in plan.warnings[0]


def test_a_server_in_a_cell_out_of_reach_is_accounted_for() -> None:
    plan = EvacuationPlan(SETTINGS, [a_server("a", host=None)], NOW)  # type: ignore[arg-type]
    assert plan.finished
    assert plan.moves[0].report()["outcome"] == "failed"
    assert "cell" in plan.moves[0].report()["reason"]


def test_stopping_accounts_for_every_server_where_it_is() -> None:
    plan = EvacuationPlan(SETTINGS, [a_server(name) for name in "abc"], NOW)
    plan.looked([], NOW)
    accept(plan, NOW)
    plan.stop("interrupted", NOW + 1)
    assert [move.outcome for move in plan.moves] == ["moving", "moving", "failed"]
    assert plan.finished
