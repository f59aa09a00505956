# SPDX-License-Identifier: GPL-3.0-or-later
"""From a playbook's events to lines of a timeline; whatever has another shape is passed over."""

from __future__ import annotations

from typing import Any

import pytest

from cloud_manager.adapters.job_events import CheckReport, JobReport
from cloud_manager.domain.actions import CheckPower, Recover
from cloud_manager.domain.facts import Fence, JobStatus, Power, PowerReading
from cloud_manager.domain.power import PowerControl, PowerLink, Secret


def event(module: str, result: Any, name: str = "runner_on_ok", **data: Any) -> dict[str, Any]:
    return {"event": name, "event_data": {"task_action": f"aos.cloud_manager.{module}", "res": result, **data}}


def report() -> JobReport:
    return JobReport(Recover("1-recover-1", "c1", 1))


def row(name: str, outcome: str, **changes: Any) -> dict[str, Any]:
    return {"id": f"id-{name}", "name": name, "source": "c1", "outcome": outcome, **changes}


def test_an_evacuation_is_counted_and_its_servers_are_told() -> None:
    servers = [
        row("web", "evacuated", destination="c2", priority=7, status="ACTIVE", accepted_at=12.5),
        row("spare", "left", reason="priority 0"),
        row("db", "failed", reason="no valid host", attempts=2),
        row("slow", "moving"),
    ]
    one = report()
    texts, moves = one.take(event("host_evacuate", {"evacuation": {"servers": servers, "warnings": ["local disks"]}}))
    assert texts == ("evacuation: 1 evacuated, 1 left, 1 failed, 1 still moving", "warning: local disks")
    assert (moves[0].destination, moves[0].priority, moves[0].accepted_at) == ("c2", 7, 12.5)
    fact = one.fact(JobStatus.FAILED)
    assert fact.left == {"id-spare": "priority 0"}
    assert fact.failed == {"id-db": "no valid host", "id-slow": "still moving when the playbook gave up waiting"}


def test_servers_of_another_host_of_the_same_run_are_not_ours() -> None:
    servers = [row("web", "evacuated"), row("far", "failed", source="c9")]
    one = report()
    _, moves = one.take(event("host_evacuate", {"evacuation": {"servers": servers}}))
    assert [move.name for move in moves] == ["web"]
    assert one.fact(JobStatus.SUCCEEDED).failed == {}


OURS = {"state": "down", "status": "disabled", "forced_down": True, "disabled_reason": "why"}


@pytest.mark.parametrize(
    ("service", "text"),
    [
        (OURS, "compute service is down, disabled, forced down (why)"),
        ({"state": "up", "status": "enabled", "forced_down": False}, "compute service is up, enabled"),
    ],
)
def test_the_service_is_told_as_it_is(service: dict[str, Any], text: str) -> None:
    assert report().take(event("compute_service", {"service": service})) == ((text,), ())


def test_a_service_that_was_kept_is_told_with_the_reason() -> None:
    result = {"service": {"state": "up", "status": "disabled"}, "kept": "an operator disabled it"}
    texts, _ = report().take(event("compute_service", result))
    assert texts == ("compute service is up, disabled; left as it is: an operator disabled it",)


def test_a_plain_reading_is_no_result_of_fencing() -> None:
    one = report()
    said = {"power": {"state": "unknown", "result": "UNKNOWN", "control": "bmc", "message": "no answer"}}
    texts, _ = one.take(event("power_info", said))
    assert texts == ("power control bmc reads unknown: no answer",)
    assert one.fact(JobStatus.SUCCEEDED).power == PowerReading("bmc", Power.UNKNOWN, None, "no answer")


def test_a_fencing_that_is_not_confirmed_names_the_control_and_why() -> None:
    one = report()
    said = {"power": {"state": "on", "result": "STILL_ON", "control": "bmc", "message": "stuck"}, "msg": "failed"}
    texts, _ = one.take(event("power", said, "runner_on_failed"))
    assert texts == ("power control bmc did not confirm power-off (STILL_ON): stuck",)
    assert one.fact(JobStatus.FAILED).power == PowerReading("bmc", Power.ON, Fence.STILL_ON, "stuck")


def attempt(control: str, result: str, message: str = "") -> dict[str, Any]:
    return {"control": control, "result": result, "message": message, "readings": [{}, {}, {}], "duration": 1.0}


def test_every_control_that_was_tried_has_a_line() -> None:
    one = report()
    attempts = [attempt("bmc", "UNKNOWN", "no answer"), attempt("pdu", "OFF_CONFIRMED")]
    said = {"state": "off", "result": "OFF_CONFIRMED", "control": "pdu", "message": "is off", "attempts": attempts}
    texts, _ = one.take(event("power", {"power": said}))
    assert texts == (
        "power control bmc did not confirm power-off (UNKNOWN): no answer",
        "power control pdu confirmed power-off by 3 readings",
    )
    assert one.fact(JobStatus.SUCCEEDED).power == PowerReading("pdu", Power.OFF, Fence.OFF_CONFIRMED, "is off")


def test_a_confirmation_that_another_control_contradicts_is_none() -> None:
    one = report()
    attempts = [
        attempt("bmc", "UNKNOWN", "no answer"),
        attempt("pdu", "OFF_CONFIRMED"),
        attempt("bmc", "STILL_ON", "reads on after pdu confirmed"),
    ]
    said = {"state": "on", "result": "STILL_ON", "control": "bmc", "message": "none", "attempts": attempts}
    texts, _ = one.take(event("power", {"power": said}, "runner_on_failed"))
    assert len(texts) == 3
    assert texts[2] == "power control bmc did not confirm power-off (STILL_ON): reads on after pdu confirmed"
    assert one.fact(JobStatus.FAILED).power == PowerReading("bmc", Power.ON, Fence.STILL_ON, "none")


def test_a_hold_names_every_one_of_several_controls_and_the_identity_that_the_last_tells() -> None:
    """As long as the module `power` makes it for a host with four controls and full names."""
    silent = "gave no answer within 20.0 s; check its address and port, its network and its power " + "x" * 100
    words = [f"power control bmc-of-compute-{number}.example.org {silent}" for number in range(3)]
    words.append(f"tells identity {'a' * 36}, recorded is {'b' * 36}; nothing was sent")
    message = "host compute-01.example.org is not confirmed off by any of its power controls: " + "; ".join(words)
    said = {"state": "unknown", "result": "UNKNOWN", "control": "bmc", "message": message}
    one = report()
    one.take(event("power", {"power": said}, "runner_on_failed"))
    power = one.fact(JobStatus.FAILED).power
    assert power is not None
    assert power.message == message


def test_what_a_playbook_says_without_end_is_cut() -> None:
    one = report()
    one.take(event("power", {"msg": "x" * 100_000}, "runner_on_failed"))
    assert len(one.fact(JobStatus.FAILED).message) < 10_000


def test_one_attempt_is_one_line() -> None:
    said = {"state": "off", "result": "OFF_CONFIRMED", "control": "bmc", "readings": [{}], "message": "is off"}
    texts, _ = report().take(event("power", {"power": said | {"attempts": [attempt("bmc", "OFF_CONFIRMED")]}}))
    assert texts == ("power control bmc confirmed power-off by 1 readings",)


def test_the_same_line_is_told_once() -> None:
    one, same = report(), event("compute_service", {"service": {"state": "up", "status": "enabled"}})
    one.take(same)
    assert one.take(same) == ((), ())


def test_the_message_is_the_last_failed_tasks() -> None:
    one = report()
    one.take(event("power", {"msg": "first"}, "runner_on_failed"))
    one.take(event("power", {"msg": "ignored"}, "runner_on_failed", ignore_errors=True))
    one.take(event("host_evacuate", {"msg": "last\n line"}, "runner_on_failed"))
    assert one.fact(JobStatus.FAILED).message == "last line"
    assert one.fact(JobStatus.SUCCEEDED).message == ""


def test_without_any_task_the_last_line_of_output_is_the_message() -> None:
    one = report()
    one.take({"event": "verbose", "stdout": "ERROR! the playbook could not be found"})
    one.take({"event": "verbose", "stdout": "  "})
    assert one.fact(JobStatus.FAILED).message == "ERROR! the playbook could not be found"


@pytest.mark.parametrize(
    "garbage",
    [
        {},
        {"event": "runner_on_ok"},
        {"event": "runner_on_ok", "event_data": "x"},
        event("power", None),
        event("power", {"power": "off"}),
        event("power", {"power": {"state": 7, "result": [], "readings": 3}}),
        event("power", {"power": {"attempts": [{"result": "OFF_CONFIRMED"}, 7, {"control": [], "readings": 1}]}}),
        event("power", {"power": {"attempts": "OFF_CONFIRMED"}}),
        event("host_evacuate", {"evacuation": {"servers": "none"}}),
        event(
            "host_evacuate", {"evacuation": {"servers": [7, {"id": 7}, {"id": "x", "priority": "hi", "outcome": "?"}]}}
        ),
        event("compute_service", {"service": []}),
        {"event": "runner_on_ok", "event_data": {"task_action": "stranger.power", "res": {"power": {"state": "off"}}}},
    ],
)
def test_garbage_is_no_proof_of_anything(garbage: dict[str, Any]) -> None:
    one = report()
    one.take(garbage)
    power = one.fact(JobStatus.SUCCEEDED).power
    assert power is None or (power.state, power.result) == (Power.UNKNOWN, None)


@pytest.mark.parametrize(
    ("told", "identity"),
    [
        ({}, None),
        ({"identity": ""}, ""),
        ({"identity": None}, None),
        ({"identity": ["x"]}, None),
        ({"identity": " CZ\n1234 "}, "CZ 1234"),
        ({"identity": "x" * 300}, "x" * 255),
    ],
)
def test_the_identity_of_a_machine_is_taken_where_it_is_told(told: dict[str, Any], identity: str | None) -> None:
    one = report()
    one.take(event("power_info", {"power": {"state": "on", "control": "bmc", **told}}))
    assert one.fact(JobStatus.SUCCEEDED).power == PowerReading("bmc", Power.ON, identity=identity)


BOARD = PowerControl("board", "snmp", "192.0.2.2", 161, "", Secret("private"), outlets=8)


def seen(**changes: Any) -> dict[str, Any]:
    return {"host": "c1", "control": "board", "outlet": 3, "state": "on", "message": "reads on", **changes}


def told_of(*results: Any, name: str = "runner_on_ok") -> list[tuple[str, int | None, PowerReading]]:
    """What a check of c1 and c2, on an outlet each and c1 on another one, tells of these results."""
    told: list[tuple[str, int | None, PowerReading]] = []
    hosts = {"c1": [PowerLink("c1", BOARD, 3), PowerLink("c1", BOARD, 4)], "c2": [PowerLink("c2", BOARD, 5)]}
    report = CheckReport(
        CheckPower("check-1"), hosts, lambda link, reading: told.append((link.host, link.outlet, reading))
    )
    for result in results:
        assert report.take(event("power_info", result, name)) == ((), ())
    return told


@pytest.mark.parametrize("name", ["runner_on_ok", "runner_on_failed"])
def test_a_check_tells_each_link_by_itself_and_once(name: str) -> None:
    first = {"controls": [seen(), seen(outlet=4, state="unknown", message="is silent")]}
    assert told_of(first, first, {"controls": [seen(host="c2", outlet=5, state="off")]}, name=name) == [
        ("c1", 3, PowerReading("board", Power.ON, message="reads on")),
        ("c1", 4, PowerReading("board", Power.UNKNOWN, message="is silent")),
        ("c2", 5, PowerReading("board", Power.OFF, message="reads on")),
    ]


@pytest.mark.parametrize(
    "result",
    [
        {"power": {"state": "on"}},
        {"controls": "all"},
        {"controls": [None, 1, []]},
        {"controls": [seen(host="c9"), seen(outlet=5), seen(control="other"), seen(outlet=None)]},
        {"controls": [seen(host=["c1"]), seen(outlet={}), seen(control=None), {}]},
    ],
)
def test_what_a_check_does_not_know_is_passed_over(result: dict[str, Any]) -> None:
    assert told_of(result) == []
