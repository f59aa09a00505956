# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import typing as t
from pathlib import Path

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.aos.cloud_manager.plugins.module_utils.power_controls import DRIVERS
from ansible_collections.aos.cloud_manager.plugins.modules import power, power_info
from ansible_collections.aos.cloud_manager.tests.unit.plugins.module_utils.fake_power import (
    PASSWORD,
    WRONG_PASSWORD,
    FakeBench,
    FakeDriver,
)

Outcome = dict[str, t.Any]
Run = t.Callable[..., Outcome]


@pytest.fixture
def bench(tmp_path: Path) -> FakeBench:
    return FakeBench(tmp_path)


@pytest.fixture
def run(bench: FakeBench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a module for the bench's host and return what it printed."""
    monkeypatch.setitem(DRIVERS, "fake", FakeDriver)
    arguments = {"reading_interval": 0.1, "name": bench.host, "controls": [bench.item()]}
    choices = power.ARGUMENTS["controls"]["options"]["protocol"]
    monkeypatch.setitem(choices, "choices", ["fake"])

    def call(module: t.Any, **options: t.Any) -> Outcome:
        with patch_module_args(arguments | options), pytest.raises(SystemExit):
            module.main()
        printed = capsys.readouterr().out
        assert PASSWORD not in printed
        assert WRONG_PASSWORD not in printed
        return t.cast(Outcome, json.loads(printed))

    return call


def test_a_host_is_fenced_and_the_second_run_changes_nothing(run: Run, bench: FakeBench) -> None:
    first = run(power, state="off")
    assert first["changed"]
    assert first["power"]["result"] == "OFF_CONFIRMED"
    second = run(power, state="off")
    assert not second["changed"]
    assert second["power"]["result"] == "OFF_CONFIRMED"
    assert bench.commands() == ["off", "off"]


def test_a_result_names_the_host_and_the_control(run: Run) -> None:
    result = run(power, state="on")["power"]
    assert (result["host"], result["control"], result["state"]) == ("c1", "bmc", "on")
    assert set(result) == {
        "host", "state", "result", "control", "readings", "attempts", "message", "confirmed_at", "duration",
    }  # fmt: skip


def test_check_mode_switches_nothing_and_shows_the_difference(run: Run, bench: FakeBench) -> None:
    outcome = run(power, state="off", _ansible_check_mode=True, _ansible_diff=True)
    assert outcome["changed"]
    assert outcome["diff"] == {"before": {"power": "on"}, "after": {"power": "off"}}
    assert outcome["power"]["result"] == "NOT_SENT"
    assert bench.commands() == []


@pytest.mark.parametrize(("fault", "result"), [("stuck", "STILL_ON"), ("silent", "UNKNOWN")])
def test_an_unconfirmed_off_fails_and_says_why(run: Run, bench: FakeBench, fault: str, result: str) -> None:
    bench.fault(fault)
    outcome = run(power, state="off", timeout=1.0)
    assert outcome["failed"]
    assert outcome["power"]["result"] == result
    assert outcome["power"]["duration"] < 2
    assert outcome["msg"] == outcome["power"]["message"]
    assert f"host c1: power control bmc (fake {bench.folder}:1)" in outcome["msg"]


def test_a_wrong_password_fails_at_once(run: Run, bench: FakeBench) -> None:
    outcome = run(power, state="off", controls=[bench.item(password=WRONG_PASSWORD)])
    assert outcome["failed"]
    assert outcome["power"]["result"] == "UNKNOWN"
    assert outcome["power"]["duration"] < 2
    assert "refuses the login" in outcome["msg"]


def test_the_environment_gives_a_missing_password(run: Run, bench: FakeBench, monkeypatch: pytest.MonkeyPatch) -> None:
    item = bench.item()
    del item["password"]
    assert "has no password" in run(power, state="off", controls=[item])["msg"]
    monkeypatch.setenv("AOS_BMC_PASSWORD", PASSWORD)
    assert run(power, state="off", controls=[item])["power"]["result"] == "OFF_CONFIRMED"


def test_bad_options_are_an_error_that_names_them(run: Run) -> None:
    outcome = run(power, state="off", timeout=1, off_readings=20, reading_interval=0.5)
    assert outcome["failed"]
    assert "20 readings 0.5 s apart do not fit" in outcome["msg"]


def test_the_default_control_is_the_one_that_switches(run: Run, bench: FakeBench) -> None:
    items = [bench.item(title="pdu"), bench.item(default=True)]
    assert run(power, state="off", controls=items)["power"]["control"] == "bmc"
    assert "no default power control (pdu, bmc)" in run(power, state="off", controls=[items[0], bench.item()])["msg"]


def test_the_next_control_confirms_where_the_default_one_is_silent(run: Run, bench: FakeBench, tmp_path: Path) -> None:
    relays = FakeBench(tmp_path / "pdu", outlets=2)
    bench.fault("silent")
    items = [bench.item(default=True), *relays.items(title="pdu")]
    outcome = run(power, state="off", timeout=1.0, controls=items)
    assert "failed" not in outcome
    assert (outcome["power"]["control"], outcome["power"]["result"]) == ("pdu", "OFF_CONFIRMED")
    assert [attempt["control"] for attempt in outcome["power"]["attempts"]] == ["bmc", "pdu"]
    assert outcome["power"]["readings"][-1]["outlets"] == {"outlet 1": "off", "outlet 2": "off"}
    assert relays.commands() == ["off", "off"]


@pytest.mark.parametrize(
    ("default", "said"),
    [("pdu", "outlet 2 on after power control bmc confirmed off"), ("bmc", "outlet 2 on after 1 s")],
)
def test_one_of_two_supplies_that_stays_on_is_believed(
    run: Run, bench: FakeBench, tmp_path: Path, default: str, said: str
) -> None:
    """Whatever the order: where another control had to confirm, one supply that is on is an objection."""
    relays = FakeBench(tmp_path / "pdu", outlets=2)
    relays.fault("stuck", 2)
    if default == "bmc":
        bench.fault("silent")
    items = [bench.item(default=default == "bmc"), *relays.items(title="pdu", default=default == "pdu")]
    outcome = run(power, state="off", timeout=1.0, controls=items)
    assert outcome["failed"]
    assert (outcome["power"]["control"], outcome["power"]["result"]) == ("pdu", "STILL_ON")
    assert f"reads outlet 1 off, {said}" in outcome["msg"]
    # the last one may have been cut short by the deadline
    complete = [one for one in outcome["power"]["attempts"][-1]["readings"] if "unknown" not in one["outlets"].values()]
    assert complete[-1]["outlets"] == {"outlet 1": "off", "outlet 2": "on"}


@pytest.mark.parametrize("broken", [{"password": ""}, {"outlet": 99999}])
@pytest.mark.parametrize("default", [True, False])
def test_a_control_that_makes_no_sense_keeps_no_other_from_fencing(
    run: Run, bench: FakeBench, tmp_path: Path, broken: dict[str, t.Any], default: bool
) -> None:
    spare = bench.item(title="spare", default=default) | broken
    outcome = run(power, state="off", controls=[spare, bench.item(default=not default)])
    assert (outcome["power"]["control"], outcome["power"]["result"]) == ("bmc", "OFF_CONFIRMED")
    assert [attempt["control"] for attempt in outcome["power"]["attempts"]] == ["spare", "bmc"][not default :]
    assert ("cannot be used: " in outcome["power"]["message"]) is default
    assert run(power, state="off", controls=[spare])["failed"]


def test_a_default_control_that_still_reads_on_contradicts_the_relay(
    run: Run, bench: FakeBench, tmp_path: Path
) -> None:
    relay = FakeBench(tmp_path / "pdu")
    bench.fault("stuck")
    outcome = run(power, state="off", timeout=1.0, controls=[bench.item(default=True), relay.item(title="pdu")])
    assert outcome["failed"]
    assert (outcome["power"]["control"], outcome["power"]["result"]) == ("bmc", "STILL_ON")
    assert "linked to another host" in outcome["msg"]


@pytest.mark.parametrize(
    ("told", "said"),
    [("SN-2", "tells identity SN-2, recorded is SN-1; nothing was sent"), ("", "tells no identity, recorded is SN-1")],
)
def test_a_foreign_device_is_not_switched(run: Run, bench: FakeBench, tmp_path: Path, told: str, said: str) -> None:
    bench.tells(told)
    other = FakeBench(tmp_path / "pdu")
    items = [bench.item(default=True, identity="SN-1"), other.item(title="pdu")]
    for mode in (True, False):
        outcome = run(power, state="off", controls=items, _ansible_check_mode=mode)
        assert outcome["failed"]
        assert not outcome["changed"]
        assert outcome["power"]["result"] == "UNKNOWN"
        assert said in outcome["msg"]
        assert "record its identity anew" in outcome["msg"]
    assert bench.commands() + other.commands() == []


def test_a_device_with_the_recorded_identity_is_switched(run: Run, bench: FakeBench) -> None:
    bench.tells(" sn-1\n")
    outcome = run(power, state="off", controls=[bench.item(identity="SN-1")])
    assert outcome["power"]["result"] == "OFF_CONFIRMED"


def test_power_info_does_not_believe_a_foreign_device(run: Run, bench: FakeBench) -> None:
    bench.host_is("off")
    bench.tells("SN-2")
    outcome = run(power_info, identity=True, readings=2, controls=[bench.item(identity="SN-1")])
    assert (outcome["power"]["state"], outcome["power"]["result"]) == ("unknown", "UNKNOWN")
    assert "tells identity SN-2, recorded is SN-1" in outcome["power"]["message"]
    assert outcome["power"]["identity"] == "SN-2"


def test_power_info_tells_identities_when_asked(run: Run, bench: FakeBench, tmp_path: Path) -> None:
    bench.tells("SN-1")
    relays = FakeBench(tmp_path / "pdu", outlets=2)
    items = [bench.item(default=True), *relays.items(title="pdu"), bench.item(title="x", password=WRONG_PASSWORD)]
    assert [one["identity"] for one in run(power_info, controls=items)["controls"]] == [None] * 3
    asked = run(power_info, controls=items, identity=True)
    assert [one["identity"] for one in asked["controls"]] == ["SN-1", "", None]


def test_power_info_shows_outlets_that_differ(run: Run, bench: FakeBench, tmp_path: Path) -> None:
    relays = FakeBench(tmp_path / "pdu", outlets=2)
    (relays.folder / "power-2").write_text("off")
    outcome = run(power_info, controls=relays.items(), readings=2)
    assert (outcome["power"]["state"], outcome["power"]["result"]) == ("partly", "UNKNOWN")
    assert outcome["power"]["confirmed_at"] is None
    assert "reads outlet 1 on, outlet 2 off" in outcome["power"]["message"]


def test_power_info_shows_every_control_and_the_default_one(run: Run, bench: FakeBench) -> None:
    items = [bench.item(title="pdu", password=WRONG_PASSWORD), bench.item(default=True)]
    outcome = run(power_info, controls=items, readings=2)
    assert not outcome["changed"]
    assert (outcome["power"]["control"], outcome["power"]["state"]) == ("bmc", "on")
    assert [(one["control"], one["result"]) for one in outcome["controls"]] == [("pdu", "UNKNOWN"), ("bmc", "READ")]
    assert len(outcome["power"]["readings"]) == 2
    assert bench.commands() == []


def test_power_info_does_not_fail_for_a_silent_control(run: Run, bench: FakeBench) -> None:
    bench.fault("silent")
    outcome = run(power_info, timeout=0.5)
    assert "failed" not in outcome
    assert (outcome["power"]["state"], outcome["power"]["result"]) == ("unknown", "UNKNOWN")
    assert "gave no answer" in outcome["power"]["message"]


def test_power_info_separately_hides_no_outlet_and_no_control_that_fails(
    run: Run, bench: FakeBench, tmp_path: Path
) -> None:
    relays = FakeBench(tmp_path / "pdu", outlets=2)
    relays.fault("silent", outlet=2)
    (relays.folder / "power-1").write_text("off")
    items = [bench.item(default=True), *relays.items(title="pdu"), bench.item(title="open", password="")]
    outcome = run(power_info, controls=items, separately=True, timeout=0.5)
    assert "failed" not in outcome
    assert [(one["control"], one["outlet"], one["state"]) for one in outcome["controls"]] == [
        ("bmc", None, "on"),
        ("pdu", 1, "off"),
        ("pdu", 2, "unknown"),
        ("open", None, "unknown"),
    ]
    assert "power" not in outcome
    assert "outlet 2 gave no answer" in outcome["controls"][2]["message"]
    assert "has no password; set it" in outcome["controls"][3]["message"]
    assert bench.commands() == relays.commands() == []


def test_power_info_separately_refuses_what_makes_no_sense_together_and_tells_what_it_read(
    run: Run, bench: FakeBench
) -> None:
    outcome = run(power_info, controls=[bench.item(title="a"), bench.item(title="b")], separately=True)
    assert outcome["failed"]
    assert "host c1 has no default power control (a, b)" in outcome["msg"]
    assert [one["state"] for one in outcome["controls"]] == ["on", "on"]
    assert "has no power control" in run(power_info, controls=[], separately=True)["msg"]
