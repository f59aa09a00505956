# SPDX-License-Identifier: GPL-3.0-or-later
"""The rows of the transition table, and the counters in front of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cloud_manager.domain.actions import ReadPower, Recover, Return
from cloud_manager.domain.decide import decide
from cloud_manager.domain.facts import MARK, Fence, JobKind, JobStatus, Power
from cloud_manager.domain.policy import Policy
from cloud_manager.domain.records import Records, State
from cloud_manager.domain.states import RULES

from .cluster import NOW, POLICY, UNKNOWN, a_cluster, c1, reading

S = State
OURS = {"enabled": False, "disabled_reason": f"{MARK} incident 1", "forced_down": True}
OFF = reading(Fence.OFF_CONFIRMED, Power.OFF, "")


def gone(**changes):
    """c1 is down and out of service by our own act."""
    return a_cluster().down("c1", **{**OURS, **changes})


# state before, what is remembered, what is seen, state after, kinds of playbooks started
ROWS = {
    "one look of three": (None, a_cluster().down("c1"), {"mutex": 3}, S.SUSPECT, [ReadPower]),
    "third look of three": (c1(S.SUSPECT, downs=2), a_cluster().down("c1"), {"mutex": 3}, S.RECOVERING, [Recover]),
    "power reads off": (
        c1(S.SUSPECT, downs=1, read_job="1-read-1"),
        a_cluster().down("c1").job(JobStatus.SUCCEEDED, JobKind.READ_POWER, "1-read-1", power=reading(None, Power.OFF)),
        {"mutex": 9},
        S.RECOVERING,
        [Recover],
    ),
    "power reads on": (
        c1(S.SUSPECT, downs=1, read_job="1-read-1"),
        a_cluster().down("c1").job(JobStatus.SUCCEEDED, JobKind.READ_POWER, "1-read-1", power=reading(None, Power.ON)),
        {"mutex": 9},
        S.SUSPECT,
        [ReadPower],
    ),
    "a reading is under way": (
        c1(S.SUSPECT, downs=1, read_job="1-read-1"),
        a_cluster().down("c1").job(JobStatus.RUNNING, JobKind.READ_POWER, "1-read-1"),
        {"mutex": 9},
        S.SUSPECT,
        [],
    ),
    "not seen": (c1(S.SUSPECT, downs=1), a_cluster().host("c1", observation=UNKNOWN), {"mutex": 2}, S.SUSPECT, []),
    "a false alarm": (c1(S.SUSPECT, downs=2), a_cluster(), {"mutex": 3}, None, []),
    "up, but not often enough": (c1(S.HELD, downs=2), a_cluster(), {"mutex_up": 2}, S.HELD, []),
    "maintenance": (None, a_cluster().but(maintenance={"c1": "memory"}), {}, S.MAINTENANCE, []),
    "maintenance goes on": (
        c1(S.MAINTENANCE),
        a_cluster().down("c1").but(maintenance={"c1": "memory"}),
        {},
        S.MAINTENANCE,
        [],
    ),
    "maintenance is over within an incident": (
        c1(S.MAINTENANCE, incident=1),
        gone(),
        {},
        S.HELD,
        [],
    ),
    "failed, and a heartbeat is back, once of three times": (
        c1(S.FAILED, retry_at=NOW, heartbeat_at=NOW - 60),
        gone(age=1).servers("s1"),
        {"mutex_up": 3},
        S.FAILED,
        [],
    ),
    "forgotten, marked, and not silent for long": (
        c1(S.SUSPECT, downs=1, heartbeat_at=NOW - 9),
        gone(age=9),
        {},
        S.SUSPECT,
        [ReadPower],
    ),
    "maintenance is over": (c1(S.MAINTENANCE), a_cluster(), {}, None, []),
    "Nova lists it no more": (c1(S.RECOVERED), a_cluster().without("c1"), {}, None, []),
    "recovery runs": (c1(S.RECOVERING), gone().job(JobStatus.RUNNING).servers("s1"), {}, S.RECOVERING, []),
    "recovery done": (
        c1(S.RECOVERING, forced_down_by_us=True),
        gone().job(JobStatus.SUCCEEDED, power=OFF).servers(),
        {},
        S.RECOVERED,
        [],
    ),
    "recovery left one": (
        c1(S.RECOVERING),
        gone().job(JobStatus.SUCCEEDED, power=OFF, left={"s1": "priority 0"}).servers("s1"),
        {},
        S.RECOVERED,
        [],
    ),
    "job says done, Nova does not": (c1(S.RECOVERING), gone().job(JobStatus.SUCCEEDED).servers("s1"), {}, S.FAILED, []),
    "Nova says done, job does not": (c1(S.RECOVERING), gone().job(JobStatus.FAILED).servers(), {}, S.RECOVERED, []),
    "servers unknown": (c1(S.RECOVERING), gone().job(JobStatus.SUCCEEDED), {}, S.RECOVERING, []),
    "recovery failed": (
        c1(S.RECOVERING),
        gone().job(JobStatus.FAILED, message="no valid host").servers("s1"),
        {},
        S.FAILED,
        [],
    ),
    "recovery lost": (c1(S.RECOVERING, downs=2), gone().job(JobStatus.LOST).servers("s1"), {}, S.RECOVERING, [Recover]),
    "recovery never recorded": (
        c1(S.RECOVERING, downs=2),
        a_cluster().down("c1").servers("s1"),
        {},
        S.RECOVERING,
        [Recover],
    ),
    "lost, and the host is up": (c1(S.RECOVERING), a_cluster().job(JobStatus.LOST).servers("s1"), {}, None, []),
    "still on": (
        c1(S.RECOVERING),
        a_cluster().down("c1").job(JobStatus.FAILED, power=reading(Fence.STILL_ON)).servers("s1"),
        {},
        S.HELD,
        [],
    ),
    "bmc repaired": (
        c1(S.HELD, downs=2, fence=reading(Fence.UNKNOWN), retry_at=NOW),
        a_cluster().down("c1"),
        {},
        S.RECOVERING,
        [Recover],
    ),
    "failed, not yet again": (c1(S.FAILED, retry_at=NOW + 5), gone().servers("s1"), {}, S.FAILED, []),
    "failed, again": (c1(S.FAILED, retry_at=NOW), gone().servers("s1"), {}, S.RECOVERING, [Recover]),
    "failed, somebody moved the rest": (c1(S.FAILED, retry_at=NOW + 5), gone().servers(), {}, S.RECOVERED, []),
    "failed, gate shut": (c1(S.FAILED, retry_at=NOW), gone().servers("s1"), {"max_down_hosts": 0}, S.HELD, []),
    "recovered": (c1(S.RECOVERED, heartbeat_at=NOW - 60), gone().servers(), {}, S.RECOVERED, []),
    "recovered, server appears": (c1(S.RECOVERED), gone().servers("s1"), {}, S.FAILED, []),
    "heartbeat is back": (c1(S.RECOVERED, heartbeat_at=NOW - 60), gone(age=0).servers(), {}, S.RETURNING, [Return]),
    "heartbeat is back once of twice": (
        c1(S.RECOVERED, heartbeat_at=NOW - 60),
        gone(age=5),
        {"mutex_up": 2},
        S.RECOVERED,
        [],
    ),
    "operator brought it back": (c1(S.RECOVERED), a_cluster(), {}, None, []),
    "un-forced and up": (
        c1(S.RECOVERED),
        a_cluster().host("c1", **{**OURS, "forced_down": False}),
        {},
        S.RETURNING,
        [Return],
    ),
    "un-forced and down": (c1(S.RECOVERED), gone(forced_down=False), {}, None, []),
    "return runs": (c1(S.RETURNING), gone().job(JobStatus.RUNNING, JobKind.RETURN), {}, S.RETURNING, []),
    "return done": (c1(S.RETURNING), a_cluster().job(JobStatus.SUCCEEDED, JobKind.RETURN), {}, None, []),
    "return refused": (c1(S.RETURNING), gone().job(JobStatus.FAILED, JobKind.RETURN).servers(), {}, S.RECOVERED, []),
    "return refused, servers left": (
        c1(S.RETURNING),
        gone().job(JobStatus.FAILED, JobKind.RETURN).servers("s1"),
        {},
        S.FAILED,
        [],
    ),
    "forgotten, but marked": (None, gone(age=9), {}, S.SUSPECT, [ReadPower]),
    "forgotten, marked, twice": (c1(S.SUSPECT, downs=1, heartbeat_at=NOW - 60), gone(), {}, S.RECOVERING, [Recover]),
    "forgotten, marked, up": (
        None,
        a_cluster().host("c1", **{**OURS, "forced_down": False}),
        {},
        S.RETURNING,
        [Return],
    ),
}


@pytest.mark.parametrize(("records", "cluster", "policy", "to", "kinds"), ROWS.values(), ids=ROWS.keys())
def test_a_row_of_the_table_leads_where_it_says(records, cluster, policy, to, kinds):
    decision = decide(cluster.facts(), records or Records(), replace(POLICY, **policy))
    after = decision.records.hosts.get("c1")
    assert (after.state if after else None) == to
    assert [type(action) for action in decision.actions] == kinds


def test_every_row_of_the_table_has_a_test():
    """Each (state, condition) that leads somewhere is taken by one of the rows above."""
    taken = set()
    for records, cluster, policy, _, _ in ROWS.values():
        before = (records or Records()).hosts.get("c1")
        decision = decide(cluster.facts(), records or Records(), replace(POLICY, **policy))
        for step in decision.steps:
            taken.add((before.state if before else S.HEALTHY, step.state))
    wanted = {(state, rule.to) for rule in RULES if rule.to for state in rule.states if state is not rule.to}
    removed = {(state, S.HEALTHY) for state in S}
    by_gates = {(s, S.HELD) for s in S} | {(s, S.MAINTENANCE) for s in S} | {(S.MAINTENANCE, S.HEALTHY)}
    missing = wanted - taken - removed - by_gates
    also_elsewhere = {
        (S.FAILED, S.RETURNING),
        (S.HELD, S.RETURNING),
        (S.SUSPECT, S.RETURNING),
        (S.RECOVERING, S.RETURNING),
    }
    assert missing <= also_elsewhere | {(S.HELD, S.RECOVERED), (S.HEALTHY, S.RECOVERING), (S.RETURNING, S.SUSPECT)}


def test_keys_are_new_with_every_start_and_name_incident_and_step():
    records = Records(next_incident=7)
    first = decide(a_cluster().down("c1").facts(), records, POLICY)
    assert first.actions[0].key == "7-recover-1"
    lost = a_cluster().down("c1").job(JobStatus.LOST, key="7-recover-1").servers("s1").facts()
    assert decide(lost, first.records, POLICY).actions[0].key == "7-recover-2"


def test_two_hosts_get_two_incidents():
    decision = decide(a_cluster().down("c1", "c2").facts(), Records(next_incident=3), replace(POLICY, max_down_hosts=2))
    assert sorted(action.key for action in decision.actions) == ["3-recover-1", "4-recover-1"]
    assert decision.records.next_incident == 5


def test_blind_looks_move_no_counter():
    facts = a_cluster().down("c1").but(control_plane={"nova-conductor": 0, "nova-scheduler": 1}).facts()
    decision = decide(facts, c1(S.SUSPECT, downs=1), replace(POLICY, mutex=2))
    assert decision.records.hosts["c1"].downs == 1
    assert decision.records.blind_at == NOW


def test_looks_count_again_only_after_the_heartbeats_had_time_to_come_back():
    policy = replace(POLICY, mutex=2, settle_seconds=40)
    facts = a_cluster().down("c1").facts()
    settling = replace(c1(S.SUSPECT, downs=1), blind_at=NOW - 39)
    assert decide(facts, settling, policy).records.hosts["c1"].downs == 1
    assert decide(facts, replace(settling, blind_at=NOW - 40), policy).records.hosts["c1"].downs == 2


@pytest.mark.parametrize("jump", [-86_400.0, 86_400.0])
def test_a_jump_of_the_clock_delays_by_no_more_than_the_longest_back_off(jump):
    policy = Policy(mutex=1, max_down_hosts=1, settle_seconds=60, retry_interval_max=600)
    records = replace(c1(S.FAILED, downs=2, retry_at=NOW + 300, job=""), blind_at=NOW - 10)
    now = NOW + jump
    for _ in range(70):
        now += 10
        moved = gone().servers("s1").but(now=now).facts()
        decision = decide(moved, records, policy)
        if decision.actions:
            return
        records = decision.records
    raise AssertionError(f"nothing was started: {records}")


def test_back_off_doubles_up_to_its_limit():
    policy = Policy(retry_interval=30, retry_interval_max=600)
    assert [policy.retry_after(n) for n in (1, 2, 3, 5, 6, 99)] == [30, 60, 120, 480, 600, 600]


def test_a_forced_down_by_an_operator_during_an_unconfirmed_fence_stays_his():
    records = c1(S.RECOVERING, downs=2, forced_down_by_us=True)
    facts = (
        a_cluster()
        .down("c1", forced_down=True)
        .job(JobStatus.FAILED, power=reading(Fence.UNKNOWN))
        .servers("s1")
        .facts()
    )
    held = decide(facts, records, POLICY)
    assert not held.records.hosts["c1"].forced_down_by_us
    later = decide(replace(facts, now=NOW + 9999), held.records, POLICY)
    assert not later.actions
    assert "an operator forced the service down" in later.records.hosts["c1"].reason


def test_healthy_hosts_cost_no_record():
    decision = decide(a_cluster().facts(), Records(), POLICY)
    assert decision.records.hosts == {}
    assert decision.changed == ()
