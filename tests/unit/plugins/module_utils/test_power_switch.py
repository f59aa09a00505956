# SPDX-License-Identifier: GPL-3.0-or-later
"""When is a host off? The sequence alone, on a clock that passes only when something waits."""

from __future__ import annotations

import typing as t
from itertools import pairwise

import pytest

from ansible_collections.aos.cloud_manager.plugins.module_utils.power_driver import Control, ControlError, NoAnswer
from ansible_collections.aos.cloud_manager.plugins.module_utils.power_switch import (
    GOALS,
    RESEND_SECONDS,
    STEADY_SECONDS,
    Limits,
    NeverReached,
    Switching,
)
from ansible_collections.aos.cloud_manager.plugins.module_utils.reporting import AosError

EXCHANGE_COSTS = 0.1
SILENCE = "silence"
REFUSAL = "refusal"
BUSY = "busy"
NEEDLESS = "needless"


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return 1_790_000_000.0 + self.now

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.now += seconds


class Scripted:
    """A control that shows `reads` one by one, the last of them for ever; `accepts` likewise for commands."""

    def __init__(self, clock: Clock, reads: list[str], accepts: list[str] | None = None, *, title: str = "bmc") -> None:
        self.cuts_supply = False
        self.control = Control("c1.example.org", title, "ipmi", "192.0.2.11", 623, password="secret")
        self.shown: dict[str, str] = {}
        self.sent: list[tuple[float, str]] = []
        self._clock = clock
        self._reads = reads
        self._accepts = accepts or ["ok"]

    def read(self, seconds: float) -> str:
        return self._answer(self._reads, seconds)

    def send(self, action: str, seconds: float) -> None:
        self.sent.append((self._clock.now, action))
        self._answer(self._accepts, seconds)

    def _answer(self, script: list[str], seconds: float) -> str:
        assert seconds > 0
        answer = script.pop(0) if len(script) > 1 else script[0]
        self._clock.now += seconds if answer == SILENCE else EXCHANGE_COSTS
        if answer == SILENCE:
            raise NoAnswer(seconds)
        if answer in (REFUSAL, BUSY):
            raise ControlError(f"refuses ({answer})", "do something", final=answer == REFUSAL)
        if answer == NEEDLESS:
            raise ControlError("is in that state already", "do something else", refused=True)
        return answer


class Run:
    """One switching from look to report. power: what it returned or failed with; said: the error, if it failed."""

    def __init__(
        self, state: str, reads: list[str], accepts: list[str] | None = None, *, timeout: float = 30.0, proofs: int = 2
    ) -> None:
        self.clock = Clock()
        self.device = Scripted(self.clock, reads, accepts)
        self.switching = Switching(self.device, state, Limits(timeout, proofs, 0.5), self.clock)
        self.switching.look()
        self.said = ""
        try:
            self.power: dict[str, t.Any] = self.switching.apply()
            self.changed = self.switching.changed
        except NeverReached as error:
            self.power = error.facts["power"]
            self.changed = error.facts["changed"]
            self.said = str(error)

    @property
    def result(self) -> str:
        return str(self.power["result"])

    @property
    def commands(self) -> list[str]:
        return [action for _at, action in self.device.sent]


def test_off_is_sent_although_the_host_reads_off() -> None:
    run = Run("off", ["off"])
    assert run.commands == ["off"]
    assert run.result == "OFF_CONFIRMED"
    assert not run.changed


def test_off_is_sent_although_the_host_cannot_be_read_before() -> None:
    run = Run("off", [SILENCE, "off"])
    assert run.commands == ["off"]
    assert run.result == "OFF_CONFIRMED"
    assert run.changed


@pytest.mark.parametrize("proofs", [1, 2, 5])
def test_off_is_confirmed_by_that_many_spaced_readings_after_the_command(proofs: int) -> None:
    run = Run("off", ["on", "off"], proofs=proofs)
    after = [reading["at"] for reading in run.power["readings"][1:]]
    assert len(after) == proofs
    assert all(later - earlier >= 0.5 for earlier, later in pairwise(after))
    assert run.power["confirmed_at"] == after[-1]
    assert run.changed


def test_a_reading_before_the_command_is_no_proof() -> None:
    assert len(Run("off", ["off"]).power["readings"]) == 1 + 2


@pytest.mark.parametrize("between", ["on", SILENCE])
def test_whatever_comes_between_starts_the_count_again(between: str) -> None:
    run = Run("off", ["on", "off", between, "off", "off"], timeout=60)
    assert [reading["state"] for reading in run.power["readings"]][-2:] == ["off", "off"]
    assert len(run.power["readings"]) == 5
    assert run.result == "OFF_CONFIRMED"


def test_a_host_that_comes_on_again_was_not_off() -> None:
    assert Run("off", ["on", "off", "on"]).result == "STILL_ON"


def test_alternating_readings_never_confirm() -> None:
    assert Run("off", ["off", *["off", "on"] * 200]).result != "OFF_CONFIRMED"


def test_a_contradicted_off_is_sent_again_at_a_bounded_rate() -> None:
    run = Run("off", ["on"], timeout=22)
    times = [at for at, _action in run.device.sent]
    assert len(times) == 4
    assert all(later - earlier >= RESEND_SECONDS for earlier, later in pairwise(times))


def test_an_off_that_is_obeyed_late_is_confirmed() -> None:
    run = Run("off", ["on"] * 20 + ["off"])
    assert run.result == "OFF_CONFIRMED"


def test_a_lying_control_is_still_on_at_the_deadline() -> None:
    run = Run("off", ["on"], timeout=8)
    assert run.said == run.power["message"]
    assert run.result == "STILL_ON"
    assert run.power["state"] == "on"
    assert 7.5 <= run.power["duration"] <= 8.2
    assert run.power["confirmed_at"] is None
    for part in ("c1.example.org", "bmc", "192.0.2.11", "accepted off but still reads on", "repair this control"):
        assert part in run.power["message"]


def test_an_off_that_was_never_accepted_is_never_confirmed() -> None:
    run = Run("off", ["off"], [BUSY])
    assert run.result == "UNKNOWN"
    assert "refuses (busy); do something" in run.power["message"]
    assert not run.changed


def test_an_off_that_was_refused_for_a_while_is_sent_until_accepted() -> None:
    run = Run("off", ["on", "off"], [BUSY, BUSY, "ok"])
    assert run.commands == ["off"] * 3
    assert run.result == "OFF_CONFIRMED"


@pytest.mark.parametrize("state", GOALS)
def test_a_silent_control_is_unknown_within_the_deadline(state: str) -> None:
    run = Run(state, [SILENCE], [SILENCE])
    assert run.said == run.power["message"]
    assert run.result == "UNKNOWN"
    assert run.power["state"] == "unknown"
    assert run.power["duration"] <= 30
    assert "gave no answer within" in run.power["message"]
    assert not run.changed


@pytest.mark.parametrize(
    ("accepted", "said"), [(SILENCE, "within 10.0 s"), ("ok", "within 10.0 s"), (REFUSAL, REFUSAL)]
)
def test_an_exchange_that_the_deadline_cut_short_hides_no_error_before_it(accepted: str, said: str) -> None:
    """Of 16 s the reading before takes 5.3, an exchange 10: some tenths are left. A refusal is believed even then."""
    run = Run("off", [SILENCE], ["ok"] if accepted == "ok" else [SILENCE, accepted], timeout=16)
    assert len(run.device.sent) + len(run.power["readings"]) == 3 + (accepted == "ok")
    assert said in run.power["message"]


def test_the_reading_before_an_off_leaves_most_of_the_time_for_the_off() -> None:
    run = Run("off", [SILENCE], timeout=6)
    assert run.device.sent[0][0] == pytest.approx(2)


@pytest.mark.parametrize("state", GOALS)
def test_a_refused_login_is_not_tried_twice(state: str) -> None:
    run = Run(state, [REFUSAL], [REFUSAL])
    assert run.result == "UNKNOWN"
    assert len(run.device.sent) + len(run.power["readings"]) == 1
    assert "refuses (refusal)" in run.power["message"]


def test_a_control_that_falls_silent_after_an_off_reading_is_unknown() -> None:
    run = Run("off", ["on", "off", SILENCE], timeout=30)
    assert run.result == "UNKNOWN"


def test_one_off_reading_before_the_deadline_is_not_two() -> None:
    run = Run("off", ["on", "off", SILENCE], timeout=5)
    assert run.result == "UNKNOWN"
    assert "gave 1 of 2 consecutive off readings within 5 s; raise timeout" in run.power["message"]


def test_on_is_not_sent_to_a_host_that_is_on() -> None:
    run = Run("on", ["on"])
    assert run.commands == []
    assert run.result == "ON_CONFIRMED"
    assert not run.changed


def test_on_is_confirmed_by_a_reading() -> None:
    run = Run("on", ["off", "off", "on"])
    assert run.commands == ["on"]
    assert run.result == "ON_CONFIRMED"
    assert run.changed


def test_a_host_that_does_not_come_on_is_still_off() -> None:
    run = Run("on", ["off"], timeout=12)
    assert run.result == "STILL_OFF"
    assert run.commands == ["on"] * 3


def test_soft_off_is_sent_once_and_waited_for() -> None:
    run = Run("soft_off", ["on"] * 100 + ["off"], timeout=120)
    assert run.commands == ["soft_off", "off"]
    assert run.result == "OFF_CONFIRMED"
    assert [reading["state"] for reading in run.power["readings"]][-3:] == ["off"] * 3


def test_soft_off_is_not_sent_to_a_host_that_is_off_but_off_is() -> None:
    run = Run("soft_off", ["off"])
    assert run.commands == ["off"]
    assert run.result == "OFF_CONFIRMED"
    assert not run.changed


def test_a_host_that_comes_on_after_a_soft_off_is_switched_off() -> None:
    run = Run("soft_off", ["on", "off", "on", "off"])
    assert run.commands[:2] == ["soft_off", "off"]
    assert run.result == "OFF_CONFIRMED"


def test_an_off_refused_since_it_is_off_counts_once_the_host_stayed_off() -> None:
    """Such a refusal cancels no pending `on`, so the off is sent with each round and two readings are not enough."""
    run = Run("off", ["off"], [NEEDLESS])
    after = [reading["at"] for reading in run.power["readings"][1:]]
    assert run.result == "OFF_CONFIRMED"
    assert after[-1] - after[0] >= STEADY_SECONDS
    assert len(run.commands) == len(after)
    assert not run.changed


def test_an_on_that_was_pending_behind_a_refused_off_is_met_by_the_next_off() -> None:
    run = Run("off", ["off"] * 4 + ["on", "off"], [NEEDLESS] * 4 + ["ok"])
    assert [reading["state"] for reading in run.power["readings"]][-3:] == ["on", "off", "off"]
    assert run.result == "OFF_CONFIRMED"
    assert run.changed


def test_an_off_refused_by_a_host_that_is_on_is_unknown() -> None:
    run = Run("off", ["on"], [NEEDLESS])
    assert run.result == "UNKNOWN"
    assert "is in that state already" in run.power["message"]
    assert not run.changed


def test_a_refused_off_whose_time_is_too_short_is_no_proof() -> None:
    assert Run("off", ["off"], [NEEDLESS], timeout=4).result == "UNKNOWN"


def test_silence_after_two_off_readings_does_not_make_a_refused_off_steady() -> None:
    """The host may have come on in the seconds that nobody saw."""
    run = Run("off", ["off", "off", "off", SILENCE], [NEEDLESS], timeout=8)
    assert [reading["state"] for reading in run.power["readings"]] == ["off", "off", "off", "unknown"]
    assert run.result == "UNKNOWN"


def test_a_refused_on_is_confirmed_by_a_reading() -> None:
    run = Run("on", ["off", "on"], [NEEDLESS])
    assert (run.result, run.changed) == ("ON_CONFIRMED", True)


def test_an_operating_system_that_ignores_soft_off_is_still_on() -> None:
    assert Run("soft_off", ["on"]).result == "STILL_ON"


@pytest.mark.parametrize("state", ["reset", "cycle"])
@pytest.mark.parametrize("seen", ["on", "off"])
def test_a_restart_is_sent_once_and_confirms_nothing(state: str, seen: str) -> None:
    run = Run(state, [seen])
    assert run.commands == [state]
    assert run.result == "ACCEPTED"
    assert run.power["state"] == "unknown"
    assert run.power["confirmed_at"] is None
    assert run.changed


@pytest.mark.parametrize("state", ["reset", "cycle", "soft_off"])
def test_an_unacknowledged_command_is_not_sent_again(state: str) -> None:
    run = Run(state, ["on"], [SILENCE])
    assert run.commands == [state]
    assert run.result == "UNKNOWN"
    assert f"did not acknowledge {state}, which is sent only once" in run.power["message"]


@pytest.mark.parametrize(
    ("state", "seen", "changed"), [("off", "on", True), ("off", "off", False), ("on", "off", True)]
)
def test_check_mode_reads_and_sends_nothing(state: str, seen: str, changed: bool) -> None:
    clock = Clock()
    device = Scripted(clock, [seen])
    switching = Switching(device, state, Limits(30, 2, 0.5), clock)
    switching.look()
    power = switching.not_sent()
    assert (power["result"], power["state"], device.sent) == ("NOT_SENT", seen, [])
    assert power["confirmed_at"] is None
    assert switching.changed is changed


def test_check_mode_fails_where_nothing_can_be_read() -> None:
    clock = Clock()
    switching = Switching(Scripted(clock, [REFUSAL]), "off", Limits(30, 2, 0.5), clock)
    switching.look()
    with pytest.raises(NeverReached, match="refuses"):
        switching.not_sent()


@pytest.mark.parametrize("state", GOALS)
def test_no_message_contains_the_password(state: str) -> None:
    for reads in ["on"], ["off"], [SILENCE], [REFUSAL]:
        assert "secret" not in str(Run(state, list(reads)).power)


@pytest.mark.parametrize(
    ("timeout", "proofs", "interval", "said"),
    [
        (0, 2, 0.5, "timeout is 0"),
        (-1, 2, 0.5, "timeout is -1"),
        (float("nan"), 2, 0.5, "timeout is nan"),
        (float("inf"), 2, 0.5, "timeout is inf"),
        (30, 0, 0.5, "0 readings prove nothing"),
        (30, 2, 0, "reading_interval is 0"),
        (30, 2, float("nan"), "reading_interval is nan"),
        (1, 5, 0.5, "5 readings 0.5 s apart do not fit into a timeout of 1 s"),
    ],
)
def test_limits_that_make_no_sense_are_named(timeout: float, proofs: int, interval: float, said: str) -> None:
    with pytest.raises(AosError, match=said):
        Limits(timeout, proofs, interval)
