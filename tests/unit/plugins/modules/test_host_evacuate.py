# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import os
import signal
import time
import typing as t

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.aos.cloud_manager.plugins.modules import host_evacuate
from ansible_collections.aos.cloud_manager.tests.unit.plugins.module_utils.simulated_nova import (
    DEAD,
    SPARE,
    SimulatedNova,
    a_server,
)

Outcome = dict[str, t.Any]


def run(
    nova: SimulatedNova, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], **options: t.Any
) -> Outcome:
    """Run the module on a simulated Nova, in which every request passes half a second."""
    nova.now, nova.call_seconds = time.time(), 0.5
    monkeypatch.setattr(host_evacuate, "connect", lambda _params, _microversion: None)
    monkeypatch.setattr(host_evacuate, "Compute", lambda _cloud: nova)
    quick = {"hosts": [DEAD], "poll_interval": 0.1, "group_interval": 0.3, "parallel": 1}
    with patch_module_args(quick | options), pytest.raises(SystemExit):
        host_evacuate.main()
    return t.cast(Outcome, json.loads(capsys.readouterr().out))


def proof(**fields: t.Any) -> Outcome:
    power = {"host": DEAD, "result": "OFF_CONFIRMED", "state": "off", "confirmed_at": time.time()}
    return {"power_off": {DEAD: power | fields}}


def test_everything_that_was_on_the_host_is_in_the_report(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    nova = SimulatedNova(
        [
            a_server("on", metadata={"recovery_priority": "9"}),
            a_server("off", "SHUTOFF"),
            a_server("never", metadata={"recovery_priority": "0"}),
            a_server("unborn", "BUILD"),
        ]
    )
    outcome = run(nova, monkeypatch, capsys, **proof(), _ansible_diff=True)
    evacuation = outcome["evacuation"]
    assert outcome["changed"]
    assert evacuation["counts"] == {"evacuated": 2, "left": 2, "failed": 0, "moving": 0}
    assert {one["name"]: one["outcome"] for one in evacuation["servers"]} == {
        "on": "evacuated",
        "off": "evacuated",
        "never": "left",
        "unborn": "left",
    }
    assert evacuation["started_at"] <= evacuation["first_accepted_at"] <= evacuation["finished_at"]
    assert evacuation["servers"][0]["name"] == "on"
    assert outcome["diff"]["after"] == {"on (on)": SPARE, "off (off)": SPARE}
    assert all(
        set(one)
        == {
            "id", "name", "source", "destination", "priority", "status_before", "status", "outcome", "reason",
            "attempts", "requested_at", "accepted_at", "finished_at", "migration_id", "image_backed",
        }
        for one in evacuation["servers"]
    )  # fmt: skip


def test_the_second_run_changes_nothing_and_still_accounts_for_all(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    nova = SimulatedNova([a_server("on")])
    run(nova, monkeypatch, capsys, **proof())
    outcome = run(nova, monkeypatch, capsys, **proof())
    assert not outcome["changed"]
    assert outcome["evacuation"]["counts"]["evacuated"] == 1
    assert len(nova.requests) == 1


def test_check_mode_shows_the_plan_and_asks_for_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    nova = SimulatedNova([a_server("on"), a_server("never", metadata={"recovery_priority": "0"})])
    outcome = run(nova, monkeypatch, capsys, **proof(result="NOT_SENT"), _ansible_check_mode=True)
    assert outcome["changed"]
    assert {one["name"]: one["outcome"] for one in outcome["evacuation"]["servers"]} == {
        "on": "planned",
        "never": "left",
    }
    assert nova.requests == []


@pytest.mark.parametrize("options", [{}, {"power_off": {DEAD: {}}}, {"override": "yes"}])
def test_nothing_is_even_read_without_a_proof_or_a_word(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], options: Outcome
) -> None:
    nova = SimulatedNova([a_server("on")])
    outcome = run(nova, monkeypatch, capsys, **options)
    assert outcome["failed"]
    assert nova.calls == 0


@pytest.mark.parametrize("result", ["STILL_ON", "UNKNOWN", "NOT_SENT", "ON_CONFIRMED"])
def test_a_host_that_is_not_confirmed_off_is_never_evacuated(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], result: str
) -> None:
    nova = SimulatedNova([a_server("on")])
    outcome = run(nova, monkeypatch, capsys, **proof(result=result))
    assert outcome["failed"]
    assert DEAD in outcome["msg"]
    assert nova.requests == []


def test_a_host_that_nova_shows_up_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    nova = SimulatedNova([a_server("on")], dead=())
    outcome = run(nova, monkeypatch, capsys, hosts=[SPARE], override="Jo: unplugged")
    assert outcome["failed"]
    assert f"down on {SPARE} (up)" in outcome["msg"]
    assert nova.requests == []


def test_an_operators_word_is_in_the_result_and_warned_of(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    nova = SimulatedNova([a_server("on")])
    outcome = run(nova, monkeypatch, capsys, override="Jo: unplugged")
    assert outcome["evacuation"]["override"] == "Jo: unplugged"
    assert any("Jo: unplugged" in warning for warning in outcome["evacuation"]["warnings"])


@pytest.mark.parametrize(("options", "warned"), [({}, True), ({"shared_storage": True}, False)])
def test_local_disks_are_warned_of_unless_storage_is_shared(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], options: Outcome, warned: bool
) -> None:
    nova = SimulatedNova([a_server("local", image_backed=True), a_server("volume")])
    warnings = " ".join(run(nova, monkeypatch, capsys, **proof(), **options)["evacuation"]["warnings"])
    assert ("local" in warnings) is warned
    assert "volume" not in warnings


def test_servers_with_local_disks_can_be_left(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    nova = SimulatedNova([a_server("local", image_backed=True), a_server("volume")])
    evacuation = run(nova, monkeypatch, capsys, **proof(), image_backed="skip")["evacuation"]
    assert {one["name"]: one["outcome"] for one in evacuation["servers"]} == {"local": "left", "volume": "evacuated"}


def test_a_server_that_fails_fails_the_module_with_the_same_report(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    nova = SimulatedNova([a_server("bad"), a_server("good")])
    nova.fate = lambda server: "refused" if server == "bad" else "done"
    outcome = run(nova, monkeypatch, capsys, **proof())
    assert outcome["failed"]
    assert "1 of 2 servers are not evacuated: bad (bad)" in outcome["msg"]
    assert outcome["evacuation"]["counts"] == {"evacuated": 1, "left": 0, "failed": 1, "moving": 0}


def test_a_signal_ends_the_run_early_with_the_list(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    nova = SimulatedNova([a_server(str(number)) for number in range(5)])

    def fate(_server: str) -> str:
        os.kill(os.getpid(), signal.SIGTERM)
        return "silent"

    nova.fate = fate
    before = signal.getsignal(signal.SIGTERM)
    outcome = run(nova, monkeypatch, capsys, **proof())
    assert outcome["failed"]
    assert "interrupted by a signal" in outcome["msg"]
    assert outcome["evacuation"]["counts"] == {"evacuated": 0, "left": 0, "failed": 4, "moving": 1}
    assert len(nova.requests) == 1
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"parallel": 0}, "parallel is 0"),
        ({"retries": 0}, "retries is 0"),
        ({"polls": 0}, "polls is 0"),
        ({"poll_interval": 0}, "poll_interval is 0"),
        ({"group_interval": -1}, "group_interval is -1"),
        ({"default_priority": 11}, "default_priority is 11"),
        ({"proof_max_age": 0}, "proof_max_age is 0"),
        ({"hosts": []}, "hosts is empty"),
        ({"microversion": "2.95"}, "at most 2.94"),
        ({"parallel": 0, "retries": -1}, "retries is -1"),
    ],
)
def test_bad_options_are_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], options: Outcome, part: str
) -> None:
    nova = SimulatedNova([a_server("on")])
    outcome = run(nova, monkeypatch, capsys, **(proof() | options))
    assert outcome["failed"]
    assert part in outcome["msg"]
    assert nova.calls == 0
