# SPDX-License-Identifier: GPL-3.0-or-later
"""Power controls are read now and then, and never at a recovery's expense."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

import pytest

from cloud_manager.domain.actions import ReadPower, Recover, Return
from cloud_manager.domain.facts import Power, PowerReading
from cloud_manager.domain.power import Check, PowerControl, PowerLink, Secret
from cloud_manager.errors import BadInput, CloudManagerError, JobNotStarted, StoreUnavailable
from cloud_manager.ports import Checked, Switched, never
from cloud_manager.service.executor import Executor
from cloud_manager.service.health import ASKING_SECONDS, HealthCheck, HealthTools
from watchdog.tests.service.house import TTL, House
from watchdog.tests.service.test_watchdog import Run

HOUR = 3600.0


class Verifier:
    """answer: what every control says, `answers`: what single ones say. asked: hosts, given: their links, of each run.

    held: after the first host a run lasts until it is cancelled or let go. broken: what a run raises or ends with.
    """

    def __init__(self) -> None:
        self.answer = Power.ON
        self.answers: dict[str, PowerReading | None] = {}
        self.asked: list[str] = []
        self.given: list[Mapping[str, Sequence[PowerLink]]] = []
        self.broken: CloudManagerError | str = ""
        self.held = False
        self.begun, self.ended = threading.Event(), threading.Event()

    def check_power(
        self, hosts: Mapping[str, Sequence[PowerLink]], told: Checked, cancelled: Callable[[], bool] = never
    ) -> str:
        try:
            return self._check_power(hosts, told, cancelled)
        finally:
            self.ended.set()

    def _check_power(
        self, hosts: Mapping[str, Sequence[PowerLink]], told: Checked, cancelled: Callable[[], bool]
    ) -> str:
        self.given.append(hosts)
        if isinstance(self.broken, CloudManagerError):
            raise self.broken
        for links in hosts.values():
            if cancelled():
                return "cancelled"
            self.asked.append(links[0].host)
            for link in links:
                title = link.control.title
                reading = self.answers.get(title, PowerReading(title, self.answer, message="said"))
                if reading is not None:
                    told(link, reading)
            self.begun.set()
            while self.held and not cancelled():
                threading.Event().wait(0.01)
        return self.broken

    def read_power(self, *_: object) -> PowerReading:
        raise AssertionError("a check reads all of them by one playbook")

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
        return list(self.verifier.asked)

    def check(self, host: str) -> Check | None:
        return self.house.controls.of(host)[0].check


@pytest.fixture
def ward() -> Iterator[Ward]:
    ward = Ward()
    yield ward
    ward.health.stop()


def test_every_link_is_read_once_in_the_interval_and_what_it_said_is_kept(ward: Ward) -> None:
    assert ward.look() == ["c1", "c2", "c3"]
    assert ward.check("c2") == Check(ward.house.clock.now(), Power.ON, "said")
    assert ward.look(ASKING_SECONDS) == []
    assert ward.look(HOUR) == ["c1", "c2", "c3"]
    assert len(ward.verifier.given) == 2, "one playbook for all hosts"


def test_a_host_is_read_with_all_its_outlets_and_their_credentials(ward: Ward) -> None:
    board = PowerControl("board", "snmp", "192.0.2.9", 161, "", Secret("x"), outlets=8)
    ward.house.controls.add(board)
    ward.house.controls.link("c1", "board", 3)
    ward.house.controls.link("c1", "board", 4)
    ward.look()
    (hosts,) = ward.verifier.given
    assert [(link.outlet, link.default) for link in hosts["c1"]] == [(None, True), (3, False), (4, False)]
    assert hosts["c1"][1].control.password == Secret("x")
    assert [link.check is not None for link in ward.house.controls.of("c1")] == [True] * 3


def test_a_dead_second_control_is_not_hidden_by_the_first(ward: Ward) -> None:
    ward.house.controls.add(PowerControl("spare", "ipmi", "192.0.2.9", 623, "admin", Secret("x")))
    ward.house.controls.link("c1", "spare")
    ward.verifier.answers["spare"] = PowerReading("spare", Power.UNKNOWN, message="does not answer")
    ward.look()
    assert [(x.control.title, x.failing) for x in ward.house.controls.of("c1")] == [("bmc-c1", False), ("spare", True)]


def test_those_that_would_follow_soon_are_read_with_the_one_that_is_due(ward: Ward) -> None:
    ward.look()
    ward.house.clock.advance(HOUR / 4)
    ward.house.controls.checked("c2", "bmc-c2", Check(ward.house.clock.now(), Power.OFF))
    assert ward.look(HOUR / 4) == []
    ward.house.clock.advance(HOUR / 4)
    ward.house.controls.checked("c3", "bmc-c3", Check(ward.house.clock.now(), Power.OFF))
    assert ward.look(HOUR / 4) == ["c1", "c2"], "the longest unread first, and c3 half an hour later"


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


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    found = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    caplog.clear()
    return found


def test_a_control_is_reported_once_when_it_begins_to_fail_and_once_when_it_answers_again(
    ward: Ward, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    ward.verifier.answers["bmc-c2"] = PowerReading("bmc-c2", Power.UNKNOWN, message="refuses the login")
    ward.look()
    assert warnings(caplog) == ["power_control.failing host=c2 control=bmc-c2 place=- error=refuses the login"]
    assert ward.check("c2") == Check(ward.house.clock.now(), Power.UNKNOWN, "refuses the login")
    ward.look(HOUR)
    assert warnings(caplog) == []
    assert ward.check("c2") == Check(ward.house.clock.now(), Power.UNKNOWN, "refuses the login")
    del ward.verifier.answers["bmc-c2"]
    ward.look(HOUR)
    assert caplog.text.count("answers_again") == 1
    assert "power_control.answers_again host=c2 control=bmc-c2 place=-" in caplog.text
    ward.look(HOUR)
    assert caplog.text.count("answers_again") == 1


def test_a_host_whose_password_cannot_be_read_fails_and_hides_no_other(
    ward: Ward, monkeypatch: pytest.MonkeyPatch
) -> None:
    of, asked = ward.house.controls.of, []

    def found(host: str) -> tuple[PowerLink, ...]:
        asked.append(host)
        if asked == ["c1", "c2"]:
            raise BadInput("wrong key")
        return of(host)

    monkeypatch.setattr(ward.house.controls, "of", found)
    assert ward.look() == ["c1", "c3"]
    assert ward.check("c2") == Check(ward.house.clock.now(), Power.UNKNOWN, "wrong key")
    assert ward.check("c3") == Check(ward.house.clock.now(), Power.ON, "said")


def test_a_playbook_that_cannot_be_started_says_so_of_every_link(ward: Ward, caplog: pytest.LogCaptureFixture) -> None:
    ward.verifier.broken = JobNotStarted("no room")
    assert ward.look() == []
    assert ward.check("c3") == Check(ward.house.clock.now(), Power.UNKNOWN, "was not read: no room")
    assert len(warnings(caplog)) == 3


def test_what_a_playbook_did_not_tell_of_fails_with_its_message(ward: Ward) -> None:
    ward.verifier.answers["bmc-c2"] = None
    ward.verifier.broken = "took too long"
    ward.look()
    assert ward.check("c1") == Check(ward.house.clock.now(), Power.ON, "said")
    assert ward.check("c2") == Check(ward.house.clock.now(), Power.UNKNOWN, "was not read: took too long")


def test_a_link_that_was_removed_meanwhile_ends_nothing(ward: Ward, monkeypatch: pytest.MonkeyPatch) -> None:
    checked = ward.house.controls.checked

    def gone(host: str, title: str, check: Check, outlet: int | None = None) -> None:
        if host == "c1":
            raise BadInput("host c1 is not linked to power control bmc-c1")
        checked(host, title, check, outlet)

    monkeypatch.setattr(ward.house.controls, "checked", gone)
    ward.look()
    assert ward.check("c3") is not None


def test_nothing_is_read_while_there_is_something_better_to_do(ward: Ward) -> None:
    ward.busy = True
    assert ward.look() == []
    ward.busy = False
    assert len(ward.look()) == 3


def test_a_run_that_gets_into_the_way_is_ended_what_it_told_is_kept_and_the_rest_is_read_first_later(
    ward: Ward, caplog: pytest.LogCaptureFixture
) -> None:
    ward.verifier.held = True
    ward.health.begin()
    assert ward.verifier.begun.wait(10)
    ward.busy = True
    ward.health.wait()
    assert ward.verifier.asked == ["c1"]
    assert [ward.check(host) is None for host in ("c1", "c2", "c3")] == [False, True, True]
    assert warnings(caplog) == []
    ward.verifier.held = ward.busy = False
    assert ward.look(HOUR / 2) == ["c2", "c3", "c1"]


def test_what_an_ended_run_could_not_read_is_no_failure_though_it_is_over_soon(ward: Ward) -> None:
    """A recovery that has ended before the playbook was."""
    looks = iter([True, True, True, True, True, False])
    ward.health = HealthCheck(ward.tools(), lambda: next(looks, True))
    assert ward.look(ASKING_SECONDS) == ["c1"]
    assert [ward.check(host) is None for host in ("c1", "c2", "c3")] == [False, True, True]


def test_an_answer_that_an_ended_run_cut_off_is_no_failure(ward: Ward) -> None:
    def cut_off(hosts: Mapping[str, Sequence[PowerLink]], told: Checked, cancelled: Callable[[], bool]) -> str:
        ward.busy = True
        told(hosts["c1"][0], PowerReading("bmc-c1", Power.UNKNOWN, message="gave no answer"))
        told(hosts["c2"][0], PowerReading("bmc-c2", Power.ON))
        return ""

    ward.verifier.check_power = cut_off  # type: ignore[method-assign]
    ward.look()
    assert ward.check("c1") is None
    assert ward.check("c2") == Check(ward.house.clock.now(), Power.ON)


def test_a_second_round_does_not_begin_before_the_first_has_ended(ward: Ward) -> None:
    ward.verifier.held = True
    ward.health.begin()
    assert ward.verifier.begun.wait(10)
    ward.house.clock.advance(HOUR)
    ward.health.begin()
    ward.verifier.held = False
    ward.health.wait()
    assert len(ward.verifier.given) == 1


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


def test_a_store_that_goes_away_ends_the_playbook(
    ward: Ward, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def away(*_: object) -> None:
        raise StoreUnavailable("away")

    monkeypatch.setattr(ward.house.controls, "checked", away)
    assert ward.look() == ["c1"]
    assert warnings(caplog) == ["power_control.not_checked error=away"]


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


def test_a_check_that_runs_gives_way_to_a_recovery_and_the_recovery_waits_for_nothing() -> None:
    ward = Ward()
    executor = Executor(ward.house.tools())
    health = HealthCheck(ward.tools(), lambda: executor.has_leisure)
    ward.house.clock.advance(ASKING_SECONDS)
    ward.house.playbooks.hold()
    ward.verifier.held = True
    health.begin()
    assert ward.verifier.begun.wait(10)
    executor.submit(Recover("1-recover-1", "c3", 1))
    assert ward.house.playbooks.wait_for(1) == ["1-recover-1"]
    health.wait()
    assert ward.verifier.asked == ["c1"]
    health.begin()
    assert len(ward.verifier.given) == 1, "nothing is begun beside a recovery"
    ward.house.playbooks.release()
    executor.wait(10)


def test_the_watchdog_checks_after_its_cycles_and_only_while_it_is_the_active_one() -> None:
    ward = Ward()

    def noted(_decision: object) -> None:
        if ward.verifier.begun.is_set():
            run.watchdog.stop()

    run = Run(ward.house, looks=0, health=ward.tools(), noted=noted)
    ward.house.clock.advance(ASKING_SECONDS)
    run.watchdog.watch()
    assert ward.verifier.asked[0] == "c1"
    other = Ward()
    assert other.house.journal.acquire_lease("another", 3600.0, lambda _: True)
    standby = Run(other.house, looks=3, health=other.tools())
    other.house.clock.advance(ASKING_SECONDS)
    standby.watchdog.watch()
    assert other.verifier.asked == []


def test_who_loses_the_lease_ends_what_he_is_reading(ward: Ward) -> None:
    ward.verifier.held = True
    ended = []

    def noted(_decision: object) -> None:
        if not ward.verifier.begun.wait(0.05):
            return
        ward.house.clock.advance(TTL)
        assert ward.house.journal.acquire_lease("another", HOUR, lambda _: False)
        ended.append(ward.verifier.ended.wait(5))
        ward.verifier.held = False
        run.watchdog.stop()

    run = Run(ward.house, looks=0, health=ward.tools(), noted=noted)
    ward.house.clock.advance(ASKING_SECONDS)
    run.watchdog.watch()
    assert ended == [True]
    assert ward.verifier.asked == ["c1"]


def test_checks_change_no_decision(ward: Ward) -> None:
    first = ward.house.daemon().look()
    ward.verifier.answer = Power.UNKNOWN
    ward.look()
    second = ward.house.daemon().look()
    assert first is not None
    assert second is not None
    assert replace(second, records=first.records) == first
