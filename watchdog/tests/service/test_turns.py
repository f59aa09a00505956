# SPDX-License-Identifier: GPL-3.0-or-later
"""Many hosts, and a Nova that is slow about each."""

from __future__ import annotations

import pytest

from cloud_manager.domain.facts import Server
from cloud_manager.domain.records import Decision, HostRecord, Records, State, Step
from cloud_manager.errors import CloudUnavailable
from cloud_manager.ports import Move
from cloud_manager.service.turns import Turns
from watchdog.tests.fakes.clock import FakeClock
from watchdog.tests.fakes.cloud import FakeCloud
from watchdog.tests.service.house import ASKING_SECONDS, House

READ_TIMEOUT = 30.0
RACK = tuple(f"c{number}" for number in range(1, 26))


class Nova:
    """Answers a question about a host after so many seconds, or not at all."""

    def __init__(self, seconds: float = 0.0, *silent: str) -> None:
        self.clock = FakeClock()
        self.turns = Turns(self.clock, ASKING_SECONDS)
        self.seconds = seconds
        self.silent = set(silent)
        self.answered: list[str] = []

    def look(self, *hosts: str) -> list[str]:
        """The hosts that are read in one look."""
        self.answered = []
        self.turns.ask(hosts, self.question, "servers")
        return self.answered

    def question(self, host: str) -> None:
        self.clock.advance(READ_TIMEOUT if host in self.silent else self.seconds)
        if host in self.silent:
            raise CloudUnavailable("nova-api does not answer")
        self.answered.append(host)


def test_a_nova_that_answers_about_no_host_costs_a_look_one_timeout(caplog: pytest.LogCaptureFixture) -> None:
    nova = Nova(0.0, *RACK)
    began = nova.clock.now()
    assert nova.look(*RACK) == []
    assert nova.clock.now() - began == READ_TIMEOUT
    assert "servers.unknown host=c1 unread=24 error=nova-api does not answer" in caplog.text


def test_hosts_about_which_nova_never_answers_hide_no_other_one() -> None:
    nova = Nova(1.0, "c1", "c2")
    for _ in range(2):
        nova.look("c1", "c2", "c3", "c4")
    for _ in range(3):
        assert set(nova.look("c1", "c2", "c3", "c4")) == {"c3", "c4"}


def test_of_hosts_that_failed_each_is_asked_again_in_its_turn() -> None:
    nova = Nova(1.0, "c1", "c2")
    for _ in range(2):
        nova.look("c1", "c2")
    nova.silent.remove("c2")
    assert "c2" in nova.look("c1", "c2") + nova.look("c1", "c2")


def test_answers_that_come_slowly_are_waited_for_so_long_only_and_the_next_look_begins_with_the_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    nova = Nova(25.0)
    looks = [nova.look("c1", "c2", "c3", "c4", "c5") for _ in range(2)]
    assert looks == [["c1", "c2", "c3"], ["c4", "c5", "c1"]]
    assert "servers.unread hosts=2" in caplog.text


class SlowLists(FakeCloud):
    """Lists hosts at once; about a single host it is silent until the read timeout."""

    def servers_on(self, host: str) -> tuple[Server, ...]:
        self._clock.advance(READ_TIMEOUT)
        raise CloudUnavailable("nova-api does not answer")

    def moves_from(self, host: str, since: float) -> tuple[Move, ...]:
        self._clock.advance(READ_TIMEOUT)
        raise CloudUnavailable("nova-api does not answer")


def test_a_look_at_a_rack_that_died_under_a_silent_nova_stays_within_two_timeouts() -> None:
    house = House()
    house.cloud = SlowLists(house.clock, *RACK)
    lease = house.journal.acquire_lease("one", 30, lambda _holder: True)
    assert lease is not None
    records = Records(
        {host: HostRecord(host, State.FAILED, incident=n, job=f"{n}-recover-1") for n, host in enumerate(RACK, 1)}
    )
    steps = tuple(Step(n, host, 1.0, State.FAILED, "fails") for n, host in enumerate(RACK, 1))
    house.journal.save(Decision(records, tuple(records.hosts.values()), (), steps), lease)
    began = house.clock.now()
    facts = house.observer().observe(records)
    house.tracker().track(facts, records)
    assert facts.servers == {}
    assert house.clock.now() - began == 2 * READ_TIMEOUT
