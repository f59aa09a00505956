# SPDX-License-Identifier: GPL-3.0-or-later
"""Whom to believe where a host has several controls, on a clock that passes only when something waits."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.aos.cloud_manager.plugins.module_utils.power_driver import ControlError
from ansible_collections.aos.cloud_manager.plugins.module_utils.power_fallback import (
    ATTEMPT,
    LAST_WORD_SECONDS,
    HostSwitching,
)
from ansible_collections.aos.cloud_manager.plugins.module_utils.power_switch import GOALS, Limits, NeverReached
from ansible_collections.aos.cloud_manager.tests.unit.plugins.module_utils.test_power_switch import (
    BUSY,
    REFUSAL,
    SILENCE,
    Clock,
    Scripted,
)

FOREIGN = "foreign"
HALF = "half"
TITLES = ("bmc", "pdu", "third")


class Talking(Scripted):
    """As Scripted. `foreign`: another device than recorded; `half`: one outlet is silent, the other reads on."""

    def _answer(self, script: list[str], seconds: float) -> str:
        answer = super()._answer(script, seconds)
        self.shown = {"outlet 1": "unknown", "outlet 2": "on"} if answer == HALF else {}
        if answer == HALF:
            raise ControlError("failed at 1 of 2 outlets", "check", silent=True)
        if answer == FOREIGN:
            raise ControlError("tells identity B, recorded is A", "correct", final=True, foreign=True)
        return answer


class Run:
    """One host with the controls bmc (the default), pdu and third, as many as scripts are given."""

    def __init__(self, state: str, *scripts: list[str], relays: t.Sequence[str] = (), check_mode: bool = False) -> None:
        self.clock = Clock()
        self.devices = [Talking(self.clock, list(s), title=title) for s, title in zip(scripts, TITLES, strict=False)]
        for device in self.devices:
            device.cuts_supply = device.control.title in relays
        switching = HostSwitching(self.devices, state, Limits(10, 2, 0.5), self.clock)
        self.failed = False
        try:
            outcome = switching.run(check_mode=check_mode)
        except NeverReached as error:
            self.failed, self.said, outcome = True, str(error), error.facts
        self.changed: bool = outcome["changed"]
        self.diff = outcome["diff"]
        self.power: dict[str, t.Any] = outcome["power"]

    @property
    def believed(self) -> tuple[str, str]:
        return self.power["control"], self.power["result"]

    @property
    def attempts(self) -> list[tuple[str, str]]:
        return [(attempt["control"], attempt["result"]) for attempt in self.power["attempts"]]

    @property
    def commands(self) -> list[int]:
        return [len(device.sent) for device in self.devices]


SILENT = [SILENCE]
STUCK = ["on"]
OBEYS = ["on", "off"]


def test_a_default_control_that_confirms_is_believed_alone() -> None:
    run = Run("off", OBEYS, STUCK)
    assert (run.believed, run.failed) == (("bmc", "OFF_CONFIRMED"), False)
    assert run.attempts == [("bmc", "OFF_CONFIRMED")]
    assert run.commands == [1, 0]
    assert len(run.devices[1]._reads) == 1
    assert set(run.power["attempts"][0]) == set(ATTEMPT)


@pytest.mark.parametrize(("first", "result"), [(SILENT, "UNKNOWN"), ([REFUSAL], "UNKNOWN")])
def test_the_next_control_is_tried_and_may_confirm(first: list[str], result: str) -> None:
    run = Run("off", first, OBEYS)
    assert (run.believed, run.failed) == (("pdu", "OFF_CONFIRMED"), False)
    assert run.attempts == [("bmc", result), ("pdu", "OFF_CONFIRMED")]
    assert run.changed
    assert run.diff == {"before": {"power": "on"}, "after": {"power": "off"}}
    for said in ("power control pdu", "confirmed by 2 consecutive", "before that host c1", "power control bmc"):
        assert said in run.power["message"]
    assert run.power["confirmed_at"] == run.power["attempts"][1]["readings"][-1]["at"]


def test_every_control_has_the_whole_timeout() -> None:
    run = Run("off", SILENT, [SILENCE] * 3 + ["off"])
    assert run.power["attempts"][0]["duration"] == pytest.approx(10, abs=0.2)
    assert run.attempts[1] == ("pdu", "UNKNOWN")
    assert run.power["attempts"][1]["duration"] > 9


def test_a_stuck_control_that_dies_with_the_supply_is_no_objection() -> None:
    """10 s of on readings, then the relay cuts the power that the controller lives on."""
    run = Run("off", ["on"] * 18 + [SILENCE], OBEYS)
    assert run.attempts == [("bmc", "STILL_ON"), ("pdu", "OFF_CONFIRMED")]
    assert run.believed == ("pdu", "OFF_CONFIRMED")


@pytest.mark.parametrize("afterwards", [["off"], ["on", "off"], ["on", SILENCE, SILENCE]])
def test_a_control_that_changes_its_mind_in_the_end_is_no_objection(afterwards: list[str]) -> None:
    run = Run("off", [REFUSAL, *afterwards], OBEYS)
    assert run.believed == ("pdu", "OFF_CONFIRMED")


@pytest.mark.parametrize("first", [STUCK, [REFUSAL, "on"], [REFUSAL, "on", SILENCE, "on"]])
def test_a_default_control_that_answers_on_afterwards_is_believed(first: list[str]) -> None:
    run = Run("off", first, OBEYS)
    assert run.failed
    assert run.believed == ("bmc", "STILL_ON")
    assert run.power["confirmed_at"] is None
    assert run.attempts[1:] == [("pdu", "OFF_CONFIRMED"), ("bmc", "STILL_ON")]
    message = run.power["message"]
    assert message.startswith("host c1.example.org is not confirmed off by any of its power controls: ")
    assert "power control bmc" in message
    assert "after power control pdu confirmed off" in message
    assert "linked to another host" in message


def test_an_untried_control_that_answers_on_is_tried_next() -> None:
    """Two relays on two supplies under titles of their own: the host runs until both are off."""
    run = Run("off", SILENT, OBEYS, ["on", "on", "on", "on", "on", "off"])
    assert run.attempts == [("bmc", "UNKNOWN"), ("pdu", "OFF_CONFIRMED"), ("third", "OFF_CONFIRMED")]
    assert run.believed == ("third", "OFF_CONFIRMED")
    assert run.commands[1:] == [1, 1]


def test_an_untried_control_that_stays_on_is_an_objection() -> None:
    run = Run("off", SILENT, OBEYS, STUCK)
    assert run.failed
    assert run.believed == ("third", "STILL_ON")


def test_a_control_that_comes_on_while_the_next_is_switched_is_an_objection() -> None:
    run = Run("off", SILENT, ["on", "off", "off", "on"], ["on", "on", "on", "on", "on", "off"])
    assert run.failed
    assert run.believed == ("pdu", "STILL_ON")


@pytest.mark.parametrize(
    ("scripts", "result"),
    [
        ((SILENT, SILENT), "UNKNOWN"),
        ((SILENT, [REFUSAL]), "UNKNOWN"),
        ((SILENT, STUCK), "STILL_ON"),
        ((STUCK, SILENT), "STILL_ON"),
        ((STUCK, SILENT, SILENT), "STILL_ON"),
    ],
)
def test_where_none_confirms_all_are_named(scripts: tuple[list[str], ...], result: str) -> None:
    run = Run("off", *scripts)
    assert run.failed
    assert run.said == run.power["message"]
    assert run.power["result"] == result
    assert run.power["confirmed_at"] is None
    assert [title for title, _result in run.attempts] == list(TITLES[: len(scripts)])
    for title in TITLES[: len(scripts)]:
        assert f"power control {title} (ipmi" in run.power["message"]
    assert run.power["duration"] <= 10 * len(scripts) + LAST_WORD_SECONDS


def test_a_foreign_device_ends_it_and_nothing_is_sent() -> None:
    run = Run("off", [FOREIGN], OBEYS)
    assert run.failed
    assert run.believed == ("bmc", "UNKNOWN")
    assert run.attempts == [("bmc", "UNKNOWN")]
    assert "tells identity B, recorded is A" in run.power["message"]
    assert len(run.devices[1]._reads) == 2
    assert run.devices[1].sent == []


def test_a_foreign_device_in_the_last_word_ends_it() -> None:
    """It was silent when it was tried. No other control may decide then."""
    run = Run("off", [SILENCE, SILENCE, FOREIGN], OBEYS, OBEYS)
    assert run.failed
    assert run.attempts == [("bmc", "UNKNOWN"), ("pdu", "OFF_CONFIRMED"), ("bmc", "UNKNOWN")]
    assert "tells identity B, recorded is A" in run.power["message"]
    assert run.devices[2].sent == []


def test_one_outlet_that_reads_on_objects_although_another_is_silent() -> None:
    run = Run("off", [HALF], OBEYS)
    assert run.failed
    assert run.believed == ("bmc", "STILL_ON")
    assert "outlet 1 unknown, outlet 2 on after power control pdu confirmed off" in run.power["message"]


def test_a_relay_that_cuts_the_supply_of_a_silent_controller_is_believed() -> None:
    assert Run("off", SILENT, OBEYS, relays=["pdu"]).believed == ("pdu", "OFF_CONFIRMED")
    assert Run("off", OBEYS, SILENT, relays=["bmc"]).believed == ("bmc", "OFF_CONFIRMED")


@pytest.mark.parametrize("says", [REFUSAL, BUSY])
def test_a_controller_that_still_speaks_is_not_without_supply(says: str) -> None:
    """Its password is wrong or the host is on its way: what counts is that the relay did not cut its power."""
    run = Run("off", [says], OBEYS, relays=["pdu"])
    assert run.failed
    assert run.power["result"] == "UNKNOWN"
    assert run.attempts == [("bmc", "UNKNOWN"), ("pdu", "OFF_CONFIRMED"), ("bmc", "UNKNOWN")]
    assert "still speaks" in run.power["message"]
    assert "linked to another host" in run.power["message"]


def test_a_relay_is_not_believed_alone_even_as_the_default_control() -> None:
    run = Run("off", OBEYS, STUCK, relays=["bmc"])
    assert run.failed
    assert run.believed == ("pdu", "STILL_ON")
    run = Run("off", OBEYS, ["on"] * 6 + ["off"], relays=["bmc"])
    assert run.believed == ("pdu", "OFF_CONFIRMED")
    assert run.attempts == [("bmc", "OFF_CONFIRMED"), ("pdu", "OFF_CONFIRMED")]


@pytest.mark.parametrize("scripts", [(OBEYS, SILENT), (SILENT, OBEYS), (OBEYS, [BUSY])])
def test_a_relay_that_shows_nothing_may_be_the_other_supply(scripts: tuple[list[str], ...]) -> None:
    """Its own power is not the host's, so silence does not mean that it was cut."""
    run = Run("off", *scripts, relays=["bmc", "pdu"])
    assert run.failed
    assert run.power["result"] == "UNKNOWN"
    assert "shows nothing" in run.power["message"]
    assert Run("off", SILENT, OBEYS, SILENT, relays=["pdu", "third"]).failed
    both = Run("off", OBEYS, ["on"] * 6 + ["off"], relays=["bmc", "pdu"])
    assert both.believed == ("pdu", "OFF_CONFIRMED")


def test_on_is_not_confirmed_by_a_relay_that_was_on_all_the_time() -> None:
    run = Run("on", ["off"], ["on"])
    assert run.failed
    assert run.believed == ("bmc", "STILL_OFF")


def test_on_falls_back_where_the_default_control_has_no_power() -> None:
    run = Run("on", SILENT, ["off", "on"])
    assert run.believed == ("pdu", "ON_CONFIRMED")


@pytest.mark.parametrize("state", ["soft_off", "reset", "cycle"])
def test_the_other_commands_have_no_fallback(state: str) -> None:
    run = Run(state, SILENT, OBEYS)
    assert run.attempts == [("bmc", "UNKNOWN")]
    assert run.commands[1] == 0


@pytest.mark.parametrize(
    ("scripts", "said"),
    [
        ((["on"],), "reads on; check mode sends nothing; off would be sent by bmc"),
        ((["on"], ["on"], ["on"]), "off would be sent by bmc, and if that is not confirmed by pdu, then third"),
        ((SILENT, ["on"]), "power control pdu (ipmi 192.0.2.11:623) reads on; check mode sends nothing; off would"),
    ],
)
def test_check_mode_tells_which_controls_would_switch(scripts: tuple[list[str], ...], said: str) -> None:
    run = Run("off", *scripts, check_mode=True)
    assert not run.failed
    assert run.changed
    assert run.power["result"] == "NOT_SENT"
    assert said in run.power["message"]
    assert not any(run.commands)


def test_check_mode_tells_what_needs_no_command() -> None:
    assert "nothing would be sent, it reads so already" in Run("on", ["on"], check_mode=True).power["message"]
    assert "only off would be sent, it reads so" in Run("soft_off", ["off"], check_mode=True).power["message"]


@pytest.mark.parametrize("scripts", [(SILENT, SILENT), ([FOREIGN], OBEYS)])
def test_check_mode_fails_where_nothing_can_be_read(scripts: tuple[list[str], ...]) -> None:
    run = Run("off", *scripts, check_mode=True)
    assert run.failed
    assert run.power["result"] == "UNKNOWN"


@pytest.mark.parametrize("state", GOALS)
def test_every_result_has_the_same_keys(state: str) -> None:
    keys = {
        "host", "state", "result", "control", "readings", "attempts", "message", "confirmed_at", "duration",
    }  # fmt: skip
    for scripts in (OBEYS,), (SILENT, SILENT), (STUCK, OBEYS), (SILENT, OBEYS):
        assert set(Run(state, *scripts).power) == keys
