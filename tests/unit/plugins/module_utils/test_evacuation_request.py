# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import dataclasses
import typing as t

import pytest

from ansible_collections.aos.cloud_manager.plugins.module_utils.cloud import CloudRefused
from ansible_collections.aos.cloud_manager.plugins.module_utils.compute import Compute, Server
from ansible_collections.aos.cloud_manager.plugins.module_utils.evacuation import Answer, Move, Said
from ansible_collections.aos.cloud_manager.plugins.module_utils.evacuation_request import ask
from ansible_collections.aos.cloud_manager.plugins.module_utils.reporting import AosError
from ansible_collections.aos.cloud_manager.tests.unit.plugins.module_utils.simulated_nova import (
    DEAD,
    SPARE,
    SimulatedNova,
    a_server,
)


def asked(
    server: Server, prepare: t.Callable[[SimulatedNova], None] = lambda _nova: None
) -> tuple[Answer, SimulatedNova]:
    """Ask for one server; the answer, and the Nova it came from some time later."""
    nova = SimulatedNova([server])
    move = Move(server, DEAD, 5)
    prepare(nova)
    answer = ask(t.cast(Compute, nova), move)
    nova.advance(10)
    return answer, nova


@pytest.mark.parametrize("status", ["ACTIVE", "SHUTOFF"])
def test_a_server_keeps_its_state_without_being_reset(status: str) -> None:
    answer, nova = asked(a_server("web", status))
    assert answer.said is Said.ACCEPTED
    assert (nova.all["web"].host, nova.all["web"].status) == (SPARE, status)
    assert "resetState" not in nova.history["web"]


@pytest.mark.parametrize("status", ["PAUSED", "SUSPENDED", "RESCUE", "VERIFY_RESIZE"])
def test_a_server_in_a_state_that_nova_does_not_evacuate_is_reset_and_told_of(status: str) -> None:
    answer, nova = asked(a_server("web", status, vm_state=status.lower()))
    assert answer.said is Said.ACCEPTED
    assert f"was {status}" in answer.note
    assert (nova.all["web"].host, nova.all["web"].status) == (SPARE, "ACTIVE")


@pytest.mark.parametrize(("status", "after"), [("ACTIVE", "ACTIVE"), ("SHUTOFF", "SHUTOFF")])
def test_a_stuck_task_is_told_of_and_does_not_change_how_the_server_ends(status: str, after: str) -> None:
    answer, nova = asked(a_server("web", status, task_state="powering-on"))
    assert "powering-on was stuck" in answer.note
    assert nova.all["web"].status == after


def test_a_stopped_server_that_a_failed_attempt_left_in_error_comes_back_stopped() -> None:
    answer, nova = asked(
        a_server("web", "ERROR", power_state=0), lambda nova: nova.history.update(web=["evacuate", "stop", "create"])
    )
    assert answer.wants_stopped
    assert nova.all["web"].status == "SHUTOFF"


def test_where_nova_cannot_bring_it_back_stopped_it_is_to_be_stopped_after() -> None:
    def prepare(nova: SimulatedNova) -> None:
        nova.history.update(web=["evacuate", "stop", "create"])
        nova.max_microversion = (2, 90)

    answer, nova = asked(a_server("web", "ERROR", power_state=4), prepare)
    assert answer.stop_after
    assert nova.all["web"].status == "ACTIVE"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"host": SPARE}, Said.ELSEWHERE),
        ({"host": None}, Said.AGAIN),
        ({"task_state": "rebuilding"}, Said.BUSY),
        ({"task_state": "rebuild_spawning"}, Said.BUSY),
        ({"vm_state": "soft-delete"}, Said.GONE),
    ],
)
def test_a_server_that_has_changed_since_is_not_asked_for(change: dict[str, t.Any], said: Said) -> None:
    server = a_server("web")
    answer, nova = asked(server, lambda nova: nova.all.update(web=dataclasses.replace(server, **change)))
    assert answer.said is said
    assert nova.requests == []


def test_a_server_that_was_deleted_is_gone() -> None:
    answer, _nova = asked(a_server("web"), lambda nova: nova.all.clear())
    assert answer.said is Said.GONE


def test_a_leftover_task_is_overridden_only_while_nova_lists_no_evacuation() -> None:
    server = a_server("web", task_state="rebuilding")
    nova = SimulatedNova([server])
    move = Move(server, DEAD, 5, ignore_task=True)
    assert ask(t.cast(Compute, nova), move).said is Said.ACCEPTED
    assert ask(t.cast(Compute, nova), move).said is Said.BUSY
    assert len(nova.requests) == 1


@pytest.mark.parametrize(
    ("weather", "said"), [("refused", Said.NOT_SENT), ("deaf", Said.UNCLEAR), ("mute", Said.UNCLEAR)]
)
def test_an_answer_that_does_not_come_is_unclear_only_if_nova_may_have_acted(weather: str, said: Said) -> None:
    def prepare(nova: SimulatedNova) -> None:
        nova.weather = lambda method: weather if method == "evacuate" else "ok"

    assert asked(a_server("web"), prepare)[0].said is said


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (CloudRefused("x", 400, "Compute service of c1 is still in use."), Said.HOST_UP),
        (CloudRefused("x", 400, "ports with accelerators"), Said.REFUSED),
        (CloudRefused("x", 403, "policy"), Said.REFUSED),
        (CloudRefused("x", 404, "no such server"), Said.GONE),
        (AosError("no endpoint"), Said.REFUSED),
    ],
)
def test_a_refusal_is_told_apart(error: AosError, said: Said) -> None:
    class Refusing(SimulatedNova):
        def evacuate(self, server_id: str, microversion: str | None = None) -> None:
            raise error

    nova = Refusing([a_server("web")])
    assert ask(t.cast(Compute, nova), Move(nova.all["web"], DEAD, 5)).said is said


def test_an_older_nova_that_refuses_a_stuck_task_gets_the_state_reset() -> None:
    class Older(SimulatedNova):
        def evacuate(self, server_id: str, microversion: str | None = None) -> None:
            if self.all[server_id].task_state:
                raise CloudRefused("x", 409, "Cannot 'evacuate' instance while it is in task_state powering-off")
            super().evacuate(server_id, microversion)

    nova = Older([a_server("web", "SHUTOFF", task_state="powering-off")])
    nova.max_microversion = (2, 90)
    answer = ask(t.cast(Compute, nova), Move(nova.all["web"], DEAD, 5))
    assert answer.said is Said.ACCEPTED
    assert answer.stop_after
    assert nova.history["web"][:2] == ["evacuate", "resetState"]


def test_a_refusal_because_somebody_else_asked_at_that_moment_resets_nothing() -> None:
    class Racing(SimulatedNova):
        def evacuate(self, server_id: str, microversion: str | None = None) -> None:
            self._take_off(self.all[server_id], stops=False)
            raise CloudRefused("x", 409, "Cannot 'evacuate' instance while it is in task_state rebuilding")

    nova = Racing([a_server("web")])
    assert ask(t.cast(Compute, nova), Move(nova.all["web"], DEAD, 5)).said is Said.BUSY
    assert "resetState" not in nova.history["web"]
