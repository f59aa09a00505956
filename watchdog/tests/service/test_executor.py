# SPDX-License-Identifier: GPL-3.0-or-later
"""Playbooks in hand: bounded, told to the journal, never lost, ended when they must."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cloud_manager.domain.actions import Action, ReadPower, Recover, Return
from cloud_manager.domain.facts import JobFact, JobKind, JobStatus
from cloud_manager.domain.records import Decision, HostRecord, Records, State, Step
from cloud_manager.errors import JobNotStarted
from cloud_manager.ports import JobEvent, JobListener, Move
from cloud_manager.service.executor import Executor
from watchdog.tests.fakes.playbooks import say, succeed
from watchdog.tests.service.house import House


@pytest.fixture
def house() -> House:
    return House()


def planned(house: House, *actions: Action) -> None:
    """Record the actions as a cycle does, each for an open incident of its host."""
    lease = house.journal.acquire_lease("one", 30, lambda holder: True)
    assert lease is not None
    records = [HostRecord(a.host, State.RECOVERING, incident=a.incident, job=a.key) for a in actions]
    steps = [Step(a.incident, a.host, 1.0, State.RECOVERING, "begins") for a in actions]
    house.journal.save(Decision(Records(), tuple(records), actions, tuple(steps)), lease)


def status(house: House, key: str) -> JobStatus:
    return house.journal.jobs([key])[key].status


def recover(number: int, host: str = "") -> Recover:
    return Recover(f"{number}-recover-1", host or f"c{number}", number)


def read(number: int) -> ReadPower:
    return ReadPower(f"{number}-read-1", f"c{number}", number)


def test_no_more_playbooks_run_at_once_than_allowed(house: House) -> None:
    actions = [recover(number) for number in (1, 2, 3)]
    planned(house, *actions)
    house.playbooks.hold()
    executor = Executor(house.tools(max_jobs=2))
    for action in actions:
        executor.submit(action)
    house.playbooks.wait_for(2)
    assert [status(house, a.key) for a in actions] == [JobStatus.RUNNING, JobStatus.RUNNING, JobStatus.PLANNED]
    house.playbooks.release()
    assert executor.wait(10)
    assert {status(house, a.key) for a in actions} == {JobStatus.SUCCEEDED}


def test_readings_leave_a_place_for_a_recovery(house: House) -> None:
    actions = [read(1), read(2), recover(3)]
    planned(house, *actions)
    house.playbooks.hold()
    executor = Executor(house.tools(max_jobs=2))
    for action in actions:
        executor.submit(action)
    assert set(house.playbooks.wait_for(2)) == {"1-read-1", "3-recover-1"}
    house.playbooks.release()
    assert executor.wait(10)


def test_a_recovery_does_not_wait_for_a_reading_of_the_same_host(house: House) -> None:
    reading, recovery = read(1), recover(1)
    planned(house, reading, recovery)
    house.playbooks.hold()
    executor = Executor(house.tools())
    executor.submit(reading)
    house.playbooks.wait_for(1)
    executor.submit(recovery)
    house.playbooks.wait_for(2)
    house.playbooks.release()
    assert executor.wait(10)
    assert (status(house, reading.key), status(house, recovery.key)) == (JobStatus.LOST, JobStatus.SUCCEEDED)


def test_a_second_recovery_of_a_host_is_refused_while_one_runs(house: House) -> None:
    first, second = recover(1), replace(recover(1), key="1-recover-2")
    planned(house, first, second)
    house.playbooks.hold()
    executor = Executor(house.tools())
    executor.submit(first)
    house.playbooks.wait_for(1)
    executor.submit(second)
    assert status(house, second.key) is JobStatus.LOST
    house.playbooks.release()
    assert executor.wait(10)
    assert [action.key for action in house.playbooks.started] == [first.key]


def test_passwords_are_given_to_recoveries_and_readings_only(house: House) -> None:
    actions = [recover(1), read(2), Return("3-return-1", "c3", 3)]
    planned(house, *actions)
    executor = Executor(house.tools())
    for action in actions:
        executor.submit(action)
    assert executor.wait(10)
    assert {key: len(links) for key, links in house.playbooks.given.items()} == {
        "1-recover-1": 1,
        "2-read-1": 1,
        "3-return-1": 0,
    }


def broken(action: Action, _listener: JobListener) -> JobFact:
    raise ZeroDivisionError("a defect of ours")


def not_started(action: Action, _listener: JobListener) -> JobFact:
    raise JobNotStarted("ansible-playbook is not installed")


@pytest.mark.parametrize(("play", "message"), [(broken, "internal error"), (not_started, "is not installed")])
def test_a_playbook_that_breaks_is_recorded_as_failed_and_the_next_one_runs(
    house: House, play: object, message: str
) -> None:
    planned(house, recover(1), recover(2))
    executor = Executor(house.tools())
    house.playbooks.play = play
    executor.submit(recover(1))
    assert executor.wait(10)
    house.playbooks.play = succeed
    executor.submit(recover(2))
    assert executor.wait(10)
    first = house.journal.jobs(["1-recover-1"])["1-recover-1"]
    assert first.status is JobStatus.FAILED
    assert message in first.message
    assert status(house, "2-recover-1") is JobStatus.SUCCEEDED


def test_what_a_playbook_tells_while_the_journal_is_away_is_written_later_in_order(house: House) -> None:
    planned(house, recover(1))

    def play(action: Action, listener: JobListener) -> JobFact:
        house.journal.broken = "the database is away"
        for text in ("first", "second"):
            listener.job_event(JobEvent(action.key, 2.0, text))
        listener.job_event(JobEvent(action.key, 2.0, moves=(Move("s1", "web", "c1", outcome="evacuated"),)))
        return replace(succeed(action, listener), left={"s2": "priority 0"})

    house.playbooks.play = play
    executor = Executor(house.tools())
    executor.submit(recover(1))
    assert executor.wait(10)
    house.journal.broken = ""
    assert status(house, "1-recover-1") is JobStatus.RUNNING
    executor.flush()
    report = house.journal.incident(1)
    assert [step.text for step in report.steps] == ["begins", "first", "second"]
    assert [(move.name, move.outcome) for move in report.moves] == [("web", "evacuated")]
    assert report.jobs[0].status is JobStatus.SUCCEEDED
    assert report.jobs[0].left == {"s2": "priority 0"}


def test_a_job_whose_end_could_not_be_written_is_not_taken_for_lost(house: House) -> None:
    planned(house, recover(1))

    def play(action: Action, listener: JobListener) -> JobFact:
        house.journal.broken = "the database is away"
        return succeed(action, listener)

    house.playbooks.play = play
    executor = Executor(house.tools())
    executor.submit(recover(1))
    assert executor.wait(10)
    house.journal.broken = ""
    executor.reconcile()
    assert status(house, "1-recover-1") is JobStatus.SUCCEEDED


def test_a_line_that_the_journal_refuses_does_not_block_the_others(house: House) -> None:
    planned(house, recover(1))
    stranger = Recover("99-recover-1", "c2", 99)
    house.journal._jobs[stranger.key] = JobFact(stranger.key, JobKind.RECOVER, "c2", JobStatus.PLANNED)
    house.playbooks.play = say("told")
    executor = Executor(house.tools())
    executor.submit(stranger)
    assert executor.wait(10)
    executor.submit(recover(1))
    assert executor.wait(10)
    assert [step.text for step in house.journal.incident(1).steps] == ["begins", "told"]


def test_stopping_waits_for_playbooks_that_end_in_time(house: House) -> None:
    planned(house, recover(1))
    executor = Executor(house.tools())
    executor.submit(recover(1))
    executor.stop(10)
    assert status(house, "1-recover-1") is JobStatus.SUCCEEDED


def test_stopping_cancels_what_takes_too_long_and_leaves_the_rest_unstarted(house: House) -> None:
    actions = [recover(1), recover(2)]
    planned(house, *actions)
    house.playbooks.hold()
    executor = Executor(house.tools(max_jobs=1))
    for action in actions:
        executor.submit(action)
    house.playbooks.wait_for(1)
    executor.stop(0)
    assert [action.key for action in house.playbooks.started] == ["1-recover-1"]
    assert {status(house, action.key) for action in actions} == {JobStatus.LOST}


def test_an_ended_job_is_not_touched_by_reconciling(house: House) -> None:
    planned(house, recover(1))
    executor = Executor(house.tools())
    executor.submit(recover(1))
    assert executor.wait(10)
    executor.reconcile()
    assert status(house, "1-recover-1") is JobStatus.SUCCEEDED


def test_a_running_job_is_not_taken_for_lost(house: House) -> None:
    planned(house, recover(1))
    house.playbooks.hold()
    executor = Executor(house.tools())
    executor.submit(recover(1))
    house.playbooks.wait_for(1)
    executor.reconcile()
    assert status(house, "1-recover-1") is JobStatus.RUNNING
    house.playbooks.release()
    assert executor.wait(10)


def test_a_reload_lets_more_of_the_waiting_playbooks_start(house: House) -> None:
    actions = [recover(1), recover(2)]
    planned(house, *actions)
    house.playbooks.hold()
    executor = Executor(house.tools(max_jobs=1))
    for action in actions:
        executor.submit(action)
    house.playbooks.wait_for(1)
    executor.use(house.tools(max_jobs=2))
    house.playbooks.wait_for(2)
    house.playbooks.release()
    assert executor.wait(10)
