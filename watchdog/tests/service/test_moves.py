# SPDX-License-Identifier: GPL-3.0-or-later
"""The servers of an incident in the journal, also where no playbook lived to report them."""

from __future__ import annotations

import pytest

from cloud_manager.domain.facts import Facts, Server
from cloud_manager.domain.records import Decision, HostRecord, Records, State, Step
from cloud_manager.ports import Move
from cloud_manager.service.moves import MoveTracker
from watchdog.tests.service.house import House


@pytest.fixture
def house() -> House:
    house = House()
    lease = house.journal.acquire_lease("one", 30, lambda holder: True)
    assert lease is not None
    record = HostRecord("c1", State.RECOVERING, incident=1, job="1-recover-1")
    house.journal.save(Decision(Records(), (record,), (), (Step(1, "c1", 1.0, State.RECOVERING, "begins"),)), lease)
    house.cloud.servers["c1"] = (Server("s1", "web", "ACTIVE"), Server("s2", "db", "SHUTOFF"))
    return house


def tracked(house: House, tracker: MoveTracker, state: State = State.RECOVERING) -> dict[str, Move]:
    record = HostRecord("c1", state, incident=1, job="1-recover-1")
    facts = Facts(house.clock.now(), nova_now=house.clock.now())
    tracker.track(facts, Records({"c1": record}))
    return {move.server_id: move for move in house.journal.incident(1).moves}


def test_servers_wait_with_the_state_they_had_before(house: House) -> None:
    moves = tracked(house, house.tracker())
    assert {(m.name, m.status_before, m.outcome) for m in moves.values()} == {
        ("web", "ACTIVE", "waiting"),
        ("db", "SHUTOFF", "waiting"),
    }


def test_a_daemon_started_again_keeps_names_and_states_of_servers_that_have_moved(house: House) -> None:
    tracked(house, house.tracker())
    house.cloud.servers["c1"] = ()
    house.cloud.servers["c2"] = (Server("s1", "web", "ACTIVE"), Server("other", "other", "ERROR"))
    house.cloud.moves["c1"] = (Move("s1", "", "c1", "c2", outcome="evacuated"),)
    move = tracked(house, house.tracker(), State.RECOVERED)["s1"]
    assert (move.name, move.destination, move.status_before, move.status) == ("web", "c2", "ACTIVE", "ACTIVE")


def test_a_server_that_was_never_listed_gets_its_name_from_its_new_host(house: House) -> None:
    house.cloud.servers = {"c2": (Server("s9", "cache", "ACTIVE"),)}
    house.cloud.moves["c1"] = (Move("s9", "", "c1", "c2", outcome="evacuated"),)
    move = tracked(house, house.tracker(), State.RECOVERED)["s9"]
    assert (move.name, move.status, move.outcome) == ("cache", "ACTIVE", "evacuated")


def test_what_the_playbook_told_is_not_overwritten_by_the_same_told_by_nova(house: House) -> None:
    tracker = house.tracker()
    tracked(house, tracker)
    told = Move("s1", "web", "c1", "c2", 7, "ACTIVE", "ACTIVE", "evacuated", accepted_at=10.25)
    house.journal.write_moves(1, [told])
    tracker.reported(1, (told,))
    house.cloud.moves["c1"] = (Move("s1", "", "c1", "c2", outcome="evacuated", finished_at=9.0),)
    assert tracked(house, tracker)["s1"] == told


def test_a_move_that_nova_shows_differently_is_followed(house: House) -> None:
    tracker = house.tracker()
    tracked(house, tracker)
    for outcome in ("moving", "failed", "moving", "evacuated"):
        house.cloud.moves["c1"] = (Move("s1", "", "c1", "c2", outcome=outcome),)
        assert tracked(house, tracker)["s1"].outcome == outcome


def test_a_recovered_host_is_not_asked_about_for_ever(house: House) -> None:
    tracker = house.tracker()
    tracked(house, tracker, State.RECOVERED)
    house.cloud.asked.clear()
    tracked(house, tracker, State.RECOVERED)
    assert house.cloud.asked == []


def test_a_nova_that_does_not_answer_is_asked_again_the_next_time(house: House) -> None:
    tracker = house.tracker()
    house.cloud.error = "nova-api does not answer"
    assert tracked(house, tracker) == {}
    house.cloud.error = ""
    assert set(tracked(house, tracker)) == {"s1", "s2"}
