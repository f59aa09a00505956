# SPDX-License-Identifier: GPL-3.0-or-later
"""Power controls are read now and then, and never at a recovery's expense."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import pytest

from cloud_manager.domain.actions import ReadPower, Recover, Return
from cloud_manager.domain.facts import Power, PowerReading
from cloud_manager.domain.power import Check, PowerControl, PowerLink, Secret
from cloud_manager.errors import BadInput, JobNotStarted, StoreUnavailable
from cloud_manager.ports import Switched, never
from cloud_manager.service.executor import Executor
from cloud_manager.service.health import ASKING_SECONDS, HealthCheck, HealthTools
from watchdog.tests.service.house import House
from watchdog.tests.service.test_watchdog import Run

HOUR = 3600.0


class Verifier:
    """answer: what every control says. held: a reading lasts until it is cancelled or let go."""

    def __init__(self) -> None:
        self.answer: PowerReading | Exception = PowerReading("x", Power.ON)
        self.asked: list[tuple[str, int | None]] = []
        self.given: list[Sequence[PowerLink]] = []
        self.held = False
        self.begun = threading.Event()

    def read_power(
        self, host: str, controls: Sequence[PowerLink], cancelled: Callable[[], bool] = never
    ) -> PowerReading:
        self.asked.append((host, controls[0].outlet))
        self.given.append(controls)
        self.begun.set()
        while self.held and not cancelled():
            threading.Event().wait(0.01)
        if cancelled():
            return PowerReading("x", Power.UNKNOWN, message="cancelled")
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def switch_power(self, *_: object) -> Switched:
        raise AssertionError("a check switches nothing")


class Ward:
    """A house whose controls are checked; busy: there is something better to do."""

    def __init__(self) -> None:
        self.house = House()
        self.verifier = Verifier()
        self.busy = False
        self.health = HealthCheck(self.tools(), lambda: not self.busy)
        self.house.clock.advance(ASKING_SECONDS)

    def tools(self, interval: float = HOUR) -> HealthTools:
        return HealthTools(self.house.controls, self.verifier, self.house.clock, interval)

    def look(self, seconds: float = 0.0) -> list[str]:
        """Hosts that are read after so many seconds."""
        self.house.clock.advance(seconds)
        self.verifier.asked.clear()
        self.health.begin()
        self.health.wait()
        return [host for host, _ in self.verifier.asked]

    def check(self, host: str) -> Check | None:
        return self.house.controls.of(host)[0].check


@pytest.fixture
def ward() -> Iterator[Ward]:
    ward = Ward()
    yield ward
    ward.health.stop()


def test_every_link_is_read_once_in_the_interval_and_what_it_said_is_kept(ward: Ward) -> None:
    assert ward.look() == ["c1", "c2", "c3"]
    assert ward.check("c2") == Check(ward.house.clock.now(), Power.ON)
    assert ward.look(ASKING_SECONDS) == []
    assert ward.look(HOUR) == ["c1", "c2", "c3"]


def test_each_outlet_is_read_alone(ward: Ward) -> None:
    board = PowerControl("board", "snmp", "192.0.2.9", 161, "", Secret("x"), outlets=8)
    ward.house.controls.add(board)
    ward.house.controls.link("c1", "board", 3)
    ward.house.controls.link("c1", "board", 4)
    ward.look()
    assert {(host, outlet) for host, outlet in ward.verifier.asked if host == "c1"} == {
        ("c1", None),
        ("c1", 3),
        ("c1", 4),
    }
    assert {len(links) for links in ward.verifier.given} == {1}
    assert all(links[0].default for links in ward.verifier.given)


def test_what_an_operator_has_just_read_is_not_read_again(ward: Ward) -> None:
    ward.house.controls.checked("c2", "bmc-c2", Check(ward.house.clock.now(), Power.OFF))
    assert ward.look() == ["c1", "c3"]


def test_a_reading_from_the_future_does_not_stop_the_checks(ward: Ward) -> None:
    ward.house.controls.checked("c2", "bmc-c2", Check(ward.house.clock.now() + 10 * HOUR, Power.OFF))
    assert "c2" in ward.look()


def test_the_first_minute_after_a_start_belongs_to_others() -> None:
    ward = Ward()
    late = HealthCheck(ward.tools(), lambda: True)
    late.begin()
    late.wait()
    assert ward.verifier.asked == []


@pytest.mark.parametrize("error", [BadInput("wrong key"), JobNotStarted("wrong key")])
def test_a_control_that_fails_is_logged_and_kept_and_hides_no_other(
    ward: Ward, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    caplog.set_level(logging.INFO)
    ward.verifier.answer = error
    assert len(ward.look()) == 3
    assert ward.check("c3") == Check(ward.house.clock.now(), Power.UNKNOWN, "wrong key")
    ward.verifier.answer = PowerReading("x", Power.UNKNOWN, message="wrong password")
    ward.look(HOUR)
    assert ward.check("c3") == Check(ward.house.clock.now(), Power.UNKNOWN, "wrong password")
    warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert "power_control.failing host=c1 control=bmc-c1 error=wrong password" in warnings
    ward.verifier.answer = PowerReading("x", Power.ON)
    ward.look(HOUR)
    assert "power_control.answers_again host=c1 control=bmc-c1" in caplog.text


def test_nothing_is_read_while_there_is_something_better_to_do(ward: Ward) -> None:
    ward.busy = True
    assert ward.look() == []
    ward.busy = False
    assert len(ward.look()) == 3


def test_a_reading_that_gets_into_the_way_is_ended_and_forgotten(ward: Ward) -> None:
    ward.verifier.held = True
    ward.health.begin()
    assert ward.verifier.begun.wait(10)
    ward.busy = True
    ward.health.wait()
    assert [host for host, _ in ward.verifier.asked] == ["c1"]
    assert ward.check("c1") is None


def test_a_second_round_does_not_begin_before_the_first_has_ended(ward: Ward) -> None:
    ward.verifier.held = True
    ward.health.begin()
    assert ward.verifier.begun.wait(10)
    ward.house.clock.advance(HOUR)
    ward.health.begin()
    ward.verifier.held = False
    ward.health.wait()
    assert len(ward.verifier.asked) == 3


def test_an_interval_of_nought_reads_nothing_and_a_reload_may_change_it(ward: Ward) -> None:
    ward.health.use(ward.tools(0.0))
    assert ward.look(HOUR) == []
    ward.health.use(ward.tools(HOUR))
    assert len(ward.look()) == 3


def test_a_store_that_is_away_ends_the_round(
    ward: Ward, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def away() -> None:
        raise StoreUnavailable("away")

    monkeypatch.setattr(ward.house.controls, "list", away)
    assert ward.look() == []
    assert "power_control.not_checked error=away" in caplog.text


def test_a_stop_ends_what_is_being_read(ward: Ward) -> None:
    ward.verifier.held = True
    ward.health.begin()
    assert ward.verifier.begun.wait(10)
    ward.health.stop()
    ward.verifier.held = False
    assert ward.look(HOUR) == []


@pytest.mark.parametrize("places", [1, 2, 4])
def test_a_recovery_or_a_return_leaves_no_leisure_and_readings_leave_a_place(places: int) -> None:
    house = House()
    house.playbooks.hold()
    executor = Executor(house.tools(places))
    assert executor.has_leisure
    for number in range(max(places - 1, 1)):
        assert executor.has_leisure
        executor.submit(ReadPower(f"1-read-{number}", f"c{number}", 1))
    assert not executor.has_leisure
    house.playbooks.release()
    executor.wait(10)
    assert executor.has_leisure
    house.playbooks.hold()
    for action in (Recover("1-recover-1", "c1", 1), Return("1-return-2", "c2", 1)):
        executor.submit(action)
        assert not executor.has_leisure
        executor.stop(0.0)
        assert executor.has_leisure


def test_the_watchdog_checks_after_its_cycles_and_only_while_it_is_the_active_one() -> None:
    ward = Ward()

    def noted(_decision: object) -> None:
        if ward.verifier.begun.is_set():
            run.watchdog.stop()

    run = Run(ward.house, looks=0, health=ward.tools(), noted=noted)
    ward.house.clock.advance(ASKING_SECONDS)
    run.watchdog.watch()
    assert ward.verifier.asked[0] == ("c1", None)
    other = Ward()
    assert other.house.journal.acquire_lease("another", 3600.0, lambda _: True)
    standby = Run(other.house, looks=3, health=other.tools())
    other.house.clock.advance(ASKING_SECONDS)
    standby.watchdog.watch()
    assert other.verifier.asked == []


def test_checks_change_no_decision(ward: Ward) -> None:
    first = ward.house.daemon().look()
    ward.verifier.answer = PowerReading("x", Power.UNKNOWN, message="wrong password")
    ward.look()
    second = ward.house.daemon().look()
    assert first is not None
    assert second is not None
    assert replace(second, records=first.records) == first
