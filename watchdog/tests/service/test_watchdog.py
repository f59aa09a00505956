# SPDX-License-Identifier: GPL-3.0-or-later
"""The daemon from start to end."""

from __future__ import annotations

import logging
import os
import signal
from dataclasses import replace

import pytest

from cloud_manager.domain.facts import JobStatus
from cloud_manager.domain.records import Decision
from cloud_manager.errors import BadConfiguration, CloudManagerError, StoreOutdated, StoreUnavailable
from cloud_manager.service.executor import CANCEL_SECONDS
from cloud_manager.service.watchdog import Parts, Watchdog
from watchdog.tests.service.house import House


class FakeSupervisor:
    """ports.Supervisor: what it was told, without the signs of life."""

    def __init__(self) -> None:
        self.told: list[tuple[str, object]] = []

    def starting(self, seconds: float) -> None:
        self.told.append(("starting", seconds))

    def ready(self, silence: float) -> None:
        self.told.append(("ready", silence))

    def alive(self) -> None:
        pass

    def status(self, text: str) -> None:
        self.told.append(("status", text))

    def reloading(self) -> None:
        self.told.append(("reloading", None))

    def stopping(self, seconds: float) -> None:
        self.told.append(("stopping", seconds))


class Run:
    """A watchdog that is told to stop, by SIGTERM, after so many looks."""

    def __init__(self, house: House, looks: int, **changes: object) -> None:
        self.house = house
        self.looks = looks
        self.seen: list[Decision | None] = []
        self.reloads: list[Parts | Exception] = []
        self.supervisor = FakeSupervisor()
        standard = Parts(house.eyes(), house.tools(), lambda: None, self.noted, True, 0.01, 0.0, 30.0, 1000.0, 1100.0)
        self.parts = replace(standard, **changes)
        self.watchdog = Watchdog(self.parts, house.identity("one"), house.clock, self.reload, self.supervisor)

    def noted(self, decision: Decision | None) -> None:
        self.seen.append(decision)
        if len(self.seen) == self.looks:
            os.kill(os.getpid(), signal.SIGTERM)

    def reload(self) -> Parts:
        parts = self.reloads.pop(0)
        if isinstance(parts, Exception):
            raise parts
        return parts


def test_it_looks_until_it_is_told_to_stop_and_gives_the_lease_back() -> None:
    run = Run(House(), looks=3)
    run.watchdog.watch()
    assert len(run.seen) == 3
    assert run.house.journal.lease_holder() == ""


def test_a_playbook_that_runs_at_the_end_is_cancelled_and_goes_on_after_the_next_start() -> None:
    house = House()
    house.cloud.kill("c1")
    house.playbooks.hold()
    Run(house, looks=2).watchdog.watch()
    assert house.journal.incident(1).jobs[0].status is JobStatus.LOST
    Run(house, looks=2).watchdog.watch()
    assert [action.key for action in house.playbooks.started] == ["1-recover-1", "1-recover-2"]


def test_a_playbook_that_ends_in_time_is_waited_for() -> None:
    house = House()
    house.cloud.kill("c1")
    Run(house, looks=1, stop_timeout=10.0).watchdog.watch()
    assert house.journal.incident(1).jobs[0].status is JobStatus.SUCCEEDED


def test_a_database_that_is_away_at_the_start_is_waited_for() -> None:
    missing = iter([StoreUnavailable("away"), StoreUnavailable("away")])

    def prepare() -> None:
        error = next(missing, None)
        if error:
            raise error

    run = Run(House(), looks=1, prepare=prepare)
    run.watchdog.watch()
    assert len(run.seen) == 1


def test_the_supervisor_hears_of_start_each_look_reload_and_end() -> None:
    house = House()
    run = Run(house, looks=2, stop_timeout=7.0)
    run.reloads = [replace(run.parts, silence=500.0)]
    os_kill_at_first_look(run)
    run.watchdog.watch()
    active = ("status", "active: 3 hosts, 0 held")
    assert run.supervisor.told == [
        *(("starting", 1100.0), ("ready", 1100.0), active),
        *(("reloading", None), ("ready", 500.0)),
        *(("stopping", 500.0 + 7.0 + CANCEL_SECONDS), active),
    ]


def test_the_supervisor_hears_who_is_held_and_who_stands_by() -> None:
    house = House(policy=replace(House().policy, max_down_hosts=0))
    house.cloud.kill("c1")
    held = Run(house, looks=1)
    held.watchdog.watch()
    assert ("status", "active: 3 hosts, 1 held") in held.supervisor.told
    house.journal.acquire_lease("two", 30.0, lambda _holder: True)
    second = Run(house, looks=1)
    second.watchdog.watch()
    assert ("status", "standby: another watchdog acts") in second.supervisor.told


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (StoreUnavailable("the database is away: start it"), "the database is away: start it"),
        (CloudManagerError("refused: correct it"), "refused: correct it"),
        (ZeroDivisionError("ours"), "an error of the program, see cycle.broken in the log"),
    ],
)
def test_the_supervisor_hears_that_a_look_failed_and_when_the_last_good_one_was(error: Exception, why: str) -> None:
    problems = iter([None, None, error, None])  # at the start, then of each look
    house = House()

    def prepare() -> None:
        house.clock.advance(10.0)
        if problem := next(problems):
            raise problem

    run = Run(house, looks=2)
    run.parts = run.watchdog._parts = replace(run.parts, prepare=prepare)
    run.watchdog.watch()
    active = "active: 3 hosts, 0 held"
    said = [text for kind, text in run.supervisor.told if kind == "status"]
    assert said == [active, f"no look since 1970-01-12 13:47:00 UTC: {why}", active]


def test_an_outdated_database_ends_it_before_it_is_called_ready() -> None:
    run = Run(House(), looks=1, prepare=outdated)
    with pytest.raises(StoreOutdated):
        run.watchdog.watch()
    assert run.supervisor.told == [("starting", 1100.0)]


def outdated() -> None:
    raise StoreOutdated("run `aos-cloud-manager db migrate`")


def test_a_bad_configuration_at_hangup_keeps_the_old_one_and_says_all_of_why(caplog: pytest.LogCaptureFixture) -> None:
    house = House()
    house.cloud.kill("c1")
    run = Run(house, looks=4)
    run.reloads = [BadConfiguration(("a.conf: [node_tracker] mutex: wrong", "a.conf: [cloud] x: no such parameter"))]
    os_kill_at_first_look(run)
    run.watchdog.watch()
    assert "config.kept reason=a.conf: [node_tracker] mutex: wrong" in caplog.text
    assert "config.kept reason=a.conf: [cloud] x: no such parameter" in caplog.text
    assert house.playbooks.started


def test_a_new_policy_counts_from_the_next_cycle_on() -> None:
    house = House(policy=replace(House().policy, max_down_hosts=0))
    house.cloud.kill("c1")
    run = Run(house, looks=6)
    house.policy = replace(house.policy, max_down_hosts=1)
    run.reloads = [replace(run.parts, eyes=house.eyes())]
    os_kill_at_first_look(run)
    run.watchdog.watch()
    assert run.seen[0] is not None
    assert run.seen[0].held == {"c1": "automatic recovery is off: [node_tracker] max_down_hosts is 0"}
    assert [action.host for action in house.playbooks.started] == ["c1"]


def os_kill_at_first_look(run: Run) -> None:
    note = run.noted

    def noted(decision: Decision | None) -> None:
        if not run.seen:
            os.kill(os.getpid(), signal.SIGHUP)
        note(decision)

    run.parts = replace(run.parts, noted=noted)
    run.watchdog._parts = run.parts
    run.reloads = [replace(parts, noted=noted) if isinstance(parts, Parts) else parts for parts in run.reloads]


def test_a_disabled_watchdog_asks_nothing_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    house = House()
    house.cloud.kill("c1")
    with caplog.at_level(logging.INFO):
        assert Run(house, looks=1, enabled=False).watchdog.once() is None
    assert house.cloud.asked == []
    assert "[node_tracker] enabled is False" in caplog.text


def test_once_waits_for_the_playbook_that_it_started() -> None:
    house = House()
    house.cloud.kill("c1")
    run = Run(house, looks=99)
    decision = run.watchdog.once()
    assert decision is not None
    assert house.journal.incident(1).jobs[0].status is JobStatus.SUCCEEDED
    assert house.journal.lease_holder() == ""
