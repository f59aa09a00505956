# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import typing as t

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.aos.cloud_manager.plugins.modules import compute_service, hypervisor_info
from ansible_collections.aos.cloud_manager.tests.unit.plugins.module_utils.scripted_api import (
    ScriptedApi,
    Step,
    a_service,
)

Outcome = dict[str, t.Any]
Run = t.Callable[..., Outcome]
MARK = "aos-cloud-manager: incident 1: powered off, servers evacuated"
LIST = "/os-services"
OURS = {"status": "disabled", "disabled_reason": MARK, "forced_down": True, "state": "down"}


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a module against a script of requests, all of which must be made, and return what it printed."""

    def call(module: t.Any, steps: list[Step], **options: t.Any) -> Outcome:
        api = ScriptedApi(*steps)
        monkeypatch.setattr(module, "connect", lambda _params, _microversion: api.cloud())
        with patch_module_args(options), pytest.raises(SystemExit):
            module.main()
        assert api.done()
        return t.cast(Outcome, json.loads(capsys.readouterr().out))

    return call


def listed(**fields: t.Any) -> Step:
    return Step("GET", LIST, {"services": [a_service("c1", **fields)]}, query={"host": "c1"})


def put(body: dict[str, t.Any], **answer: t.Any) -> Step:
    return Step("PUT", f"{LIST}/id-of-c1", {"service": a_service("c1", **answer)}, body=body)


def test_a_dead_host_is_forced_down_and_disabled_in_one_request(run: Run) -> None:
    body = {"status": "disabled", "disabled_reason": MARK, "forced_down": True}
    outcome = run(
        compute_service, [listed(), put(body, **OURS)], host="c1", state="disabled", reason=MARK, forced_down=True
    )
    assert outcome["changed"]
    assert outcome["service"]["status"] == "disabled"
    assert outcome["service"]["forced_down"]
    assert outcome["kept"] == ""


def test_the_second_run_sends_nothing(run: Run) -> None:
    outcome = run(compute_service, [listed(**OURS)], host="c1", state="disabled", reason=MARK, forced_down=True)
    assert not outcome["changed"]


def test_check_mode_sends_nothing_and_shows_the_same_difference_as_a_real_run(run: Run) -> None:
    options = {"host": "c1", "state": "disabled", "reason": MARK, "forced_down": True, "_ansible_diff": True}
    rehearsed = run(compute_service, [listed()], _ansible_check_mode=True, **options)
    body = {"status": "disabled", "disabled_reason": MARK, "forced_down": True}
    real = run(compute_service, [listed(), put(body, **OURS)], **options)
    assert rehearsed["changed"]
    assert rehearsed["diff"] == real["diff"]
    assert rehearsed["service"] == real["service"]


def test_only_what_differs_is_sent(run: Run) -> None:
    outcome = run(compute_service, [listed(**OURS), put({"status": "enabled"})], host="c1", state="enabled")
    assert outcome["changed"]
    outcome = run(compute_service, [listed(**OURS), put({"forced_down": False})], host="c1", forced_down=False)
    assert outcome["changed"]


def test_a_reason_that_is_there_is_kept_when_none_is_given(run: Run) -> None:
    assert not run(compute_service, [listed(**OURS)], host="c1", state="disabled")["changed"]


def test_the_reason_of_somebody_else_can_be_kept(run: Run) -> None:
    options = {"host": "c1", "state": "disabled", "reason": MARK, "forced_down": True, "keep_reason": True}
    steps = [listed(status="disabled", disabled_reason="fan"), put({"forced_down": True})]
    assert run(compute_service, steps, **options)["changed"]
    body = {"status": "disabled", "disabled_reason": MARK, "forced_down": True}
    assert run(compute_service, [listed(), put(body, **OURS)], **options)["changed"]
    body = {"status": "disabled", "disabled_reason": MARK}
    older = OURS | {"disabled_reason": "aos-cloud-manager: incident 0"}
    assert run(compute_service, [listed(**older), put(body, **OURS)], **options)["changed"]


def test_another_reason_replaces_the_old_one(run: Run) -> None:
    body = {"status": "disabled", "disabled_reason": "fan"}
    steps = [listed(**OURS), put(body, status="disabled", disabled_reason="fan")]
    assert run(compute_service, steps, host="c1", state="disabled", reason="fan")["changed"]


def test_without_a_state_it_only_reads(run: Run) -> None:
    outcome = run(compute_service, [listed()], host="c1")
    assert not outcome["changed"]
    assert set(outcome["service"]) == {
        "id", "host", "state", "status", "disabled_reason", "forced_down", "updated_at", "zone",
    }  # fmt: skip


@pytest.mark.parametrize(
    "fields",
    [
        {"status": "disabled", "disabled_reason": "broken fan", "forced_down": True},
        {"status": "disabled", "disabled_reason": None},
        {"forced_down": True},
        {},
    ],
)
def test_what_an_operator_did_is_kept(run: Run, fields: dict[str, t.Any]) -> None:
    outcome = run(compute_service, [listed(**fields)], host="c1", state="enabled", forced_down=False, only_ours=True)
    assert not outcome["changed"]
    assert "c1" in outcome["kept"]


def test_what_is_ours_may_be_touched(run: Run) -> None:
    steps = [listed(**OURS), put({"status": "enabled", "forced_down": False})]
    outcome = run(compute_service, steps, host="c1", state="enabled", forced_down=False, only_ours=True)
    assert outcome["changed"]


def test_evacuations_that_remain_are_told_of_with_the_remedy(run: Run) -> None:
    message = "Unable to force up host c1 as `done` evacuation migration records remain associated with the host."
    refusal = Step("PUT", f"{LIST}/id-of-c1", {"badRequest": {"code": 400, "message": message}}, 400)
    outcome = run(compute_service, [listed(**OURS), refusal], host="c1", forced_down=False)
    assert outcome["failed"]
    assert outcome["evacuations_remain"]
    assert "restart nova-compute on c1" in outcome["msg"]


def test_an_unknown_host_is_named(run: Run) -> None:
    outcome = run(compute_service, [Step("GET", LIST, {"services": []})], host="c7", state="enabled")
    assert outcome["failed"]
    assert "c7" in outcome["msg"]


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"reason": "x"}, "without state=disabled"),
        ({"reason": "x", "state": "enabled"}, "without state=disabled"),
        ({"reason": "x" * 256, "state": "disabled"}, "256 characters"),
        ({"reason": "  ", "state": "disabled"}, "1 to 255"),
        ({"microversion": "2.11"}, "at least 2.53"),
        ({"microversion": "newest"}, "newest"),
    ],
)
def test_bad_options_are_named_before_anything_is_asked(run: Run, options: dict[str, t.Any], part: str) -> None:
    outcome = run(compute_service, [], host="c1", **options)
    assert outcome["failed"]
    assert part in outcome["msg"]


def test_a_host_in_a_cell_out_of_reach_is_not_touched(run: Run) -> None:
    step = Step("GET", LIST, {"services": [{"binary": "nova-compute", "host": "c1", "status": "UNKNOWN"}]})
    outcome = run(compute_service, [step], host="c1", state="disabled", reason=MARK)
    assert outcome["failed"]
    assert "cell of c1" in outcome["msg"]


SERVER = {
    "id": "u1",
    "name": "web-1",
    "status": "ACTIVE",
    "OS-EXT-SRV-ATTR:host": "c1",
    "OS-EXT-STS:vm_state": "active",
    "OS-EXT-STS:task_state": None,
    "OS-SRV-USG:launched_at": "2026-01-01T00:00:00.000000",
    "image": "",
    "locked": True,
    "metadata": {"recovery_priority": "8"},
}


def test_hosts_are_listed_in_the_order_asked_for_and_unknown_ones_named(run: Run) -> None:
    step = Step("GET", LIST, {"services": [a_service("c1"), a_service("c2", state="down")]})
    outcome = run(hypervisor_info, [step], hosts=["c2", "c1"])
    assert [(one["host"], one["state"]) for one in outcome["hypervisors"]] == [("c2", "down"), ("c1", "up")]
    assert [one["host"] for one in run(hypervisor_info, [step])["hypervisors"]] == ["c1", "c2"]
    failed = run(hypervisor_info, [step], hosts=["c1", "c9"])
    assert "c9" in failed["msg"]


def test_servers_of_all_projects_are_listed_on_demand(run: Run) -> None:
    steps = [
        Step("GET", LIST, {"services": [a_service("c1")]}),
        Step("GET", "/servers/detail", {"servers": [SERVER]}, query={"all_tenants": "1", "host": "c1"}),
    ]
    outcome = run(hypervisor_info, steps, hosts=["c1"], servers=True, _ansible_check_mode=True)
    assert outcome["hypervisors"][0]["servers"] == [
        {
            "id": "u1",
            "name": "web-1",
            "status": "ACTIVE",
            "vm_state": "active",
            "task_state": None,
            "metadata": {"recovery_priority": "8"},
            "launched_at": "2026-01-01T00:00:00.000000",
            "image_backed": False,
            "locked": True,
        }
    ]
