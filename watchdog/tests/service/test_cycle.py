# SPDX-License-Identifier: GPL-3.0-or-later
"""The order of a cycle, and what happens when something breaks in its middle."""

from __future__ import annotations

import logging

import pytest

from cloud_manager.domain.actions import Action
from cloud_manager.domain.facts import JobFact, JobStatus, Observation, Server
from cloud_manager.domain.records import Decision, State
from cloud_manager.domain.switching import Order
from cloud_manager.errors import NotLeader, Overtaken, StoreUnavailable
from cloud_manager.ports import CloudView, JobListener, Lease
from watchdog.tests.fakes.journal import FakeJournal
from watchdog.tests.fakes.playbooks import succeed
from watchdog.tests.fakes.power_controls import FakePowerControls
from watchdog.tests.service.house import House


@pytest.fixture
def house() -> House:
    return House()


def states(house: House) -> dict[str, State]:
    return {name: record.state for name, record in house.journal.load().hosts.items()}


def test_a_healthy_cluster_starts_nothing_and_remembers_nothing(house: House) -> None:
    decision = house.daemon().look()
    assert decision is not None
    assert not decision.actions
    assert states(house) == {}


def test_the_intent_is_in_the_journal_before_the_playbook_starts(house: House) -> None:
    seen: list[tuple[str, State]] = []

    def play(action: Action, listener: JobListener) -> JobFact:
        record = house.journal.load().hosts["c1"]
        seen.append((record.job, record.state))
        return succeed(action, listener)

    house.playbooks.play = play
    house.cloud.kill("c1")
    daemon = house.daemon()
    daemon.look()
    daemon.settle()
    assert seen == [(house.playbooks.started[0].key, State.RECOVERING)]


class BreaksAtSaving(FakeJournal):
    error: Exception = StoreUnavailable("the database is away")

    def save(self, decision: Decision, lease: Lease) -> None:
        raise self.error


@pytest.mark.parametrize("error", [StoreUnavailable("away"), NotLeader("the lease is lost")])
def test_what_could_not_be_recorded_is_not_started(house: House, error: Exception) -> None:
    house.journal = BreaksAtSaving(house.clock.now)
    house.journal.error = error
    house.cloud.kill("c1")
    daemon = house.daemon()
    try:
        assert daemon.look() is None
    except StoreUnavailable:
        assert isinstance(error, StoreUnavailable)
    daemon.settle()
    assert house.playbooks.started == []


def test_a_daemon_that_died_between_recording_and_starting_is_continued(house: House) -> None:
    house.cloud.kill("c1")
    first = house.daemon("first")
    first.executor.submit = lambda action: None  # killed right after the commit
    first.look()
    assert [job.status for job in house.journal.unfinished_jobs()] == [JobStatus.PLANNED]
    house.dead = {"first"}

    house.playbooks.hold()
    second = house.daemon("second")
    second.look()
    (started,) = house.playbooks.wait_for(1)
    lost, running = sorted(house.journal.incident(1).jobs, key=lambda job: job.key)
    assert (lost.status, running.key) == (JobStatus.LOST, started)
    assert states(house) == {"c1": State.RECOVERING}
    house.playbooks.release()
    second.settle()


def test_playbooks_that_a_dead_daemon_left_running_are_ended_before_new_ones_start(house: House) -> None:
    house.cloud.kill("c1")
    house.playbooks.hold()
    first = house.daemon("first")
    first.look()
    (key,) = house.playbooks.wait_for(1)
    house.dead = {"first"}
    house.playbooks.orphans = {key}
    killed_at_start: list[list[str]] = []

    def play(action: Action, listener: JobListener) -> JobFact:
        killed_at_start.append(list(house.playbooks.killed))
        return succeed(action, listener)

    house.playbooks.held = False
    first.settle()  # the dead one says nothing more that counts: its job is lost or has ended
    house.playbooks.play = play
    house.journal._jobs[key] = JobFact(key, house.playbooks.started[0].kind, "c1", JobStatus.RUNNING)
    second = house.daemon("second")
    second.look()
    second.settle()
    assert killed_at_start == [[key]]


def test_a_blind_cycle_starts_nothing_and_says_why(house: House, caplog: pytest.LogCaptureFixture) -> None:
    house.cloud.kill("c1")
    house.cloud.error = "nova-api does not answer"
    with caplog.at_level(logging.INFO):
        decision = house.daemon().look()
    assert decision is not None
    assert decision.blind == "nova-api does not answer"
    assert 'blind="nova-api does not answer"' in caplog.text
    assert house.playbooks.started == []


def test_one_line_of_log_tells_each_cycle(house: House, caplog: pytest.LogCaptureFixture) -> None:
    house.cloud.kill("c1")
    house.cloud.change("c2", observation=Observation.UNKNOWN)
    daemon = house.daemon()
    with caplog.at_level(logging.INFO):
        daemon.look()
    lines = [record.getMessage() for record in caplog.records if record.getMessage().startswith("cycle.decided")]
    assert lines == ["cycle.decided seen=3 suspect=0 held=[] acting=[recover_host c1] blind=no"]
    daemon.settle()


def test_of_two_daemons_one_acts(house: House) -> None:
    one, two = house.daemon("one"), house.daemon("two")
    house.cloud.kill("c1")
    assert one.look() is not None
    assert two.look() is None
    one.settle()
    assert len(house.playbooks.started) == 1


def test_who_lost_the_lease_ends_his_playbooks(house: House) -> None:
    house.cloud.kill("c1")
    house.playbooks.hold()
    one, two = house.daemon("one"), house.daemon("two")
    one.look()
    house.playbooks.wait_for(1)
    house.clock.advance(31)
    assert two.look() is not None
    assert one.look() is None
    one.settle()  # held playbooks end only when they are cancelled
    house.playbooks.release()
    two.settle()


def test_a_cycle_that_lost_the_lease_on_its_way_starts_nothing_that_lives(house: House) -> None:
    house.cloud.kill("c1")
    house.playbooks.hold()
    daemon, look = house.daemon(), house.cloud.look

    def slow() -> CloudView:
        house.clock.advance(20)
        daemon.leadership.expire()
        return look()

    house.cloud.look = slow  # type: ignore[method-assign]
    assert daemon.look() is None
    daemon.settle()  # held playbooks end only when they are cancelled
    assert house.journal.jobs(["1-recover-1"])["1-recover-1"].status is JobStatus.LOST


def test_servers_and_evacuations_are_asked_for_only_where_they_matter(house: House) -> None:
    daemon = house.daemon()
    daemon.look()
    assert house.cloud.asked == ["look"]
    house.cloud.kill("c1")
    house.cloud.asked.clear()
    daemon.look()
    daemon.settle()
    daemon.look(1)
    assert [call for call in house.cloud.asked if not call.endswith(" c1")] == ["look", "look"]


def test_every_server_is_written_down_before_it_moves(house: House) -> None:
    house.cloud.kill("c1")
    house.cloud.servers["c1"] = (Server("s1", "web", "ACTIVE"), Server("s2", "db", "SHUTOFF"))
    house.playbooks.hold()
    daemon = house.daemon()
    daemon.look()
    moves = {move.name: move for move in house.journal.incident(1).moves}
    assert {(m.source, m.status_before, m.outcome) for m in moves.values()} == {
        ("c1", "ACTIVE", "waiting"),
        ("c1", "SHUTOFF", "waiting"),
    }
    house.playbooks.release()
    daemon.settle()


def test_a_journal_that_is_away_stops_the_cycle_before_anything_is_looked_at(house: House) -> None:
    house.journal.broken = "the database is away"
    with pytest.raises(StoreUnavailable):
        house.daemon().look()
    assert house.cloud.asked == []


def test_a_host_that_an_operator_switches_is_held_and_recovered_afterwards(house: House) -> None:
    console = FakePowerControls(house.journal, house.clock.now)
    house.cloud.kill("c1")
    number = console.begin_switching(Order("off", "c1", "host c1", "bmc-c1", 30.0))
    daemon = house.daemon()
    for _ in range(3):
        decision = daemon.look(10)
        assert decision is not None
        assert "an operator switches its power: power.off by operator since" in decision.held["c1"]
    assert house.playbooks.started == []
    console.conclude(number, "ok", "is off")
    daemon.look(10)
    daemon.settle()
    assert [action.host for action in house.playbooks.started] == ["c1"]


def test_a_console_that_was_killed_holds_its_host_for_a_while_only(house: House) -> None:
    console = FakePowerControls(house.journal, house.clock.now)
    house.cloud.kill("c1")
    console.begin_switching(Order("on", "c1", "host c1", "bmc-c1", 30.0))
    daemon = house.daemon()
    daemon.look(85)
    assert states(house) == {"c1": State.HELD}
    daemon.look(10)
    assert states(house) == {"c1": State.RECOVERING}
    daemon.settle()


def test_a_switching_that_begins_during_a_cycle_is_met_at_the_record(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    console = FakePowerControls(house.journal, house.clock.now)
    house.cloud.kill("c1")
    look = house.cloud.look

    def and_begin() -> CloudView:
        console.begin_switching(Order("on", "c1", "host c1", "bmc-c1", 30.0))
        return look()

    monkeypatch.setattr(house.cloud, "look", and_begin)
    daemon = house.daemon()
    with pytest.raises(Overtaken, match="c1"):
        daemon.look()
    monkeypatch.undo()
    assert house.playbooks.started == []
    daemon.look(1)
    assert states(house) == {"c1": State.HELD}
