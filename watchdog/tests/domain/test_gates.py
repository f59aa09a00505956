# SPDX-License-Identifier: GPL-3.0-or-later
"""Each gate holds for its own reason, says it, and no gate can be removed unnoticed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from cloud_manager.domain import states
from cloud_manager.domain.actions import Recover
from cloud_manager.domain.decide import decide
from cloud_manager.domain.facts import Facts, Fence
from cloud_manager.domain.gates import GATES, Gate
from cloud_manager.domain.policy import Policy
from cloud_manager.domain.records import Records, State

from .cluster import DOWN, NOW, POLICY, UP, a_cluster, c1, reading

NOTHING = Records()
Situation = tuple[Facts, Records, Policy, str]

# Situations in which one gate alone stands between c1, which is down, and its recovery:
# name -> facts, memory, policy, reason.
HELD: dict[str, Callable[[], Situation]] = {
    # maintenance is a state of its own as well; a recovery that was interrupted meets the gate
    "planned": lambda: (
        a_cluster().down("c1").but(maintenance={"c1": "new memory"}).servers("s1").facts(),
        c1(State.RECOVERING, downs=2),
        POLICY,
        "in maintenance: new memory",
    ),
    "planned, switching": lambda: (
        a_cluster().down("c1").but(switching={"c1": "power.on by ada since noon"}).facts(),
        c1(State.SUSPECT, downs=1),
        POLICY,
        "an operator switches its power: power.on by ada since noon",
    ),
    "operators_act": lambda: (
        a_cluster().down("c1", forced_down=True).facts(),
        c1(State.SUSPECT, downs=1),
        POLICY,
        "an operator forced the service down",
    ),
    "operators_act, disabled": lambda: (
        a_cluster().down("c1", enabled=False, disabled_reason="broken fan").facts(),
        NOTHING,
        POLICY,
        "an operator disabled the service (broken fan)",
    ),
    "observer_sees": lambda: (
        a_cluster().down("c1").but(control_plane={"nova-scheduler": 0, "nova-conductor": 1}).facts(),
        c1(State.HELD, downs=2),
        POLICY,
        "the watchdog is blind: no nova-scheduler is up",
    ),
    "observer_sees, bus": lambda: (
        a_cluster().down("c1", age=61).host("c2", heartbeat_at=NOW - 58).host("c3", heartbeat_at=NOW - 59).facts(),
        c1(State.HELD, downs=2),
        POLICY,
        "the heartbeats of the other hosts stopped together with c1's",
    ),
    "observer_sees, all": lambda: (
        a_cluster().down("c1", "c2", "c3").facts(),
        c1(State.HELD, downs=2),
        replace(POLICY, max_down_hosts=9),
        "no host is up",
    ),
    "observer_sees, settling": lambda: (
        a_cluster().down("c1").facts(),
        replace(c1(State.HELD, downs=2), blind_at=NOW - 30),
        POLICY,
        "the watchdog was blind a moment ago",
    ),
    "observer_sees, missing": lambda: (
        a_cluster().down("c1", "c2").facts(),
        replace(c1(State.HELD, downs=2), blind_at=NOW - 290, missing=frozenset({"c1", "c2"})),
        replace(POLICY, max_down_hosts=2, settle_seconds=60),
        "the watchdog was blind a moment ago; waiting [recovery] settle_seconds",
    ),
    "few_enough_down": lambda: (
        a_cluster().down("c1", "c2").facts(),
        NOTHING,
        POLICY,
        "2 hosts are down (c1, c2), [node_tracker] max_down_hosts is 1",
    ),
    "few_enough_down, off": lambda: (
        a_cluster().down("c1").facts(),
        NOTHING,
        replace(POLICY, max_down_hosts=0),
        "automatic recovery is off",
    ),
    "evacuation_allowed": lambda: (
        a_cluster().down("c1").facts(),
        NOTHING,
        replace(POLICY, allow_evacuate_host=False),
        "allow_evacuate_host is False",
    ),
    "evacuation_allowed, denied": lambda: (
        a_cluster().down("c1").facts(),
        NOTHING,
        replace(POLICY, deny_evacuate=frozenset({"c1"})),
        "the host is in [host_tasks] deny_evacuate",
    ),
    "power_off_provable": lambda: (
        a_cluster().down("c1").but(controls={}).facts(),
        NOTHING,
        POLICY,
        "no power control is linked to the host",
    ),
    "power_off_provable, after an attempt": lambda: (
        a_cluster().down("c1").facts(),
        c1(State.HELD, downs=2, fence=reading(Fence.STILL_ON), retry_at=NOW + 20),
        POLICY,
        "power control bmc-c1 did not confirm power-off (STILL_ON): no answer in 30 s",
    ),
}
SITUATIONS = pytest.mark.parametrize("situation", HELD.values(), ids=HELD.keys())


def nothing_is_started(situation: Situation) -> None:
    facts, records, policy, reason = situation
    decision = decide(facts, records, policy)
    assert not [action for action in decision.actions if isinstance(action, Recover)]
    assert reason in decision.records.hosts["c1"].reason
    assert [step.text for step in decision.steps if step.host == "c1"]


@SITUATIONS
def test_a_gate_holds_and_says_why(situation):
    nothing_is_started(situation())


@SITUATIONS
def test_an_unchanged_situation_adds_nothing_to_the_timeline(situation):
    facts, records, policy, _ = situation()
    for second in range(2):  # an interrupted recovery passes through HELD into MAINTENANCE
        records = decide(replace(facts, now=NOW + second), records, policy).records
    assert not decide(replace(facts, now=NOW + 2), records, policy).steps


@SITUATIONS
def test_the_same_situation_without_its_cause_is_recovered(situation):
    _, records, _, _ = situation()
    facts = a_cluster().down("c1").servers("s1").facts()
    memory = c1(State.HELD, downs=1) if "c1" in records.hosts else NOTHING
    decision = decide(facts, memory, POLICY)
    assert [type(action) for action in decision.actions] == [Recover]


def test_every_gate_has_a_situation_of_its_own():
    assert {name.split(",")[0] for name in HELD} == {gate.__name__ for gate in GATES}


@pytest.mark.parametrize("gate", GATES, ids=lambda gate: gate.__name__)
def test_removing_a_single_gate_is_noticed(gate: Gate, monkeypatch):
    """The mutation proof: without the gate, each of its situations starts a recovery and the test above fails."""
    monkeypatch.setattr(states, "GATES", tuple(other for other in GATES if other is not gate))
    for name, situation in HELD.items():
        if name.split(",")[0] == gate.__name__:
            with pytest.raises(AssertionError):
                nothing_is_started(situation())


def test_an_operators_word_replaces_the_power_control():
    facts = a_cluster().down("c1").but(controls={}, acknowledged={"c1": "alice: I pulled the plug"}).facts()
    (action,) = decide(facts, NOTHING, POLICY).actions
    assert isinstance(action, Recover)
    assert action.override == "alice: I pulled the plug"


def test_the_word_counts_where_the_control_did_not_confirm():
    facts = a_cluster().down("c1").but(acknowledged={"c1": "alice: I pulled the plug"}).facts()
    failed_fence = c1(State.HELD, downs=2, fence=reading(Fence.UNKNOWN), retry_at=NOW + 20)
    (action,) = decide(facts, failed_fence, POLICY).actions
    assert isinstance(action, Recover)
    assert action.override == "alice: I pulled the plug"


def test_a_control_that_may_work_is_asked_whatever_was_said():
    facts = a_cluster().down("c1").but(acknowledged={"c1": "alice: I pulled the plug"}).facts()
    (action,) = decide(facts, NOTHING, POLICY).actions
    assert isinstance(action, Recover)
    assert action.override == ""


def test_two_late_peers_of_many_are_blindness_enough():
    cluster = a_cluster().down("c1", age=61)
    for n in range(4, 12):
        cluster.add(f"c{n}", heartbeat_at=NOW - (58 if n < 6 else 1))
    decision = decide(cluster.facts(), NOTHING, POLICY)
    assert "stopped together with c1's" in decision.blind
    assert not decision.actions


def test_without_required_fencing_and_without_control_the_override_names_the_configuration():
    facts = a_cluster().down("c1").but(controls={}).facts()
    (action,) = decide(facts, NOTHING, replace(POLICY, fencing_required=False)).actions
    assert isinstance(action, Recover)
    assert "[fencing] required is False" in action.override


def test_a_linked_control_is_used_even_where_fencing_is_not_required():
    (action,) = decide(a_cluster().down("c1").facts(), NOTHING, replace(POLICY, fencing_required=False)).actions
    assert isinstance(action, Recover)
    assert action.override == ""


def test_a_disabled_host_is_recovered_on_request_and_stays_the_operators():
    facts = a_cluster().down("c1", enabled=False, disabled_reason="broken fan").facts()
    decision = decide(facts, NOTHING, replace(POLICY, recover_disabled_hosts=True))
    (action,) = decision.actions
    assert isinstance(action, Recover)
    assert not action.disable_service


@pytest.mark.parametrize("observation", [UP, DOWN])
def test_a_host_that_nobody_knows_to_be_down_is_left_alone_while_nova_cannot_be_read(observation):
    facts = a_cluster().host("c1", observation=observation).but(error="Nova does not answer").facts()
    decision = decide(facts, NOTHING, POLICY)
    assert decision.blind == "Nova does not answer"
    assert not decision.actions
    assert not decision.changed
